package definition_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
)

// Two parts that would write one file are refused before either has run.
func TestPartsThatWriteOneFile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, second, file, rejects, says string }{
		{"output", "a.csv", "out-#{partition['fileName']}", "r-#{partition['index']}", "out-a.csv"},
		{"rejects", "a.csv", "out-#{partition['index']}", "r-#{partition['fileName']}", "r-a.csv"},
		{"files of their own", "b.csv", "out-#{partition['fileName']}", "r-#{partition['index']}", ""},
		{"the output before it is whole", "a.csv.part", "out-#{partition['fileName']}", "r-#{partition['index']}", "out-a.csv.part"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("in/x/a.csv", "id\n1\n")
			st.write("in/y/"+tt.second, "id\n2\n")
			st.write("job.yaml", `
job: files
steps:
  - step: load
    partition: {files: "in/*/*", threads: 1}
    chunk:
      reader: {csv: {file: "#{partition['file']}", types: {id: long}}}
      writer: {csv: {file: "`+tt.file+`"}}
      skip: {include: [read], to: "`+tt.rejects+`"}
`)
			je, err := st.run("files")
			if tt.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !errors.Is(err, core.ErrJobDefinition) {
				t.Fatalf("got %v, want an ErrJobDefinition", err)
			}
			for _, want := range []string{"partition0 (", "x/a.csv", "partition1 (", "y/" + tt.second, "would both write", filepath.Join(st.dir, tt.says)} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("want %s in %v", want, err)
				}
			}
			same(t, []string{"load FAILED"}, steps(je))
		})
	}
}

// A chunk that would write over what it reads, or over another file of its own,
// is refused before anything is opened.
func TestChunkThatWritesOverItsFiles(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, out, rejects, says string }{
		{"the input", "in.csv", "r", "the writer would write over"},
		{"the input by another name", "./x/../in.csv", "r", "the writer would write over"},
		{"the input through a link", "link.csv", "r", "the writer would write over"},
		{"the input through a folder", "folder/in.csv", "r", "the writer would write over"},
		{"rejects on the input", "o", "in.csv", "the rejects would write over"},
		{"rejects on the output", "o", "o", "the rejects would write over"},
		{"rejects on the output before it is whole", "o", "o.part", "the rejects would write over"},
		{"rejects on what says whose the output is", "o", "o.part.owner", "the rejects would write over"},
		{"files of their own", "o", "r", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("x/empty", "")
			st.write("in.csv", "id\n1\n")
			for name, to := range map[string]string{"link.csv": "in.csv", "folder": "."} {
				if err := os.Symlink(to, filepath.Join(st.dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			st.write("job.yaml", `
job: over
parameters: {in: {}, out: {}, rejects: {}}
steps:
  - step: load
    chunk:
      reader: {csv: {file: "#{jobParameters['in']}", types: {id: long}}}
      writer: {csv: {file: "#{jobParameters['out']}"}}
      skip: {include: [read], to: "#{jobParameters['rejects']}"}
`)
			_, err := st.run("over", "in=in.csv", "out="+tt.out, "rejects="+tt.rejects)
			same(t, "id\n1\n", st.read("in.csv"))
			if tt.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, core.ErrJobDefinition) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want an ErrJobDefinition: %s", err, tt.says)
			}
			if st.exists("o") || st.exists("o.part") || st.exists("in.csv.part") {
				t.Error("a file was opened")
			}
		})
	}
}

// What is written out is refused before the job runs.
func TestFilesThatAreNamedTwice(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, outputs, says string }{
		{"the input", "writer: {csv: {file: ./in.csv}}", "job.yaml:7:28: the writer would write over the file of the reader, in line 6"},
		{"two writers", "writers: [{csv: {file: a}}, {jsonl: {file: a}}]", "the writer would write over the file of the writer"},
		{"a route", "route: [{csv: {file: a}, when: 'true'}, {csv: {file: a.part}}]", "the writer would write over the file of the writer"},
		{"the same reference", "writers: [{csv: {file: \"#{env['A']}\"}}, {csv: {file: \"#{env['A']}\"}}]", "the writer would write over the file of the writer"},
		{"other files", "writers: [{csv: {file: a}}, {csv: {file: b}}]", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("job.yaml", `
job: twice
steps:
  - step: load
    chunk:
      reader: {csv: {file: in.csv, types: {id: long}}}
      `+tt.outputs+"\n")
			text := st.compile().Text()
			if tt.says == "" && text != "" || !strings.Contains(text, tt.says) {
				t.Errorf("want %q in %s", tt.says, text)
			}
		})
	}
}
