package settlement_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/settlement"
)

// skipping is the parameter that lets n bad records pass.
func skipping(n int64) core.JobParameter { return core.JobParameter{Name: "skipLimit", Value: n} }

// reject is a line of the rejects file, as far as a day fills it.
type reject struct {
	Step, Phase, Class, Message, File string
	Line                              int
	Offset                            int64
	Raw                               string
}

func (b *bench) rejectsFile(date string) string {
	return filepath.Join(b.out, "rejects-"+date+".jsonl")
}

// rejects returns what the day's rejects file holds.
func (b *bench) rejects(t *testing.T, date string) (all []reject) {
	t.Helper()
	data, err := os.ReadFile(b.rejectsFile(date))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var r reject
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, r)
	}
	return all
}

func (b *bench) wantNoRejects(t *testing.T, date string) {
	t.Helper()
	found, err := filepath.Glob(b.rejectsFile(date) + "*")
	if err != nil || len(found) > 0 {
		t.Errorf("%v %v, want no rejects file", found, err)
	}
}

// without copies the input and takes the lines that hold any of the texts out of
// the day's file.
func (b *bench) without(t *testing.T, date string, texts ...string) (dir string) {
	t.Helper()
	other := &bench{in: t.TempDir()}
	if err := os.CopyFS(other.in, os.DirFS(b.in)); err != nil {
		t.Fatal(err)
	}
	other.edit(t, date+".csv", func(file string) string {
		var kept strings.Builder
		for line := range strings.Lines(file) {
			keep := true
			for _, text := range texts {
				keep = keep && !strings.Contains(line, text)
			}
			if keep {
				kept.WriteString(line)
			}
		}
		return kept.String()
	})
	return other.in
}

func TestRejectedRecord(t *testing.T) {
	t.Parallel()
	const date = "2021-01-02"
	for _, tt := range []struct {
		name   string
		ledger string
	}{{name: "into the repository"}, {name: "into another ledger", ledger: "ledger.db"}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			more := []core.JobParameter{skipping(1)}
			if tt.ledger != "" {
				more = append(more, b.elsewhere(tt.ledger))
			}
			je, err := b.run(t, date, more...)
			if err != nil {
				t.Fatal(err)
			}
			if je.Status != core.StatusCompleted || je.ExitStatus.Code != core.ExitCodeCompleted {
				t.Errorf("the job is %s with exit code %s", je.Status, je.ExitStatus.Code)
			}
			got := b.rejects(t, date)
			want := []reject{{
				Step: settlement.StepSettle, Phase: core.PhaseRead, Class: core.ClassReadParse,
				File: filepath.Join(b.in, date+".csv"), Line: 2701,
			}}
			if len(got) == 1 {
				data, err := os.ReadFile(filepath.Join(b.in, date+".csv"))
				if err != nil {
					t.Fatal(err)
				}
				line := strings.Split(string(data), "\n")[2700]
				want[0].Raw, want[0].Offset = line, int64(strings.Index(string(data), line))
				want[0].Message = got[0].Message
				if !strings.Contains(got[0].Message, `amount: "17265O"`) {
					t.Errorf("message %q does not say what is wrong", got[0].Message)
				}
				got[0].Raw = strings.TrimRight(got[0].Raw, "\n")
			}
			if d := diff(want, got); d != "" {
				t.Errorf("rejects (-want +got):\n%s", d)
			}
			settle := stepOf(je, settlement.StepSettle).Counts
			if settle.ReadSkip != 1 || settle.Read != 2999 || settle.Commit != 3 {
				t.Errorf("settleTransactions counts %+v, want one skipped and 2999 read in 3 chunks", settle)
			}
			rest := b.without(t, date, "17265O")
			if tt.ledger == "" {
				b.checkDay(t, rest, date)
			} else if d := diff(expect(t, rest, date).ledger, b.rowsIn(t, more[1], ledgerQuery, date)); d != "" {
				t.Errorf("ledger (-want +got):\n%s", d)
			}
			message := stepOf(je, settlement.StepReconcile).ExitStatus.Message
			if lines := strings.Split(message, "\n"); len(lines) != 2 || lines[0] != "1 record was rejected, see "+b.rejectsFile(date) ||
				!strings.HasPrefix(lines[1], "KRW: ") || !strings.HasSuffix(lines[1], ", difference -172650") {
				t.Errorf("reconcile says %q", message)
			}
		})
	}
}

// badDay is a day with one bad record of each kind, and good ones between them.
func badDay(t *testing.T, b *bench) {
	t.Helper()
	b.input(t, "2021-03-01", "records=6\ntotal.KRW=640\n",
		"2021030100000001,7,a,SALE,KRW,100",
		"2021030100000002,7,a,SALE,KRW,x",    // cannot be read
		"2021030100000003,7,a,SALE,KRW,-300", // cannot be
		"2021030100000004,7,a,SALE,KRW,400",
		"2021030100000001,7,b,SALE,KRW,500", // is there already
		"2021030100000005,7,a,TEST,KRW,40",
	)
}

func TestEveryKindOfReject(t *testing.T) {
	t.Parallel()
	for _, ledger := range []string{"", "ledger.db"} {
		t.Run("ledger "+ledger, func(t *testing.T) {
			t.Parallel()
			const date = "2021-03-01"
			b := setup(t)
			badDay(t, b)
			more := []core.JobParameter{skipping(3)}
			if ledger != "" {
				more = append(more, b.elsewhere(ledger))
			}
			je, err := b.run(t, date, more...)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range b.rejects(t, date) {
				got = append(got, fmt.Sprintf("%s %s %d %s", r.Phase, r.Class, r.Line, strings.TrimRight(r.Raw, "\n")))
			}
			want := []string{
				"read read.parse 3 2021030100000002,7,a,SALE,KRW,x",
				"process process.validation 4 2021030100000003,7,a,SALE,KRW,-300",
				"write write.constraint 6 2021030100000001,7,b,SALE,KRW,500",
			}
			if d := diff(want, got); d != "" {
				t.Errorf("rejects (-want +got):\n%s", d)
			}
			counts := stepOf(je, settlement.StepSettle).Counts
			if counts.ReadSkip != 1 || counts.ProcessSkip != 1 || counts.WriteSkip != 1 || counts.Write != 2 || counts.Filter != 1 {
				t.Errorf("settleTransactions counts %+v", counts)
			}
			// What is left adds up to 100 + 400 and 40 of a TEST: the file is short
			// of nothing that can be known.
			message := stepOf(je, settlement.StepReconcile).ExitStatus.Message
			if want := "3 records were rejected, see " + b.rejectsFile(date) +
				"\nKRW: 500 settled + 40 TEST = 540, control file 640, difference -100"; message != want {
				t.Errorf("reconcile says %q, want %q", message, want)
			}
		})
	}
}

// A record that cannot even be taken apart is one record like any other.
func TestRejectsWithoutForm(t *testing.T) {
	t.Parallel()
	const date = "2021-03-01"
	b := setup(t)
	b.input(t, date, "records=5\ntotal.KRW=500\n",
		"2021030100000001,7,a,SALE,KRW,100",
		"2021030100000002,7,a,SALE,KRW",
		"2021030100000003,7,\xff,SALE,KRW,300",
		`2021030100000004,7,a "b,SALE,KRW,300`,
		"2021030100000005,7,a,SALE,KRW,400",
	)
	if je, err := b.run(t, date); err == nil || len(je.Steps) != 1 || !strings.Contains(err.Error(), date+".csv:3: ") {
		t.Fatalf("%v, want verifyInput to fail at the first of them", err)
	}
	je, err := b.run(t, date, skipping(3))
	if err != nil {
		t.Fatal(err)
	}
	if message := stepOf(je, settlement.StepReconcile).ExitStatus.Message; message != "3 records were rejected, see "+b.rejectsFile(date) {
		t.Errorf("reconcile says %q, want nothing of totals, which agree", message)
	}
	var lines []int
	for _, r := range b.rejects(t, date) {
		lines = append(lines, r.Line)
	}
	if d := diff([]int{3, 4, 5}, lines); d != "" {
		t.Errorf("rejected lines (-want +got):\n%s", d)
	}
}

func TestMoreBadRecordsThanTheLimit(t *testing.T) {
	t.Parallel()
	const date = "2021-03-01"
	b := setup(t)
	badDay(t, b)
	je, err := b.run(t, date, skipping(2))
	if !errors.Is(err, core.ErrSkipLimitExceeded) || je.Status != core.StatusFailed {
		t.Fatalf("%v %v, want FAILED for more bad records than the limit", je.Status, err)
	}
	if rows := b.rows(t, `SELECT * FROM SETTLED_TRANSACTION`); len(rows) != 0 {
		t.Errorf("the chunk that failed has left %v", rows)
	}
	again, err := b.run(t, date, skipping(3))
	if err != nil {
		t.Fatal(err)
	}
	if again.Instance.ID != je.Instance.ID {
		t.Errorf("instances %d and %d: skipLimit identifies", je.Instance.ID, again.Instance.ID)
	}
	if got := len(b.rejects(t, date)); got != 3 {
		t.Errorf("%d rejects after the restart, want each bad record once", got)
	}
}

// A restart goes on with the rejects of the attempt before, whatever its limit.
func TestRejectsOverARestart(t *testing.T) {
	t.Parallel()
	const date = "2021-01-02"
	b := setup(t)
	b.replace(t, date+".csv", "2021010200000005,", "2021010200000005x,") // in the first chunk
	if _, err := b.run(t, date, skipping(1)); !errors.Is(err, core.ErrSkipLimitExceeded) {
		t.Fatalf("%v, want the second bad record to fail the day", err)
	}
	b.replace(t, date+".csv", "17265O", "172650")
	je, err := b.run(t, date, skipping(0))
	if err != nil {
		t.Fatal(err)
	}
	rejects := b.rejects(t, date)
	if len(rejects) != 1 || rejects[0].Line != 6 {
		t.Errorf("rejects %+v, want the one of the first attempt", rejects)
	}
	if got := stepOf(je, settlement.StepSettle).Counts; got.ReadSkip != 0 || got.Read != 999 {
		t.Errorf("the restart counts %+v, want the 999 records behind the last commit and nothing skipped", got)
	}
	b.checkDay(t, b.without(t, date, "2021010200000005x"), date)
	if message := stepOf(je, settlement.StepReconcile).ExitStatus.Message; !strings.HasPrefix(message, "1 record was rejected") {
		t.Errorf("reconcile says %q", message)
	}
}

// Rejects excuse amounts, and no record.
func TestRejectsDoNotHideARecord(t *testing.T) {
	t.Parallel()
	const date = "2021-03-01"
	b := setup(t)
	badDay(t, b)
	if _, err := b.run(t, date, skipping(2)); err == nil {
		t.Fatal("the day did not fail")
	}
	b.replace(t, date+".ctl", "records=6", "records=7")
	_, err := b.run(t, date, skipping(3))
	if want := "records: 2 settled + 1 TEST + 3 rejected = 6, control file 7, difference -1; KRW: 500 settled"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

func TestNothingRejected(t *testing.T) {
	t.Parallel()
	b := setup(t)
	je, err := b.run(t, "2021-01-01", skipping(5))
	if err != nil {
		t.Fatal(err)
	}
	b.checkDay(t, b.in, "2021-01-01")
	b.wantNoRejects(t, "2021-01-01")
	if message := stepOf(je, settlement.StepReconcile).ExitStatus.Message; message != "" {
		t.Errorf("reconcile says %q", message)
	}
	if _, err := b.run(t, "2021-01-02"); err == nil {
		t.Error("a bad record passed without a limit")
	}
	b.wantNoRejects(t, "2021-01-02")
}

// A total that is wrong is found although bad records could have been skipped.
func TestWrongTotalWithALimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if _, err := b.run(t, "2021-01-04", skipping(5)); err == nil || !strings.Contains(err.Error(), "difference -100") {
		t.Errorf("%v, want the difference to fail the day", err)
	}
}

func TestNegativeLimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.run(t, "2021-01-01", skipping(-1))
	if !errors.Is(err, core.ErrJobParametersInvalid) || !strings.Contains(err.Error(), "skipLimit: -1 is negative") || core.Hint(err) == "" {
		t.Errorf("%v, hint %q, want a refusal at launch", err, core.Hint(err))
	}
	if names, err := b.store.JobNames(t.Context()); err != nil || len(names) != 0 {
		t.Errorf("%v %v, want nothing stored", names, err)
	}
}

// The limit is that of the day: a job that is started again every night lets not
// one record more pass each time.
func TestLimitIsThatOfTheDay(t *testing.T) {
	t.Parallel()
	for _, ledger := range []string{"", "ledger.db"} {
		t.Run("ledger "+ledger, func(t *testing.T) {
			t.Parallel()
			const date = "2021-01-02"
			b := setup(t)
			more := []core.JobParameter{}
			if ledger != "" {
				more = append(more, b.elsewhere(ledger))
			}
			b.replace(t, date+".csv", "2021010200000005,", "2021010200000005x,") // in the first chunk
			attempt := func(limit int64) error {
				_, err := b.run(t, date, append(more, skipping(limit))...)
				return err
			}
			for range 3 {
				if err := attempt(1); !errors.Is(err, core.ErrSkipLimitExceeded) {
					t.Fatalf("%v, want the second bad record of the day to fail every attempt", err)
				}
			}
			err := attempt(1)
			if want := "the skip limit of 1 is exceeded: 1 skipped in earlier attempts, 0 in read, 0 in process and 0 in write, and one more is bad"; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
			if err := attempt(0); err == nil || errors.Is(err, core.ErrSkipLimitExceeded) {
				t.Errorf("without a limit: %v, want nothing said of limits", err)
			}
			if err := attempt(2); err != nil {
				t.Fatal(err)
			}
			if got := len(b.rejects(t, date)); got != 2 {
				t.Errorf("%d rejects, want both bad records", got)
			}
		})
	}
}
