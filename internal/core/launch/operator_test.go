package launch_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
)

func TestRestart(t *testing.T) {
	t.Parallel()
	t.Run("OPR-03 an unknown execution", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(succeed))
		je, err := b.Restart(t.Context(), 42, nil, launch.Options{})
		wantRefusal(t, b, 0, je, err, core.ErrNoSuchJobExecution, "batchctl executions")
	})
	t.Run("OPR-04 a FAILED execution, with its own parameters", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(failFirst(1)))
		first, err := b.Start(t.Context(), "daily", params(day(1), text("inputDir", "/data")), launch.Options{})
		wantError(t, err, errBoom)
		second, err := b.Restart(t.Context(), first.ID, nil, launch.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if second.Instance != first.Instance {
			t.Errorf("got instance %+v, want %+v", second.Instance, first.Instance)
		}
		if diff := cmp.Diff(first.Parameters, second.Parameters); diff != "" {
			t.Errorf("parameters (-first +second):\n%s", diff)
		}
	})
	t.Run("a STOPPED execution", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(succeed))
		stop := core.NewStop()
		stop.Request(core.ErrStopped)
		first, err := b.Start(t.Context(), "daily", params(day(1)), launch.Options{Stop: stop})
		wantError(t, err, core.ErrStopped)
		second, err := b.Restart(t.Context(), first.ID, nil, launch.Options{})
		if err != nil || second.Status != core.StatusCompleted {
			t.Errorf("got %+v, %v", second, err)
		}
	})
	for _, tt := range []struct {
		name   string
		status core.BatchStatus
		kind   error
		hint   string
	}{
		{"OPR-05 COMPLETED", core.StatusCompleted, core.ErrJobInstanceAlreadyComplete, "batchctl next daily"},
		{"ABANDONED", core.StatusAbandoned, core.ErrJobRestart, "run the job with another identifying parameter: batchctl run daily day=..."},
	} {
		t.Run(tt.name+" is refused", func(t *testing.T) {
			t.Parallel()
			b := setup(t, daily(succeed))
			b.leave("daily", params(day(1)), tt.status)
			je, err := b.Restart(t.Context(), 1, nil, launch.Options{})
			wantRefusal(t, b, 1, je, err, tt.kind, tt.hint)
		})
	}
	t.Run("UNKNOWN, with what made it so and what is left to do", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(succeed))
		b.leave("daily", params(day(1)), core.StatusUnknown)
		je, err := b.Restart(t.Context(), 1, nil, launch.Options{})
		if want := "execution 1 is UNKNOWN, as another program has left it; only FAILED and STOPPED ones restart"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q in it", err, want)
		}
		want := "batchctl show 1 tells how far it came; if that can be done again, have the program that left it so set it " +
			"and its steps to FAILED, then batchctl restart 1; else begin another instance: batchctl run daily day=..."
		wantRefusal(t, b, 1, je, err, core.ErrJobRestart, want)
	})
	t.Run("UNKNOWN, of a job with one instance only", func(t *testing.T) {
		t.Parallel()
		b := setup(t, job("a", succeed))
		b.leave("a", nil, core.StatusUnknown)
		_, err := b.Restart(t.Context(), 1, nil, launch.Options{})
		if got := core.Hint(err); !strings.HasSuffix(got, "then batchctl restart 1") {
			t.Errorf("got the hint %q, want none of another instance", got)
		}
	})
	for _, status := range []string{"UNKNOWN", "PAUSED"} {
		t.Run("STEP-32 of a step that another program has left "+status+" is refused, and nothing is called", func(t *testing.T) {
			t.Parallel()
			calls := 0
			broken := daily(func(context.Context, *core.Scope) error { calls++; return errBoom })
			broken.Listener.AfterJob = func(ctx context.Context, r *core.Run) error {
				tx, err := r.Begin(ctx)
				if err != nil {
					return err
				}
				defer tx.Rollback()
				exec := tx.(interface {
					ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
				})
				if _, err := exec.ExecContext(ctx, "UPDATE BATCH_STEP_EXECUTION SET STATUS = ?", status); err != nil {
					return err
				}
				return tx.Commit()
			}
			b := setup(t, broken)
			_, err := b.Start(t.Context(), "daily", params(day(1)), launch.Options{})
			wantError(t, err, errBoom)
			shown := map[string]string{"UNKNOWN": "UNKNOWN", "PAUSED": `"PAUSED"`}[status]
			want := `step "work" of execution 1 is ` + shown + `: what it has done is not known`
			again, runErr := b.Start(t.Context(), "daily", params(day(1)), launch.Options{})
			restarted, restartErr := b.Restart(t.Context(), 1, nil, launch.Options{})
			wantRefusal(t, b, 1, again, runErr, core.ErrJobRestart, "batchctl show 1")
			wantRefusal(t, b, 1, restarted, restartErr, core.ErrJobRestart, "batchctl show 1")
			if runErr.Error() != "run daily: "+want || restartErr.Error() != "restart 1: "+want {
				t.Errorf("got %q and %q, want %q in both", runErr, restartErr, want)
			}
			if calls != 1 {
				t.Errorf("the step was called %d times, want once", calls)
			}
		})
	}
	t.Run("COMPLETED, of a job without an order", func(t *testing.T) {
		t.Parallel()
		b := setup(t, job("a", succeed))
		b.leave("a", nil, core.StatusCompleted)
		je, err := b.Restart(t.Context(), 1, nil, launch.Options{})
		wantRefusal(t, b, 1, je, err, core.ErrJobInstanceAlreadyComplete, "batchctl show 1")
	})
	t.Run("a running execution whose owner lives is refused", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(succeed))
		b.hold(b.open(), "daily", params(day(1), region), core.StatusStarted)
		je, err := b.Restart(t.Context(), 1, nil, launch.Options{})
		wantRefusal(t, b, 1, je, err, core.ErrJobExecutionAlreadyRunning, "batchctl show 1")
	})
	t.Run("OPR-14 a running execution whose owner is dead is recovered", func(t *testing.T) {
		t.Parallel()
		for _, status := range []core.BatchStatus{core.StatusStarting, core.StatusStarted, core.StatusStopping} {
			t.Run(status.String(), func(t *testing.T) {
				t.Parallel()
				b := setup(t, daily(succeed))
				dead := b.orphan("daily", params(day(1), region), status)
				je, err := b.Restart(t.Context(), dead.ID, nil, launch.Options{})
				if err != nil {
					t.Fatal(err)
				}
				if je.Status != core.StatusCompleted || je.Instance != dead.Instance {
					t.Errorf("got %s of %+v", je.Status, je.Instance)
				}
			})
		}
	})
	t.Run("not the newest of its instance", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(fail))
		for range 2 {
			_, err := b.Start(t.Context(), "daily", params(day(1)), launch.Options{})
			wantError(t, err, errBoom)
		}
		je, err := b.Restart(t.Context(), 1, nil, launch.Options{})
		wantRefusal(t, b, 2, je, err, core.ErrJobRestart, "batchctl restart 2")
	})
	t.Run("a job that is not registered any more", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(succeed))
		b.leave("dayly", nil, core.StatusFailed)
		je, err := b.Restart(t.Context(), 1, nil, launch.Options{})
		wantRefusal(t, b, 1, je, err, core.ErrNoSuchJob, "did you mean daily? batchctl jobs lists the jobs")
	})
	t.Run("an identifying default that the job has gained since is not added", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(succeed))
		first := b.leave("daily", params(day(1)), core.StatusFailed) // before there was a region
		je, err := b.Restart(t.Context(), first.ID, nil, launch.Options{})
		if err != nil {
			t.Fatal(err)
		}
		want := params(day(1), text("inputDir", "/srv/batch/in"))
		if diff := cmp.Diff(want, je.Parameters); diff != "" || je.Instance != first.Instance {
			t.Errorf("got instance %d, parameters (-want +got):\n%s", je.Instance.ID, diff)
		}
	})
}

var region = core.JobParameter{Name: "region", Value: "eu", Identifying: true}

func TestRestartOverrides(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		overrides core.JobParameters
		want      string // value of inputDir; empty: refused
		hint      string
	}{
		{"a non-identifying parameter is changed", params(text("inputDir", "/mended")), "/mended", ""},
		{"a path is made absolute", params(text("inputDir", "mended")), "/srv/batch/mended", ""},
		{
			"it does not become identifying by the way",
			params(core.JobParameter{Name: "inputDir", Value: "/mended", Identifying: true}), "/mended", "",
		},
		{"an identifying one that does not change is no change", params(day(1)), "/srv/batch/in", ""},
		{"an identifying one is refused", params(day(2)), "", "batchctl run daily day=..."},
		{
			"a new identifying one is refused",
			params(core.JobParameter{Name: "x", Value: "y", Identifying: true}), "",
			"write x:string:non-identifying=... if that is meant",
		},
		{"an undeclared one is refused", params(text("x", "y")), "", "declared are day, inputDir, region"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, daily(failFirst(1)))
			first, err := b.Start(t.Context(), "daily", params(day(1)), launch.Options{})
			wantError(t, err, errBoom)
			je, err := b.Restart(t.Context(), first.ID, tt.overrides, launch.Options{})
			if tt.want == "" {
				wantRefusal(t, b, 1, je, err, core.ErrJobParametersInvalid, tt.hint)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if p, _ := je.Parameters.Lookup("inputDir"); p.Value != tt.want || p.Identifying {
				t.Errorf("got %+v, want %s", p, tt.want)
			}
			if je.Instance != first.Instance {
				t.Errorf("got instance %+v, want %+v", je.Instance, first.Instance)
			}
		})
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	t.Run("OPR-06 a STARTED execution is STOPPING until its owner has ended", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		other := b.operator(b.open())
		je, err := b.Launcher.Run(t.Context(), job("a", func(ctx context.Context, s *core.Scope) error {
			for range 2 { // the second changes nothing
				je, err := other.Stop(ctx, s.Execution.ID)
				if err != nil {
					return err
				}
				if je.Status != core.StatusStopping || !je.EndTime.IsZero() {
					t.Errorf("got %s, ended at %v", je.Status, je.EndTime)
				}
			}
			<-s.Stop.Done()
			return s.Stop.Cause()
		}), nil, launch.Options{})
		wantError(t, err, core.ErrStopped)
		if je.Status != core.StatusStopped {
			t.Errorf("got %s", je.Status)
		}
		if again, err := other.Stop(t.Context(), je.ID); err != nil || again.Status != core.StatusStopped {
			t.Errorf("stopping what is STOPPED: %+v, %v", again, err)
		}
	})
	for _, status := range []core.BatchStatus{core.StatusCompleted, core.StatusFailed, core.StatusAbandoned, core.StatusUnknown} {
		t.Run("OPR-07 "+status.String()+" is not running", func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.leave("a", nil, status)
			je, err := b.Stop(t.Context(), 1)
			wantError(t, err, core.ErrJobExecutionNotRunning)
			wantHint(t, err, "batchctl show 1")
			if je != nil {
				t.Errorf("got %+v besides an error", je)
			}
		})
	}
	t.Run("nobody is there to hear it", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.orphan("a", nil, core.StatusStarted)
		_, err := b.Stop(t.Context(), 1)
		wantError(t, err, core.ErrJobExecutionNotRunning)
		wantHint(t, err, "batchctl restart 1")
		if je, err := b.store.JobExecution(t.Context(), 1); err != nil || je.Status != core.StatusStarted {
			t.Errorf("the row was changed: %+v, %v", je, err)
		}
	})
	t.Run("OPR-03 an unknown execution", func(t *testing.T) {
		t.Parallel()
		_, err := setup(t).Stop(t.Context(), 42)
		wantError(t, err, core.ErrNoSuchJobExecution)
		wantHint(t, err, "batchctl executions")
	})
}

func TestAbandon(t *testing.T) {
	t.Parallel()
	for _, status := range []core.BatchStatus{core.StatusStopping, core.StatusStopped, core.StatusFailed} {
		t.Run("OPR-08 "+status.String(), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.hold(b.open(), "a", nil, status)
			je, err := b.Abandon(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			if je.Status != core.StatusAbandoned || je.EndTime.IsZero() {
				t.Errorf("got %s, ended at %v", je.Status, je.EndTime)
			}
		})
	}
	t.Run("OPR-09 STARTED", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.hold(b.open(), "a", nil, core.StatusStarted)
		_, err := b.Abandon(t.Context(), 1)
		wantError(t, err, core.ErrJobExecutionAlreadyRunning)
		wantHint(t, err, "batchctl stop 1")
	})
	t.Run("OPR-10 UNKNOWN stays UNKNOWN", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.leave("a", nil, core.StatusUnknown)
		if je, err := b.Abandon(t.Context(), 1); err != nil || je.Status != core.StatusUnknown {
			t.Errorf("got %+v, %v", je, err)
		}
	})
	t.Run("OPR-03 an unknown execution", func(t *testing.T) {
		t.Parallel()
		_, err := setup(t).Abandon(t.Context(), 42)
		wantError(t, err, core.ErrNoSuchJobExecution)
		wantHint(t, err, "batchctl executions")
	})
}

func TestQueries(t *testing.T) {
	t.Parallel()
	b := setup(t, job("registered", succeed))
	b.leave("gone", nil, core.StatusFailed)
	b.hold(b.open(), "busy", nil, core.StatusStarted)
	t.Run("OPR-15 a name that is not registered but has a history", func(t *testing.T) {
		t.Parallel()
		instances, err := b.JobInstances(t.Context(), core.JobInstanceQuery{JobName: "gone"})
		if err != nil || len(instances) != 1 {
			t.Errorf("got %v, %v", instances, err)
		}
	})
	t.Run("OPR-16 a name that has neither", func(t *testing.T) {
		t.Parallel()
		_, err := b.JobInstances(t.Context(), core.JobInstanceQuery{JobName: "registred"})
		wantError(t, err, core.ErrNoSuchJob)
		wantHint(t, err, "did you mean registered? batchctl jobs lists the jobs")
		_, err = b.RunningExecutions(t.Context(), "registred")
		wantError(t, err, core.ErrNoSuchJob)
	})
	t.Run("a registered name without a history", func(t *testing.T) {
		t.Parallel()
		instances, err := b.JobInstances(t.Context(), core.JobInstanceQuery{JobName: "registered"})
		if err != nil || len(instances) != 0 {
			t.Errorf("got %v, %v", instances, err)
		}
	})
	t.Run("OPR-17 an unknown instance", func(t *testing.T) {
		t.Parallel()
		_, err := b.JobExecutions(t.Context(), core.JobExecutionQuery{InstanceID: 42})
		wantError(t, err, core.ErrNoSuchJobInstance)
		if core.Hint(err) == "" {
			t.Errorf("error %q has no hint", err)
		}
	})
	t.Run("executions, and those that run", func(t *testing.T) {
		t.Parallel()
		all, err := b.JobExecutions(t.Context(), core.JobExecutionQuery{})
		if err != nil || len(all) != 2 {
			t.Errorf("got %v, %v", all, err)
		}
		running, err := b.RunningExecutions(t.Context(), "")
		if err != nil || len(running) != 1 || running[0].Instance.JobName != "busy" {
			t.Errorf("got %v, %v", running, err)
		}
	})
}
