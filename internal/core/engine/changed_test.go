package engine_test

import (
	"context"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
)

// A step whose work is in other executions does not begin anew because the job
// was changed between two attempts: it would do that work twice.
func TestStepIsOfAnotherKindNow(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		key string
		was func(*core.Step)
	}{
		"it was partitioned": {core.ContextKeyPlan, func(s *core.Step) { s.Worker = nothing("part") }},
		"it launched a job":  {core.ContextKeyChildJob, func(s *core.Step) { s.Job = "child" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			attempts, fails := 0, true
			before := bodyStep("a", func(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
				attempts++
				tx, err := s.Begin(ctx)
				if err != nil {
					return core.ExitStatus{}, err
				}
				next := s.Step.Clone()
				next.Context.Put(tt.key, "what it began with")
				if err := s.CommitStep(ctx, tx, s.Step, next, nil); err != nil || !fails {
					return core.ExitStatus{}, err
				}
				return core.ExitStatus{}, errBoom
			})
			tt.was(before)
			_, err := b.run(job(before))
			wantError(t, err, errBoom)

			now := &core.Step{Name: "a", Bind: func(*core.Scope) (core.StepBody, error) {
				t.Error("the step was bound")
				return nil, errBoom
			}}
			je, err := b.run(job(now))
			wantError(t, err, core.ErrJobRestart)
			if want := "restart it with the job as it was, or give the instance up: batchctl abandon 2"; core.Hint(err) != want {
				t.Errorf("got the hint %q, want %q", core.Hint(err), want)
			}
			wantStates(t, je, "FAILED/FAILED:") // and no start is counted

			fails = false
			je, err = b.run(job(before))
			if err != nil || attempts != 2 {
				t.Errorf("the job as it was: %v, %d attempts", err, attempts)
			}
			wantStates(t, je, "COMPLETED/COMPLETED: a COMPLETED/COMPLETED")
		})
	}
}
