package flow_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/panics"
)

// meeting is a step that ends when n of its kind are at work at once.
func meeting(name string, wg *sync.WaitGroup) element {
	return element{Step: bodyStep(name, func(ctx context.Context, _ *core.Scope) (core.ExitStatus, error) {
		wg.Done()
		met := make(chan struct{})
		go func() { wg.Wait(); close(met) }()
		select {
		case <-met:
			return core.ExitStatus{}, nil
		case <-time.After(2 * time.Minute):
			return core.ExitStatus{}, errors.New("nobody came")
		}
	})}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	t.Run("FLOW-36 FLOW-44 all branches run at once, and the split waits for all", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var wg sync.WaitGroup
		wg.Add(3)
		je, err := b.run(job(
			then(split("s", 0, meeting("a", &wg), nested("f", meeting("b", &wg), b.el("b2")), meeting("c", &wg)), "z"), b.el("z")))
		if err != nil {
			t.Fatal(err)
		}
		if got := je.Steps[len(je.Steps)-1].StepName; got != "z" {
			t.Errorf("the last step is %s, want z", got)
		}
		wantStates(t, je, "COMPLETED/COMPLETED: a b b2 c z")
	})
	t.Run("threads bound how many run at once", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var now, most atomic.Int64
		var branches []element
		for i := range 6 {
			branches = append(branches, element{Step: bodyStep(fmt.Sprint("s", i), func(context.Context, *core.Scope) (core.ExitStatus, error) {
				n := now.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				now.Add(-1)
				return core.ExitStatus{}, nil
			})})
		}
		if _, err := b.run(job(split("s", 2, branches...))); err != nil {
			t.Fatal(err)
		}
		if got := most.Load(); got > 2 {
			t.Errorf("%d ran at once, want 2 at most", got)
		}
	})
	t.Run("FLOW-37 FLOW-39 one branch fails, the others finish, the job is FAILED", func(t *testing.T) {
		t.Parallel()
		for _, failing := range []int{0, 1} {
			b := setup(t)
			branches := []element{nested("f", b.el("a"), b.el("a2")), nested("g", b.el("b"), b.el("b2"))}
			branches[failing] = nested("h", b.el("x", "FAILED/ODD"), b.el("x2"))
			je, err := b.run(job(then(split("s", 0, branches...), "z"), b.el("z")))
			wantError(t, err, errBoom)
			wantText(t, "the error", err.Error(), "split s: step x: x: boom")
			wantText(t, "the exit message", je.ExitStatus.Message, "x: boom")
			wantStates(t, je, []string{"FAILED/FAILED: b b2 x FAILED/ODD", "FAILED/FAILED: a a2 x FAILED/ODD"}[failing])
		}
	})
	t.Run("FLOW-39 the failure of a branch is caught by the split's transitions", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.run(job(
			on(then(split("s", 0, b.el("a", "FAILED/ODD"), b.el("b", "FINE")), "y"), "FAILED", "z"), b.el("y"), b.el("z")))
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, je, "COMPLETED/COMPLETED: a ABANDONED/ODD b COMPLETED/FINE z")
	})
	t.Run("FLOW-41 the errors of all branches are told, in their order", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		odd := errors.New("odd")
		bad := bodyStep("b", func(context.Context, *core.Scope) (core.ExitStatus, error) { return core.ExitStatus{}, odd })
		_, err := b.run(job(split("s", 0, b.el("a", "FAILED"), element{Step: bad}, b.el("c"))))
		wantError(t, err, errBoom)
		wantError(t, err, odd)
		if got, want := err.Error(), "split s: step a: a: boom; step b: odd"; got != want {
			t.Errorf("got error %q, want %q", got, want)
		}
	})
	t.Run("FLOW-37 FLOW-40 a branch that stops stops the job, and a restart runs what is left", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := job(on(split("s", 1, b.el("a", "STOPPED", "COMPLETED"), nested("f", b.el("b"), b.el("c"))), "*", "z"), b.el("z"))
		b.runs(nightly, "STOPPED/STOPPED: a STOPPED/STOPPED", "COMPLETED/COMPLETED: a b c z")
	})
	t.Run("FLOW-37 a failure is worse than a stop, and the job does not say that it was stopped", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := job(on(split("s", 1, b.el("b", "FAILED", "COMPLETED"), b.el("a", "STOPPED", "COMPLETED")), "*", "z"), b.el("z"))
		je, err := b.run(nightly)
		wantStates(t, je, "FAILED/FAILED: a STOPPED/STOPPED b FAILED/FAILED")
		wantError(t, err, errBoom)
		if errors.Is(err, core.ErrStopped) {
			t.Errorf("error %v is ErrStopped", err)
		}
		wantText(t, "the error", err.Error(), "step b: b: boom; step a: stopped")
		b.runs(nightly, "COMPLETED/COMPLETED: b a z")
	})
	t.Run("FLOW-42 a stop keeps every branch from starting its next step", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var met sync.WaitGroup
		met.Add(2)
		until := func(name string, then func(stop *core.Stop)) element {
			e := meeting(name, &met)
			bind := e.Step.Bind
			e.Step.Bind = func(s *core.Scope) (core.StepBody, error) {
				inner, err := bind(s)
				return body(func(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
					exit, err := inner.Execute(ctx, s)
					then(s.Stop)
					return exit, err
				}), err
			}
			return e
		}
		stopper := until("a", func(stop *core.Stop) { stop.Request(core.ErrStopped) })
		other := until("b", func(stop *core.Stop) { <-stop.Done() })
		nightly := job(split("s", 0, nested("f", stopper, b.el("a2")), nested("g", other, b.el("b2"))))
		je, err := b.run(nightly)
		wantError(t, err, core.ErrStopped)
		wantStates(t, je, "STOPPED/STOPPED: a b")
		je, err = b.run(nightly)
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, je, "COMPLETED/COMPLETED: a2 b2")
	})
	t.Run("FLOW-43 nested splits, also on one thread", func(t *testing.T) {
		t.Parallel()
		for _, limit := range []int{1, 0} {
			b := setup(t)
			inner := func(n string) element {
				return nested("f"+n, split("s"+n, limit, b.el("a"+n), b.el("b"+n)), b.el("c"+n))
			}
			je, err := b.run(job(split("s", limit, inner("1"), inner("2"), inner("3"))))
			if err != nil {
				t.Fatal(err)
			}
			wantStates(t, je, "COMPLETED/COMPLETED: a1 a2 a3 b1 b2 b3 c1 c2 c3")
		}
	})
	t.Run("FLOW-41 a panic in a branch names it, and the others finish", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		r := b.launch(job(split("s", 1, nested("bad", b.el("a")), b.el("b"))))
		r.Steps = panicking{StepRunner: steps, at: "a"}
		je, err := b.finish(r)
		wantError(t, err, errBoom)
		wantText(t, "the error", err.Error(), "split s: branch bad: panic: boom")
		wantStates(t, je, "FAILED/FAILED: b")
		if _, ok := errors.AsType[*panics.Error](err); !ok {
			t.Errorf("error %v has no *panics.Error", err)
		}
	})
	t.Run("an end in one branch waits for the others, and the first one's exit code counts", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		end := func(name, code string) element {
			return nested("f"+name, with(b.el(name), transition{To: core.ToEnd, ExitCode: code}))
		}
		b.runs(job(then(split("s", 1, b.el("a"), end("b", "FIRST"), end("c", "SECOND"), b.el("d")), "z"), b.el("z")),
			"COMPLETED/FIRST: a b c d")
	})
	t.Run("of an end and a fail the fail wins", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		end := func(name, to, code string) element {
			return nested("f"+name, with(b.el(name), transition{To: to, ExitCode: code}))
		}
		b.runs(job(split("s", 1, end("a", core.ToEnd, "FINE"), end("b", core.ToFail, "BAD"), end("c", core.ToStop, "WAIT"))),
			"FAILED/BAD: a b c")
	})
	t.Run("a fail in one branch does not speak for another that failed by itself", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.runs(job(split("s", 1, nested("f", with(b.el("a"), transition{To: core.ToFail, ExitCode: "BAD"})), b.el("b", "FAILED"))),
			"FAILED/FAILED: a b FAILED/FAILED")
	})
	t.Run("FLOW-35 a decision in a branch is kept and stands", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		f := func(n string) element {
			return nested("f"+n, on(on(b.decide("d"+n, "GO", "NO"), "GO", "a"+n), "NO", core.ToEnd), b.el("a"+n, "FAILED", "COMPLETED"))
		}
		nightly := job(split("s", 0, f("1"), f("2"), f("3")))
		je, err := b.run(nightly)
		wantError(t, err, errBoom)
		if got := je.Context[core.ContextKeyDecision+"d2"]; got != "GO" {
			t.Errorf("got decision %v, want GO", got)
		}
		je, err = b.run(nightly)
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, je, "COMPLETED/COMPLETED: a1 a2 a3")
	})
}

// panicking is a runner that panics at one step.
type panicking struct {
	core.StepRunner
	at string
}

func (p panicking) RunStep(ctx context.Context, r *core.Run, step *core.Step, ec core.ExecutionContext) (*core.StepExecution, bool, error) {
	if step.Name == p.at {
		panic(errBoom)
	}
	return steps.RunStep(ctx, r, step, ec)
}

// fencing is a runner that finds at one step that another process has taken
// over.
type fencing struct {
	core.StepRunner
	at   string
	mu   sync.Mutex
	seen []string
}

func (f *fencing) RunStep(ctx context.Context, r *core.Run, step *core.Step, ec core.ExecutionContext) (*core.StepExecution, bool, error) {
	f.mu.Lock()
	f.seen = append(f.seen, step.Name)
	f.mu.Unlock()
	if step.Name == f.at {
		return nil, false, fmt.Errorf("fenced: %w", core.ErrLeaseLost)
	}
	return steps.RunStep(ctx, r, step, ec)
}

func TestLeaseLost(t *testing.T) {
	t.Parallel()
	t.Run("a branch that has lost the lease lets no other start a step", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		r := b.launch(job(on(split("s", 1, b.el("a", "FAILED"), b.el("b"), nested("f", b.el("c"), b.el("d"))), "*", "z"), b.el("z")))
		f := &fencing{StepRunner: steps, at: "b"}
		r.Steps = f
		je, err := b.finish(r)
		wantError(t, err, core.ErrLeaseLost)
		wantStates(t, je, "STARTED/UNKNOWN: a FAILED/FAILED")
		if diff := cmp.Diff([]string{"a", "b"}, f.seen); diff != "" {
			t.Errorf("steps that were asked for (-want +got):\n%s", diff)
		}
	})
	t.Run("another process takes over for real: no branch writes any more", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var recovered atomic.Pointer[core.JobExecution]
		thief := bodyStep("a", func(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
			_, je, err := b.store.Recover(ctx, s.Execution.ID, true)
			recovered.Store(je)
			return core.ExitStatus{}, err
		})
		je, err := b.run(job(split("s", 1, element{Step: thief}, nested("f", b.el("b"), b.el("c"))), b.el("z")))
		wantError(t, err, core.ErrLeaseLost)
		if diff := cmp.Diff(states(recovered.Load()), states(je)); diff != "" {
			t.Errorf("the execution after its recovery (-recovered +at the end):\n%s", diff)
		}
		if got := b.takes(); got != "" {
			t.Errorf("called %q after that", got)
		}
	})
	t.Run("the end of a step in a branch that could not be recorded is recorded with the job's", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		r := b.launch(job(split("s", 1, b.el("a"), nested("g", element{Step: flowStep("h", b.el("b"))}), b.el("c"))))
		broken := &breaking{JobRepository: b.repo}
		r.Repo = broken
		broken.at = "b"
		je, err := b.finish(r)
		wantError(t, err, errDisk)
		wantStates(t, je, "FAILED/FAILED: a b FAILED/FAILED c h FAILED/FAILED")
	})
}

var errDisk = errors.New("disk I/O error")

// breaking is a repository in which the end of one step cannot be written alone.
type breaking struct {
	core.JobRepository
	at string
}

func (r *breaking) Begin(ctx context.Context, je *core.JobExecution) (core.Tx, error) {
	tx, err := r.JobRepository.Begin(ctx, je)
	return &breakingTx{Tx: tx, repo: r}, err
}

type breakingTx struct {
	core.Tx
	repo    *breaking
	updated []string
}

func (tx *breakingTx) UpdateStepExecution(ctx context.Context, se *core.StepExecution) error {
	tx.updated = append(tx.updated, se.StepName)
	return tx.Tx.UpdateStepExecution(ctx, se)
}

func (tx *breakingTx) Commit() error {
	if slices.Equal(tx.updated, []string{tx.repo.at}) {
		tx.repo.at = ""
		return errors.Join(errDisk, tx.Rollback())
	}
	return tx.Tx.Commit()
}
