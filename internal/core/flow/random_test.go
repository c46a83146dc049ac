package flow_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/flow"
)

// mortal is a repository whose process dies at a commit: it is made or not, and
// nothing is written after it.
type mortal struct {
	core.JobRepository
	mu   sync.Mutex
	left int // commits before the last one
	made bool
	dead bool
}

func (m *mortal) Begin(ctx context.Context, je *core.JobExecution) (core.Tx, error) {
	m.mu.Lock()
	dead := m.dead
	m.mu.Unlock() // Begin waits for whoever is about to commit
	if dead {
		return nil, core.ErrLeaseLost
	}
	tx, err := m.JobRepository.Begin(ctx, je)
	if err != nil {
		return nil, err
	}
	return &mortalTx{Tx: tx, repo: m}, nil
}

type mortalTx struct {
	core.Tx
	repo *mortal
}

func (tx *mortalTx) Commit() error {
	m := tx.repo
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left--
	last := m.left == 0
	if m.dead || last && !m.made {
		m.dead = true
		return errors.Join(core.ErrLeaseLost, tx.Rollback())
	}
	if err := tx.Tx.Commit(); err != nil || !last {
		return err
	}
	m.dead = true
	return core.ErrLeaseLost
}

// plan makes a random flow without circles, whose steps end the same way each
// time.
type plan struct {
	t     *rapid.T
	steps int
	// call is asked at each call of a step whether it has to stop.
	call func(ctx context.Context, s *core.Scope) error
}

var codes = []string{"COMPLETED", "COMPLETED", "X", "Y"}

func (p *plan) name(kind string) string {
	p.steps++
	return fmt.Sprint(kind, p.steps)
}

// level draws a level; in it, everything leads downwards.
func (p *plan) level(depth int) []core.Element {
	elements := make([]core.Element, rapid.IntRange(1, 4).Draw(p.t, "elements"))
	for i := range elements {
		elements[i] = p.element(depth)
	}
	if rapid.Bool().Draw(p.t, "sequence") && !slices.ContainsFunc(elements, func(e core.Element) bool { return e.Decider != nil }) {
		return elements
	}
	for i := range elements {
		e, targets := &elements[i], []string{core.ToEnd, core.ToFail, core.ToStop}
		for _, below := range elements[i+1:] {
			targets = append(targets, below.ID(), below.ID())
		}
		for _, on := range []string{"X", "FAILED", "?"} {
			if rapid.Bool().Draw(p.t, "transition") && (on != "?" || len(e.Transitions) == 0) {
				e.Transitions = append(e.Transitions, core.Transition{On: on, To: rapid.SampledFrom(targets).Draw(p.t, "to")})
			}
		}
		switch {
		case i+1 < len(elements):
			e.Next = elements[i+1].ID()
		case len(e.Transitions) > 0 || e.Decider != nil:
			e.Transitions = append(e.Transitions, core.Transition{To: core.ToEnd})
		}
		if e.Decider != nil && len(e.Transitions) == 0 {
			e.Transitions = append(e.Transitions, core.Transition{On: "Z*", To: core.ToFail})
		}
	}
	return elements
}

func (p *plan) element(depth int) core.Element {
	kind := rapid.IntRange(0, 7).Draw(p.t, "kind")
	switch {
	case kind == 0 && depth > 0:
		return core.Element{Name: p.name("f"), Flow: p.level(depth - 1)}
	case kind == 1 && depth > 0:
		e := core.Element{Name: p.name("s"), Threads: rapid.IntRange(0, 2).Draw(p.t, "threads")}
		for range rapid.IntRange(1, 3).Draw(p.t, "branches") {
			e.Split = append(e.Split, core.Element{Name: p.name("b"), Flow: p.level(depth - 1)})
		}
		return e
	case kind == 2:
		answer := rapid.SampledFrom(codes).Draw(p.t, "answer")
		return core.Element{Name: p.name("d"), Decider: core.DeciderFunc(
			func(context.Context, *core.Run, *core.StepExecution) (string, error) { return answer, nil })}
	}
	fails := rapid.IntRange(0, 4).Draw(p.t, "fails") == 0
	code := rapid.SampledFrom(codes).Draw(p.t, "code")
	return core.Element{Step: bodyStep(p.name("step"), func(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
		if err := p.call(ctx, s); err != nil {
			return core.ExitStatus{}, err
		}
		if fails {
			return core.ExitStatus{}, errBoom
		}
		return core.ExitStatus{Code: code}, nil
	})}
}

// restarts lets stops below elements restart at one of the targets, which lie
// further down: one above makes the way depend on where a process dies.
func (p *plan) restarts(elements []core.Element, targets []core.Element) {
	for i := range elements {
		e := &elements[i]
		for j := range e.Transitions {
			if t := &e.Transitions[j]; t.To == core.ToStop && rapid.Bool().Draw(p.t, "restart") {
				t.Restart = targets[rapid.IntRange(0, len(targets)-1).Draw(p.t, "target")].ID()
			}
		}
		p.restarts(e.Flow, targets)
		if len(e.Split) > 0 { // its branches have one target
			only := rapid.IntRange(0, len(targets)-1).Draw(p.t, "target of branches")
			p.restarts(e.Split, targets[only:only+1])
		}
	}
}

// TestRandomFlows runs random flows to their end at once, and with processes
// that die and are stopped on the way.
func TestRandomFlows(t *testing.T) {
	t.Parallel()
	b, n := setup(t), 0
	rapid.Check(t, func(t *rapid.T) {
		p := &plan{t: t, call: func(context.Context, *core.Scope) error { return nil }}
		nightly := &core.Job{Flow: p.level(2)}
		for i := range nightly.Flow[1:] {
			p.restarts(nightly.Flow[i:i+1], nightly.Flow[i+1:])
		}
		n++
		nightly.Name = fmt.Sprint("whole", n)
		if err := flow.Check(nightly); err != nil {
			t.Fatal(err)
		}
		je, _ := b.attempt(t, nightly, b.store) // how it ended is compared
		want := summary(je, b.lastSteps(t, nightly, je))

		nightly.Name = fmt.Sprint("broken", n)
		je = b.interrupted(t, nightly, p)
		b.wantOnce(t, nightly, je)
		if got := summary(je, b.lastSteps(t, nightly, je)); got != want {
			t.Fatalf("with interruptions:\ngot  %s\nwant %s", got, want)
		}
	})
}

// attempt runs job once.
func (b *bundle) attempt(t *rapid.T, job *core.Job, repo core.JobRepository) (*core.JobExecution, error) {
	je, err := repo.CreateJobExecution(b.t.Context(), core.Launch{JobName: job.Name})
	if err != nil {
		t.Fatal(err)
	}
	err = engine.Run(b.t.Context(), &core.Run{
		Job: job, Execution: je, Repo: repo, Body: flow.Body{}, Stop: core.NewStop(), Now: b.now,
		Token: func() string { return fmt.Sprintf("%032x", b.token.Add(1)) },
	})
	if err := repo.Release(je); err != nil {
		t.Fatal(err)
	}
	return b.execution(je.ID), err
}

// interrupted runs job until an execution has ended by itself.
func (b *bundle) interrupted(t *rapid.T, job *core.Job, p *plan) *core.JobExecution {
	for range rapid.IntRange(1, 5).Draw(t, "interruptions") {
		m := &mortal{JobRepository: b.store}
		stopped := false
		if rapid.IntRange(0, 3).Draw(t, "how") > 0 {
			m.left, m.made = rapid.IntRange(1, 12).Draw(t, "commit"), rapid.Bool().Draw(t, "made")
		} else {
			calls, at, done := 0, rapid.IntRange(1, 6).Draw(t, "call"), rapid.Bool().Draw(t, "done")
			var mu sync.Mutex
			p.call = func(_ context.Context, s *core.Scope) error {
				mu.Lock()
				defer mu.Unlock()
				if calls++; calls != at {
					return nil
				}
				stopped = true
				s.Stop.Request(core.ErrStopped)
				if done {
					return nil
				}
				return core.ErrStopped
			}
		}
		je, _ := b.attempt(t, job, m) // how it ended is looked up
		p.call = func(context.Context, *core.Scope) error { return nil }
		ended := je.Status == core.StatusCompleted || je.Status == core.StatusStopped && wasStopped(je)
		switch {
		case ended, !m.dead && !stopped:
			return je
		case m.dead:
			if _, _, err := b.store.Recover(b.t.Context(), je.ID, true); err != nil {
				t.Fatal(err)
			}
		}
	}
	je, _ := b.attempt(t, job, b.store)
	return je
}

// wasStopped reports whether the flow itself has stopped the job.
func wasStopped(je *core.JobExecution) bool {
	for key := range je.Context {
		if strings.HasPrefix(key, core.ContextKeyStop) {
			return true
		}
	}
	return false
}

// lastSteps returns how the newest execution of each step ended.
func (b *bundle) lastSteps(t *rapid.T, job *core.Job, je *core.JobExecution) map[string]string {
	ends := map[string]string{}
	for s := range job.AllSteps() {
		se, err := b.store.LastStepExecution(b.t.Context(), je.Instance.ID, s.Name)
		if errors.Is(err, core.ErrNoSuchStepExecution) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		ends[s.Name] = se.Status.String() + "/" + se.ExitStatus.Code
	}
	return ends
}

// summary says how a job has ended in the end.
func summary(je *core.JobExecution, ends map[string]string) string {
	text := je.Status.String() + "/" + strings.Replace(je.ExitStatus.Code, core.ExitCodeNoop, core.ExitCodeCompleted, 1) + ":"
	for _, name := range slices.Sorted(maps.Keys(ends)) {
		text += " " + name + " " + ends[name]
	}
	return text
}

// wantOnce fails the test when a step was started again after it was complete
// or given up.
func (b *bundle) wantOnce(t *rapid.T, job *core.Job, je *core.JobExecution) {
	executions, err := b.store.JobExecutions(b.t.Context(), core.JobExecutionQuery{InstanceID: je.Instance.ID})
	if err != nil {
		t.Fatal(err)
	}
	over := map[string]int64{}
	for _, x := range slices.Backward(executions) { // oldest first
		for _, se := range b.execution(x.ID).Steps {
			if by := over[se.StepName]; by != 0 {
				t.Fatalf("step %s of %s was over with execution %d, and was started by %d", se.StepName, job.Name, by, x.ID)
			}
			if se.Status == core.StatusCompleted || se.Status == core.StatusAbandoned {
				over[se.StepName] = x.ID
			}
		}
	}
}
