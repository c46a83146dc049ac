package engine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
)

// walk runs a job with a body of the test's own.
func (b *bundle) walk(steps []*core.Step, body func(ctx context.Context, r *core.Run) error) (*core.JobExecution, error) {
	b.t.Helper()
	b.body = jobBody(func(ctx context.Context, r *core.Run) (core.BatchStatus, core.ExitStatus, error) {
		return core.StatusCompleted, core.ExitStatus{}, body(ctx, r)
	})
	return b.run(job(steps...))
}

// Branches of a split start steps at the same time, and any of them may be the
// first of the job. Run it with -race.
func TestBranches(t *testing.T) {
	t.Parallel()
	const branches = 4
	b := setup(t)
	var steps []*core.Step
	for i := range branches {
		key := fmt.Sprintf("branch%d", i)
		steps = append(steps, tasklet(key, func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			s.JobContext.Put(key, s.Step.Counts.Commit)
			if s.Step.Counts.Commit < 5 {
				return core.Continuable, nil
			}
			return core.Finished, nil
		}))
	}
	je, err := b.walk(steps, func(ctx context.Context, r *core.Run) error {
		var wg sync.WaitGroup
		for i, step := range steps {
			wg.Go(func() {
				r.Note(fmt.Sprintf("note%d", i), true)
				se, ran, err := r.Steps.RunStep(ctx, r, step, nil)
				if err != nil || !ran || se.Status != core.StatusCompleted {
					t.Errorf("%s: ran %v, %v", step.Name, ran, err)
				}
			})
		}
		wg.Wait()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := core.ExecutionContext{}
	for i := range branches {
		want[fmt.Sprintf("branch%d", i)], want[fmt.Sprintf("note%d", i)] = int64(5), true
	}
	if diff := cmp.Diff(want, je.Context); diff != "" {
		t.Errorf("the job's context (-want +got):\n%s", diff)
	}
	if je.Status != core.StatusCompleted || len(je.Steps) != branches {
		t.Errorf("got %s", states(je))
	}
	for _, se := range je.Steps {
		if je.StartTime.After(se.StartTime) || se.Counts.Commit != 6 {
			t.Errorf("%s began at %v with its job at %v, and made %d calls", se.StepName, se.StartTime, je.StartTime, se.Counts.Commit)
		}
	}
	if got, most := b.repo.writes.Load(), int64(2+branches*(1+6)); got != most {
		t.Errorf("got %d write transactions, want %d: a note costs none", got, most)
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	t.Run("they are stored with the start of the next step", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		steps := []*core.Step{nothing("a"), nothing("b")}
		je, err := b.walk(steps, func(ctx context.Context, r *core.Run) error {
			if _, _, err := r.Steps.RunStep(ctx, r, steps[0], nil); err != nil {
				return err
			}
			r.Note("batchctl.decision.way", "B")
			if got := b.execution(r.Execution.ID).Context; len(got) != 0 {
				t.Errorf("stored before the step: %v", got)
			}
			writes := b.repo.writes.Load()
			b.repo.breakCommits(func(tx *transaction) breakage {
				if tx.created != nil && (tx.job == nil || tx.job.Context["batchctl.decision.way"] != "B") {
					t.Error("the step starts without the note")
				}
				return sound
			})
			if _, _, err := r.Steps.RunStep(ctx, r, steps[1], nil); err != nil {
				return err
			}
			if got := b.repo.writes.Load() - writes; got != 2 || r.HasNotes() {
				t.Errorf("got %d write transactions, notes left: %v", got, r.HasNotes())
			}
			return nil
		})
		if err != nil || je.Context["batchctl.decision.way"] != "B" {
			t.Errorf("%v, context %v", err, je.Context)
		}
	})
	t.Run("a start that fails keeps them for the job's end, also those of the listener after it", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.repo.breakCommits(breaking(always, undone, isStart))
		step := nothing("a")
		b.body = jobBody(func(ctx context.Context, r *core.Run) (core.BatchStatus, core.ExitStatus, error) {
			r.Note("way", "left")
			_, _, err := r.Steps.RunStep(ctx, r, step, nil)
			return core.StatusFailed, core.ExitStatus{}, err
		})
		nightly := job(step)
		nightly.Listener.AfterJob = func(_ context.Context, r *core.Run) error {
			if r.Execution.Context["way"] != "left" {
				t.Errorf("the listener sees %v", r.Execution.Context)
			}
			r.Note("told", true)
			return nil
		}
		je, err := b.run(nightly)
		wantError(t, err, errDisk)
		if diff := cmp.Diff(core.ExecutionContext{"way": "left", "told": true}, je.Context); diff != "" {
			t.Errorf("the job's context (-want +got):\n%s", diff)
		}
	})
	t.Run("the end of the job keeps them over its second try", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.repo.breakCommits(breaking(1, undone, isJobEnd))
		je, err := b.walk([]*core.Step{nothing("a")}, func(_ context.Context, r *core.Run) error {
			r.Note("way", "left")
			return nil
		})
		if err != nil || je.Context["way"] != "left" {
			t.Errorf("%v, context %v", err, je.Context)
		}
	})
}

func TestInitialContext(t *testing.T) {
	t.Parallel()
	var seen []core.ExecutionContext
	b := setup(t)
	step := tasklet("a", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
		seen = append(seen, s.Context.Clone())
		s.Context.Put("file", "moved on")
		if s.Step.Counts.Commit == 0 && len(seen) == 1 {
			return core.Continuable, nil
		}
		if len(seen) == 2 {
			return core.Finished, errBoom
		}
		return core.Finished, nil
	})
	step.AllowStartIfComplete = true
	initial := core.ExecutionContext{
		"file":                         "day.csv",
		core.ContextKeyLineage:         "the lineage of the step that hands it on",
		core.ContextKeyReplaces:        "and what that replaces",
		core.ContextKeyChunk:           int64(7),
		core.ContextKeySink:            "/srv/x.db",
		core.ContextKeyPlan:            "[]",
		core.ContextKeyChildJob:        "child",
		core.ContextKeyChildParameters: "[]",
	}
	before := initial.Clone()
	once := func() (*core.JobExecution, error) {
		return b.walk([]*core.Step{step, failing("b", errBoom)}, func(ctx context.Context, r *core.Run) error {
			se, _, err := r.Steps.RunStep(ctx, r, step, initial)
			if err == nil && se.Status != core.StatusCompleted {
				return se.Failure
			}
			if err == nil { // fail the job in any case, so that it can be restarted
				_, _, err = r.Steps.RunStep(ctx, r, r.Job.Steps[1], nil)
			}
			return errOr(err)
		})
	}
	for range 3 { // FAILED in the middle, then restarted, then once more from its beginning
		if _, err := once(); err == nil {
			t.Fatal("the run did not fail")
		}
	}
	files := make([]any, len(seen))
	for i, ec := range seen {
		files[i] = ec["file"]
		for _, key := range []string{core.ContextKeyChunk, core.ContextKeySink, core.ContextKeyPlan, core.ContextKeyChildJob, core.ContextKeyChildParameters} {
			if v, ok := ec[key]; ok {
				t.Errorf("call %d has inherited %s = %v", i+1, key, v)
			}
		}
		if ec[core.ContextKeyLineage] == initial[core.ContextKeyLineage] || ec[core.ContextKeyLineage] == nil {
			t.Errorf("call %d has the lineage %v", i+1, ec[core.ContextKeyLineage])
		}
	}
	if diff := cmp.Diff([]any{"day.csv", "moved on", "moved on", "day.csv"}, files); diff != "" {
		t.Errorf("fresh, second call, restart, fresh again (-want +got):\n%s", diff)
	}
	if seen[3][core.ContextKeyReplaces] != seen[0][core.ContextKeyLineage] || seen[3][core.ContextKeyLineage] == seen[0][core.ContextKeyLineage] {
		t.Errorf("the second fresh start: %v", seen[3])
	}
	if diff := cmp.Diff(before, initial); diff != "" {
		t.Errorf("what was handed on has changed (-want +got):\n%s", diff)
	}
}

func errOr(err error) error {
	if err == nil {
		return errBoom
	}
	return err
}

func TestAbandonStep(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		broken breakage
		status core.BatchStatus // in memory and in the row
		err    error
	}{
		{"FLOW-26 a step that was moved past is ABANDONED", sound, core.StatusAbandoned, nil},
		{"a commit that is undone moves nothing", undone, core.StatusFailed, errDisk},
		{"a commit that fails and is durable is adopted", ambiguous, core.StatusAbandoned, errDisk},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			step := tasklet("a", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
				s.Context.Put("n", s.Step.Counts.Commit)
				if s.Step.Counts.Commit == 2 {
					return core.Finished, errBoom
				}
				return core.Continuable, nil
			})
			je, err := b.walk([]*core.Step{step}, func(ctx context.Context, r *core.Run) error {
				se, _, err := r.Steps.RunStep(ctx, r, step, nil)
				if err != nil {
					return err
				}
				before := se.Clone()
				b.repo.breakCommits(func(*transaction) breakage { return tt.broken })
				err = r.Steps.AbandonStep(ctx, r, se)
				b.repo.breakCommits(nil)
				if (err == nil) != (tt.err == nil) {
					t.Errorf("got error %v, want %v", err, tt.err)
				}
				if moved := se.Version != before.Version; se.Status != tt.status || moved != (tt.status == core.StatusAbandoned) {
					t.Errorf("in memory it is %s, version %d after %d", se.Status, se.Version, before.Version)
				}
				if se.Failure == nil || se.EndTime != before.EndTime || se.ExitStatus != before.ExitStatus || se.Counts != before.Counts {
					t.Errorf("more than the status has changed: %+v, was %+v", se, before)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			last := b.last(je.Instance.ID, "a")
			if last.Status != tt.status || last.Context["n"] != int64(1) || last.Counts.Commit != 2 {
				t.Errorf("the row is %s with context %v", last.Status, last.Context)
			}
		})
	}
	t.Run("LOCK-07 a process that was overruled abandons nothing", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		step := failing("a", errBoom)
		r := b.launch(job(step))
		r.Steps = engine.Steps{}
		r.Body = jobBody(func(ctx context.Context, r *core.Run) (core.BatchStatus, core.ExitStatus, error) {
			se, _, err := r.Steps.RunStep(ctx, r, step, nil)
			if err != nil {
				return core.StatusFailed, core.ExitStatus{}, err
			}
			if _, _, err := b.open().Recover(ctx, r.Execution.ID, true); err != nil {
				t.Error(err)
			}
			err = r.Steps.AbandonStep(ctx, r, se)
			if wantError(t, err, core.ErrLeaseLost); se.Status != core.StatusFailed {
				t.Errorf("in memory it is %s", se.Status)
			}
			return core.StatusFailed, core.ExitStatus{}, err
		})
		wantError(t, engine.Run(t.Context(), r), core.ErrLeaseLost)
		wantStates(t, b.execution(r.Execution.ID), "FAILED/FAILED: a FAILED/FAILED")
	})
}

func TestUncommittedCounts(t *testing.T) {
	t.Parallel()
	all := core.Counts{Commit: 1, Read: 2, Filter: 3, Write: 4, ReadSkip: 5, ProcessSkip: 6, WriteSkip: 7, Rollback: 8}
	for name, fail := range map[string]error{"of a step that completes": nil, "of a step that fails": errBoom} {
		for _, broken := range []bool{false, true} { // the end is then written with the job's
			t.Run(fmt.Sprintf("%s, its end cannot be written alone: %t", name, broken), func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				if broken {
					b.repo.breakCommits(breaking(always, undone, isStepEnd))
				}
				je, _ := b.run(job(bodyStep("a", func(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
					_, err := chunks(2)(ctx, s)
					s.Uncommitted = all
					if err == nil {
						err = fail
					}
					return core.ExitStatus{}, err
				})))
				if diff := cmp.Diff(all.Add(core.Counts{Commit: 2}), je.Steps[0].Counts); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}
