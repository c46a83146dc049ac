//go:build crash

package crashtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core/fault"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// roleVerb is the worker that operates on the one execution there is.
const (
	roleVerb = "verb"
	envVerb  = "CRASHTEST_VERB"
)

// verb is one change that an operator makes to the execution of a dead process.
type verb struct {
	name string
	// first are the verbs before it.
	first []string
	// from and to are the statuses of the job and of its step around it.
	from, to string
	// apply is it.
	apply func(ctx context.Context, store *sqlite.Store, id int64) error
	// final tells that the instance cannot be run any more.
	final bool
}

func verbs() []verb {
	return []verb{
		{name: "stop", from: "STARTED,STARTED", to: "STOPPING,STARTED", apply: stopExecution},
		{name: "recover", from: "STARTED,STARTED", to: "FAILED,FAILED", apply: recoverExecution},
		{name: "recover what was to stop", first: []string{"stop"}, from: "STOPPING,STARTED", to: "FAILED,FAILED", apply: recoverExecution},
		{name: "abandon", first: []string{"recover"}, from: "FAILED,FAILED", to: "ABANDONED,FAILED", apply: abandonExecution, final: true},
		{name: "abandon what was to stop", first: []string{"stop"}, from: "STOPPING,STARTED", to: "ABANDONED,FAILED", apply: abandonExecution, final: true},
	}
}

func stopExecution(ctx context.Context, store *sqlite.Store, id int64) error {
	_, err := store.RequestStop(ctx, id)
	return err
}

func recoverExecution(ctx context.Context, store *sqlite.Store, id int64) error {
	_, _, err := store.Recover(ctx, id, false)
	return err
}

func abandonExecution(ctx context.Context, store *sqlite.Store, id int64) error {
	_, err := store.Abandon(ctx, id)
	return err
}

// operate is what the worker in roleVerb does.
func operate(ctx context.Context, dir, name string) (err error) {
	store, err := openStore(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	for _, v := range verbs() {
		if v.name == name {
			return v.apply(ctx, store, 1)
		}
	}
	return fmt.Errorf("no verb %q", name)
}

// apply lets a worker apply a verb.
func (tr *trial) apply(t *testing.T, name string, env ...string) outcome {
	t.Helper()
	return tr.play(t, roleVerb, 0, append(env, envVerb+"="+name)...)
}

// mustApply lets a worker apply a verb, which has to succeed.
func (tr *trial) mustApply(t *testing.T, name string) {
	t.Helper()
	if o := tr.apply(t, name); !o.ok {
		t.Fatalf("%s in %s:\n%s", name, tr.dir, o.output)
	}
}

// statuses returns the status of the job and that of its step.
func (tr *trial) statuses(t *testing.T) (text string) {
	t.Helper()
	const query = "SELECT (SELECT STATUS FROM BATCH_JOB_EXECUTION) || ',' || (SELECT STATUS FROM BATCH_STEP_EXECUTION)"
	if err := tr.query(t.Context(), repositoryFile, query, &text); err != nil {
		t.Fatalf("%s: %v", tr.dir, err)
	}
	return text
}

// dieInVerbs dies at the point while an operator changes the execution of a
// dead process, and returns how often it was passed. What is there is the state
// before or the state after, and the very same verb ends in the state after.
func dieInVerbs(t *testing.T, point string) (hits int) {
	t.Helper()
	p, err := findPipeline("csv-repository")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range verbs() {
		tr := newTrial(t, p, 5*chunkSize)
		if o := tr.run(t, 0, fault.Variable+"=chunk.before-commit:3=kill"); !o.killed {
			t.Fatalf("the worker survived in %s:\n%s", tr.dir, o.output)
		}
		for _, first := range v.first {
			tr.mustApply(t, first)
		}
		if got := tr.statuses(t); got != v.from {
			t.Fatalf("%s: %s is to begin from %s, and finds %s", tr.dir, v.name, v.from, got)
		}
		before := tr.everything(t)
		if o := tr.apply(t, v.name, fault.Variable+"="+point+"=kill"); !o.killed {
			if !o.ok {
				t.Fatalf("%s in %s:\n%s", v.name, tr.dir, o.output)
			}
			tr.discard() // this verb does not pass the point
			continue
		}
		hits++
		tr.verifyVerb(t, v, point, before)
		if t.Failed() {
			t.Fatalf("%s: look at %s", v.name, tr.dir)
		}
		tr.discard()
	}
	return hits
}

// verifyVerb looks at what a verb has left that died at the point, applies it
// again, and runs the instance to its end.
func (tr *trial) verifyVerb(t *testing.T, v verb, point, before string) {
	t.Helper()
	committed := strings.Contains(point, ".after-")
	left := tr.everything(t)
	switch {
	case !committed && left != before:
		t.Errorf("%s died before its commit, and has changed: %s", v.name, firstDifference(left, before))
	case committed && tr.statuses(t) != v.to:
		t.Errorf("%s died after its commit and left %s, want %s", v.name, tr.statuses(t), v.to)
	}
	tr.mustApply(t, v.name)
	if got := tr.statuses(t); got != v.to {
		t.Errorf("%s a second time: %s, want %s", v.name, got, v.to)
	}
	if again := tr.everything(t); committed && again != left {
		t.Errorf("%s a second time has changed: %s", v.name, firstDifference(again, left))
	}
	owners := 1
	if !strings.Contains(v.to, "STARTED") {
		owners = 0
	}
	if n := tr.number(t, "SELECT count(*) FROM BATCHCTL_EXECUTION_OWNER"); n != owners {
		t.Errorf("%d owners after %s, want %d", n, v.name, owners)
	}
	running := tr.number(t, "SELECT (SELECT count(*) FROM BATCH_JOB_EXECUTION WHERE END_TIME IS NULL) + "+
		"(SELECT count(*) FROM BATCH_STEP_EXECUTION WHERE END_TIME IS NULL)")
	if running != 2*owners {
		t.Errorf("%d rows run after %s, want %d", running, v.name, 2*owners)
	}
	if v.final {
		return
	}
	if o := tr.run(t, 0); !o.ok {
		t.Errorf("the start after %s:\n%s", v.name, o.output)
	}
	if err := tr.verify(t.Context()); err != nil {
		t.Errorf("the start after %s: %v", v.name, err)
	}
}

// playVerb is roleVerb's whole life.
func playVerb(ctx context.Context) int {
	return exitCode(operate(ctx, os.Getenv(envDir), os.Getenv(envVerb)))
}
