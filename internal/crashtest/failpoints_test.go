//go:build crash

package crashtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core/fault"
)

// armed runs batchctl built with failpoints. An empty spec arms none.
func armed(t *testing.T, dir, spec string, words ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, armable.path(t), words...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), fault.Variable+"="+spec)
	return start(t, cmd, 0)
}

// dieInSettlement dies at the point while batchctl settles a day into a ledger
// of its own, and returns how often it was passed.
func dieInSettlement(t *testing.T, point string) (hits int) {
	t.Helper()
	const records = 2*settlementChunk + settlementChunk/2
	day := newSettlement(t, kind{records: records, ownLedger: true})
	if o := armed(t, day.dir, "", day.words...); !o.ok {
		t.Fatalf("an uninterrupted run failed in %s:\n%s", day.dir, o.output)
	}
	want, err := day.left(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = os.RemoveAll(day.dir) // it went well
	for hit := 1; hit <= maxHits; hit++ {
		s := newSettlement(t, kind{records: records, ownLedger: true})
		spec := point + ":" + strconv.Itoa(hit) + "=kill"
		o := armed(t, s.dir, spec, s.words...)
		if !o.killed {
			if !o.ok {
				t.Fatalf("hit %d, in %s:\n%s", hit, s.dir, o.output)
			}
			_ = os.RemoveAll(s.dir) // it went well
			break
		}
		hits++
		armed(t, s.dir, spec, s.words...) // and again, where the recovery passes it too
		if o := armed(t, s.dir, "", s.words...); !o.ok && !strings.Contains(o.output, "already complete") {
			t.Fatalf("the start after dying at hit %d failed in %s:\n%s", hit, s.dir, o.output)
		}
		if err := s.verify(t.Context(), want); err != nil {
			t.Fatalf("died at hit %d, in %s: %v", hit, s.dir, err)
		}
		_ = os.RemoveAll(s.dir) // it went well
	}
	return hits
}

// dieInBackup dies at the point while batchctl backs a repository up. There is
// no backup, or a complete one; the repository is what it was, and another
// backup succeeds.
func dieInBackup(t *testing.T, point string) (hits int) {
	t.Helper()
	p, err := findPipeline("csv-repository")
	if err != nil {
		t.Fatal(err)
	}
	tr := newTrial(t, p, chunkSize)
	if o := tr.run(t, 0); !o.ok {
		t.Fatalf("%s:\n%s", tr.dir, o.output)
	}
	want := tr.tables(t, repositoryFile)
	backup := func(spec, dest string) outcome {
		return armed(t, tr.dir, spec, "--db", tr.path(repositoryFile), "db", "backup", tr.path(dest))
	}
	same := func(file string) {
		if got := tr.tables(t, file); got != want {
			t.Errorf("%s: %s", file, firstDifference(got, want))
		}
		if o := armed(t, tr.dir, "", "--db", tr.path(file), "db", "check"); !o.ok {
			t.Errorf("db check of %s:\n%s", file, o.output)
		}
	}
	const first, second = "first.db", "second.db"
	if o := backup(point+"=kill", first); !o.killed {
		if !o.ok {
			t.Fatalf("%s:\n%s", tr.dir, o.output)
		}
		tr.discard()
		return 0
	}
	named := strings.HasSuffix(point, ".after-backup-rename") || strings.HasSuffix(point, ".after-backup-dirsync")
	if _, err := os.Stat(tr.path(first)); (err == nil) != named {
		t.Errorf("the backup has its name: %t, want %t", err == nil, named)
	}
	if named {
		same(first)
	}
	if o := backup("", second); !o.ok {
		t.Errorf("another backup:\n%s", o.output)
	}
	same(second)
	same(repositoryFile)
	litter, err := filepath.Glob(tr.path(".batchctl-backup-*"))
	if err != nil {
		t.Fatal(err)
	}
	if named == (len(litter) > 0) {
		t.Errorf("what is left of the copy is %q, and the backup has its name: %t", litter, named)
	}
	if t.Failed() {
		t.Fatalf("look at %s", tr.dir)
	}
	tr.discard()
	return 1
}

// tables returns every row of a database.
func (tr *trial) tables(t *testing.T, file string) string {
	t.Helper()
	var all strings.Builder
	if err := dump(t.Context(), tr.path(file), &all); err != nil {
		t.Fatalf("%s: %v", tr.path(file), err)
	}
	return all.String()
}
