package sqlstep_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/sqlstep"
)

// logAfter calls f once, at the first statement that is logged.
func logAfter(f func()) *slog.Logger { return slog.New(&afterHandler{f: sync.OnceFunc(f)}) }

type afterHandler struct {
	slog.Handler
	f func()
}

func (h *afterHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *afterHandler) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "Statement executed" {
		h.f()
	}
	return nil
}

// Everything that is wrong is said before a statement runs.
func TestRefused(t *testing.T) {
	t.Parallel()
	const good = "DELETE FROM account"
	for _, tt := range []struct {
		name      string
		statement string
		says      string
	}{
		{"empty", "  ", "statement 2: it is empty"},
		{"a comment alone", "-- DELETE FROM account", "it is empty"},
		{"a semicolon alone", ";", "it is empty"},
		{"two statements", "DELETE FROM account; DELETE FROM account", "more than one statement"},
		{"two by a comment that ends", "DELETE FROM account; /* x */ DROP TABLE account", "more than one statement"},
		{"two behind a trigger", "CREATE TRIGGER a AFTER INSERT ON account BEGIN DELETE FROM account; END; DROP TABLE account", "more than one statement"},
		{"a trigger without an end", "CREATE TRIGGER a AFTER INSERT ON account BEGIN DELETE FROM account; DROP TABLE account", "the body of a trigger ends with ; END"},
		{"begin", "BEGIN", "BEGIN is refused: the step runs in a transaction"},
		{"commit", "commit", "COMMIT is refused"},
		{"end", "END TRANSACTION", "END is refused"},
		{"rollback", "/**/ROLLBACK TO x", "ROLLBACK is refused"},
		{"savepoint", "SAVEPOINT x", "SAVEPOINT is refused"},
		{"release", "RELEASE x", "RELEASE is refused"},
		{"attach", "ATTACH '/tmp/x' AS x", "ATTACH is refused: changes in two databases"},
		{"detach", "DETACH x", "DETACH is refused"},
		{"pragma", "PRAGMA writable_schema = ON", "PRAGMA is refused: it would change the connection"},
		{"vacuum", "VACUUM INTO '/tmp/x'", "VACUUM is refused: it cannot run in a transaction"},
		{"select", "SELECT load_extension('/tmp/x')", "SELECT is refused: it returns rows that nobody sees"},
		{"select behind with", "WITH a AS (DELETE) SELECT 1", "SELECT is refused"},
		{"select behind a name that is a verb", "WITH replace AS (SELECT 1) SELECT * FROM replace", "SELECT is refused"},
		{"a change that returns rows", "DELETE FROM account returning id", "RETURNING is refused: it returns rows that nobody sees"},
		{"values", "VALUES (1)", "VALUES is refused"},
		{"explain", "EXPLAIN DELETE FROM account", "EXPLAIN is refused"},
		{"another word", "GRANT ALL", `it begins with "GRANT", which is none of INSERT`},
		{"a verb in quotes", `"DELETE" FROM account`, "which is none of"},
		{"a bracket", "(DELETE FROM account)", `it begins with "("`},
		{"temporary", "CREATE TEMP TABLE x (a)", "what is temporary would stay"},
		{"temporary by name", `CREATE TABLE "temp".x (a)`, "what is temporary would stay"},
		{"a temporary trigger", "CREATE TEMPORARY TRIGGER a AFTER INSERT ON account BEGIN DELETE FROM account; END", "what is temporary would stay"},
		{"the repository's table", "UPDATE batch_job_execution SET STATUS = 'COMPLETED'", "the table BATCH_JOB_EXECUTION belongs to the repository"},
		{"in quotes", `DELETE FROM "Batch_Step_Execution"`, "belongs to the repository"},
		{"in brackets", "DELETE FROM [BATCH_JOB_SEQ]", "belongs to the repository"},
		{"in backquotes", "DELETE FROM `BATCHCTL_OWNER`", "belongs to the repository"},
		{"as a text, which SQLite takes for a name", "DELETE FROM 'BATCH_JOB_INSTANCE'", "belongs to the repository"},
		{"in a trigger", "CREATE TRIGGER a AFTER INSERT ON account BEGIN DELETE FROM BATCH_JOB_SEQ; END", "belongs to the repository"},
		{"a parameter by position", "DELETE FROM account WHERE id = ?", `the parameter "?" is not of the form :name`},
		{"a numbered parameter", "DELETE FROM account WHERE id = ?1", `"?1" is not of the form`},
		{"a parameter with @", "DELETE FROM account WHERE id = @id", `"@id" is not of the form`},
		{"a parameter with $", "DELETE FROM account WHERE id = $id", `"$id" is not of the form`},
		{"a colon alone", "DELETE FROM account WHERE id = :", `":" is not of the form`},
		{"a value that nobody gave", "DELETE FROM account WHERE id = :days", "there is no value for :days"},
		{"an open text", "DELETE FROM account WHERE name = 'a", "a ' is not closed"},
		{"an open bracket", "DELETE FROM [account", "a [ has no ]"},
		{"NUL", "DELETE FROM account\x00; DROP TABLE account", "it contains a NUL character"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			je, err := b.runConfig(sqlstep.Config{
				Statements: []string{"DELETE FROM account WHERE name = :day", tt.statement}, Params: map[string]any{"day": "x"},
			})
			if !errors.Is(err, core.ErrJobDefinition) || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "statement 2") {
				t.Errorf("got error %v, want one about statement 2 that says %q", err, tt.says)
			}
			if tt.name == "a value that nobody gave" && core.Hint(err) != "did you mean :day?" {
				t.Errorf("the hint is %q", core.Hint(err))
			}
			wantStep(t, je, "FAILED/FAILED")
			b.wantAccounts(untouched)
		})
	}
	for _, tt := range []struct {
		name string
		cfg  sqlstep.Config
		says string
	}{
		{"nothing", sqlstep.Config{}, "there are no statements"},
		{"a value that nobody uses", sqlstep.Config{Statements: []string{good + " WHERE name = ':day'"}, Params: map[string]any{"day": 1}}, "no statement uses the parameter :day"},
		{"a name that is none", sqlstep.Config{Statements: []string{good}, Params: map[string]any{"a b": 1}}, `the parameter "a b" is not a plain name`},
		{"an empty name", sqlstep.Config{Statements: []string{good}, Params: map[string]any{"": 1}}, `the parameter "" is not a plain name`},
		{"a time", sqlstep.Config{Statements: []string{good}, Params: map[string]any{"a": time.Time{}}}, "the parameter :a is a time.Time"},
		{"not a number", sqlstep.Config{Statements: []string{good}, Params: map[string]any{"a": math.NaN()}}, "the parameter :a is NaN"},
		{"a key of ours", sqlstep.Config{Statements: []string{good}, RowsKey: "batchctl.lineage"}, "is one of batchctl's own"},
		{"negative timeout", sqlstep.Config{Statements: []string{good}, Timeout: -1}, "the timeout -1ns is negative"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			_, err := b.runConfig(tt.cfg)
			if !errors.Is(err, core.ErrJobDefinition) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got error %v, want one that says %q", err, tt.says)
			}
			b.wantAccounts(untouched)
		})
	}
}

// What only looks like something refused runs.
func TestNotRefused(t *testing.T) {
	t.Parallel()
	for _, statement := range []string{
		"DELETE FROM account WHERE name = 'a; DROP TABLE account'",
		"DELETE FROM account WHERE name = 'it''s :day'; -- and :day; COMMIT",
		"UPDATE account SET name = 'PRAGMA' /* ; ATTACH ? */ WHERE id = -1 ;  ",
		"INSERT INTO account (id, name) SELECT 9, 'SELECT'",
		"CREATE TABLE batch_id (temp, batch_size, \"select\")",
		"REPLACE INTO account VALUES (1e0, x'00', 1)",
		"CREATE VIEW v AS SELECT temp.id FROM account AS temp",
		"UPDATE account SET amount = temp.amount FROM account AS temp WHERE temp.id = account.id",
		`INSERT INTO account (id, name) VALUES (9, 'RETURNING') -- RETURNING`,
		"WITH replace AS (SELECT 3 AS id) DELETE FROM account WHERE id IN (SELECT id FROM replace)",
		"DROP TABLE account /* a comment without an end",
		"DELETE FROM account -- and no line end",
	} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			if _, err := setup(t).run(statement); err != nil {
				t.Error(err)
			}
		})
	}
}
