package definition_test

import (
	"strings"
	"testing"
)

// A value has one type wherever it is bound: in statements, in a reader and in
// the query of the parts.
func TestTypesOfBoundValues(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ value, want string }{
		"whole number":     {`7`, "integer|7"},
		"number":           {`2.5`, "real|2.5"},
		"number in quotes": {`"7"`, "text|7"},
		"type behind it":   {`"7(long)"`, "integer|7"},
		"double":           {`7(double)`, "real|7"},
		"bool":             {`"true(bool)"`, "integer|1"},
		"text":             {`"7(string)"`, "text|7"},
		"null":             {`"(null)"`, "null|NULL"},
		"text of brackets": {`"7(days)"`, "text|7(days)"},
		"declared long":    {`"#{jobParameters['n']}"`, "integer|5"},
		"typed reference":  {`"#{jobParameters['n']}(double)"`, "real|5"},
		"as a text":        {`"#{jobParameters['n']}(string)"`, "text|5"},
		"declared string":  {`"#{jobParameters['s']}"`, "text|9(long)"},
		"a text around it": {`"n#{jobParameters['s']}"`, "text|n9(long)"},
		"default of long":  {`"#{jobParameters['none'] ?: '3'}"`, "integer|3"},
		"declared date":    {`"#{jobParameters['day']}"`, "text|2021-01-31"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("job.yaml", `
job: bind
parameters: {n: {type: long, default: 5}, s: {default: 9(long)}, none: {type: long}, day: {type: date, default: 2021-01-31}}
steps:
  - step: make
    sql: {statements: ["CREATE TABLE seen (who TEXT, kind TEXT, value ANY) STRICT"]}
  - step: statement
    sql:
      statements: ["INSERT INTO seen VALUES ('statement', typeof(:v), :v)"]
      params: {v: `+c.value+`}
  - step: reader
    chunk:
      reader: {sql: {query: "SELECT 1 AS id, typeof(:v) AS kind, quote(:v) AS value", params: {v: `+c.value+`}, key: id, types: {id: long, kind: string, value: string}}}
      writer: {jsonl: {file: reader.jsonl}}
  - step: query
    partition: {sql: {query: "SELECT typeof(:v) AS kind, quote(:v) AS value", params: {v: `+c.value+`}}}
    chunk:
      reader: {sql: {query: "SELECT 1 AS id, :kind AS kind, :value AS value", params: {kind: "#{partition['kind']}", value: "#{partition['value']}"}, key: id, types: {id: long, kind: string, value: string}}}
      writer: {jsonl: {file: "part#{partition['index']}.jsonl"}}
`)
			st.must("bind")
			same(t, []string{c.want}, st.query(st.store.Path(), "SELECT kind, coalesce(value, 'NULL') FROM seen"))
			same(t, st.read("reader.jsonl"), st.read("part0.jsonl"))
			if kind, _, _ := strings.Cut(c.want, "|"); !strings.Contains(st.read("reader.jsonl"), `"kind":"`+kind+`"`) {
				t.Errorf("the reader got %s, want %s", st.read("reader.jsonl"), c.want)
			}
		})
	}
}

// The number of a part goes into a strict column, and rows are compared with it.
func TestPartsBindNumbers(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("job.yaml", `
job: strict
steps:
  - step: parts
    partition: {range: {min: 1, max: 4, count: 2}, threads: 1}
    sql:
      statements: ["INSERT INTO got VALUES (:min)"]
      params: {min: "#{partition['min']}(long)"}
  - step: rows
    partition: {sql: {query: "SELECT n FROM got WHERE n + 0 > :n", params: {n: "1(long)"}}, threads: 1}
    sql:
      statements: ["INSERT INTO got VALUES (:n + 100)"]
      params: {n: "#{partition['n']}"}
`)
	st.exec(st.store.Path(), "CREATE TABLE got (n INTEGER) STRICT")
	st.must("strict")
	same(t, []string{"1", "3", "103"}, st.query(st.store.Path(), "SELECT n FROM got ORDER BY n"))
}

// A value that is none of its type is found before anything runs.
func TestWrongTypesOfBoundValues(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("job.yaml", `
job: wrong
steps:
  - step: statement
    sql: {statements: ["DELETE FROM t WHERE a = :v"], params: {v: "x(long)"}}
  - step: reader
    chunk:
      reader: {sql: {query: "SELECT 1 AS id WHERE 1 = :v", params: {v: "1.5(long)"}, key: id, types: {id: long}}}
      writer: {none: {}}
  - step: query
    partition: {sql: {query: "SELECT 1 AS id WHERE 1 = :v", params: {v: "yes(bool)", w: 1}}}
    exec: {command: ["true"]}
  - step: digits
    sql: {statements: ["DELETE FROM t WHERE a = :v"], params: {v: 0.12345678901234567}}
`)
	text := st.compile().Text()
	for _, want := range []string{
		`job.yaml:5:67: :v: "x": want a whole number`, `job.yaml:8:72: :v: "1.5": want a whole number`,
		`job.yaml:11:73: :v: "yes": want true or false`, `job.yaml:11:86: the query does not use :w`,
		`job.yaml:14:67: :v: 0.12345678901234567 has more digits than a number keeps`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s in\n%s", want, text)
		}
	}
}

// A value that does not fit the type behind it is found at the launch.
func TestWrongTypesOfParameters(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("job.yaml", `
job: late
parameters: {s: {required: true}}
steps:
  - step: statement
    sql: {statements: ["DELETE FROM t WHERE a = :v"], params: {v: "#{jobParameters['s']}(long)"}}
`)
	je, err := st.run("late", "s=abc")
	if je != nil || err == nil || !strings.Contains(err.Error(), `job.yaml:6:67: :v: "abc": want a whole number`) {
		t.Errorf("got %v", err)
	}
}
