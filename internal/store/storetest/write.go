package storetest

import (
	"context"
	"database/sql"
	"errors"
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

// insertSink writes a row of the test's own in the transaction.
func insertSink(t *testing.T, tx core.Tx) {
	t.Helper()
	own, ok := tx.(execer)
	if !ok {
		t.Fatalf("a %T runs no statements", tx)
	}
	must2(own.ExecContext(t.Context(), "INSERT INTO SINK VALUES (1)"))(t)
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
		insertSink(t, tx)
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
			insertSink(t, tx)
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
