package launch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
)

// monthly is a job that launches child as its step "close", and then has one
// more step.
func monthly(child *core.Job, extract launch.ParametersExtractor) *core.Job {
	return &core.Job{
		Name:       "monthly",
		Parameters: core.ParameterSpecs{{Name: "day", Type: core.TypeDate}, {Name: "note", NonIdentifying: true}, {Name: "region"}},
		Steps:      []*core.Step{launch.JobStep("close", child, extract), job("", succeed).Steps[0]},
	}
}

// dayOnly hands on the day.
func dayOnly() launch.ParametersExtractor { return launch.ParentParameters("day") }

// states renders an execution as "STATUS/EXIT: step STATUS/EXIT, ...".
func states(je *core.JobExecution) string {
	text := je.Status.String() + "/" + je.ExitStatus.Code + ":"
	for _, se := range je.Steps {
		text += fmt.Sprintf(" %s %s/%s", se.StepName, se.Status, se.ExitStatus.Code)
	}
	return text
}

func wantStates(t *testing.T, je *core.JobExecution, want string) {
	t.Helper()
	if je == nil {
		t.Fatalf("there is no execution, want %s", want)
	}
	if diff := cmp.Diff(want, states(je)); diff != "" {
		t.Errorf("job and steps (-want +got):\n%s", diff)
	}
}

// of returns the executions of a job, oldest first, with their steps.
func (b *bundle) of(jobName string) []*core.JobExecution {
	b.t.Helper()
	page, err := b.store.JobExecutions(b.t.Context(), core.JobExecutionQuery{JobName: jobName})
	if err != nil {
		b.t.Fatal(err)
	}
	all := make([]*core.JobExecution, len(page))
	for i, je := range page {
		if all[len(page)-1-i], err = b.store.JobExecution(b.t.Context(), je.ID); err != nil {
			b.t.Fatal(err)
		}
	}
	return all
}

func (b *bundle) start(ps ...core.JobParameter) (*core.JobExecution, error) {
	return b.Start(b.t.Context(), "monthly", ps, launch.Options{})
}

func TestJobStep(t *testing.T) {
	t.Parallel()
	t.Run("FLOW-48 a child that completes makes the step complete", func(t *testing.T) {
		t.Parallel()
		b := setup(t, monthly(daily(succeed), dayOnly()))
		je, err := b.start(day(1))
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, je, "COMPLETED/COMPLETED: close COMPLETED/COMPLETED work COMPLETED/COMPLETED")
		child := b.of("daily")[0]
		wantStates(t, child, "COMPLETED/COMPLETED: work COMPLETED/COMPLETED")
		if got, want := je.Steps[0].ExitStatus.Message, fmt.Sprintf("execution %d of job daily", child.ID); got != want {
			t.Errorf("got exit message %q, want %q", got, want)
		}
		want := params(day(1), text("inputDir", "/srv/batch/in"), core.JobParameter{Name: "region", Value: "eu", Identifying: true})
		if diff := cmp.Diff(want, child.Parameters); diff != "" {
			t.Errorf("the child's parameters, completed (-want +got):\n%s", diff)
		}
		for _, je := range append(b.of("daily"), b.of("monthly")...) {
			if v, err := b.store.OwnerOf(t.Context(), je.ID); err != nil || v.Owner.Token != "" {
				t.Errorf("execution %d is still owned: %+v, %v", je.ID, v, err)
			}
		}
		step := b.Registry.Jobs()[0].Steps[0]
		if step.Kind != "job" || step.Job != "daily" {
			t.Errorf("the step describes itself as %q of job %q", step.Kind, step.Job)
		}
	})
	t.Run("what is launched is stored before it is", func(t *testing.T) {
		t.Parallel()
		var b *bundle
		b = setup(t, monthly(daily(func(ctx context.Context, s *core.Scope) error {
			parent, err := b.store.LastStepExecution(ctx, 1, "close")
			if err != nil {
				return err
			}
			name, ps, ok, err := launch.ChildLaunch(parent.Context)
			if name != "daily" || !ok || !cmp.Equal(ps, s.Parameters()) {
				return fmt.Errorf("the step has stored %s %v, %w", name, ps, err)
			}
			return err
		}), dayOnly()))
		if _, err := b.start(day(1)); err != nil {
			t.Error(err)
		}
	})
	t.Run("FLOW-49 FLOW-50 a child that fails fails the step, and a restart restarts the same instance", func(t *testing.T) {
		t.Parallel()
		asked := 0
		b := setup(t, monthly(daily(failFirst(1)), func(ctx context.Context, s *core.Scope) (core.JobParameters, error) {
			asked++
			return params(day(asked)), nil
		}))
		first, err := b.start(day(1))
		if err == nil || err.Error() != "step close: execution 2 of job daily ended FAILED: step work: boom" {
			t.Errorf("got error %v", err)
		}
		wantHint(t, err, "batchctl show 2")
		wantStates(t, first, "FAILED/FAILED: close FAILED/FAILED")
		if got, want := first.Steps[0].ExitStatus.Message, "execution 2 of job daily ended FAILED: step work: boom"; got != want {
			t.Errorf("got exit message %q, want %q", got, want)
		}
		second, err := b.Restart(t.Context(), first.ID, nil, launch.Options{})
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, second, "COMPLETED/COMPLETED: close COMPLETED/COMPLETED work COMPLETED/COMPLETED")
		children := b.of("daily")
		if len(children) != 2 || children[0].Instance != children[1].Instance || asked != 2 {
			t.Errorf("%d executions, asked %d times", len(children), asked)
		}
		if want := "would identify another instance"; !strings.Contains(b.logs.String(), want) || !strings.Contains(b.logs.String(), "parameter=day") {
			t.Errorf("the log names neither %q nor the day:\n%s", want, b.logs)
		}
	})
	t.Run("FLOW-50 a default that the child has gained since makes no other instance of it", func(t *testing.T) {
		t.Parallel()
		b := setup(t, monthly(daily(failFirst(1)), dayOnly()))
		first, err := b.start(day(1))
		if err == nil {
			t.Fatal("the child did not fail")
		}
		child := daily(succeed)
		child.Parameters = append(child.Parameters, core.ParameterSpec{Name: "currency", Default: "EUR"})
		b.JobOperator = b.operator(b.store, monthly(child, dayOnly()))
		if _, err := b.Restart(t.Context(), first.ID, nil, launch.Options{}); err != nil {
			t.Fatal(err)
		}
		if children := b.of("daily"); len(children) != 2 || children[0].Instance != children[1].Instance {
			t.Errorf("got %d executions: %+v", len(children), children)
		}
	})
	t.Run("a step that launched another job before is refused", func(t *testing.T) {
		t.Parallel()
		b := setup(t, monthly(daily(fail), dayOnly()))
		first, err := b.start(day(1))
		if err == nil {
			t.Fatal("the child did not fail")
		}
		b.JobOperator = b.operator(b.store, monthly(job("weekly", succeed), nil))
		again, err := b.Restart(t.Context(), first.ID, nil, launch.Options{})
		wantError(t, err, core.ErrCheckpointMismatch)
		wantHint(t, err, "batchctl executions --job daily")
		wantStates(t, again, "FAILED/REFUSED: close FAILED/REFUSED")
	})
	for _, apart := range []bool{false, true} {
		t.Run(fmt.Sprintf("FLOW-55 a child that is complete already is a success, run apart: %t", apart), func(t *testing.T) {
			t.Parallel()
			child := daily(failFirst(1))
			child.Steps[0].Listener.AfterStep = func(context.Context, *core.Scope, core.StepExecution) (core.ExitStatus, error) {
				return core.ExitStatus{Code: "COMPLETED WITH SKIPS"}, nil
			}
			b := setup(t, monthly(child, dayOnly()), child)
			var parent *core.JobExecution
			if !apart {
				parent, _ = b.start(day(1))
			} else if _, err := b.Start(t.Context(), "daily", params(day(1)), launch.Options{}); err == nil {
				t.Fatal("the first run did not fail")
			}
			failed := b.of("daily")[0]
			done, err := b.Restart(t.Context(), failed.ID, nil, launch.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if apart {
				parent, err = b.start(day(1))
			} else {
				parent, err = b.Restart(t.Context(), parent.ID, nil, launch.Options{})
			}
			if err != nil {
				t.Fatal(err)
			}
			wantStates(t, parent, "COMPLETED/COMPLETED: close COMPLETED/COMPLETED WITH SKIPS work COMPLETED/COMPLETED")
			if got, want := parent.Steps[0].ExitStatus.Message, fmt.Sprintf("execution %d of job daily was complete already", done.ID); got != want {
				t.Errorf("got exit message %q, want %q", got, want)
			}
			if got := len(b.of("daily")); got != 2 {
				t.Errorf("the child has %d executions, want 2", got)
			}
		})
	}
	t.Run("FLOW-52 the step's exit code is the child's, joined by severity", func(t *testing.T) {
		t.Parallel()
		for _, tt := range []struct {
			err  error
			code string
			want string
		}{
			{nil, "NOTHING TO SETTLE", "COMPLETED/NOTHING TO SETTLE"},
			{nil, core.ExitCodeExecuting, "COMPLETED/COMPLETED"},
			{errBoom, "BAD INPUT", "FAILED/BAD INPUT"},
			{errBoom, "", "FAILED/FAILED"},
			{core.ErrCheckpointMismatch, "", "FAILED/FAILED"}, // that is true of the child's step
		} {
			child := daily(func(context.Context, *core.Scope) error { return tt.err })
			child.Steps[0].Listener.AfterStep = func(context.Context, *core.Scope, core.StepExecution) (core.ExitStatus, error) {
				return core.ExitStatus{Code: tt.code}, nil
			}
			b := setup(t, monthly(child, dayOnly()))
			je, err := b.start(day(1))
			if (err == nil) != (tt.err == nil) || errors.Is(err, core.ErrCheckpointMismatch) {
				t.Errorf("got error %v", err)
			}
			if got := je.Steps[0].Status.String() + "/" + je.Steps[0].ExitStatus.Code; got != tt.want {
				t.Errorf("child with %q and %v: the step is %s, want %s", tt.code, tt.err, got, tt.want)
			}
		}
	})
}

func TestJobStepRefused(t *testing.T) {
	t.Parallel()
	region := core.JobParameter{Name: "region", Value: "eu", Identifying: true}
	for _, tt := range []struct {
		name    string
		prepare func(b *bundle)
		child   func() *core.Job
		extract launch.ParametersExtractor
		kind    error // that is not the parent's
		said    []string
		hint    string
	}{
		{
			name: "it runs elsewhere", prepare: func(b *bundle) { b.hold(b.open(), "daily", params(day(1), region), core.StatusStarted) },
			kind: core.ErrJobExecutionAlreadyRunning, said: []string{"job daily was not launched", "execution 1"}, hint: "batchctl show 1",
		},
		{
			name: "it lacks a parameter", extract: launch.ParentParameters("region"),
			kind: core.ErrJobParametersInvalid, said: []string{"job daily was not launched", "missing required parameter day"}, hint: "add day=2021-01-01",
		},
		{
			name: "it does not know a parameter", extract: launch.ParentParameters("day", "note"),
			kind: core.ErrJobParametersInvalid, said: []string{"job daily was not launched", "parameter note: the job declares no such parameter"},
			hint: "declared are day, inputDir, region",
		},
		{
			name: "a parameter of another program", extract: func(context.Context, *core.Scope) (core.JobParameters, error) {
				return params(core.JobParameter{Name: "day", Value: core.OpaqueValue{Type: "UUID", Text: "x"}, Identifying: true}), nil
			},
			kind: core.ErrJobRestart, said: []string{`parameter "day" is of type "UUID"`}, hint: "batchctl executions --job daily",
		},
		{
			name: "the extractor does not know either", extract: func(context.Context, *core.Scope) (core.JobParameters, error) {
				return nil, &core.Error{Kind: core.ErrJobParametersInvalid, Msg: "no day", Hint: "name one"}
			},
			kind: core.ErrJobParametersInvalid, said: []string{"parameters of job daily: no day"}, hint: "name one",
		},
		{
			name: "its definition is wrong", child: func() *core.Job { return &core.Job{Name: "daily"} },
			kind: core.ErrJobDefinition, said: []string{"job daily was not launched", "a job needs at least one step"}, hint: "batchctl jobs show daily",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			child := daily(succeed)
			if tt.child != nil {
				child = tt.child()
			}
			if tt.extract == nil {
				tt.extract = dayOnly()
			}
			b := setup(t, monthly(child, tt.extract))
			if tt.prepare != nil {
				tt.prepare(b)
			}
			je, err := b.start(day(1), text("note", "n"))
			wantStates(t, je, "FAILED/FAILED: close FAILED/FAILED")
			if errors.Is(err, tt.kind) {
				t.Errorf("the parent's error is %q: %v", tt.kind, err)
			}
			for _, said := range tt.said {
				if !strings.Contains(err.Error(), said) || !strings.Contains(je.Steps[0].ExitStatus.Message, said) {
					t.Errorf("neither the error nor the exit message may lack %q:\n%v\n%s", said, err, je.Steps[0].ExitStatus.Message)
				}
			}
			wantHint(t, err, tt.hint)
		})
	}
	t.Run("it was abandoned, and no restart of the parent can help", func(t *testing.T) {
		t.Parallel()
		b := setup(t, monthly(daily(fail), dayOnly()))
		first, err := b.start(day(1))
		if err == nil {
			t.Fatal("the child did not fail")
		}
		child := b.of("daily")[0]
		if _, err := b.Abandon(t.Context(), child.ID); err != nil {
			t.Fatal(err)
		}
		again, err := b.Restart(t.Context(), first.ID, nil, launch.Options{})
		wantError(t, err, core.ErrJobRestart)
		wantHint(t, err, fmt.Sprintf("batchctl abandon %d", again.ID))
		wantStates(t, again, "FAILED/FAILED: close FAILED/FAILED")
		said := fmt.Sprintf("job daily was not launched: execution %d of it is ABANDONED, and no restart of this job can help", child.ID)
		if !strings.Contains(err.Error(), said) || !strings.Contains(again.Steps[0].ExitStatus.Message, said) {
			t.Errorf("neither the error nor the exit message may lack %q:\n%v\n%s", said, err, again.Steps[0].ExitStatus.Message)
		}
		if _, err := b.Abandon(t.Context(), again.ID); err != nil {
			t.Errorf("the hint does not work: %v", err)
		}
	})
	t.Run("once it can be launched, a restart of the parent does it", func(t *testing.T) {
		t.Parallel()
		b := setup(t, monthly(daily(succeed), dayOnly()))
		other := b.open()
		busy := b.hold(other, "daily", params(day(1), region), core.StatusStarted)
		first, err := b.start(day(1))
		if err == nil {
			t.Fatal("the child was not refused")
		}
		if _, _, err := other.Recover(t.Context(), busy.ID, true); err != nil {
			t.Fatal(err)
		}
		again, err := b.Restart(t.Context(), first.ID, nil, launch.Options{})
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, again, "COMPLETED/COMPLETED: close COMPLETED/COMPLETED work COMPLETED/COMPLETED")
	})
}

// A parent that dies while its child runs leaves both running by their rows and
// owned by nobody.
func TestJobStepCrash(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		child core.BatchStatus // that the crash leaves; COMPLETED: as if it had died right after
		runs  int              // executions of the child in the end
	}{
		{"FLOW-50 while the child runs", core.StatusStarted, 2},
		{"FLOW-50 right after the child's launch", core.StatusStarting, 2},
		{"FLOW-55 right after the child's end", core.StatusCompleted, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, monthly(daily(succeed), dayOnly()))
			parent := b.crash(tt.child)
			again, err := b.Restart(t.Context(), parent.ID, nil, launch.Options{})
			if err != nil {
				t.Fatal(err)
			}
			wantStates(t, again, "COMPLETED/COMPLETED: close COMPLETED/COMPLETED work COMPLETED/COMPLETED")
			children := b.of("daily")
			if len(children) != tt.runs || children[0].Instance != children[len(children)-1].Instance {
				t.Fatalf("the child has %d executions, want %d", len(children), tt.runs)
			}
			if tt.child != core.StatusCompleted {
				wantStates(t, children[0], "FAILED/FAILED:")
				if want := "The launched job was recovered from an owner that died"; !strings.Contains(b.logs.String(), want) {
					t.Errorf("the log lacks %q:\n%s", want, b.logs)
				}
			}
		})
	}
}

// crash leaves what a process leaves that dies while the parent's step "close"
// waits for a child of that status, and returns the parent.
func (b *bundle) crash(child core.BatchStatus) *core.JobExecution {
	b.t.Helper()
	ctx := b.t.Context()
	dying := b.open()
	parent := b.hold(dying, "monthly", params(day(1)), core.StatusStarted)
	region := core.JobParameter{Name: "region", Value: "eu", Identifying: true}
	ps := params(day(1), text("inputDir", "/srv/batch/in"), region)
	b.hold(dying, "daily", ps, child)
	// What the step stores is taken from one that really ran, on another day.
	model := setup(b.t, monthly(daily(succeed), dayOnly()))
	if _, err := model.start(day(1)); err != nil {
		b.t.Fatal(err)
	}
	stored, err := model.store.LastStepExecution(ctx, 1, "close")
	if err != nil {
		b.t.Fatal(err)
	}
	tx, err := dying.Begin(ctx, parent)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := tx.CreateStepExecution(ctx, &core.StepExecution{
		JobExecution: parent, StepName: "close", Status: core.StatusStarted, StartTime: b.now(), Context: stored.Context,
	}); err != nil {
		b.t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		b.t.Fatal(err)
	}
	if err := dying.Close(); err != nil {
		b.t.Fatal(err)
	}
	return parent
}
