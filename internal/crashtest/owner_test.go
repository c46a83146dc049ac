//go:build crash

package crashtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/batchctl/batchctl/internal/core/fault"
)

// copyDefinition moves the rows of a day to a file that has the same name every
// day, and keeps what it rejects in another one.
const copyDefinition = `
job: copy
parameters:
  day: {type: string, required: true}
steps:
  - step: write
    chunk:
      size: 2
      reader: {csv: {file: "#{jobParameters['day']}.csv", types: {id: long}}}
      processor:
        - validate: "id % 3 != 0"
      writer:
        csv: {file: out.csv}
        footer-template: END
      skip: {limit: 9, include: [process.validation], to: bad.jsonl}
`

// rival is a directory with two days whose runs write the same files.
type rival struct {
	dir          string
	first, other [2]string // what each day leaves: its rows and its rejects
}

func newRival(t *testing.T) *rival {
	t.Helper()
	dir, err := os.MkdirTemp("", "batchctl-rival-") //nolint:usetesting // one that went wrong is kept to be looked at
	if err != nil {
		t.Fatal(err)
	}
	r := &rival{dir: dir}
	r.write(t, "copy.yaml", copyDefinition)
	for day, from := range map[string]int{"first": 100, "other": 200} {
		text := "id\n"
		for id := from; id < from+7; id++ {
			text += strconv.Itoa(id) + "\n"
		}
		r.write(t, day+".csv", text)
	}
	return r
}

func (r *rival) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run launches or restarts a day, with a failpoint or "".
func (r *rival) run(t *testing.T, day, spec string) outcome {
	t.Helper()
	return armed(t, r.dir, spec, "--db", "r.db", "--jobs", r.dir, "run", "copy", "day="+day)
}

// must runs a day that has to be complete then.
func (r *rival) must(t *testing.T, day string) {
	t.Helper()
	if o := r.run(t, day, ""); !o.ok {
		t.Fatalf("%s, in %s:\n%s", day, r.dir, o.output)
	}
}

// found returns the published rows and rejects; "" is no file.
func (r *rival) found(t *testing.T) (all [2]string) {
	t.Helper()
	for i, name := range []string{"out.csv", "bad.jsonl"} {
		text, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		all[i] = strings.ReplaceAll(string(text), r.dir, "")
	}
	return all
}

// TestOwners kills a run at the edges of its commits and of its output. Another
// one then asks for the same files. It is refused, and nothing is touched; or it
// completes, because the dead one had committed nothing, or had published all.
// Both complete in the end, and what each of them leaves is whole.
func TestOwners(t *testing.T) {
	if !fault.Enabled {
		t.Skip("built without the tag faults")
	}
	t.Parallel()
	reference := newRival(t)
	reference.must(t, "first")
	first := reference.found(t)
	reference.must(t, "other")
	other := reference.found(t)
	_ = os.RemoveAll(reference.dir) // it went well
	var waited, went atomic.Int64
	t.Cleanup(func() { // when all points are through
		if !t.Failed() && (waited.Load() == 0 || went.Load() == 0) {
			t.Errorf("the other waited %d times and went on %d times, want some of both", waited.Load(), went.Load())
		}
	})
	for _, point := range fault.Points() {
		if !strings.HasPrefix(point, "partfile.") && !strings.HasPrefix(point, "chunk.") || primers[point] != "" {
			continue
		}
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			for hit := 1; hit <= 4*maxHits; hit++ {
				r := newRival(t)
				r.first, r.other = first, other
				if o := r.run(t, "first", fmt.Sprintf("%s:%d=kill", point, hit)); !o.killed {
					_ = os.RemoveAll(r.dir) // it went well
					break
				}
				if r.interleave(t) {
					waited.Add(1)
				} else {
					went.Add(1)
				}
				if t.Failed() {
					t.Fatalf("died at hit %d; look at %s", hit, r.dir)
				}
				_ = os.RemoveAll(r.dir) // it went well
			}
		})
	}
}

// interleave lets the other day run while the first is dead, and then both to
// their ends. It reports whether the other had to wait.
func (r *rival) interleave(t *testing.T) (refused bool) {
	t.Helper()
	before := r.found(t)
	o := r.run(t, "other", "")
	after := r.found(t)
	if refused = !o.ok; refused {
		if !strings.Contains(o.output, "belongs to job copy (day=first), step write, which has not finished: execution 1 is ") {
			t.Fatalf("the other day, in %s:\n%s", r.dir, o.output)
		}
		if after != before {
			t.Errorf("the other was refused, and has left %q in place of %q", after, before)
		}
		r.must(t, "first")
		if got := r.found(t); got != r.first {
			t.Errorf("the first has left %q, want %q", got, r.first)
		}
		r.must(t, "other")
	} else if after != r.other {
		t.Errorf("the other has left %q, want %q", after, r.other)
	}
	if got := r.found(t); got != r.other {
		t.Errorf("the other has left %q, want %q", got, r.other)
	}
	if !refused {
		r.late(t, before)
	}
	litter, err := filepath.Glob(filepath.Join(r.dir, "*.part*"))
	if err != nil || len(litter) > 0 {
		t.Errorf("there still is %q, %v", litter, err)
	}
	return refused
}

// late starts the first day when the other has completed. It replaces what that
// has left; only where a file of its own was in place already, and has been
// replaced, it says so.
func (r *rival) late(t *testing.T, before [2]string) {
	t.Helper()
	o := r.run(t, "first", "")
	if o.ok || strings.Contains(o.output, "already complete") {
		if got := r.found(t); o.ok && got != r.first {
			t.Errorf("the first has left %q, want %q", got, r.first)
		}
		return
	}
	if before[0] != r.first[0] && before[1] != r.first[1] || !strings.Contains(o.output, "the checkpoint says") {
		t.Errorf("before the other run there was %q, and the first is refused:\n%s", before, o.output)
	}
}
