package sqlitem_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/record"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

func pairs(texts ...string) []component.Pair {
	var out []component.Pair
	for i := 0; i < len(texts); i += 2 {
		out = append(out, component.Pair{Name: texts[i], Value: texts[i+1]})
	}
	return out
}

func optionsOf(tb testing.TB, spec component.Spec, given map[string]any) component.Values {
	tb.Helper()
	v, err := component.NewValues(spec, given)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func (f *fixture) scope() *core.Scope {
	return &core.Scope{Run: &core.Run{Repo: f.store, Databases: sqlite.Databases{}}}
}

// rowsOf reads all records that the source has behind ec: their texts, those of
// errors, and the context behind each.
func (f *fixture) rowsOf(tb testing.TB, given map[string]any, ec core.ExecutionContext) (texts []string, behind []core.ExecutionContext) {
	tb.Helper()
	source := sqlitem.Source()
	v := optionsOf(tb, source.Spec, given)
	schema, err := source.Schema(v)
	if err != nil {
		tb.Fatal(err)
	}
	r, err := source.New(f.scope(), v, schema)
	if err != nil {
		tb.Fatal(err)
	}
	stream := r.(core.ItemStream)
	defer stream.Close()
	if err := stream.Open(tb.Context(), ec); err != nil {
		tb.Fatal(err)
	}
	dst := make([]record.Record, 1)
	for {
		n, err := r.Read(tb.Context(), dst)
		if n == 1 {
			text := ""
			for _, v := range dst[0].Values() {
				text += v.Kind().String() + ":" + v.Text() + "|"
			}
			texts = append(texts, text)
		}
		next := core.ExecutionContext{}
		if err := stream.Checkpoint(next); err != nil {
			tb.Fatal(err)
		}
		switch {
		case errors.As(err, new(*core.ItemError)):
			if n == 1 { // there is no place between the two
				behind = append(behind, nil)
			}
			texts = append(texts, err.Error())
		case errors.Is(err, io.EOF):
			if n == 1 {
				behind = append(behind, next)
			}
			return texts, behind
		case err != nil:
			tb.Fatal(err)
		}
		behind = append(behind, next)
	}
}

func TestSourceOfRecords(t *testing.T) {
	t.Parallel()
	f := setup(t, `CREATE TABLE trade (id INTEGER PRIMARY KEY, name TEXT, amount DECIMAL(12,2), day DATE, at TIMESTAMP, ok BOOLEAN, f REAL)`,
		`INSERT INTO trade VALUES (1, 'a', '1.50', '2021-01-31', '2021-01-31T01:02:03Z', 1, 0.1)`,
		`INSERT INTO trade VALUES (2, NULL, 1000000, NULL, NULL, 0, 5)`,
		`INSERT INTO trade VALUES (3, 'no day', 1, '2021-02-30', NULL, NULL, NULL)`,
		`INSERT INTO trade VALUES (4, 'inexact', 0.1234567890123456789, NULL, NULL, NULL, NULL)`,
		`INSERT INTO trade VALUES (5, 'bool', 1, NULL, NULL, 7, NULL)`,
		`INSERT INTO trade VALUES (6, 42, 2, NULL, NULL, NULL, NULL)`,
		`INSERT INTO trade VALUES (7, x'ff', 2, NULL, NULL, NULL, NULL)`,
		`INSERT INTO trade VALUES (99, 'not asked for', 2, NULL, NULL, NULL, NULL)`)
	given := map[string]any{
		"query": "SELECT * FROM trade WHERE id < :below AND name IS NOT :injected -- no more", "key": "id", "page": int64(2),
		"params": pairs("below", "50(long)", "injected", "'; DROP TABLE trade; --"),
		"types":  pairs("name", "string", "id", "long", "amount", "decimal", "day", "date", "at", "datetime", "ok", "bool", "f", "double"),
	}
	all, behind := f.rowsOf(t, given, nil)
	want := []string{
		"string:a|long:1|decimal:1.5|date:2021-01-31|datetime:2021-01-31T01:02:03Z|bool:true|double:0.1|",
		"null:|long:2|decimal:1000000|null:|null:|bool:false|double:5|",
		`key "3": day: "2021-02-30": there is no such day`,
		`key "4": amount: 0.12345678901234568 is a REAL of more than 15 digits, which is not exact: keep amounts as integers or texts`,
		`key "5": ok: "7" is a whole number, want a bool`,
		"string:42|long:6|decimal:2|null:|null:|null:|null:|",
	}
	if diff := cmp.Diff(all[:len(all)-1], want); diff != "" {
		t.Fatalf("84 (-got +want):\n%s", diff)
	}
	if last := all[len(all)-1]; !strings.Contains(last, `key "7": name: `) || !strings.Contains(last, "is a BLOB, want a string") {
		t.Errorf("84: got %q", last)
	}
	for i, ec := range behind {
		if ec == nil {
			continue
		}
		rest, _ := f.rowsOf(t, given, ec)
		if diff := cmp.Diff(strings.Join(rest, "\n"), strings.Join(all[i+1:], "\n")); diff != "" {
			t.Errorf("CHUNK-54 restart behind row %d (-got +want):\n%s", i+1, diff)
		}
	}
}

func TestSourceRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		given        map[string]any
		option, want string
	}{
		"58 ORDER BY":        {map[string]any{"query": "SELECT id FROM t ORDER BY id"}, "query", "ORDER of its own"},
		"58 LIMIT":           {map[string]any{"query": "SELECT id FROM t LIMIT 5"}, "query", "LIMIT of its own"},
		"57 two statements":  {map[string]any{"query": "SELECT 1; DELETE FROM t"}, "query", "more than one statement"},
		"57 ATTACH":          {map[string]any{"query": "ATTACH 'x' AS y"}, "query", "want SELECT"},
		"57 a change":        {map[string]any{"query": "WITH x AS (SELECT 1) DELETE FROM t"}, "query", "want SELECT"},
		"57 out of brackets": {map[string]any{"query": "SELECT id FROM t) AS q; DROP TABLE t; --"}, "query", "more than one statement"},
		"57 a bracket":       {map[string]any{"query": "SELECT id FROM t) AS q, (SELECT 1"}, "query", "a ) without a ("},
		"empty":              {map[string]any{"query": "-- nothing"}, "query", "it is empty"},
		"no value":           {map[string]any{"query": "SELECT id FROM t WHERE a = :day"}, "params", "no value for :day"},
		"too many values":    {map[string]any{"query": "SELECT id FROM t", "params": pairs("day", "1")}, "params", "does not use :day"},
		"a question mark":    {map[string]any{"query": "SELECT id FROM t WHERE a = ?"}, "query", "not of the form :name"},
		"the key":            {map[string]any{"query": "SELECT id FROM t", "key": "id\n"}, "key", "is not a name"},
		"a column":           {map[string]any{"query": "SELECT id FROM t", "types": pairs("a\tb", "long")}, "columns", "control character"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := sqlitem.Source()
			given := map[string]any{"key": "id", "types": pairs("id", "long")}
			maps.Copy(given, tt.given)
			_, err := source.Schema(optionsOf(t, source.Spec, given))
			wrong, ok := errors.AsType[*component.OptionError](err)
			if !ok || wrong.Option != tt.option || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q of %s", err, tt.want, tt.option)
			}
		})
	}
}

var targetTypes = pairs("id", "long", "name", "string", "amount", "decimal", "day", "date", "ok", "bool")

func recordsOf(tb testing.TB, rows ...[]string) []record.Record {
	tb.Helper()
	schema, err := component.MakeSchema(nil, targetTypes, nil)
	if err != nil {
		tb.Fatal(err)
	}
	var all []record.Record
	for i, row := range rows {
		values := make([]record.Value, schema.Len())
		for k, text := range row {
			if text == "" {
				continue
			}
			if values[k], err = record.Parse(schema.Column(k).Kind, text, nil); err != nil {
				tb.Fatal(err)
			}
		}
		all = append(all, record.New(schema, values, core.Origin{File: "in.csv", Line: i + 2}))
	}
	return all
}

// put runs a job that writes records through the target, to the repository or to
// the database at path.
func (f *fixture) put(tb testing.TB, given map[string]any, items []record.Record) error {
	tb.Helper()
	target := sqlitem.Target()
	v := optionsOf(tb, target.Spec, given)
	if err := target.Check(v, items[0].Schema()); err != nil {
		return err
	}
	step := chunk.Step(stepName, func(s *core.Scope) (core.StepBody, error) {
		s.Databases = sqlite.Databases{}
		w, err := target.New(s, v, items[0].Schema())
		if err != nil {
			return nil, err
		}
		at := 0
		read := core.ReadOne(func(context.Context) (record.Record, error) {
			if at == len(items) {
				return record.Record{}, io.EOF
			}
			at++
			return items[at-1], nil
		})
		return chunk.New(read, chunk.PassThrough[record.Record](), w, chunk.Options{Size: 2}), nil
	})
	_, err := f.run(tb, step)
	return err
}

func TestTargetOfRecords(t *testing.T) {
	t.Parallel()
	const table = `CREATE TABLE "out" (id INTEGER PRIMARY KEY, name TEXT NOT NULL, amount TEXT, day TEXT, ok INTEGER)`
	evil := `x'); DROP TABLE "out"; --`
	items := recordsOf(t, []string{"1", evil, "0.10", "2021-01-31", "true"}, []string{"2", "b"}, []string{"1", "c", "7"})
	list := []string{"id || '|' || name || '|' || coalesce(amount, '-') || '|' || coalesce(day, '-') || '|' || coalesce(ok, '-')"}[0]
	for name, tt := range map[string]struct {
		given map[string]any
		items []record.Record
		want  []string
		err   string
	}{
		"insert":            {map[string]any{"table": "out"}, items[:2], []string{"1|" + evil + "|0.10|2021-01-31|1", "2|b|-|-|-"}, ""},
		"84 key twice":      {map[string]any{"table": "out"}, items, nil, "UNIQUE constraint failed"},
		"upsert":            {map[string]any{"table": "out", "mode": "upsert", "key": []string{"id"}}, items, []string{"1|c|7|-|-", "2|b|-|-|-"}, ""},
		"upsert of keys":    {map[string]any{"table": "out", "mode": "upsert", "key": []string{"id", "name"}, "columns": []string{"id", "name"}}, items[:1], nil, "ON CONFLICT"},
		"upsert, not there": {map[string]any{"table": "out", "mode": "upsert", "key": []string{"amount"}}, items[:1], nil, "ON CONFLICT"},
		"statement":         {map[string]any{"statement": "INSERT INTO \"out\" (name, id) VALUES (upper(:name), :id + 10)"}, items[1:2], []string{"12|B|-|-|-"}, ""},
		"CHUNK-68 no row":   {map[string]any{"statement": "UPDATE \"out\" SET name = :name WHERE id = :id"}, items[1:2], nil, "in.csv:3: statement: it has changed no row"},
		"no row, allowed":   {map[string]any{"statement": "UPDATE \"out\" SET name = :name WHERE id = :id", "must-change": false}, items[:1], nil, ""},
		"no such table":     {map[string]any{"table": "outt"}, items[:1], nil, "no table \"outt\""},
		"bad statement":     {map[string]any{"statement": "UPDATE outt SET name = :name"}, items[:1], nil, "no such table"},
	} {
		for _, elsewhere := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f := setup(t, table)
				given := map[string]any{}
				maps.Copy(given, tt.given)
				query := func() []string { return f.column(t, `SELECT `+list+` FROM "out" ORDER BY id`) }
				if elsewhere {
					path := filepath.Join(t.TempDir(), "sink.db")
					db, err := sqlite.Databases{}.OpenDatabase(t.Context(), path)
					if err != nil {
						t.Fatal(err)
					}
					tx, err := db.Begin(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if _, err := tx.ExecContext(t.Context(), table); err != nil {
						t.Fatal(err)
					}
					if err := tx.Commit(); err != nil {
						t.Fatal(err)
					}
					defer db.Close()
					given["resource"] = path
					query = func() (out []string) {
						rows, err := db.QueryContext(t.Context(), `SELECT `+list+` FROM "out" ORDER BY id`)
						if err != nil {
							t.Fatal(err)
						}
						defer rows.Close()
						for rows.Next() {
							var text string
							if err := rows.Scan(&text); err != nil {
								t.Fatal(err)
							}
							out = append(out, text)
						}
						if err := rows.Err(); err != nil {
							t.Fatal(err)
						}
						return out
					}
				}
				err := f.put(t, given, tt.items)
				if tt.err != "" {
					if err == nil || !strings.Contains(err.Error(), tt.err) {
						t.Fatalf("got %v, want %q", err, tt.err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(query(), tt.want); diff != "" {
					t.Errorf("(-got +want):\n%s", diff)
				}
			})
		}
	}
}

func TestTargetRefuses(t *testing.T) {
	t.Parallel()
	schema := recordsOf(t, []string{"1"})[0].Schema()
	target := sqlitem.Target()
	for want, given := range map[string]map[string]any{
		"neither a table nor a statement": {},
		"there is a table already":        {"table": "t", "statement": "DELETE FROM t WHERE a = :id"},
		"is not a name":                   {"table": "t\x00"},
		"BATCH_JOB_INSTANCE belongs to":   {"table": "batch_job_instance"},
		`there is no column "idd"`:        {"table": "t", "columns": []string{"idd"}},
		"upsert needs the columns":        {"table": "t", "mode": "upsert"},
		"only upsert has a key":           {"table": "t", "key": []string{"id"}},
		`column "day" is not written`:     {"table": "t", "mode": "upsert", "key": []string{"day"}, "columns": []string{"id"}},
		"more than one statement":         {"statement": "DELETE FROM t WHERE a = :id; DROP TABLE t"},
		"ATTACH is refused":               {"statement": "ATTACH 'x' AS :id"},
		"belongs to the repository":       {"statement": "UPDATE BATCH_JOB_INSTANCE SET VERSION = :id"},
		"it uses no column":               {"statement": "DELETE FROM t"},
		`there is no column "other"`:      {"statement": "DELETE FROM t WHERE a = :other"},
		"a statement names its columns":   {"statement": "DELETE FROM t WHERE a = :id", "columns": []string{"id"}},
		"want INSERT, REPLACE, UPDATE or": {"statement": "CREATE TABLE x AS SELECT :id"},
	} {
		if err := target.Check(optionsOf(t, target.Spec, given), schema); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	w, err := sqlitem.None().New(nil, optionsOf(t, sqlitem.None().Spec, nil), schema)
	if err != nil || w.Write(t.Context(), &core.Chunk[record.Record]{}) != nil {
		t.Errorf("none: %v", err)
	}
}
