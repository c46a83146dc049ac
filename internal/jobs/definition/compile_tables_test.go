package definition_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
)

// Several writers to one declared database share its transaction: what one of
// them refuses is undone in all.
func TestTablesOfOneDatabase(t *testing.T) {
	t.Parallel()
	const tables = `
job: tables
resources: {shop: {driver: sqlite, dsn: shop.db}}
steps:
  - step: load
    chunk:
      size: 2
      reader: {csv: {file: in.csv, types: {id: long, name: string}}}
      OUTPUTS
      skip: {limit: 5, include: [write.constraint], to: in.rejects}
`
	for name, tt := range map[string]struct{ outputs, first, second string }{
		"every record to both": {
			`writers: [sql: {resource: shop, table: head}, csv: {file: out.csv}, sql: {resource: shop, table: line}]`,
			"1 2 4 5", "1 2 4 5",
		},
		"by a rule": {
			`route:
        - sql: {resource: shop, table: head}
          when: id < 3
        - sql: {resource: shop, table: line}`,
			"1 2", "4 5",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("in.csv", "id,name\n1,a\n2,b\n3,\n4,d\n5,e\n")
			st.write("job.yaml", strings.Replace(tables, "OUTPUTS", tt.outputs, 1))
			shop := filepath.Join(st.dir, "shop.db")
			st.exec(shop, "CREATE TABLE head (id INTEGER PRIMARY KEY, name TEXT)", "CREATE TABLE line (id INTEGER, name TEXT CHECK (name <> ''))")
			je := st.must("tables")
			want := core.Counts{Read: 5, Write: 4, WriteSkip: 1, Commit: 3, Rollback: 2}
			if got := je.Steps[0].Counts; got != want {
				t.Errorf("counts %+v, want %+v", got, want)
			}
			for table, ids := range map[string]string{"head": tt.first, "line": tt.second} {
				same(t, strings.Fields(ids), st.query(shop, "SELECT id FROM "+table+" ORDER BY id"))
			}
		})
	}
}

// Two databases do not commit together: what a run would refuse at its first
// chunk is found before.
func TestTablesOfTwoDatabases(t *testing.T) {
	t.Parallel()
	const text = `
job: two
resources: {shop: {driver: sqlite, dsn: shop.db}, store: {driver: sqlite, dsn: store.db}}
steps:
  - step: tee
    chunk:
      reader: {csv: {file: in.csv, types: {id: long}}}
      writers:
        - sql: {resource: shop, table: a}
        - csv: {file: out.csv}
        - sql: {table: b}
        - sql: {resource: store, table: a}
        - sql: {resource: shop, table: b}
  - step: route
    chunk:
      reader: {csv: {file: in.csv, types: {id: long}}}
      route:
        - sql: {table: a}
          when: id > 1
        - sql: {resource: repository, table: b}
          when: id > 2
        - sql: {resource: shop, table: b}
`
	st := newStage(t)
	st.write("job.yaml", text)
	var got []string
	for line := range strings.Lines(st.compile().Text()) {
		if at := strings.Index(line, "job.yaml:"); at >= 0 {
			got = append(got, strings.TrimSpace(line[at:]))
		}
	}
	const already = " already, and two databases do not commit together"
	same(t, []string{
		`job.yaml:11:11: this chunk writes to the database "shop"` + already,
		`job.yaml:12:27: this chunk writes to the database "shop"` + already,
		`job.yaml:22:27: this chunk writes to the database "repository"` + already,
	}, got)
}
