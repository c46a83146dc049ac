package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
)

const noopMessage = "All steps already completed or no steps configured for this job."

func TestSimpleJob(t *testing.T) {
	t.Parallel()
	t.Run("STEP-38 the exit status is the last step's", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.run(job(exiting("a", "EARLY"), exiting("b", "LATE")))
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, je, "COMPLETED/LATE: a COMPLETED/EARLY b COMPLETED/LATE")
	})
	t.Run("EXE-09 STEP-37 the second of three steps fails", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.run(job(nothing("a"), failing("b", fmt.Errorf("day.csv:12: %w", errBoom)), nothing("c")))
		wantError(t, err, errBoom)
		if got, want := err.Error(), "step b: day.csv:12: boom"; got != want {
			t.Errorf("got error %q, want %q", got, want)
		}
		wantStates(t, je, "FAILED/FAILED: a COMPLETED/COMPLETED b FAILED/FAILED")
		for _, exit := range []core.ExitStatus{je.ExitStatus, je.Steps[1].ExitStatus} {
			if got, want := exit.Message, "day.csv:12: boom"; got != want {
				t.Errorf("got exit message %q, want %q", got, want)
			}
		}
		if got := je.Steps[1].Counts; got != (core.Counts{Rollback: 1}) {
			t.Errorf("got counts %+v, want one rollback", got)
		}
	})
	t.Run("EXE-01 EXE-03 STEP-29 STEP-30 a restart goes on at the failed step", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := job(nothing("a"), failingOnce("b"), nothing("c"))
		first, err := b.run(nightly)
		wantError(t, err, errBoom)
		second, err := b.run(nightly)
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, second, "COMPLETED/COMPLETED: b COMPLETED/COMPLETED c COMPLETED/COMPLETED")
		if first.Instance != second.Instance {
			t.Errorf("got instance %v, want %v", second.Instance, first.Instance)
		}
	})
	t.Run("EXE-07 STEP-39 every step was complete already", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, err := b.run(job(nothing("a"), failing("b", errBoom)))
		wantError(t, err, errBoom)
		je, err := b.run(job(nothing("a")))
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, je, "COMPLETED/NOOP:")
		if je.ExitStatus.Message != noopMessage {
			t.Errorf("got exit message %q, want %q", je.ExitStatus.Message, noopMessage)
		}
		if je.StartTime.IsZero() || je.EndTime.Before(je.StartTime) {
			t.Errorf("the job ran from %v to %v", je.StartTime, je.EndTime)
		}
	})
	t.Run("EXE-05 STEP-33 an ABANDONED step is skipped", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := job(failing("a", errBoom), nothing("b"))
		first, err := b.run(nightly)
		wantError(t, err, errBoom)
		b.set(first.ID, "a", core.StatusAbandoned)
		second, err := b.run(nightly)
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, second, "COMPLETED/COMPLETED: b COMPLETED/COMPLETED")
	})
	t.Run("EXE-04 STEP-34 the start limit is reached", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		limited := failing("a", errBoom)
		limited.StartLimit = 2
		for range 2 {
			_, err := b.run(job(limited))
			wantError(t, err, errBoom)
		}
		je, err := b.run(job(limited))
		wantError(t, err, core.ErrStartLimitExceeded)
		wantStates(t, je, "FAILED/FAILED:")
		if !strings.Contains(je.ExitStatus.Message, "maximum start limit exceeded: started 2 times") {
			t.Errorf("got exit message %q", je.ExitStatus.Message)
		}
		if got, want := core.Hint(err), "batchctl show 3"; got != want {
			t.Errorf("got hint %q, want %q", got, want)
		}
	})
	t.Run("STEP-35 start limit 0 is none", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		for range 5 {
			_, err := b.run(job(failing("a", errBoom)))
			wantError(t, err, errBoom)
		}
	})
	t.Run("EXE-06 STEP-36 a step twice in one execution", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := job(nothing("a"))
		b.body = jobBody(func(ctx context.Context, r *core.Run) (core.BatchStatus, core.ExitStatus, error) {
			for range 2 {
				if _, ran, err := r.Steps.RunStep(ctx, r, r.Job.Steps[0], nil); err != nil || !ran {
					return core.StatusFailed, core.ExitStatus{}, fmt.Errorf("ran %t: %w", ran, err)
				}
			}
			return core.StatusCompleted, core.ExitStatus{}, nil
		})
		je, err := b.run(nightly)
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, je, "COMPLETED/COMPLETED: a COMPLETED/COMPLETED a COMPLETED/COMPLETED")
	})
}

// unknown is a core.StepRunner whose steps end UNKNOWN, as a database that was
// touched by hand may have them.
type unknown struct{ ran []string }

func (u *unknown) RunStep(_ context.Context, _ *core.Run, step *core.Step, _ core.ExecutionContext) (*core.StepExecution, bool, error) {
	u.ran = append(u.ran, step.Name)
	return &core.StepExecution{StepName: step.Name, Status: core.StatusUnknown, ExitStatus: core.ExitStatus{Code: "UNKNOWN"}}, true, nil
}

func (u *unknown) AbandonStep(context.Context, *core.Run, *core.StepExecution) error {
	return errors.New("not asked for here")
}

func TestStepUnknown(t *testing.T) {
	t.Parallel()
	t.Run("STEP-40 a step that is UNKNOWN makes the job so, later ones are not run", func(t *testing.T) {
		t.Parallel()
		b, steps := setup(t), &unknown{}
		r := b.launch(job(nothing("a"), nothing("b")))
		r.Steps = steps
		err := engine.Run(t.Context(), r)
		if err := b.repo.Release(r.Execution); err != nil {
			t.Fatal(err)
		}
		if err == nil || !strings.Contains(err.Error(), "UNKNOWN") {
			t.Errorf("got error %v, want one that says UNKNOWN", err)
		}
		wantStates(t, b.execution(r.Execution.ID), "UNKNOWN/UNKNOWN:")
		if diff := cmp.Diff([]string{"a"}, steps.ran); diff != "" {
			t.Errorf("steps that ran (-want +got):\n%s", diff)
		}
	})
}

func TestStepContext(t *testing.T) {
	t.Parallel()
	t.Run("STEP-28 STEP-29 a restart inherits what was committed", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		step := tasklet("a", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			n, _, err := s.Context.Int64("n")
			if err != nil {
				return core.Finished, err
			}
			s.Context.Put("n", n+1)
			switch n {
			case 0, 2:
				return core.Continuable, nil
			case 1:
				s.Context.Put("n", int64(2)) // is undone together with the call
				return core.Finished, failUnlessRestarted(s)
			}
			return core.Finished, nil
		})
		first, err := b.run(job(step))
		wantError(t, err, errBoom)
		before := b.last(first.Instance.ID, "a").Context
		want := core.ExecutionContext{
			"n": int64(1), core.ContextKeyVersion: "batchctl", core.ContextKeyLineage: fmt.Sprintf("%032x", 1),
		}
		if diff := cmp.Diff(want, before); diff != "" {
			t.Errorf("context of the failed attempt (-want +got):\n%s", diff)
		}
		second, err := b.run(job(step))
		if err != nil {
			t.Fatal(err)
		}
		want["n"] = int64(2)
		if diff := cmp.Diff(want, b.last(second.Instance.ID, "a").Context); diff != "" {
			t.Errorf("context of the restart, of the same lineage (-want +got):\n%s", diff)
		}
	})
	t.Run("EXE-02 STEP-31 a complete step that starts again starts afresh", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		again := tasklet("a", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			if _, ok := s.Context["mine"]; ok {
				return core.Finished, errors.New("the context was inherited")
			}
			s.Context.Put("mine", true)
			return core.Finished, nil
		})
		again.AllowStartIfComplete = true
		nightly := job(again, failingOnce("b"))
		first, err := b.run(nightly)
		wantError(t, err, errBoom)
		lineage := b.last(first.Instance.ID, "a").Context[core.ContextKeyLineage]
		second, err := b.run(nightly)
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, second, "COMPLETED/COMPLETED: a COMPLETED/COMPLETED b COMPLETED/COMPLETED")
		ec := b.last(first.Instance.ID, "a").Context
		if ec[core.ContextKeyReplaces] != lineage || ec[core.ContextKeyLineage] == lineage {
			t.Errorf("got context %v, want a new lineage that replaces %v", ec, lineage)
		}
	})
	t.Run("STEP-45 the job's context is saved with the call, and inherited", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := job(tasklet("a", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			s.JobContext.Put("day", "2021-01-01")
			return core.Finished, nil
		}), tasklet("b", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			if day, _ := s.JobContext.Get("day"); day != "2021-01-01" {
				return core.Finished, fmt.Errorf("day is %v", day)
			}
			if stored := b.execution(s.Execution.ID); stored.Context["day"] != "2021-01-01" {
				return core.Finished, fmt.Errorf("stored is %v", stored.Context)
			}
			s.JobContext.Put("day", "undone")
			return core.Finished, errBoom
		}))
		je, err := b.run(nightly)
		wantError(t, err, errBoom)
		if diff := cmp.Diff(core.ExecutionContext{"day": "2021-01-01"}, je.Context); diff != "" {
			t.Errorf("context of the job (-want +got):\n%s", diff)
		}
	})
	t.Run("what Spring Batch marks as executed is not inherited", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		step := bodyStep("a", func(_ context.Context, s *core.Scope) (core.ExitStatus, error) {
			s.Context.Put("batch.executed", true)
			return core.ExitStatus{}, failUnlessRestarted(s)
		})
		step.Listener.AfterStep = func(_ context.Context, s *core.Scope, _ core.StepExecution) (core.ExitStatus, error) {
			s.Context.Put("batch.executed", true)
			return core.ExitStatus{}, nil
		}
		first, err := b.run(job(step))
		wantError(t, err, errBoom)
		if ec := b.last(first.Instance.ID, "a").Context; ec["batch.executed"] != true {
			t.Fatalf("got context %v, want what the listener put", ec)
		}
		_, err = b.run(job(bodyStep("a", func(_ context.Context, s *core.Scope) (core.ExitStatus, error) {
			if _, ok := s.Context["batch.executed"]; ok {
				return core.ExitStatus{}, errors.New("it was inherited")
			}
			return core.ExitStatus{}, nil
		})))
		if err != nil {
			t.Error(err)
		}
	})
}

// failUnlessRestarted fails in the first execution of an instance.
func failUnlessRestarted(s *core.Scope) error {
	if s.Execution.ID == 1 {
		return errBoom
	}
	return nil
}

// exiting is a step that gives itself an outcome.
func exiting(name, code string) *core.Step {
	return tasklet(name, func(_ context.Context, _ *core.Scope, c *core.StepContribution) (core.RepeatStatus, error) {
		c.ExitStatus.Code = code
		return core.Finished, nil
	})
}

// set changes the status of a step as a person with an SQL shell would.
func (b *bundle) set(executionID int64, step string, status core.BatchStatus) {
	b.t.Helper()
	b.sql("UPDATE BATCH_STEP_EXECUTION SET STATUS = ? WHERE JOB_EXECUTION_ID = ? AND STEP_NAME = ?",
		status.String(), executionID, step)
}

func TestJobBody(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status core.BatchStatus
		exit   core.ExitStatus
		err    error
		want   string
		kind   error
	}{
		{"EXE-11 STEP-41 an interruption that carries UNKNOWN", core.StatusUnknown, core.ExitStatus{}, core.ErrStopped, "UNKNOWN/STOPPED:", core.ErrStopped},
		{"its own exit status is kept", core.StatusFailed, core.ExitStatus{Code: "LATE"}, errBoom, "FAILED/LATE:", errBoom},
		{"an error fails the job", core.StatusCompleted, core.ExitStatus{}, errBoom, "FAILED/FAILED:", errBoom},
		{"STOPPED without an error", core.StatusStopped, core.ExitStatus{}, nil, "STOPPED/STOPPED:", core.ErrStopped},
		{"COMPLETED", core.StatusCompleted, core.ExitStatus{Code: "DONE"}, nil, "COMPLETED/DONE:", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			nightly := job(nothing("a"))
			b.body = jobBody(func(context.Context, *core.Run) (core.BatchStatus, core.ExitStatus, error) {
				return tt.status, tt.exit, tt.err
			})
			je, err := b.run(nightly)
			if !errors.Is(err, tt.kind) {
				t.Errorf("got error %v, want %v", err, tt.kind)
			}
			wantStates(t, je, tt.want)
		})
	}
	t.Run("FAILED without an error has one all the same", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := job(nothing("a"))
		b.body = jobBody(func(context.Context, *core.Run) (core.BatchStatus, core.ExitStatus, error) {
			return core.StatusFailed, core.ExitStatus{Code: "BAD DAY"}, nil
		})
		je, err := b.run(nightly)
		if want := `job nightly: ended FAILED with exit code "BAD DAY"`; err == nil || err.Error() != want {
			t.Errorf("got error %v, want %s", err, want)
		}
		wantStates(t, je, "FAILED/BAD DAY:")
	})
}
