package definition_test

import (
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/jobs/definition"
)

// A place is said once, and what is loaded is called by its file.
func TestWording(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("job.yaml", "job: x\nsteps:\n  - step: a\n    sql: {file: none.sql}\n")
	text := st.compile().Text()
	if n := strings.Count(text, "job.yaml:4:17"); n != 1 {
		t.Errorf("the place is said %d times:\n%s", n, text)
	}
	st.write("job.yaml", `
job: x
steps:
  - step: a
    chunk:
      reader: {csv: {file: in.csv, types: {code: string}}}
      processor:
        - lookup: {from: {csv: {file: branches.csv, types: {code: string, name: string}}}, key: code, set: {branch: name}}
      writer: {csv: {file: out.csv}}
`)
	st.write("in.csv", "code\na\n")
	st.write("branches.csv", "code,name\na,A\na,B\n")
	_, err := st.run("x")
	if err == nil || !strings.Contains(err.Error(), "job.yaml:8:27: load the table: ") || !strings.Contains(err.Error(), `"branches.csv"`) {
		t.Errorf("got %v", err)
	}
}

// The reference is in English.
func TestReferenceReadsWell(t *testing.T) {
	t.Parallel()
	text := definition.NewParser(realCatalog()).Reference()
	for _, wrong := range []string{"of a splits", "one of flow\n", "one of flow.", "a exec", "leave it away"} {
		if strings.Contains(text, wrong) {
			t.Errorf("it says %q", wrong)
		}
	}
	if !strings.Contains(text, "list of flows of a split") {
		t.Error("nothing is said of the flows of a split")
	}
}
