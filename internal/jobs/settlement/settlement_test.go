package settlement_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/settlement"
)

func TestJobIsSound(t *testing.T) {
	t.Parallel()
	if err := settlement.Job().Check(); err != nil {
		t.Fatal(err)
	}
}

// checkDay compares ledger, summary and report with what is expected of the
// day's input as it is under dir.
func (b *bench) checkDay(t *testing.T, dir, date string) expected {
	t.Helper()
	want := expect(t, dir, date)
	if d := diff(want.ledger, b.rows(t, ledgerQuery, date)); d != "" {
		t.Errorf("ledger of %s (-want +got):\n%s", date, d)
	}
	if d := diff(want.summary, b.rows(t, summaryQuery, date)); d != "" {
		t.Errorf("summary of %s (-want +got):\n%s", date, d)
	}
	if d := diff(want.report, b.report(t, date)); d != "" {
		t.Errorf("report of %s (-want +got):\n%s", date, d)
	}
	return want
}

func TestWholeDay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	je := b.mustRun(t, "2021-01-01")
	want := b.checkDay(t, b.in, "2021-01-01")
	if len(want.ledger) < 4000 || want.tests == 0 || len(want.summary) < 20 {
		t.Fatalf("the day is too poor to prove anything: %d rows, %d TEST, %d lines",
			len(want.ledger), want.tests, len(want.summary))
	}
	got := stepOf(je, settlement.StepSettle).Counts
	counts := core.Counts{Commit: 5, Read: 5000, Filter: int64(want.tests), Write: int64(len(want.ledger))}
	if got != counts {
		t.Errorf("counts %+v, want %+v", got, counts)
	}
	if _, err := b.run(t, "2021-01-01"); !errors.Is(err, core.ErrJobInstanceAlreadyComplete) {
		t.Errorf("second start: %v, want ErrJobInstanceAlreadyComplete", err)
	}
	parts, err := filepath.Glob(filepath.Join(b.out, "*.part"))
	if err != nil || len(parts) > 0 {
		t.Errorf("left behind: %v %v", parts, err)
	}
}

func TestBrokenRecordThenRestart(t *testing.T) {
	t.Parallel()
	const date = "2021-01-02"
	b, whole := setup(t), setup(t)
	first, err := b.run(t, date)
	if err == nil || first.Status != core.StatusFailed {
		t.Fatalf("run: %v, %v, want FAILED", first, err)
	}
	place := filepath.Join(b.in, date+".csv") + `:2701: amount: "17265O": `
	if !strings.Contains(err.Error(), place) {
		t.Errorf("error %q does not say %q", err, place)
	}
	if got := stepOf(first, settlement.StepSettle).Counts; got.Commit != 2 || got.Read != 2000 {
		t.Errorf("first attempt committed %+v, want 2000 records in 2 chunks", got)
	}
	if _, err := os.Stat(filepath.Join(b.out, "settlement-"+date+".csv")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a report is there after a failure: %v", err)
	}

	for _, x := range []*bench{b, whole} {
		x.replace(t, date+".csv", "17265O", "172650")
	}
	second := b.mustRun(t, date)
	if second.Instance.ID != first.Instance.ID {
		t.Errorf("instances %d and %d, want one", first.Instance.ID, second.Instance.ID)
	}
	if stepOf(second, settlement.StepVerify) != nil {
		t.Error("verifyInput ran again")
	}
	if got := stepOf(second, settlement.StepSettle).Counts; got.Commit != 1 || got.Read != 1000 {
		t.Errorf("second attempt committed %+v, want the 1000 records behind the last commit", got)
	}
	b.checkDay(t, b.in, date)

	whole.mustRun(t, date)
	if d := diff(whole.rows(t, ledgerQuery, date), b.rows(t, ledgerQuery, date)); d != "" {
		t.Errorf("ledger differs from an undamaged day's (-whole +restarted):\n%s", d)
	}
	if whole.report(t, date) != b.report(t, date) {
		t.Error("report differs from an undamaged day's")
	}
	if _, err := b.run(t, date); !errors.Is(err, core.ErrJobInstanceAlreadyComplete) {
		t.Errorf("third start: %v, want ErrJobInstanceAlreadyComplete", err)
	}
}

func TestTestTotalsSurviveARestart(t *testing.T) {
	t.Parallel()
	const date = "2021-01-02"
	b := setup(t)
	if _, err := b.run(t, date); err == nil {
		t.Fatal("the broken day completed")
	}
	b.replace(t, date+".csv", "17265O", "172650")
	b.mustRun(t, date)
	ec := stepContext(t, b, date)
	tests := int64(expect(t, b.in, date).tests)
	if got, _, err := ec.Int64("settlement.test.records"); err != nil || got != tests {
		t.Errorf("%d TEST records in the context (%v), want those of both attempts, %d", got, err, tests)
	}
}

func stepContext(t *testing.T, b *bench, date string) core.ExecutionContext {
	t.Helper()
	page, err := b.store.JobInstances(t.Context(), core.JobInstanceQuery{JobName: settlement.Name})
	if err != nil || len(page) != 1 {
		t.Fatalf("instances of %s: %v %v", date, page, err)
	}
	se, err := b.store.LastStepExecution(t.Context(), page[0].ID, settlement.StepSettle)
	if err != nil {
		t.Fatal(err)
	}
	return se.Context
}

func TestEmptyDay(t *testing.T) {
	t.Parallel()
	const date = "2021-01-03"
	for _, ledger := range []string{"", "ledger.db"} {
		t.Run("ledger "+ledger, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			const days = `SELECT REQUEST_DATE, TRANSACTIONS FROM SETTLED_DAY`
			var je *core.JobExecution
			var settled []string
			if ledger == "" {
				je = b.mustRun(t, date)
				settled = b.rows(t, days)
			} else {
				var err error
				if je, err = b.run(t, date, b.elsewhere(ledger)); err != nil {
					t.Fatal(err)
				}
				settled = b.rowsIn(t, b.elsewhere(ledger), days)
			}
			if je.Status != core.StatusCompleted || je.ExitStatus.Code != settlement.ExitCodeNothing {
				t.Errorf("the job is %s with exit code %s, want COMPLETED and %s", je.Status, je.ExitStatus.Code, settlement.ExitCodeNothing)
			}
			if len(je.Steps) != 1 || je.Steps[0].StepName != settlement.StepVerify {
				t.Errorf("%d steps ran, want verifyInput alone", len(je.Steps))
			}
			if d := diff([]string{date + "|0"}, settled); d != "" {
				t.Errorf("settled days (-want +got):\n%s", d)
			}
			b.wantNoReport(t, date)
			if _, err := b.run(t, date); !errors.Is(err, core.ErrJobInstanceAlreadyComplete) {
				t.Errorf("second start: %v, want ErrJobInstanceAlreadyComplete", err)
			}
		})
	}
}

func (b *bench) wantNoReport(t *testing.T, date string) {
	t.Helper()
	if found, err := filepath.Glob(filepath.Join(b.out, "settlement-"+date+".csv*")); err != nil || len(found) > 0 {
		t.Errorf("%v %v, want no report", found, err)
	}
}

// A day of TEST records alone is no empty day: it has a report without lines.
func TestDayOfTestRecords(t *testing.T) {
	t.Parallel()
	const date = "2021-03-01"
	b := setup(t)
	b.input(t, date, "records=1\ntotal.KRW=5\n", "2021030100000001,7,a,TEST,KRW,5")
	je := b.mustRun(t, date)
	if len(je.Steps) != 5 || je.ExitStatus.Code != core.ExitCodeCompleted {
		t.Errorf("%d steps ran, exit code %s", len(je.Steps), je.ExitStatus.Code)
	}
	b.checkDay(t, b.in, date)
}

// A restart behind the last chunk has nothing left to read. The day is not empty
// for that: whether it is was decided before, by what verifyInput has counted.
func TestRestartThatReadsNothing(t *testing.T) {
	t.Parallel()
	const date = "2021-01-02"
	b := setup(t)
	job := settlement.Job()
	job.Listener.AfterChunk = func(_ context.Context, s *core.Scope) {
		if s.Step.StepName == settlement.StepSettle && s.Step.Counts.Commit == 3 { // what was rejected cannot be put there
			if err := os.Mkdir(b.rejectsFile(date), 0o700); err != nil {
				t.Error(err)
			}
		}
	}
	first, err := b.runJob(t, job, date, skipping(1))
	if err == nil {
		t.Fatal("the day completed although its rejects could not be published")
	}
	if got := stepOf(first, settlement.StepSettle); got.Status != core.StatusFailed || got.Counts.Read != 2999 {
		t.Fatalf("settleTransactions is %s, counts %+v, want FAILED behind all records", got.Status, got.Counts)
	}
	if err := os.Remove(b.rejectsFile(date)); err != nil {
		t.Fatal(err)
	}
	second, err := b.run(t, date)
	if err != nil {
		t.Fatal(err)
	}
	if got := stepOf(second, settlement.StepSettle); got == nil || got.Counts.Read != 0 {
		t.Errorf("the restart has settleTransactions as %+v, want it without a record", got)
	}
	if second.ExitStatus.Code != core.ExitCodeCompleted {
		t.Errorf("exit code %s, want %s", second.ExitStatus.Code, core.ExitCodeCompleted)
	}
	b.checkDay(t, b.without(t, date, "17265O"), date)
	if got := len(b.rejects(t, date)); got != 1 {
		t.Errorf("%d rejects, want 1", got)
	}
}

// An instance that an older version has begun knows no number of records.
func TestDayWithoutACount(t *testing.T) {
	t.Parallel()
	const date = "2021-01-02"
	b := setup(t)
	job := settlement.Job()
	job.Listener.BeforeStep = func(_ context.Context, s *core.Scope) error {
		if s.Step.StepName == settlement.StepSettle {
			s.JobContext.Put("settlement.records", nil)
		}
		return nil
	}
	if _, err := b.runJob(t, job, date); err == nil {
		t.Fatal("the broken day completed")
	}
	b.replace(t, date+".csv", "17265O", "172650")
	b.mustRun(t, date)
	b.checkDay(t, b.in, date)
}

func TestWrongTotal(t *testing.T) {
	t.Parallel()
	const date = "2021-01-04"
	b := setup(t)
	first, err := b.run(t, date)
	if err == nil {
		t.Fatal("a day whose control total is wrong completed")
	}
	settled, tests := sums(t, b.in, date, "KRW")
	want := fmt.Sprintf("KRW: %d settled + %d TEST = 79769420, control file 79769520, difference -100", settled, tests)
	if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "JPY") || strings.Contains(err.Error(), "USD") {
		t.Errorf("error %q, want %q and no other currency", err, want)
	}
	if hint := core.Hint(err); !strings.Contains(hint, "batchctl restart 1") {
		t.Errorf("hint %q does not say how to go on", hint)
	}
	if got := stepOf(first, settlement.StepReconcile).Status; got != core.StatusFailed {
		t.Errorf("reconcile is %s, want FAILED", got)
	}
	if stepOf(first, settlement.StepSummarize) != nil {
		t.Error("the day was summarized although it does not reconcile")
	}
	b.replace(t, date+".ctl", "79769520", "79769420")
	second := b.mustRun(t, date)
	if stepOf(second, settlement.StepSettle) != nil || stepOf(second, settlement.StepVerify) != nil {
		t.Error("a completed step ran again")
	}
	b.checkDay(t, b.in, date)
}

func TestDaysDoNotTouchEachOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.replace(t, "2021-01-02.csv", "17265O", "172650")
	b.mustRun(t, "2021-01-02")
	b.mustRun(t, "2021-01-01")
	b.mustRun(t, "2021-01-03")
	for _, date := range []string{"2021-01-01", "2021-01-02"} {
		b.checkDay(t, b.in, date)
	}
	days := b.rows(t, `SELECT REQUEST_DATE FROM SETTLED_DAY WHERE TRANSACTIONS = (
		SELECT count(*) FROM SETTLED_TRANSACTION T WHERE T.REQUEST_DATE = SETTLED_DAY.REQUEST_DATE)`)
	if d := diff([]string{"2021-01-01", "2021-01-02", "2021-01-03"}, days); d != "" {
		t.Errorf("settled days (-want +got):\n%s", d)
	}
}

func TestHalfEvenFees(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.input(t, "2021-03-01", "records=9\r\ntotal.KRW=99999999999999345\r\ntotal.USD=-0.30\r\n",
		"2021030100000001,7,a,SALE,KRW,20",                // 0.5 -> 0
		"2021030100000002,7,a,SALE,KRW,60",                // 1.5 -> 2
		"2021030100000003,7,a,SALE,KRW,100",               // 2.5 -> 2
		"2021030100000004,7,a,SALE,KRW,61",                // 1.525 -> 2
		"2021030100000005,7,a,REFUND,KRW,50",              // 0.5 -> 0
		"2021030100000006,7,a,REFUND,KRW,150",             // 1.5 -> 2
		"2021030100000007,7,b,TEST,KRW,5",                 // filtered
		"2021030100000008,7,b,SALE,KRW,99999999999999299", // 2499999999999982.475
		"2021030100000009,7,c,REFUND,USD,.30",             // refused below
	)
	_, err := b.run(t, "2021-03-01")
	if err == nil || !strings.Contains(err.Error(), `:10: amount: ".30": `) {
		t.Fatalf("run: %v, want the place of an amount without digits before the point", err)
	}
	b.replace(t, "2021-03-01.csv", ",.30", ",0.3")
	b.mustRun(t, "2021-03-01")
	b.checkDay(t, b.in, "2021-03-01")
	fees := b.rows(t, `SELECT FEE FROM SETTLED_TRANSACTION ORDER BY TRANSACTION_ID`)
	want := []string{"0", "2", "2", "2", "0", "2", "2499999999999982", "0"}
	if d := diff(want, fees); d != "" {
		t.Errorf("fees (-want +got):\n%s", d)
	}
}

func TestEveryDifferenceIsSaid(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.input(t, "2021-03-01", "records=3\ntotal.KRW=70\ntotal.JPY=5\n",
		"2021030100000001,7,a,SALE,KRW,100",
		"2021030100000002,7,a,REFUND,KRW,30",
		"2021030100000003,7,a,TEST,USD,1.5",
	)
	_, err := b.run(t, "2021-03-01")
	if err == nil {
		t.Fatal("completed")
	}
	want := "JPY: 0 settled + 0 TEST = 0, control file 5, difference -5; " +
		"USD: 0.00 settled + 1.50 TEST = 1.50, control file 0.00, difference +1.50"
	if !strings.HasSuffix(err.Error(), want) {
		t.Errorf("error %q, want %q at its end", err, want)
	}
	// A file that grew after it was verified is found here too.
	b.replace(t, "2021-03-01.ctl", "records=3\ntotal.KRW=70\ntotal.JPY=5\n", "records=2\ntotal.KRW=70\ntotal.USD=1.50\n")
	_, err = b.run(t, "2021-03-01")
	if want := "records: 2 settled + 1 TEST = 3, control file 2, difference +1"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("error %v, want %q at its end", err, want)
	}
}
