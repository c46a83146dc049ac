package definition_test

import (
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
)

// A chunk that is not written in time is undone, as often as retry says, and the
// step can be restarted with more time.
func TestChunkTimeout(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("in.csv", "id\n1\n2\n3\n4\n")
	st.write("job.yaml", `
job: slow
parameters: {within: {identifying: false, default: 1s}}
steps:
  - step: load
    chunk:
      size: 2
      timeout: "#{jobParameters['within']}"
      reader: {csv: {file: in.csv, types: {id: long}}}
      writer:
        sql:
          statement: |
            INSERT INTO t SELECT :id FROM (
              WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE :id = 3 AND i < (SELECT most FROM work))
              SELECT max(i) FROM n)
      retry: {limit: 1, include: [timeout], backoff: 1ms}
`)
	st.exec(st.store.Path(), "CREATE TABLE t (id INTEGER)", "CREATE TABLE work (most INTEGER)",
		"INSERT INTO work VALUES (1000000000000)")
	je, err := st.run("slow")
	if err == nil || !strings.Contains(err.Error(), "write chunk 2: it took longer than its timeout of 1s") {
		t.Fatalf("got %v", err)
	}
	want := core.Counts{Read: 2, Write: 2, Commit: 1, Rollback: 2}
	if got := je.Steps[0].Counts; got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
	same(t, []string{"1", "2"}, st.query(st.store.Path(), "SELECT id FROM t ORDER BY id"))
	st.exec(st.store.Path(), "UPDATE work SET most = 10")
	st.must("slow", "within=1h")
	same(t, []string{"1", "2", "3", "4"}, st.query(st.store.Path(), "SELECT id FROM t ORDER BY id"))
}
