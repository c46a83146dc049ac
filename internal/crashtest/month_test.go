//go:build crash

package crashtest

import (
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/sample"
)

const (
	monthDays    = 28
	monthRecords = 40 // of a day
)

// month is one directory in which batchctl closes a month until it is complete.
type month struct {
	settlement
}

// newMonth makes the files of every day of a month.
func newMonth(t *testing.T) *month {
	t.Helper()
	dir, err := os.MkdirTemp("", "crashtest-") //nolint:usetesting // one that went wrong is kept to be looked at
	if err != nil {
		t.Fatal(err)
	}
	m := &month{settlement{dir: dir, records: monthRecords, ledger: "ledger.db"}}
	input, output := m.path("in"), m.path("out")
	if err := errors.Join(os.Mkdir(input, 0o700), os.Mkdir(output, 0o700)); err != nil {
		t.Fatal(err)
	}
	for i := range monthDays {
		day := sample.Day{Date: time.Date(2021, time.February, 1+i, 0, 0, 0, 0, time.UTC), Records: monthRecords}
		if err := day.WriteFiles(input); err != nil {
			t.Fatal(err)
		}
	}
	m.words = []string{
		"--db", m.path(repositoryFile), "run", "closeMonth", "month=2021-02-01",
		"inputDir=" + input, "outputDir=" + output, "ledger=" + m.path(m.ledger),
	}
	return m
}

// left is what a closed month leaves behind.
func (m *month) left(ctx context.Context) (string, error) {
	var all strings.Builder
	if err := dump(ctx, m.path(m.ledger), &all, "SETTLED_TRANSACTION", "MERCHANT_SUMMARY", "SETTLED_DAY", "MONTH_SUMMARY"); err != nil {
		return "", err
	}
	reports, err := filepath.Glob(m.path("out/*"))
	if err != nil {
		return "", err
	}
	for _, report := range reports {
		text, err := os.ReadFile(report)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&all, "%s\n%s", filepath.Base(report), text)
	}
	return all.String(), nil
}

// verify compares what is there with what an uninterrupted run leaves, and the
// history with the calendar: every day was settled once, by a job of its own.
func (m *month) verify(ctx context.Context, want string) error {
	got, err := m.left(ctx)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("ledger and reports differ: %s", firstDifference(got, want))
	}
	if err := m.verifyInput(ctx); err != nil {
		return err
	}
	var running, months, days, instances, read int
	err = m.query(ctx, `SELECT
  (SELECT count(*) FROM BATCH_JOB_EXECUTION WHERE END_TIME IS NULL) + (SELECT count(*) FROM BATCH_STEP_EXECUTION WHERE END_TIME IS NULL)
    + (SELECT count(*) FROM BATCHCTL_EXECUTION_OWNER),
  (SELECT count(*) FROM BATCH_JOB_EXECUTION JOIN BATCH_JOB_INSTANCE USING (JOB_INSTANCE_ID) WHERE JOB_NAME = 'closeMonth' AND STATUS = 'COMPLETED'),
  (SELECT count(*) FROM BATCH_JOB_EXECUTION JOIN BATCH_JOB_INSTANCE USING (JOB_INSTANCE_ID) WHERE JOB_NAME = 'dailySettlement' AND STATUS = 'COMPLETED'),
  (SELECT count(*) FROM BATCH_JOB_INSTANCE),
  (SELECT SUM(READ_COUNT) FROM BATCH_STEP_EXECUTION WHERE STEP_NAME = 'settleTransactions')`,
		&running, &months, &days, &instances, &read)
	if err == nil && (running != 0 || months != 1 || days != monthDays || instances != 1+monthDays || read != monthDays*monthRecords) {
		err = fmt.Errorf("%d rows are running, %d months and %d days completed in %d instances, %d records were read; want 0, 1, %d, %d and %d",
			running, months, days, instances, read, monthDays, 1+monthDays, monthDays*monthRecords)
	}
	return err
}

// verifyInput compares a closed month with its input: every transaction that is
// no test is settled once, and is counted once in the summary of the month.
func (m *month) verifyInput(ctx context.Context) (err error) {
	days, err := filepath.Glob(m.path("in/*.csv"))
	if err != nil {
		return err
	}
	counts := map[string]int{}
	var want []string
	for _, day := range days {
		f, err := os.Open(day)
		if err != nil {
			return err
		}
		defer f.Close()
		records, err := csv.NewReader(f).ReadAll()
		if err != nil {
			return fmt.Errorf("%s: %w", day, err)
		}
		for _, record := range records[1:] {
			kind := record[3]
			if counts[kind]++; kind != "TEST" {
				want = append(want, record[0])
			}
		}
	}
	db, err := sql.Open("sqlite3", m.path(m.ledger))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	got, err := texts(ctx, db, "SELECT TRANSACTION_ID FROM SETTLED_TRANSACTION ORDER BY 1")
	if err != nil {
		return err
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("the settled transactions are not those of the input: %s",
			firstDifference(strings.Join(got, "\n"), strings.Join(want, "\n")))
	}
	var sales, refunds int
	if err := db.QueryRowContext(ctx, "SELECT SUM(SALE_COUNT), SUM(REFUND_COUNT) FROM MONTH_SUMMARY").Scan(&sales, &refunds); err != nil {
		return err
	}
	if sales != counts["SALE"] || refunds != counts["REFUND"] {
		return fmt.Errorf("the month has %d sales and %d refunds, its input %v", sales, refunds, counts)
	}
	return nil
}

// close gives the very same command until it exits with 0, and returns how often
// it was killed.
func (m *month) close(t *testing.T, random *rand.Rand, span time.Duration) (killed int) {
	t.Helper()
	for range maxAttempts {
		o := m.run(t, 1+time.Duration(random.Int64N(int64(span))))
		switch {
		case o.killed:
			killed++
		case o.ok || strings.Contains(o.output, "already complete"): // killed after the end
			return killed
		default:
			t.Fatalf("after %d kills a start failed in %s:\n%s", killed, m.dir, o.output)
		}
	}
	t.Fatalf("%d starts did not close the month in %s", maxAttempts, m.dir)
	return killed
}

// TestKillMonthEnd kills the real program while it launches a job for each day
// of a month, and gives the very same command again until the month is closed.
func TestKillMonthEnd(t *testing.T) {
	t.Parallel()
	seed := drawSeed(t)
	random := rand.New(rand.NewPCG(seed, 200))
	m := newMonth(t)
	released.path(t) // built before the clock runs
	before := time.Now()
	if o := m.run(t, 0); !o.ok {
		t.Fatalf("an uninterrupted run failed in %s:\n%s", m.dir, o.output)
	}
	span := time.Since(before)
	want, err := m.left(t.Context())
	if err == nil {
		err = m.verify(t.Context(), want)
	}
	if err != nil {
		t.Fatalf("an uninterrupted run in %s: %v", m.dir, err)
	}
	_ = os.RemoveAll(m.dir) // it went well
	killed, closed, most := 0, 0, *kills
	if *brief {
		most = min(most, briefKills)
	}
	for killed < most {
		m := newMonth(t)
		killed += m.close(t, random, span)
		if err := m.verify(t.Context(), want); err != nil {
			t.Fatalf("seed %d, after %d kills, in %s: %v", seed, killed, m.dir, err)
		}
		closed++
		_ = os.RemoveAll(m.dir) // it went well
	}
	t.Logf("%d kills of runs of %s, %d months closed, nothing lost, nothing doubled", killed, span.Round(time.Millisecond), closed)
}
