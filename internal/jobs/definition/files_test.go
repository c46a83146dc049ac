package definition_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
)

// What a job writes is none of the inputs that its pattern finds, wherever the
// parameters lead it.
func TestOutputsAmongTheInputs(t *testing.T) {
	t.Parallel()
	const reader = `
    chunk:
      reader: {csv: {files: "in/*.csv", types: {id: long}}}
      writer: {csv: {file: "#{jobParameters['out']}"}}
`
	const parts = `
    partition: {files: "in/*.csv"}
    chunk:
      reader: {csv: {file: "#{partition['file']}", types: {id: long}}}
      writer: {csv: {file: "#{jobParameters['out']}#{partition['index']}.csv"}}
`
	for _, tt := range []struct{ name, step, out, says string }{
		{"the folder of a reader", reader, "in/out.csv", "in/out.csv\", which the pattern of the inputs finds"},
		{"the same by another name", reader, "./x/../in/out.csv", "in/out.csv\", which the pattern of the inputs finds"},
		{"another name", reader, "in/out.txt", ""},
		{"another folder", reader, "out.csv", ""},
		{"the folder of parts", parts, "in/out", "in/out0.csv\", which the pattern of the inputs finds"},
		{"another folder than that of parts", parts, "out", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("in/a.csv", "id\n1\n")
			st.write("job.yaml", "job: found\nparameters: {out: {required: true}}\nsteps:\n  - step: load"+tt.step)
			_, err := st.run("found", "out="+tt.out)
			if tt.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, core.ErrJobDefinition) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want an ErrJobDefinition: %s", err, tt.says)
			}
			if st.exists("in/out.csv") || st.exists("in/out0.csv") {
				t.Error("it was written")
			}
		})
	}
}

// A path that the definition writes down begins at its folder, and one that is
// given to a launch at the working directory: so a default is the same instance
// wherever the job is launched from.
func TestDefaultPaths(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("jobs.d/job.yaml", `
job: paths
parameters:
  in: {type: path, default: ./data/in.csv}
  mode: {type: path, one-of: [data, other], default: data}
  none: {type: path, default: ""}
  key: {type: secret, default: "file:key"}
  plain: {default: data}
steps:
  - step: a
    exec: {command: ["true"]}
`)
	st.write("jobs.d/key", "hunter2")
	root := st.dir
	st.dir = filepath.Join(root, "jobs.d")
	je := st.must("paths")
	want := map[string]string{
		"in": filepath.Join(st.dir, "data/in.csv"), "mode": filepath.Join(st.dir, "data"), "none": "",
		"key": "file:" + filepath.Join(st.dir, "key"), "plain": "data",
	}
	for name, value := range want {
		if p, _ := je.Parameters.Lookup(name); p.Value != value {
			t.Errorf("%s: got %v, want %s", name, p.Value, value)
		}
	}
	if _, err := st.run("paths"); !errors.Is(err, core.ErrJobInstanceAlreadyComplete) {
		t.Errorf("got %v, want an ErrJobInstanceAlreadyComplete", err)
	}
	je = st.must("paths", "in=data/in.csv", "mode="+filepath.Join(st.dir, "other"))
	if p, _ := je.Parameters.Lookup("in"); p.Value != filepath.Join(root, "data/in.csv") {
		t.Errorf("got %v, want it to begin at the working directory", p.Value)
	}
}

// An empty text is a value, also of a required parameter: Spring's validator asks
// for the name only, and the empty text is part of the identity that other
// programs read. A path is a type of ours, and an empty one names no file.
func TestEmptyRequiredParameters(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, declared, says string }{
		{"a string", "{required: true}", ""},
		{"a string with a pattern", `{required: true, pattern: ".+"}`, `value "" does not match .+`},
		{"a path", "{type: path, required: true}", "parameter p: it is empty, and names no file"},
		{"a path that may be missing", "{type: path}", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("job.yaml", "job: empty\nparameters: {p: "+tt.declared+"}\nsteps: [{step: a, exec: {command: [\"true\"]}}]\n")
			je, err := st.run("empty", "p=")
			switch {
			case tt.says == "" && err != nil:
				t.Error(err)
			case tt.says != "" && (je != nil || !errors.Is(err, core.ErrJobParametersInvalid) || !strings.Contains(err.Error(), tt.says)):
				t.Errorf("got %v, want an ErrJobParametersInvalid: %s", err, tt.says)
			}
		})
	}
}

// A decision cannot ask for a step that comes behind it.
func TestDecisionAsksTooEarly(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, value, says string }{
		{"a later step", "steps['later'].exitStatus == 'X' ? 'A' : 'B'", "job.yaml:9:13: this step cannot have run when the decision is made"},
		{"behind an earlier one", "steps['a'].exitStatus + steps['later'].exitStatus", "job.yaml:9:37: this step cannot have run"},
		{"an earlier step", "steps['a'].exitStatus", ""},
		{"a word of a text", "'steps' + coalesce(jobContext['later'], '')", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("job.yaml", `
job: early
steps:
  - step: a
    exec: {command: ["true"]}
    next: choose
  - decision: choose
    next: later
    value: "`+tt.value+`"
    transitions: [{on: X, to: end}]
  - step: later
    exec: {command: ["true"]}
`)
			text := st.compile().Text()
			if tt.says == "" && text != "" || !strings.Contains(text, tt.says) {
				t.Errorf("want %q in %s", tt.says, text)
			}
		})
	}
}

// A path that has to be within a folder leads nowhere else: not by its name, and
// not by a link, whether its end is there or not.
func TestPathsWithin(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, path, says string }{
		{"a file", "in/a.csv", ""},
		{"one that is not there", "in/new/b.csv", ""},
		{"up and down again", "in/../in/a.csv", ""},
		{"the folder itself", "in", ""},
		{"nothing", "", ""},
		{"a link within", "in/fine.csv", ""},
		{"the folder by a link", "alias/a.csv", ""},
		{"out by name", "in/../../etc/passwd", `is outside of "`},
		{"absolute", "/etc/passwd", `parameter file: "/etc/passwd" is outside of "`},
		{"a name that begins the same", "in2/a.csv", `is outside of "`},
		{"a link to a file", "in/link.csv", `in/link.csv", which leads to "`},
		{"a link to a folder", "in/out/a.csv", `in/out/a.csv", which leads to "`},
		{"a link to a folder, and what is not there", "in/out/new/a.csv", `in/out/new/a.csv", which leads to "`},
		{"a link to what is not there", "in/dangling.csv", `in2/new.csv", is outside of "`},
		{"a link to a link to what is not there", "in/second.csv", `in2/new.csv", is outside of "`},
		{"a link to what is not there, in a folder that is not", "in/deep/b/c.csv", `in2/new/deep/b/c.csv", is outside of "`},
		{"up from where a link leads", "in/up.csv", `001/above.csv", is outside of "`},
		{"an absolute link to what is not there", "in/absolute.csv", `leads to "/nowhere/a.csv"`},
		{"a link within to what is not there", "in/later.csv", ""},
		{"a link that leads nowhere", "in/round.csv", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("in/a.csv", "id\n1\n")
			st.write("in2/a.csv", "id\n1\n")
			for name, to := range map[string]string{
				"in/fine.csv": "a.csv", "alias": "in", "in/link.csv": "../in2/a.csv", "in/out": "../in2",
				"in/dangling.csv": "../in2/new.csv", "in/second.csv": "dangling.csv", "in/deep": "../in2/new/deep", "in/up.csv": "alias2/../above.csv",
				"in/alias2": "../in2", "in/absolute.csv": "/nowhere/a.csv", "in/later.csv": "new/./x/../later.csv", "in/round.csv": "round.csv",
			} {
				if err := os.Symlink(to, filepath.Join(st.dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			st.write("job.yaml", "job: within\nparameters: {file: {type: path, within: ./in}}\nsteps: [{step: a, exec: {command: [\"true\"]}}]\n")
			je, err := st.run("within", "file="+tt.path)
			switch {
			case tt.says == "" && err != nil:
				t.Error(err)
			case tt.says != "" && (je != nil || !errors.Is(err, core.ErrJobParametersInvalid) || !strings.Contains(err.Error(), tt.says)):
				t.Errorf("got %v, want an ErrJobParametersInvalid: %s", err, tt.says)
			}
		})
	}
}
