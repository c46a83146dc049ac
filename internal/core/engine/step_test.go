package engine_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
)

func TestStepLife(t *testing.T) {
	t.Parallel()
	t.Run("STEP-01 the row is STARTED before the step's own code", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, err := b.run(job(tasklet("a", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			je := b.execution(s.Execution.ID)
			if got, want := states(je), "STARTED/UNKNOWN: a STARTED/EXECUTING"; got != want {
				return core.Finished, fmt.Errorf("got %q, want %q", got, want)
			}
			if je.StartTime.IsZero() || je.Steps[0].StartTime.IsZero() || !je.EndTime.IsZero() || !je.Steps[0].EndTime.IsZero() {
				return core.Finished, fmt.Errorf("wrong times in %+v", je)
			}
			return core.Finished, nil
		})))
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("STEP-02 listeners, binding and work come in order", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var heard []string
		hear := func(what string) { heard = append(heard, what) }
		listener := func(who string) core.Listener {
			return core.Listener{
				BeforeJob: func(context.Context, *core.Run) error { hear(who + " before job"); return nil },
				AfterJob:  func(context.Context, *core.Run) error { hear(who + " after job"); return nil },
				BeforeStep: func(context.Context, *core.Scope) error {
					hear(who + " before step")
					return nil
				},
				AfterStep: func(context.Context, *core.Scope, core.StepExecution) (core.ExitStatus, error) {
					hear(who + " after step")
					return core.ExitStatus{}, nil
				},
				BeforeChunk: func(context.Context, *core.Scope) error { hear(who + " before chunk"); return nil },
				AfterChunk:  func(context.Context, *core.Scope) { hear(who + " after chunk") },
			}
		}
		inner := tasklet("a", calls(2))
		step := &core.Step{Name: "a", Listener: listener("step"), Bind: func(s *core.Scope) (core.StepBody, error) {
			hear("bind")
			return inner.Bind(s)
		}}
		nightly := job(step)
		nightly.Listener = listener("job")
		if _, err := b.run(nightly); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"job before job", "job before step", "step before step", "bind",
			"job before chunk", "step before chunk", "step after chunk", "job after chunk",
			"job before chunk", "step before chunk", "step after chunk", "job after chunk",
			"step after step", "job after step", "job after job",
		}
		if diff := cmp.Diff(want, heard); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("STEP-03 what cannot be bound is FAILED", func(t *testing.T) {
		t.Parallel()
		je, err := setup(t).run(job(&core.Step{Name: "a", Bind: func(*core.Scope) (core.StepBody, error) { return nil, errBoom }}))
		wantError(t, err, errBoom)
		wantStates(t, je, "FAILED/FAILED: a FAILED/FAILED")
	})
	t.Run("STEP-03 bound to nothing is FAILED", func(t *testing.T) {
		t.Parallel()
		je, err := setup(t).run(job(&core.Step{Name: "a", Bind: func(*core.Scope) (core.StepBody, error) { return nil, nil }}))
		wantError(t, err, core.ErrJobDefinition)
		wantStates(t, je, "FAILED/FAILED: a FAILED/FAILED")
	})
	t.Run("STEP-04 a failing listener before the step fails it", func(t *testing.T) {
		t.Parallel()
		step := bodyStep("a", func(context.Context, *core.Scope) (core.ExitStatus, error) {
			t.Error("the step was executed")
			return core.ExitStatus{}, nil
		})
		step.Listener.BeforeStep = func(context.Context, *core.Scope) error { return errBoom }
		je, err := setup(t).run(job(step))
		wantError(t, err, errBoom)
		wantStates(t, je, "FAILED/FAILED: a FAILED/FAILED")
	})
	t.Run("a listener before the step prepares the context of the first call", func(t *testing.T) {
		t.Parallel()
		step := tasklet("a", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			if s.Context["prepared"] != true {
				return core.Finished, errors.New("not prepared")
			}
			return core.Finished, nil
		})
		step.Listener.BeforeStep = func(_ context.Context, s *core.Scope) error {
			s.Context.Put("prepared", true)
			return nil
		}
		if _, err := setup(t).run(job(step)); err != nil {
			t.Error(err)
		}
	})
	t.Run("a failing listener before the job fails it", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := job(nothing("a"))
		nightly.Listener.BeforeJob = func(_ context.Context, r *core.Run) error {
			if got := b.execution(r.Execution.ID).Status; got != core.StatusStarted {
				t.Errorf("the job is %s", got)
			}
			return errBoom
		}
		je, err := b.run(nightly)
		wantError(t, err, errBoom)
		wantStates(t, je, "FAILED/FAILED:")
	})
	t.Run("STEP-05 a failing listener after a complete step is logged", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.run(job(listened(nothing("a"), core.ExitStatus{}, errBoom)))
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, je, "COMPLETED/COMPLETED: a COMPLETED/COMPLETED")
		if said := regexp.MustCompile(`"the listener after the step failed" .*status=COMPLETED .*error=boom`); !said.MatchString(b.logs.String()) {
			t.Errorf("the log lacks %s:\n%s", said, b.logs)
		}
		if got := je.Steps[0].ExitStatus.Message; got != "the listener after the step failed: boom" {
			t.Errorf("got exit message %q", got)
		}
	})
	t.Run("STEP-06 a failing listener after a failed step hides nothing", func(t *testing.T) {
		t.Parallel()
		je, err := setup(t).run(job(listened(failing("a", errors.New("first")), core.ExitStatus{}, errBoom)))
		if err == nil || err.Error() != "step a: first" {
			t.Errorf("got error %v, want the first", err)
		}
		wantStates(t, je, "FAILED/FAILED: a FAILED/FAILED")
		if got := je.Steps[0].ExitStatus.Message; got != "first; the listener after the step failed: boom" {
			t.Errorf("got exit message %q, want the first error before the other", got)
		}
	})
	t.Run("EXE-13 STEP-08 listeners after the end see it before it is written", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := job(nothing("a"))
		nightly.Listener.AfterStep = func(_ context.Context, s *core.Scope, ended core.StepExecution) (core.ExitStatus, error) {
			if ended.EndTime.IsZero() || ended.Status != core.StatusCompleted || ended.Counts.Commit != 1 {
				t.Errorf("the listener saw %+v", ended)
			}
			if stored := b.execution(s.Execution.ID).Steps[0]; stored.Status != core.StatusStarted {
				t.Errorf("the row was %s already", stored.Status)
			}
			return core.ExitStatus{}, nil
		}
		nightly.Listener.AfterJob = func(_ context.Context, r *core.Run) error {
			if r.Execution.Status != core.StatusCompleted || r.Execution.EndTime.IsZero() {
				t.Errorf("the listener saw %+v", r.Execution)
			}
			if stored := b.execution(r.Execution.ID); stored.Status != core.StatusStarted {
				t.Errorf("the row was %s already", stored.Status)
			}
			return errors.Join(errBoom, errDisk) // is logged and shown, and changes nothing
		}
		je, err := b.run(nightly)
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, je, "COMPLETED/COMPLETED: a COMPLETED/COMPLETED")
		if got := je.ExitStatus.Message; got != "the listener after the job failed: boom; disk I/O error" {
			t.Errorf("got exit message %q, want one line", got)
		}
	})
	t.Run("a listener after the end sees the context that is written, and cannot change it but through the scope", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		step := bodyStep("a", func(_ context.Context, s *core.Scope) (core.ExitStatus, error) {
			s.Context.Put("late", true)
			return core.ExitStatus{}, nil
		})
		step.Listener.AfterStep = func(_ context.Context, s *core.Scope, ended core.StepExecution) (core.ExitStatus, error) {
			if ended.Context["late"] != true {
				t.Errorf("the listener saw the context %v", ended.Context)
			}
			ended.Context.Put("lost", true)
			s.Context.Put("kept", true)
			return core.ExitStatus{}, nil
		}
		je, err := b.run(job(step))
		if err != nil {
			t.Fatal(err)
		}
		if ec := b.last(je.Instance.ID, "a").Context; ec["late"] != true || ec["kept"] != true || ec["lost"] != nil {
			t.Errorf("got context %v", ec)
		}
	})
	t.Run("STEP-09 what a listener returns is joined by severity", func(t *testing.T) {
		t.Parallel()
		je, err := setup(t).run(job(
			listened(nothing("a"), core.ExitStatus{Code: "COMPLETED WITH SKIPS", Message: "3 skipped"}, nil),
			listened(nothing("b"), core.ExitStatus{Code: core.ExitCodeExecuting}, nil),
			listened(nothing("c"), core.ExitStatus{Code: core.ExitCodeFailed}, nil),
		))
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, je, "COMPLETED/FAILED: a COMPLETED/COMPLETED WITH SKIPS b COMPLETED/COMPLETED c COMPLETED/FAILED")
		if got := je.Steps[0].ExitStatus.Message; got != "3 skipped" {
			t.Errorf("got exit message %q", got)
		}
	})
	t.Run("STEP-09 a refusal stays one, whatever a listener returns", func(t *testing.T) {
		t.Parallel()
		refused := bodyStep("a", func(context.Context, *core.Scope) (core.ExitStatus, error) {
			return core.ExitStatus{}, core.ErrCheckpointMismatch
		})
		je, err := setup(t).run(job(listened(refused, core.ExitStatus{Code: "ZEBRA", Message: "mail was sent"}, nil)))
		wantError(t, err, core.ErrCheckpointMismatch)
		wantStates(t, je, "FAILED/REFUSED: a FAILED/REFUSED")
		if got := je.Steps[0].ExitStatus.Message; !strings.HasSuffix(got, "; mail was sent") {
			t.Errorf("got exit message %q, want also what the listener said", got)
		}
	})
	t.Run("STEP-10 an error fails the step and is its message", func(t *testing.T) {
		t.Parallel()
		je, err := setup(t).run(job(bodyStep("a", func(context.Context, *core.Scope) (core.ExitStatus, error) {
			return core.ExitStatus{}, errBoom
		})))
		wantError(t, err, errBoom)
		wantStates(t, je, "FAILED/FAILED: a FAILED/FAILED")
		if got := je.Steps[0].ExitStatus.Message; got != "boom" {
			t.Errorf("got exit message %q", got)
		}
	})
	t.Run("STEP-12 an outcome of its own is kept by its severity", func(t *testing.T) {
		t.Parallel()
		first := true
		step := tasklet("a", func(_ context.Context, _ *core.Scope, c *core.StepContribution) (core.RepeatStatus, error) {
			if !first {
				return core.Finished, core.ErrStopped
			}
			first = false
			c.ExitStatus = core.ExitStatus{Code: "HALFWAY", Message: "one of two"}
			return core.Continuable, nil
		})
		je, err := setup(t).run(job(step))
		wantError(t, err, core.ErrStopped)
		wantStates(t, je, "STOPPED/HALFWAY: a STOPPED/HALFWAY")
		if got := je.Steps[0].ExitStatus.Message; got != "one of two; stopped" {
			t.Errorf("got exit message %q", got)
		}
	})
	t.Run("STEP-14 a body's COMPLETED does not overrule what its error says", func(t *testing.T) {
		t.Parallel()
		for _, tt := range []struct {
			exit core.ExitStatus
			err  error
			want string
		}{
			{core.ExitStatus{Code: core.ExitCodeCompleted}, core.ErrStopped, "STOPPED/STOPPED: a STOPPED/STOPPED"},
			{core.ExitStatus{Code: core.ExitCodeCompleted}, errBoom, "FAILED/FAILED: a FAILED/FAILED"},
			{core.ExitStatus{Code: "BAD INPUT", Message: "3 of 4"}, errBoom, "FAILED/BAD INPUT: a FAILED/BAD INPUT"},
			{core.ExitStatus{Code: "BAD INPUT"}, core.ErrCheckpointMismatch, "FAILED/REFUSED: a FAILED/REFUSED"},
		} {
			je, err := setup(t).run(job(bodyStep("a", func(context.Context, *core.Scope) (core.ExitStatus, error) {
				return tt.exit, tt.err
			})))
			wantError(t, err, tt.err)
			wantStates(t, je, tt.want)
			if got := je.Steps[0].ExitStatus.Message; tt.exit.Message != "" && got != "boom; 3 of 4" {
				t.Errorf("got exit message %q", got)
			}
		}
	})
	t.Run("a body's outcome is joined, and its rollbacks are counted", func(t *testing.T) {
		t.Parallel()
		je, err := setup(t).run(job(bodyStep("a", func(_ context.Context, s *core.Scope) (core.ExitStatus, error) {
			s.Uncommitted.Rollback = 2
			s.Context.Put("end", true)
			return core.ExitStatus{Code: "PARTIAL"}, nil
		})))
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, je, "COMPLETED/PARTIAL: a COMPLETED/PARTIAL")
		if got := je.Steps[0].Counts; got != (core.Counts{Rollback: 2}) {
			t.Errorf("got counts %+v", got)
		}
	})
	t.Run("the log has one line at the start and one at the end", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		if _, err := b.run(job(nothing("a"))); err != nil {
			t.Fatal(err)
		}
		lines := slices.DeleteFunc(strings.Split(b.logs.String(), "\n"), func(l string) bool { return l == "" })
		want := []string{
			`level=INFO msg="Executing step" job=nightly step=a jobExecutionId=1 stepExecutionId=1 status=STARTED`,
			`level=INFO msg="Step executed" job=nightly step=a jobExecutionId=1 stepExecutionId=1 status=COMPLETED exitCode=COMPLETED`,
		}
		if len(lines) != len(want) {
			t.Fatalf("got %d lines, want %d:\n%s", len(lines), len(want), b.logs)
		}
		for i := range want {
			if !strings.Contains(lines[i], want[i]) {
				t.Errorf("line %d is %q, want %q", i+1, lines[i], want[i])
			}
		}
	})
}

// listened adds a listener after the step that returns exit and err.
func listened(step *core.Step, exit core.ExitStatus, err error) *core.Step {
	step.Listener.AfterStep = func(context.Context, *core.Scope, core.StepExecution) (core.ExitStatus, error) {
		return exit, err
	}
	return step
}
