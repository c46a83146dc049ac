package sqlitem_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
)

// Names of all kinds are names and nothing else.
func TestNames(t *testing.T) {
	t.Parallel()
	const table = `order "all"); DROP TABLE entry; --`
	columns := []string{"select", "order id", `a"b`, "상점", "1d", "x) VALUES (1); --", "[y]", "`z`", "?", ":id"}
	var quoted []string
	for _, c := range columns {
		quoted = append(quoted, `"`+strings.ReplaceAll(c, `"`, `""`)+`" INTEGER`)
	}
	f := setup(t, createEntry, `CREATE TABLE "`+strings.ReplaceAll(table, `"`, `""`)+`" (`+strings.Join(quoted, ", ")+`, UNIQUE ("select"))`)
	values := func(e *entry, dst []any) []any {
		for i := range columns {
			dst = append(dst, e.id*100+int64(i))
		}
		return dst
	}
	for _, key := range [][]string{nil, {"select"}} {
		w := sqlitem.NewWriter(sqlitem.WriterConfig{Querier: f.store, Table: table, Columns: columns, Key: key}, values)
		if err := w.Open(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if err := write(t, f, w, entries(1+len(key), 20)); err != nil {
			t.Fatal(err)
		}
	}
	r := sqlitem.NewReader(f.store, sqlitem.ReaderConfig{Query: `SELECT * FROM "` + strings.ReplaceAll(table, `"`, `""`) + `"`, Key: `a"b`},
		func(rows *sql.Rows, e *entry) error {
			var skip any
			return rows.Scan(&skip, &skip, &e.id, &skip, &skip, &skip, &skip, &skip, &skip, &skip)
		})
	if err := r.Open(t.Context(), core.ExecutionContext{}); err != nil {
		t.Fatal(err)
	}
	all, err := readAll(t, r, 7)
	if err != nil || len(all) != 21 || all[20].id != 2102 {
		t.Errorf("got %d rows, the last %v, error %v", len(all), all[len(all)-1], err)
	}
}
