package launch

import (
	"context"
	"errors"
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
)

// RecoverResult is what Recover has found and done, the execution that was asked
// for first, and then the executions that its job steps have launched, each
// before its own.
type RecoverResult []Recovery

// Recovery is what was done about one execution.
type Recovery struct {
	// Before is the status that it had.
	Before core.BatchStatus
	// Verdict is the evidence on its owner.
	Verdict core.OwnerVerdict
	// Execution is the execution as it is now. When it still reads as running,
	// it was left alone: its owner lives, or may live.
	Execution *core.JobExecution
}

// Recover ends an execution whose owner is dead as FAILED, as the repository
// does, and then the executions that its job steps have launched and that still
// read as running. force overrules an owner that lives, or may live; that of a
// launched execution only when it is the same process: one that somebody has
// restarted apart keeps running, and is no error. A result may come with an
// error: so much was done before it.
func (op *JobOperator) Recover(ctx context.Context, executionID int64, force bool) (RecoverResult, error) {
	before, err := op.Repo.JobStatus(ctx, executionID)
	if err != nil {
		return nil, hinted("recover "+id(executionID), command("executions"), err)
	}
	verdict, je, err := op.Repo.Recover(ctx, executionID, force)
	if err != nil {
		return nil, err
	}
	result := RecoverResult{{Before: before, Verdict: verdict, Execution: je}}
	if !before.IsRunning() {
		force = false // there was no owner to be overruled
	}
	return op.recoverChildren(ctx, result, je, verdict.Owner, force)
}

// recoverChildren recovers what the steps of je have launched. owner is the
// process that force overrules.
func (op *JobOperator) recoverChildren(
	ctx context.Context, result RecoverResult, je *core.JobExecution, owner core.Owner, force bool,
) (RecoverResult, error) {
	for _, row := range je.Steps {
		if row.Status == core.StatusCompleted {
			continue // and so is what it has launched
		}
		child, err := op.runningChild(ctx, row.ID)
		if err != nil {
			return result, &core.Error{
				Op:   "recover " + id(je.ID),
				Msg:  fmt.Sprintf("what step %s has launched", core.EscapeControl(row.StepName)),
				Hint: command("show", id(je.ID)), Err: err,
			}
		}
		if child == nil || result.has(child.ID) {
			continue
		}
		done, err := op.recoverChild(ctx, child, owner, force)
		if err != nil {
			return result, err
		}
		result = append(result, done)
		if done.Execution.Status.IsRunning() {
			continue
		}
		if result, err = op.recoverChildren(ctx, result, done.Execution, owner, force); err != nil {
			return result, err
		}
	}
	return result, nil
}

func (r RecoverResult) has(executionID int64) bool {
	for _, done := range r {
		if done.Execution.ID == executionID {
			return true
		}
	}
	return false
}

// runningChild returns the execution that the step execution has launched, or
// nil when there is none that reads as running.
func (op *JobOperator) runningChild(ctx context.Context, stepExecutionID int64) (*core.JobExecution, error) {
	se, err := op.Repo.StepExecution(ctx, stepExecutionID)
	if err != nil {
		return nil, err
	}
	name, ps, ok, err := ChildLaunch(se.Context)
	if !ok || err != nil {
		return nil, err
	}
	instance, err := op.Repo.FindJobInstance(ctx, name, ps)
	if errors.Is(err, core.ErrNoSuchJobInstance) {
		return nil, nil // it was not launched any more
	}
	if err != nil {
		return nil, err
	}
	last, err := op.Repo.LastJobExecution(ctx, instance.ID)
	switch {
	case errors.Is(err, core.ErrNoSuchJobExecution):
		return nil, nil
	case err != nil:
		return nil, err
	case !last.Status.IsRunning():
		return nil, nil
	}
	return last, nil
}

// recoverChild recovers child, or leaves it alone where its owner may live.
func (op *JobOperator) recoverChild(
	ctx context.Context, child *core.JobExecution, owner core.Owner, force bool,
) (Recovery, error) {
	force = force && sameProcess(owner, child.Owner)
	verdict, je, err := op.Repo.Recover(ctx, child.ID, force)
	if errors.Is(err, core.ErrJobExecutionAlreadyRunning) {
		if verdict, err = op.Repo.OwnerOf(ctx, child.ID); err == nil {
			return Recovery{Before: child.Status, Verdict: verdict, Execution: child}, nil
		}
	}
	return Recovery{Before: child.Status, Verdict: verdict, Execution: je}, err
}

// sameProcess reports whether one process owns both, which may be known by
// tokens of its own for each.
func sameProcess(a, b core.Owner) bool {
	return a.HostID == b.HostID && a.BootID == b.BootID && a.PID == b.PID && a.PIDStart == b.PIDStart
}
