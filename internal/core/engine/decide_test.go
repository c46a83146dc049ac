package engine_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	const current = 7
	last := func(status core.BatchStatus, change ...func(*core.StepExecution)) *core.StepExecution {
		se := &core.StepExecution{ID: 40, JobExecution: &core.JobExecution{ID: current - 1}, Status: status}
		for _, f := range change {
			f(se)
		}
		return se
	}
	same := func(se *core.StepExecution) { se.JobExecution.ID = current }
	opaque := func(se *core.StepExecution) { se.OpaqueContext = "rO0ABXNy" }
	again := core.Step{AllowStartIfComplete: true}
	limit := func(n int) core.Step { return core.Step{StartLimit: n} }
	left := func(key string) func(*core.StepExecution) {
		return func(se *core.StepExecution) { se.Context = core.ExecutionContext{key: "what it began with"} }
	}
	partitioned, launching := left(core.ContextKeyPlan), left(core.ContextKeyChildJob)
	split, child := core.Step{Worker: &core.Step{}}, core.Step{Job: "child"}
	for _, tt := range []struct {
		name    string
		step    core.Step
		last    *core.StepExecution
		started int
		want    engine.Decision
		err     error
	}{
		{name: "STEP-28 no previous execution", want: engine.StartFresh},
		{name: "STEP-29 FAILED", last: last(core.StatusFailed), want: engine.StartRestart},
		{name: "STEP-29 STOPPED", last: last(core.StatusStopped), want: engine.StartRestart},
		{name: "STEP-30 COMPLETED", last: last(core.StatusCompleted), want: engine.Skip},
		{name: "STEP-31 COMPLETED, may start again", step: again, last: last(core.StatusCompleted), want: engine.StartFresh},
		{name: "STEP-31 its opaque context is not needed", step: again, last: last(core.StatusCompleted, opaque), want: engine.StartFresh},
		{name: "STEP-32 UNKNOWN", last: last(core.StatusUnknown), err: core.ErrJobRestart},
		{name: "STEP-32 UNKNOWN, may start again", step: again, last: last(core.StatusUnknown), err: core.ErrJobRestart},
		{name: "STEP-33 ABANDONED", last: last(core.StatusAbandoned), want: engine.Skip},
		{name: "STEP-33 ABANDONED, may start again", step: again, last: last(core.StatusAbandoned), want: engine.Skip},
		{name: "STEP-34 limit reached", step: limit(2), last: last(core.StatusFailed), started: 2, err: core.ErrStartLimitExceeded},
		{name: "STEP-34 one below the limit", step: limit(3), last: last(core.StatusFailed), started: 2, want: engine.StartRestart},
		{name: "STEP-34 a complete step is skipped at its limit", step: limit(1), last: last(core.StatusCompleted), started: 1, want: engine.Skip},
		{name: "STEP-34 loop within one execution", step: limit(1), last: last(core.StatusCompleted, same), started: 1, err: core.ErrStartLimitExceeded},
		{name: "STEP-35 limit 0", step: limit(0), last: last(core.StatusFailed), started: 1000, want: engine.StartRestart},
		{name: "STEP-36 COMPLETED in this execution", last: last(core.StatusCompleted, same), want: engine.StartFresh},
		{name: "STEP-36 FAILED in this execution", last: last(core.StatusFailed, same), want: engine.StartFresh},
		{name: "STEP-52 STARTING, left by a crash", last: last(core.StatusStarting), want: engine.StartRestart},
		{name: "STEP-52 STARTED, left by a crash", last: last(core.StatusStarted), want: engine.StartRestart},
		{name: "STEP-52 STOPPING, left by a crash", last: last(core.StatusStopping), want: engine.StartRestart},
		{name: "opaque context", last: last(core.StatusFailed, opaque), err: core.ErrJobRestart},
		{name: "opaque context of a step that is skipped", last: last(core.StatusCompleted, opaque), want: engine.Skip},
		{name: "partitioned, and still is", step: split, last: last(core.StatusFailed, partitioned), want: engine.StartRestart},
		{name: "partitioned, and is not any more", last: last(core.StatusFailed, partitioned), err: core.ErrJobRestart},
		{name: "partitioned, killed, and is not any more", last: last(core.StatusStarted, partitioned), err: core.ErrJobRestart},
		{name: "partitioned, and launches a job now", step: child, last: last(core.StatusStopped, partitioned), err: core.ErrJobRestart},
		{name: "partitioned, complete, and starts again from nothing", step: again, last: last(core.StatusCompleted, partitioned), want: engine.StartFresh},
		{name: "partitioned, and complete", last: last(core.StatusCompleted, partitioned), want: engine.Skip},
		{name: "launched a job, and still does", step: child, last: last(core.StatusFailed, launching), want: engine.StartRestart},
		{name: "launched a job, and does not any more", last: last(core.StatusFailed, launching), err: core.ErrJobRestart},
		{name: "launched a job, and is partitioned now", step: split, last: last(core.StatusFailed, launching), err: core.ErrJobRestart},
		{name: "a finishing call is at home in every step", last: last(core.StatusFailed, left(core.ContextKeyFinished+"x")), want: engine.StartRestart},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := engine.Decide(&tt.step, tt.last, current, tt.started)
			if !errors.Is(err, tt.err) {
				t.Fatalf("got error %v, want %v", err, tt.err)
			}
			if tt.err != nil {
				if core.Hint(err) == "" {
					t.Errorf("error %q has no hint", err)
				}
				return
			}
			if got != tt.want {
				t.Errorf("got decision %d, want %d", got, tt.want)
			}
		})
	}
	t.Run("a status of another program is shown", func(t *testing.T) {
		t.Parallel()
		se := last(core.StatusUnknown, func(se *core.StepExecution) { se.OpaqueStatus = "PAUSED" })
		_, err := engine.Decide(&core.Step{}, se, current, 1)
		if err == nil || !strings.Contains(err.Error(), `"PAUSED"`) {
			t.Errorf("got error %v, want one that shows the status", err)
		}
	})
}
