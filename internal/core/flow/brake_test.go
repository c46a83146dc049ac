package flow_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// braked is a log handler that tells when a branch was stopped.
type braked struct {
	slog.Handler
	once  sync.Once
	seen  chan struct{}
	begun chan struct{} // one for each lasting step
}

func newBraked() *braked {
	return &braked{Handler: slog.DiscardHandler, seen: make(chan struct{}), begun: make(chan struct{}, 10)}
}

func (h *braked) Enabled(context.Context, slog.Level) bool { return true }

func (h *braked) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "A branch was stopped, and the others of its split start nothing more" {
		h.once.Do(func() { close(h.seen) })
	}
	return nil
}

// lasting is a step that works until another branch was stopped.
func (h *braked) lasting(name string, end error) element {
	return element{Step: bodyStep(name, func(context.Context, *core.Scope) (core.ExitStatus, error) {
		h.begun <- struct{}{}
		select {
		case <-h.seen:
			return core.ExitStatus{}, end
		case <-time.After(2 * time.Minute):
			return core.ExitStatus{}, errors.New("no branch was stopped")
		}
	})}
}

// stops stops by itself at its first call, when n lasting steps are at work.
func (h *braked) stops(n int) error {
	select {
	case <-h.seen:
		return nil // a later attempt
	default:
	}
	for range n {
		select {
		case <-h.begun:
		case <-time.After(2 * time.Minute):
			return errors.New("no other branch is at work")
		}
	}
	return core.ErrStopped
}

func (h *braked) stopping(name string, n int) element {
	return element{Step: bodyStep(name, func(context.Context, *core.Scope) (core.ExitStatus, error) {
		return core.ExitStatus{}, h.stops(n)
	})}
}

// TestBranchStops: a branch that ends STOPPED though nobody asked for a stop.
func TestBranchStops(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		job  func(b *bundle, h *braked) *core.Job
		want []string // the states after each attempt
	}{
		{"FLOW-42 a branch that stops by itself keeps the others from starting their next step", func(b *bundle, h *braked) *core.Job {
			return job(split("s", 0,
				nested("f", h.stopping("a", 1), b.el("a2")), nested("g", h.lasting("b", nil), b.el("b2"))))
		}, []string{"STOPPED/STOPPED: a STOPPED/STOPPED b", "COMPLETED/COMPLETED: a a2 b2"}},
		{"FLOW-42 also where threads kept a branch waiting", func(b *bundle, _ *braked) *core.Job {
			return job(split("s", 1, b.el("a", "STOPPED", "COMPLETED"), b.el("b"), nested("g", b.el("c"), b.el("d"))))
		}, []string{"STOPPED/STOPPED: a STOPPED/STOPPED", "COMPLETED/COMPLETED: a b c d"}},
		{"FLOW-42 from an inner split to the outer one", func(b *bundle, h *braked) *core.Job {
			return job(split("s", 0,
				nested("f", split("inner", 0, h.stopping("a", 2), nested("h", h.lasting("c", nil), b.el("c2")))),
				nested("g", h.lasting("b", nil), b.el("b2"))))
		}, []string{"STOPPED/STOPPED: a STOPPED/STOPPED b c", "COMPLETED/COMPLETED: a b2 c2"}},
		{"FLOW-42 from an outer split to the inner one", func(b *bundle, h *braked) *core.Job {
			return job(split("s", 0, h.stopping("a", 2),
				nested("f", split("inner", 0, nested("g", h.lasting("b", nil), b.el("b2")), nested("h", h.lasting("c", nil), b.el("c2"))))))
		}, []string{"STOPPED/STOPPED: a STOPPED/STOPPED b c", "COMPLETED/COMPLETED: a b2 c2"}},
		{"FLOW-42 from within a flow step", func(b *bundle, h *braked) *core.Job {
			return job(split("s", 0,
				element{Step: flowStep("F", split("inner", 0, h.stopping("a", 2), nested("h", h.lasting("c", nil), b.el("c2"))))},
				nested("g", h.lasting("b", nil), b.el("b2"))))
		}, []string{"STOPPED/STOPPED: F STOPPED/STOPPED a STOPPED/STOPPED b c", "COMPLETED/COMPLETED: F a b2 c2"}},
		{"FLOW-42 into a flow step", func(b *bundle, h *braked) *core.Job {
			return job(split("s", 0, h.stopping("a", 1), element{Step: flowStep("F", h.lasting("b", nil), b.el("b2"))}))
		}, []string{"STOPPED/STOPPED: F STOPPED/STOPPED a STOPPED/STOPPED b", "COMPLETED/COMPLETED: F a b2"}},
		{"FLOW-42 no decision is asked, and it is asked in the restart", func(b *bundle, h *braked) *core.Job {
			return job(split("s", 0, h.stopping("a", 1),
				nested("g", then(h.lasting("b", nil), "d"), on(b.decide("d", "GO"), "*", "b2"), b.el("b2"))))
		}, []string{"STOPPED/STOPPED: a STOPPED/STOPPED b", "COMPLETED/COMPLETED: a b2"}},
		{"FLOW-42 a decider that stops", func(b *bundle, h *braked) *core.Job {
			d := element{Name: "d", Decider: core.DeciderFunc(func(context.Context, *core.Run, *core.StepExecution) (string, error) {
				return "GO", h.stops(1)
			})}
			return job(split("s", 0, nested("f", on(d, "*", "a"), b.el("a")), nested("g", h.lasting("b", nil), b.el("b2"))))
		}, []string{"STOPPED/STOPPED: b", "COMPLETED/COMPLETED: a b2"}},
		{"FLOW-42 the recovery of a failure has to wait, and the failure is not given up", func(b *bundle, h *braked) *core.Job {
			return job(split("s", 0, h.stopping("a", 1),
				nested("g", on(then(h.lasting("b", errBoom), "b2"), "FAILED", "mend"), b.el("mend"), b.el("b2"))))
		}, []string{"STOPPED/STOPPED: a STOPPED/STOPPED b FAILED/FAILED", "COMPLETED/COMPLETED: a b ABANDONED/FAILED mend"}},
		{"FLOW-42 steps that are complete stay on the way", func(b *bundle, _ *braked) *core.Job {
			return job(split("s", 1, nested("g", b.el("b"), b.el("b2", "FAILED", "COMPLETED")), b.el("a", "COMPLETED"), b.el("c", "STOPPED", "STOPPED", "COMPLETED")))
		}, []string{
			"FAILED/FAILED: a b b2 FAILED/FAILED c STOPPED/STOPPED", "STOPPED/STOPPED: b2 c STOPPED/STOPPED", "COMPLETED/COMPLETED: c",
		}},
		{"FLOW-39 a failure lets the others go on", func(b *bundle, _ *braked) *core.Job {
			return job(split("s", 1, b.el("a", "FAILED", "COMPLETED"), nested("g", b.el("b"), b.el("b2"))))
		}, []string{"FAILED/FAILED: a FAILED/FAILED b b2", "COMPLETED/COMPLETED: a"}},
		{"a transition to a stop in a branch lets the others go on", func(b *bundle, _ *braked) *core.Job {
			return job(split("s", 1, nested("f", on(b.el("a"), "*", core.ToStop)), nested("g", b.el("b"), b.el("b2"))))
		}, []string{"STOPPED/STOPPED: a b b2", "COMPLETED/NOOP:"}},
		{"a stop that failed with its split keeps nothing else back", func(b *bundle, _ *braked) *core.Job {
			return job(on(element{Step: flowStep("F", split("s", 1, b.el("b", "FAILED"), b.el("a", "STOPPED")))}, "FAILED", "z"), b.el("z"))
		}, []string{"COMPLETED/COMPLETED: F ABANDONED/FAILED a STOPPED/STOPPED b FAILED/FAILED z"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, h := setup(t), newBraked()
			nightly := tt.job(b, h)
			for i, want := range tt.want {
				r := b.launch(nightly)
				r.Log = slog.New(h)
				je, err := b.finish(r)
				if got := sorted(je); got != want {
					t.Fatalf("attempt %d (error %v):\ngot  %s\nwant %s", i+1, err, got, want)
				}
			}
		})
	}
	t.Run("FLOW-42 each branch says why it did not go on", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.run(job(split("s", 1, nested("f", b.el("a", "STOPPED")), b.el("b"), nested("g", on(b.decide("d", "GO"), "*", core.ToEnd)))))
		wantError(t, err, core.ErrStopped)
		const want = `split s: step a: stopped; step b: was not started: branch "f" was stopped; decision d: was not asked: branch "f" was stopped`
		wantText(t, "the error", err.Error(), want)
		wantText(t, "the exit message", je.ExitStatus.Message, `step b: was not started: branch "f" was stopped`)
	})
}

// refused is a step that finds its input changed.
func refused(name string) element {
	return element{Step: bodyStep(name, func(context.Context, *core.Scope) (core.ExitStatus, error) {
		return core.ExitStatus{}, &core.Error{Kind: core.ErrCheckpointMismatch, Msg: name + " has changed"}
	})}
}

// TestSplitRefusal: a branch that no restart can help says so for the job only
// where no other branch could be helped.
func TestSplitRefusal(t *testing.T) {
	t.Parallel()
	fails := func(b *bundle) element { return b.el("b", "FAILED") }
	for _, tt := range []struct {
		name  string
		split func(b *bundle) element
		final bool
		want  string
	}{
		{
			"a refusal before a failure", func(b *bundle) element { return split("s", 1, refused("a"), fails(b)) }, false,
			"FAILED/FAILED: a FAILED/REFUSED b FAILED/FAILED",
		},
		{
			"a refusal after a failure", func(b *bundle) element { return split("s", 1, fails(b), refused("a")) }, false,
			"FAILED/FAILED: a FAILED/REFUSED b FAILED/FAILED",
		},
		{"in nested flows", func(b *bundle) element {
			return split("s", 1, nested("f", refused("a"), b.el("a2")), nested("g", fails(b), b.el("b2")))
		}, false, "FAILED/FAILED: a FAILED/REFUSED b FAILED/FAILED"},
		{"in an inner split, the failure outside", func(b *bundle) element {
			return split("s", 1, nested("f", split("inner", 1, refused("a"), b.el("c"))), fails(b))
		}, false, "FAILED/FAILED: a FAILED/REFUSED b FAILED/FAILED c"},
		{"both in an inner split", func(b *bundle) element {
			return split("s", 1, b.el("c"), nested("f", split("inner", 1, refused("a"), fails(b))), refused("d"))
		}, false, "FAILED/FAILED: a FAILED/REFUSED b FAILED/FAILED c d FAILED/REFUSED"},
		{"one that ends the job by a transition", func(b *bundle) element {
			return split("s", 1, nested("f", on(refused("a"), "*", core.ToFail)), fails(b))
		}, false, "FAILED/FAILED: a FAILED/REFUSED b FAILED/FAILED"},
		{
			"a refusal alone", func(b *bundle) element { return split("s", 1, refused("a"), b.el("c")) }, true,
			"FAILED/FAILED: a FAILED/REFUSED c",
		},
		{
			"refusals alone", func(*bundle) element { return split("s", 1, refused("a"), nested("f", refused("d"))) }, true,
			"FAILED/FAILED: a FAILED/REFUSED d FAILED/REFUSED",
		},
		{
			"a refusal beside a stop", func(b *bundle) element { return split("s", 1, refused("a"), b.el("c", "STOPPED")) }, true,
			"FAILED/FAILED: a FAILED/REFUSED c STOPPED/STOPPED",
		},
		{
			"a refusal in a nested flow without a split", func(b *bundle) element { return nested("f", b.el("c"), refused("a"), b.el("e")) }, true,
			"FAILED/FAILED: a FAILED/REFUSED c",
		},
		{
			"a refusal in a flow step", func(b *bundle) element { return element{Step: flowStep("F", b.el("c"), refused("a"))} }, true,
			"FAILED/FAILED: F FAILED/REFUSED a FAILED/REFUSED c",
		},
		{"a flow step with a split of both can be restarted", func(b *bundle) element {
			return element{Step: flowStep("F", split("s", 1, refused("a"), fails(b)))}
		}, false, "FAILED/FAILED: F FAILED/FAILED a FAILED/REFUSED b FAILED/FAILED"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			je, err := b.run(job(tt.split(b)))
			wantStates(t, je, tt.want)
			wantText(t, "the error", err.Error(), "step a: a has changed")
			if got := errors.Is(err, core.ErrCheckpointMismatch); got != tt.final {
				t.Errorf("the error is ErrCheckpointMismatch: %t, want %t: %v", got, tt.final, err)
			}
			if !tt.final {
				wantError(t, err, errBoom)
			}
		})
	}
	t.Run("a start limit beside a failure, in both orders", func(t *testing.T) {
		t.Parallel()
		for _, first := range []bool{true, false} {
			b := setup(t)
			limited, failing := b.el("a", "FAILED"), b.el("b", "FAILED", "FAILED", "COMPLETED")
			limited.Step.StartLimit = 1
			nightly := job(split("s", 1, limited, failing))
			if !first {
				nightly = job(split("s", 1, failing, limited))
			}
			if _, err := b.run(nightly); err == nil {
				t.Fatal("the first attempt did not fail")
			}
			_, err := b.run(nightly)
			wantError(t, err, errBoom)
			wantText(t, "the error", err.Error(), "step a: maximum start limit exceeded")
			if errors.Is(err, core.ErrStartLimitExceeded) {
				t.Errorf("the error %v is ErrStartLimitExceeded, though a restart helps b", err)
			}
			_, err = b.run(nightly)
			wantError(t, err, core.ErrStartLimitExceeded)
		}
	})
}
