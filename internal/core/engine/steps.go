package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
)

// Steps is the core.StepRunner that runs steps in this process.
type Steps struct{}

var _ core.StepRunner = Steps{}

// RunStep implements core.StepRunner. A requested stop is an error before a
// step that would have to be started; one with nothing to do is returned all
// the same.
func (Steps) RunStep(
	ctx context.Context, r *core.Run, step *core.Step, initial core.ExecutionContext,
) (*core.StepExecution, bool, error) {
	last, d, err := consult(ctx, r, step)
	if err != nil {
		return nil, false, err
	}
	if d == skip {
		r.Log.LogAttrs(ctx, slog.LevelInfo, "Step already complete or not restartable, so no action to execute",
			slog.String("job", r.Job.Name), slog.String("step", step.Name),
			slog.Int64("jobExecutionId", r.Execution.ID), slog.Int64("stepExecutionId", last.ID),
			slog.String("status", last.Status.String()))
		return last, false, nil
	}
	if ctx.Err() != nil {
		return nil, false, context.Cause(ctx)
	}
	if cause := r.Stop.Cause(); cause != nil {
		return nil, false, cause
	}
	se, err := start(ctx, r, step, contextFor(d, last, initial, r.Token))
	if err != nil && (core.IsFenced(err) || !isStarted(ctx, r, se)) {
		return nil, false, err
	}
	if err != nil { // the row is there in spite of the error, and must not stay STARTED
		e := &execution{scope: &core.Scope{Run: r, Step: se}, step: step}
		e.scope.Refresh()
		return se, true, e.end(ctx, failed(ctx, r.Stop, fmt.Errorf("record the start of the step: %w", err)))
	}
	return se, true, ExecuteStep(ctx, r, step, se)
}

// consult asks the repository about the step, and the restart table.
func consult(ctx context.Context, r *core.Run, step *core.Step) (*core.StepExecution, decision, error) {
	return consultAbout(ctx, r.Repo, r.Execution.Instance.ID, r.Execution.ID, step)
}

func consultAbout(
	ctx context.Context, x core.JobExplorer, instance, current int64, step *core.Step,
) (*core.StepExecution, decision, error) {
	last, err := x.LastStepExecution(ctx, instance, step.Name)
	if errors.Is(err, core.ErrNoSuchStepExecution) {
		last, err = nil, nil
	}
	if err != nil {
		return nil, skip, err
	}
	started := 0
	if step.StartLimit > 0 && last != nil {
		if started, err = x.StepExecutionCount(ctx, instance, step.Name); err != nil {
			return nil, skip, err
		}
	}
	d, err := decide(step, last, current, started)
	return last, d, err
}

// start records a new execution of the step as STARTED, and the job with it if
// this is its first. An execution is returned with an error as well: its row
// may be there if the error came from the commit.
func start(ctx context.Context, r *core.Run, step *core.Step, ec core.ExecutionContext) (*core.StepExecution, error) {
	job := r.State()
	se := &core.StepExecution{
		JobExecution: &job,
		StepName:     step.Name,
		Status:       core.StatusStarted,
		ExitStatus:   core.ExitStatus{Code: core.ExitCodeExecuting},
		StartTime:    r.Now(),
		Context:      ec,
	}
	fault.Point("engine.before-step-start")
	err := insert(ctx, r, se, job.StartTime.IsZero() || r.HasNotes())
	fault.Point("engine.after-step-start")
	return se, err
}

// insert writes the row of se, and that of the job when there is something new
// about it.
func insert(ctx context.Context, r *core.Run, se *core.StepExecution, news bool) error {
	if news {
		var job *core.JobExecution
		return r.CommitJob(ctx, func(next *core.JobExecution) {
			job = next
			startJob(next, se.StartTime)
		}, func(tx core.Tx) error {
			if job.Status != core.StatusStarted {
				return stopBy(r)
			}
			return tx.CreateStepExecution(ctx, se)
		})
	}
	tx, err := r.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing left to roll back
	status, err := tx.JobStatus(ctx, r.Execution.ID)
	if err != nil {
		return err
	}
	if status >= core.StatusStopping {
		return stopBy(r)
	}
	if err := tx.CreateStepExecution(ctx, se); err != nil {
		return err
	}
	return tx.Commit()
}

// AbandonStep implements core.StepRunner. se must be an execution of r: the row
// of another one is fenced against r's owner. Its context is left as it is.
func (Steps) AbandonStep(ctx context.Context, r *core.Run, se *core.StepExecution) error {
	tx, err := r.Begin(ctx)
	if err != nil {
		return err
	}
	next := se.Clone()
	next.Status = core.StatusAbandoned
	fault.Point("engine.before-abandon")
	err = r.CommitStep(ctx, tx, se, next, nil)
	fault.Point("engine.after-abandon")
	return err
}

// startJob makes next a job that has started, unless it is one already.
func startJob(next *core.JobExecution, now time.Time) {
	if next.StartTime.IsZero() {
		next.StartTime = now
		next.Status = next.Status.UpgradeTo(core.StatusStarted)
	}
}

// stopBy passes on a stop that was found in the job's row.
func stopBy(r *core.Run) error {
	r.Stop.Request(core.ErrStopped)
	return core.ErrStopped
}

// isStarted reports whether the row of se is in the repository. Its id may have
// gone to another row after a rollback; its lineage cannot.
func isStarted(ctx context.Context, r *core.Run, se *core.StepExecution) bool {
	if se.ID == 0 {
		return false
	}
	ctx, cancel := lastWrites(ctx)
	defer cancel()
	stored, err := r.Repo.StepExecution(ctx, se.ID)
	return err == nil && stored.StepName == se.StepName &&
		stored.Context[core.ContextKeyLineage] == se.Context[core.ContextKeyLineage]
}
