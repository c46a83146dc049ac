package sqlitem_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
)

// TestWriterAfterARollback: the writer keeps nothing of a chunk that was undone,
// neither to a savepoint nor as a whole.
func TestWriterAfterARollback(t *testing.T) {
	t.Parallel()
	f := setup(t, createEntry)
	w := entryWriter(f)
	if err := w.Open(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	put := func(tx core.Tx, items ...entry) error {
		return w.Write(t.Context(), &core.Chunk[entry]{Seq: 1, Items: items, Tx: tx})
	}
	bad := entries(1, 100)
	bad[90].name = "name 1"
	for _, whole := range []bool{true, false} {
		tx, err := f.store.Begin(t.Context(), f.je)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		if err := tx.Savepoint(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := put(tx, bad...); err == nil {
			t.Fatal("no error")
		}
		if whole {
			if err := tx.Rollback(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := tx.RollbackToSavepoint(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, item := range bad { // item by item
			if err := tx.Savepoint(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := put(tx, item); err == nil {
				continue
			} else if row, ok := errors.AsType[*sqlitem.RowError](err); !ok || row.Where != "in.csv:92" {
				t.Errorf("got %v", err)
			}
			if err := tx.RollbackToSavepoint(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := put(tx, entries(101, 100)...); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.column(t, "SELECT count(*) || ' ' || sum(id) FROM entry"); got[0] != fmt.Sprint("199 ", 200*201/2-91) {
		t.Errorf("the table holds %v", got)
	}
}

// claimed is a sink that may be written to.
func (f *sinkFixture) claimed(t *testing.T) *sqlitem.Sink[entry] {
	t.Helper()
	s := f.plainSink()
	if err := s.Open(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	claim := core.SinkClaim{Key: core.SinkKey{RepoID: "r", JobName: "j", JobKey: "k", StepName: stepName}, StepExecutionID: 1, Lineage: "l"}
	if _, err := s.Claim(t.Context(), claim, func(*core.SinkCheckpoint) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSinkReverts(t *testing.T) {
	t.Parallel()
	f := setupSink(t)
	f.inSink(t, "CREATE UNIQUE INDEX one ON entry (id)")
	s := f.claimed(t)
	do := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	put := func(items ...entry) error {
		return s.Write(t.Context(), &core.Chunk[entry]{Seq: 1, Items: items})
	}
	commit := func(seq int64) {
		t.Helper()
		if durable, err := s.CommitSink(t.Context(), core.SinkCheckpoint{Lineage: "l", StepExecutionID: 1, Seq: seq}); !durable || err != nil {
			t.Fatal(durable, err)
		}
	}
	ctx := t.Context()
	do(s.Mark(ctx), put(entries(1, 10)...), s.Revert(ctx), s.Revert(ctx), put(entries(1, 3)...))
	do(s.Mark(ctx), put(entries(4, 1)...), s.Mark(ctx))
	if err := put(entries(2, 1)...); core.ClassOf(err, "") != core.ClassWriteConstraint || !strings.Contains(err.Error(), "(id 2)") {
		t.Errorf("got %v of the class %q", err, core.ClassOf(err, ""))
	}
	do(s.Revert(ctx), put(entries(5, 1)...))
	commit(1)
	if got := f.rows(t); got != "5 5 15" {
		t.Errorf("got %s, want the rows 1 to 5", got)
	}
	do(s.Mark(ctx), put(entries(6, 1)...))
	s.RollbackSink()
	do(s.Revert(ctx), s.Mark(ctx), put(entries(7, 1)...))
	commit(2)
	if got := f.rows(t); got != "6 6 22" {
		t.Errorf("got %s, want 7 in place of 6", got)
	}
	do(put(entries(8, 1)...))
	if err := s.Revert(ctx); err == nil {
		t.Error("revert without a mark in the transaction: no error")
	}
}

// TestSinkTransactionEnded: when SQLite has ended the transaction by itself, the
// sink says so instead of going on outside of any.
func TestSinkTransactionEnded(t *testing.T) {
	t.Parallel()
	f := setupSink(t)
	f.inSink(t, "CREATE TRIGGER full BEFORE INSERT ON entry WHEN new.id = 2 BEGIN SELECT RAISE(ROLLBACK, 'disk full'); END")
	s := f.claimed(t)
	if err := s.Mark(t.Context()); err != nil {
		t.Fatal(err)
	}
	for k, item := range entries(1, 2) {
		if err := s.Write(t.Context(), &core.Chunk[entry]{Seq: 1, Items: []entry{item}}); (err == nil) != (k == 0) {
			t.Fatalf("item %d: %v", k, err)
		}
	}
	if err := s.Revert(t.Context()); err == nil || !strings.Contains(err.Error(), "no such savepoint") {
		t.Errorf("got %v, want that there is no savepoint any more", err)
	}
	s.RollbackSink()
	if err := s.Mark(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), &core.Chunk[entry]{Seq: 1, Items: entries(3, 1)}); err != nil {
		t.Fatal(err)
	}
	if durable, err := s.CommitSink(t.Context(), core.SinkCheckpoint{Lineage: "l", StepExecutionID: 1, Seq: 1}); !durable || err != nil {
		t.Fatal(durable, err)
	}
	if got := f.rows(t); got != "1 1 3" {
		t.Errorf("got %s, want row 3 only", got)
	}
}

// TestSinkFull runs out of space in the middle of a chunk.
func TestSinkFull(t *testing.T) {
	t.Parallel()
	f := setupSink(t)
	s := f.claimed(t)
	f.inSink(t, "PRAGMA max_page_count = 1") // it grows no more
	long := entries(1, 4)
	for i := range long {
		long[i].name = strings.Repeat("x", 100_000)
	}
	err := s.Write(t.Context(), &core.Chunk[entry]{Seq: 1, Items: long})
	if core.ClassOf(err, "") != core.ClassWriteIO || !strings.Contains(err.Error(), "items 1 to 4 of the chunk") {
		t.Errorf("got %v of the class %q", err, core.ClassOf(err, ""))
	}
	s.RollbackSink()
	if got := f.rows(t); got != "0 0 0" {
		t.Errorf("got %s, want nothing", got)
	}
}

// TestSinkSkips: a chunk step with a sink passes over the rows that it refuses.
func TestSinkSkips(t *testing.T) {
	t.Parallel()
	f := setupSink(t)
	f.inSink(t, "CREATE TRIGGER odd BEFORE INSERT ON entry WHEN new.id IN (5, 9) BEGIN SELECT RAISE(ABORT, 'odd'); END")
	step := chunk.Step(stepName, func(*core.Scope) (core.StepBody, error) {
		return chunk.New(&counter{}, chunk.PassThrough[entry](), f.plainSink(), chunk.Options{Size: sinkChunk, Skip: core.LimitSkipPolicy{
			ErrorClasses: core.ErrorClasses{Include: []string{core.ClassWriteConstraint}}, Max: 2,
		}}), nil
	})
	if _, err := f.run(t, step); err != nil {
		t.Fatal(err)
	}
	if got := f.rows(t); got != "8 8 41" {
		t.Errorf("got %s, want all but 5 and 9", got)
	}
	got := f.column(t, "SELECT WRITE_SKIP_COUNT || '/' || WRITE_COUNT || '/' || ROLLBACK_COUNT || '/' || COMMIT_COUNT FROM BATCH_STEP_EXECUTION")
	if diff := cmp.Diff(got, []string{"2/8/4/4"}); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

// silent is a database that knows no classes.
type silent struct{ core.Database }

func TestSinkOfADatabaseWithoutClasses(t *testing.T) {
	t.Parallel()
	f := setupSink(t)
	f.inSink(t, "CREATE UNIQUE INDEX one ON entry (id)")
	f.db = silent{f.db}
	s := f.claimed(t)
	err := s.Write(t.Context(), &core.Chunk[entry]{Seq: 1, Items: []entry{{id: 1}, {id: 1}}})
	if err == nil || core.ClassOf(err, core.PhaseWrite) != core.PhaseWrite {
		t.Errorf("got %v", err)
	}
}

func TestLaterClassifies(t *testing.T) {
	t.Parallel()
	f := setupSink(t)
	db := sqlitem.OpenLater(one{f.db}, "")
	plain := errors.New("plain")
	if err := db.(sqlitem.Classifier).Classify(plain); !errors.Is(err, plain) {
		t.Errorf("before it is opened: %v", err)
	}
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	_, err = tx.ExecContext(t.Context(), "INSERT INTO entry (id) VALUES (1)")
	if class := core.ClassOf(db.(sqlitem.Classifier).Classify(err), ""); class != core.ClassWriteConstraint {
		t.Errorf("the class is %q", class)
	}
}

// one is Databases with a single database.
type one struct{ db core.Database }

func (o one) OpenDatabase(context.Context, string) (core.Database, error) { return o.db, nil }
