package core_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
)

func TestNote(t *testing.T) {
	t.Parallel()
	nothing := func(*core.JobExecution) {}
	t.Run("it is read before it is written, and written with the next write of the job", func(t *testing.T) {
		t.Parallel()
		r, run, _ := setup(t)
		run.Note("way", "left")
		run.Note("k", nil)
		if v, ok := run.JobContextValue("way"); v != "left" || !ok {
			t.Errorf("got %v, %v", v, ok)
		}
		if v, ok := run.JobContextValue("k"); ok {
			t.Errorf("a removed key reads %v", v)
		}
		if !run.HasNotes() || len(run.State().Context) != 1 {
			t.Error("the note is not waiting")
		}
		if err := run.CommitJob(t.Context(), nothing, nil); err != nil {
			t.Fatal(err)
		}
		want := core.ExecutionContext{"way": "left"}
		if diff := cmp.Diff(want, r.job.Context); diff != "" {
			t.Errorf("stored (-want +got):\n%s", diff)
		}
		if v, ok := run.JobContextValue("way"); run.HasNotes() || v != "left" || !ok {
			t.Errorf("after the commit it reads %v, %v, waiting %v", v, ok, run.HasNotes())
		}
	})
	t.Run("a chunk that changes the job's context takes it along, one that does not leaves it", func(t *testing.T) {
		t.Parallel()
		r, run, se := setup(t)
		run.Note("way", "left")
		for _, tt := range []struct {
			changes *core.ContextChanges
			want    core.ExecutionContext
		}{
			{core.NewContextChanges(nil), core.ExecutionContext{"k": "old"}},
			{changesOf("n", int64(1)), core.ExecutionContext{"k": "old", "way": "left", "n": int64(1)}},
		} {
			opened, _ := run.Begin(t.Context())
			if err := run.CommitStep(t.Context(), opened, se, se.Clone(), tt.changes); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, r.job.Context); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
			if run.HasNotes() != tt.changes.Empty() {
				t.Errorf("waiting: %v", run.HasNotes())
			}
		}
	})
	for _, tt := range []struct {
		name string
		fail func(*repo)
		kept bool
	}{
		{"a failed write keeps it", func(r *repo) { r.failJob = errDisk }, true},
		{"a failed commit keeps it", func(r *repo) { r.failCommit = errDisk }, true},
		{"a commit that fails and is in has taken it", func(r *repo) { r.failCommit, r.durable = errDisk, true }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, run, se := setup(t)
			tt.fail(r)
			run.Note("way", "left")
			if err := run.CommitJob(t.Context(), nothing, nil); !errors.Is(err, errDisk) {
				t.Fatalf("got error %v", err)
			}
			if run.HasNotes() != tt.kept {
				t.Errorf("after CommitJob waiting: %v", run.HasNotes())
			}
			run.Note("way", "right")
			opened, _ := run.Begin(t.Context())
			if err := run.CommitStep(t.Context(), opened, se, se.Clone(), changesOf("n", int64(1))); !errors.Is(err, errDisk) {
				t.Fatalf("got error %v", err)
			}
			if v, ok := run.JobContextValue("way"); run.HasNotes() != tt.kept || v != "right" || !ok {
				t.Errorf("after CommitStep it reads %v, %v, waiting: %v", v, ok, run.HasNotes())
			}
			*r = repo{job: r.job, step: r.step}
			if err := run.CommitJob(t.Context(), nothing, nil); err != nil {
				t.Fatal(err)
			}
			if got := r.job.Context["way"]; got != "right" {
				t.Errorf("stored %v", got)
			}
		})
	}
	t.Run("what no context can hold is refused at once", func(t *testing.T) {
		t.Parallel()
		_, run, _ := setup(t)
		defer func() {
			if v := recover(); !strings.Contains(fmt.Sprint(v), `a note to the job: context key "n" holds a int`) {
				t.Errorf("got panic %v", v)
			}
			if run.HasNotes() {
				t.Error("it is waiting")
			}
		}()
		run.Note("n", 1)
	})
}

func changesOf(key string, value any) *core.ContextChanges {
	changes := core.NewContextChanges(nil)
	changes.Put(key, value)
	return changes
}

func TestPreview(t *testing.T) {
	t.Parallel()
	r, run, _ := setup(t)
	run.Dir = "/srv"
	run.Note("way", "left")
	end := time.Date(2021, 1, 1, 4, 0, 0, 0, time.UTC)
	view := run.Preview(func(next *core.JobExecution) { next.Status, next.EndTime = core.StatusCompleted, end })
	if je := view.Execution; je.Status != core.StatusCompleted || je.EndTime != end || je.Context["way"] != "left" || view.Dir != "/srv" {
		t.Errorf("got %+v", je)
	}
	if state := run.State(); state.Status != core.StatusStarted || state.Context["way"] != nil {
		t.Errorf("the execution itself moved: %+v", state)
	}
	view.Note("late", true)
	if v, ok := view.JobContextValue("late"); v != true || !ok || !view.HasNotes() {
		t.Errorf("the preview reads %v, %v", v, ok)
	}
	if err := run.CommitJob(t.Context(), func(*core.JobExecution) {}, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(core.ExecutionContext{"k": "old", "way": "left", "late": true}, r.job.Context); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

// Branches note, read, commit chunks and start steps at the same time: every key
// of each is there in the end. Run it with -race.
func TestNotesOfBranches(t *testing.T) {
	t.Parallel()
	const branches, rounds = 4, 100
	_, run, _ := setup(t)
	ctx := t.Context()
	branch := func(b int) error {
		r, _, se := setup(t) // a database of its own: the real one serialises writers
		for i := range rounds {
			key := fmt.Sprintf("note.%d.%d", b, i)
			run.Note(key, int64(i))
			if v, ok := run.JobContextValue(key); v != int64(i) || !ok {
				return fmt.Errorf("%s reads %v, %v", key, v, ok)
			}
			opened, err := r.Begin(ctx, run.Execution)
			if err != nil {
				return err
			}
			if i%2 == 0 {
				err = run.CommitStep(ctx, opened, se, se.Clone(), changesOf(fmt.Sprintf("chunk.%d.%d", b, i), true))
			} else {
				err = run.CommitJob(ctx, func(*core.JobExecution) {}, nil)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	var wg sync.WaitGroup
	for b := range branches {
		wg.Go(func() {
			if err := branch(b); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	ec := run.State().Context
	if got, want := len(ec), 1+branches*(rounds+rounds/2); got != want || run.HasNotes() {
		t.Errorf("got %d keys, want %d; waiting: %v", got, want, run.HasNotes())
	}
}
