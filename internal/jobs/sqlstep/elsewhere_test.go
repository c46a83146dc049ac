package sqlstep_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
	"github.com/batchctl/batchctl/internal/jobs/sqlstep"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// other is a second database with a table of a counter.
type other struct {
	*bundle

	path string
}

func setupOther(t *testing.T) *other {
	t.Helper()
	o := &other{bundle: setup(t), path: filepath.Join(t.TempDir(), "other.db")}
	o.Databases = sqlite.Databases{}
	o.change("CREATE TABLE counter (n INTEGER CHECK (n < 100))", "INSERT INTO counter VALUES (1)")
	return o
}

func (o *other) open() core.Database {
	o.t.Helper()
	db, err := sqlite.Databases{}.OpenDatabase(context.Background(), o.path)
	if err != nil {
		o.t.Fatal(err)
	}
	return db
}

// change changes the other database behind the step's back.
func (o *other) change(statements ...string) {
	o.t.Helper()
	db := o.open()
	defer db.Close()
	tx, err := db.Begin(context.Background())
	if err != nil {
		o.t.Fatal(err)
	}
	defer tx.Rollback() // after a commit there is nothing left to roll back
	for _, s := range statements {
		if _, err := tx.ExecContext(context.Background(), s); err != nil {
			o.t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		o.t.Fatal(err)
	}
}

// number returns the only value of a query on the other database.
func (o *other) number(query string) (n int64) {
	o.t.Helper()
	db := o.open()
	defer db.Close()
	rows, err := db.QueryContext(context.Background(), query)
	if err != nil {
		o.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			o.t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		o.t.Fatal(err)
	}
	return n
}

func (o *other) wantCounter(want int64) {
	o.t.Helper()
	if got := o.number("SELECT n FROM counter"); got != want {
		o.t.Errorf("the counter is %d, want %d", got, want)
	}
}

func (o *other) step(statements ...string) *core.Step {
	return sqlstep.Step("work", func(s *core.Scope) (sqlstep.Config, error) {
		db := sqlitem.NewStatements(sqlitem.OpenExisting(s.Databases, o.path))
		return sqlstep.Config{Statements: statements, Params: map[string]any{"more": 1}, RowsKey: "rows", Database: db}, nil
	})
}

const addOne = "UPDATE counter SET n = n + :more"

func TestElsewhere(t *testing.T) {
	t.Parallel()
	t.Run("statements, count and checkpoint commit there together", func(t *testing.T) {
		t.Parallel()
		o := setupOther(t)
		je, err := o.runStep(t.Context(), o.step(addOne, "CREATE TABLE made (a)", "INSERT INTO made VALUES (1), (2)"))
		if err != nil {
			t.Fatal(err)
		}
		wantStep(t, je, "COMPLETED/COMPLETED")
		o.wantCounter(2)
		if got := je.Steps[0].Counts; got != (core.Counts{Commit: 1, Write: 3}) {
			t.Errorf("got counts %+v, want 3 rows in one commit", got)
		}
		se, err := o.store.StepExecution(t.Context(), je.Steps[0].ID)
		if err != nil || se.Context["rows"] != int64(3) || se.Context[core.ContextKeySink] != o.path {
			t.Errorf("the context is %v, %v", se.Context, err)
		}
		if got := o.number("SELECT WRITE_COUNT FROM BATCHCTL_CHECKPOINT WHERE SEQ = 1"); got != 3 {
			t.Errorf("the checkpoint counts %d rows, want 3", got)
		}
	})
	t.Run("an error names the statement, undoes all, and a restart runs them", func(t *testing.T) {
		t.Parallel()
		o := setupOther(t)
		je, err := o.runStep(t.Context(), o.step(addOne, "UPDATE counter SET n = n + 99"))
		if want := `step work: statement 2 "UPDATE counter SET n = n + 99": CHECK constraint failed: n < 100`; err == nil || err.Error() != want {
			t.Errorf("got error %v, want %s", err, want)
		}
		if got := core.ClassOf(err, ""); got != core.ClassWriteConstraint {
			t.Errorf("the class is %q", got)
		}
		wantStep(t, je, "FAILED/FAILED")
		if got := je.Steps[0].Counts; got != (core.Counts{Rollback: 1}) {
			t.Errorf("got counts %+v, want one rollback", got)
		}
		o.wantCounter(1)
		o.must(o.step(addOne))
		o.wantCounter(2)
	})
	t.Run("a step that may start again does, with a lineage of its own", func(t *testing.T) {
		t.Parallel()
		o := setupOther(t)
		step := o.step(addOne)
		step.AllowStartIfComplete = true
		failing := &core.Step{Name: "fail", Bind: func(*core.Scope) (core.StepBody, error) { return nil, errors.New("not today") }}
		for range 3 {
			if _, err := o.Run(t.Context(), &core.Job{Name: o.job, Steps: []*core.Step{step, failing}}, nil, launch.Options{}); err == nil {
				t.Fatal("the job has completed")
			}
		}
		o.wantCounter(4)
	})
	t.Run("what exceeds its time is undone", func(t *testing.T) {
		t.Parallel()
		o := setupOther(t)
		endless := "WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) INSERT INTO counter SELECT 0 FROM c"
		step := sqlstep.Step("work", func(s *core.Scope) (sqlstep.Config, error) {
			db := sqlitem.NewStatements(sqlitem.OpenExisting(s.Databases, o.path))
			return sqlstep.Config{Statements: []string{endless}, Timeout: 50 * time.Millisecond, Database: db}, nil
		})
		je, err := o.runStep(t.Context(), step)
		if core.ClassOf(err, "") != core.ClassTimeout {
			t.Errorf("got error %v", err)
		}
		wantStep(t, je, "FAILED/TIMEOUT")
		o.wantCounter(1)
	})
	t.Run("a database that is not there is not made", func(t *testing.T) {
		t.Parallel()
		o := setupOther(t)
		right := o.path
		o.path = filepath.Join(filepath.Dir(right), "othr.db")
		_, err := o.runStep(t.Context(), o.step(addOne))
		if err == nil || !strings.Contains(err.Error(), "there is no such file") || !strings.Contains(core.Hint(err), "did you mean "+core.QuotePath(right)) {
			t.Errorf("got error %v with the hint %q", err, core.Hint(err))
		}
		if left, _ := filepath.Glob(o.path + "*"); len(left) > 0 {
			t.Errorf("there is %v", left)
		}
	})
}

// must runs a step that completes.
func (o *other) must(step *core.Step) *core.JobExecution {
	o.t.Helper()
	je, err := o.runStep(o.t.Context(), step)
	if err != nil {
		o.t.Fatal(err)
	}
	wantStep(o.t, je, "COMPLETED/COMPLETED")
	return je
}

// A commit there that the repository never heard of is found by the restart: the
// statements do not run again, and the counts are right.
func TestElsewhereAhead(t *testing.T) {
	t.Parallel()
	o := setupOther(t)
	lost := o.step(addOne)
	lost.Listener.BeforeChunk = func(_ context.Context, s *core.Scope) error {
		s.JobContext.Put("list", []int{1}) // which keeps the repository from being told
		return nil
	}
	first, err := o.runStep(t.Context(), lost)
	if err == nil || !strings.Contains(err.Error(), "the statements are committed in "+core.QuotePath(o.path)) {
		t.Fatalf("got error %v", err)
	}
	wantStep(t, first, "FAILED/FAILED")
	o.wantCounter(2)
	second := o.must(o.step(addOne))
	o.wantCounter(2)
	before, err := o.store.StepExecution(t.Context(), first.Steps[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(core.Counts{Commit: 1, Write: 1}, before.Counts.Add(second.Steps[0].Counts)); diff != "" {
		t.Errorf("the attempts add up to (-want +got):\n%s", diff)
	}
	after, err := o.store.StepExecution(t.Context(), second.Steps[0].ID)
	if err != nil || after.Context["rows"] != int64(1) {
		t.Errorf("the context is %v, %v", after.Context, err)
	}
}

// Whoever does not hold the claim any more commits nothing.
func TestElsewhereFenced(t *testing.T) {
	t.Parallel()
	o := setupOther(t)
	step := o.step(addOne)
	step.Listener.BeforeChunk = func(context.Context, *core.Scope) error { // behind the claim
		o.change("UPDATE BATCHCTL_CHECKPOINT SET STEP_EXECUTION_ID = STEP_EXECUTION_ID + 1")
		return nil
	}
	if _, err := o.runStep(t.Context(), step); !errors.Is(err, core.ErrLeaseLost) {
		t.Errorf("got error %v", err)
	}
	o.wantCounter(1)
}

// What is ahead of or behind the repository in a way that no crash leaves is
// refused, and so is another database than the one that has the statements.
func TestElsewhereMismatch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		spoil func(o *other) *core.Step
		says  string
	}{
		{"the checkpoint is gone", func(o *other) *core.Step {
			o.change("DELETE FROM BATCHCTL_CHECKPOINT")
			return o.step(addOne)
		}, "the sink has no checkpoint of step work, the repository has 1 committed chunks"},
		{"another lineage", func(o *other) *core.Step {
			o.change("UPDATE BATCHCTL_CHECKPOINT SET LINEAGE = 'x'")
			return o.step(addOne)
		}, "the sink belongs to another run of step work"},
		{"now in the repository", func(*other) *core.Step {
			return sqlstep.Step("work", func(*core.Scope) (sqlstep.Config, error) {
				return sqlstep.Config{Statements: []string{"DELETE FROM account"}}, nil
			})
		}, "an earlier attempt has committed the statements in "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := setupOther(t)
			step := o.step(addOne)
			step.Listener.AfterChunk = func(_ context.Context, s *core.Scope) { // all is committed but the step's end
				s.Context.Put("list", []int{1})
			}
			if _, err := o.runStep(t.Context(), step); err == nil {
				t.Fatal("the first attempt has completed")
			}
			o.wantCounter(2)
			_, err := o.runStep(t.Context(), tt.spoil(o))
			if !errors.Is(err, core.ErrCheckpointMismatch) || !strings.Contains(fmt.Sprint(err), tt.says) {
				t.Errorf("got error %v, want one that says %q", err, tt.says)
			}
			o.wantCounter(2)
			o.wantAccounts(untouched)
		})
	}
}
