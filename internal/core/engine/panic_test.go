package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/panics"
)

func TestPanic(t *testing.T) {
	t.Parallel()
	t.Run("in a tasklet fails the step, with its name and a short stack", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.run(job(tasklet("load", explode), nothing("b")))
		panicked, ok := errors.AsType[*panics.Error](err)
		if !ok {
			t.Fatalf("got error %v, want a PanicError", err)
		}
		if got, want := panicked.Error(), `panic in step load: assignment to entry in nil map`; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		wantStates(t, je, "FAILED/FAILED: load FAILED/FAILED")
		message := je.Steps[0].ExitStatus.Message
		first, stack, _ := strings.Cut(message, "\n")
		if first != panicked.Error() {
			t.Errorf("the exit message begins with %q, want %q", first, panicked.Error())
		}
		if !strings.HasPrefix(stack, "  engine_test.explode (panic_test.go:") {
			t.Errorf("got stack %q, want one that begins in the function that panicked", stack)
		}
		if n := strings.Count(stack, "\n"); n > 10 || strings.Contains(stack, "runtime.") {
			t.Errorf("the stack has %d lines:\n%s", n+1, stack)
		}
		if got := je.Steps[0].Counts.Rollback; got != 1 {
			t.Errorf("got %d rollbacks, want 1", got)
		}
	})
	t.Run("undoes what the call has put", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.run(job(tasklet("a", func(ctx context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			s.Context.Put("x", true)
			if _, err := s.Tx(ctx); err != nil {
				return core.Finished, err
			}
			panic(errBoom)
		})))
		wantError(t, err, errBoom)
		if ec := b.last(je.Instance.ID, "a").Context; ec["x"] != nil {
			t.Errorf("got context %v", ec)
		}
	})
	for name, nightly := range map[string]func() *core.Job{
		"while a body is bound": func() *core.Job {
			return job(&core.Step{Name: "a", Bind: func(*core.Scope) (core.StepBody, error) { panic("bind") }})
		},
		"in another body": func() *core.Job {
			return job(bodyStep("a", func(context.Context, *core.Scope) (core.ExitStatus, error) { panic("body") }))
		},
		"in a listener before the step": func() *core.Job {
			j := job(nothing("a"))
			j.Listener.BeforeStep = func(context.Context, *core.Scope) error { panic("before") }
			return j
		},
		"in a listener before a call": func() *core.Job {
			j := job(nothing("a"))
			j.Listener.BeforeChunk = func(context.Context, *core.Scope) error { panic("chunk") }
			return j
		},
	} {
		t.Run(name+" fails the step", func(t *testing.T) {
			t.Parallel()
			je, err := setup(t).run(nightly())
			if err == nil || !strings.Contains(err.Error(), "panic in step a") {
				t.Errorf("got error %v", err)
			}
			wantStates(t, je, "FAILED/FAILED: a FAILED/FAILED")
		})
	}
	t.Run("in a job's body fails the job", func(t *testing.T) {
		t.Parallel()
		nightly := job(nothing("a"))
		b := setup(t)
		b.body = jobBody(func(context.Context, *core.Run) (core.BatchStatus, core.ExitStatus, error) { panic("flow") })
		je, err := b.run(nightly)
		if err == nil || err.Error() != "panic in job nightly: flow" {
			t.Errorf("got error %v", err)
		}
		wantStates(t, je, "FAILED/FAILED:")
	})
	t.Run("in a listener after the end changes nothing", func(t *testing.T) {
		t.Parallel()
		nightly := job(nothing("a"))
		nightly.Listener.AfterStep = func(context.Context, *core.Scope, core.StepExecution) (core.ExitStatus, error) { panic("late") }
		nightly.Listener.AfterJob = func(context.Context, *core.Run) error { panic("later") }
		b := setup(t)
		je, err := b.run(nightly)
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, je, "COMPLETED/COMPLETED: a COMPLETED/COMPLETED")
		for _, want := range []string{"panic in the listener after step a: late", "panic in the listener after job nightly: later"} {
			if !strings.Contains(b.logs.String(), want) {
				t.Errorf("the log lacks %q:\n%s", want, b.logs)
			}
		}
		for _, tt := range []struct{ got, want string }{
			{je.Steps[0].ExitStatus.Message, "the listener after the step failed: panic in the listener after step a: late"},
			{je.ExitStatus.Message, "the listener after the job failed: panic in the listener after job nightly: later"},
		} {
			if !strings.Contains(tt.got, tt.want) {
				t.Errorf("got exit message %q, want %q", tt.got, tt.want)
			}
		}
	})
	t.Run("in a listener after the end does not keep the others from being called", func(t *testing.T) {
		t.Parallel()
		late := core.Listener{
			AfterStep: func(context.Context, *core.Scope, core.StepExecution) (core.ExitStatus, error) { panic("late") },
			AfterJob:  func(context.Context, *core.Run) error { panic("later") },
		}
		odd := core.Listener{AfterStep: func(context.Context, *core.Scope, core.StepExecution) (core.ExitStatus, error) {
			return core.ExitStatus{Code: "ODD"}, errBoom
		}}
		jobs := 0
		counts := core.Listener{AfterJob: func(context.Context, *core.Run) error { jobs++; return nil }}
		promote := engine.PromoteContext(engine.Promotion{Keys: []string{"rows"}})
		for _, tt := range []struct {
			name      string
			job, step core.Listener
			want      string
		}{
			{"of the job", core.Join(odd, promote), late, "COMPLETED/ODD: a COMPLETED/ODD"},
			{"of the step", late, core.Join(promote, odd), "COMPLETED/ODD: a COMPLETED/ODD"},
			{"among those of a step", core.Listener{}, core.Join(promote, late), "COMPLETED/COMPLETED: a COMPLETED/COMPLETED"},
			{"among those of a job", core.Join(promote, counts, late), odd, "COMPLETED/ODD: a COMPLETED/ODD"},
		} {
			jobs = 0
			b := setup(t)
			step := putting("a", map[string]any{"rows": int64(7)}, nil)
			step.Listener = tt.step
			nightly := job(step)
			nightly.Listener = tt.job
			je, err := b.run(nightly)
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			wantStates(t, je, tt.want)
			if je.Context["rows"] != int64(7) {
				t.Errorf("%s: the job's context is %v, want what was promoted", tt.name, je.Context)
			}
			want := []string{"panic in the listener after step a: late"}
			if strings.Contains(tt.want, "ODD") {
				want = append(want, "boom")
			}
			for _, want := range want {
				if message := je.Steps[0].ExitStatus.Message; strings.Count(message, want) != 1 || !strings.Contains(b.logs.String(), want) {
					t.Errorf("%s: %q is not in the exit message %q and in the log:\n%s", tt.name, want, message, b.logs)
				}
			}
			if tt.job.AfterJob != nil {
				if want := "panic in the listener after job nightly: later"; !strings.Contains(je.ExitStatus.Message, want) {
					t.Errorf("%s: the job's exit message is %q, want %q in it", tt.name, je.ExitStatus.Message, want)
				}
			}
		}
		if jobs != 1 {
			t.Errorf("the other listener after the job was called %d times, want once", jobs)
		}
	})
	t.Run("in a listener after a chunk does not keep the others from being called", func(t *testing.T) {
		t.Parallel()
		b, called := setup(t), 0
		step := tasklet("a", calls(3))
		step.Listener.AfterChunk = func(context.Context, *core.Scope) { panic("meter is gone") }
		nightly := job(step)
		nightly.Listener.AfterChunk = func(context.Context, *core.Scope) { called++ }
		if _, err := b.run(nightly); err != nil || called != 3 {
			t.Errorf("it was called %d times, want 3; error %v", called, err)
		}
	})
	t.Run("in a listener before the job fails the job", func(t *testing.T) {
		t.Parallel()
		nightly := job(nothing("a"))
		nightly.Listener.BeforeJob = func(context.Context, *core.Run) error { panic("early") }
		je, err := setup(t).run(nightly)
		if err == nil || err.Error() != "panic in job nightly: early" {
			t.Errorf("got error %v", err)
		}
		wantStates(t, je, "FAILED/FAILED:")
	})
}

func explode(context.Context, *core.Scope, *core.StepContribution) (core.RepeatStatus, error) {
	var m map[string]bool
	m["x"] = true //nolint:govet,staticcheck // the panic that is wanted
	return core.Finished, nil
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	cause := errors.New("strconv: invalid syntax")
	item := &core.ItemError{File: "day.csv", Line: 7, Column: "amount", Value: "1,x", HasValue: true, Msg: "not a decimal", Err: cause}
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"plain":                      {errBoom, "boom"},
		"wrapped causes appear once": {fmt.Errorf("write: %w", errBoom), "write: boom"},
		"a cause that the text lacks": {
			fmt.Errorf("read: %w", item),
			"read: day.csv:7: amount: \"1,x\": not a decimal\ncaused by: strconv: invalid syntax",
		},
		"the kind of an error is not a cause": {
			&core.Error{Kind: core.ErrCheckpointMismatch, Msg: "input changed: 12 became 13", Err: item},
			"input changed: 12 became 13: day.csv:7: amount: \"1,x\": not a decimal\ncaused by: strconv: invalid syntax",
		},
		"joined": {errors.Join(item, errBoom), item.Error() + "\nboom\ncaused by: strconv: invalid syntax"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, engine.Describe(tt.err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
