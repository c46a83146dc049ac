package flow_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
)

func TestRestart(t *testing.T) {
	t.Parallel()
	stopAt := func(e element, on, restart string) element {
		return with(e, transition{On: on, To: core.ToStop, Restart: restart})
	}
	for _, tt := range []struct {
		name string
		job  func(b *bundle) *core.Job
		want []string // one an execution
	}{
		{"FLOW-26 the step that the flow went on past is ABANDONED, and leads on by its exit code", func(b *bundle) *core.Job {
			return job(
				then(on(b.el("a", "FAILED/ODD"), "ODD", "b"), "c"),
				b.el("b", "FAILED", "COMPLETED"), b.el("c"))
		}, []string{"FAILED/FAILED: a ABANDONED/ODD b FAILED/FAILED", "COMPLETED/COMPLETED: b"}},
		{"FLOW-26 also across a decision", func(b *bundle) *core.Job {
			return job(
				on(b.el("a", "FAILED"), "FAILED", "d"), on(b.decide("d", "GO"), "GO", "b"), b.el("b", "FAILED", "COMPLETED"))
		}, []string{"FAILED/FAILED: a ABANDONED/FAILED b FAILED/FAILED", "COMPLETED/COMPLETED: b"}},
		{"FLOW-26 also a step within a nested flow and within a branch", func(b *bundle) *core.Job {
			return job(
				on(nested("f", b.el("a", "FAILED")), "FAILED", "s"),
				on(split("s", 1, b.el("b", "FAILED"), nested("g", b.el("c", "FAILED"))), "FAILED", "d"),
				b.el("d", "FAILED", "COMPLETED"))
		}, []string{
			"FAILED/FAILED: a ABANDONED/FAILED b ABANDONED/FAILED c ABANDONED/FAILED d FAILED/FAILED",
			"COMPLETED/COMPLETED: d",
		}},
		{"FLOW-26 a failure before a split is given up by the first branch that starts a step", func(b *bundle) *core.Job {
			return job(
				on(b.el("a", "FAILED"), "FAILED", "s"),
				split("s", 1, on2(b, "d", "b"), b.el("c", "FAILED", "COMPLETED")))
		}, []string{
			"FAILED/FAILED: a ABANDONED/FAILED b c FAILED/FAILED",
			"COMPLETED/COMPLETED: c",
		}},
		{"FLOW-26 a failure stays FAILED when the step behind it is at its start limit", func(b *bundle) *core.Job {
			a, limited := b.el("a", "COMPLETED", "FAILED"), b.el("b", "FAILED")
			a.Step.AllowStartIfComplete, limited.Step.StartLimit = true, 1
			return job(on(then(a, "b"), "FAILED", "b"), limited)
		}, []string{"FAILED/FAILED: a b FAILED/FAILED", "FAILED/FAILED: a FAILED/FAILED"}},
		{"a failure that ended the flow runs again, although a later failure was caught", func(b *bundle) *core.Job {
			return job(
				on(b.el("a", "FAILED"), "FAILED", "b"), b.el("b", "FAILED", "FAILED", "COMPLETED"))
		}, []string{
			"FAILED/FAILED: a ABANDONED/FAILED b FAILED/FAILED", "FAILED/FAILED: b FAILED/FAILED", "COMPLETED/COMPLETED: b",
		}},
		{"nothing was left to do", func(b *bundle) *core.Job {
			return job(on(b.el("a"), "*", "d"), on(on(b.decide("d", "F", "E"), "E", core.ToEnd), "F", core.ToFail))
		}, []string{"FAILED/FAILED: a", "COMPLETED/NOOP:"}},
		{"FLOW-22 a restart after a stop begins at its target", func(b *bundle) *core.Job {
			a := b.el("a")
			a.Step.AllowStartIfComplete = true
			return job(stopAt(a, "COMPLETED", "b"), b.el("b"))
		}, []string{"STOPPED/STOPPED: a", "COMPLETED/COMPLETED: b"}},
		{"FLOW-23 the failure that led to the stop is ABANDONED, and later executions pass the stop", func(b *bundle) *core.Job {
			return job(
				stopAt(on(b.el("a", "FAILED"), "COMPLETED", "b"), "FAILED", "c"), b.el("b"), b.el("c", "FAILED", "FAILED", "COMPLETED"))
		}, []string{
			"STOPPED/STOPPED: a ABANDONED/FAILED", "FAILED/FAILED: c FAILED/FAILED", "FAILED/FAILED: c FAILED/FAILED",
			"COMPLETED/COMPLETED: c",
		}},
		{"FLOW-23 a failure that the target leads to again is not given up", func(b *bundle) *core.Job {
			return job(
				then(b.el("z"), "a"), stopAt(on(b.el("a", "FAILED", "COMPLETED"), "COMPLETED", "b"), "FAILED", "z"), b.el("b"))
		}, []string{"STOPPED/STOPPED: z a FAILED/FAILED", "COMPLETED/COMPLETED: a b"}},
		{"FLOW-24 a restart of a plain stop ends COMPLETED", func(b *bundle) *core.Job {
			return job(on(b.el("a"), "COMPLETED", core.ToStop))
		}, []string{"STOPPED/STOPPED: a", "COMPLETED/NOOP:"}},
		{"FLOW-24 a plain stop in a nested flow ends that, and the job goes on", func(b *bundle) *core.Job {
			return job(then(nested("f", on(b.el("a"), "COMPLETED", core.ToStop)), "b"), b.el("b"))
		}, []string{"STOPPED/STOPPED: a", "COMPLETED/COMPLETED: b"}},
		{"a plain stop after a failure leaves it FAILED: it runs again", func(b *bundle) *core.Job {
			return job(on(on(b.el("a", "FAILED", "FAILED", "COMPLETED"), "FAILED", core.ToStop), "*", "b"), b.el("b"))
		}, []string{"STOPPED/STOPPED: a FAILED/FAILED", "STOPPED/STOPPED: a FAILED/FAILED", "COMPLETED/COMPLETED: a b"}},
		{"FLOW-59 an earlier step that runs every time does not hold the job at the stop", func(b *bundle) *core.Job {
			z := b.el("z")
			z.Step.AllowStartIfComplete = true
			return job(then(z, "a"), on(b.el("a"), "*", core.ToStop))
		}, []string{"STOPPED/STOPPED: z a", "COMPLETED/COMPLETED: z"}},
		{"a step that runs every time stops the job every time", func(b *bundle) *core.Job {
			a := b.el("a", "WAIT", "WAIT", "COMPLETED")
			a.Step.AllowStartIfComplete = true
			return job(on(on(a, "WAIT", core.ToStop), "*", "b"), b.el("b"))
		}, []string{"STOPPED/STOPPED: a COMPLETED/WAIT", "STOPPED/STOPPED: a COMPLETED/WAIT", "COMPLETED/COMPLETED: a b"}},
		{"a stop whose target lies behind stops again instead of going round", func(b *bundle) *core.Job {
			z := b.el("z")
			z.Step.AllowStartIfComplete = true
			return job(then(z, "a"), stopAt(b.el("a"), "*", "z"))
		}, []string{"STOPPED/STOPPED: z a", "STOPPED/STOPPED: z", "STOPPED/STOPPED: z"}},
		{"a chain of two stops with restart", func(b *bundle) *core.Job {
			return job(
				stopAt(b.el("a"), "*", "b"), stopAt(b.el("b"), "*", "c"), b.el("c", "FAILED", "COMPLETED"))
		}, []string{
			"STOPPED/STOPPED: a", "STOPPED/STOPPED: b", "FAILED/FAILED: c FAILED/FAILED", "COMPLETED/COMPLETED: c",
		}},
		{"a stop with restart in a branch ends the job after the other branches", func(b *bundle) *core.Job {
			return job(
				then(split("s", 1, nested("f", stopAt(b.el("a"), "*", "c")), b.el("b")), "d"),
				b.el("c", "FAILED", "COMPLETED"), b.el("d"))
		}, []string{"STOPPED/STOPPED: a b", "FAILED/FAILED: c FAILED/FAILED", "COMPLETED/COMPLETED: c"}},
		{"a stop in a branch waits for the failure of another", func(b *bundle) *core.Job {
			return job(
				then(split("s", 1, nested("f", stopAt(b.el("a"), "*", "c")), b.el("b", "FAILED", "COMPLETED")), "d"),
				b.el("c"), b.el("d"))
		}, []string{"FAILED/FAILED: a b FAILED/FAILED", "STOPPED/STOPPED: b", "COMPLETED/COMPLETED: c"}},
		{"a stop in a branch waits for another that was interrupted", func(b *bundle) *core.Job {
			return job(
				split("s", 1, nested("f", stopAt(b.el("a"), "*", "c")), b.el("b", "STOPPED", "COMPLETED")),
				b.el("c", "FAILED", "COMPLETED"))
		}, []string{
			"STOPPED/STOPPED: a b STOPPED/STOPPED", "STOPPED/STOPPED: b", "FAILED/FAILED: c FAILED/FAILED", "COMPLETED/COMPLETED: c",
		}},
		{"FLOW-22 the target of a stop in a branch is walked until it completes, also where another branch ends the job", func(b *bundle) *core.Job {
			return job(
				split("s", 1, nested("f", with(b.el("a"), transition{To: core.ToEnd, ExitCode: "EARLY"})), nested("g", stopAt(b.el("b"), "*", "c"))),
				b.el("c", "FAILED", "COMPLETED"))
		}, []string{"STOPPED/STOPPED: a b", "FAILED/FAILED: c FAILED/FAILED", "COMPLETED/COMPLETED: c"}},
		{"a simple job passes over what was given up, and runs again what failed", func(b *bundle) *core.Job {
			return simpleJob(b.step("a"), b.step("b", "FAILED", "COMPLETED"), b.step("c", "LATE"))
		}, []string{"FAILED/FAILED: a b FAILED/FAILED", "COMPLETED/LATE: b c COMPLETED/LATE"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			nightly, ids := tt.job(b), []int64{}
			for i, want := range tt.want {
				je, err := b.run(nightly)
				if got := states(je); got != want {
					t.Fatalf("execution %d (error %v):\ngot  %s\nwant %s", i+1, err, got, want)
				}
				ids = append(ids, je.ID)
			}
			for i, id := range ids { // no later execution has changed an earlier one
				if diff := cmp.Diff(tt.want[i], states(b.execution(id))); diff != "" {
					t.Errorf("execution %d at the end (-want +got):\n%s", id, diff)
				}
			}
		})
	}
}

// A restart walks the flow as it is now.
func TestRestartOfAChangedFlow(t *testing.T) {
	t.Parallel()
	before := func(b *bundle) *core.Job {
		return job(
			on(then(b.el("a", "FAILED"), "b"), "FAILED", "b"), then(b.el("b"), "d"),
			on(b.decide("d", "OLD"), "OLD", "c"), b.el("c", "FAILED"))
	}
	const first = "FAILED/FAILED: a ABANDONED/FAILED b c FAILED/FAILED"
	for _, tt := range []struct {
		name string
		now  func(b *bundle) *core.Job
		want string
	}{
		{"a step that is new between complete ones is run", func(b *bundle) *core.Job {
			return job(
				on(then(b.el("a"), "n"), "FAILED", "n"), then(b.el("n"), "b"), then(b.el("b"), "d"),
				on(b.decide("d", "NEVER"), "OLD", "c"), b.el("c"))
		}, "COMPLETED/COMPLETED: n c"},
		{"FLOW-35 an answer that chooses another element now is asked for again", func(b *bundle) *core.Job {
			return job(
				on(then(b.el("a"), "b"), "FAILED", "b"), then(b.el("b"), "d"),
				on(on(b.decide("d", "NEW"), "NEW", "c"), "OLD", "n"), b.el("c"), b.el("n"))
		}, "COMPLETED/COMPLETED: c"},
		{"FLOW-35 an answer that chooses nothing now is asked for again", func(b *bundle) *core.Job {
			return job(
				on(then(b.el("a"), "b"), "FAILED", "b"), then(b.el("b"), "d"),
				on(b.decide("d", "NEW"), "NEW", "n"), b.el("n"))
		}, "COMPLETED/COMPLETED: n"},
		{"a step that moved into a nested flow is the same step", func(b *bundle) *core.Job {
			return job(on(nested("f", b.el("a"), b.el("x")), "FAILED", "g"), nested("g", b.el("b"), b.el("c")))
		}, "COMPLETED/COMPLETED: c"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.runs(before(b), first)
			b.runs(tt.now(b), tt.want)
		})
	}
	t.Run("FLOW-26 a step that was given up, and that the flow has no way on from any more", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.runs(before(b), first)
		je, err := b.run(job(b.el("a"), b.el("b"), b.el("c")))
		wantStates(t, je, "FAILED/FAILED:")
		if want := `step a: was given up by an earlier execution (ABANDONED, exit code "FAILED"), and is not run again`; err == nil || err.Error() != want {
			t.Errorf("got error %v, want %s", err, want)
		}
		wantText(t, "the hint", core.Hint(err), "add a transition on \"FAILED\" to it, then batchctl restart 2, or give the instance up: batchctl abandon 2")
	})
}

// A failure that the flow has gone on past is told when that happens, and not by
// every execution that finds the step ABANDONED.
func TestFailuresThatAreToldOnce(t *testing.T) {
	t.Parallel()
	const past = "The flow goes on past a failure"
	warnings := func(t *testing.T, b *bundle, nightly *core.Job) (lines []string) {
		t.Helper()
		r, log := b.launch(nightly), &strings.Builder{}
		r.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn}))
		if _, err := b.finish(r); err != nil {
			wantError(t, err, errBoom)
		}
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, "no way on") {
				t.Errorf("it goes on, and says %s", line)
			}
			if strings.Contains(line, past) {
				lines = append(lines, line)
			}
		}
		return lines
	}
	for _, tt := range []struct {
		name string
		job  func(b *bundle) *core.Job
		want [][]string // what the warnings of each execution name
	}{
		{"of a step", func(b *bundle) *core.Job {
			return job(on(b.el("a", "FAILED"), "FAILED", "b"), b.el("b", "FAILED", "FAILED", "COMPLETED"))
		}, [][]string{{"element=a exitCode=FAILED next=b"}, nil, nil}},
		{"of a nested flow", func(b *bundle) *core.Job {
			return job(on(nested("f", b.el("a", "FAILED")), "FAILED", "b"), b.el("b", "FAILED", "COMPLETED"))
		}, [][]string{{"element=f exitCode=FAILED next=b"}, nil}},
		{"of a split, whose other branch is complete", func(b *bundle) *core.Job {
			return job(on(split("s", 1, b.el("a", "FAILED"), b.el("c")), "FAILED", "b"), b.el("b", "FAILED", "COMPLETED"))
		}, [][]string{{"element=s exitCode=FAILED next=b"}, nil}},
		{"of a split, where one branch fails anew", func(b *bundle) *core.Job {
			c := b.el("c", "COMPLETED", "FAILED")
			c.Step.AllowStartIfComplete = true
			return job(on(split("s", 1, b.el("a", "FAILED"), c), "FAILED", "b"), b.el("b", "FAILED", "COMPLETED"))
		}, [][]string{{"element=s exitCode=FAILED next=b"}, {"step c: c: boom"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			nightly := tt.job(b)
			for i, want := range tt.want {
				got := warnings(t, b, nightly)
				if len(got) != len(want) {
					t.Fatalf("execution %d warns of %q, want %q", i+1, got, want)
				}
				for k := range want {
					wantText(t, "the warning", got[k], want[k])
				}
			}
		})
	}
}

// on2 is a flow of a decision and a step.
func on2(b *bundle, decision, step string) element {
	return nested("flow of "+step, on(b.decide(decision, "GO"), "GO", step), b.el(step))
}

func TestJump(t *testing.T) {
	t.Parallel()
	waiting := func(b *bundle, answers ...string) *core.Job {
		d := on(with(b.decide("d", answers...), transition{On: "REVIEW", To: core.ToStop, ExitCode: "WAITING", Restart: "d"}), "OK", "b")
		return job(then(b.el("a"), "d"), with(d, transition{On: "NO", To: core.ToFail}), b.el("b", "FAILED", "COMPLETED"))
	}
	t.Run("FLOW-35 a decision is asked again when a restart jumps to it, and stands when it was acted on", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := waiting(b, "REVIEW", "REVIEW", "OK", "NEVER")
		b.runs(nightly, "STOPPED/WAITING: a", "STOPPED/WAITING:", "FAILED/FAILED: b FAILED/FAILED", "COMPLETED/COMPLETED: b")
		if got, want := b.takes(), "a ?d ?d ?d b b"; got != want {
			t.Errorf("got calls %q, want %q", got, want)
		}
	})
	t.Run("FLOW-35 a decision that a restart jumps to is asked again, also when it was acted on", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.runs(job(
			then(b.el("a"), "d"), on(on(b.decide("d", "B", "C"), "B", "b"), "C", "c"),
			with(b.el("b"), transition{To: core.ToStop, Restart: "d"}), b.el("c"),
		), "STOPPED/STOPPED: a b", "COMPLETED/COMPLETED: c")
		if got, want := b.takes(), "a ?d b ?d c"; got != want {
			t.Errorf("got calls %q, want %q", got, want)
		}
	})
	t.Run("a restart that fails before its first step jumps again", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := waiting(b, "REVIEW", "", "OK")
		b.runs(nightly, "STOPPED/WAITING: a", "FAILED/FAILED:")
		if got := b.execution(2).Context[core.ContextKeyRestart]; got != "d" {
			t.Errorf("got restart %v after the failure, want d", got)
		}
		nightly.Flow[0].Step.AllowStartIfComplete = true // a replay would run it again
		b.runs(nightly, "FAILED/FAILED: b FAILED/FAILED")
		if got, ok := b.execution(3).Context[core.ContextKeyRestart]; ok {
			t.Errorf("got restart %v after the first step, want none", got)
		}
	})
	t.Run("a restart that ends by way of the flow is over", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := waiting(b, "REVIEW", "NO", "OK")
		b.runs(nightly, "STOPPED/WAITING: a", "FAILED/FAILED:")
		if got, ok := b.execution(2).Context[core.ContextKeyRestart]; ok {
			t.Errorf("got restart %v after the failure, want none", got)
		}
	})
	t.Run("a restart that was stopped before its first step jumps again", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := waiting(b, "REVIEW", "OK")
		b.runs(nightly, "STOPPED/WAITING: a")
		r := b.launch(nightly)
		b.stop.Request(core.ErrStopped)
		je, err := b.finish(r)
		wantError(t, err, core.ErrStopped)
		if got := je.Context[core.ContextKeyRestart]; got != "d" {
			t.Errorf("got restart %v after the stop, want d", got)
		}
	})
	t.Run("the target is gone", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.runs(waiting(b, "REVIEW"), "STOPPED/WAITING: a")
		je, err := b.run(job(then(b.el("a"), "dd"), on(b.decide("dd", "OK"), "OK", "b"), b.el("b")))
		wantError(t, err, core.ErrJobRestart)
		wantStates(t, je, "FAILED/FAILED:")
		wantText(t, "the error", err.Error(), `job nightly: the last execution stopped for a restart at "d", and the job has no such element`)
		wantText(t, "the hint", core.Hint(err), "batchctl abandon 2")
		if got := je.Context[core.ContextKeyRestart]; got != "d" {
			t.Errorf("got restart %v, want d still", got)
		}
	})
	t.Run("FLOW-34 a decision that a restart jumps to gets the newest step", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var last []string
		d := element{Name: "d", Decider: core.DeciderFunc(func(_ context.Context, _ *core.Run, se *core.StepExecution) (string, error) {
			last = append(last, se.StepName)
			return []string{"WAIT", "GO"}[len(last)-1], nil
		})}
		d = on(with(d, transition{On: "WAIT", To: core.ToStop, Restart: "d"}), "GO", core.ToEnd)
		b.runs(job(then(b.el("z"), "a"), then(b.el("a"), "d"), d), "STOPPED/STOPPED: z a", "COMPLETED/NOOP:")
		if diff := cmp.Diff([]string{"a", "a"}, last); diff != "" {
			t.Errorf("last steps (-want +got):\n%s", diff)
		}
	})
}

func TestDecisionReplay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		job   func(b *bundle) *core.Job
		want  []string
		calls string
	}{
		{"FLOW-35 the answer stands when a step of the element that it chose was started", func(b *bundle) *core.Job {
			return job(on(on(b.decide("d", "F", "E"), "F", "f"), "E", core.ToEnd), nested("f", b.el("a", "FAILED", "COMPLETED")))
		}, []string{"FAILED/FAILED: a FAILED/FAILED", "COMPLETED/COMPLETED: a"}, "?d a a"},
		{"FLOW-35 it is asked again when it ended the job", func(b *bundle) *core.Job {
			return job(on(on(b.decide("d", "F", "E"), "F", core.ToFail), "E", core.ToEnd))
		}, []string{"FAILED/FAILED:", "COMPLETED/NOOP:"}, "?d ?d"},
		{"a plain stop at a decision asks until the answer is another", func(b *bundle) *core.Job {
			return job(on(on(b.decide("d", "WAIT", "WAIT", "GO"), "WAIT", core.ToStop), "GO", "a"), b.el("a"))
		}, []string{"STOPPED/STOPPED:", "STOPPED/STOPPED:", "COMPLETED/COMPLETED: a"}, "?d ?d ?d a"},
		{"the answer stands by way of another decision and of next", func(b *bundle) *core.Job {
			return job(
				then(on(b.decide("d", "ODD", "E"), "E", core.ToEnd), "e"),
				on(on(b.decide("e", "A", "E"), "A", "a"), "E", core.ToEnd), b.el("a", "FAILED", "COMPLETED"))
		}, []string{"FAILED/FAILED: a FAILED/FAILED", "COMPLETED/COMPLETED: a"}, "?d ?e a a"},
		{"two decisions in a row, and nothing was done: both are asked again", func(b *bundle) *core.Job {
			return job(
				on(on(b.decide("d", "E", "A"), "E", "e"), "A", "a"),
				on(on(b.decide("e", "F"), "F", core.ToFail), "A", "a"), b.el("a"))
		}, []string{"FAILED/FAILED:", "COMPLETED/COMPLETED: a"}, "?d ?e ?d a"},
		{"a stop's target counts as what the decision chose", func(b *bundle) *core.Job {
			return job(
				on(with(b.decide("d", "S", "A"), transition{On: "S", To: core.ToStop, Restart: "b"}), "A", "a"),
				b.el("a"), b.el("b", "FAILED", "COMPLETED"))
		}, []string{"STOPPED/STOPPED:", "FAILED/FAILED: b FAILED/FAILED", "COMPLETED/COMPLETED: b"}, "?d b b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.runs(tt.job(b), tt.want...)
			if diff := cmp.Diff(tt.calls, b.takes()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLastStep(t *testing.T) {
	t.Parallel()
	var seen []string
	see := func(name string, to string) element {
		return on(element{Name: name, Decider: core.DeciderFunc(func(_ context.Context, _ *core.Run, last *core.StepExecution) (string, error) {
			text := name + ":"
			if last != nil {
				text += last.StepName + "/" + last.ExitStatus.Code
			}
			seen = append(seen, text)
			return "GO", nil
		})}, "GO", to)
	}
	t.Run("FLOW-33 FLOW-34 a decision gets the step that ended last, also after a nested flow, a split and a skip", func(t *testing.T) {
		b := setup(t)
		inner := flowStep("g", see("in", "e"), b.el("e"))
		nightly := job(
			see("first", "a"), then(b.el("a", "ODD"), "f"), then(nested("f", b.el("b")), "afterFlow"), see("afterFlow", "s"),
			then(split("s", 0, b.el("c"), b.el("d")), "afterSplit"), see("afterSplit", "g"),
			then(element{Step: inner}, "afterStep"), see("afterStep", "z"), b.el("z", "FAILED", "COMPLETED"))
		if _, err := b.run(nightly); err == nil {
			t.Fatal("the first run did not fail")
		}
		want := []string{"first:", "afterFlow:b/COMPLETED", "afterSplit:d/COMPLETED", "in:d/COMPLETED", "afterStep:g/COMPLETED"}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("FLOW-34 a step that a restart skips is the last one as well", func(t *testing.T) {
		seen = nil
		b := setup(t)
		d := see("d", core.ToFail)
		d.Transitions = []transition{{On: "GO", To: core.ToFail}}
		nightly := job(then(b.el("a", "ODD"), "d"), d)
		b.runs(nightly, "FAILED/FAILED: a COMPLETED/ODD", "FAILED/FAILED:")
		if diff := cmp.Diff([]string{"d:a/ODD", "d:a/ODD"}, seen); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
