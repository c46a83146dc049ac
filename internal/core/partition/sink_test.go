package partition_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/partition"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

func oneColumn(n *int64, dst []any) []any { return append(dst, *n) }

// failingAt fails at these numbers in the first execution.
func failingAt(broken *atomic.Bool, at ...int64) func(int64) error {
	return func(n int64) error {
		if broken.Load() && slices.Contains(at, n) {
			return errBoom
		}
		return nil
	}
}

// Several parts write into one database, each in its chunks; some fail in the
// middle and go on. Every number is there once.
func TestOneDatabase(t *testing.T) {
	t.Parallel()
	const last = 60
	clean := core.Counts{Commit: 20, Read: last, Write: last}
	t.Run("the repository's own", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.exec("CREATE TABLE NUMBER (N INTEGER PRIMARY KEY)")
		var broken atomic.Bool
		broken.Store(true)
		worker := moving(failingAt(&broken, 5, 38), func(*core.Scope) (core.ItemWriter[int64], error) {
			return sqlitem.NewWriter(sqlitem.WriterConfig{Querier: b.store, Table: "NUMBER", Columns: []string{"N"}}, oneColumn), nil
		})
		step := partition.Step("load", worker, partition.FixedRange(1, last), partition.Options{Grid: 5})
		_, err := b.run(step)
		wantError(t, err, errBoom, "2 of 5 parts failed, 3 complete")
		broken.Store(false)
		b.complete(step)
		if diff := cmp.Diff(upTo(last), b.numbers("SELECT N FROM NUMBER ORDER BY N")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		wantCounts(b, clean)
	})
	t.Run("a database of their own", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		sink := filepath.Join(t.TempDir(), "sink.db")
		open := func() core.Database {
			db, err := sqlite.Databases{}.OpenDatabase(t.Context(), sink)
			if err != nil {
				t.Fatal(err)
			}
			return db
		}
		db := open()
		tx, err := db.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(t.Context(), "CREATE TABLE NUMBER (N INTEGER PRIMARY KEY)"); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(tx.Commit(), db.Close()); err != nil {
			t.Fatal(err)
		}
		var broken atomic.Bool
		broken.Store(true)
		worker := moving(failingAt(&broken, 5, 38), func(s *core.Scope) (core.ItemWriter[int64], error) {
			db := sqlitem.OpenLater(s.Databases, sink)
			return closing{sqlitem.NewSink(db, sqlitem.WriterConfig{Table: "NUMBER", Columns: []string{"N"}}, oneColumn), db}, nil
		})
		step := partition.Step("load", worker, partition.FixedRange(1, last), partition.Options{Grid: 5})
		_, err = b.run(step)
		wantError(t, err, errBoom, "2 of 5 parts failed, 3 complete")
		report, err := sqlite.Check(t.Context(), b.path, true)
		if err != nil || len(report.Problems) > 0 {
			t.Errorf("a check of the repository: %v, %v", report, err)
		}
		broken.Store(false)
		b.complete(step)
		wantCounts(b, clean)

		db = open()
		defer db.Close()
		got := map[string]int64{}
		query := func(text string, row func(name string, n int64)) {
			rows, err := db.QueryContext(t.Context(), text)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			for rows.Next() {
				var name string
				var n int64
				if err := rows.Scan(&name, &n); err != nil {
					t.Fatal(err)
				}
				row(name, n)
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
		}
		var all []int64
		query("SELECT '', N FROM NUMBER ORDER BY N", func(_ string, n int64) { all = append(all, n) })
		if diff := cmp.Diff(upTo(last), all); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		query("SELECT STEP_NAME || '/' || PARTITION, SEQ FROM BATCHCTL_CHECKPOINT", func(name string, n int64) { got[name] = n })
		want := map[string]int64{
			"load/partition0": 4, "load/partition1": 4, "load/partition2": 4, "load/partition3": 4, "load/partition4": 4,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("checkpoints (-want +got):\n%s", diff)
		}
	})
}

// wantCounts compares the sum over all rows of the parts, rollbacks apart, and
// what all managers have read.
func wantCounts(b *bundle, want core.Counts) {
	b.t.Helper()
	got := counts(b, "load:%")
	got.Rollback = 0
	if diff := cmp.Diff(want, got); diff != "" {
		b.t.Errorf("counts of all parts (-want +got):\n%s", diff)
	}
	if got := counts(b, "load").Read; got != want.Read {
		b.t.Errorf("the managers have read %d, want %d", got, want.Read)
	}
}

// counts adds up the counters of the steps whose name is like a pattern.
func counts(b *bundle, pattern string) core.Counts {
	b.t.Helper()
	const columns = "READ_COUNT WRITE_COUNT FILTER_COUNT COMMIT_COUNT ROLLBACK_COUNT READ_SKIP_COUNT PROCESS_SKIP_COUNT WRITE_SKIP_COUNT"
	var sums []string
	for column := range strings.FieldsSeq(columns) {
		sums = append(sums, "SELECT SUM("+column+") FROM BATCH_STEP_EXECUTION WHERE STEP_NAME LIKE '"+pattern+"'")
	}
	n := b.numbers(strings.Join(sums, " UNION ALL "))
	return core.Counts{
		Read: n[0], Write: n[1], Filter: n[2], Commit: n[3], Rollback: n[4], ReadSkip: n[5], ProcessSkip: n[6], WriteSkip: n[7],
	}
}

// closing is a sink that closes its database with itself.
type closing struct {
	*sqlitem.Sink[int64]
	db core.Database
}

func (c closing) Close() error { return errors.Join(c.Sink.Close(), c.db.Close()) }
