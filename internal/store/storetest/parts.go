package storetest

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
)

var partRules = []rule{
	{"the newest execution of every part", func(t *testing.T, s suite) {
		first := s.launch(t)
		for _, name := range []string{
			"load", "load:a", "load:b", "load:ü 😀", "load", "loader:a", "loa:a", "Load:a", "load;a", "load9:a",
		} {
			s.step(t, first, name, core.ExecutionContext{"n": int64(1)})
		}
		s.exec(t, "UPDATE BATCH_STEP_EXECUTION SET STATUS = 'FAILED'")
		s.end(t, first, core.StatusFailed)
		second := s.launch(t)
		b := s.step(t, second, "load:b", nil)
		again := s.step(t, second, "load:b", nil)
		if err := s.updateStep(t, second, again, func(next *core.StepExecution) {
			next.Status, next.Counts.Read = core.StatusCompleted, 7
		}); err != nil {
			t.Fatal(err)
		}
		other := s.launch(t, date(2))
		s.step(t, other, "load:c", nil)

		got := must2(s.Repo.PartitionExecutions(t.Context(), first.Instance.ID, "load"))(t)
		type part struct {
			ID, Execution, Read int64
			Name                string
			Status              core.BatchStatus
		}
		parts := map[string]part{}
		for name, se := range got {
			parts[name] = part{se.ID, se.JobExecution.ID, se.Counts.Read, se.StepName, se.Status}
			if se.Context != nil {
				t.Errorf("part %s comes with the context %v", name, se.Context)
			}
		}
		want := map[string]part{
			"a":   {b.ID - 9, first.ID, 0, "load:a", core.StatusFailed},
			"b":   {again.ID, second.ID, 7, "load:b", core.StatusCompleted},
			"ü 😀": {b.ID - 7, first.ID, 0, "load:ü 😀", core.StatusFailed},
		}
		if diff := cmp.Diff(want, parts); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got := must2(s.Repo.PartitionExecutions(t.Context(), first.Instance.ID, "nobody"))(t); len(got) > 0 {
			t.Errorf("parts of a step that was never started: %v", got)
		}
		if got := must2(s.Repo.PartitionExecutions(t.Context(), other.Instance.ID, "load"))(t); len(got) != 1 || got["c"] == nil {
			t.Errorf("parts of the other instance: %v", got)
		}
	}},
	{"the status of a part that another program has written is shown", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.step(t, je, "load:a", nil)
		s.exec(t, "UPDATE BATCH_STEP_EXECUTION SET STATUS = 'PAUSED'")
		got := must2(s.Repo.PartitionExecutions(t.Context(), je.Instance.ID, "load"))(t)
		if a := got["a"]; a == nil || a.Status != core.StatusUnknown || a.OpaqueStatus != "PAUSED" {
			t.Errorf("got %+v", a)
		}
	}},
	{"the lock file is what the owner row names, until the release", func(t *testing.T, s suite) {
		je := s.launch(t)
		file := s.Repo.LockFile(je)
		if file == nil { // ownership is proven otherwise
			return
		}
		opened := must2(file.Stat())(t)
		named := must2(os.Stat(je.Owner.LockFile))(t)
		if !os.SameFile(opened, named) {
			t.Errorf("%s is not what the owner row names, %s", file.Name(), je.Owner.LockFile)
		}
		if got := s.Another(t).LockFile(je); got != nil {
			t.Errorf("a process that does not own the execution has %s", got.Name())
		}
		s.end(t, je, core.StatusCompleted)
		if got := s.Repo.LockFile(je); got != nil {
			t.Errorf("after the release there is %s", got.Name())
		}
	}},
	{"a savepoint is rolled back to, as often as needed", func(t *testing.T, s suite) {
		s.exec(t, "CREATE TABLE SINK (N INTEGER)")
		je := s.launch(t)
		se := s.step(t, je, "load", nil)
		tx := must2(s.Repo.Begin(t.Context(), je))(t)
		defer tx.Rollback() //nolint:errcheck // after a commit there is nothing left to roll back
		if tx.RollbackToSavepoint(t.Context()) == nil {
			t.Error("there is a savepoint before the first was set")
		}
		insertSink(t, tx)
		must(t, 0, tx.Savepoint(t.Context()))
		for range 2 {
			insertSink(t, tx)
			must(t, 0, tx.RollbackToSavepoint(t.Context()))
		}
		insertSink(t, tx)
		must(t, 0, tx.Savepoint(t.Context())) // takes the place of the first
		insertSink(t, tx)
		must(t, 0, tx.RollbackToSavepoint(t.Context()))
		next := se.Clone()
		next.Counts.Write = 2
		must(t, 0, tx.UpdateStepExecution(t.Context(), next))
		must(t, 0, tx.Commit())
		s.want(t, int64(2), "SELECT COUNT(*) FROM SINK")
		s.want(t, int64(2), "SELECT WRITE_COUNT FROM BATCH_STEP_EXECUTION")
	}},
	{"a savepoint of one transaction is not the next one's", func(t *testing.T, s suite) {
		je := s.launch(t)
		tx := must2(s.Repo.Begin(t.Context(), je))(t)
		must(t, 0, tx.Savepoint(t.Context()))
		must(t, 0, tx.Commit())
		tx = must2(s.Repo.Begin(t.Context(), je))(t)
		defer tx.Rollback() //nolint:errcheck // nothing is to be kept
		if tx.RollbackToSavepoint(t.Context()) == nil {
			t.Error("the savepoint has outlived its transaction")
		}
	}},
	{"a savepoint is gone with a transaction that ended by itself", func(t *testing.T, s suite) {
		s.exec(t, "CREATE TABLE SINK (N INTEGER)")
		je := s.launch(t)
		tx := must2(s.Repo.Begin(t.Context(), je))(t)
		defer tx.Rollback() //nolint:errcheck // nothing is to be kept
		insertSink(t, tx)
		must(t, 0, tx.Savepoint(t.Context()))
		own, ok := tx.(execer)
		if !ok {
			t.Fatalf("a %T runs no statements", tx)
		}
		must2(own.ExecContext(t.Context(), "ROLLBACK"))(t) // as a full disk does
		if tx.RollbackToSavepoint(t.Context()) == nil {
			t.Error("it was rolled back to")
		}
		if tx.Savepoint(t.Context()) == nil {
			t.Error("the next savepoint begins a transaction of its own")
		}
		s.want(t, int64(0), "SELECT COUNT(*) FROM SINK")
	}},
}
