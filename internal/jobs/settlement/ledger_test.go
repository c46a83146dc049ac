package settlement_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/jobs/settlement"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// elsewhere is the parameter that puts the ledger into a file of its own.
func (b *bench) elsewhere(name string) core.JobParameter {
	return core.JobParameter{Name: "ledger", Value: filepath.Join(b.launcher.Dir, name)}
}

// rowsIn is rows in a database that is not the repository's.
func (b *bench) rowsIn(t *testing.T, ledger core.JobParameter, query string, args ...any) []string {
	t.Helper()
	db, err := sqlite.Databases{}.OpenDatabase(t.Context(), ledger.Value.(string))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return readRows(t.Context(), t, db, query, args...)
}

func TestLedgerElsewhere(t *testing.T) {
	t.Parallel()
	own, other := setup(t), setup(t)
	own.mustRun(t, "2021-01-01")
	ledger := other.elsewhere("ledger.db")
	je, err := other.run(t, "2021-01-01", ledger)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(own.rows(t, ledgerQuery, "2021-01-01"), other.rowsIn(t, ledger, ledgerQuery, "2021-01-01")); d != "" {
		t.Errorf("the ledger elsewhere differs (-own +other):\n%s", d)
	}
	if own.report(t, "2021-01-01") != other.report(t, "2021-01-01") {
		t.Error("the reports differ")
	}
	if got := other.rows(t, "SELECT count(*) FROM sqlite_schema WHERE name = 'SETTLED_TRANSACTION'"); got[0] != "0" {
		t.Error("the repository got a ledger as well")
	}
	if se := stepOf(je, "settleTransactions"); se.Counts.Read != 5000 || se.Counts.Commit != 5 {
		t.Errorf("the step counts %+v", se.Counts)
	}
	if _, err := other.run(t, "2021-01-01", ledger); !errors.Is(err, core.ErrJobInstanceAlreadyComplete) {
		t.Errorf("a second start: %v", err)
	}
}

func TestLedgerElsewhereRestarts(t *testing.T) {
	t.Parallel()
	whole, b := setup(t), setup(t)
	const date = "2021-01-02"
	mend := func(b *bench) { b.replace(t, date+".csv", "17265O", "172650") }
	mend(whole)
	whole.mustRun(t, date)

	ledger := b.elsewhere("ledger.db")
	if _, err := b.run(t, date, ledger); err == nil || !strings.Contains(err.Error(), date+".csv:2701: amount") {
		t.Fatalf("the damaged day: %v", err)
	}
	if got := b.rowsIn(t, ledger, "SELECT SEQ FROM BATCHCTL_CHECKPOINT"); got[0] != "2" {
		t.Errorf("the ledger's checkpoint is at chunk %s, want 2", got[0])
	}
	mend(b)
	je, err := b.run(t, date, ledger)
	if err != nil {
		t.Fatal(err)
	}
	if se := stepOf(je, "settleTransactions"); se.Counts.Read != 1000 {
		t.Errorf("the restart read %d records, want the last 1000", se.Counts.Read)
	}
	if d := diff(whole.rows(t, ledgerQuery, date), b.rowsIn(t, ledger, ledgerQuery, date)); d != "" {
		t.Errorf("the ledger differs from an undamaged day's:\n%s", d)
	}
	if whole.report(t, date) != b.report(t, date) {
		t.Error("the report differs from an undamaged day's")
	}
}

// An instance stays with its ledger: half a day in each would be neither lost
// nor doubled, and still wrong.
func TestLedgerIsBound(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		first, second string // file names; "" is the repository
		say           []string
	}{
		{name: "from the repository to another file", second: "ledger.db", say: []string{"the repository's own database as its ledger", "ledger.db"}},
		{name: "from a file to the repository", first: "ledger.db", say: []string{"ledger.db", "given the repository's own database"}},
		{name: "from one file to another", first: "ledger.db", second: "other.db", say: []string{"ledger.db", "other.db"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			with := func(name string) []core.JobParameter {
				if name == "" {
					return nil
				}
				return []core.JobParameter{b.elsewhere(name)}
			}
			if _, err := b.run(t, "2021-01-02", with(tt.first)...); err == nil {
				t.Fatal("the damaged day did not fail")
			}
			je, err := b.run(t, "2021-01-02", with(tt.second)...)
			if !errors.Is(err, core.ErrCheckpointMismatch) {
				t.Fatalf("got %v, want an ErrCheckpointMismatch", err)
			}
			for _, part := range tt.say {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want it to say %q", err, part)
				}
			}
			if hint := core.Hint(err); !strings.HasPrefix(hint, "batchctl restart 2 ledger=") || !strings.Contains(hint, tt.first) {
				t.Errorf("hint %q", hint)
			}
			if se := stepOf(je, settlement.StepSettle); se == nil || se.ExitStatus.Code != core.ExitCodeRefused {
				t.Errorf("settleTransactions ended as %+v, want %s", se, core.ExitCodeRefused)
			}
			if tt.second != "" {
				if _, err := os.Stat(filepath.Join(b.launcher.Dir, tt.second)); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("the other ledger was touched: %v", err)
				}
			}
			b.replace(t, "2021-01-02.csv", "17265O", "172650")
			if _, err := b.run(t, "2021-01-02", with(tt.first)...); err != nil {
				t.Errorf("with the first ledger again: %v", err)
			}
		})
	}
}

// A ledger that is gone is not made anew: its disk may not be mounted.
func TestLedgerThatIsMissing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ledger := b.elsewhere("ledger.db")
	if _, err := b.run(t, "2021-01-02", ledger); err == nil {
		t.Fatal("the damaged day did not fail")
	}
	path := ledger.Value.(string)
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	_, err := b.run(t, "2021-01-02", ledger)
	if !errors.Is(err, core.ErrCheckpointMismatch) || !strings.Contains(err.Error(), `ledger.db" is missing`) {
		t.Errorf("got %v, want an ErrCheckpointMismatch that names the ledger", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the ledger was made anew: %v", err)
	}
}

// A link to the repository is the repository.
func TestLedgerBehindALink(t *testing.T) {
	t.Parallel()
	b := setup(t)
	link := filepath.Join(b.launcher.Dir, "link.db")
	if err := os.Symlink(b.store.Path(), link); err != nil {
		t.Fatal(err)
	}
	if _, err := b.run(t, "2021-01-01", core.JobParameter{Name: "ledger", Value: link}); err != nil {
		t.Fatal(err)
	}
	b.checkDay(t, b.in, "2021-01-01")
}

func TestLedgerThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.run(t, "2021-01-01", b.elsewhere("no/such/folder/ledger.db"))
	if err == nil || !strings.Contains(err.Error(), "does not exist") || errors.Is(err, core.ErrRepository) {
		t.Errorf("got %v, want the step to fail on the missing folder", err)
	}
}

// A process that was taken over writes nothing more to a ledger elsewhere, not
// even what would do no harm.
func TestLedgerOfAProcessThatWasTakenOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ledger := b.elsewhere("ledger.db")
	job := settlement.Job()
	job.Listener.BeforeStep = func(ctx context.Context, s *core.Scope) error {
		if s.Step.StepName != settlement.StepSummarize {
			return nil
		}
		_, _, err := b.store.Recover(ctx, s.Execution.ID, true)
		return err
	}
	date := time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)
	_, err := b.launcher.Run(t.Context(), job, core.JobParameters{
		{Name: "requestDate", Value: date, Identifying: true},
		{Name: "inputDir", Value: b.in},
		{Name: "outputDir", Value: b.out},
		ledger,
	}, launch.Options{})
	if !errors.Is(err, core.ErrLeaseLost) {
		t.Fatalf("got %v, want an ErrLeaseLost", err)
	}
	if got := b.rowsIn(t, ledger, "SELECT count(*) FROM MERCHANT_SUMMARY"); got[0] != "0" {
		t.Errorf("the process has written %s lines of the summary", got[0])
	}
}
