package definition_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
)

const twoDatabases = `
job: sums
parameters: {day: {type: date, required: true}}
resources:
  books: {driver: sqlite, dsn: books.db, create: true}
steps:
  - step: tables
    sql:
      resource: books
      statements: ["CREATE TABLE IF NOT EXISTS closed (day TEXT, n INTEGER)", "CREATE TABLE IF NOT EXISTS log (line TEXT)"]
  - step: close
    sql:
      resource: books
      statements:
        - INSERT INTO closed VALUES (:day, 1)
        - UPDATE closed SET n = n + 1 WHERE day = :day
      params: {day: "#{jobParameters['day']}"}
      rows: closed
  - step: tell
    partition: {count: 1, reduce: {sql: {resource: books, statements: ["INSERT INTO log VALUES ('reduced')"]}}}
    exec: {command: [test, -e, go]}
`

// Statements run in a declared database once, however often the job fails behind
// them.
func TestStatementsElsewhere(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("job.yaml", twoDatabases)
	first, err := st.run("sums", "day=2021-01-31")
	if err == nil {
		t.Fatal("it has completed")
	}
	same(t, core.Counts{Commit: 1, Write: 2}, first.Steps[1].Counts)
	st.write("go", "")
	same(t, []string{"tell COMPLETED", "tell:partition0 COMPLETED"}, steps(st.must("sums", "day=2021-01-31")))
	same(t, []string{"2021-01-31|2"}, st.query(st.dir+"/books.db", "SELECT day, n FROM closed"))
	same(t, []string{"reduced"}, st.query(st.dir+"/books.db", "SELECT line FROM log"))
	se, err := st.store.StepExecution(t.Context(), first.Steps[1].ID)
	if err != nil {
		t.Fatal(err)
	}
	same(t, any(int64(2)), se.Context["closed"])
}

// A resource that is the repository by another name commits with it.
func TestStatementsInTheRepositoryByPath(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("job.yaml", `
job: own
resources: {here: {driver: sqlite, dsn: "#{env['HERE']}"}}
steps:
  - step: make
    sql: {resource: here, statements: [CREATE TABLE made (a), INSERT INTO made VALUES (1)]}
`)
	st.environ = []string{"HERE=" + st.store.Path()}
	je := st.must("own")
	if got := je.Steps[0].Version; got != 1 {
		t.Errorf("the step's row was written %d times after its start, want once", got)
	}
	same(t, []string{"0"}, st.query(st.store.Path(), "SELECT count(*) FROM sqlite_schema WHERE name = 'BATCHCTL_CHECKPOINT'"))
}

// A database whose path is misspelt is an error wherever it is named, and is not
// made.
func TestMissingDatabase(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]string{
		"reader": `chunk: {reader: {sql: {resource: books, query: SELECT a FROM t, key: a, types: {a: long}}}, writer: {none: {}}}`,
		"writer": `chunk: {reader: {csv: {file: in.csv, types: {a: long}}}, writer: {sql: {resource: books, table: t}}}`,
		"lookup": `chunk: {reader: {csv: {file: in.csv, types: {a: long}}}, processor: [{lookup: {from: {sql: {resource: books, query: SELECT a FROM t, key: a, types: {a: long}}}, key: a, on: a, set: {b: a}}}], writer: {none: {}}}`,
		"step":   `sql: {resource: books, statements: [DELETE FROM t]}`,
		"reduce": `{partition: {count: 1, reduce: {sql: {resource: books, statements: [DELETE FROM t]}}}, exec: {command: ["true"]}}`,
		"parts":  `{partition: {sql: {resource: books, query: SELECT a FROM t}}, exec: {command: ["true"]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("in.csv", "a\n1\n")
			st.write("boks.db", "x")
			if body, ok := strings.CutPrefix(step, "{"); ok {
				step = strings.TrimSuffix(strings.Replace(body, "}, exec", "}\n    exec", 1), "}")
			}
			st.write("job.yaml", "job: miss\nresources: {books: {driver: sqlite, dsn: books.db}}\nsteps:\n  - step: work\n    "+step+"\n")
			_, err := st.run("miss")
			e, ok := errors.AsType[*core.Error](err)
			if !ok || !strings.Contains(err.Error(), "books.db\": there is no such file") {
				t.Fatalf("got error %v", err)
			}
			if want := "did you mean " + core.QuotePath(st.dir+"/boks.db") + "?"; core.Hint(err) != want {
				t.Errorf("the hint is %q, want %q (of %v)", core.Hint(err), want, e.Op)
			}
			if st.exists("books.db") {
				t.Error("it was made")
			}
		})
	}
}

// A step that adds to the table that it reads ends: rows that come behind the last
// one that there was are not read.
func TestTableReadAndWritten(t *testing.T) {
	t.Parallel()
	for _, resource := range []string{"books", "repository"} {
		t.Run(resource, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("job.yaml", `
job: double
resources: {books: {driver: sqlite, dsn: books.db}}
steps:
  - step: copy
    chunk:
      size: 7
      reader: {sql: {resource: `+resource+`, query: SELECT id AS "row id" FROM t, key: row id, page: 10, types: {row id: long}}}
      processor: [{set: {n: "1"}}]
      writer: {sql: {resource: `+resource+`, table: t, columns: [n]}}
`)
			path := st.dir + "/books.db"
			if resource == "repository" {
				path = st.store.Path()
			}
			st.exec(path, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)",
				"WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 95) INSERT INTO t SELECT n, 0 FROM i")
			same(t, int64(95), st.must("double").Steps[0].Counts.Read)
			same(t, []string{"0|95", "1|95"}, st.query(path, "SELECT n, count(*) FROM t GROUP BY n ORDER BY n"))
		})
	}
}
