package engine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
)

func TestStop(t *testing.T) {
	t.Parallel()
	t.Run("EXE-10 STEP-11 a step that was interrupted is STOPPED, and so is the job", func(t *testing.T) {
		t.Parallel()
		je, err := setup(t).run(job(failing("a", fmt.Errorf("wait for the file: %w", core.ErrStopped)), nothing("b")))
		wantError(t, err, core.ErrStopped)
		wantStates(t, je, "STOPPED/STOPPED: a STOPPED/STOPPED")
		if got := je.ExitStatus.Message; got != "wait for the file: stopped" {
			t.Errorf("got exit message %q", got)
		}
	})
	t.Run("between two calls", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.run(job(tasklet("a", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			if s.Step.Counts.Commit == 1 {
				b.stop.Request(core.ErrStopped)
			}
			return core.Continuable, nil
		})))
		wantError(t, err, core.ErrStopped)
		wantStates(t, je, "STOPPED/STOPPED: a STOPPED/STOPPED")
		if got := je.Steps[0].Counts; got != (core.Counts{Commit: 2}) {
			t.Errorf("got counts %+v, want two commits and no rollback", got)
		}
	})
	t.Run("STEP-13 a tasklet that finished is COMPLETED, the job stops before the next step", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.run(job(stopping(b, "a", core.ErrStopped), nothing("b")))
		wantError(t, err, core.ErrStopped)
		wantStates(t, je, "STOPPED/STOPPED: a COMPLETED/COMPLETED")
		b.stop = core.NewStop()
		again, err := b.run(job(nothing("a"), nothing("b")))
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, again, "COMPLETED/COMPLETED: b COMPLETED/COMPLETED")
	})
	t.Run("STEP-13 a stop during the last step comes too late", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.run(job(nothing("a"), stopping(b, "b", core.ErrStopped)))
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, je, "COMPLETED/COMPLETED: a COMPLETED/COMPLETED b COMPLETED/COMPLETED")
	})
	t.Run("a stop before the first step", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.stop.Request(core.ErrStopped)
		je, err := b.run(job(nothing("a")))
		wantError(t, err, core.ErrStopped)
		wantStates(t, je, "STOPPED/STOPPED:")
		if je.StartTime.IsZero() || je.EndTime.IsZero() {
			t.Errorf("the job ran from %v to %v", je.StartTime, je.EndTime)
		}
	})
	t.Run("a step with nothing to do needs no stop", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, err := b.run(job(nothing("a"), failing("b", errBoom)))
		wantError(t, err, errBoom)
		b.stop.Request(core.ErrStopped)
		je, err := b.run(job(nothing("a")))
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, je, "COMPLETED/NOOP:")
	})
	t.Run("a timeout is a stop of its own kind", func(t *testing.T) {
		t.Parallel()
		for name, said := range map[string]error{"that is passed on": core.ErrTimeout, "that the body calls a stop": core.ErrStopped} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				je, err := b.run(job(bodyStep("a", func(_ context.Context, s *core.Scope) (core.ExitStatus, error) {
					s.Stop.Request(core.ErrTimeout)
					return core.ExitStatus{}, said
				})))
				wantError(t, err, core.ErrTimeout)
				wantStates(t, je, "STOPPED/STOPPED: a STOPPED/STOPPED")
				if got := je.ExitStatus.Message; got != "timed out" {
					t.Errorf("got exit message %q", got)
				}
			})
		}
	})
	t.Run("a nil Stop is never requested", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.stop = nil
		if _, err := b.run(job(nothing("a"))); err != nil {
			t.Error(err)
		}
	})
}

// stopping is a step that completes after a stop was requested.
func stopping(b *bundle, name string, cause error) *core.Step {
	return tasklet(name, func(context.Context, *core.Scope, *core.StepContribution) (core.RepeatStatus, error) {
		b.stop.Request(cause)
		return core.Finished, nil
	})
}

// requestStop asks for a stop as another process does.
func requestStop(ctx context.Context, b *bundle, id int64) error {
	_, err := b.store.RequestStop(ctx, id)
	return err
}

func TestStopFromOutside(t *testing.T) {
	t.Parallel()
	t.Run("EXE-14 STEP-42 STOPPING before the first step", func(t *testing.T) {
		t.Parallel()
		for _, heard := range []bool{false, true} {
			t.Run(fmt.Sprintf("listener %t", heard), func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				nightly := job(nothing("a"))
				if heard {
					nightly.Listener.BeforeJob = func(context.Context, *core.Run) error {
						t.Error("the job was begun")
						return nil
					}
				}
				r := b.launch(nightly)
				if err := requestStop(t.Context(), b, r.Execution.ID); err != nil {
					t.Fatal(err)
				}
				wantError(t, engine.Run(t.Context(), r), core.ErrStopped)
				if err := b.repo.Release(r.Execution); err != nil {
					t.Fatal(err)
				}
				wantStates(t, b.execution(r.Execution.ID), "STOPPED/STOPPED:")
			})
		}
	})
	t.Run("STEP-42 STOPPING before a later step", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		first := nothing("a")
		nightly := job(first, nothing("b"))
		b.body = jobBody(func(ctx context.Context, r *core.Run) (core.BatchStatus, core.ExitStatus, error) {
			if _, _, err := r.Steps.RunStep(ctx, r, first, nil); err != nil {
				return core.StatusFailed, core.ExitStatus{}, err
			}
			if err := requestStop(ctx, b, r.Execution.ID); err != nil {
				return core.StatusFailed, core.ExitStatus{}, err
			}
			_, _, err := r.Steps.RunStep(ctx, r, r.Job.Steps[1], nil)
			return core.StatusCompleted, core.ExitStatus{}, err
		})
		je, err := b.run(nightly)
		wantError(t, err, core.ErrStopped)
		wantStates(t, je, "STOPPED/STOPPED: a COMPLETED/COMPLETED")
	})
	t.Run("LOCK-05 STEP-53 it is STOPPING until the owner has ended, and noticed at the next commit", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.run(job(tasklet("a", func(ctx context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			if err := requestStop(ctx, b, s.Execution.ID); err != nil {
				return core.Finished, err
			}
			if got := b.execution(s.Execution.ID); got.Status != core.StatusStopping || !got.EndTime.IsZero() {
				return core.Finished, fmt.Errorf("the job is %s", got.Status)
			}
			if _, err := b.open().CreateJobExecution(ctx, core.Launch{JobName: "nightly"}); !errors.Is(err, core.ErrJobExecutionAlreadyRunning) {
				return core.Finished, fmt.Errorf("a restart got %w", err)
			}
			return core.Continuable, nil
		})))
		wantError(t, err, core.ErrStopped)
		wantStates(t, je, "STOPPED/STOPPED: a STOPPED/STOPPED")
		if got := je.Steps[0].Counts.Commit; got != 1 {
			t.Errorf("got %d calls, want 1", got)
		}
	})
	t.Run("it is noticed when the job's context is written, too", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.run(job(tasklet("a", func(ctx context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			s.JobContext.Put("n", s.Step.Counts.Commit)
			return core.Continuable, requestStop(ctx, b, s.Execution.ID)
		})))
		wantError(t, err, core.ErrStopped)
		wantStates(t, je, "STOPPED/STOPPED: a STOPPED/STOPPED")
		if got := je.Context["n"]; got != int64(0) {
			t.Errorf("got n = %v, want that of the first call", got)
		}
	})
	t.Run("STEP-13 a stop that finds all the work done stops nothing", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := job(nothing("a"))
		b.body = jobBody(func(ctx context.Context, r *core.Run) (core.BatchStatus, core.ExitStatus, error) {
			_, _, err := r.Steps.RunStep(ctx, r, r.Job.Steps[0], nil)
			return core.StatusCompleted, core.ExitStatus{}, errors.Join(err, requestStop(ctx, b, r.Execution.ID))
		})
		je, err := b.run(nightly)
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, je, "COMPLETED/COMPLETED: a COMPLETED/COMPLETED")
	})
	t.Run("an execution that was abandoned while it ran stays so", func(t *testing.T) {
		t.Parallel()
		for _, noticed := range []bool{false, true} { // by a write of the job's context, before the end
			t.Run(fmt.Sprintf("noticed early %t", noticed), func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				je, err := b.run(job(tasklet("a", func(ctx context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
					err := requestStop(ctx, b, s.Execution.ID)
					_, abandoned := b.store.Abandon(ctx, s.Execution.ID)
					if noticed {
						s.JobContext.Put("n", int64(1))
					}
					return core.Finished, errors.Join(err, abandoned)
				})))
				wantError(t, err, core.ErrJobRestart)
				if je.Status != core.StatusAbandoned {
					t.Errorf("got status %s, want ABANDONED", je.Status)
				}
			})
		}
	})
}

func TestAbort(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]func(context.CancelCauseFunc) *core.Step{
		"a call is rolled back": func(abort context.CancelCauseFunc) *core.Step {
			return tasklet("a", func(ctx context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
				s.Context.Put("x", true)
				if _, err := s.Tx(ctx); err != nil {
					return core.Finished, err
				}
				abort(core.ErrAborted)
				return core.Finished, ctx.Err()
			})
		},
		"a call that finished cannot commit": func(abort context.CancelCauseFunc) *core.Step {
			return tasklet("a", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
				s.Context.Put("x", true)
				abort(core.ErrAborted)
				return core.Finished, nil
			})
		},
		"a body that breaks is STOPPED": func(abort context.CancelCauseFunc) *core.Step {
			return bodyStep("a", func(context.Context, *core.Scope) (core.ExitStatus, error) {
				abort(core.ErrAborted)
				return core.ExitStatus{}, errBoom
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			ctx, abort := context.WithCancelCause(t.Context())
			defer abort(nil)
			je, err := b.runContext(ctx, job(step(abort), nothing("b")))
			wantError(t, err, core.ErrAborted)
			wantStates(t, je, "STOPPED/STOPPED: a STOPPED/STOPPED")
			if ec := b.last(je.Instance.ID, "a").Context; ec["x"] != nil {
				t.Errorf("got context %v", ec)
			}
		})
	}
	t.Run("between two calls", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		ctx, abort := context.WithCancelCause(t.Context())
		defer abort(nil)
		step := tasklet("a", calls(3))
		step.Listener.AfterChunk = func(context.Context, *core.Scope) { abort(core.ErrAborted) }
		je, err := b.runContext(ctx, job(step))
		wantError(t, err, core.ErrAborted)
		wantStates(t, je, "STOPPED/STOPPED: a STOPPED/STOPPED")
		if got := je.Steps[0].Counts; got != (core.Counts{Commit: 1}) {
			t.Errorf("got counts %+v, want the first call's", got)
		}
	})
	t.Run("it does not wait for long where nothing can be written", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		ctx, abort := context.WithCancelCause(t.Context())
		defer abort(nil)
		other := b.open()
		held, err := other.CreateJobExecution(ctx, core.Launch{JobName: "other"})
		if err != nil {
			t.Fatal(err)
		}
		var lock core.Tx
		r := b.launch(job(bodyStep("a", func(context.Context, *core.Scope) (_ core.ExitStatus, err error) {
			if lock, err = other.Begin(t.Context(), held); err == nil {
				abort(core.ErrAborted)
				err = core.ErrAborted
			}
			return core.ExitStatus{}, err
		})))
		err = engine.Run(ctx, r)
		if !errors.Is(err, context.Canceled) { // else the lock's patience, or the last write's
			t.Errorf("it waited until it got error %v", err)
		}
		wantError(t, err, core.ErrAborted)
		wantError(t, err, core.ErrRepository)
		if err := lock.Rollback(); err != nil {
			t.Fatal(err)
		}
		wantStates(t, b.execution(r.Execution.ID), "STARTED/UNKNOWN: a STARTED/EXECUTING")
	})
	t.Run("a context that ends for another reason fails the step", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		je, err := b.runContext(ctx, job(bodyStep("a", func(ctx context.Context, _ *core.Scope) (core.ExitStatus, error) {
			cancel()
			return core.ExitStatus{}, ctx.Err()
		})))
		wantError(t, err, context.Canceled)
		wantStates(t, je, "FAILED/FAILED: a FAILED/FAILED")
	})
}
