package definition_test

import (
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
)

// A control file that is not there, or has no number, is found before anything is
// written.
func TestControlFilesAreReadFirst(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ control, says string }{
		"missing":   {"", "in.ctl"},
		"no line":   {"rows=2\n", "it has no line records=..."},
		"no number": {"records=two\n", `"two" is not a number`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("in.csv", "id\n1\n2\n")
			if tt.control != "" {
				st.write("in.ctl", tt.control)
			}
			st.write("job.yaml", `
job: counted
steps:
  - step: load
    chunk:
      size: 1
      reader: {csv: {file: in.csv, types: {id: long}}}
      writer: {sql: {table: got}}
      expect: [{total: count, control: {file: in.ctl, key: records}}]
`)
			st.exec(st.store.Path(), "CREATE TABLE got (id INTEGER)")
			je, err := st.run("counted")
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v", err)
			}
			same(t, core.Counts{}, je.Steps[0].Counts)
			st.write("in.ctl", "records=2\n")
			st.must("counted")
			same(t, []string{"2"}, st.query(st.store.Path(), "SELECT count(*) FROM got"))
		})
	}
}

// A value that cannot be a parameter of the job of a step is found at the launch.
func TestChildParametersAtTheLaunch(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("child.yaml", "job: child\nparameters: {n: {type: long}}\nsteps: [{step: work, exec: {command: [\"true\"]}}]\n")
	st.write("parent.yaml", `
job: parent
parameters: {s: {required: true}}
steps:
  - step: first
    exec: {command: ["true"]}
  - step: launch
    job: {name: child, parameters: {n: "#{jobParameters['s']}"}}
`)
	je, err := st.run("parent", "s=many")
	if je != nil || err == nil || !strings.Contains(err.Error(), "parent.yaml:8:40: ") || !strings.Contains(err.Error(), `"many"`) {
		t.Errorf("got %v", err)
	}
	st.must("parent", "s=5")
}

// Templates are lines of files, and stand beside the writer.
func TestTemplates(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ writer, says string }{
		"a table":    {`{sql: {table: t}, header-template: H}`, "job.yaml:6:50: writer sql has no lines before and after the records"},
		"nothing":    {`{none: {}, footer-template: T}`, "writer none has no lines before and after the records"},
		"below it":   {`{csv: {file: out.csv, footer-template: T}}`, "write it beside csv, not below it"},
		"two lines":  {`{csv: {file: out.csv}, header-template: "a\nb"}`, "a template is one line, and this one has a line end in it"},
		"one line":   {`{csv: {file: out.csv}, header-template: "a"}`, ""},
		"json lines": {`{jsonl: {file: out.jsonl}, footer-template: "{}"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("job.yaml", "job: lines\nsteps:\n  - step: load\n    chunk:\n      reader: {csv: {file: in.csv, types: {id: long}}}\n      writer: "+tt.writer+"\n")
			text := st.compile().Text()
			if tt.says == "" && text != "" || !strings.Contains(text, tt.says) {
				t.Errorf("want %q, got %s", tt.says, text)
			}
		})
	}
}

// A value cannot make two lines of a template.
func TestTemplateOfTwoLines(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("in.csv", "id\n1\n")
	st.write("job.yaml", `
job: lines
parameters: {title: {}}
steps:
  - step: load
    chunk:
      reader: {csv: {file: in.csv, types: {id: long}}}
      writer: {csv: {file: out.csv}, header-template: "#{jobParameters['title']}"}
`)
	if _, err := st.run("lines", "title=a\nb"); err == nil || !strings.Contains(err.Error(), `put a line end into it: "a\nb"`) {
		t.Errorf("got %v", err)
	}
	if st.exists("out.csv") {
		t.Error("it was published")
	}
}

// An operation that leaves no column, and a constant without a value, are found
// before anything runs.
func TestExpressionsWithoutValue(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("job.yaml", `job: none
steps:
  - step: load
    chunk:
      reader: {csv: {file: in.csv, types: {id: long, v: long}}}
      processor:
        - filter: "v > 0 && date('2021-02-30') > date('2021-01-01')"
        - keep: [v]
        - drop: [v]
      writer: {csv: {file: out.csv}}
`)
	text := st.compile().Text()
	for _, want := range []string{`job.yaml:7:29: date("2021-02-30"): there is no such day`, `job.yaml:9:18: "v": no column is left`} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s in\n%s", want, text)
		}
	}
}
