package definition_test

import (
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
)

// Parts that would all do the same are refused: each row would be there as often
// as there are parts.
func TestPartsHaveWorkOfTheirOwn(t *testing.T) {
	t.Parallel()
	const same = "all parts of the step would read the same records"
	for name, tt := range map[string]struct{ step, says string }{
		"a constant reader": {`
    partition: {count: 3}
    chunk:
      reader: {csv: {file: in.csv, types: {id: long}}}
      writer: {sql: {table: dd}}`, `job.yaml:6:16: ` + same + `, and write each of them as often as there are parts`},
		"a property": {`
    properties: {in: in.csv}
    partition: {count: 3}
    chunk:
      reader: {csv: {file: "#{properties['in']}", types: {id: long}}}
      writer: {sql: {table: dd}}`, same},
		"its file": {`
    partition: {files: "in/*.csv"}
    chunk:
      reader: {csv: {file: "#{partition['file']}", types: {id: long}}}
      writer: {sql: {table: dd}}`, ""},
		"its rows": {`
    partition: {range: {min: 1, max: 9, count: 3}}
    chunk:
      reader: {sql: {query: "SELECT id FROM s WHERE id BETWEEN :a AND :b", params: {a: "#{partition['min']}", b: "#{partition['max']}"}, key: id, types: {id: long}}}
      writer: {sql: {table: dd}}`, ""},
		"its share": {`
    partition: {count: 3}
    chunk:
      reader: {csv: {file: in.csv, types: {id: long}}}
      processor: [{filter: "id % int(partition['count']) == int(partition['index'])"}]
      writer: {sql: {table: dd}}`, ""},
		"one part": {`
    partition: {count: 1}
    chunk:
      reader: {csv: {file: in.csv, types: {id: long}}}
      writer: {sql: {table: dd}}`, ""},
		"the same statements": {`
    partition: {values: [a, b]}
    sql: {statements: ["UPDATE dd SET n = n + 1"]}`, `job.yaml:5:10: all parts of the step would run the same statements`},
		"its statements": {`
    partition: {values: [a, b]}
    sql: {statements: ["UPDATE dd SET n = n + 1 WHERE v = :v"], params: {v: "#{partition['value']}"}}`, ""},
		"a command": {`
    partition: {values: [a, b]}
    exec: {command: ["true"]}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("job.yaml", "job: parts\nsteps:\n  - step: load"+tt.step+"\n")
			text := st.compile().Text()
			if tt.says == "" && text != "" || !strings.Contains(text, tt.says) {
				t.Errorf("want %q, got %s", tt.says, text)
			}
		})
	}
}

// A query that finds no part fails the step, unless that is right.
func TestQueryWithoutParts(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	const text = `
job: none
steps:
  - step: load
    partition: {sql: {query: "SELECT 1 AS id WHERE 1 = 2 ORDER BY 1"}}
    exec: {command: ["true"]}
`
	st.write("job.yaml", text)
	_, err := st.run("none")
	if err == nil || !strings.Contains(err.Error(), "job.yaml:5:") || !strings.Contains(err.Error(), "the query of the parts: there is no row") ||
		!strings.Contains(core.Hint(err), "allow-none: true") {
		t.Errorf("got %v (%s)", err, core.Hint(err))
	}
	st.write("job.yaml", strings.Replace(text, "2 ORDER BY 1\"}", "2 ORDER BY 1\"}, allow-none: true", 1))
	st = st.again()
	st.must("none")
}
