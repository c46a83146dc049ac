package csvfile_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/flow"
	"github.com/batchctl/batchctl/internal/core/partition"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// parts is a partitioned step over CSV files, one part at a time, each of which
// copies what it reads to a file of its own.
type parts struct {
	t      *testing.T
	store  *sqlite.Store
	dir    string
	split  core.Partitioner
	failAt string   // id of a record that cannot be processed
	opened []string // parts that were started, and where
}

func newParts(t *testing.T, split core.Partitioner) *parts {
	t.Helper()
	p := &parts{t: t, dir: t.TempDir(), split: split}
	var err error
	p.store, err = sqlite.Open(t.Context(), filepath.Join(p.dir, "batch.db"), sqlite.Options{Now: time.Now, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func token() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (p *parts) worker() *core.Step {
	return chunk.Step("part", func(s *core.Scope) (core.StepBody, error) {
		path, _, err := s.Context.String(csvfile.KeyFile)
		if err != nil {
			return nil, err
		}
		cfg := csvfile.ReaderConfig{Path: path}
		if s.Context[csvfile.KeyFrom] != nil {
			if cfg, err = cfg.Part(s.Context); err != nil {
				return nil, err
			}
		}
		p.opened = append(p.opened, fmt.Sprintf("%s at %v", s.Partition(), s.Context["csv.in.record"]))
		process := func(_ context.Context, record []string) ([]string, bool, error) {
			if record[0] == p.failAt {
				return nil, false, errors.New("no")
			}
			return record[:1], true, nil
		}
		w := csvfile.NewWriter(csvfile.WriterConfig{Path: p.path(s.Partition() + ".csv"), Columns: []string{"id"}, NoHeader: true}, encodeFields)
		return chunk.New(newFields(cfg), core.ProcessorFunc[[]string, []string](process), w, chunk.Options{Size: 2}), nil
	})
}

func (p *parts) path(name string) string { return filepath.Join(p.dir, name) }

func (p *parts) run() error {
	p.t.Helper()
	je, err := p.store.CreateJobExecution(p.t.Context(), core.Launch{JobName: "job"})
	if err != nil {
		p.t.Fatal(err)
	}
	p.opened = nil
	step := partition.Step("parts", p.worker(), p.split, partition.Options{Grid: 3, Threads: 1})
	runErr := engine.Run(p.t.Context(), &core.Run{
		Job: &core.Job{Name: "job", Steps: []*core.Step{step}}, Execution: je, Repo: p.store, Body: flow.Body{},
		Stop: core.NewStop(), Now: time.Now, Token: token, Log: slog.New(slog.DiscardHandler),
	})
	if err := p.store.Release(je); err != nil {
		p.t.Fatal(err)
	}
	return runErr
}

// written returns what all parts have written, in their order.
func (p *parts) written() (all []string) {
	p.t.Helper()
	paths, err := filepath.Glob(p.path("partition*.csv"))
	if err != nil {
		p.t.Fatal(err)
	}
	slices.Sort(paths)
	for _, path := range paths {
		all = append(all, strings.Fields(content(p.t, path))...)
	}
	return all
}

func TestPartsOfManyFiles(t *testing.T) {
	t.Parallel()
	setup := func(t *testing.T) *parts {
		t.Helper()
		dir := t.TempDir()
		for _, name := range []string{"b", "c", "a"} {
			write(t, filepath.Join(dir, name+".csv"), fmt.Sprintf("id\n%[1]s1\n%[1]s2\n%[1]s3\n%[1]s4\n%[1]s5\n", name))
		}
		return newParts(t, partition.Files(func(*core.Scope) (string, error) { return filepath.Join(dir, "*.csv"), nil }, partition.FilesOptions{}))
	}
	all := strings.Fields("a1 a2 a3 a4 a5 b1 b2 b3 b4 b5 c1 c2 c3 c4 c5")
	for _, tt := range []struct {
		name, failAt string
		again        []string // parts of the restart, and behind which record
	}{
		{"CHUNK-59 files are read in the order of their names, and a restart goes on in the one that failed", "b4", []string{"partition1 at 2"}},
		{"CHUNK-60 a file that failed before its first commit is read from its beginning", "a1", []string{"partition0 at <nil>"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := setup(t)
			p.failAt = tt.failAt
			if err := p.run(); err == nil {
				t.Fatal("the first attempt did not fail")
			}
			if diff := cmp.Diff(p.opened, []string{"partition0 at <nil>", "partition1 at <nil>", "partition2 at <nil>"}[:len(p.opened)]); diff != "" {
				t.Errorf("parts of the first attempt (-got +want):\n%s", diff)
			}
			started := len(p.opened)
			p.failAt = ""
			if err := p.run(); err != nil {
				t.Fatal(err)
			}
			for i := started; i < 3; i++ { // those that the first attempt did not come to
				tt.again = append(tt.again, fmt.Sprintf("partition%d at <nil>", i))
			}
			if diff := cmp.Diff(p.opened, tt.again); diff != "" {
				t.Errorf("parts of the restart (-got +want):\n%s", diff)
			}
			if diff := cmp.Diff(p.written(), all); diff != "" {
				t.Errorf("written (-got +want):\n%s", diff)
			}
		})
	}
}

// TestPartsOfOneFile: the ranges of a file as the parts of a step, one of which
// fails at any record and is restarted.
func TestPartsOfOneFile(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	var all []string
	text.WriteString("id,text\n")
	for i := range 20 {
		all = append(all, fmt.Sprintf("r%d", i))
		fmt.Fprintf(&text, "r%d,\"%s\n,\"\n", i, strings.Repeat("x\n", i%3))
	}
	path := file(t, text.String())
	for i := range all {
		t.Run(all[i], func(t *testing.T) {
			t.Parallel()
			p := newParts(t, ranges(csvfile.ReaderConfig{Path: path}))
			p.failAt = all[i]
			if err := p.run(); err == nil {
				t.Fatal("the first attempt did not fail")
			}
			p.failAt = ""
			if err := p.run(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(p.written(), all); diff != "" {
				t.Errorf("written (-got +want):\n%s", diff)
			}
		})
	}
}
