package launch_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
)

func TestJobStepStop(t *testing.T) {
	t.Parallel()
	// patient waits until it is told to stop.
	patient := func(begun chan<- struct{}) call {
		var calls atomic.Int64
		return func(ctx context.Context, s *core.Scope) error {
			if calls.Add(1) > 1 {
				return nil // in the restart
			}
			close(begun)
			select {
			case <-s.Stop.Done():
				return s.Stop.Cause()
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	for _, tt := range []struct {
		name string
		stop func(ctx context.Context, b *bundle, stop *core.Stop, abort context.CancelCauseFunc) error
		kind error
	}{
		{"FLOW-51 of the parent, by a signal", func(_ context.Context, _ *bundle, stop *core.Stop, _ context.CancelCauseFunc) error {
			stop.Request(core.ErrStopped)
			return nil
		}, core.ErrStopped},
		{"of the parent, by its row", func(ctx context.Context, b *bundle, _ *core.Stop, _ context.CancelCauseFunc) error {
			_, err := b.Stop(ctx, 1)
			return err
		}, core.ErrStopped},
		{"of the child, by its row", func(ctx context.Context, b *bundle, _ *core.Stop, _ context.CancelCauseFunc) error {
			_, err := b.Stop(ctx, 2)
			return err
		}, core.ErrStopped},
		{"by the time that is over", func(_ context.Context, _ *bundle, stop *core.Stop, _ context.CancelCauseFunc) error {
			stop.Request(core.ErrTimeout)
			return nil
		}, core.ErrTimeout},
		{"at once", func(_ context.Context, _ *bundle, _ *core.Stop, abort context.CancelCauseFunc) error {
			abort(core.ErrAborted)
			return nil
		}, core.ErrAborted},
	} {
		t.Run("a stop "+tt.name+" ends child and parent STOPPED, and both go on", func(t *testing.T) {
			t.Parallel()
			begun := make(chan struct{})
			b := setup(t, monthly(daily(patient(begun)), dayOnly()))
			stop := core.NewStop()
			ctx, abort := context.WithCancelCause(t.Context())
			defer abort(nil)
			told := make(chan error, 1)
			go func() {
				<-begun
				told <- tt.stop(t.Context(), b, stop, abort)
			}()
			je, err := b.Start(ctx, "monthly", params(day(1)), launch.Options{Stop: stop})
			if err := <-told; err != nil {
				t.Fatal(err)
			}
			wantError(t, err, tt.kind)
			if !strings.Contains(err.Error(), "execution 2 of job daily ended STOPPED") {
				t.Errorf("got error %v", err)
			}
			wantStates(t, je, "STOPPED/STOPPED: close STOPPED/STOPPED")
			wantStates(t, b.of("daily")[0], "STOPPED/STOPPED: work STOPPED/STOPPED")
			again, err := b.Restart(t.Context(), je.ID, nil, launch.Options{})
			if err != nil {
				t.Fatal(err)
			}
			wantStates(t, again, "COMPLETED/COMPLETED: close COMPLETED/COMPLETED work COMPLETED/COMPLETED")
			if children := b.of("daily"); len(children) != 2 || children[0].Instance != children[1].Instance {
				t.Errorf("the child has %d executions", len(children))
			}
		})
	}
	t.Run("before the launch leaves no child", func(t *testing.T) {
		t.Parallel()
		stop := core.NewStop()
		b := setup(t, monthly(daily(succeed), func(context.Context, *core.Scope) (core.JobParameters, error) {
			stop.Request(core.ErrStopped)
			return params(day(1)), nil
		}))
		je, err := b.Start(t.Context(), "monthly", params(day(1)), launch.Options{Stop: stop})
		wantError(t, err, core.ErrStopped)
		wantStates(t, je, "STOPPED/STOPPED: close STOPPED/STOPPED")
		if got := len(b.of("daily")); got != 0 {
			t.Errorf("the child has %d executions", got)
		}
	})
}

func TestJobStepTakenOver(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		id   int64 // of the execution that is taken over
		want string
		kind error
	}{
		{"a child that is taken over fails its parent", 2, "FAILED/FAILED: close FAILED/FAILED", nil},
		{"LOCK-07 a parent that is taken over writes nothing more", 1, "FAILED/FAILED: close FAILED/FAILED", core.ErrLeaseLost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var b *bundle
			b = setup(t, monthly(daily(func(ctx context.Context, _ *core.Scope) error {
				_, _, err := b.open().Recover(ctx, tt.id, true)
				return err
			}), dayOnly()))
			_, err := b.start(day(1))
			if got := errors.Is(err, core.ErrLeaseLost); err == nil || got != (tt.kind != nil) {
				t.Errorf("got error %v", err)
			}
			parent := b.of("monthly")[0]
			wantStates(t, parent, tt.want)
			if got := parent.Steps[0].ExitStatus.Message; strings.HasPrefix(got, "execution 2 of job daily ended FAILED") != (tt.kind == nil) {
				t.Errorf("got exit message %q", got)
			}
		})
	}
}

// unended is a repository that cannot write the end of a job.
type unended struct {
	core.JobRepository
	job string
}

func (r unended) Begin(ctx context.Context, je *core.JobExecution) (core.Tx, error) {
	tx, err := r.JobRepository.Begin(ctx, je)
	return unendedTx{Tx: tx, job: r.job}, err
}

type unendedTx struct {
	core.Tx
	job string
}

func (tx unendedTx) UpdateJobExecution(ctx context.Context, je *core.JobExecution) error {
	if je.Instance.JobName == tx.job && !je.EndTime.IsZero() {
		return errBoom
	}
	return tx.Tx.UpdateJobExecution(ctx, je)
}

// A child whose end could not be recorded fails its parent, whose text says what
// the child reads. The restart finds that all is done, and the parent goes the way
// that it would have gone: that of the child's work, not that of NOOP.
func TestJobStepUnrecordedEnd(t *testing.T) {
	t.Parallel()
	late := daily(succeed)
	late.Steps[0].Listener.AfterStep = func(context.Context, *core.Scope, core.StepExecution) (core.ExitStatus, error) {
		return core.ExitStatus{Code: "LATE"}, nil
	}
	flow := daily(succeed)
	flow.Flow, flow.Steps = []core.Element{{Step: flow.Steps[0]}}, nil
	for _, tt := range []struct {
		name  string
		child *core.Job
		apart bool // somebody restarts the child before the parent
		code  string
	}{
		{"a simple job", daily(succeed), false, "COMPLETED"},
		{"a simple job, restarted apart", daily(succeed), true, "COMPLETED"},
		{"a simple job with an exit code of its own", late, false, "LATE"},
		{"a flow job", flow, false, "COMPLETED"},
	} {
		t.Run("FLOW-52 "+tt.name, func(t *testing.T) {
			t.Parallel()
			parent := &core.Job{Name: "monthly", Open: true, Flow: []core.Element{
				{
					Step:        launch.JobStep("close", tt.child, dayOnly()),
					Transitions: []core.Transition{{On: tt.code, To: "work"}},
				},
				{Step: job("", succeed).Steps[0]},
			}}
			b := setup(t, parent, tt.child)
			dying := b.open()
			je, err := b.operator(unended{dying, "daily"}, parent).Start(t.Context(), "monthly", params(day(1)), launch.Options{})
			if want := "step close: execution 2 of job daily still reads STARTED: "; err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got error %v, want %q first", err, want)
			}
			if errors.Is(err, core.ErrRepository) {
				t.Errorf("the parent's error is ErrRepository: %v", err)
			}
			wantStates(t, je, "FAILED/FAILED: close FAILED/FAILED")
			closeStore(t, dying)
			if tt.apart {
				if _, err := b.Start(t.Context(), "daily", params(day(1)), launch.Options{}); err != nil {
					t.Fatal(err)
				}
			}
			again, err := b.Restart(t.Context(), je.ID, nil, launch.Options{})
			if err != nil {
				t.Fatal(err)
			}
			wantStates(t, again, "COMPLETED/COMPLETED: close COMPLETED/"+tt.code+" work COMPLETED/COMPLETED")
			wantStates(t, b.of("daily")[1], "COMPLETED/NOOP:")
		})
	}
	t.Run("FLOW-52 a job in which there was nothing to do says so", func(t *testing.T) {
		t.Parallel()
		empty := daily(succeed)
		empty.Flow = []core.Element{
			{
				Name: "any", Transitions: []core.Transition{{On: "EMPTY", To: core.ToEnd}, {To: "work"}},
				Decider: core.DeciderFunc(func(context.Context, *core.Run, *core.StepExecution) (string, error) { return "EMPTY", nil }),
			},
			{Step: empty.Steps[0]},
		}
		empty.Steps = nil
		b := setup(t, monthly(empty, dayOnly()))
		je, err := b.start(day(1))
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, je, "COMPLETED/COMPLETED: close COMPLETED/NOOP work COMPLETED/COMPLETED")
	})
}
