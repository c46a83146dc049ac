package samples_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/samples"
	"github.com/batchctl/batchctl/internal/jobs/settlement"
	"github.com/batchctl/batchctl/internal/sample"
)

const (
	february = "month=2021-02-01"
	// brokenDay is the day that february makes with a record that cannot be read.
	brokenDay = 10
)

// february puts 28 days into the input: two without a record, and, when broken
// is set, one with a bad record.
func (b *bench) february(t *testing.T, broken bool) {
	t.Helper()
	for number := 1; number <= 28; number++ {
		day := sample.Day{Date: time.Date(2021, 2, number, 0, 0, 0, 0, time.UTC), Records: 10 + number}
		switch {
		case number == 14 || number == 28:
			day.Records = 0
		case number == brokenDay && broken:
			day.BreakNear = 5
		}
		if err := day.WriteFiles(b.in); err != nil {
			t.Fatal(err)
		}
	}
}

// mendTheDay writes the broken day as it should have been.
func (b *bench) mendTheDay(t *testing.T) {
	t.Helper()
	day := sample.Day{Date: time.Date(2021, 2, brokenDay, 0, 0, 0, 0, time.UTC), Records: 10 + brokenDay}
	if err := day.WriteFiles(b.in); err != nil {
		t.Fatal(err)
	}
}

// settled returns how often dailySettlement was executed.
func (b *bench) settled(t *testing.T) int {
	t.Helper()
	found, err := b.store.JobExecutions(t.Context(), core.JobExecutionQuery{JobName: settlement.Name, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

const (
	monthQuery = `
SELECT MONTH, MERCHANT_ID, CURRENCY, SALE_COUNT, SALE_AMOUNT, REFUND_COUNT, REFUND_AMOUNT, FEE, NET
FROM MONTH_SUMMARY
ORDER BY MERCHANT_ID, CURRENCY`
	// The same from the single transactions.
	transactionsQuery = `
SELECT substr(REQUEST_DATE, 1, 7), MERCHANT_ID, CURRENCY,
	SUM(TRANSACTION_TYPE = 'SALE'), SUM(iif(TRANSACTION_TYPE = 'SALE', AMOUNT, 0)),
	SUM(TRANSACTION_TYPE = 'REFUND'), SUM(iif(TRANSACTION_TYPE = 'REFUND', AMOUNT, 0)),
	SUM(FEE), SUM(AMOUNT - FEE)
FROM SETTLED_TRANSACTION
WHERE REQUEST_DATE BETWEEN '2021-02-01' AND '2021-02-28'
GROUP BY MERCHANT_ID, CURRENCY
ORDER BY MERCHANT_ID, CURRENCY`
	countQuery = `SELECT count(*) FROM SETTLED_TRANSACTION`
)

// checkMonth compares the month with the ledger, and the ledger with what the
// input holds.
func (b *bench) checkMonth(t *testing.T, path string) {
	t.Helper()
	month := rows(t, path, monthQuery)
	if d := diff(rows(t, path, transactionsQuery), month); d != "" || len(month) < 10 {
		t.Errorf("%d rows; the month against its transactions (-want +got):\n%s", len(month), d)
	}
	transactions := 0
	files, err := filepath.Glob(filepath.Join(b.in, "2021-02-*.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		transactions += strings.Count(string(data), ",SALE,") + strings.Count(string(data), ",REFUND,")
	}
	if got := rows(t, path, countQuery); got[0] != fmt.Sprint(transactions) {
		t.Errorf("the ledger holds %s transactions, the input %d", got[0], transactions)
	}
}

// The month runs every day that nobody has settled, and adds the days up.
func TestCloseMonth(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.february(t, false)
	for _, day := range []string{"2021-02-01", "2021-02-14", "2021-02-20"} {
		b.mustRun(t, settlement.Job(), "requestDate="+day)
	}
	je := b.mustRun(t, samples.CloseMonth(), february)
	b.checkMonth(t, b.store.Path())
	if got := b.settled(t); got != 28 {
		t.Errorf("dailySettlement was executed %d times, want once for each day", got)
	}
	steps := ran(je)
	if len(steps) != 31 || steps[0] != "openMonth COMPLETED" || steps[1] != "settleDays COMPLETED" ||
		steps[2] != "settleDays:2021-02-01 COMPLETED" || steps[29] != "settleDays:2021-02-28 COMPLETED" || steps[30] != "closeBooks COMPLETED" {
		t.Errorf("steps %v", steps)
	}
	if _, report := b.output(t)["settlement-2021-02-27.csv"]; !report {
		t.Error("the days have left no reports")
	}
	if _, err := b.run(t, samples.CloseMonth(), february); !errors.Is(err, core.ErrJobInstanceAlreadyComplete) {
		t.Errorf("second run: %v, want it refused as complete", err)
	}
}

// A day that fails fails the month, and no other day. Mend it, and the restart
// runs it alone.
func TestCloseMonthRestartsTheFailedDayOnly(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.february(t, true)
	first, err := b.run(t, samples.CloseMonth(), february)
	if err == nil || first.Status != core.StatusFailed || !strings.Contains(err.Error(), "2021-02-10.csv:") {
		t.Fatalf("%v, want the bad record of the tenth", err)
	}
	if steps := ran(first); slices.Contains(steps, "closeBooks COMPLETED") || !slices.Contains(steps, "settleDays:2021-02-10 FAILED") ||
		!slices.Contains(steps, "settleDays:2021-02-11 COMPLETED") {
		t.Errorf("first attempt %v", steps)
	}
	b.mendTheDay(t)
	second := b.mustRun(t, samples.CloseMonth(), february)
	want := []string{"openMonth COMPLETED", "settleDays COMPLETED", "settleDays:2021-02-10 COMPLETED", "closeBooks COMPLETED"}
	if d := diff(want, ran(second)); d != "" {
		t.Errorf("second attempt (-want +got):\n%s", d)
	}
	if got := b.settled(t); got != 29 {
		t.Errorf("dailySettlement was executed %d times, want one more than there are days", got)
	}
	b.checkMonth(t, b.store.Path())
}

// The day may also be mended and restarted by itself, with another limit too.
func TestCloseMonthTakesADayThatWasRestartedApart(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.february(t, true)
	if _, err := b.run(t, samples.CloseMonth(), february); err == nil {
		t.Fatal("the month completed")
	}
	b.mustRun(t, settlement.Job(), "requestDate=2021-02-10", "skipLimit=1")
	b.mustRun(t, samples.CloseMonth(), february)
	if got := rows(t, b.store.Path(), `SELECT count(*) FROM SETTLED_DAY`); got[0] != "28" {
		t.Errorf("%s days are settled", got[0])
	}
	if _, rejects := b.output(t)["rejects-2021-02-10.jsonl"]; !rejects {
		t.Error("the bad record is in no rejects file")
	}
}

func TestCloseMonthOfADayWithoutInput(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.february(t, false)
	missing := filepath.Join(b.in, "2021-02-28.ctl")
	if err := os.Remove(missing); err != nil {
		t.Fatal(err)
	}
	if _, err := b.run(t, samples.CloseMonth(), february); err == nil || !strings.Contains(err.Error(), "2021-02-28.ctl") {
		t.Fatalf("%v, want the missing file", err)
	}
	b.write(t, "2021-02-28.ctl", "records=0")
	b.mustRun(t, samples.CloseMonth(), february)
	b.checkMonth(t, b.store.Path())
}

// A month is closed in one ledger. A day that is in another one is missing.
func TestCloseMonthInAnotherLedger(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.february(t, false)
	path := filepath.Join(b.launcher.Dir, "ledger.db")
	b.mustRun(t, settlement.Job(), "requestDate=2021-02-03") // into the repository
	_, err := b.run(t, samples.CloseMonth(), february, "ledger="+path)
	if err == nil || !strings.Contains(err.Error(), "2021-02 cannot be closed: the ledger lacks 1 of its 28 days: 2021-02-03") || core.Hint(err) == "" {
		t.Fatalf("%v, hint %q", err, core.Hint(err))
	}
	if _, err := b.run(t, samples.CloseMonth(), february); !errors.Is(err, core.ErrCheckpointMismatch) {
		t.Errorf("with the repository as its ledger: %v, want a refusal", err)
	}
	if tables := rows(t, path, `SELECT name FROM sqlite_schema WHERE name = 'MONTH_SUMMARY'`); len(tables) != 0 {
		t.Errorf("the refused month has made %v", tables)
	}

	// Bring the day over, and the month can be closed.
	instance, err := b.store.FindJobInstance(t.Context(), settlement.Name, core.JobParameters{
		{Name: "requestDate", Value: time.Date(2021, 2, 3, 0, 0, 0, 0, time.UTC), Identifying: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.store.DeleteJobInstance(t.Context(), instance.ID); err != nil {
		t.Fatal(err)
	}
	b.mustRun(t, settlement.Job(), "requestDate=2021-02-03", "ledger="+path)
	je := b.mustRun(t, samples.CloseMonth(), february, "ledger="+path)
	if d := diff([]string{"openMonth COMPLETED", "closeBooks COMPLETED"}, ran(je)); d != "" {
		t.Errorf("last attempt (-want +got):\n%s", d)
	}
	b.checkMonth(t, path)
}

// What an earlier closing has left is replaced, and other months stay.
func TestCloseMonthReplaces(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.february(t, false)
	je := b.mustRun(t, samples.CloseMonth(), february)
	if err := b.store.DeleteJobInstance(t.Context(), je.Instance.ID); err != nil {
		t.Fatal(err)
	}
	damage := samples.CloseMonth()
	damage.Listener.BeforeStep = func(ctx context.Context, s *core.Scope) error {
		if s.Step.StepName != samples.StepCloseBooks {
			return nil
		}
		return execute(ctx, b.store.Path(), `UPDATE MONTH_SUMMARY SET NET = NET + 1`,
			`INSERT INTO MONTH_SUMMARY VALUES ('2021-02', 1, 'KRW', 'stale', 1, 1, 0, 0, 0, 1), ('2021-01', 1, 'KRW', 'other', 1, 1, 0, 0, 0, 1)`)
	}
	b.mustRun(t, damage, february)
	if got := rows(t, b.store.Path(), `SELECT MERCHANT_NAME FROM MONTH_SUMMARY WHERE MONTH = '2021-01'`); len(got) != 1 || got[0] != "other" {
		t.Errorf("the other month is %v", got)
	}
	if err := execute(t.Context(), b.store.Path(), `DELETE FROM MONTH_SUMMARY WHERE MONTH = '2021-01'`); err != nil {
		t.Fatal(err)
	}
	b.checkMonth(t, b.store.Path())
}

func TestMonths(t *testing.T) {
	t.Parallel()
	seoul, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, month string
		zone        *time.Location
		hint        string
	}{
		{name: "the second", month: "2021-02-02", hint: "month=2021-02-01"},
		{name: "the last", month: "2021-01-31", hint: "month=2021-01-01"},
		{name: "a time of the first", month: "2021-02-01T13:00:00", hint: "month=2021-02-01"},
		{name: "the second in Seoul", month: "2021-02-02", zone: seoul, hint: "month=2021-02-01"},
		{name: "the last in Seoul", month: "2021-01-31", zone: seoul, hint: "month=2021-01-01"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			notation := samples.CloseMonth().Notation()
			notation.Zone = tt.zone
			ps, err := notation.Parse([]string{"month=" + tt.month})
			if err != nil {
				t.Fatal(err)
			}
			zone := tt.zone
			if zone == nil {
				zone = time.UTC
			}
			err = samples.CloseMonth().ValidateParameters(ps, zone)
			if !errors.Is(err, core.ErrJobParametersInvalid) || !strings.Contains(err.Error(), "is not the first day of a month") {
				t.Errorf("%v, want a refusal at launch", err)
			}
			if core.Hint(err) != tt.hint {
				t.Errorf("hint %q, want %q", core.Hint(err), tt.hint)
			}
		})
	}
	t.Run("a time that is the first elsewhere", func(t *testing.T) {
		t.Parallel()
		b := setup(t, nil)
		je, err := b.run(t, samples.CloseMonth(), "month=2021-02-01T03:00:00")
		if je != nil || err == nil || !strings.Contains(err.Error(), "is not the first day of a month") {
			t.Errorf("%v, want a refusal at launch", err)
		}
	})
	t.Run("the first in Seoul", func(t *testing.T) {
		t.Parallel()
		b := setup(t, seoul)
		b.february(t, false)
		b.mustRun(t, samples.CloseMonth(), february)
		b.checkMonth(t, b.store.Path())
	})
	t.Run("a negative limit", func(t *testing.T) {
		t.Parallel()
		b := setup(t, nil)
		if _, err := b.run(t, samples.CloseMonth(), february, "skipLimit=-1"); !errors.Is(err, core.ErrJobParametersInvalid) {
			t.Errorf("got %v", err)
		}
	})
}

// A month has a part for each of its days, in their order.
func TestDaysOfAMonth(t *testing.T) {
	t.Parallel()
	for month, days := range map[string]int{"2021-02": 28, "2024-02": 29, "2100-02": 28, "2021-04": 30, "2021-12": 31} {
		t.Run(month, func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			job := samples.CloseMonth()
			b.stop = core.NewStop()
			job.Listener.BeforeStep = func(_ context.Context, s *core.Scope) error {
				if s.Step.StepName == samples.StepSettleDays {
					b.stop.Request(core.ErrStopped) // so that no day is settled
				}
				return nil
			}
			je, err := b.run(t, job, "month="+month+"-01")
			if want := fmt.Sprintf("not all of %d parts ran to their end, 0 complete, %[1]d not started", days); !errors.Is(err, core.ErrStopped) || !strings.Contains(err.Error(), want) {
				t.Fatalf("%v, want %s", err, want)
			}
			manager, err := b.store.StepExecution(t.Context(), je.Steps[1].ID)
			if err != nil {
				t.Fatal(err)
			}
			plan, _, err := manager.Context.String(core.ContextKeyPlan)
			if err != nil {
				t.Fatal(err)
			}
			for i := range days {
				day := fmt.Sprintf(`{"name":"%s-%02d"`, month, i+1)
				_, rest, found := strings.Cut(plan, day)
				if !found {
					t.Fatalf("no part %s in what is left of the plan: %s", day, plan)
				}
				plan = rest
			}
		})
	}
}

func TestNextMonth(t *testing.T) {
	t.Parallel()
	job := samples.CloseMonth()
	for _, zone := range []*time.Location{time.UTC, time.FixedZone("Asia/Seoul", 9*60*60), time.FixedZone("", -8*60*60)} {
		notation := job.Notation()
		notation.Zone = zone
		for _, months := range [][2]string{{"2021-01-01", "2021-02-01"}, {"2021-02-01", "2021-03-01"}, {"2024-02-01", "2024-03-01"}, {"2021-12-01", "2022-01-01"}} {
			ps, err := notation.Parse([]string{"month=" + months[0], "ledger=x"})
			if err != nil {
				t.Fatal(err)
			}
			next, err := job.Incrementer.Next(ps, zone)
			if err != nil {
				t.Fatal(err)
			}
			if d := diff([]string{"month=" + months[1], "ledger=x"}, notation.Words(next)); d != "" {
				t.Errorf("after %s in %s (-want +got):\n%s", months[0], zone, d)
			}
		}
	}
	if _, err := job.Incrementer.Next(nil, time.UTC); !errors.Is(err, core.ErrNoPrevious) {
		t.Errorf("without a month before: %v", err)
	}
}

// A stop reaches the day that is being settled, and leaves the others to the
// restart.
func TestCloseMonthIsStopped(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.february(t, false)
	b.stop = core.NewStop()
	b.atStart(settlement.StepSettle, 3, func() { b.stop.Request(core.ErrStopped) })
	first, err := b.run(t, samples.CloseMonth(), february)
	if !errors.Is(err, core.ErrStopped) || first.Status != core.StatusStopped {
		t.Fatalf("%v, want it stopped", err)
	}
	want := []string{
		"openMonth COMPLETED", "settleDays STOPPED",
		"settleDays:2021-02-01 COMPLETED", "settleDays:2021-02-02 COMPLETED", "settleDays:2021-02-03 STOPPED",
	}
	if d := diff(want, ran(first)); d != "" {
		t.Errorf("first attempt (-want +got):\n%s", d)
	}
	b.stop = nil
	second := b.mustRun(t, samples.CloseMonth(), february)
	if steps := ran(second); len(steps) != 3+26 || steps[2] != "settleDays:2021-02-03 COMPLETED" {
		t.Errorf("second attempt %v", steps)
	}
	if got := b.settled(t); got != 29 {
		t.Errorf("dailySettlement was executed %d times, want the third day twice", got)
	}
	b.checkMonth(t, b.store.Path())
}

// What the restart of the month is given reaches the day that failed.
func TestCloseMonthRestartReachesTheDay(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.february(t, true)
	if _, err := b.run(t, samples.CloseMonth(), february); err == nil {
		t.Fatal("the bad record did not fail the month")
	}
	second := b.mustRun(t, samples.CloseMonth(), february, "skipLimit=1")
	want := []string{"openMonth COMPLETED", "settleDays COMPLETED", "settleDays:2021-02-10 COMPLETED", "closeBooks COMPLETED"}
	if d := diff(want, ran(second)); d != "" {
		t.Errorf("second attempt (-want +got):\n%s", d)
	}
	if got := strings.Count(b.output(t)["rejects-2021-02-10.jsonl"], "\n"); got != 1 {
		t.Errorf("%d rejects, want the bad record", got)
	}
	if got := b.settled(t); got != 29 {
		t.Errorf("dailySettlement was executed %d times, want 28 days and the tenth once more", got)
	}
}

// A day that was given up cannot be settled, and the month says so.
func TestCloseMonthWithAnAbandonedDay(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.february(t, true)
	if _, err := b.run(t, samples.CloseMonth(), february); err == nil {
		t.Fatal("the bad record did not fail the month")
	}
	failed, err := b.store.JobExecutions(t.Context(), core.JobExecutionQuery{
		JobName: settlement.Name, Statuses: []core.BatchStatus{core.StatusFailed},
	})
	if err != nil || len(failed) != 1 {
		t.Fatalf("%v %v, want the tenth", failed, err)
	}
	if _, err := b.store.Abandon(t.Context(), failed[0].ID); err != nil {
		t.Fatal(err)
	}
	je, err := b.run(t, samples.CloseMonth(), february, "skipLimit=1")
	if !errors.Is(err, core.ErrJobRestart) || !strings.Contains(err.Error(), "is ABANDONED, and no restart of this job can help") {
		t.Fatalf("%v, want a failure that no restart cures", err)
	}
	if want := fmt.Sprintf("batchctl abandon %d", je.ID); core.Hint(err) != want {
		t.Errorf("hint %q, want %q", core.Hint(err), want)
	}
}
