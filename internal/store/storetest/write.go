package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
)

// execer is what the transaction of a store in SQL has besides.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

var writeRules = []rule{
	{"REPO-12 a step row is inserted with its context", func(t *testing.T, s suite) {
		je := s.launch(t)
		ec := core.ExecutionContext{"position": int64(1000)}
		se := s.step(t, je, "load", ec)
		if se.Version != 0 || se.ID == 0 {
			t.Errorf("got id %d, version %d", se.ID, se.Version)
		}
		s.want(t, "STARTED EXECUTING 0 0 0", "SELECT STATUS || ' ' || EXIT_CODE || ' ' || VERSION || ' ' || READ_COUNT || ' ' || COMMIT_COUNT FROM BATCH_STEP_EXECUTION")
		got := must2(s.Repo.StepExecution(t.Context(), se.ID))(t)
		if diff := cmp.Diff(ec, got.Context); diff != "" {
			t.Errorf("context (-want +got):\n%s", diff)
		}
		want := se.Clone()
		want.JobExecution = nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("stored otherwise than returned (-returned +stored):\n%s", diff)
		}
	}},
	{"REPO-14 a rollback leaves counts and context", func(t *testing.T, s suite) {
		je := s.launch(t)
		se := s.step(t, je, "load", core.ExecutionContext{"position": int64(1)})
		tx := must2(s.Repo.Begin(t.Context(), je))(t)
		next := se.Clone()
		next.Counts.Read = 10
		next.Context.Put("position", int64(11))
		if err := tx.UpdateStepExecution(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		got := must2(s.Repo.StepExecution(t.Context(), se.ID))(t)
		if position, _, _ := got.Context.Int64("position"); got.Counts.Read != 0 || position != 1 || got.Version != 0 {
			t.Errorf("got %+v at %d, version %d", got.Counts, position, got.Version)
		}
	}},
	{"REPO-15 an exit message is cut to its column", func(t *testing.T, s suite) {
		je := s.launch(t)
		se := s.step(t, je, "load", nil)
		message := strings.Repeat("x", 2499) + strings.Repeat("😀", 100)
		err := s.updateStep(t, je, se, func(next *core.StepExecution) { next.ExitStatus.Message = message })
		if err != nil {
			t.Fatal(err)
		}
		s.want(t, strings.Repeat("x", 2499), "SELECT EXIT_MESSAGE FROM BATCH_STEP_EXECUTION")
		s.update(t, je, func(next *core.JobExecution) { next.ExitStatus.Message = strings.Repeat("y", 5000) })
		s.want(t, strings.Repeat("y", 2500), "SELECT EXIT_MESSAGE FROM BATCH_JOB_EXECUTION")
	}},
	{"an exit code is never NULL", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.update(t, je, func(next *core.JobExecution) { next.ExitStatus = core.ExitStatus{} })
		s.want(t, "UNKNOWN", "SELECT EXIT_CODE FROM BATCH_JOB_EXECUTION")
	}},
	{"REPO-19 an execution that does not exist", func(t *testing.T, s suite) {
		je := s.launch(t)
		tx := must2(s.Repo.Begin(t.Context(), je))(t)
		defer tx.Rollback() //nolint:errcheck // nothing is to be kept
		next := je.Clone()
		next.ID = 4711
		wantError(t, tx.UpdateJobExecution(t.Context(), next), core.ErrNoSuchJobExecution, "batchctl executions")
		_, err := tx.JobStatus(t.Context(), 4711)
		wantError(t, err, core.ErrNoSuchJobExecution, "")
	}},
	{"LOCK-01 a foreign version of the job is adopted", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.start(t, je)
		must2(s.Repo.RequestStop(t.Context(), je.ID))(t)
		s.update(t, je, func(next *core.JobExecution) { next.Context.Put("k", "v") })
		if je.Status != core.StatusStopping || je.Version != 3 {
			t.Errorf("got %v, version %d; want STOPPING, version 3", je.Status, je.Version)
		}
		s.want(t, "STOPPING 3", "SELECT STATUS || ' ' || VERSION FROM BATCH_JOB_EXECUTION")
	}},
	{"LOCK-02 a lower foreign status is not", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.start(t, je)
		s.exec(t, "UPDATE BATCH_JOB_EXECUTION SET STATUS = 'STARTING', VERSION = 7")
		s.update(t, je, func(*core.JobExecution) {})
		s.want(t, "STARTED 8", "SELECT STATUS || ' ' || VERSION FROM BATCH_JOB_EXECUTION")
	}},
	{"LOCK-04 a stale copy of a step is refused", func(t *testing.T, s suite) {
		je := s.launch(t)
		se := s.step(t, je, "load", nil)
		stale := se.Clone()
		if err := s.updateStep(t, je, se, func(next *core.StepExecution) { next.Counts.Read = 1 }); err != nil {
			t.Fatal(err)
		}
		err := s.updateStep(t, je, stale, func(next *core.StepExecution) { next.Counts.Read = 2 })
		wantError(t, err, core.ErrOptimisticLock, "")
		if errors.Is(err, core.ErrLeaseLost) {
			t.Errorf("got %v, which is no lost lease", err)
		}
		s.want(t, int64(1), "SELECT READ_COUNT FROM BATCH_STEP_EXECUTION")
	}},
	{"LOCK-05 a transaction sees the stop", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.start(t, je)
		must2(s.Repo.RequestStop(t.Context(), je.ID))(t)
		tx := must2(s.Repo.Begin(t.Context(), je))(t)
		defer tx.Rollback() //nolint:errcheck // nothing is to be kept
		if got, err := tx.JobStatus(t.Context(), je.ID); err != nil || got != core.StatusStopping {
			t.Errorf("got %v, %v", got, err)
		}
	}},
	{"LOCK-06 STOPPING with an end becomes STOPPED", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.start(t, je)
		must2(s.Repo.RequestStop(t.Context(), je.ID))(t)
		s.end(t, je, core.StatusCompleted)
		s.want(t, "STOPPED STOPPED", "SELECT STATUS || ' ' || EXIT_CODE FROM BATCH_JOB_EXECUTION")
		s.want(t, int64(0), "SELECT COUNT(*) FROM BATCHCTL_EXECUTION_OWNER")
	}},
	{"LOCK-07 a process that was recovered writes nothing more", func(t *testing.T, s suite) {
		s.exec(t, "CREATE TABLE SINK (N INTEGER)")
		je := s.launch(t)
		s.start(t, je)
		se := s.step(t, je, "load", nil)
		s.kill(t, je)
		if _, _, err := s.Repo.Recover(t.Context(), je.ID, false); err != nil {
			t.Fatal(err)
		}
		err := s.updateStep(t, je, se, func(next *core.StepExecution) { next.Counts.Read = 2 })
		wantError(t, err, core.ErrLeaseLost, "batchctl executions")

		tx := must2(s.Repo.Begin(t.Context(), je))(t)
		wantError(t, tx.UpdateJobExecution(t.Context(), je.Clone()), core.ErrLeaseLost, "")
		wantError(t, tx.CreateStepExecution(t.Context(), se.Clone()), core.ErrLeaseLost, "")
		_ = tx.Rollback()

		tx = must2(s.Repo.Begin(t.Context(), je))(t)
		must2(tx.(execer).ExecContext(t.Context(), "INSERT INTO SINK VALUES (1)"))(t)
		wantError(t, tx.Commit(), core.ErrLeaseLost, "")
		s.want(t, int64(0), "SELECT COUNT(*) FROM SINK")
		s.want(t, "FAILED 0", "SELECT STATUS || ' ' || READ_COUNT FROM BATCH_STEP_EXECUTION")
	}},
	{"LOCK-08 every write moves the version by one", func(t *testing.T, s suite) {
		je := s.launch(t)
		se := s.step(t, je, "load", nil)
		for want := range int64(3) {
			s.update(t, je, func(*core.JobExecution) {})
			if err := s.updateStep(t, je, se, func(*core.StepExecution) {}); err != nil {
				t.Fatal(err)
			}
			if je.Version != want+1 || se.Version != want+1 {
				t.Errorf("got versions %d and %d, want %d", je.Version, se.Version, want+1)
			}
			s.want(t, want+1, "SELECT VERSION FROM BATCH_JOB_EXECUTION")
			s.want(t, want+1, "SELECT VERSION FROM BATCH_STEP_EXECUTION")
		}
	}},
	{"the end of the job ends the ownership", func(t *testing.T, s suite) {
		je := s.launch(t)
		tx := must2(s.Repo.Begin(t.Context(), je))(t)
		next := je.Clone()
		next.Status, next.EndTime = core.StatusCompleted, je.CreateTime
		if err := tx.UpdateJobExecution(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		if err := tx.CreateStepExecution(t.Context(), &core.StepExecution{JobExecution: je, StepName: "late"}); err != nil {
			t.Errorf("a write after the end, in the same transaction: %v", err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		s.want(t, int64(0), "SELECT COUNT(*) FROM BATCHCTL_EXECUTION_OWNER")
		tx = must2(s.Repo.Begin(t.Context(), je))(t)
		defer tx.Rollback() //nolint:errcheck // nothing is to be kept
		wantError(t, tx.UpdateJobExecution(t.Context(), next), core.ErrLeaseLost, "")
	}},
	{"own rows and the checkpoint commit together", func(t *testing.T, s suite) {
		s.exec(t, "CREATE TABLE SINK (N INTEGER)")
		je := s.launch(t)
		se := s.step(t, je, "load", nil)
		for _, commit := range []bool{false, true} {
			tx := must2(s.Repo.Begin(t.Context(), je))(t)
			must2(tx.(execer).ExecContext(t.Context(), "INSERT INTO SINK VALUES (1)"))(t)
			next := se.Clone()
			next.Counts.Write++
			if err := tx.UpdateStepExecution(t.Context(), next); err != nil {
				t.Fatal(err)
			}
			if commit {
				must(t, 0, tx.Commit())
			}
			must(t, 0, tx.Rollback())
			want := int64(0)
			if commit {
				want = 1
			}
			s.want(t, want, "SELECT COUNT(*) FROM SINK")
			s.want(t, want, "SELECT WRITE_COUNT FROM BATCH_STEP_EXECUTION")
		}
	}},
	{"the wait for the write lock ends with its context", func(t *testing.T, s suite) {
		je := s.launch(t)
		tx := must2(s.Repo.Begin(t.Context(), je))(t)
		defer tx.Rollback() //nolint:errcheck // nothing is to be kept
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := s.Repo.Begin(ctx, je); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got error %v, want the end of the context", err)
		}
	}},
	{"a context that has ended is noticed before the next statement", func(t *testing.T, s suite) {
		je := s.launch(t)
		se := s.step(t, je, "load", nil)
		tx := must2(s.Repo.Begin(t.Context(), je))(t)
		defer tx.Rollback() //nolint:errcheck // nothing is to be kept
		ctx, cancel := context.WithCancel(t.Context())
		if err := tx.UpdateStepExecution(ctx, se); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := tx.UpdateStepExecution(ctx, se); !errors.Is(err, context.Canceled) {
			t.Errorf("got error %v, want the end of the context", err)
		}
		if err := tx.Commit(); err != nil {
			t.Errorf("the transaction did not outlive the context: %v", err)
		}
	}},
	{"the step of an earlier attempt can be put right by the owner of the next", func(t *testing.T, s suite) {
		je := s.launch(t)
		se := s.step(t, je, "load", nil)
		s.kill(t, je)
		next := s.launch(t)
		dead := must2(s.Repo.StepExecution(t.Context(), se.ID))(t)
		if err := s.updateStep(t, next, dead, func(se *core.StepExecution) { se.Counts.Write = 7 }); err != nil {
			t.Fatal(err)
		}
		s.want(t, int64(7), "SELECT WRITE_COUNT FROM BATCH_STEP_EXECUTION WHERE STEP_EXECUTION_ID = ?", se.ID)
	}},
}

var operateRules = []rule{
	{"OPR-03 an execution that does not exist", func(t *testing.T, s suite) {
		_, err := s.Repo.RequestStop(t.Context(), 7)
		wantError(t, err, core.ErrNoSuchJobExecution, "")
		_, err = s.Repo.Abandon(t.Context(), 7)
		wantError(t, err, core.ErrNoSuchJobExecution, "")
		_, _, err = s.Repo.Recover(t.Context(), 7, true)
		wantError(t, err, core.ErrNoSuchJobExecution, "")
	}},
	{"OPR-06 a running execution is asked to stop", func(t *testing.T, s suite) {
		je := s.launch(t)
		for _, want := range []int64{1, 1} { // asking again changes nothing
			got := must2(s.Repo.RequestStop(t.Context(), je.ID))(t)
			if got.Status != core.StatusStopping || got.Version != want || !got.EndTime.IsZero() {
				t.Errorf("got %v, version %d, end %v", got.Status, got.Version, got.EndTime)
			}
		}
	}},
	{"OPR-07 an ended execution cannot be stopped", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.end(t, je, core.StatusStopped)
		_, err := s.Repo.RequestStop(t.Context(), je.ID)
		wantError(t, err, core.ErrJobExecutionNotRunning, "batchctl show")
		s.want(t, je.Version, "SELECT VERSION FROM BATCH_JOB_EXECUTION")
	}},
	{"OPR-08 a stopping execution is abandoned", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.start(t, je)
		must2(s.Repo.RequestStop(t.Context(), je.ID))(t)
		got := must2(s.Repo.Abandon(t.Context(), je.ID))(t)
		if got.Status != core.StatusAbandoned || got.EndTime.IsZero() {
			t.Errorf("got %v, end %v", got.Status, got.EndTime)
		}
		s.end(t, je, core.StatusFailed) // its owner comes to its end later
		s.want(t, "ABANDONED", "SELECT STATUS FROM BATCH_JOB_EXECUTION")
	}},
	{"OPR-08 what a dead owner left running is recovered when it is abandoned", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.step(t, je, "load", nil)
		must2(s.Repo.RequestStop(t.Context(), je.ID))(t)
		s.kill(t, je)
		must2(s.Repo.Abandon(t.Context(), je.ID))(t)
		s.want(t, "FAILED", "SELECT STATUS FROM BATCH_STEP_EXECUTION")
		s.want(t, int64(0), "SELECT COUNT(*) FROM BATCHCTL_EXECUTION_OWNER")
	}},
	{"OPR-09 a running or complete execution is not abandoned", func(t *testing.T, s suite) {
		je := s.launch(t)
		_, err := s.Repo.Abandon(t.Context(), je.ID)
		wantError(t, err, core.ErrJobExecutionAlreadyRunning, fmt.Sprintf("batchctl stop %d", je.ID))
		s.kill(t, je)
		_, err = s.Repo.Abandon(t.Context(), je.ID)
		wantError(t, err, core.ErrJobExecutionAlreadyRunning, fmt.Sprintf("batchctl recover %d", je.ID))
		s.want(t, "STARTING 0", "SELECT STATUS || ' ' || VERSION FROM BATCH_JOB_EXECUTION")
		s.exec(t, "UPDATE BATCH_JOB_EXECUTION SET STATUS = 'COMPLETED'")
		_, err = s.Repo.Abandon(t.Context(), je.ID)
		wantError(t, err, core.ErrJobInstanceAlreadyComplete, "batchctl show")
	}},
	{"OPR-10 UNKNOWN stays UNKNOWN", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.end(t, je, core.StatusFailed)
		s.exec(t, "UPDATE BATCH_JOB_EXECUTION SET STATUS = 'UNKNOWN'")
		if got := must2(s.Repo.Abandon(t.Context(), je.ID))(t); got.Status != core.StatusUnknown || got.Version != je.Version {
			t.Errorf("got %v, version %d", got.Status, got.Version)
		}
	}},
	{"OPR-11 what a dead process left is recovered", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.start(t, je)
		done := s.step(t, je, "load", nil)
		if err := s.updateStep(t, je, done, func(next *core.StepExecution) { next.Status = core.StatusCompleted }); err != nil {
			t.Fatal(err)
		}
		running := s.step(t, je, "settle", core.ExecutionContext{"position": int64(3)})
		s.kill(t, je)
		v, got, err := s.Repo.Recover(t.Context(), je.ID, false)
		must(t, got, err)
		if v.Liveness != core.OwnerDead || v.Owner.Token != je.Owner.Token || v.Evidence == "" {
			t.Errorf("got verdict %+v", v)
		}
		if got.Status != core.StatusFailed || got.EndTime.IsZero() || got.ExitStatus.Code != core.ExitCodeFailed || got.Version != je.Version+1 {
			t.Errorf("got %v, end %v, exit %q, version %d", got.Status, got.EndTime, got.ExitStatus.Code, got.Version)
		}
		for _, part := range []string{"owner died", fmt.Sprint("pid ", je.Owner.PID), je.Owner.HostName, v.Evidence} {
			if !strings.Contains(got.ExitStatus.Message, part) {
				t.Errorf("exit message %q does not say %q", got.ExitStatus.Message, part)
			}
		}
		if got.Steps[0].Status != core.StatusCompleted || got.Steps[1].Status != core.StatusFailed || got.Steps[1].EndTime.IsZero() {
			t.Errorf("got steps %v and %v", got.Steps[0].Status, got.Steps[1].Status)
		}
		last := must2(s.Repo.LastStepExecution(t.Context(), je.Instance.ID, "settle"))(t)
		if position, _, _ := last.Context.Int64("position"); last.ID != running.ID || position != 3 {
			t.Errorf("got position %d of step execution %d", position, last.ID)
		}
		s.want(t, int64(0), "SELECT COUNT(*) FROM BATCHCTL_EXECUTION_OWNER")
	}},
	{"OPR-12 an execution that has ended is left as it is", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.end(t, je, core.StatusFailed)
		for _, status := range []string{"COMPLETED", "ABANDONED", "UNKNOWN", "FAILED", "STOPPED"} {
			s.exec(t, "UPDATE BATCH_JOB_EXECUTION SET STATUS = ?", status)
			_, got, err := s.Repo.Recover(t.Context(), je.ID, false)
			if must(t, got, err); got.Status.String() != status || got.Version != je.Version {
				t.Errorf("%s: got %v, version %d", status, got.Status, got.Version)
			}
		}
	}},
	{"OPR-13 a living owner is not recovered without force", func(t *testing.T, s suite) {
		je := s.launch(t)
		v, _, err := s.Repo.Recover(t.Context(), je.ID, false)
		wantError(t, err, core.ErrJobExecutionAlreadyRunning, fmt.Sprintf("batchctl stop %d", je.ID))
		if v.Liveness != core.OwnerAlive {
			t.Errorf("got verdict %v", v.Liveness)
		}
		s.want(t, "STARTING 0", "SELECT STATUS || ' ' || VERSION FROM BATCH_JOB_EXECUTION")
		_, got, err := s.Repo.Recover(t.Context(), je.ID, true)
		if must(t, got, err); got.Status != core.StatusFailed || !strings.Contains(got.ExitStatus.Message, "by force") {
			t.Errorf("got %v: %s", got.Status, got.ExitStatus.Message)
		}
	}},
	{"OPR-13 nor is one of whom nothing is known", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.estrange(t, je)
		_, _, err := s.Repo.Recover(t.Context(), je.ID, false)
		wantError(t, err, core.ErrJobExecutionAlreadyRunning, fmt.Sprintf("batchctl recover --force %d", je.ID))
	}},
	{"OPR-14 a launch recovers and goes on", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.start(t, je)
		s.step(t, je, "load", core.ExecutionContext{"position": int64(3)})
		s.update(t, je, func(next *core.JobExecution) { next.Context.Put("k", "v") })
		s.kill(t, je)
		next := s.launch(t)
		if diff := cmp.Diff([]int64{je.ID}, next.Recovered); diff != "" {
			t.Errorf("recovered (-want +got):\n%s", diff)
		}
		if k, _, _ := next.Context.String("k"); k != "v" {
			t.Errorf("got context %v", next.Context)
		}
		s.want(t, "FAILED", "SELECT STATUS FROM BATCH_JOB_EXECUTION WHERE JOB_EXECUTION_ID = ?", je.ID)
		s.want(t, "FAILED", "SELECT STATUS FROM BATCH_STEP_EXECUTION")
		s.want(t, next.Owner.Token, "SELECT TOKEN FROM BATCHCTL_EXECUTION_OWNER")
	}},
	{"OPR-14 a launch that is refused recovers nothing", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.kill(t, je)
		_, err := s.Repo.CreateJobExecution(t.Context(), core.Launch{
			JobName: job, Parameters: core.JobParameters{date(1)}, PreventRestart: true,
		})
		wantError(t, err, core.ErrJobRestart, "")
		s.want(t, "STARTING", "SELECT STATUS FROM BATCH_JOB_EXECUTION")
	}},
	{"REPO-16 REPO-17 a deleted instance leaves nothing behind", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.step(t, je, "load", nil)
		keep := s.launch(t, date(2))
		s.step(t, keep, "load", nil)
		wantError(t, s.Repo.DeleteJobInstance(t.Context(), je.Instance.ID), core.ErrJobExecutionAlreadyRunning, "batchctl show")
		s.end(t, je, core.StatusFailed)
		if err := s.Repo.DeleteJobInstance(t.Context(), je.Instance.ID); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{
			"BATCH_JOB_INSTANCE", "BATCH_JOB_EXECUTION", "BATCH_JOB_EXECUTION_PARAMS", "BATCH_JOB_EXECUTION_CONTEXT",
			"BATCH_STEP_EXECUTION", "BATCH_STEP_EXECUTION_CONTEXT", "BATCHCTL_JOB_HISTORY", "BATCHCTL_EXECUTION_OWNER",
		} {
			s.want(t, int64(1), "SELECT COUNT(*) FROM "+table)
		}
		wantError(t, s.Repo.DeleteJobInstance(t.Context(), je.Instance.ID), core.ErrNoSuchJobInstance, "batchctl instances")
	}},
}
