package settlement_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/settlement"
)

// TestManyMerchants has more merchants than are remembered while reading, and
// more lines in the report than a page or a chunk holds.
func TestManyMerchants(t *testing.T) {
	t.Parallel()
	const date, merchants = "2021-03-01", 10_500
	b := setup(t)
	records, total := make([]string, 0, merchants), 0
	for i := range merchants {
		amount := 1000 + i*7
		total += amount
		// Against the order of the report, and every name with a quote in it.
		records = append(records, fmt.Sprintf(`20210301%08d,%d,"shop ""%d""",SALE,JPY,%d`, i+1, merchants-i, merchants-i, amount))
	}
	b.input(t, date, fmt.Sprintf("records=%d\ntotal.JPY=%d\n", merchants, total), records...)
	je := b.mustRun(t, date)
	b.checkDay(t, b.in, date)
	if got := stepOf(je, settlement.StepReport).Counts; got.Commit != 11 || got.Write != merchants {
		t.Errorf("writeReport committed %+v, want %d lines in 11 chunks", got, merchants)
	}
}

func TestMerchantThatChangesItsName(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.input(t, "2021-03-01", "records=3\ntotal.KRW=300\n",
		"2021030100000001,7,old,SALE,KRW,100",
		"2021030100000002,7,new,SALE,KRW,300",
		"2021030100000003,7,newest,REFUND,KRW,100",
	)
	b.mustRun(t, "2021-03-01")
	b.checkDay(t, b.in, "2021-03-01")
	if text := b.report(t, "2021-03-01"); !strings.Contains(text, "\n7,newest,KRW,2,400,1,-100,300,11,289\n") {
		t.Errorf("report\n%s", text)
	}
}

func TestReportThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	const date = "2021-01-01"
	b := setup(t)
	inTheWay := filepath.Join(b.out, "settlement-"+date+".csv")
	if err := os.MkdirAll(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	first, err := b.run(t, date)
	if err == nil || stepOf(first, settlement.StepReport).Status != core.StatusFailed {
		t.Fatalf("run: %v, want a failure of writeReport", err)
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	second := b.mustRun(t, date)
	if len(second.Steps) != 1 {
		t.Errorf("the restart ran %d steps, want writeReport only", len(second.Steps))
	}
	b.checkDay(t, b.in, date)
}

func TestSummaryIsReplaced(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mustRun(t, "2021-01-03") // makes the tables
	const insert = `
INSERT INTO MERCHANT_SUMMARY VALUES
	('2021-01-01', 100101, 'KRW', 'stale', 1, 1, 0, 0, 0, 1, 1),
	('2021-01-01', 999999, 'USD', 'stale', 1, 1, 0, 0, 0, 1, 2),
	('2021-01-02', 999999, 'USD', 'another day', 1, 1, 0, 0, 0, 1, 1)`
	db, err := sql.Open("sqlite3", b.store.Path())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), insert); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b.mustRun(t, "2021-01-01")
	b.checkDay(t, b.in, "2021-01-01")
	if rows := b.rows(t, summaryQuery, "2021-01-02"); len(rows) != 1 {
		t.Errorf("the summary of another day is %v", rows)
	}
}

// TestSameBytes proves that ledger and report depend on the input alone.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	const date = "2021-01-01"
	a, b := setup(t), setup(t)
	b.mustRun(t, "2021-01-03") // other ids of executions
	a.mustRun(t, date)
	b.mustRun(t, date)
	if d := diff(a.rows(t, `SELECT * FROM SETTLED_TRANSACTION`), b.rows(t, `SELECT * FROM SETTLED_TRANSACTION`)); d != "" {
		t.Errorf("ledgers differ:\n%s", d)
	}
	if a.report(t, date) != b.report(t, date) {
		t.Error("reports differ")
	}
}
