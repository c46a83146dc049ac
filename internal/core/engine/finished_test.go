package engine_test

import (
	"context"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
)

// paying is a tasklet step that pays in two calls, with an exit code of its own
// and a key to promote, and counts into *paid how often the last one was made.
func paying(b *bundle, paid *int) *core.Step {
	b.sql("CREATE TABLE LEDGER (N INTEGER)")
	return tasklet("pay", func(ctx context.Context, s *core.Scope, c *core.StepContribution) (core.RepeatStatus, error) {
		n, _, err := s.Context.Int64("n")
		if err != nil {
			return core.Finished, err
		}
		s.Context.Put("n", n+1)
		c.Read, c.Write = 10, 10
		if err := inTx(ctx, s, "INSERT INTO LEDGER VALUES (?)", n); err != nil || n == 0 {
			return core.Continuable, err
		}
		*paid++
		c.ExitStatus = core.ExitStatus{Code: "PAID", Message: "all ☂ paid"}
		return core.Finished, nil
	})
}

// wrapped hides from the engine that the step is a tasklet's.
func wrapped(step *core.Step) *core.Step {
	inner := step.Bind
	step.Bind = func(s *core.Scope) (core.StepBody, error) {
		bound, err := inner(s)
		return body(func(ctx context.Context, s *core.Scope) (core.ExitStatus, error) { return bound.Execute(ctx, s) }), err
	}
	return step
}

// What a tasklet has committed with its finishing call is not done again when
// the step's end is lost.
func TestFinishedTasklet(t *testing.T) {
	t.Parallel()
	promote := engine.PromoteContext(engine.Promotion{Keys: []string{"n"}, Statuses: []string{"PAID"}})
	heard := func(step *core.Step) *core.Step { step.Listener = promote; return step }
	plain := func(step *core.Step) *core.Step { return step }
	last := func(tx *transaction) bool { return len(tx.updated) == 1 && tx.updated[0].Counts.Commit == 2 }
	end := func(tx *transaction) bool { return last(tx) && !tx.updated[0].EndTime.IsZero() }
	// The finishing call is durable in spite of its error, and then the end fails.
	both := func() func(*transaction) breakage {
		n := 0
		return func(tx *transaction) breakage {
			if !last(tx) || isJobEnd(tx) {
				return sound
			}
			if n++; n == 1 {
				return ambiguous
			}
			return undone
		}
	}
	for _, tt := range []struct {
		name   string
		broken func(*transaction) breakage
		shape  func(step *core.Step) *core.Step
	}{
		{"the end with a promotion is undone", breaking(1, undone, end), heard},
		{"the end of a wrapped body is undone", breaking(1, undone, end), wrapped},
		{"the finishing call is durable in spite of its error", breaking(1, ambiguous, last), plain},
		{"and there is a promotion", breaking(1, ambiguous, last), heard},
		{"and the body is wrapped", breaking(1, ambiguous, last), wrapped},
		{"and the end is written with the job's", both(), plain},
		{"and that with a promotion", both(), heard},
		{"the end with a promotion is durable in spite of its error", breaking(1, ambiguous, end), heard},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			paid := 0
			step := tt.shape(paying(b, &paid))
			b.repo.breakCommits(tt.broken)
			failed, err := b.run(job(step))
			wantError(t, err, errDisk)
			if failed.Steps[0].Status != core.StatusFailed {
				t.Fatalf("the first attempt is %s", states(failed))
			}
			b.repo.breakCommits(nil)
			je, err := b.run(job(step))
			if err != nil {
				t.Fatal(err)
			}
			wantStates(t, je, "COMPLETED/PAID: pay COMPLETED/PAID")
			if got := je.Steps[0].ExitStatus.Message; got != "all ☂ paid" {
				t.Errorf("got exit message %q", got)
			}
			if rows := b.count("LEDGER"); paid != 1 || rows != 2 {
				t.Errorf("it paid %d times and left %d rows, want 1 and 2", paid, rows)
			}
			if got, want := failed.Steps[0].Counts.Add(je.Steps[0].Counts), (core.Counts{Commit: 2, Read: 20, Write: 20}); got != want {
				t.Errorf("the attempts add up to %+v, want %+v", got, want)
			}
			if step.Listener.AfterStep != nil && je.Context["n"] != int64(2) {
				t.Errorf("the job's context is %v: the listener did not run again", je.Context)
			}
			wantNoTrace(t, b.last(je.Instance.ID, "pay").Context)
		})
	}
	t.Run("nobody hears of a call that is not made", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		step := nothing("a")
		heard := ""
		step.Listener = core.Listener{
			BeforeStep:  func(context.Context, *core.Scope) error { heard += "before "; return nil },
			BeforeChunk: func(context.Context, *core.Scope) error { heard += "call "; return nil },
			AfterChunk:  func(context.Context, *core.Scope) { heard += "called " },
			AfterStep: func(_ context.Context, s *core.Scope, _ core.StepExecution) (core.ExitStatus, error) {
				if heard += "after "; strings.Count(heard, "after") == 1 {
					s.Context.Put("list", []int{1}) // which keeps the end from being written
				}
				return core.ExitStatus{}, nil
			},
		}
		if _, err := b.run(job(step)); err == nil {
			t.Fatal("the first run did not fail")
		}
		if _, err := b.run(job(step)); err != nil {
			t.Fatal(err)
		}
		if want := "before call called after before after "; heard != want {
			t.Errorf("heard %q, want %q", heard, want)
		}
	})
	t.Run("a restart that fails before it ends does not forget", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		paid := 0
		step := paying(b, &paid)
		var unwell error
		step.Listener = core.Join(promote, core.Listener{BeforeStep: func(context.Context, *core.Scope) error { return unwell }})
		b.repo.breakCommits(breaking(1, undone, end))
		_, err := b.run(job(step))
		wantError(t, err, errDisk)
		unwell = errBoom
		_, err = b.run(job(step))
		wantError(t, err, errBoom)
		unwell = nil
		je, err := b.run(job(step))
		if err != nil || paid != 1 {
			t.Fatalf("%v, and it paid %d times", err, paid)
		}
		wantStates(t, je, "COMPLETED/PAID: pay COMPLETED/PAID")
	})
	t.Run("two tasklets in one body are told apart", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		calls := map[string]int{}
		counting := func(name string, err error) *core.Step {
			return tasklet(name, func(context.Context, *core.Scope, *core.StepContribution) (core.RepeatStatus, error) {
				calls[name]++
				if calls[name] > 1 {
					err = nil
				}
				return core.Finished, err
			})
		}
		first, second := counting("first", nil), counting("second", errBoom)
		both := bodyStep("both", func(ctx context.Context, s *core.Scope) (exit core.ExitStatus, err error) {
			for _, step := range []*core.Step{first, second} {
				bound, err := step.Bind(s)
				if err != nil {
					return exit, err
				}
				if exit, err = bound.Execute(ctx, s); err != nil {
					return exit, err
				}
			}
			return exit, nil
		})
		_, err := b.run(job(both))
		wantError(t, err, errBoom)
		je, err := b.run(job(both))
		if err != nil || calls["first"] != 1 || calls["second"] != 2 {
			t.Errorf("%v after the calls %v, want one of the first and two of the second", err, calls)
		}
		wantNoTrace(t, b.last(je.Instance.ID, "both").Context)
	})
	t.Run("what was done to the note is no reason to work twice", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		paid := 0
		step := paying(b, &paid)
		step.Listener.BeforeStep = func(_ context.Context, s *core.Scope) error {
			for key := range s.Step.Context {
				if strings.HasPrefix(key, core.ContextKeyFinished) {
					s.Step.Context[key] = "PAID"
				}
			}
			return nil
		}
		step.Listener.AfterStep = promote.AfterStep
		b.repo.breakCommits(breaking(1, undone, end))
		_, err := b.run(job(step))
		wantError(t, err, errDisk)
		_, err = b.run(job(step))
		if err == nil || paid != 1 || !strings.Contains(err.Error(), `"batchctl.finished.pay" holds "PAID"`) {
			t.Errorf("got %v, and it paid %d times", err, paid)
		}
	})
}

// A fresh start knows nothing of an earlier one, or of the step that hands its
// context on.
func TestFinishedIsNotInherited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	called := 0
	step := tasklet("a", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
		called++
		return core.Finished, nil
	})
	step.AllowStartIfComplete = true
	step.Listener.AfterStep = func(context.Context, *core.Scope, core.StepExecution) (core.ExitStatus, error) {
		return core.ExitStatus{}, nil
	}
	initial := core.ExecutionContext{core.ContextKeyFinished + "a": `{"code":"COMPLETED"}`}
	steps := []*core.Step{step, failing("b", errBoom)}
	for range 2 {
		_, err := b.walk(steps, func(ctx context.Context, r *core.Run) error {
			_, _, err := engine.Steps{}.RunStep(ctx, r, step, initial)
			return errOr(err)
		})
		wantError(t, err, errBoom)
	}
	if called != 2 {
		t.Errorf("it was called %d times in two fresh starts", called)
	}
}

func wantNoTrace(t *testing.T, ec core.ExecutionContext) {
	t.Helper()
	for key := range ec {
		if strings.HasPrefix(key, core.ContextKeyFinished) {
			t.Errorf("the context of the ended step still has %s = %v", key, ec[key])
		}
	}
}
