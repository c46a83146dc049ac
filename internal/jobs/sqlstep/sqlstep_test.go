package sqlstep_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/jobs/sqlstep"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bundle is a real repository with a table of accounts and a launcher on it.
type bundle struct {
	*launch.JobLauncher
	t     *testing.T
	store *sqlite.Store
	stop  *core.Stop
	job   string
}

func setup(t *testing.T) *bundle {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "repo.db"), sqlite.Options{Now: time.Now, Token: rand.Text})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &bundle{t: t, store: store, stop: core.NewStop(), job: "schema", JobLauncher: &launch.JobLauncher{
		Repo: store, Now: time.Now, Token: rand.Text, Dir: "/",
	}}
	if _, err := b.run("CREATE TABLE account (id INTEGER PRIMARY KEY, name TEXT, amount INTEGER CHECK (amount >= 0))",
		"INSERT INTO account VALUES (1, 'a', 10), (2, 'b', 20), (3, 'c', 30)"); err != nil {
		t.Fatal(err)
	}
	b.job = "nightly"
	return b
}

func (b *bundle) run(statements ...string) (*core.JobExecution, error) {
	b.t.Helper()
	return b.runConfig(sqlstep.Config{Statements: statements})
}

func (b *bundle) runConfig(cfg sqlstep.Config) (*core.JobExecution, error) {
	b.t.Helper()
	return b.runStep(b.t.Context(), sqlstep.Step("work", func(*core.Scope) (sqlstep.Config, error) { return cfg, nil }))
}

func (b *bundle) runStep(ctx context.Context, step *core.Step) (*core.JobExecution, error) {
	b.t.Helper()
	je, err := b.Run(ctx, &core.Job{Name: b.job, Steps: []*core.Step{step}}, nil, launch.Options{Stop: b.stop})
	b.stop = core.NewStop() // a Stop belongs to one run
	if je == nil {
		b.t.Fatal(err)
	}
	return je, err
}

// accounts returns the table as text.
func (b *bundle) accounts() string {
	b.t.Helper()
	rows, err := b.store.QueryContext(context.Background(), "SELECT id, name, amount FROM account ORDER BY id")
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	var text []string
	for rows.Next() {
		var id int64
		var name sql.NullString
		var amount any
		if err := rows.Scan(&id, &name, &amount); err != nil {
			b.t.Fatal(err)
		}
		text = append(text, fmt.Sprintf("%d %s %v", id, name.String, amount))
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	return strings.Join(text, ", ")
}

// kept returns the value v of the table kept.
func (b *bundle) kept() (v any) {
	b.t.Helper()
	rows, err := b.store.QueryContext(b.t.Context(), "SELECT v FROM kept")
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&v); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	return v
}

const untouched = "1 a 10, 2 b 20, 3 c 30"

func (b *bundle) wantAccounts(want string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.accounts()); diff != "" {
		b.t.Errorf("accounts (-want +got):\n%s", diff)
	}
}

func wantStep(t *testing.T, je *core.JobExecution, want string) {
	t.Helper()
	se := je.Steps[0]
	if got := se.Status.String() + "/" + se.ExitStatus.Code; got != want {
		t.Errorf("the step is %s, want %s (%s)", got, want, se.ExitStatus.Message)
	}
}

func TestStatements(t *testing.T) {
	t.Parallel()
	t.Run("they run in order, in one transaction, and rows are counted", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.runConfig(sqlstep.Config{
			Statements: []string{
				"UPDATE account SET amount = amount + :more WHERE id > :from;",
				"CREATE INDEX account_name ON account (name)", // affects no rows, whatever came before
				"INSERT INTO account VALUES (:from + 10, :name, :more)",
				"-- nobody has it\nDELETE FROM account WHERE id = -1",
				"WITH gone (id) AS (SELECT 3) DELETE FROM account WHERE id IN (SELECT id FROM gone)",
				"ANALYZE account",
			},
			Params:  map[string]any{"more": 5, "from": int64(1), "name": "d"},
			RowsKey: "rows",
		})
		if err != nil {
			t.Fatal(err)
		}
		wantStep(t, je, "COMPLETED/COMPLETED")
		b.wantAccounts("1 a 10, 2 b 25, 11 d 5")
		if got := je.Steps[0].Counts; got != (core.Counts{Commit: 1, Write: 4}) {
			t.Errorf("got counts %+v, want 4 rows in one commit", got)
		}
		if got := je.Steps[0].Version; got != 1 {
			t.Errorf("the step's row was written %d times after its start, want once", got)
		}
		se, err := b.store.StepExecution(t.Context(), je.Steps[0].ID)
		if err != nil || se.Context["rows"] != int64(4) {
			t.Errorf("the context has rows = %v, %v", se.Context["rows"], err)
		}
	})
	t.Run("a promotion that is lost with the step's end is made good, and the rows are not changed twice", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		step := sqlstep.Step("work", func(*core.Scope) (sqlstep.Config, error) {
			return sqlstep.Config{Statements: []string{"UPDATE account SET amount = 2 * amount"}, RowsKey: "rows"}, nil
		})
		promote := engine.PromoteContext(engine.Promotion{Keys: []string{"rows"}, Strict: true})
		lost := false
		step.Listener = core.Join(promote, core.Listener{
			AfterStep: func(_ context.Context, s *core.Scope, _ core.StepExecution) (core.ExitStatus, error) {
				if !lost {
					s.JobContext.Put("list", []int{1}) // which keeps the end from being written
				}
				lost = true
				return core.ExitStatus{}, nil
			},
		})
		first, err := b.runStep(t.Context(), step)
		if err == nil || first.Context["rows"] != nil {
			t.Fatalf("the first attempt: %v, context %v", err, first.Context)
		}
		second, err := b.runStep(t.Context(), step)
		if err != nil {
			t.Fatal(err)
		}
		wantStep(t, second, "COMPLETED/COMPLETED")
		b.wantAccounts("1 a 20, 2 b 40, 3 c 60")
		if got := first.Steps[0].Counts.Add(second.Steps[0].Counts); got != (core.Counts{Commit: 1, Write: 3}) {
			t.Errorf("the attempts add up to %+v", got)
		}
		if got := second.Context["rows"]; got != int64(3) {
			t.Errorf("the job's context has rows = %v", got)
		}
	})
	t.Run("an error names the statement, and undoes all", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.runConfig(sqlstep.Config{
			Statements: []string{"DELETE FROM account WHERE id = 1", "\n  UPDATE account\n SET amount = -1 WHERE id = 2"}, RowsKey: "rows",
		})
		if want := `step work: statement 2 "UPDATE account": CHECK constraint failed: amount >= 0`; err == nil || err.Error() != want {
			t.Errorf("got error %v, want %s", err, want)
		}
		if !(core.ErrorClasses{Include: []string{core.PhaseWrite}}).Match(core.ClassOf(err, "")) {
			t.Errorf("the class is %q", core.ClassOf(err, ""))
		}
		wantStep(t, je, "FAILED/FAILED")
		b.wantAccounts(untouched)
		if se, err := b.store.StepExecution(t.Context(), je.Steps[0].ID); err != nil || se.Context["rows"] != nil || se.Counts.Write != 0 {
			t.Errorf("the step keeps %v and %+v, %v", se.Context, se.Counts, err)
		}
		if _, err := b.run("DELETE FROM account WHERE id = 1"); err != nil { // the restart
			t.Error(err)
		}
		b.wantAccounts("2 b 20, 3 c 30")
	})
	t.Run("what the database says of a name that is none", func(t *testing.T) {
		t.Parallel()
		_, err := setup(t).run("DELETE FROM acount")
		if want := `statement 1 "DELETE FROM acount": no such table: acount`; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %s", err, want)
		}
		if got := core.ClassOf(err, ""); got != sqlstep.ClassStatement {
			t.Errorf("the class is %q", got)
		}
	})
	t.Run("values arrive as they are", func(t *testing.T) {
		t.Parallel()
		for _, value := range []any{
			"", "'; DROP TABLE account; --", `"`, "a\x00b", "ü\n", ":name", "1 OR 1=1",
			int64(math.MaxInt64), 0.1,
			[]byte{0, 1},
			nil, true,
		} {
			b := setup(t)
			_, err := b.runConfig(sqlstep.Config{
				Statements: []string{
					"UPDATE account SET name = CASE WHEN :v IS amount THEN 'as it is' END WHERE id = 2",
					"INSERT INTO account SELECT 4, 'x', 0 WHERE :v IS :v", "CREATE TABLE kept AS SELECT 1 AS id",
					"ALTER TABLE kept ADD COLUMN v", "UPDATE kept SET v = :v",
				},
				Params: map[string]any{"v": value},
			})
			if err != nil {
				t.Fatalf("%v: %v", value, err)
			}
			got := b.kept()
			want := value
			if value == true {
				want = int64(1) // as SQLite keeps it
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
	})
	t.Run("a trigger is one statement", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, err := b.run(`CREATE TRIGGER twice AFTER INSERT ON account BEGIN
			UPDATE account SET amount = CASE WHEN amount > 0 THEN 2 * amount ELSE 0 END WHERE id = new.id;
			UPDATE account SET name = 'x; END' WHERE id = 1;
		END;`, "INSERT INTO account VALUES (4, 'd', 4)")
		if err != nil {
			t.Fatal(err)
		}
		b.wantAccounts("1 x; END 10, 2 b 20, 3 c 30, 4 d 8")
	})
	t.Run("a stop between two statements undoes the first", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		step := sqlstep.Step("work", func(*core.Scope) (sqlstep.Config, error) {
			return sqlstep.Config{Statements: []string{"DELETE FROM account WHERE id = 1", "DELETE FROM account WHERE id = 2"}}, nil
		})
		bind := step.Bind
		step.Bind = func(s *core.Scope) (core.StepBody, error) {
			s.Log = logAfter(func() { b.stop.Request(core.ErrStopped) })
			return bind(s)
		}
		je, err := b.runStep(t.Context(), step)
		if !errors.Is(err, core.ErrStopped) {
			t.Errorf("got error %v", err)
		}
		wantStep(t, je, "STOPPED/STOPPED")
		b.wantAccounts(untouched)
	})
	const endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO account SELECT i + 10, 'n', 0 FROM n"
	t.Run("what exceeds its time is undone", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.runConfig(sqlstep.Config{Statements: []string{"DELETE FROM account", endless}, Timeout: 50 * time.Millisecond})
		if err == nil || !strings.Contains(err.Error(), "the statements were still running after 50ms, and were undone") {
			t.Errorf("got error %v", err)
		}
		if got := core.ClassOf(err, ""); got != core.ClassTimeout {
			t.Errorf("the class is %q", got)
		}
		wantStep(t, je, "FAILED/TIMEOUT")
		b.wantAccounts(untouched)
	})
	t.Run("an abort ends a statement", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		je, err := b.runStep(ctx, sqlstep.Step("work", func(*core.Scope) (sqlstep.Config, error) {
			time.AfterFunc(50*time.Millisecond, func() { cancel(core.ErrAborted) })
			return sqlstep.Config{Statements: []string{endless}, Timeout: time.Hour}, nil
		}))
		if !errors.Is(err, core.ErrAborted) {
			t.Errorf("got error %v", err)
		}
		wantStep(t, je, "STOPPED/STOPPED")
		b.wantAccounts(untouched)
	})
	t.Run("what bind says fails the step", func(t *testing.T) {
		t.Parallel()
		step := sqlstep.Step("work", func(*core.Scope) (sqlstep.Config, error) { return sqlstep.Config{}, errors.New("no such key") })
		je, err := setup(t).runStep(t.Context(), step)
		if err == nil || !strings.Contains(err.Error(), "no such key") || step.Kind != "sql" {
			t.Errorf("got error %v of a step of kind %q", err, step.Kind)
		}
		wantStep(t, je, "FAILED/FAILED")
	})
}
