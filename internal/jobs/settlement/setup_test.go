package settlement_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/jobs/settlement"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

const committed = "../../../testdata/transactions"

// bench is a repository and a folder of input of its own.
type bench struct {
	store    *sqlite.Store
	launcher *launch.JobLauncher
	in, out  string
}

func setup(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{in: filepath.Join(dir, "in"), out: filepath.Join(dir, "out")}
	if err := os.CopyFS(b.in, os.DirFS(committed)); err != nil {
		t.Fatal(err)
	}
	tokens := 0
	token := func() string { tokens++; return fmt.Sprintf("%032x", tokens) }
	store, err := sqlite.Open(t.Context(), filepath.Join(dir, "batchctl.db"), sqlite.Options{Now: time.Now, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	b.store = store
	b.launcher = &launch.JobLauncher{
		Databases: sqlite.Databases{},
		Repo:      store, Log: slog.New(slog.DiscardHandler), Now: time.Now, Token: token, Dir: dir,
	}
	return b
}

// run settles the day, given as yyyy-mm-dd.
func (b *bench) run(t *testing.T, date string, more ...core.JobParameter) (*core.JobExecution, error) {
	t.Helper()
	return b.runJob(t, settlement.Job(), date, more...)
}

// runJob is run for a job that is dailySettlement with something added.
func (b *bench) runJob(t *testing.T, job *core.Job, date string, more ...core.JobParameter) (*core.JobExecution, error) {
	t.Helper()
	at, err := time.Parse(time.DateOnly, date)
	if err != nil {
		t.Fatal(err)
	}
	ps := core.JobParameters{
		{Name: "requestDate", Value: at, Identifying: true},
		{Name: "inputDir", Value: b.in},
		{Name: "outputDir", Value: b.out},
	}
	for _, p := range more {
		ps = ps.With(p)
	}
	return b.launcher.Run(t.Context(), job, ps, launch.Options{})
}

// mustRun is run for a day that completes.
func (b *bench) mustRun(t *testing.T, date string) *core.JobExecution {
	t.Helper()
	je, err := b.run(t, date)
	if err != nil {
		t.Fatalf("run %s: %v", date, err)
	}
	if je.Status != core.StatusCompleted {
		t.Fatalf("run %s: %s, want COMPLETED", date, je.Status)
	}
	return je
}

// edit changes the input file of that name.
func (b *bench) edit(t *testing.T, name string, change func(text string) string) {
	t.Helper()
	path := filepath.Join(b.in, name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := change(string(data))
	if text == string(data) {
		t.Fatalf("editing %s changed nothing", name)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// replace is edit for one piece of text, which must be there once.
func (b *bench) replace(t *testing.T, name, old, with string) {
	t.Helper()
	b.edit(t, name, func(text string) string {
		if n := strings.Count(text, old); n != 1 {
			t.Fatalf("%s holds %q %d times, want once", name, old, n)
		}
		return strings.Replace(text, old, with, 1)
	})
}

// input puts a day of records under that date, with the control file text.
func (b *bench) input(t *testing.T, date, control string, records ...string) {
	t.Helper()
	header := "transaction_id,merchant_id,merchant_name,transaction_type,currency,amount\n"
	text := header
	for _, r := range records {
		text += r + "\n"
	}
	for name, data := range map[string]string{date + ".csv": text, date + ".ctl": control} {
		if err := os.WriteFile(filepath.Join(b.in, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// rows returns the rows of a query, every value as text.
func (b *bench) rows(t *testing.T, query string, args ...any) []string {
	t.Helper()
	return readRows(t.Context(), t, b.store, query, args...)
}

// execer is what the job needs of a transaction.
type execer interface {
	querier
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func readRows(ctx context.Context, t *testing.T, q querier, query string, args ...any) []string {
	t.Helper()
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	all := []string{}
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		var line []string
		for _, v := range values {
			line = append(line, fmt.Sprint(*v.(*any)))
		}
		all = append(all, strings.Join(line, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

const ledgerQuery = `
SELECT TRANSACTION_ID, MERCHANT_ID, MERCHANT_NAME, TRANSACTION_TYPE, CURRENCY, AMOUNT, FEE, REQUEST_DATE
FROM SETTLED_TRANSACTION WHERE REQUEST_DATE = ? ORDER BY TRANSACTION_ID`

const summaryQuery = `
SELECT LINE, MERCHANT_ID, MERCHANT_NAME, CURRENCY, SALE_COUNT, SALE_AMOUNT,
	REFUND_COUNT, REFUND_AMOUNT, FEE, NET, REQUEST_DATE
FROM MERCHANT_SUMMARY WHERE REQUEST_DATE = ? ORDER BY LINE`

// report returns the report of the day.
func (b *bench) report(t *testing.T, date string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(b.out, "settlement-"+date+".csv"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// stepOf returns the execution's step of that name, or nil.
func stepOf(je *core.JobExecution, name string) *core.StepExecution {
	for _, se := range je.Steps {
		if se.StepName == name {
			return se
		}
	}
	return nil
}

// diff returns the beginning of the difference, or "".
func diff(want, got any) string {
	const most = 2000
	text := cmp.Diff(want, got)
	return text[:min(len(text), most)]
}
