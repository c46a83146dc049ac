//go:build crash

package crashtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/flow"
)

// The steps of flowJob that its verification names.
const (
	stepTell = "tell"
	stepLast = "last"
	wayA     = "wayA"
	wayB     = "wayB"
)

// askedFile has a byte for each time that the decision was asked.
const askedFile = "asked"

// flowJob tells the source to a file in every execution that begins at the
// start, moves it in a flow step by one of two ways, and stops. What remains is
// behind the stop.
func flowJob(dir string) *core.Job {
	tell := moverStep(dir, stepTell, writeCSV)
	tell.AllowStartIfComplete = true
	within := flow.Step("within",
		core.Element{Step: moverStep(dir, "toSink", writeSink), Next: "choose"},
		core.Element{
			Name:        "choose",
			Decider:     core.DeciderFunc(func(context.Context, *core.Run, *core.StepExecution) (string, error) { return waver(dir) }),
			Transitions: []core.Transition{{On: wayA, To: wayA}, {On: wayB, To: wayB}},
		},
		core.Element{Step: moverStep(dir, wayA, writeRepository), Next: "nested"},
		core.Element{Step: moverStep(dir, wayB, writeRepository), Next: "nested"},
		core.Element{Name: "nested", Flow: []core.Element{{Step: engine.TaskletStep("behindWays", core.TaskletFunc(nothing))}}},
	)
	job := newJob()
	job.Flow = []core.Element{
		{Step: tell, Next: within.Name},
		{Step: within, Transitions: []core.Transition{{On: core.ExitCodeCompleted, To: core.ToStop, Restart: stepLast}, {On: "*", To: core.ToFail}}},
		{Step: engine.TaskletStep(stepLast, core.TaskletFunc(nothing))},
	}
	return job
}

// waver never says the same twice: whoever asks again once the chosen way was
// begun goes both ways, and doubles every row.
func waver(dir string) (way string, err error) {
	tr := trial{dir: dir}
	asked, err := os.ReadFile(tr.path(askedFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	way = wayA
	if len(asked)%2 == 1 {
		way = wayB
	}
	return way, os.WriteFile(tr.path(askedFile), append(asked, '.'), 0o600)
}

func wasStopped(err error) bool { return errors.Is(err, core.ErrStopped) }

func flowTruth(h *history) {
	h.again, h.ofAgain, h.stopped = stepTell, h.counts, 1
	h.steps = 5                 // the flow step, two of the three that move, two tasklets
	h.commits = 2*h.commits + 2 // the calls of the tasklets
	for i := range h.counts {
		h.counts[i] *= 2
	}
}

// verifyFlow checks where the executions began, and that the decision was acted
// on once. The execution that follows the stop begins behind it; should that die,
// the next one begins at the start, as any does, and passes the stop.
func verifyFlow(ctx context.Context, tr *trial) (err error) {
	db, err := sql.Open("sqlite3", tr.path(repositoryFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, c := range []struct {
		what, query string
		want        int
	}{
		{"ways that were begun", "SELECT count(DISTINCT STEP_NAME) FROM BATCH_STEP_EXECUTION WHERE STEP_NAME IN ('" + wayA + "', '" + wayB + "')", 1},
		{
			"steps before the last one in the execution behind the stop",
			"SELECT count(*) FROM BATCH_STEP_EXECUTION WHERE STEP_NAME <> '" + stepLast + "' AND JOB_EXECUTION_ID = " +
				"(SELECT MIN(JOB_EXECUTION_ID) FROM BATCH_STEP_EXECUTION WHERE JOB_EXECUTION_ID > " +
				"(SELECT JOB_EXECUTION_ID FROM BATCH_JOB_EXECUTION WHERE STATUS = 'STOPPED'))", 0,
		},
		{
			"steps of executions that have not told again",
			"SELECT count(*) FROM BATCH_STEP_EXECUTION AS S WHERE STEP_NAME NOT IN ('" + stepTell + "', '" + stepLast + "') AND NOT EXISTS " +
				"(SELECT 1 FROM BATCH_STEP_EXECUTION AS T WHERE T.JOB_EXECUTION_ID = S.JOB_EXECUTION_ID AND STEP_NAME = '" + stepTell + "' AND STATUS = 'COMPLETED')", 0,
		},
	} {
		var got int
		if err := db.QueryRowContext(ctx, c.query).Scan(&got); err != nil {
			return fmt.Errorf("%s: %w", c.what, err)
		}
		if got != c.want {
			return fmt.Errorf("%d %s, want %d", got, c.what, c.want)
		}
	}
	return nil
}

// callsDefinition inserts the rows by a statement in the repository, and calls a
// command in each of the ways that a crash is answered, with hooks around all.
const callsDefinition = `
job: crash
parameters:
  trial: {type: long, required: true}
listeners:
  before-step: {command: [/bin/sh, heard.sh, before]}
  after-step: {command: [/bin/sh, heard.sh, after]}
steps:
  - step: insert
    sql:
      resource: repository
      statements:
        - |
          INSERT INTO OUTPUT
          WITH RECURSIVE N (I) AS (SELECT 1 UNION ALL SELECT I + 1 FROM N WHERE I < %d)
          SELECT I, '상점-' || (I %% 97), 2 * (I * 37 %% 10007 - 5000) FROM N WHERE I %% 10 <> 0
  - step: wary
    exec: {command: [/bin/sh, call.sh], on-crash: fail}
  - step: trusting
    exec: {command: [/bin/sh, call.sh], on-crash: skip}
  - step: eager
    exec: {command: [/bin/sh, call.sh]}
`

// The files of the calls.
const (
	callsFile = "calls"
	heardFile = "heard"
)

const (
	callScript  = `echo "$BATCH_STEP_NAME $BATCH_IDEMPOTENCY_KEY $BATCH_ATTEMPT" >> calls; sleep 0.02` + "\n"
	heardScript = `echo "$1 $BATCH_STEP_EXECUTION_ID $BATCH_STATUS" >> heard` + "\n"
)

func prepareCalls(_ context.Context, tr *trial) error {
	return errors.Join(
		tr.give(definitionFile, fmt.Appendf(nil, callsDefinition, tr.rows)),
		tr.give("call.sh", []byte(callScript)), tr.give("heard.sh", []byte(heardScript)),
	)
}

// wasWary tells that a command may have done its work, and nobody knows.
func wasWary(err error) bool { return strings.Contains(err.Error(), saidWary) }

const saidWary = "on-crash is fail"

func callsTruth(h *history) {
	h.counts, h.steps, h.commits = [6]int{1: h.counts[1]}, 4, 4
}

// verifyCalls checks that no command was called more often than its way allows,
// that all calls of a step have its key, and what the hooks have heard.
func verifyCalls(ctx context.Context, tr *trial) error {
	keys, calls, attempts := map[string]string{}, map[string]int{}, map[string]int{}
	owner := map[string]string{} // of a key
	err := tr.eachLine(callsFile, func(line string) error {
		var step, key string
		var attempt int
		if _, err := fmt.Sscan(line, &step, &key, &attempt); err != nil {
			return err
		}
		if earlier, called := keys[step]; called && earlier != key || owner[key] != "" && owner[key] != step {
			return fmt.Errorf("the key of step %s is %s; it was %s, and %s is the key of step %s", step, key, earlier, key, owner[key])
		}
		if attempt <= attempts[step] {
			return fmt.Errorf("attempt %d at step %s comes behind attempt %d", attempt, step, attempts[step])
		}
		keys[step], owner[key], attempts[step] = key, step, attempt
		calls[step]++
		return nil
	})
	if err != nil {
		return err
	}
	var warned int
	const warnings = "SELECT count(*) FROM BATCH_STEP_EXECUTION WHERE STEP_NAME = 'wary' AND EXIT_MESSAGE LIKE '%" + saidWary + "%'"
	if err := tr.query(ctx, repositoryFile, warnings, &warned); err != nil {
		return err
	}
	if calls["wary"] < 1 || calls["wary"] > 1+warned || calls["trusting"] > 1 || calls["eager"] < 1 {
		return fmt.Errorf("the steps were called as often as %v, and wary has failed %d times in between", calls, warned)
	}
	return tr.verifyHeard(ctx)
}

// verifyHeard checks that the hooks were called once around every step that
// completed, and no more than once around any other.
func (tr *trial) verifyHeard(ctx context.Context) (err error) {
	heard := map[string]int{}
	if err := tr.eachLine(heardFile, func(line string) error {
		if heard[line]++; heard[line] > 1 {
			return fmt.Errorf("%q was heard twice", line)
		}
		return nil
	}); err != nil {
		return err
	}
	db, err := sql.Open("sqlite3", tr.path(repositoryFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	ids, err := texts(ctx, db, "SELECT STEP_EXECUTION_ID FROM BATCH_STEP_EXECUTION WHERE STATUS = 'COMPLETED'")
	if err != nil {
		return err
	}
	for _, id := range ids {
		for _, want := range []string{"before " + id + " STARTED", "after " + id + " COMPLETED"} {
			if heard[want] == 0 {
				return fmt.Errorf("no hook has heard %q", want)
			}
		}
	}
	return nil
}

// eachLine calls f for the lines of a file of the trial.
func (tr *trial) eachLine(name string, f func(line string) error) error {
	text, err := os.ReadFile(tr.path(name))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if err := f(strings.TrimSuffix(line, "\n")); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
