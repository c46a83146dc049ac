package flow_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
)

func TestWays(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		job  func(b *bundle) *core.Job
		want []string // one an execution
	}{
		{"a level in which nothing leads anywhere is a sequence", func(b *bundle) *core.Job {
			return job(b.el("a"), b.el("b", "EARLY"), b.el("c", "LATE"))
		}, []string{"COMPLETED/COMPLETED: a b COMPLETED/EARLY c COMPLETED/LATE"}},
		{"FLOW-05 the first element is the start", func(b *bundle) *core.Job {
			return job(then(b.el("z"), "a"), b.el("a"))
		}, []string{"COMPLETED/COMPLETED: z a"}},
		{"FLOW-06 a branch by exit code", func(b *bundle) *core.Job {
			return job(on(on(b.el("a", "NO_DATA"), "NO_DATA", "c"), "COMPLETED", "b"), b.el("b"), b.el("c"))
		}, []string{"COMPLETED/COMPLETED: a COMPLETED/NO_DATA c"}},
		{"FLOW-15 FLOW-16 next is the way of whatever COMPLETED", func(b *bundle) *core.Job {
			return job(then(b.el("a", "FAILED_SOFT"), "b"), b.el("b"))
		}, []string{"COMPLETED/COMPLETED: a COMPLETED/FAILED_SOFT b"}},
		{"FLOW-15 FLOW-17 next is not the way of what FAILED", func(b *bundle) *core.Job {
			return job(then(b.el("a", "FAILED", "COMPLETED"), "b"), b.el("b"))
		}, []string{"FAILED/FAILED: a FAILED/FAILED", "COMPLETED/COMPLETED: a b"}},
		{"FLOW-17 a failure that nothing catches fails a sequence", func(b *bundle) *core.Job {
			return job(b.el("a", "FAILED/ODD"), b.el("b"))
		}, []string{"FAILED/FAILED: a FAILED/ODD"}},
		{"next beside transitions is the way when none matches", func(b *bundle) *core.Job {
			return job(then(on(b.el("a"), "NO_DATA", "c"), "b"), b.el("b"), b.el("c"))
		}, []string{"COMPLETED/COMPLETED: a b"}},
		{"an element without a way ends an explicit level", func(b *bundle) *core.Job {
			return job(on(on(b.el("a"), "COMPLETED", "b"), "*", "c"), b.el("b"), b.el("c"))
		}, []string{"COMPLETED/COMPLETED: a b"}},
		{"FLOW-18 end with an exit code", func(b *bundle) *core.Job {
			return job(with(b.el("a", "NO_DATA"), transition{On: "NO_DATA", To: core.ToEnd, ExitCode: "NOTHING_TO_DO"}))
		}, []string{"COMPLETED/NOTHING_TO_DO: a COMPLETED/NO_DATA"}},
		{"end after a failure", func(b *bundle) *core.Job {
			return job(on(b.el("a", "FAILED"), "FAILED", core.ToEnd))
		}, []string{"COMPLETED/COMPLETED: a FAILED/FAILED"}},
		{"FLOW-19 FLOW-27 fail with an exit code: a restart runs the failed step again, and it alone", func(b *bundle) *core.Job {
			return job(
				on(b.el("a"), "*", "b"),
				on(with(b.el("b", "FAILED", "COMPLETED"), transition{On: "FAILED", To: core.ToFail, ExitCode: "BAD_DAY"}), "*", "c"),
				b.el("c"))
		}, []string{"FAILED/BAD_DAY: a b FAILED/FAILED", "COMPLETED/COMPLETED: b c"}},
		{"FLOW-20 FLOW-25 stop", func(b *bundle) *core.Job {
			return job(on(b.el("a"), "*", core.ToStop))
		}, []string{"STOPPED/STOPPED: a"}},
		{"FLOW-21 stop with an exit code", func(b *bundle) *core.Job {
			return job(with(b.el("a"), transition{To: core.ToStop, ExitCode: "WAITING"}))
		}, []string{"STOPPED/WAITING: a"}},
		{"FLOW-60 a custom code that nothing takes fails the job, it does not make it UNKNOWN", func(b *bundle) *core.Job {
			return job(on(b.el("a", "ODD"), "COMPLETED", "b"), b.el("b"))
		}, []string{"FAILED/FAILED: a COMPLETED/ODD"}},
		{"a step that is STOPPED is asked no transition", func(b *bundle) *core.Job {
			return job(on(b.el("a", "STOPPED", "COMPLETED"), "*", "b"), b.el("b"))
		}, []string{"STOPPED/STOPPED: a STOPPED/STOPPED", "COMPLETED/COMPLETED: a b"}},
		{"a nested flow has the exit code of its last element", func(b *bundle) *core.Job {
			return job(on(on(nested("f", b.el("a"), b.el("b", "CLEAN")), "CLEAN", "c"), "*", "d"), b.el("c"), b.el("d"))
		}, []string{"COMPLETED/COMPLETED: a b COMPLETED/CLEAN c"}},
		{"FLOW-58 a failure in a nested flow is caught as FAILED, and leaves no trace in the job's exit code", func(b *bundle) *core.Job {
			return job(on(on(nested("f", b.el("a", "FAILED/ODD"), b.el("b")), "FAILED", "c"), "*", "d"), b.el("c"), b.el("d"))
		}, []string{"COMPLETED/COMPLETED: a ABANDONED/ODD c"}},
		{"end in a nested flow ends the job", func(b *bundle) *core.Job {
			return job(nested("f", with(b.el("a"), transition{To: core.ToEnd, ExitCode: "EARLY"})), b.el("b"))
		}, []string{"COMPLETED/EARLY: a"}},
		{"fail in a nested flow is not caught", func(b *bundle) *core.Job {
			return job(on(nested("f", on(b.el("a"), "", core.ToFail)), "*", "b"), b.el("b"))
		}, []string{"FAILED/FAILED: a"}},
		{"stop in a nested flow is not caught", func(b *bundle) *core.Job {
			return job(on(nested("f", on(b.el("a"), "", core.ToStop)), "*", "b"), b.el("b"))
		}, []string{"STOPPED/STOPPED: a"}},
		{"an unmatched exit code in a nested flow is not caught", func(b *bundle) *core.Job {
			return job(on(nested("f", on(b.el("a"), "X", core.ToEnd)), "*", "b"), b.el("b"))
		}, []string{"FAILED/FAILED: a"}},
		{"FLOW-31 the answer of a decision is the way, whatever it is", func(b *bundle) *core.Job {
			return job(then(b.el("a"), "d"), on(on(b.decide("d", "PURPLE"), "PURPLE", "c"), "*", "b"), b.el("b"), b.el("c"))
		}, []string{"COMPLETED/COMPLETED: a c"}},
		{"a decision that ends a job in which nothing ran", func(b *bundle) *core.Job {
			return job(on(on(b.decide("d", "EMPTY"), "EMPTY", core.ToEnd), "*", "b"), b.el("b"))
		}, []string{"COMPLETED/NOOP:"}},
		{"an element behind what is complete that ends a job in which nothing ran", func(b *bundle) *core.Job {
			return job(on(b.el("a"), "", core.ToStop))
		}, []string{"STOPPED/STOPPED: a", "COMPLETED/NOOP:"}},
		{"an end with an exit code is no NOOP", func(b *bundle) *core.Job {
			return job(with(b.decide("d", "EMPTY"), transition{To: core.ToEnd, ExitCode: "NOTHING"}))
		}, []string{"COMPLETED/NOTHING:"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.runs(tt.job(b), tt.want...)
		})
	}
}

// TestOrder: of two patterns that both take an exit code the upper one counts.
// Spring Batch would take the lower one, for the reason given.
func TestOrder(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, upper, lower, code string }{
		{"FLOW-08 it has no *", "*B", "A?", "AB"},
		{"FLOW-09 it has no *, the upper one no ?", "C*X", "CON?", "CONX"},
		{"FLOW-10 it has more *", "A*", "*X*", "AXB"},
		{"FLOW-11 it has fewer ?", "??X", "AB?", "ABX"},
		{"FLOW-12 it is longer", "A*", "*BC", "ABC"},
		{"FLOW-13 it comes first in the alphabet", "A*", "*B", "AB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.runs(job(
				on(on(on(b.el("a", tt.code), tt.upper, "upper"), tt.lower, "lower"), "*", "other"),
				b.el("upper"), b.el("lower"), b.el("other"),
			), "COMPLETED/COMPLETED: a COMPLETED/"+tt.code+" upper")
		})
	}
}

// TestNoop: a job in which nothing ran says why.
func TestNoop(t *testing.T) {
	t.Parallel()
	const complete = "All steps already completed or no steps configured for this job."
	for _, tt := range []struct {
		name string
		job  func(b *bundle) *core.Job
		want string
	}{
		{"a decision ended it", func(b *bundle) *core.Job {
			return job(on(on(b.decide("d", "EMPTY"), "EMPTY", core.ToEnd), "*", "b"), b.el("b"))
		}, `no step was started: the flow ended at the decision "d", whose result was "EMPTY"`},
		{"a decision in a nested flow ended it", func(b *bundle) *core.Job {
			return job(then(nested("f", on(on(b.decide("d", "EMPTY"), "EMPTY", core.ToEnd), "*", "b"), b.el("b")), "c"), b.el("c"))
		}, `no step was started: the flow ended at the decision "d", whose result was "EMPTY"`},
		{"it was stopped behind its only step", func(b *bundle) *core.Job {
			nightly := job(on(b.el("a"), "", core.ToStop))
			b.runs(nightly, "STOPPED/STOPPED: a")
			return nightly
		}, complete},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			je := b.runs(tt.job(b), "COMPLETED/NOOP:")[0]
			if diff := cmp.Diff(tt.want, je.ExitStatus.Message); diff != "" {
				t.Errorf("exit message (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	t.Run("FLOW-04 an unmatched exit code is named with the element and its patterns", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.run(job(on(on(b.el("a", "ODD"), "COMPLETED", "b"), "NO?", "b"), b.el("b")))
		want := `element a: completed with exit code "ODD", for which the flow has no way: ` +
			`its transitions are on "COMPLETED", "NO?", and it has no next`
		if err == nil || err.Error() != want {
			t.Errorf("got error %v, want %s", err, want)
		}
		wantText(t, "the exit message", je.ExitStatus.Message, want)
		wantText(t, "the hint", core.Hint(err), `add a transition on "ODD", or a next, to element "a"; then batchctl restart 1`)
	})
	t.Run("FLOW-04 what was a definition file restarts under the changed one", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		defined := job(on(b.el("a", "ODD"), "COMPLETED", "b"), b.el("b"))
		defined.Definition = &core.JobDefinition{Hash: "one", Text: "job: nightly"}
		_, err := b.run(defined)
		wantText(t, "the hint", core.Hint(err),
			`add a transition on "ODD", or a next, to element "a"; then batchctl restart 1 --new-definition`)
	})
	t.Run("FLOW-27 a fail keeps the failure that led to it", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.run(job(with(b.el("a", "FAILED"), transition{On: "FAILED", To: core.ToFail, ExitCode: "BAD"})))
		wantError(t, err, errBoom)
		wantText(t, "the error", err.Error(), `element a: its exit code "FAILED" leads to fail: step a: a: boom`)
		wantText(t, "the hint", core.Hint(err), "batchctl show 1")
		wantText(t, "the exit message", je.ExitStatus.Message, "a: boom")
	})
	t.Run("a fail behind what completed says that a restart ends the same", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := job(on(b.el("a"), "COMPLETED", core.ToFail))
		_, err := b.run(nightly)
		wantText(t, "the hint", core.Hint(err),
			"the step is COMPLETED, so a restart leads here once more: change the job, then batchctl restart 1, or give the instance up: batchctl abandon 1")
		je, err := b.run(nightly) // and so it does
		wantText(t, "the hint", core.Hint(err), "batchctl abandon 2")
		if je.Status != core.StatusFailed || len(je.Steps) > 0 {
			t.Errorf("the restart is %s with %d steps", je.Status, len(je.Steps))
		}
		b = setup(t)
		again := b.el("a")
		again.Step.AllowStartIfComplete = true
		_, err = b.run(job(on(again, "COMPLETED", core.ToFail)))
		wantText(t, "the hint", core.Hint(err), "batchctl show 1")
	})
	t.Run("FLOW-20 a stop says where a restart begins", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.run(job(with(on(b.el("a"), "X", "b"), transition{To: core.ToStop, Restart: "b"}), b.el("b")))
		wantError(t, err, core.ErrStopped)
		wantText(t, "the error", err.Error(), `element a: its exit code "COMPLETED" leads to stop; a restart begins at "b"`)
		wantText(t, "the hint", core.Hint(err), "batchctl restart 1")
		wantText(t, "the exit message", je.ExitStatus.Message, `leads to stop`)
	})
	t.Run("FLOW-32 a decider that fails fails the job, and the cause is kept", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		d := element{Name: "d", Decider: core.DeciderFunc(func(context.Context, *core.Run, *core.StepExecution) (string, error) {
			return "", errBoom
		})}
		je, err := b.run(job(on(nested("f", on(d, "*", core.ToEnd)), "*", "b"), b.el("b")))
		wantError(t, err, errBoom)
		wantText(t, "the error", err.Error(), "decision d: boom")
		wantStates(t, je, "FAILED/FAILED:")
	})
	t.Run("FLOW-32 a decider that panics fails the job, and the stack is kept", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		d := element{Name: "d", Decider: core.DeciderFunc(func(context.Context, *core.Run, *core.StepExecution) (string, error) {
			panic(errBoom)
		})}
		je, err := b.run(job(on(d, "*", core.ToEnd)))
		wantError(t, err, errBoom)
		wantText(t, "the error", err.Error(), "decision d: panic: boom")
		wantText(t, "the exit message", je.ExitStatus.Message, "flow_test.go:")
		wantStates(t, je, "FAILED/FAILED:")
	})
	t.Run("an answer that says nothing is an error", func(t *testing.T) {
		t.Parallel()
		for _, answer := range []string{"", "a\xff"} {
			b := setup(t)
			je, err := b.run(job(on(b.decide("d", answer), "*", core.ToEnd)))
			if err == nil {
				t.Fatalf("answer %q was taken", answer)
			}
			wantText(t, "the error", err.Error(), "decision d: the decider returned an")
			wantStates(t, je, "FAILED/FAILED:")
		}
	})
	t.Run("a start limit ends the job, whatever the transitions", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		limited := b.el("a", "FAILED")
		limited.Step.StartLimit = 1
		nightly := job(with(on(limited, "X", "b"), transition{On: "FAILED", To: core.ToFail}), b.el("b"))
		b.runs(nightly, "FAILED/FAILED: a FAILED/FAILED")
		_, err := b.run(nightly)
		wantError(t, err, core.ErrStartLimitExceeded)
	})
	t.Run("a flow that is put together wrongly fails before its first step", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.finish(b.launchUnchecked(job(then(b.el("a"), "b"), then(b.el("b"), "a"))))
		wantError(t, err, core.ErrJobDefinition)
		wantStates(t, je, "FAILED/FAILED:")
	})
}

// unknown is a core.StepRunner whose steps end UNKNOWN, as a database that was
// touched by hand may have them.
type unknown struct{ ran []string }

func (u *unknown) RunStep(_ context.Context, _ *core.Run, step *core.Step, _ core.ExecutionContext) (*core.StepExecution, bool, error) {
	u.ran = append(u.ran, step.Name)
	return &core.StepExecution{StepName: step.Name, Status: core.StatusUnknown, ExitStatus: core.ExitStatus{Code: "UNKNOWN"}}, true, nil
}

func (u *unknown) AbandonStep(context.Context, *core.Run, *core.StepExecution) error {
	return errors.New("not asked for here")
}

func TestUnknown(t *testing.T) {
	t.Parallel()
	for name, to := range map[string]string{
		"FLOW-28 a step that is UNKNOWN makes the job so":          "b",
		"FLOW-29 UNKNOWN stays UNKNOWN, whatever end would follow": core.ToEnd,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, steps := setup(t), &unknown{}
			r := b.launch(job(then(on(nested("f", b.el("a")), "*", to), "b"), b.el("b")))
			r.Steps = steps
			je, err := b.finish(r)
			if err == nil {
				t.Error("no error")
			}
			wantStates(t, je, "UNKNOWN/UNKNOWN:")
			if len(steps.ran) != 1 {
				t.Errorf("ran %v, want a alone", steps.ran)
			}
		})
	}
}

func TestInterruption(t *testing.T) {
	t.Parallel()
	t.Run("FLOW-30 a stop in a step stops the job, and a restart goes on", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := job(then(b.el("a"), "f"), on(nested("f", b.el("b", "STOPPED", "COMPLETED")), "*", "c"), b.el("c"))
		b.runs(nightly, "STOPPED/STOPPED: a b STOPPED/STOPPED", "COMPLETED/COMPLETED: b c")
	})
	t.Run("FLOW-30 a stop that comes while a step ends is found before the next decision", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		a := bodyStep("a", func(_ context.Context, s *core.Scope) (core.ExitStatus, error) {
			s.Stop.Request(core.ErrStopped)
			return core.ExitStatus{}, nil
		})
		je, err := b.run(job(then(element{Step: a}, "d"), on(b.decide("d", "GO"), "*", "b"), b.el("b")))
		wantError(t, err, core.ErrStopped)
		wantStates(t, je, "STOPPED/STOPPED: a")
		if got := b.takes(); got != "" {
			t.Errorf("called %q after the stop", got)
		}
	})
	t.Run("a timeout shows as one", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		a := bodyStep("a", func(_ context.Context, s *core.Scope) (core.ExitStatus, error) {
			s.Stop.Request(core.ErrTimeout)
			return core.ExitStatus{}, nil
		})
		je, err := b.run(job(split("s", 1, element{Step: a}, b.el("b"))))
		wantError(t, err, core.ErrTimeout)
		wantStates(t, je, "STOPPED/STOPPED: a")
	})
}

func TestTransactions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	steps := func() (x, y, z *core.Step) { return b.step("x"), b.step("y"), b.step("z") }
	x, y, z := steps()
	if _, err := b.run(simpleJob(x, y, z)); err != nil {
		t.Fatal(err)
	}
	writes, reads := b.repo.writes.Swap(0), b.repo.reads.Swap(0)
	x, y, z = steps()
	flows := job(
		then(nested("f", element{Step: x}), "d"),
		on(on(b.decide("d", "Y"), "Y", "s"), "Z", core.ToEnd),
		with(split("s", 0, element{Step: y}, element{Step: z}), transition{To: core.ToEnd, ExitCode: "DONE"}))
	flows.Name = "flows"
	if _, err := b.run(flows); err != nil {
		t.Fatal(err)
	}
	if got := b.repo.writes.Load(); got != writes {
		t.Errorf("got %d write transactions, want the %d of a simple job", got, writes)
	}
	if got := b.repo.reads.Load(); got != reads {
		t.Errorf("asked %d times for the last execution of a step, want the %d of a simple job", got, reads)
	}
}

// TestTransactionsOfAbandoned: each step that the flow goes on past costs one
// write transaction more than one that completed.
func TestTransactionsOfAbandoned(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cost := func(name string, ends ...string) int64 {
		t.Helper()
		j := job(
			on(then(b.el("x", ends...), "s"), "FAILED", "s"),
			on(then(split("s", 0, b.el("y", ends...), b.el("z", ends...)), "w"), "FAILED", "w"), b.el("w"))
		j.Name = name
		before := b.repo.writes.Load()
		if _, err := b.run(j); err != nil {
			t.Fatal(err)
		}
		return b.repo.writes.Load() - before
	}
	if got, want := cost("failing", "FAILED"), cost("fine")+3; got != want {
		t.Errorf("three steps that were given up make %d write transactions, want %d", got, want)
	}
}
