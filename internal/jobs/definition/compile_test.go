package definition_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
)

const echo = `
job: echo
parameters:
  day: {type: date, required: true}
  who: {default: you, identifying: false}
properties:
  greeting: "hello #{jobParameters['who']}"
steps:
  - step: say
    properties: {suffix: "!"}
    exec:
      command: [sh, -c, 'printf "%s\n" "$@" > said', sh, "#{jobProperties['greeting']}#{properties['suffix']}", "#{jobParameters['day']}", "#{env['PLACE'] ?: 'here'}", "a #{jobParameters['who']} b"]
  - step: count
    sql:
      statements:
        - CREATE TABLE IF NOT EXISTS said (day TEXT, who TEXT, n INTEGER)
        - INSERT INTO said VALUES (:day, :who, :n)
      params: {day: "#{jobParameters['day']}", who: "#{jobParameters['who']}", n: 5}
      rows: inserted
`

// Values reach commands as single arguments and statements as bound values,
// whatever is in them.
func TestSubstitution(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("echo.yaml", echo)
	je := st.must("echo", "day=2021-01-02", "who=$(touch evil); '); DROP TABLE said; -- \"")
	same(t, []string{"say COMPLETED", "count COMPLETED"}, steps(je))
	same(t, "hello $(touch evil); '); DROP TABLE said; -- \"!\n2021-01-02\nhere\na $(touch evil); '); DROP TABLE said; -- \" b\n", st.read("said"))
	if st.exists("evil") {
		t.Error("the value was run")
	}
	same(t, []string{"2021-01-02|$(touch evil); '); DROP TABLE said; -- \"|integer"}, st.query(st.store.Path(), "SELECT day, who, typeof(n) FROM said"))
	se, err := st.store.LastStepExecution(t.Context(), je.Instance.ID, "count")
	if err != nil || se.Context["inserted"] != int64(1) {
		t.Errorf("the context is %v, %v", se.Context, err)
	}
}

// What is missing is told before an execution is created.
func TestMissingValue(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("job.yaml", `
job: needy
parameters:
  colour: {one-of: [red, green], identifying: false}
  n: {type: long, default: 3}
steps:
  - step: one
    exec: {command: ["true", "#{env['NEEDED']}"]}
  - step: two
    exec: {command: ["true", "#{jobParameters['colour'] ?: 'none'}"], timeout: "#{env['LIMIT'] ?: '1m'}"}
`)
	for _, test := range []struct {
		name, want, hint string
		environ          []string
		words            []string
	}{
		{"a variable", "#{env['NEEDED']} has no value", "set the variable NEEDED", nil, nil},
		{"a choice", `parameter colour: value "blue" is none of red, green`, "write colour=red", []string{"NEEDED=x"}, []string{"colour=blue"}},
		{"no duration", `"soon" is not a duration`, "", []string{"NEEDED=x", "LIMIT=soon"}, nil},
	} {
		st.environ = test.environ
		je, err := st.run("needy", test.words...)
		if je != nil || err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(core.Hint(err), test.hint) {
			t.Errorf("%s: %v, hint %q", test.name, err, core.Hint(err))
		}
	}
	found, err := st.store.JobExecutions(t.Context(), core.JobExecutionQuery{})
	if err != nil || len(found) != 0 {
		t.Errorf("%d executions were created, %v", len(found), err)
	}
	st.environ = []string{"NEEDED="}
	st.must("needy", "colour=green")
}

func TestTimeoutOfAStep(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("job.yaml", `
job: slow
steps:
  - step: sleep
    timeout: 100ms
    exec: {command: [sleep, "60"]}
    transitions:
      - {on: TIMEOUT, to: late}
      - {on: COMPLETED, to: end}
  - step: late
    exec: {command: ["true"]}
    transitions: [{on: "*", to: fail, exit-status: TOO_LATE}]
`)
	je, err := st.run("slow")
	if err == nil || je.ExitStatus.Code != "TOO_LATE" {
		t.Fatalf("%+v, %v", je, err)
	}
	same(t, []string{"sleep TIMEOUT", "late COMPLETED"}, steps(je))
}

const decided = `
job: decided
parameters:
  approve: {default: "no", identifying: false}
steps:
  - step: compare
    exec: {script: 'echo "job-context.differences=$D" >> "$BATCH_OUTPUT"; echo exit-status=COMPARED >> "$BATCH_OUTPUT"', env: {D: "#{env['DIFFERENCES'] ?: '0'}"}}
    next: howBad
    transitions: [{on: COMPARED, to: howBad}]
  - decision: howBad
    value: "steps['compare'].exitStatus != 'COMPARED' ? 'ODD' : int(jobContext['differences']) == 0 ? 'CLEAN' : jobParameters['approve'] == 'yes' ? 'APPROVED' : 'REVIEW'"
    transitions:
      - {on: CLEAN, to: end, exit-status: NOTHING}
      - {on: APPROVED, to: book}
      - {on: REVIEW, to: stop, exit-status: WAITING, restart: howBad}
  - step: book
    exec: {command: ["true"]}
`

// A decision looks at contexts, steps and parameters, and a stop waits for a
// person.
func TestDecision(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("job.yaml", strings.Replace(decided, "{script: ", "{command: ", 1))
	je := st.must("decided")
	same(t, "NOTHING", je.ExitStatus.Code)
	st = newStage(t)
	st.write("job.yaml", strings.Replace(decided, "{script: ", "{command: ", 1))
	st.environ = []string{"DIFFERENCES=3"}
	je, err := st.run("decided")
	if !errors.Is(err, core.ErrStopped) || je.ExitStatus.Code != "WAITING" {
		t.Fatalf("%+v, %v", je, err)
	}
	je = st.must("decided", "approve=yes")
	same(t, []string{"book COMPLETED"}, steps(je))
}

// A restart keeps to the definition that it was begun with, unless that is
// meant, and each text is kept once.
func TestChangedDefinition(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	const text = "job: fragile\nsteps:\n  - step: one\n    exec: {command: [test, -e, there]}\n"
	st.write("job.yaml", text)
	for range 2 {
		if je, err := st.run("fragile"); err == nil || je == nil {
			t.Fatal("the job completed, or was refused")
		}
	}
	changed := text + "# mended\n"
	st.write("job.yaml", changed)
	je, err := st.run("fragile")
	if je != nil || !errors.Is(err, core.ErrJobRestart) || !strings.Contains(err.Error(), "the definition of the job has changed since the last attempt") ||
		!strings.Contains(core.Hint(err), "--new-definition") {
		t.Fatalf("got %v, hint %q", err, core.Hint(err))
	}
	st.write("there", "")
	job := st.job("fragile")
	je, err = st.launcher.Run(t.Context(), job, nil, launch.Options{NewDefinition: true})
	if err != nil {
		t.Fatal(err)
	}
	same(t, any(job.Definition.Hash), je.Context[core.ContextKeyDefinition])
	kept := st.query(st.store.Path(), "SELECT TEXT FROM BATCHCTL_DEFINITION")
	slices.Sort(kept)
	same(t, []string{text, changed}, kept)
}

// A secret reaches a command, and a launched job as the reference that it is.
func TestSecrets(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("password", "hunter2-hunter2\n")
	if err := os.Chmod(filepath.Join(st.dir, "password"), 0o600); err != nil {
		t.Fatal(err)
	}
	st.write("parent.yaml", `
job: parent
parameters: {password: {type: secret, required: true}}
steps:
  - step: launch
    job: {name: child, parameters: {password: "#{jobParameters['password']}"}}
`)
	st.write("child.yaml", `
job: child
parameters: {password: {type: secret}}
steps:
  - step: use
    exec: {command: [sh, -c, 'printf %s "$P" > used', sh], env: {P: "#{jobParameters['password']}"}}
`)
	st.must("parent", "password=file:"+filepath.Join(st.dir, "password"))
	same(t, "hunter2-hunter2", st.read("used"))
	for _, table := range []string{
		"SELECT STRING_VAL FROM BATCH_JOB_EXECUTION_PARAMS", "SELECT SHORT_CONTEXT FROM BATCH_STEP_EXECUTION_CONTEXT",
		"SELECT SHORT_CONTEXT FROM BATCH_JOB_EXECUTION_CONTEXT",
	} {
		if rows := strings.Join(st.query(st.store.Path(), table), "\n"); strings.Contains(rows, "hunter2") {
			t.Errorf("%s shows the secret: %s", table, rows)
		}
	}
}

// Jobs that launch each other, and a child's parameters, are looked at before.
func TestJobSteps(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("a.yaml", `
job: a
parameters: {day: {type: date}}
steps:
  - step: one
    job: {name: b, parameters: {day: "2021-02-30(date)", who: x, colour: "5(string)"}}
`)
	st.write("b.yaml", `
job: b
parameters: {day: {type: date, required: true}, colour: {type: long}, size: {required: true}}
steps:
  - step: two
    exec: {command: ["true"]}
`)
	text := st.compile().Text()
	for _, want := range []string{
		`a.yaml:6:38: parameter day: value "2021-02-30": there is no such day`, `a.yaml:6:58: job "b" declares no parameter "who"`,
		`given as string, but job "b" declares colour a long`, `job "b" requires the parameter size`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %s in\n%s", want, text)
		}
	}
}
