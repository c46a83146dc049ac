package rejects_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/flow"
	"github.com/batchctl/batchctl/internal/core/secret"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
	"github.com/batchctl/batchctl/internal/jobs/rejects"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// item is a record of the input.
type item struct {
	id     string
	fault  string
	origin core.Origin
}

func (i item) Origin() core.Origin { return i.origin }

// world is a repository, an input and what a step makes of it.
type world struct {
	store   *sqlite.Store
	dir     string
	limit   int64
	failAt  string // the id of an item whose write fails for good; empty: none
	masker  *secret.Masker
	lastErr error
}

func setup(t *testing.T, records ...string) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), limit: core.NoSkipLimit}
	var err error
	w.store, err = sqlite.Open(t.Context(), filepath.Join(w.dir, "batch.db"), sqlite.Options{Now: time.Now, Token: func() string {
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails
		return hex.EncodeToString(b[:])
	}})
	do(t, err)
	t.Cleanup(func() { do(t, w.store.Close()) })
	do(t, os.WriteFile(w.path("in.csv"), []byte("id,fault\n"+strings.Join(records, "\n")+"\n"), 0o600))
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

var errWrite = errors.New("refused")

// step copies the records that have no fault.
func (w *world) step() *core.Step {
	return chunk.Step("copy", func(s *core.Scope) (core.StepBody, error) {
		r := csvfile.NewReader(csvfile.ReaderConfig{Path: w.path("in.csv")}, func(row *csvfile.Row, i *item) error {
			*i = item{id: row.String(0), fault: row.String(1), origin: row.Origin()}
			return nil
		})
		p := core.ProcessorFunc[item, item](func(_ context.Context, i item) (item, bool, error) {
			if i.fault == core.PhaseProcess {
				return i, false, core.Classified(core.ClassProcessValidation, fmt.Errorf("%s is not valid", i.id))
			}
			return i, true, nil
		})
		out := csvfile.NewWriter(csvfile.WriterConfig{Path: w.path("out.csv"), Columns: []string{"id"}, Scope: s}, func(i *item, dst []string) ([]string, error) {
			switch {
			case i.id == w.failAt:
				return dst, errors.New("the end")
			case i.fault == core.PhaseWrite:
				return dst, core.Classified(core.ClassWriteData, errWrite)
			}
			return append(dst, i.id), nil
		})
		return chunk.New(r, p, out, chunk.Options{
			Size: 3,
			Skip: core.LimitSkipPolicy{ErrorClasses: core.ErrorClasses{Include: []string{
				core.ClassReadParse, core.ClassProcessValidation, core.ClassWriteData,
			}}, Max: w.limit},
			Rejects: rejects.New(rejects.Config{Path: w.path("rejects.jsonl"), Scope: s}),
		}), nil
	})
}

// run launches or restarts the job, and returns the step's execution.
func (w *world) run(t *testing.T) *core.StepExecution {
	t.Helper()
	je, err := w.store.CreateJobExecution(t.Context(), core.Launch{JobName: "job"})
	do(t, err)
	w.lastErr = engine.Run(t.Context(), &core.Run{
		Job: &core.Job{Name: "job", Steps: []*core.Step{w.step()}}, Execution: je, Repo: w.store, Body: flow.Body{},
		Stop: core.NewStop(), Now: time.Now, Log: slog.New(slog.DiscardHandler), Token: func() string { return strings.Repeat("0", 32) },
		Masker: w.masker,
	})
	do(t, w.store.Release(je))
	se, err := w.store.LastStepExecution(t.Context(), je.Instance.ID, "copy")
	do(t, err)
	return se
}

// rejected returns "phase line raw" of every line of a rejects file.
func (w *world) rejected(t *testing.T, name string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(w.path(name))
	do(t, err)
	for line := range strings.Lines(string(text)) {
		var r struct {
			Step, Phase, Class, Message, File, Raw string
			Line                                   int
		}
		do(t, json.Unmarshal([]byte(line), &r))
		if r.Step != "copy" || r.File != w.path("in.csv") || !strings.HasPrefix(r.Class, r.Phase) || r.Message == "" {
			t.Errorf("line %s", line)
		}
		all = append(all, fmt.Sprintf("%s %d %s", r.Phase, r.Line, r.Raw))
	}
	return all
}

var faulty = []string{
	"1,", "2", "3,process", "4,", "5,write", "6,", "7,,", "8,write", "9,", "10,process", "11,", "12,x\"y", "13,", "14,write",
}

var allRejected = []string{
	"read 3 2", "process 4 3,process", "write 6 5,write", "read 8 7,,", "write 9 8,write", "process 11 10,process",
	"read 13 12,x\"y", "write 15 14,write",
}

func TestStep(t *testing.T) {
	t.Parallel()
	w := setup(t, faulty...)
	se := w.run(t)
	if w.lastErr != nil || se.Status != core.StatusCompleted {
		t.Fatal(se.Status, w.lastErr)
	}
	if diff := cmp.Diff(w.rejected(t, "rejects.jsonl"), allRejected); diff != "" {
		t.Errorf("rejects (-got +want):\n%s", diff)
	}
	want(t, w.path("out.csv"), "id\n1\n4\n6\n9\n11\n13\n")
	if got := se.Counts; got.ReadSkip != 3 || got.ProcessSkip != 2 || got.WriteSkip != 3 || got.Write != 6 {
		t.Errorf("counts %+v", got)
	}
}

// TestStepRestarts: an attempt that fails at any record, whatever was rejected
// before, and the one behind it leave what a single one leaves.
func TestStepRestarts(t *testing.T) {
	t.Parallel()
	for _, failAt := range []string{"1", "4", "6", "9", "11", "13"} {
		t.Run("behind a failure at "+failAt, func(t *testing.T) {
			t.Parallel()
			w := setup(t, faulty...)
			w.failAt = failAt
			if se := w.run(t); w.lastErr == nil || se.Status != core.StatusFailed {
				t.Fatal(se.Status, w.lastErr)
			}
			want(t, w.path("rejects.jsonl"), "")
			w.failAt = ""
			if w.run(t); w.lastErr != nil {
				t.Fatal(w.lastErr)
			}
			if diff := cmp.Diff(w.rejected(t, "rejects.jsonl"), allRejected); diff != "" {
				t.Errorf("rejects (-got +want):\n%s", diff)
			}
			want(t, w.path("out.csv"), "id\n1\n4\n6\n9\n11\n13\n")
			want(t, w.path("rejects.jsonl.part"), "")
		})
	}
}

// TestOlderFiles: what an earlier run has left stays until the step ends, and is
// replaced as a whole.
func TestOlderFiles(t *testing.T) {
	t.Parallel()
	t.Run("CHUNK-65 an output takes the place of an older one, header included", func(t *testing.T) {
		t.Parallel()
		w := setup(t, faulty...)
		older := map[string]string{"out.csv": "id\n98\n99\n", "rejects.jsonl": lines("yesterday")}
		for name, text := range older {
			do(t, os.WriteFile(w.path(name), []byte(text), 0o600))
		}
		w.failAt = "9"
		if w.run(t); w.lastErr == nil {
			t.Fatal("the first attempt did not fail")
		}
		for name, text := range older {
			want(t, w.path(name), text)
		}
		w.failAt = ""
		if w.run(t); w.lastErr != nil {
			t.Fatal(w.lastErr)
		}
		want(t, w.path("out.csv"), "id\n1\n4\n6\n9\n11\n13\n")
		if diff := cmp.Diff(w.rejected(t, "rejects.jsonl"), allRejected); diff != "" {
			t.Errorf("rejects (-got +want):\n%s", diff)
		}
	})
}

// TestLimitExceeded: the rejects of a failed step are where its hint says.
func TestLimitExceeded(t *testing.T) {
	t.Parallel()
	w := setup(t, faulty...)
	w.limit = 4
	w.run(t)
	part := w.path("rejects.jsonl.part")
	if !errors.Is(w.lastErr, core.ErrSkipLimitExceeded) || !strings.Contains(core.Hint(w.lastErr), part) {
		t.Fatalf("got %v with the hint %q, want it to name %s", w.lastErr, core.Hint(w.lastErr), part)
	}
	if diff := cmp.Diff(w.rejected(t, "rejects.jsonl.part"), allRejected[:2]); diff != "" {
		t.Errorf("rejects of the failed attempt (-got +want):\n%s", diff)
	}
	w.limit = core.NoSkipLimit
	if w.run(t); w.lastErr != nil {
		t.Fatal(w.lastErr)
	}
	if diff := cmp.Diff(w.rejected(t, "rejects.jsonl"), allRejected); diff != "" {
		t.Errorf("rejects (-got +want):\n%s", diff)
	}
}

func TestNothingRejected(t *testing.T) {
	t.Parallel()
	w := setup(t, "1,", "2,", "3,", "4,")
	do(t, os.WriteFile(w.path("rejects.jsonl"), []byte("yesterday"), 0o600))
	if w.run(t); w.lastErr != nil {
		t.Fatal(w.lastErr)
	}
	want(t, w.path("rejects.jsonl"), "")
	want(t, w.path("rejects.jsonl.part"), "")
}

// TestSecret: what a job says about an item goes through the masker. The item
// itself is what the input has, and must come out as it went in.
func TestSecret(t *testing.T) {
	t.Parallel()
	w := setup(t, "1,", "hunter22,process", "3,")
	w.masker = &secret.Masker{}
	w.masker.Hide("hunter22")
	if w.run(t); w.lastErr != nil {
		t.Fatal(w.lastErr)
	}
	text, err := os.ReadFile(w.path("rejects.jsonl"))
	do(t, err)
	if got, want := string(text), `"message":"*** is not valid"`; !strings.Contains(got, want) {
		t.Errorf("the reject is %s, want %s in it", got, want)
	}
	if diff := cmp.Diff([]string{"process 3 hunter22,process"}, w.rejected(t, "rejects.jsonl")); diff != "" {
		t.Errorf("rejects (-want +got):\n%s", diff)
	}
}
