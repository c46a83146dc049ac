package chunk_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
)

// A scan is one transaction behind the one that failed, with a savepoint for each
// item and no retry.
func TestScanIsOneTransaction(t *testing.T) {
	t.Parallel()
	repo := open{begun: new(int), ended: new(int), savepoints: new(int)}
	je := &core.JobExecution{ID: 1}
	s := &core.Scope{
		Run:  &core.Run{Job: &core.Job{Name: "scan"}, Execution: je, Repo: repo, Log: quiet()},
		Step: &core.StepExecution{ID: 1, JobExecution: je, StepName: stepName},
	}
	w := newListing("a")
	body := chunk.New(core.ItemReader[int](&source{last: 9}), core.ItemProcessor[int, int](&middle{}), core.ItemWriter[int](w),
		chunk.Options{Size: 5, Skip: skipping(1), Retry: retrying(1)})
	if _, err := body.Execute(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	// Two attempts at the first chunk, its scan, and the second chunk.
	if *repo.begun != 4 || *repo.ended != 4 || *repo.savepoints != 5 {
		t.Errorf("%d transactions were begun, %d ended, and %d savepoints set; want 4 and 5", *repo.begun, *repo.ended, *repo.savepoints)
	}
	if want := (core.Counts{Read: 9, Write: 8, WriteSkip: 1, Commit: 2, Rollback: 3}); s.Step.Counts != want {
		t.Errorf("counts %+v, want %+v", s.Step.Counts, want)
	}
}

// A savepoint that fails, as after a full disk, is no matter of an item.
func TestTransactionGoneInScan(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                string
		savepoint, rollback int // the call that fails
		want                core.Counts
	}{
		{"a savepoint that cannot be set fails the step", 2, 0, core.Counts{Read: 3, Write: 3, Commit: 1, Rollback: 2}},
		{"one that cannot be gone back to fails the step", 0, 1, core.Counts{Read: 3, Write: 3, Commit: 1, Rollback: 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			f.repo = &fullDisk{JobRepository: f.store, savepoint: tt.savepoint, rollback: tt.rollback}
			w := &target{failAt: 5}
			se, err := f.run(t.Context(), t, moving(&source{last: 10}, &middle{}, w,
				chunk.Options{Size: 3, Skip: core.LimitSkipPolicy{ErrorClasses: everything, Max: 10}}))
			if !errors.Is(err, errFull) || se.Counts != tt.want {
				t.Errorf("counts %+v, error %v, want %+v", se.Counts, err, tt.want)
			}
			if numbers, _ := f.numbers(t); !slices.Equal(numbers, upTo(3)) {
				t.Errorf("the table holds %v", numbers)
			}
		})
	}
}

var errFull = errors.New("database or disk is full")

// fullDisk is a repository whose transactions end by themselves.
type fullDisk struct {
	core.JobRepository
	savepoint, rollback int
}

func (r *fullDisk) Begin(ctx context.Context, je *core.JobExecution) (core.Tx, error) {
	tx, err := r.JobRepository.Begin(ctx, je)
	return &fullTx{mortalTx: mortalTx{Tx: tx, world: &world{}}, disk: r}, err
}

type fullTx struct {
	mortalTx
	disk *fullDisk
}

func (tx *fullTx) Savepoint(ctx context.Context) error {
	if tx.disk.savepoint--; tx.disk.savepoint == 0 {
		return errFull
	}
	return tx.mortalTx.Savepoint(ctx)
}

func (tx *fullTx) RollbackToSavepoint(ctx context.Context) error {
	if tx.disk.rollback--; tx.disk.rollback == 0 {
		return errFull
	}
	return tx.mortalTx.RollbackToSavepoint(ctx)
}

// cramped is a target in a database that has no room for the writes named by
// full, counted from 1: SQLite ends the transaction then.
type cramped struct {
	target

	full []int
}

func (w *cramped) Write(ctx context.Context, c *core.Chunk[int]) error {
	tx := c.Tx.(execer)
	room := "1073741823"
	if slices.Contains(w.full, w.calls+1) {
		room = "1" // what is there already stays
	}
	if _, err := tx.ExecContext(ctx, "PRAGMA max_page_count = "+room); err != nil {
		return err
	}
	if err := w.target.Write(ctx, c); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS ballast AS SELECT zeroblob(100000) AS b")
	if err == nil {
		_, err = tx.ExecContext(ctx, "INSERT INTO ballast VALUES (zeroblob(100000))")
	}
	return err
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	retries := func(n int) core.RetryPolicy {
		return core.BackoffRetryPolicy{ErrorClasses: core.ErrorClasses{Include: []string{core.ClassWriteIO}}, Max: n}
	}
	skips := core.LimitSkipPolicy{ErrorClasses: core.ErrorClasses{Include: []string{core.ClassWriteIO}}, Max: core.NoSkipLimit}
	failed := core.Counts{Read: 3, Write: 3, Commit: 1}
	for _, tt := range []struct {
		name   string
		full   []int
		o      chunk.Options
		want   core.Counts
		failed bool
	}{
		{"CHUNK-72 the step fails", []int{2}, chunk.Options{}, failed.Add(core.Counts{Rollback: 1}), true},
		{
			"CHUNK-36 with space again a retry writes the chunk in a fresh transaction",
			[]int{2, 3},
			chunk.Options{Retry: retries(2)},
			core.Counts{Read: 10, Write: 10, Commit: 4, Rollback: 2},
			false,
		},
		{
			"CHUNK-72 the step fails when the retries are exhausted",
			[]int{2, 3, 4},
			chunk.Options{Retry: retries(2)},
			failed.Add(core.Counts{Rollback: 3}), true,
		},
		{
			"CHUNK-72 the step fails in a scan, whatever may be skipped: nothing is left of the items before",
			[]int{2, 4},
			chunk.Options{Skip: skips},
			failed.Add(core.Counts{Rollback: 2}), true,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, o := setup(t), tt.o
			o.Size = 3
			w := &cramped{full: tt.full}
			se, err := f.run(t.Context(), t, moving(&source{last: 10}, &middle{}, w, o))
			if tt.failed != (err != nil) || se.Counts != tt.want {
				t.Errorf("counts %+v, error %v, want %+v", se.Counts, err, tt.want)
			}
			if err != nil && core.ClassOf(err, "") != core.ClassWriteIO {
				t.Errorf("%v is of the class %q", err, core.ClassOf(err, ""))
			}
			if numbers, _ := f.numbers(t); !slices.Equal(numbers, upTo(int(tt.want.Write))) {
				t.Errorf("the table holds %v", numbers)
			}
			if !tt.failed {
				return
			}
			w.full = nil
			if _, err := f.run(t.Context(), t, moving(&source{last: 10}, &middle{}, w, o)); err != nil {
				t.Fatal(err)
			}
			if numbers, _ := f.numbers(t); !slices.Equal(numbers, upTo(10)) {
				t.Errorf("behind the restart the table holds %v", numbers)
			}
		})
	}
}

func TestStopDuringScan(t *testing.T) {
	t.Parallel()
	// what ends the run is asked for when so many items are written at once
	for when, items := range map[string]int{"in the middle": 1, "just before": 3} {
		for _, kind := range kinds() {
			plan := script{last: 10, write: map[int]int{5: always}}
			o := chunk.Options{Size: 3, Skip: skipping(1)}
			t.Run("CHUNK-46 a stop "+when+" lets the scan end first, output "+kind, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, kind, plan, o)
				w.stop = core.NewStop()
				stop := w.stop
				w.listen.OnWriteError = atFailureOf(items, func() { stop.Request(core.ErrStopped) })
				se, err := w.attempt(t.Context(), t)
				want := core.Counts{Read: 6, Write: 5, WriteSkip: 1, Commit: 2, Rollback: 2}
				if se.Status != core.StatusStopped || !errors.Is(err, core.ErrStopped) || se.Counts != want {
					t.Errorf("status %s, counts %+v, error %v, want %+v", se.Status, se.Counts, err, want)
				}
				w.goesOn(t, []int{1, 2, 3, 4, 6, 7, 8, 9, 10}, "5 write")
			})
			t.Run("CHUNK-46 an abort "+when+" of a scan rolls the chunk back, output "+kind, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, kind, plan, o)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				w.listen.OnWriteError = atFailureOf(items, func() { cancel(core.ErrAborted) })
				se, err := w.attempt(ctx, t)
				want := core.Counts{Read: 3, Write: 3, Commit: 1, Rollback: 1}
				if items == 1 {
					want.Rollback = 2
				}
				if se.Status != core.StatusStopped || !errors.Is(err, core.ErrAborted) || se.Counts != want {
					t.Errorf("status %s, counts %+v, error %v, want %+v", se.Status, se.Counts, err, want)
				}
				w.goesOn(t, []int{1, 2, 3, 4, 6, 7, 8, 9, 10}, "5 write")
			})
		}
	}
}

// atFailureOf is told of failed writes, and calls do when so many items were
// written at once.
func atFailureOf(items int, do func()) func(context.Context, []num, error) error {
	return func(_ context.Context, failed []num, _ error) error {
		if len(failed) == items {
			do()
		}
		return nil
	}
}

// goesOn restarts the job undisturbed and compares what it leaves.
func (w *world) goesOn(t *testing.T, output []int, rejects ...string) {
	t.Helper()
	w.listen = chunk.Listener[num, num]{}
	if _, err := w.attempt(t.Context(), t); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(output, w.output(t)); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(rejects, w.rejected()); diff != "" {
		t.Errorf("rejects (-want +got):\n%s", diff)
	}
}

func TestSinkThatCannotRevert(t *testing.T) {
	t.Parallel()
	both, err := chunk.Tee[int](&station{events: new([]string)}, &database{station{events: new([]string)}})
	if err != nil {
		t.Fatal(err)
	}
	for name, w := range map[string]core.ItemWriter[int]{
		"alone": &database{station{events: new([]string)}}, "in a tee": both,
	} {
		t.Run("a sink "+name+" that cannot undo one item is refused where items may be skipped", func(t *testing.T) {
			t.Parallel()
			_, err := setup(t).run(t.Context(), t, moving(&source{last: 1}, &middle{}, w, chunk.Options{Skip: skipping(1)}))
			if !errors.Is(err, core.ErrJobDefinition) || !strings.Contains(err.Error(), "chunk_test.database") {
				t.Errorf("error %v", err)
			}
		})
	}
}
