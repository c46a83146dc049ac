package sqlitem_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
)

// What a table ignores without a word is an item that it refuses.
func TestWriteIgnored(t *testing.T) {
	t.Parallel()
	const plain = "CREATE TABLE entry (id INTEGER PRIMARY KEY, name TEXT)"
	for name, tt := range map[string]struct {
		create  []string
		key     []string
		columns []string // id and name when there are none
		ignored bool
	}{
		"a conflict clause of the key": {
			create:  []string{"CREATE TABLE entry (id INTEGER PRIMARY KEY ON CONFLICT IGNORE, name TEXT)", "INSERT INTO entry VALUES (30, 'old')"},
			ignored: true,
		},
		"a trigger": {
			create:  []string{plain, "CREATE TRIGGER t BEFORE INSERT ON Entry WHEN NEW.id = 30 BEGIN SELECT raise(ignore); END"},
			ignored: true,
		},
		"a trigger, of an update by an upsert": {
			create: []string{
				plain, "INSERT INTO entry VALUES (30, 'old')",
				"CREATE TRIGGER t BEFORE UPDATE ON entry BEGIN SELECT RAISE(IGNORE); END",
			},
			key: []string{"id"}, ignored: true,
		},
		"an upsert that replaces": {create: []string{plain, "INSERT INTO entry VALUES (30, 'old')"}, key: []string{"id"}},
		"an upsert with nothing to replace": {
			create: []string{"CREATE TABLE entry (id INTEGER PRIMARY KEY)", "INSERT INTO entry VALUES (30)"},
			key:    []string{"id"}, columns: []string{"id"},
		},
		"a trigger that writes elsewhere": {
			create: []string{
				plain, "CREATE TABLE seen (id INTEGER PRIMARY KEY)",
				"CREATE TRIGGER t AFTER INSERT ON entry BEGIN INSERT OR IGNORE INTO seen VALUES (NEW.id / 50); END",
			},
		},
		"a table that replaces": {
			create: []string{"CREATE TABLE entry (id INTEGER PRIMARY KEY ON CONFLICT REPLACE, name TEXT)", "INSERT INTO entry VALUES (30, 'old')"},
		},
		"a table without rowids": {create: []string{"CREATE TABLE entry (id INTEGER PRIMARY KEY, name TEXT) WITHOUT ROWID"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, tt.create...)
			cfg := sqlitem.WriterConfig{Querier: f.store, Table: "entry", Columns: []string{"id", "name"}, Key: tt.key}
			values := entryValues
			if tt.columns != nil {
				cfg.Columns = tt.columns
				values = func(e *entry, dst []any) []any { return append(dst, e.id) }
			}
			w := sqlitem.NewWriter(cfg, values)
			if err := w.Open(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			err := write(t, f, w, entries(1, 100))
			if !tt.ignored {
				if err != nil {
					t.Error(err)
				}
				return
			}
			row, ok := errors.AsType[*sqlitem.RowError](err)
			const want = `in.csv:31: table "entry": the table ignores the row: ` +
				`a constraint of it says ON CONFLICT IGNORE, or a trigger RAISE(IGNORE)`
			if !ok || row.Index != 29 || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
			if class := core.ClassOf(err, ""); class != core.ClassWriteConstraint {
				t.Errorf("the class is %s", class)
			}
		})
	}
	t.Run("a table that begins to while it is written to", func(t *testing.T) {
		t.Parallel()
		f := setup(t, plain)
		w := entryWriter(f)
		if err := w.Open(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		f.do(t, "CREATE TRIGGER t BEFORE INSERT ON entry WHEN NEW.id = 30 BEGIN SELECT RAISE(IGNORE); END")
		err := write(t, f, w, entries(1, 100))
		if core.ClassOf(err, "") != core.ClassWriteConstraint {
			t.Errorf("error %v, want one of a constraint", err)
		}
	})
}

// A policy that skips rows which the database refuses skips those it ignores.
func TestStepSkipsIgnored(t *testing.T) {
	t.Parallel()
	f := setup(t, "CREATE TABLE entry (id INTEGER PRIMARY KEY ON CONFLICT IGNORE, name TEXT)",
		"CREATE TABLE source (id INTEGER PRIMARY KEY, name TEXT)", "INSERT INTO entry VALUES (3, 'old'), (17, 'old')",
		`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)
		INSERT INTO source SELECT i, 'new' FROM n`)
	step := chunk.Step(stepName, func(*core.Scope) (core.StepBody, error) {
		r := sqlitem.NewReader(f.store, sqlitem.ReaderConfig{Query: "SELECT id, name FROM source", Key: "id", PageSize: 4}, scanEntry)
		return chunk.New(r, chunk.PassThrough[entry](), entryWriter(f), chunk.Options{Size: 8, Skip: core.LimitSkipPolicy{
			ErrorClasses: core.ErrorClasses{Include: []string{core.ClassWriteConstraint}}, Max: 2,
		}}), nil
	})
	se, err := f.run(t, step)
	if err != nil || se.Counts.Write != 18 || se.Counts.WriteSkip != 2 {
		t.Errorf("error %v, counts %+v", err, se.Counts)
	}
	got := f.column(t, "SELECT count(*) || ' ' || group_concat(id) FILTER (WHERE name = 'old') FROM entry")
	if !cmp.Equal(got, []string{"20 3,17"}) {
		t.Errorf("%v, want 20 rows, and 3 and 17 as they were", got)
	}
}

// A table whose trigger does not come to an end holds a timeout up no longer than
// a statement does, and no item is to blame for it.
func TestWriteTimeout(t *testing.T) {
	t.Parallel()
	f := setup(t, createEntry, "CREATE TABLE counted (n)",
		`CREATE TRIGGER endless AFTER INSERT ON entry BEGIN
			INSERT INTO counted SELECT (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n);
		END`)
	w := entryWriter(f)
	if err := w.Open(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	tx, err := f.store.Begin(t.Context(), f.je)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = w.Write(ctx, &core.Chunk[entry]{Seq: 1, Items: entries(1, 20), Tx: tx})
	if _, blamed := errors.AsType[*sqlitem.RowError](err); blamed || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want that the time is over", err)
	}
}
