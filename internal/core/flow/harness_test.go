package flow_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/flow"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bundle is a real repository, and what was called of the jobs that it ran.
type bundle struct {
	t     *testing.T
	store *sqlite.Store
	repo  *repository
	stop  *core.Stop
	clock atomic.Int64
	token atomic.Int64

	mu    sync.Mutex
	calls []string
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{t: t}
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "repo.db"), sqlite.Options{Now: b.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	b.store, b.repo = store, &repository{JobRepository: store}
	return b
}

// now is a clock that moves by a millisecond each time it is looked at.
func (b *bundle) now() time.Time {
	return time.Date(2021, 1, 1, 3, 0, 0, 0, time.UTC).Add(time.Duration(b.clock.Add(1)) * time.Millisecond)
}

// launch creates an execution of job.
func (b *bundle) launch(job *core.Job) *core.Run {
	b.t.Helper()
	if err := errors.Join(job.Check(), flow.Check(job)); err != nil {
		b.t.Fatal(err)
	}
	return b.launchUnchecked(job)
}

func (b *bundle) launchUnchecked(job *core.Job) *core.Run {
	b.t.Helper()
	je, err := b.repo.CreateJobExecution(b.t.Context(), core.Launch{JobName: job.Name})
	if err != nil {
		b.t.Fatal(err)
	}
	b.stop = core.NewStop()
	return &core.Run{
		Job: job, Execution: je, Repo: b.repo, Body: flow.Body{}, Stop: b.stop,
		Log: slog.New(slog.DiscardHandler), Now: b.now,
		Token: func() string { return fmt.Sprintf("%032x", b.token.Add(1)) },
	}
}

// run launches job and runs it to its end; it returns what is stored then.
func (b *bundle) run(job *core.Job) (*core.JobExecution, error) {
	b.t.Helper()
	return b.finish(b.launch(job))
}

func (b *bundle) finish(r *core.Run) (*core.JobExecution, error) {
	b.t.Helper()
	err := engine.Run(b.t.Context(), r)
	if err := b.repo.Release(r.Execution); err != nil {
		b.t.Fatal(err)
	}
	return b.execution(r.Execution.ID), err
}

func (b *bundle) execution(id int64) *core.JobExecution {
	b.t.Helper()
	je, err := b.store.JobExecution(context.Background(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return je
}

// runs runs job once for each of wants and compares what is stored then.
func (b *bundle) runs(job *core.Job, wants ...string) []*core.JobExecution {
	b.t.Helper()
	all := make([]*core.JobExecution, len(wants))
	for i, want := range wants {
		je, err := b.run(job)
		if got := states(je); got != want {
			b.t.Fatalf("execution %d (error %v):\ngot  %s\nwant %s", i+1, err, got, want)
		}
		if (err == nil) != (je.Status == core.StatusCompleted) {
			b.t.Errorf("execution %d is %s with error %v", i+1, je.Status, err)
		}
		all[i] = je
	}
	return all
}

// called notes a call, and takes returns those since it was last asked.
func (b *bundle) called(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, what)
}

func (b *bundle) takes() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	calls := strings.Join(b.calls, " ")
	b.calls = nil
	return calls
}

// states renders an execution as "STATUS/EXIT: step STATUS/EXIT, ...", what is
// COMPLETED/COMPLETED by its name alone.
func states(je *core.JobExecution) string {
	text := je.Status.String() + "/" + je.ExitStatus.Code + ":"
	for _, se := range je.Steps {
		text += " " + se.StepName
		if state := se.Status.String() + "/" + se.ExitStatus.Code; state != "COMPLETED/COMPLETED" {
			text += " " + state
		}
	}
	return text
}

// sorted is states with the steps in the order of their names.
func sorted(je *core.JobExecution) string {
	je.Steps = slices.Clone(je.Steps)
	slices.SortFunc(je.Steps, func(a, b *core.StepExecution) int { return strings.Compare(a.StepName, b.StepName) })
	return states(je)
}

func wantStates(t *testing.T, je *core.JobExecution, want string) {
	t.Helper()
	if diff := cmp.Diff(want, sorted(je)); diff != "" {
		t.Errorf("job and steps (-want +got):\n%s", diff)
	}
}

func wantError(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got error %v, want one that is %q", err, kind)
	}
}

func wantText(t *testing.T, what, got, part string) {
	t.Helper()
	if !strings.Contains(got, part) {
		t.Errorf("%s is %q, want %q in it", what, got, part)
	}
}

var errBoom = errors.New("boom")

type (
	element    = core.Element
	transition = core.Transition
	body       func(ctx context.Context, s *core.Scope) (core.ExitStatus, error)
)

func (f body) Execute(ctx context.Context, s *core.Scope) (core.ExitStatus, error) { return f(ctx, s) }

func bodyStep(name string, f body) *core.Step {
	return &core.Step{Name: name, Bind: func(*core.Scope) (core.StepBody, error) { return f, nil }}
}

// step is a step whose nth call ends as the nth word says, and every further
// one as the last: FAILED, STOPPED, FAILED/CODE, or COMPLETED with that code.
func (b *bundle) step(name string, ends ...string) *core.Step {
	var calls, ended atomic.Int64
	word := func(n int64) string {
		if len(ends) == 0 {
			return "COMPLETED"
		}
		return ends[min(int(n), len(ends))-1]
	}
	step := bodyStep(name, func(context.Context, *core.Scope) (core.ExitStatus, error) {
		b.called(name)
		switch end, _, _ := strings.Cut(word(calls.Add(1)), "/"); end {
		case "FAILED":
			return core.ExitStatus{}, fmt.Errorf("%s: %w", name, errBoom)
		case "STOPPED":
			return core.ExitStatus{}, core.ErrStopped
		default:
			return core.ExitStatus{Code: end}, nil
		}
	})
	if slices.ContainsFunc(ends, func(end string) bool { return strings.Contains(end, "/") }) {
		step.Listener.AfterStep = func(context.Context, *core.Scope, core.StepExecution) (core.ExitStatus, error) {
			_, code, _ := strings.Cut(word(ended.Add(1)), "/")
			return core.ExitStatus{Code: code}, nil
		}
	}
	return step
}

// run is an element of a step that ends as the words say.
func (b *bundle) el(name string, ends ...string) element { return element{Step: b.step(name, ends...)} }

// then gives e a next, and on a transition.
func then(e element, next string) element {
	e.Next = next
	return e
}

func on(e element, pattern, to string) element {
	e.Transitions = append(slices.Clip(e.Transitions), transition{On: pattern, To: to})
	return e
}

func with(e element, t transition) element {
	e.Transitions = append(slices.Clip(e.Transitions), t)
	return e
}

// decide is a decision whose nth answer is the nth word, and every further one
// the last.
func (b *bundle) decide(name string, answers ...string) element {
	var asked atomic.Int64
	return element{Name: name, Decider: core.DeciderFunc(
		func(context.Context, *core.Run, *core.StepExecution) (string, error) {
			b.called("?" + name)
			return answers[min(int(asked.Add(1)), len(answers))-1], nil
		})}
}

func nested(name string, elements ...element) element { return element{Name: name, Flow: elements} }

func split(name string, threads int, branches ...element) element {
	return element{Name: name, Threads: threads, Split: branches}
}

func job(elements ...element) *core.Job { return &core.Job{Name: "nightly", Flow: elements} }

func simpleJob(steps ...*core.Step) *core.Job { return &core.Job{Name: "nightly", Steps: steps} }

// repository counts the write transactions of the real one.
type repository struct {
	core.JobRepository
	writes, reads atomic.Int64
}

func (r *repository) CreateJobExecution(ctx context.Context, l core.Launch) (*core.JobExecution, error) {
	r.writes.Add(1)
	return r.JobRepository.CreateJobExecution(ctx, l)
}

func (r *repository) Begin(ctx context.Context, je *core.JobExecution) (core.Tx, error) {
	r.writes.Add(1)
	return r.JobRepository.Begin(ctx, je)
}

func (r *repository) LastStepExecution(ctx context.Context, instance int64, step string) (*core.StepExecution, error) {
	r.reads.Add(1)
	return r.JobRepository.LastStepExecution(ctx, instance, step)
}

// steps is what runs steps when nothing else is said.
var steps engine.Steps

func flowStep(name string, elements ...element) *core.Step { return flow.Step(name, elements...) }
