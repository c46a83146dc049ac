package engine_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
)

func TestChunkListener(t *testing.T) {
	t.Parallel()
	t.Run("CHUNK-48 a failing listener before a call fails the step", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		called := 0
		step := tasklet("a", func(context.Context, *core.Scope, *core.StepContribution) (core.RepeatStatus, error) {
			called++
			return core.Continuable, nil
		})
		step.Listener.BeforeChunk = func(_ context.Context, s *core.Scope) error {
			s.Context.Put("asked", s.Step.Counts.Commit)
			if s.Step.Counts.Commit == 2 {
				return errBoom
			}
			return nil
		}
		je, err := b.run(job(step))
		if wantError(t, err, errBoom); err.Error() != "step a: before chunk: boom" {
			t.Errorf("got error %q", err)
		}
		wantStates(t, je, "FAILED/FAILED: a FAILED/FAILED")
		if got := je.Steps[0].Counts; called != 2 || got != (core.Counts{Commit: 2, Rollback: 1}) {
			t.Errorf("%d calls and counts %+v, want those of two calls", called, got)
		}
		if got := b.last(je.Instance.ID, "a").Context["asked"]; got != int64(1) {
			t.Errorf("the context has %v, want what was committed with the second call", got)
		}
	})
	for _, tt := range []struct {
		name   string
		panics int64 // the commit count at which the listener panics first
		writes int64
	}{
		{"during the calls", 1, 6},
		{"after the finishing call", 3, 7},
	} {
		t.Run("a panic after a chunk is logged once, shown, and undoes nothing: "+tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			step := tasklet("a", calls(3))
			step.Listener.AfterChunk = func(_ context.Context, s *core.Scope) {
				if s.Step.Counts.Commit >= tt.panics {
					panic("meter is gone")
				}
			}
			je, err := b.run(job(step))
			if err != nil {
				t.Fatal(err)
			}
			wantStates(t, je, "COMPLETED/COMPLETED: a COMPLETED/COMPLETED")
			want := "panic in the listener after a chunk of step a: meter is gone"
			if got := je.Steps[0]; got.ExitStatus.Message != want || got.Counts != (core.Counts{Commit: 3}) {
				t.Errorf("got exit message %q, counts %+v", got.ExitStatus.Message, got.Counts)
			}
			if got := strings.Count(b.logs.String(), "the listener after a chunk failed"); got != 1 {
				t.Errorf("%d lines in the log:\n%s", got, b.logs)
			}
			if got := b.repo.writes.Load(); got != tt.writes {
				t.Errorf("got %d write transactions, want %d", got, tt.writes)
			}
		})
	}
	t.Run("the end stands when what a listener has said about it cannot be written", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		ends := 0
		b.repo.breakCommits(func(tx *transaction) breakage {
			if isStepEnd(tx) {
				if ends++; ends > 1 {
					return undone
				}
			}
			return sound
		})
		step := nothing("a")
		step.Listener.AfterChunk = func(context.Context, *core.Scope) { panic("meter is gone") }
		je, err := b.run(job(step))
		if err != nil || ends != 2 {
			t.Fatalf("got %v after %d writes of the end", err, ends)
		}
		wantStates(t, je, "COMPLETED/COMPLETED: a COMPLETED/COMPLETED")
		if !strings.Contains(b.logs.String(), "the exit message of the step could not be completed") {
			t.Errorf("the log:\n%s", b.logs)
		}
	})
	t.Run("what listeners say is there when the end is written with the job's", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.repo.breakCommits(breaking(always, undone, isStepEnd))
		step := listened(tasklet("a", calls(2)), core.ExitStatus{Code: "ODD"}, errBoom)
		step.Listener.AfterChunk = func(context.Context, *core.Scope) { panic("meter is gone") }
		je, err := b.run(job(step))
		wantError(t, err, errDisk)
		wantStates(t, je, "FAILED/FAILED: a FAILED/ODD")
		for _, want := range []string{"disk I/O error", "a chunk of step a: meter is gone", "the listener after the step failed: boom"} {
			if got := je.Steps[0].ExitStatus.Message; strings.Count(got, want) != 1 {
				t.Errorf("%q is not once in exit message %q", want, got)
			}
		}
	})
	t.Run("nobody who listens is called", func(t *testing.T) {
		t.Parallel()
		_, err := setup(t).run(job(bodyStep("a", func(_ context.Context, s *core.Scope) (core.ExitStatus, error) {
			if s.BeforeChunk != nil || s.AfterChunk != nil {
				t.Error("a chunk has somebody to call")
			}
			return core.ExitStatus{}, nil
		})))
		if err != nil {
			t.Error(err)
		}
	})
}

// putting is a step that leaves keys in its own context and the job's.
func putting(name string, keys map[string]any, shared map[string]any) *core.Step {
	return tasklet(name, func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
		for key, value := range keys {
			s.Context.Put(key, value)
		}
		for key, value := range shared {
			s.JobContext.Put(key, value)
		}
		return core.Finished, nil
	})
}

func TestPromotion(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		promotion engine.Promotion
		exit      string
		want      core.ExecutionContext // of the job
		message   string
	}{
		{name: "the named keys, and no others", promotion: engine.Promotion{Keys: []string{"rows", "day"}}, want: core.ExecutionContext{"rows": int64(7), "day": "mon"}},
		{name: "a missing key is no matter", promotion: engine.Promotion{Keys: []string{"rows", "gone"}}, want: core.ExecutionContext{"rows": int64(7)}},
		{
			name: "unless it is strict", promotion: engine.Promotion{Keys: []string{"gone", "rows", "lost"}, Strict: true}, want: core.ExecutionContext{"rows": int64(7)},
			message: `the listener after the step failed: promote the context of step a: it has no key "gone", "lost"`,
		},
		{name: "not with another exit code", promotion: engine.Promotion{Keys: []string{"rows"}, Strict: true}, exit: "COMPLETED WITH SKIPS", want: core.ExecutionContext{}},
		{name: "unless its pattern is named", promotion: engine.Promotion{Keys: []string{"rows"}, Statuses: []string{"FAILED", "COMPLETED*"}}, exit: "COMPLETED WITH SKIPS", want: core.ExecutionContext{"rows": int64(7)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			step := putting("a", map[string]any{"rows": int64(7), "day": "mon", "secret": true}, nil)
			own := core.Listener{AfterStep: func(context.Context, *core.Scope, core.StepExecution) (core.ExitStatus, error) {
				return core.ExitStatus{Code: tt.exit}, nil
			}}
			inner := step.Bind
			step.Bind = func(s *core.Scope) (core.StepBody, error) {
				body, err := inner(s)
				return exitingBody{body, tt.exit}, err
			}
			step.Listener = core.Join(engine.PromoteContext(tt.promotion), own)
			je, err := b.run(job(step))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, je.Context); diff != "" {
				t.Errorf("the job's context (-want +got):\n%s", diff)
			}
			if se := je.Steps[0]; se.Status != core.StatusCompleted || se.ExitStatus.Message != tt.message {
				t.Errorf("the step is %s, exit message %q", se.Status, se.ExitStatus.Message)
			}
			if got := b.last(je.Instance.ID, "a").Context["secret"]; got != true {
				t.Error("the step's own context has changed")
			}
		})
	}
	t.Run("it is there exactly when the step's end is", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		broken := true
		b.repo.breakCommits(func(tx *transaction) breakage {
			if broken && len(tx.updated) == 1 && tx.updated[0].Status == core.StatusCompleted {
				return undone
			}
			return sound
		})
		step := putting("a", map[string]any{"rows": int64(7)}, nil)
		step.Listener = engine.PromoteContext(engine.Promotion{Keys: []string{"rows"}})
		je, err := b.run(job(step))
		wantError(t, err, errDisk)
		if je.Steps[0].Status != core.StatusFailed || je.Context["rows"] != nil {
			t.Errorf("the step is %s, the job's context %v", je.Steps[0].Status, je.Context)
		}
		broken = false
		if je, err = b.run(job(step)); err != nil || je.Context["rows"] != int64(7) {
			t.Errorf("the restart: %v, context %v", err, je.Context)
		}
	})
}

// exitingBody is a body with an exit code of its own.
type exitingBody struct {
	core.StepBody
	code string
}

func (b exitingBody) Execute(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
	exit, err := b.StepBody.Execute(ctx, s)
	return exit.And(core.ExitStatus{Code: b.code}), err
}

// The job's context is one for all steps, a step's is its own; both survive into
// the restart.
func TestContextsAcrossARestart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := putting("a", map[string]any{"own": "a"}, map[string]any{"shared": int64(1)})
	var seen []core.ExecutionContext
	runs := 0
	second := tasklet("b", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
		shared, _ := s.JobContext.Get("shared")
		kept, _ := s.JobContext.Get("kept")
		seen = append(seen, core.ExecutionContext{"own": s.Context["own"], "shared": shared, "kept": kept})
		s.Context.Put("own", "b")
		s.JobContext.Put("kept", true)
		runs++
		switch runs {
		case 1:
			return core.Continuable, nil
		case 2:
			return core.Finished, errBoom
		}
		return core.Finished, nil
	})
	if _, err := b.run(job(first, second)); err == nil {
		t.Fatal("the first run did not fail")
	}
	je, err := b.run(job(first, second))
	if err != nil {
		t.Fatal(err)
	}
	want := []core.ExecutionContext{
		{"own": nil, "shared": int64(1), "kept": nil},
		{"own": "b", "shared": int64(1), "kept": true},
		{"own": "b", "shared": int64(1), "kept": true}, // in the restart
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("what the second step saw (-want +got):\n%s", diff)
	}
	if got := b.last(je.Instance.ID, "a").Context["own"]; got != "a" {
		t.Errorf("the first step's own is %v", got)
	}
}
