package definition_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/definition"
	"github.com/batchctl/batchctl/internal/jobs/execstep"
)

// A hook of the job about items hears every chunk, beside that of the step.
func TestItemHooksOfTheJob(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("orders.csv", orders)
	st.write("heard.sh", "#!/bin/sh\necho \"$1 $BATCH_STEP_NAME $BATCH_PHASE $WHO ${BATCH_ERROR:+said}\" >> heard\n")
	st.write("job.yaml", `
job: heard
properties: {who: all}
listeners:
  on-skip: {command: [./heard.sh, job], env: {WHO: "#{properties['who']}"}}
steps:
  - step: first
    chunk:
      reader: {csv: {file: orders.csv, types: {id: long, price: decimal}}}
      writer: {none: {}}
      skip: {include: [read]}
  - step: second
    properties: {who: mine}
    listeners:
      on-skip: {command: [./heard.sh, step], env: {WHO: "#{properties['who']}"}}
    chunk:
      reader: {csv: {file: orders.csv, types: {id: long, price: decimal}}}
      writer: {none: {}}
      skip: {include: [read]}
  - step: third
    exec: {command: ["true"]}
`)
	st.must("heard")
	lines := strings.Split(strings.TrimSpace(st.read("heard")), "\n")
	slices.Sort(lines)
	same(t, []string{"job first read all said", "job second read all said", "step second read mine said"}, lines)
}

// Where nothing is skipped, a hook about it is refused, with what to do.
func TestItemHooksWithoutItems(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("job.yaml", `
job: none
listeners:
  on-skip: {command: ["true"]}
steps:
  - step: run
    exec: {command: ["true"]}
    listeners:
      on-retry: {command: ["true"]}
`)
	var got []string
	for _, p := range st.compile() {
		got = append(got, p.Message+"; "+p.Hint)
	}
	same(t, []string{
		"on-skip means nothing here; take it away: only a chunk step skips records, and the job has none",
		"on-retry means nothing here; take it away: only a chunk step tries again",
	}, got)
}

// The reference lists what hooks and commands see, and they see nothing else.
func TestVariablesOfHooks(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("in.csv", "a\n1\nx\n")
	st.write("tell.sh", "#!/bin/sh\nenv | sed -n 's/^\\(BATCH[A-Z_]*\\)=.*/\\1/p' | grep -vx -e BATCHCTL_CALL -e BATCHCTL_LOG_DIR >> \"seen.$1\"\n")
	st.write("job.yaml", `
job: told
listeners:
  before-job: {command: [./tell.sh, job]}
  after-job: {command: [./tell.sh, job]}
steps:
  - step: load
    listeners:
      before-step: {command: [./tell.sh, step]}
      after-step: {command: [./tell.sh, step]}
      on-skip: {command: [./tell.sh, skip]}
    partition: {count: 1}
    chunk:
      reader: {csv: {file: in.csv, types: {a: long}}}
      writer: {none: {}}
      skip: {include: [read]}
  - step: write
    listeners:
      on-retry: {command: [./tell.sh, retry]}
    chunk:
      reader: {csv: {file: in.csv, types: {a: long}}}
      writer: {sql: {statement: "INSERT INTO t VALUES (:a)"}}
      skip: {include: [read]}
      retry: {include: [write], limit: 1, backoff: 0s}
`)
	st.exec(st.store.Path(), "CREATE TABLE t (a INTEGER CHECK (a > 5))")
	if _, err := st.run("told"); err == nil {
		t.Fatal("it was written")
	}
	var common []string
	for _, v := range execstep.Variables() {
		if v.Name != "BATCH_PARAM_NAME" && v.Name != "BATCH_PARTITION" {
			common = append(common, v.Name)
		}
	}
	more := map[string][]string{
		"job":   {"BATCH_STATUS", "BATCH_EXIT_STATUS", "BATCH_ERROR", "BATCH_LOG"},
		"step":  {"BATCH_STATUS", "BATCH_EXIT_STATUS", "BATCH_ERROR", "BATCH_LOG"},
		"skip":  {"BATCH_PHASE", "BATCH_ERROR", "BATCH_PARTITION"},
		"retry": {"BATCH_PHASE", "BATCH_ERROR", "BATCH_RETRIES"},
	}
	reference := definition.NewParser(realCatalog()).Reference()
	for who, names := range more {
		want := slices.Concat(common, names)
		slices.Sort(want)
		got := strings.Fields(st.read("seen." + who))
		slices.Sort(got)
		same(t, want, slices.Compact(got))
		for _, name := range want {
			if !strings.Contains(reference, "\n  "+name+"\n") {
				t.Errorf("the reference does not say what %s is", name)
			}
		}
	}
}

// Parameters that would be one variable are found before anything is stored; of a
// job that declares none, at the launch.
func TestParametersOfOneVariable(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.exec(st.store.Path(), "CREATE TABLE t (a INTEGER)")
	st.write("open.yaml", `
job: open
steps:
  - step: first
    sql: {statements: ["DELETE FROM t"]}
  - step: run
    exec: {command: ["true"]}
`)
	st.write("quiet.yaml", `
job: quiet
parameters: {z: {}, Z: {}}
steps:
  - step: first
    sql: {statements: ["DELETE FROM t"]}
`)
	je, err := st.run("open", "z=1", "Z=2")
	if !errors.Is(err, core.ErrJobParametersInvalid) || je != nil || !strings.Contains(err.Error(), `"z" and "Z" would both be the variable BATCH_PARAM_Z`) {
		t.Errorf("got %v, execution %v", err, je)
	}
	if core.Hint(err) != "leave one of them away, or rename it" {
		t.Errorf("the hint is %q", core.Hint(err))
	}
	st.must("open", "z=1")
	st.must("quiet", "z=1", "Z=2") // it has no commands
}

// What a command of a processor was doing when the time of the step was over is
// told without words of the language that this is written in.
func TestTimeoutOfACoprocess(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("in.csv", "a\n1\n")
	st.write("job.yaml", `
job: late
steps:
  - step: load
    timeout: 300ms
    chunk:
      reader: {csv: {file: in.csv, types: {a: long}}}
      processor: [{exec: {command: [sleep, "600"], columns: {b: string}}}]
      writer: {none: {}}
`)
	je, err := st.run("late")
	if err == nil || strings.Contains(err.Error(), "deadline exceeded") || !strings.Contains(err.Error(), "still at work after 300ms") {
		t.Errorf("got %v", err)
	}
	same(t, []string{"load TIMEOUT"}, steps(je))
}
