package engine_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
)

// marking is a step that commits a mark, and then fails: it may take the mark away.
func marking(leave bool) *core.Step {
	return tasklet("a", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
		if s.Step.Counts.Commit == 0 {
			s.Context.Put("mark", s.Step.ID)
			return core.Continuable, nil
		}
		s.Context.Put("other", true)
		err := fmt.Errorf("work: %w", errBoom)
		if leave {
			err = fmt.Errorf("in the end: %w", engine.Leaving(s, err, "mark", nil))
		}
		return core.Finished, err
	})
}

func TestLeaving(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		broken func(*transaction) breakage
		leave  bool
		marked bool
	}{
		{"nothing is left", nil, false, true},
		{"a key is removed in the commit of the end", nil, true, false},
		{"or of the job's end, when the step's cannot be written", breaking(1, undone, isStepEnd), true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.repo.breakCommits(tt.broken)
			je, err := b.run(job(marking(tt.leave)))
			wantError(t, err, errBoom)
			ec := b.last(je.Instance.ID, "a").Context
			if _, marked := ec["mark"]; marked != tt.marked || ec["other"] != nil {
				t.Errorf("the context is %v", ec)
			}
			if got := je.Steps[0].Version; got != 2 {
				t.Errorf("the row was written %d times after its start, want twice", got)
			}
		})
	}
	t.Run("a value is left, and the listener after the step sees it", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		step := tasklet("a", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			return core.Finished, engine.Leaving(s, errBoom, "why", "no file")
		})
		step.Listener = engine.PromoteContext(engine.Promotion{Keys: []string{"why"}, Statuses: []string{"*"}})
		je, err := b.run(job(step))
		if wantError(t, err, errBoom); err.Error() != "step a: boom" {
			t.Errorf("got error %q", err)
		}
		if got := b.last(je.Instance.ID, "a").Context["why"]; got != "no file" || je.Context["why"] != "no file" {
			t.Errorf("the step has %v, the job %v", got, je.Context)
		}
	})
	t.Run("it is for the step that fails, not for one around it", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		inner := tasklet("inner", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			return core.Finished, engine.Leaving(s, errBoom, "why", "no file")
		})
		outer := bodyStep("outer", func(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
			se, _, err := s.Steps.RunStep(ctx, s.Run, inner, nil)
			if err == nil {
				err = se.Failure
			}
			return core.ExitStatus{}, err
		})
		je, err := b.run(job(outer))
		wantError(t, err, errBoom)
		if got := b.last(je.Instance.ID, "inner").Context["why"]; got != "no file" {
			t.Errorf("the inner step has %v", got)
		}
		if got := b.last(je.Instance.ID, "outer").Context["why"]; got != nil {
			t.Errorf("the outer step has %v", got)
		}
	})
	t.Run("no error leaves nothing", func(t *testing.T) {
		t.Parallel()
		if err := engine.Leaving(nil, nil, "k", "v"); err != nil {
			t.Errorf("got %v", err)
		}
	})
	t.Run("what cannot be kept is a panic of the step", func(t *testing.T) {
		t.Parallel()
		je, err := setup(t).run(job(tasklet("a", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			return core.Finished, engine.Leaving(s, errBoom, "list", []int{1})
		})))
		if err == nil || je.Steps[0].Status != core.StatusFailed {
			t.Errorf("got %v, %s", err, states(je))
		}
	})
}
