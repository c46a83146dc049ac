package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
)

func TestRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	refused := failing("a", &core.Error{Kind: core.ErrCheckpointMismatch, Msg: `input changed: "12" became "13"`})
	refused.StartLimit = 2
	_, err := b.run(job(failing("a", errBoom)))
	wantError(t, err, errBoom)
	for range 3 { // more often than the limit allows
		je, err := b.run(job(refused))
		wantError(t, err, core.ErrCheckpointMismatch)
		wantStates(t, je, "FAILED/REFUSED: a FAILED/REFUSED")
		if got := je.ExitStatus.Message; got != `input changed: "12" became "13"` {
			t.Errorf("got exit message %q", got)
		}
	}
	called := false
	own := tasklet("a", func(_ context.Context, _ *core.Scope, c *core.StepContribution) (core.RepeatStatus, error) {
		if called {
			return core.Finished, core.ErrCheckpointMismatch
		}
		called, c.ExitStatus = true, core.ExitStatus{Code: "ZEALOUS"}
		return core.Continuable, nil
	})
	je, err := b.run(job(own))
	wantError(t, err, core.ErrCheckpointMismatch)
	wantStates(t, je, "FAILED/REFUSED: a FAILED/REFUSED") // an outcome of its own would let it count
	good := nothing("a")
	good.StartLimit = 2
	if _, err := b.run(job(good)); err != nil {
		t.Errorf("the refusals have counted: %v", err)
	}
}

func TestTakenOver(t *testing.T) {
	t.Parallel()
	// recover takes the execution over, as an operator does with --force.
	takeOver := func(ctx context.Context, b *bundle, id int64) error {
		_, _, err := b.open().Recover(ctx, id, true)
		return err
	}
	for name, step := range map[string]func(b *bundle) *core.Step{
		"LOCK-07 a zombie's call": func(b *bundle) *core.Step {
			return tasklet("a", func(ctx context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
				s.Context.Put("zombie", true)
				return core.Finished, takeOver(ctx, b, s.Execution.ID)
			})
		},
		"a zombie's end of a step": func(b *bundle) *core.Step {
			return bodyStep("a", func(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
				return core.ExitStatus{}, takeOver(ctx, b, s.Execution.ID)
			})
		},
		"a zombie's failure": func(b *bundle) *core.Step {
			return bodyStep("a", func(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
				return core.ExitStatus{}, errors.Join(errBoom, takeOver(ctx, b, s.Execution.ID))
			})
		},
	} {
		t.Run(name+" writes nothing, nor does what follows", func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			r := b.launch(job(step(b), nothing("b")))
			err := engine.Run(t.Context(), r)
			wantError(t, err, core.ErrLeaseLost)
			je := b.execution(r.Execution.ID)
			if je.Status != core.StatusFailed || len(je.Steps) != 1 || !strings.Contains(je.Steps[0].ExitStatus.Message, "recovered") &&
				!strings.Contains(je.ExitStatus.Message, "owner") {
				t.Errorf("got %s with %+v, want what the recovery has written", states(je), je.Steps[0].ExitStatus)
			}
			if ec := b.last(je.Instance.ID, "a").Context; ec["zombie"] != nil {
				t.Errorf("the zombie's context is there: %v", ec)
			}
		})
	}
	t.Run("before the end of the job", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := job(nothing("a"))
		nightly.Listener.AfterJob = func(ctx context.Context, r *core.Run) error { return takeOver(ctx, b, r.Execution.ID) }
		r := b.launch(nightly)
		wantError(t, engine.Run(t.Context(), r), core.ErrLeaseLost)
		if je := b.execution(r.Execution.ID); je.Status != core.StatusFailed {
			t.Errorf("got status %s, want the recovery's", je.Status)
		}
	})
	t.Run("a step row that somebody else has changed", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		r := b.launch(job(tasklet("a", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			b.sql("UPDATE BATCH_STEP_EXECUTION SET VERSION = VERSION + 1 WHERE STEP_EXECUTION_ID = ?", s.Step.ID)
			return core.Finished, nil
		})))
		wantError(t, engine.Run(t.Context(), r), core.ErrOptimisticLock)
		if je := b.execution(r.Execution.ID); !je.Status.IsRunning() {
			t.Errorf("got status %s, want it untouched", je.Status)
		}
	})
}
