package engine_test

import (
	"context"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
)

// chunks is a body that commits n times, as a chunk step does.
func chunks(n int) body {
	return func(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
		for range n {
			tx, err := s.Begin(ctx)
			if err != nil {
				return core.ExitStatus{}, err
			}
			next := s.Step.Clone()
			next.Counts.Commit++
			if err := s.CommitStep(ctx, tx, s.Step, next, nil); err != nil {
				return core.ExitStatus{}, err
			}
		}
		return core.ExitStatus{}, nil
	}
}

// calls is a tasklet that wants to be called n times.
func calls(n int) core.TaskletFunc {
	return func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
		if s.Step.Counts.Commit+1 < int64(n) {
			return core.Continuable, nil
		}
		return core.Finished, nil
	}
}

func TestWriteTransactions(t *testing.T) {
	t.Parallel()
	afterStep := func(step *core.Step) *core.Step {
		step.Listener.AfterStep = func(context.Context, *core.Scope, core.StepExecution) (core.ExitStatus, error) {
			return core.ExitStatus{}, nil
		}
		return step
	}
	heard := job(nothing("a"))
	heard.Listener.BeforeJob = func(context.Context, *core.Run) error { return nil }
	for _, tt := range []struct {
		name string
		job  *core.Job
		want int64
	}{
		{"one tasklet", job(nothing("a")), 4},
		{"each further tasklet step costs two", job(nothing("a"), nothing("b"), nothing("c")), 8},
		{"each CONTINUABLE call costs one", job(tasklet("a", calls(3))), 6},
		{"a step of five chunks costs 2 + 5", job(bodyStep("a", chunks(5))), 2 + 2 + 5},
		{"a step without a chunk costs two", job(bodyStep("a", chunks(0))), 4},
		{"a tasklet with an after-step listener costs one more", job(afterStep(nothing("a"))), 5},
		{"a chunk step with an after-step listener does not", job(afterStep(bodyStep("a", chunks(5)))), 2 + 2 + 5},
		{"a before-job listener costs one", heard, 5},
		{"a failing tasklet costs no more", job(failing("a", errBoom)), 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			_, _ = b.run(tt.job) // how it ends is not the question
			if got := b.repo.writes.Load(); got != tt.want {
				t.Errorf("got %d write transactions, want %d", got, tt.want)
			}
		})
	}
	t.Run("a restart with nothing to do costs launch and end", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		late := failingOnce("b")
		if _, err := b.run(job(nothing("a"), late)); err == nil {
			t.Fatal("the first run did not fail")
		}
		before := b.repo.writes.Load()
		if _, err := b.run(job(nothing("a"))); err != nil {
			t.Fatal(err)
		}
		if got := b.repo.writes.Load() - before; got != 2 {
			t.Errorf("got %d write transactions, want 2", got)
		}
	})
}
