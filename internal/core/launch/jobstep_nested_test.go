package launch_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
)

// middle is a job that launches child as its step "close".
func middle(child *core.Job) *core.Job {
	return &core.Job{Name: "middle", Open: true, Steps: []*core.Step{launch.JobStep("close", child, dayOnly())}}
}

// What is true of a child is true of its own child.
func TestJobStepGrandchild(t *testing.T) {
	t.Parallel()
	t.Run("FLOW-51 a stop of the parent ends it STOPPED, and a restart of the parent goes on with it", func(t *testing.T) {
		t.Parallel()
		var b *bundle
		var calls atomic.Int64
		b = setup(t, monthly(middle(daily(func(ctx context.Context, s *core.Scope) error {
			if calls.Add(1) > 1 {
				return nil // in the restart
			}
			if _, err := b.Stop(ctx, 1); err != nil {
				return err
			}
			select {
			case <-s.Stop.Done():
				return s.Stop.Cause()
			case <-time.After(2 * time.Minute):
				return errors.New("the stop has not come")
			}
		})), dayOnly()))
		je, err := b.start(day(1))
		wantError(t, err, core.ErrStopped)
		if want := "execution 2 of job middle ended STOPPED: step close: execution 3 of job daily ended STOPPED"; !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q in it", err, want)
		}
		wantStates(t, je, "STOPPED/STOPPED: close STOPPED/STOPPED")
		wantStates(t, b.of("middle")[0], "STOPPED/STOPPED: close STOPPED/STOPPED")
		wantStates(t, b.of("daily")[0], "STOPPED/STOPPED: work STOPPED/STOPPED")
		b.restartsAll(1)
	})
	t.Run("FLOW-50 a restart of the parent recovers it from an owner that died, and goes on with it", func(t *testing.T) {
		t.Parallel()
		child := daily(succeed)
		child.Parameters = child.Parameters[:1] // the day
		b := setup(t, monthly(middle(child), dayOnly()))
		dying := b.open()
		b.launchedBy(dying, "monthly", "middle")
		b.launchedBy(dying, "middle", "daily")
		b.hold(dying, "daily", params(day(1)), core.StatusStarted)
		closeStore(t, dying)
		b.restartsAll(1)
		wantStates(t, b.of("monthly")[0], "FAILED/FAILED: close FAILED/FAILED")
		wantStates(t, b.of("middle")[0], "FAILED/FAILED: close FAILED/FAILED")
		wantStates(t, b.of("daily")[0], "FAILED/FAILED:")
	})
}

// restartsAll restarts an execution of monthly, and wants each of the three jobs
// complete in its second execution of one instance.
func (b *bundle) restartsAll(executionID int64) {
	b.t.Helper()
	if _, err := b.Restart(b.t.Context(), executionID, nil, launch.Options{}); err != nil {
		b.t.Fatal(err)
	}
	for name, want := range map[string]string{
		"monthly": "COMPLETED/COMPLETED: close COMPLETED/COMPLETED work COMPLETED/COMPLETED",
		"middle":  "COMPLETED/COMPLETED: close COMPLETED/COMPLETED",
		"daily":   "COMPLETED/COMPLETED: work COMPLETED/COMPLETED",
	} {
		all := b.of(name)
		if len(all) != 2 || all[0].Instance != all[1].Instance {
			b.t.Fatalf("job %s has %d executions, want two of one instance", name, len(all))
		}
		wantStates(b.t, all[1], want)
	}
}

// Of two job steps that launch the same instance at the same time one does the
// work. The other fails, and is complete with the restart.
func TestJobStepsOfOneChild(t *testing.T) {
	t.Parallel()
	begun, refused := make(chan struct{}), make(chan struct{})
	child := daily(func(context.Context, *core.Scope) error {
		close(begun)
		select {
		case <-refused:
			return nil
		case <-time.After(2 * time.Minute):
			return errors.New("nobody was refused")
		}
	})
	second := launch.JobStep("second", child, func(context.Context, *core.Scope) (core.JobParameters, error) {
		<-begun
		return params(day(1)), nil
	})
	var ended atomic.Int64
	second.Listener.AfterStep = func(context.Context, *core.Scope, core.StepExecution) (core.ExitStatus, error) {
		if ended.Add(1) == 1 {
			close(refused)
		}
		return core.ExitStatus{}, nil
	}
	b := setup(t, &core.Job{Name: "monthly", Open: true, Flow: []core.Element{
		{Name: "both", Split: []core.Element{{Step: launch.JobStep("first", child, dayOnly())}, {Step: second}}},
	}})
	je, err := b.start(day(1))
	if err == nil || errors.Is(err, core.ErrJobExecutionAlreadyRunning) || !strings.Contains(err.Error(), "job daily was not launched: run daily: execution 2 is STARTED") {
		t.Errorf("got error %v", err)
	}
	for _, se := range je.Steps {
		if want := map[string]core.BatchStatus{"first": core.StatusCompleted, "second": core.StatusFailed}[se.StepName]; se.Status != want {
			t.Errorf("step %s is %s, want %s", se.StepName, se.Status, want)
		}
	}
	again, err := b.Restart(t.Context(), je.ID, nil, launch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantStates(t, again, "COMPLETED/COMPLETED: second COMPLETED/COMPLETED")
	if got := len(b.of("daily")); got != 1 {
		t.Errorf("the child has %d executions, want 1", got)
	}
}
