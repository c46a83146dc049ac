package sqlitem_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/flow"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

const stepName = "move"

// token returns 32 random hexadecimal digits.
func token() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

type fixture struct {
	store *sqlite.Store
	je    *core.JobExecution // owns the transactions of do
}

// setup returns a repository in which the statements were executed.
func setup(tb testing.TB, statements ...string) *fixture {
	tb.Helper()
	store, err := sqlite.Open(tb.Context(), filepath.Join(tb.TempDir(), "batch.db"), sqlite.Options{Now: time.Now, Token: token})
	if err != nil {
		tb.Fatal(err)
	}
	je, err := store.CreateJobExecution(tb.Context(), core.Launch{JobName: "setup"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Release(je); err != nil {
			tb.Error(err)
		}
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	f := &fixture{store: store, je: je}
	f.do(tb, statements...)
	return f
}

// do executes statements in a transaction of their own.
func (f *fixture) do(tb testing.TB, statements ...string) {
	tb.Helper()
	tx, err := f.store.Begin(tb.Context(), f.je)
	if err != nil {
		tb.Fatal(err)
	}
	defer tx.Rollback()
	for _, statement := range statements {
		if _, err := tx.(sqlitem.Execer).ExecContext(tb.Context(), statement); err != nil {
			tb.Fatalf("%s: %v", statement, err)
		}
	}
	if err := tx.Commit(); err != nil {
		tb.Fatal(err)
	}
}

// write writes items as one chunk in a transaction, which it commits.
func write[T any](tb testing.TB, f *fixture, w *sqlitem.Writer[T], items []T) error {
	tb.Helper()
	tx, err := f.store.Begin(tb.Context(), f.je)
	if err != nil {
		tb.Fatal(err)
	}
	defer tx.Rollback()
	if err := w.Write(tb.Context(), &core.Chunk[T]{Seq: 1, Items: items, Tx: tx}); err != nil {
		return err
	}
	return tx.Commit()
}

// run launches, or restarts, a job of one step.
func (f *fixture) run(tb testing.TB, step *core.Step) (*core.StepExecution, error) {
	tb.Helper()
	return f.runJob(tb, &core.Job{Name: "job", Steps: []*core.Step{step}})
}

// runJob launches, or restarts, a job, and returns the last execution of its
// step called stepName.
func (f *fixture) runJob(tb testing.TB, job *core.Job) (*core.StepExecution, error) {
	tb.Helper()
	je, err := f.store.CreateJobExecution(tb.Context(), core.Launch{JobName: job.Name})
	if err != nil {
		tb.Fatal(err)
	}
	runErr := engine.Run(tb.Context(), &core.Run{
		Job: job, Execution: je, Repo: f.store, Body: flow.Body{}, Stop: core.NewStop(), Now: time.Now,
		Token: token,
	})
	if err := f.store.Release(je); err != nil {
		tb.Error(err)
	}
	se, err := f.store.LastStepExecution(tb.Context(), je.Instance.ID, stepName)
	if err != nil {
		tb.Fatal(err)
	}
	return se, runErr
}

// column returns the first column of a query as text.
func (f *fixture) column(tb testing.TB, query string, args ...any) []string {
	tb.Helper()
	rows, err := f.store.QueryContext(tb.Context(), query, args...)
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	var values []string
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			tb.Fatal(err)
		}
		values = append(values, v)
	}
	if err := rows.Err(); err != nil {
		tb.Fatal(err)
	}
	return values
}

// entry is an item of the tests.
type entry struct {
	id   int64
	name string
	line string
}

// Where implements what the writer asks an item for.
func (e entry) Where() string { return e.line }

func scanEntry(rows *sql.Rows, e *entry) error { return rows.Scan(&e.id, &e.name) }

func entryValues(e *entry, dst []any) []any { return append(dst, e.id, e.name) }

// deaf is a transaction that runs no SQL.
type deaf struct{ core.Tx }

// closed is a Querier that fails.
type closed struct{ err error }

func (c closed) QueryContext(context.Context, string, ...any) (*sql.Rows, error) { return nil, c.err }

// planner remembers the last query, to explain it.
type planner struct {
	*fixture
	query string
	args  []any
}

func (p *planner) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	p.query, p.args = query, args
	return p.store.QueryContext(ctx, query, args...)
}

// last returns the plan of the last query, a line a step.
func (p *planner) last(tb testing.TB) string {
	tb.Helper()
	rows, err := p.store.QueryContext(tb.Context(), "EXPLAIN QUERY PLAN "+p.query, p.args...)
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var id, parent, unused int
		var line string
		if err := rows.Scan(&id, &parent, &unused, &line); err != nil {
			tb.Fatal(err)
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil {
		tb.Fatal(err)
	}
	return strings.Join(lines, "\n")
}
