package definition_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
)

// A step that has committed chunks goes on with the reader and the writers that
// it had: others would read from the beginning, or write the second half only.
func TestCompositionIsKept(t *testing.T) {
	t.Parallel()
	const text = `
job: shaped
resources: {shop: {driver: sqlite, dsn: shop.db}}
steps:
  - step: move
    chunk:
      size: 5
      reader: {csv: {file: in.csv, types: {id: long, name: string}}}
      processor: [validate: "id != 13"]
      writer: {csv: {file: out.csv}}
`
	input := func(bad string) string {
		lines := []string{"id,name"}
		for id := range strings.FieldsSeq("1 2 3 4 5 6 7 8 9 10 11 12 " + bad + " 14 15 16 17 18 19 20") {
			lines = append(lines, id+",n")
		}
		return strings.Join(lines, "\n") + "\n"
	}
	for name, tt := range map[string]struct{ from, to, says string }{
		"another reader":     {"csv: {file: in.csv,", "csv: {files: in*.csv,", "now it is to go from csv files to csv"},
		"another writer":     {"writer: {csv: {file: out.csv}}", "writer: {jsonl: {file: out.csv}}", "now it is to go from csv to jsonl"},
		"one writer more":    {"writer: {csv: {file: out.csv}}", "writers: [csv: {file: out.csv}, csv: {file: more.csv}]", "now it is to go from csv to csv and csv"},
		"a table":            {"writer: {csv: {file: out.csv}}", "writer: {sql: {table: t}}", "now it is to go from csv to sql"},
		"the same, and more": {`[validate: "id != 13"]`, `[validate: "id != 1313"]`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("in.csv", input("13"))
			st.write("job.yaml", text)
			if _, err := st.run("shaped"); err == nil {
				t.Fatal("it did not fail at the bad record")
			}
			left := st.read("out.csv.part")
			changed := strings.NewReplacer(tt.from, tt.to, "id != 13\"", "id != 1313\"").Replace(text)
			st.write("job.yaml", changed)
			je, err := st.rerun("shaped", launch.Options{NewDefinition: true})
			if tt.says == "" {
				if err != nil || je.Status != core.StatusCompleted || strings.Count(st.read("out.csv"), "\n") != 21 {
					t.Errorf("%v, %s", err, st.read("out.csv"))
				}
				return
			}
			if !errors.Is(err, core.ErrCheckpointMismatch) || !strings.Contains(err.Error(), "has begun from csv to csv (chunks committed: 2)") || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v", err)
			}
			if st.read("out.csv.part") != left {
				t.Error("what was committed is not there any more")
			}
			st.write("job.yaml", strings.ReplaceAll(text, "id != 13\"", "id != 1313\""))
			if _, err := st.rerun("shaped", launch.Options{NewDefinition: true}); err != nil || strings.Count(st.read("out.csv"), "\n") != 21 {
				t.Errorf("as it was: %v", err)
			}
		})
	}
}

// A step that has written to another database does not go on in the repository's.
func TestSinkIsKept(t *testing.T) {
	t.Parallel()
	const text = `
job: moved
resources: {shop: {driver: sqlite, dsn: DSN}}
steps:
  - step: move
    chunk:
      size: 2
      reader: {csv: {file: in.csv, types: {id: long}}}
      writer: {sql: {resource: shop, table: t}}
`
	st := newStage(t)
	st.write("in.csv", "id\n1\n2\n3\nx\n")
	shop := filepath.Join(st.dir, "shop.db")
	for _, db := range []string{shop, st.store.Path()} {
		st.exec(db, "CREATE TABLE t (id INTEGER)")
	}
	st.write("job.yaml", strings.Replace(text, "DSN", "shop.db", 1))
	if _, err := st.run("moved"); err == nil {
		t.Fatal("it did not fail")
	}
	st.write("in.csv", "id\n1\n2\n3\n4\n")
	st.write("job.yaml", strings.Replace(text, "DSN", st.store.Path(), 1))
	_, err := st.rerun("moved", launch.Options{NewDefinition: true})
	if !errors.Is(err, core.ErrCheckpointMismatch) || !strings.Contains(err.Error(), "has begun to write to ") {
		t.Errorf("got %v", err)
	}
	same(t, []string(nil), st.query(st.store.Path(), "SELECT id FROM t"))
	st.write("job.yaml", strings.Replace(text, "DSN", "shop.db", 1))
	if _, err := st.rerun("moved", launch.Options{NewDefinition: true}); err != nil {
		t.Fatal(err)
	}
	same(t, []string{"1", "2", "3", "4"}, st.query(shop, "SELECT id FROM t ORDER BY id"))
}
