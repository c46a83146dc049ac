package definition_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
)

// Parts come from values, counts, ranges and queries, and reduce runs once.
func TestPartitions(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("job.yaml", `
job: parts
parameters: {last: {type: long, default: 10}}
resources: {other: {driver: sqlite, dsn: other.db}}
steps:
  - step: values
    partition: {values: [a, "#{jobParameters['last']}"], threads: 1, reduce: {exec: {command: [touch, reduced]}}}
    exec: {command: [sh, -c, 'echo "v $1" >> seen', sh, "#{partition['value']}"]}
  - step: count
    partition: {count: 2, threads: 1}
    exec: {command: [sh, -c, 'echo "c $1/$2" >> seen', sh, "#{partition['index']}", "#{partition['count']}"]}
  - step: range
    partition: {range: {min: 1, max: "#{jobParameters['last']}", count: 2}, threads: 1}
    exec: {command: [sh, -c, 'echo "r $1-$2" >> seen', sh, "#{partition['min']}", "#{partition['max']}"]}
  - step: query
    partition:
      sql: {resource: other, query: "SELECT name, n FROM shop WHERE n <= :last ORDER BY n", params: {last: "#{jobParameters['last']}"}}
      threads: 1
    exec: {command: [sh, -c, 'echo "q $1 $2" >> seen', sh, "#{partition['name']}", "#{partition['n']}"]}
`)
	st.exec(st.dir+"/other.db", "CREATE TABLE shop (name TEXT, n INTEGER)", "INSERT INTO shop VALUES ('x', 9), ('y', 10), ('z', 11)")
	st.must("parts")
	same(t, "v a\nv 10\nc 0/2\nc 1/2\nr 1-5\nr 6-10\nq x 9\nq y 10\n", st.read("seen"))
	if !st.exists("reduced") {
		t.Error("reduce did not run")
	}
}

// A failed part alone runs again, and what is put into a pattern means itself.
func TestPartitionRestart(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("in[1]/a.csv", "id\n1\n")
	st.write("in[1]/b.csv", "id\nx\n")
	st.write("job.yaml", `
job: files
parameters: {dir: {}}
steps:
  - step: load
    partition: {files: "#{jobParameters['dir']}/*.csv", threads: 2}
    chunk:
      reader: {csv: {file: "#{partition['file']}", types: {id: long}}}
      writer: {csv: {file: "#{partition['file']}.out"}}
`)
	je, err := st.run("files", "dir=in[1]")
	if err == nil || !strings.Contains(err.Error(), "b.csv:2") {
		t.Fatalf("%v", err)
	}
	started := steps(je)
	slices.Sort(started) // the parts start at once
	same(t, []string{"load FAILED", "load:partition0 COMPLETED", "load:partition1 FAILED"}, started)
	st.write("in[1]/b.csv", "id\n2\n")
	same(t, []string{"load COMPLETED", "load:partition1 COMPLETED"}, steps(st.must("files", "dir=in[1]")))
	same(t, "id\n2\n", st.read("in[1]/b.csv.out"))
}

// Hooks hear what happens; one before fails, one after is only told of.
func TestHooks(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("orders.csv", orders)
	st.write("heard.sh", "#!/bin/sh\necho \"$1 $BATCH_STEP_NAME $BATCH_STATUS $BATCH_EXIT_STATUS $BATCH_PHASE\" >> heard\n")
	st.write("job.yaml", `
job: heard
listeners:
  before-job: {command: [./heard.sh, before-job]}
  after-job: {command: [./heard.sh, after-job]}
  after-step: {command: ["false"]}
steps:
  - step: load
    listeners:
      before-step: {command: [./heard.sh, before-step]}
      after-step: {command: [./heard.sh, after-step]}
      on-skip: {command: [./heard.sh, on-skip]}
    chunk:
      reader: {csv: {file: orders.csv, types: {id: long, price: decimal}}}
      writer: {none: {}}
      skip: {include: [read]}
`)
	je := st.must("heard")
	same(t, "before-job  STARTED UNKNOWN \nbefore-step load STARTED EXECUTING \non-skip load   read\nafter-step load COMPLETED COMPLETED \nafter-job  COMPLETED COMPLETED \n", st.read("heard"))
	if !strings.Contains(je.Steps[0].ExitStatus.Message, "hook after-step") {
		t.Errorf("the message is %q", je.Steps[0].ExitStatus.Message)
	}
	st.write("job.yaml", strings.Replace(st.read("job.yaml"), "before-step: {command: [./heard.sh, before-step]}", `before-step: {command: ["false"]}`, 1)+"# two\n")
	st = st.again()
	if je, err := st.run("heard"); err == nil || !slices.Equal(steps(je), []string{"load FAILED"}) || !strings.Contains(err.Error(), "hook before-step") {
		t.Errorf("%v", err)
	}
}

// A step timeout ends a chunk at its last commit.
func TestTimeoutOfAChunk(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("orders.csv", orders)
	st.write("job.yaml", `
job: late
steps:
  - step: load
    timeout: 1ns
    chunk:
      reader: {csv: {file: orders.csv, types: {id: long}}}
      writer: {none: {}}
`)
	je, err := st.run("late")
	if err == nil || errors.Is(err, core.ErrStopped) {
		t.Fatalf("%v", err)
	}
	same(t, []string{"load TIMEOUT"}, steps(je))
}

// What would make parts write over each other is refused.
func TestPartsHaveFilesOfTheirOwn(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("job.yaml", `
job: same
steps:
  - step: load
    partition: {count: 2}
    chunk:
      reader: {csv: {file: in.csv, types: {id: long}}}
      writer: {csv: {file: out.csv}}
`)
	if text := st.compile().Text(); !strings.Contains(text, "job.yaml:8:28: all parts of the step would write the same file") {
		t.Errorf("got %s", text)
	}
}
