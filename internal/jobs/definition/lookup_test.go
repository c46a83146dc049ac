package definition_test

import (
	"strings"
	"testing"
)

// What is looked for is of the type of its key, or nothing would be found.
func TestTypesOfLookupKeys(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ types, lookup, says string }{
		"the same": {"code: long", "key: code, on: code", ""},
		"another": {
			"code: string", "key: code, on: code",
			"job.yaml:7:94: a string is looked for in code, a long, and the texts of one value may differ: declare both of one type",
		},
		"without on":     {"code: string", "key: code", "job.yaml:7:84: a string is looked for in code, a long"},
		"made the same":  {"code: string", "key: code, on: long(code)", ""},
		"the second":     {"code: long, id: string", "key: [code, id], on: [code, id]", "job.yaml:7:107: a string is looked for in id, a long"},
		"the second two": {"code: long, id: long", "key: [code, id], on: [code, id]", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("job.yaml", `job: look
steps:
  - step: load
    chunk:
      reader: {csv: {file: in.csv, types: {`+tt.types+`}}}
      processor:
        - lookup: {from: {csv: {file: t.csv, types: {code: long, id: long}}}, `+tt.lookup+`, set: {found: id}}
      writer: {none: {}}
`)
			text := st.compile().Text()
			if tt.says == "" && text != "" || !strings.Contains(text, tt.says) {
				t.Errorf("want %q, got %s", tt.says, text)
			}
		})
	}
}

// A table is called by what it comes from, parameters included.
func TestNameOfLookupTable(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("in.csv", "code\nA\nZ\n")
	st.write("branches-kr.csv", "code,name\nA,Alpha\n")
	st.write("job.yaml", `job: look
parameters: {land: {default: kr}}
steps:
  - step: load
    chunk:
      reader: {csv: {file: in.csv, types: {code: string}}}
      processor:
        - lookup: {from: {csv: {file: "branches-#{jobParameters['land']}.csv", types: {code: string, name: string}}}, key: code, set: {branch: name}}
      writer: {none: {}}
`)
	if _, err := st.run("look"); err == nil || !strings.Contains(err.Error(), `key "Z" is not in the table "branches-kr.csv"`) {
		t.Errorf("got %v", err)
	}
}
