package sqlitem_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
)

const createEntry = `CREATE TABLE entry (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, note TEXT DEFAULT 'none')`

func entryWriter(f *fixture) *sqlitem.Writer[entry] {
	return sqlitem.NewWriter(sqlitem.WriterConfig{
		Querier: f.store, Table: "entry", Columns: []string{"id", "name"},
	}, entryValues)
}

func entries(from, n int) []entry {
	all := make([]entry, n)
	for i := range all {
		all[i] = entry{id: int64(from + i), name: fmt.Sprintf("name %d", from+i), line: fmt.Sprintf("in.csv:%d", from+i+1)}
	}
	return all
}

func TestWriterOpen(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		create  string
		table   string
		columns []string
		want    []string // in the error; none means success
		hint    string
	}{
		{name: "it fits", create: createEntry, table: "entry", columns: []string{"id", "name"}},
		{name: "names are compared as SQLite compares them", create: createEntry, table: "ENTRY", columns: []string{"Id", "NAME"}},
		{name: "the rowid need not be written", create: createEntry, table: "entry", columns: []string{"name"}},
		{
			name: "a default need not be written", table: "t", columns: []string{"a"},
			create: "CREATE TABLE t (a, b TEXT NOT NULL DEFAULT '')",
		},
		{
			name: "no such table", create: createEntry, table: "enrty", columns: []string{"id"},
			want: []string{`open table "enrty" for writing`, `no table "enrty"`}, hint: "did you mean entry?",
		},
		{
			name: "no such column", create: createEntry, table: "entry", columns: []string{"id", "nam"},
			want: []string{`table "entry" has no column "nam"`}, hint: "did you mean name?",
		},
		{
			name: "no column that is near", create: createEntry, table: "entry", columns: []string{"id", "merchant"},
			want: []string{`no column "merchant"`}, hint: "there are id, name, note",
		},
		{
			name: "a NOT NULL column is left out", create: createEntry, table: "entry", columns: []string{"id", "note"},
			want: []string{`column "name" of table "entry" is NOT NULL without a default`}, hint: "write it",
		},
		{
			name: "a NOT NULL column with the default NULL is left out", table: "t", columns: []string{"a"},
			create: "CREATE TABLE t (a, b TEXT NOT NULL DEFAULT NULL)", want: []string{`column "b"`}, hint: "default",
		},
		{
			name: "an integer key of a table without rowid is left out", table: "t", columns: []string{"a"},
			create: "CREATE TABLE t (id INTEGER PRIMARY KEY, a) WITHOUT ROWID", want: []string{`column "id"`}, hint: "write it",
		},
		{
			name: "a generated column", table: "t", columns: []string{"a", "b"},
			create: "CREATE TABLE t (a, b AS (a + 1))", want: []string{`column "b" of table "t" is generated`}, hint: "leave it out",
		},
		{
			name: "a stored generated column", table: "t", columns: []string{"b"},
			create: "CREATE TABLE t (a, b AS (a + 1) STORED)", want: []string{`column "b" of table "t" is generated`}, hint: "leave it out",
		},
		{
			name: "a generated column that is NOT NULL is left out", table: "t", columns: []string{"a"},
			create: "CREATE TABLE t (a, b NOT NULL AS (a + 1))",
		},
		{name: "a view", create: "CREATE VIEW v AS SELECT 1 AS a", table: "v", columns: []string{"a"}, want: []string{`no table "v"`}},
		{name: "no columns", create: createEntry, table: "entry", want: []string{"0 columns"}},
		{name: "a column twice", create: createEntry, table: "entry", columns: []string{"id", "ID"}, want: []string{`column "ID"`, "twice"}},
		{
			name: "a table with a quote in its name", create: createEntry, table: `entry"; DROP TABLE entry; --`, columns: []string{"id"},
			want: []string{`no table "entry\"; DROP TABLE entry; --"`},
		},
		{
			name: "a column with a bracket in its name", create: createEntry, table: "entry", columns: []string{"id) VALUES (1); --"},
			want: []string{`no column "id) VALUES (1); --"`},
		},
		{
			name: "a column of the greatest length", create: createEntry, table: "entry", columns: []string{strings.Repeat("상", 256)},
			want: []string{"has no column"},
		},
		{
			name: "a column that is too long", create: createEntry, table: "entry", columns: []string{strings.Repeat("a", 257)},
			want: []string{"is not a name: want 1 to 256 characters"},
		},
		{name: "a column without a name", create: createEntry, table: "entry", columns: []string{""}, want: []string{`column "" is not a name`}},
		{name: "a name with a line break", create: createEntry, table: "entry\n", columns: []string{"id"}, want: []string{"is not a name"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, tt.create)
			err := sqlitem.NewWriter(sqlitem.WriterConfig{Querier: f.store, Table: tt.table, Columns: tt.columns},
				entryValues).Open(t.Context(), nil)
			if (err == nil) != (tt.want == nil) {
				t.Fatalf("error %v, want %q", err, tt.want)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q", err, want)
				}
			}
			if hint := core.Hint(err); !strings.Contains(hint, tt.hint) {
				t.Errorf("hint %q, want %q", hint, tt.hint)
			}
		})
	}
	t.Run("a database that does not answer", func(t *testing.T) {
		t.Parallel()
		gone := errors.New("gone")
		err := sqlitem.NewWriter(sqlitem.WriterConfig{Querier: closed{gone}, Table: "t", Columns: []string{"a"}},
			entryValues).Open(t.Context(), nil)
		if !errors.Is(err, gone) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("no database to look at", func(t *testing.T) {
		t.Parallel()
		err := sqlitem.NewWriter(sqlitem.WriterConfig{Table: "t", Columns: []string{"a"}}, entryValues).Open(t.Context(), nil)
		if err == nil {
			t.Error("no error")
		}
	})
}

func TestWrite(t *testing.T) {
	t.Parallel()
	t.Run("every number of rows, in order", func(t *testing.T) {
		t.Parallel()
		f := setup(t, createEntry)
		w, from := entryWriter(f), 1
		if err := w.Open(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 2, 3, 63, 64, 65, 127, 128, 1000} {
			if err := write(t, f, w, entries(from, n)); err != nil {
				t.Fatalf("%d rows: %v", n, err)
			}
			from += n
		}
		wrong := f.column(t, "SELECT count(*) FROM entry WHERE name <> 'name ' || id OR note <> 'none'")
		count := f.column(t, "SELECT count(*) FROM entry")
		if wrong[0] != "0" || count[0] != fmt.Sprint(from-1) {
			t.Errorf("%s rows, %s wrong, want %d and 0", count[0], wrong[0], from-1)
		}
	})
	t.Run("a table of many columns", func(t *testing.T) {
		t.Parallel()
		columns := make([]string, 300)
		for i := range columns {
			columns[i] = fmt.Sprintf("c%d", i)
		}
		f := setup(t, "CREATE TABLE wide ("+strings.Join(columns, ", ")+")")
		w := sqlitem.NewWriter(sqlitem.WriterConfig{Querier: f.store, Table: "wide", Columns: columns},
			func(e *entry, dst []any) []any {
				for i := range columns {
					dst = append(dst, e.id+int64(i))
				}
				return dst
			})
		if err := w.Open(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if err := write(t, f, w, entries(1, 5)); err != nil {
			t.Fatal(err)
		}
		if got := f.column(t, "SELECT c299 FROM wide ORDER BY c0"); !cmp.Equal(got, []string{"300", "301", "302", "303", "304"}) {
			t.Errorf("last column %v", got)
		}
	})
	t.Run("values are bound, never part of the statement", func(t *testing.T) {
		t.Parallel()
		f := setup(t, createEntry)
		w := entryWriter(f)
		if err := w.Open(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		evil := "'); DROP TABLE entry; --"
		if err := write(t, f, w, []entry{{id: 1, name: evil}}); err != nil {
			t.Fatal(err)
		}
		if got := f.column(t, "SELECT name FROM entry"); got[0] != evil {
			t.Errorf("name %q", got)
		}
	})
	t.Run("a transaction that runs no SQL", func(t *testing.T) {
		t.Parallel()
		f := setup(t, createEntry)
		w := entryWriter(f)
		if err := w.Open(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		err := w.Write(t.Context(), &core.Chunk[entry]{Items: entries(1, 1), Tx: deaf{}})
		if err == nil || !strings.Contains(err.Error(), `table "entry"`) || !strings.Contains(err.Error(), "runs no SQL") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("before it was opened", func(t *testing.T) {
		t.Parallel()
		f := setup(t, createEntry)
		if err := write(t, f, entryWriter(f), entries(1, 1)); err == nil || !strings.Contains(err.Error(), "before it was opened") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("an aborted context writes nothing", func(t *testing.T) {
		t.Parallel()
		f := setup(t, createEntry)
		w := entryWriter(f)
		if err := w.Open(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(core.ErrAborted)
		tx, err := f.store.Begin(t.Context(), f.je)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		if err := w.Write(ctx, &core.Chunk[entry]{Items: entries(1, 1), Tx: tx}); !errors.Is(err, core.ErrAborted) {
			t.Errorf("error %v", err)
		}
	})
}

func TestWriteRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		items  int
		change func([]entry)
		index  int
		want   string
	}{
		{
			name: "a row that is there already", items: 200, change: func(es []entry) { es[130].id = 1000 }, index: 130,
			want: `in.csv:132: table "entry": UNIQUE constraint failed: entry.id (id 1000)`,
		},
		{
			name: "two rows of one group that exclude each other", items: 64, change: func(es []entry) { es[40].name = "name 2" },
			index: 40, want: `in.csv:42: table "entry": UNIQUE constraint failed: entry.name (name "name 2")`,
		},
		{
			name: "a row of a type that the column does not take", items: 3, change: func(es []entry) { es[2].name = "" },
			index: 2, want: `in.csv:4: table "entry": CHECK constraint failed: name <> ''`,
		},
		{
			name: "an item that does not know where it comes from", items: 5,
			change: func(es []entry) { es[4].id, es[4].line = 1000, "" }, index: 4,
			want: `item 5 of the chunk: table "entry": UNIQUE constraint failed: entry.id (id 1000)`,
		},
		{
			name: "an item that is alone", items: 1, change: func(es []entry) { es[0].id = 1000 }, index: -1,
			want: `in.csv:2: table "entry": UNIQUE constraint failed: entry.id (id 1000)`,
		},
		{
			name: "an item that is alone and knows nothing", items: 1, change: func(es []entry) { es[0].id, es[0].line = 1000, "" },
			index: -1, want: `table "entry": UNIQUE constraint failed: entry.id (id 1000)`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, `CREATE TABLE entry (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE CHECK (name <> ''))`,
				`INSERT INTO entry VALUES (1000, 'there already')`)
			w := entryWriter(f)
			if err := w.Open(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			items := entries(1, tt.items)
			tt.change(items)
			err := write(t, f, w, items)
			var row *sqlitem.RowError
			if !errors.As(err, &row) || row.Index != tt.index || err.Error() != tt.want {
				t.Errorf("error %v, want %s", err, tt.want)
			}
			if row != nil && row.Unwrap() == nil {
				t.Error("the error hides its cause")
			}
			if class := core.ClassOf(err, core.PhaseWrite); class != core.ClassWriteConstraint {
				t.Errorf("the class is %s", class)
			}
			if got := f.column(t, "SELECT id FROM entry"); !cmp.Equal(got, []string{"1000"}) {
				t.Errorf("the table holds %v after the rollback", got)
			}
		})
	}
	t.Run("looking for the row leaves nothing in the transaction", func(t *testing.T) {
		t.Parallel()
		f := setup(t, createEntry)
		w := entryWriter(f)
		if err := w.Open(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		tx, err := f.store.Begin(t.Context(), f.je)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		items := entries(1, 128)
		items[100].id = items[99].id
		if err := w.Write(t.Context(), &core.Chunk[entry]{Items: items, Tx: tx}); err == nil {
			t.Fatal("no error")
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		// The group before the refused one is the transaction's, as with any
		// failed Write; of the refused one there is nothing.
		if got := f.column(t, "SELECT count(*) FROM entry"); got[0] != "64" {
			t.Errorf("%s rows, want the 64 of the first group", got[0])
		}
	})
	t.Run("values that are not as many as the columns", func(t *testing.T) {
		t.Parallel()
		f := setup(t, createEntry)
		w := sqlitem.NewWriter(sqlitem.WriterConfig{Querier: f.store, Table: "entry", Columns: []string{"id", "name"}},
			func(e *entry, dst []any) []any { return append(dst, e.id) })
		if err := w.Open(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if err := write(t, f, w, entries(1, 3)); err == nil || !strings.Contains(err.Error(), "1 values for 2 columns") {
			t.Errorf("error %v", err)
		}
	})
}

// moody is a transaction that refuses statements that contain a word.
type moody struct {
	core.Tx
	refuse map[string]error
}

func (m moody) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	for word, err := range m.refuse {
		if strings.Contains(query, word) {
			return nil, err
		}
	}
	return m.Tx.(sqlitem.Execer).ExecContext(ctx, query, args...)
}

func TestWriteRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	broken, gone := errors.New("disk I/O error"), errors.New("it is gone")
	for name, tt := range map[string]struct {
		refuse map[string]error
		want   []error
		text   string
	}{
		"no single row is to blame": {
			refuse: map[string]error{"),(": broken}, want: []error{broken}, text: `items 1 to 4 of the chunk: table "entry": disk I/O error`,
		},
		"the disk is full": {
			refuse: map[string]error{"),(": core.Classified(core.ClassWriteIO, broken), "SAVEPOINT": errors.New("no row is looked for")},
			want:   []error{broken}, text: `items 1 to 4 of the chunk: table "entry": disk I/O error`,
		},
		"there is no savepoint": {
			refuse: map[string]error{"),(": broken, "SAVEPOINT": gone}, want: []error{broken}, text: "items 1 to 4 of the chunk",
		},
		"the savepoint cannot be undone": {
			refuse: map[string]error{"),(": broken, "ROLLBACK TO": gone}, want: []error{broken, gone}, text: "items 1 to 4 of the chunk",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, createEntry)
			w := entryWriter(f)
			if err := w.Open(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			tx, err := f.store.Begin(t.Context(), f.je)
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback()
			err = w.Write(t.Context(), &core.Chunk[entry]{Items: entries(1, 4), Tx: moody{tx, tt.refuse}})
			if err == nil || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want %q", err, tt.text)
			}
			for _, want := range tt.want {
				if !errors.Is(err, want) {
					t.Errorf("error %v hides %v", err, want)
				}
			}
		})
	}
}

// A chunk step that reads rows of one table and writes them to another.
func copyStep(f *fixture, query string, failAt int64) *core.Step {
	return chunk.Step(stepName, func(*core.Scope) (core.StepBody, error) {
		r := sqlitem.NewReader(f.store, sqlitem.ReaderConfig{Query: query, Key: "id", PageSize: 4}, scanEntry)
		p := core.ProcessorFunc[entry, entry](func(_ context.Context, e entry) (entry, bool, error) {
			if e.id == failAt {
				e.name = "name 1"
			}
			return e, true, nil
		})
		return chunk.New(r, p, entryWriter(f), chunk.Options{Size: 3}), nil
	})
}

func TestStep(t *testing.T) {
	t.Parallel()
	t.Run("CHUNK-69 a restart continues behind the last committed key", func(t *testing.T) {
		t.Parallel()
		f := setup(t, createEntry, "CREATE TABLE source (id INTEGER PRIMARY KEY, name TEXT)",
			`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)
			INSERT INTO source SELECT i * 10, 'name ' || i FROM n`)
		const query = "SELECT id, name FROM source"
		first, err := f.run(t, copyStep(f, query, 80))
		if first.Status != core.StatusFailed || first.Counts != (core.Counts{Read: 6, Write: 6, Commit: 2, Rollback: 1}) {
			t.Errorf("status %s, counts %+v", first.Status, first.Counts)
		}
		if err == nil || !strings.Contains(err.Error(), "UNIQUE constraint failed: entry.name") {
			t.Errorf("error %v", err)
		}
		if key, _, _ := first.Context.Int64("sqlitem.reader.key"); key != 60 {
			t.Errorf("the position is %d, want 60", key)
		}
		second, err := f.run(t, copyStep(f, query, 0))
		if err != nil || second.Counts != (core.Counts{Read: 14, Write: 14, Commit: 5}) {
			t.Errorf("error %v, counts %+v", err, second.Counts)
		}
		if diff := f.column(t, "SELECT id FROM source EXCEPT SELECT id FROM entry"); diff != nil {
			t.Errorf("lost: %v", diff)
		}
	})
	t.Run("a table that does not fit is found before anything is read", func(t *testing.T) {
		t.Parallel()
		f := setup(t, "CREATE TABLE entry (id INTEGER PRIMARY KEY, title TEXT)")
		se, err := f.run(t, copyStep(f, "SELECT 1 AS id, 'x' AS name", 0))
		if se.Status != core.StatusFailed || se.Counts != (core.Counts{}) || !strings.Contains(err.Error(), `no column "name"`) {
			t.Errorf("status %s, counts %+v, error %v", se.Status, se.Counts, err)
		}
	})
}

func TestInterner(t *testing.T) { // not parallel: it counts allocations
	in := sqlitem.NewInterner(2)
	for range 3 {
		for _, want := range []string{"KRW", "", "JPY", "KRW", "USD"} {
			if got := in.String(want); got != want {
				t.Errorf("%v, want %q", got, want)
			}
		}
	}
	texts := []string{"KRW", "USD"}
	if n := testing.AllocsPerRun(100, func() {
		for _, text := range texts {
			_ = in.String(text)
		}
	}); n != 0 {
		t.Errorf("%v allocations for values that are known", n)
	}
}
