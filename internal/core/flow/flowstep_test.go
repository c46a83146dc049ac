package flow_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
)

func TestFlowStep(t *testing.T) {
	t.Parallel()
	t.Run("FLOW-45 inner steps are steps of the same job execution, and their last exit code is the step's", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		f := flowStep("f", b.el("a"), b.el("b", "CLEAN"))
		if f.Kind != "flow" || len(f.Flow) != 2 {
			t.Errorf("got kind %q and %d elements", f.Kind, len(f.Flow))
		}
		b.runs(job(on(on(element{Step: f}, "CLEAN", "c"), "*", "d"), b.el("c"), b.el("d")),
			"COMPLETED/COMPLETED: f COMPLETED/CLEAN a b COMPLETED/CLEAN c")
	})
	t.Run("FLOW-45 also in a simple job", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.runs(simpleJob(b.step("a"), flowStep("f", b.el("b"), b.el("c", "LATE"))),
			"COMPLETED/LATE: a f COMPLETED/LATE b c COMPLETED/LATE")
	})
	t.Run("FLOW-46 an inner failure fails the step, and a restart goes on within it", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := job(element{Step: flowStep("f", b.el("a"), b.el("b", "FAILED", "COMPLETED"), b.el("c"))}, b.el("z"))
		je, err := b.run(nightly)
		wantError(t, err, errBoom)
		wantText(t, "the error", err.Error(), "step f: step b: b: boom")
		wantStates(t, je, "FAILED/FAILED: a b FAILED/FAILED f FAILED/FAILED")
		b.runs(nightly, "COMPLETED/COMPLETED: f b c z")
	})
	t.Run("FLOW-26 FLOW-46 a flow step that failed and was caught is ABANDONED", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := job(
			on(element{Step: flowStep("f", on(b.el("a", "FAILED"), "FAILED", "b"), b.el("b", "FAILED"))}, "FAILED", "z"),
			b.el("z", "FAILED", "COMPLETED"))
		b.runs(nightly,
			"FAILED/FAILED: f ABANDONED/FAILED a ABANDONED/FAILED b FAILED/FAILED z FAILED/FAILED", "COMPLETED/COMPLETED: z")
	})
	t.Run("FLOW-30 FLOW-45 a stop within it stops it and the job", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := job(then(element{Step: flowStep("f", b.el("a", "STOPPED", "COMPLETED"), b.el("b"))}, "z"), b.el("z"))
		b.runs(nightly, "STOPPED/STOPPED: f STOPPED/STOPPED a STOPPED/STOPPED", "COMPLETED/COMPLETED: f a b z")
	})
	t.Run("FLOW-47 the step's context is what the inner ones start with", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var got []core.ExecutionContext
		inner := func(name string) element {
			return element{Step: bodyStep(name, func(_ context.Context, s *core.Scope) (core.ExitStatus, error) {
				got = append(got, s.Context.Clone())
				s.Context.Put("mine", name)
				return core.ExitStatus{}, nil
			})}
		}
		f := flowStep("f", inner("a"), element{Step: flowStep("g", inner("b"))})
		f.Listener.BeforeStep = func(_ context.Context, s *core.Scope) error {
			s.Context.Put("day", "2021-01-01")
			return nil
		}
		b.runs(job(element{Step: f}), "COMPLETED/COMPLETED: f a g b")
		lineages := map[any]bool{}
		for i, ec := range got {
			lineages[ec[core.ContextKeyLineage]] = true
			want := core.ExecutionContext{
				"day": "2021-01-01", core.ContextKeyVersion: "batchctl", core.ContextKeyLineage: ec[core.ContextKeyLineage],
			}
			if diff := cmp.Diff(want, ec); diff != "" {
				t.Errorf("context %d (-want +got):\n%s", i, diff)
			}
		}
		if len(got) != 2 || len(lineages) != 2 {
			t.Errorf("got %d contexts with %d lineages, want 2 and 2", len(got), len(lineages))
		}
	})
	t.Run("FLOW-57 the steps of nested flows, splits and flow steps are known", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := job(
			nested("f", b.el("a"), nested("g", b.el("b"))), split("s", 0, b.el("c"), nested("h", b.el("d"))),
			element{Name: "other", Step: flowStep("e", b.el("x"))})
		var names []string
		for s := range nightly.AllSteps() {
			names = append(names, s.Name)
		}
		if diff := cmp.Diff([]string{"a", "b", "c", "d", "e", "x"}, slices.Clip(names)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		je, err := b.run(nightly)
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, je, "COMPLETED/COMPLETED: a b c d e x")
	})
}
