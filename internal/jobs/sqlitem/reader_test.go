package sqlitem_test

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
)

// fill makes a table source of n rows with the ids 1 to n.
func fill(n int) []string {
	return []string{
		"CREATE TABLE source (id INTEGER PRIMARY KEY, name TEXT)",
		fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			INSERT INTO source SELECT i, 'name ' || i FROM n`, n),
	}
}

func newReader(f *fixture, cfg sqlitem.ReaderConfig) *sqlitem.Reader[entry] {
	return sqlitem.NewReader(f.store, cfg, scanEntry)
}

// readAll reads to the end in steps of n.
func readAll(t *testing.T, r *sqlitem.Reader[entry], n int) ([]entry, error) {
	t.Helper()
	var all []entry
	for {
		dst := make([]entry, n)
		got, err := r.Read(t.Context(), dst)
		all = append(all, dst[:got]...)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

func ids(es []entry) []int64 {
	var all []int64
	for _, e := range es {
		all = append(all, e.id)
	}
	return all
}

func TestRead(t *testing.T) {
	t.Parallel()
	f := setup(t, fill(10)...)
	for name, tt := range map[string]struct {
		query string
		args  []any
		page  int
		read  int
		want  []int64
	}{
		"one page":                           {query: "SELECT * FROM source", page: 100, read: 100, want: []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		"pages that end with the input":      {query: "SELECT * FROM source", page: 5, read: 3, want: []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		"pages of one row":                   {query: "SELECT * FROM source", page: 1, read: 1, want: []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		"the default page":                   {query: "SELECT * FROM source", read: 4, want: []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		"nothing":                            {query: "SELECT * FROM source WHERE id > 10", page: 3, read: 3},
		"arguments":                          {query: "SELECT * FROM source WHERE id > ? AND name <> ?", args: []any{6, "name 8"}, page: 2, read: 5, want: []int64{7, 9, 10}},
		"named arguments":                    {query: "SELECT * FROM source WHERE id > :low AND id + 1 > :low", args: []any{sql.Named("low", 6)}, page: 2, read: 5, want: []int64{7, 8, 9, 10}},
		"a semicolon at the end":             {query: "SELECT * FROM source WHERE id < 3 ;\n", page: 1, read: 1, want: []int64{1, 2}},
		"a comment at the end":               {query: "SELECT * FROM source WHERE id < 3 -- the first", page: 1, read: 1, want: []int64{1, 2}},
		"an order of the query is not heard": {query: "SELECT * FROM source WHERE id < 5 ORDER BY id DESC", page: 2, read: 2, want: []int64{1, 2, 3, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReader(f, sqlitem.ReaderConfig{Query: tt.query, Args: tt.args, Key: "id", PageSize: tt.page})
			if err := r.Open(t.Context(), core.ExecutionContext{}); err != nil {
				t.Fatal(err)
			}
			got, err := readAll(t, r, tt.read)
			if diff := cmp.Diff(tt.want, ids(got)); diff != "" || err != nil {
				t.Errorf("error %v, ids (-want +got):\n%s", err, diff)
			}
			for _, e := range got {
				if e.name != fmt.Sprintf("name %d", e.id) {
					t.Errorf("item %+v", e)
				}
			}
		})
	}
	t.Run("a key of text is compared byte by byte", func(t *testing.T) {
		t.Parallel()
		f := setup(t, "CREATE TABLE word (name TEXT COLLATE NOCASE)", "INSERT INTO word VALUES ('b'), ('A'), ('a'), ('가'), ('B'), ('')")
		r := newReader(f, sqlitem.ReaderConfig{Query: "SELECT 1, name AS k FROM word", Key: "K", PageSize: 1})
		if err := r.Open(t.Context(), core.ExecutionContext{}); err != nil {
			t.Fatal(err)
		}
		got, err := readAll(t, r, 2)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range got {
			names = append(names, e.name)
		}
		if diff := cmp.Diff([]string{"", "A", "B", "a", "b", "가"}, names); diff != "" {
			t.Errorf("names (-want +got):\n%s", diff)
		}
	})
	t.Run("a row without a value does not show the one before", func(t *testing.T) {
		t.Parallel()
		r := sqlitem.NewReader(f.store, sqlitem.ReaderConfig{Query: "SELECT * FROM source WHERE id < 3", Key: "id", PageSize: 1},
			func(rows *sql.Rows, e *entry) error {
				if e.name != "" {
					t.Errorf("scan was given %+v", *e)
				}
				return scanEntry(rows, e)
			})
		if err := r.Open(t.Context(), core.ExecutionContext{}); err != nil {
			t.Fatal(err)
		}
		if _, err := readAll(t, r, 1); err != nil {
			t.Error(err)
		}
	})
}

func TestReaderRefuses(t *testing.T) {
	t.Parallel()
	f := setup(t, "CREATE TABLE sale (id INTEGER, merchant TEXT, day DATE, price REAL)",
		"INSERT INTO sale VALUES (1, 'a', '2021-01-01', 1.5), (2, 'b', '2021-01-02', 2.5), (3, 'b', '2021-01-03', 3.5), (NULL, 'c', NULL, NULL)")
	for _, tt := range []struct {
		name string
		cfg  sqlitem.ReaderConfig
		want string
		hint string
	}{
		{
			name: "regression: to page by a key that is not unique, within a page", want: `two rows have the key "b"`, hint: "unique",
			cfg: sqlitem.ReaderConfig{Query: "SELECT id, merchant FROM sale", Key: "merchant", PageSize: 10},
		},
		{
			name: "regression: to page by a key that is not unique, at the border of a page", want: `two rows have the key "b"`, hint: "unique",
			cfg: sqlitem.ReaderConfig{Query: "SELECT id, merchant FROM sale", Key: "merchant", PageSize: 2},
		},
		{
			name: "a key that is NULL", want: "a row has no key", hint: "NOT NULL",
			cfg: sqlitem.ReaderConfig{Query: "SELECT id, merchant FROM sale", Key: "id"},
		},
		{
			name: "a key that is a time", want: "the key is a time.Time", hint: "CAST",
			cfg: sqlitem.ReaderConfig{Query: "SELECT id, merchant, day FROM sale WHERE day IS NOT NULL", Key: "day"},
		},
		{
			name: "a key that is a real number", want: "the key is a float64", hint: "CAST",
			cfg: sqlitem.ReaderConfig{Query: "SELECT id, merchant, price FROM sale WHERE id > 0", Key: "price"},
		},
		{
			name: "a key that the query lacks", want: `no column "merchnat"`, hint: "did you mean merchant?",
			cfg: sqlitem.ReaderConfig{Query: "SELECT id, merchant FROM sale", Key: "merchnat"},
		},
		{name: "no key", want: `key "" is not a name`, cfg: sqlitem.ReaderConfig{Query: "SELECT 1"}},
		{name: "an expression as key", want: `no column "id, merchant"`, cfg: sqlitem.ReaderConfig{Query: "SELECT 1", Key: "id, merchant"}},
		{name: "no query", want: "the query is empty", cfg: sqlitem.ReaderConfig{Query: " ; ", Key: "id"}},
		{name: "a query with an error", want: "no such table: nowhere", cfg: sqlitem.ReaderConfig{Query: "SELECT * FROM nowhere", Key: "id"}},
		{name: "a negative page", want: "page size is -1", cfg: sqlitem.ReaderConfig{Query: "SELECT 1 AS id", Key: "id", PageSize: -1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := sqlitem.NewReader(f.store, tt.cfg, func(*sql.Rows, *entry) error { return nil })
			err := r.Open(t.Context(), core.ExecutionContext{})
			if err == nil {
				_, err = readAll(t, r, 1)
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want %q", err, tt.want)
			}
			if hint := core.Hint(err); !strings.Contains(hint, tt.hint) {
				t.Errorf("hint %q, want %q", hint, tt.hint)
			}
		})
	}
	t.Run("to be read before it was opened", func(t *testing.T) {
		t.Parallel()
		r := newReader(f, sqlitem.ReaderConfig{Query: "SELECT 1 AS id", Key: "id"})
		if _, err := r.Read(t.Context(), make([]entry, 1)); err == nil {
			t.Error("no error")
		}
	})
	t.Run("a position that is none", func(t *testing.T) {
		t.Parallel()
		r := newReader(f, sqlitem.ReaderConfig{Query: "SELECT 1 AS id, ''", Key: "id"})
		err := r.Open(t.Context(), core.ExecutionContext{"sqlitem.reader.key": 1.5})
		if !errors.Is(err, core.ErrCheckpointMismatch) {
			t.Errorf("error %v", err)
		}
	})
}

func TestReaderPosition(t *testing.T) {
	t.Parallel()
	t.Run("CHUNK-69 the position is the last key handed out, not the last one loaded", func(t *testing.T) {
		t.Parallel()
		f := setup(t, fill(10)...)
		cfg := sqlitem.ReaderConfig{Query: "SELECT * FROM source", Key: "id", PageSize: 5, Prefix: "mine"}
		r, ec := newReader(f, cfg), core.ExecutionContext{}
		if err := r.Open(t.Context(), ec); err != nil {
			t.Fatal(err)
		}
		if err := r.Checkpoint(ec); err != nil || len(ec) != 0 {
			t.Errorf("before the first read: %v, error %v", ec, err)
		}
		if n, err := r.Read(t.Context(), make([]entry, 3)); n != 3 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		if err := r.Checkpoint(ec); err != nil || ec["mine.key"] != int64(3) {
			t.Errorf("position %v, error %v, want 3", ec, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		again := newReader(f, cfg)
		if err := again.Open(t.Context(), ec); err != nil {
			t.Fatal(err)
		}
		got, err := readAll(t, again, 4)
		if diff := cmp.Diff([]int64{4, 5, 6, 7, 8, 9, 10}, ids(got)); err != nil || diff != "" {
			t.Errorf("error %v, ids (-want +got):\n%s", err, diff)
		}
	})
	t.Run("no cursor is held from one page to the next", func(t *testing.T) {
		t.Parallel()
		f := setup(t, fill(4)...)
		r := newReader(f, sqlitem.ReaderConfig{Query: "SELECT * FROM source", Key: "id", PageSize: 2})
		if err := r.Open(t.Context(), core.ExecutionContext{}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(t.Context(), make([]entry, 2)); err != nil {
			t.Fatal(err)
		}
		// A later page sees what was committed meanwhile, up to the last row that
		// there was.
		f.do(t, "DELETE FROM source WHERE id = 3", "UPDATE source SET name = 'other' WHERE id = 4", "INSERT INTO source VALUES (5, 'name 5')")
		got, err := readAll(t, r, 2)
		if diff := cmp.Diff([]int64{4}, ids(got)); err != nil || diff != "" || got[0].name != "other" {
			t.Errorf("error %v, ids (-want +got):\n%s", err, diff)
		}
	})
	t.Run("the last row of the first attempt is the last of all", func(t *testing.T) {
		t.Parallel()
		f := setup(t, fill(4)...)
		cfg, ec := sqlitem.ReaderConfig{Query: "SELECT * FROM source", Key: "id", PageSize: 2}, core.ExecutionContext{}
		r := newReader(f, cfg)
		if err := r.Open(t.Context(), ec); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(t.Context(), make([]entry, 2)); err != nil {
			t.Fatal(err)
		}
		if err := r.Checkpoint(ec); err != nil {
			t.Fatal(err)
		}
		f.do(t, "INSERT INTO source VALUES (5, 'name 5')", "DELETE FROM source WHERE id = 4")
		again := newReader(f, cfg)
		if err := again.Open(t.Context(), ec); err != nil {
			t.Fatal(err)
		}
		got, err := readAll(t, again, 3)
		if diff := cmp.Diff([]int64{3}, ids(got)); err != nil || diff != "" {
			t.Errorf("error %v, ids (-want +got):\n%s", err, diff)
		}
		if err := again.Checkpoint(ec); err != nil || !cmp.Equal(ec, core.ExecutionContext{"sqlitem.reader.key": int64(3), "sqlitem.reader.upto": int64(4)}) {
			t.Errorf("context %v, error %v", ec, err)
		}
	})
	t.Run("a row that scan refuses is passed over by the next read", func(t *testing.T) {
		t.Parallel()
		f := setup(t, fill(6)...)
		bad := errors.New("bad row")
		r := sqlitem.NewReader(f.store, sqlitem.ReaderConfig{Query: "SELECT * FROM source", Key: "id", PageSize: 4},
			func(rows *sql.Rows, e *entry) error {
				if err := scanEntry(rows, e); err != nil || e.id != 3 {
					return err
				}
				return bad
			})
		if err := r.Open(t.Context(), core.ExecutionContext{}); err != nil {
			t.Fatal(err)
		}
		before, err := readAll(t, r, 10)
		if !errors.Is(err, bad) || !strings.Contains(err.Error(), `key "3": bad row`) || !cmp.Equal(ids(before), []int64{1, 2}) {
			t.Errorf("ids %v, error %v", ids(before), err)
		}
		behind, err := readAll(t, r, 10)
		if err != nil || !cmp.Equal(ids(behind), []int64{4, 5, 6}) {
			t.Errorf("ids %v, error %v", ids(behind), err)
		}
	})
}

func TestPagesAreSearches(t *testing.T) {
	t.Parallel()
	f := setup(t, "CREATE TABLE word (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)")
	for key, want := range map[string]string{
		"id":   "SEARCH word USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
		"name": "SEARCH word USING COVERING INDEX sqlite_autoindex_word_1 (name>? AND name<?)",
	} {
		t.Run(key+", first page", func(t *testing.T) {
			t.Parallel()
			f := setup(t, "CREATE TABLE word (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)", "INSERT INTO word VALUES (1, 'a')")
			plans := &planner{fixture: f}
			r := sqlitem.NewReader(plans, sqlitem.ReaderConfig{Query: "SELECT id, name FROM word", Key: key}, scanEntry)
			if err := r.Open(t.Context(), core.ExecutionContext{}); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Read(t.Context(), make([]entry, 1)); err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			if plan := plans.last(t); !strings.HasPrefix(plan, "SCAN word") || strings.Contains(plan, "TEMP B-TREE") {
				t.Errorf("plan %q, want the order of the key without sorting", plan)
			}
		})
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			plans := &planner{fixture: f}
			r := sqlitem.NewReader(plans, sqlitem.ReaderConfig{Query: "SELECT id, name FROM word", Key: key}, scanEntry)
			from := map[string]any{"id": int64(1), "name": "a"}[key]
			if err := r.Open(t.Context(), core.ExecutionContext{"sqlitem.reader.key": from, "sqlitem.reader.upto": from}); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Read(t.Context(), make([]entry, 1)); !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			if plan := plans.last(t); plan != want {
				t.Errorf("plan %q, want %q", plan, want)
			}
		})
	}
}
