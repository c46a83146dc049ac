package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
	"github.com/batchctl/batchctl/internal/core/panics"
)

// Run runs r.Execution, which is STARTING and owned by this process, to its
// end, and records that. It returns nil exactly when the execution is COMPLETED,
// else the cause: what the failed step said, with the step's name as its Op;
// ErrStopped, ErrTimeout or ErrAborted when it was STOPPED; ErrLeaseLost or
// ErrOptimisticLock when another process has taken it over, and this one has
// written nothing more. r.Steps is Steps{} and r.Log discards when not set.
func Run(ctx context.Context, r *core.Run) error {
	if r.Steps == nil {
		r.Steps = Steps{}
	}
	if r.Log == nil {
		r.Log = slog.New(slog.DiscardHandler)
	}
	status, exit, err := execute(ctx, r)
	if core.IsFenced(err) {
		return err
	}
	o := jobOutcome(ctx, r, status, exit, err)
	o.exit = o.exit.AddMessage(afterJob(ctx, r, o))
	fault.Point("engine.before-job-end")
	writeErr := endJob(ctx, r, o, unrecorded(err))
	fault.Point("engine.after-job-end")
	if writeErr != nil {
		return unrecordedEnd(r, o, writeErr)
	}
	ended := r.State()
	if o.err == nil && ended.Status != core.StatusCompleted {
		return &core.Error{
			Kind: core.ErrJobRestart, Op: "job " + r.Job.Name,
			Msg:  fmt.Sprintf("execution %d was set to %s by somebody else while it ran", ended.ID, ended.Status),
			Hint: core.ShellQuote("batchctl", "show", strconv.FormatInt(ended.ID, 10)),
		}
	}
	return o.err
}

// execute walks the steps, and turns a panic on the way into an error.
func execute(ctx context.Context, r *core.Run) (status core.BatchStatus, exit core.ExitStatus, err error) {
	defer func() {
		if v := recover(); v != nil {
			status, exit = core.StatusFailed, core.ExitStatus{}
			err = panics.Recovered("job "+r.Job.Name, v)
		}
	}()
	before := r.Job.Listener.BeforeJob
	if before != nil {
		if err := announce(ctx, r); err != nil {
			return core.StatusCompleted, exit, err
		}
		if err := before(ctx, r); err != nil {
			return core.StatusFailed, exit, fmt.Errorf("before job: %w", err)
		}
	}
	return r.Body.Execute(ctx, r)
}

// announce records the job as STARTED before its first step, for a listener
// that is promised that.
func announce(ctx context.Context, r *core.Run) error {
	if cause := r.Stop.Cause(); cause != nil {
		return cause
	}
	if err := r.CommitJob(ctx, func(next *core.JobExecution) { startJob(next, r.Now()) }, nil); err != nil {
		return err
	}
	return r.Stop.Cause() // STOPPING may have been found in the row
}

// jobOutcome decides how the job ended. A body's own words are kept; its error
// decides only where it has none.
func jobOutcome(
	ctx context.Context, r *core.Run, status core.BatchStatus, exit core.ExitStatus, err error,
) outcome {
	if err == nil && status == core.StatusCompleted {
		return outcome{status: status, exit: core.ExitStatus{Code: core.ExitCodeCompleted}.And(exit)}
	}
	if err == nil {
		err = endedBadly(r, status, exit)
	}
	o := failed(ctx, r.Stop, err)
	if exit.Code != "" {
		o.exit = exit
	}
	o.status = max(o.status, status)
	return o
}

// endedBadly is the cause of a job whose body names none.
func endedBadly(r *core.Run, status core.BatchStatus, exit core.ExitStatus) error {
	e := &core.Error{
		Op: "job " + r.Job.Name, Msg: fmt.Sprintf("ended %s with exit code %s", status, core.Quote(exit.Code)),
	}
	if status == core.StatusStopped {
		e.Kind = core.ErrStopped
	}
	return e
}

// endJob records the end of the job, and of steps whose end could not be
// recorded before. It tries twice: a disk may have been full for a moment.
func endJob(ctx context.Context, r *core.Run, o outcome, steps []*unrecordedError) error {
	ctx, cancel := lastWrites(ctx)
	defer cancel()
	var err error
	for range 2 {
		if err = tryEndJob(ctx, r, o, steps); err == nil || core.IsFenced(err) {
			return err
		}
		if ended := r.State(); !ended.EndTime.IsZero() {
			return nil // it is there in spite of the error
		}
	}
	return err
}

func tryEndJob(ctx context.Context, r *core.Run, o outcome, steps []*unrecordedError) error {
	var job *core.JobExecution
	ends := make([]*core.StepExecution, len(steps))
	o.exit.Message = r.Mask(o.exit.Message)
	err := r.CommitJob(ctx, func(next *core.JobExecution) {
		job = next
		now := r.Now()
		startJob(next, now)
		next.ExitStatus, next.EndTime = o.exit, now
		if next.Status < core.StatusAbandoned { // which somebody else has set, and stays
			next.Status = o.status
		}
		for i, u := range steps {
			ends[i] = u.se.Clone()
			u.end.apply(ends[i])
			ends[i].Counts = ends[i].Counts.Add(u.counts)
			ends[i].Context = u.context.Clone()
			ends[i].EndTime = now
			ends[i].ExitStatus.Message = r.Mask(ends[i].ExitStatus.Message)
		}
	}, func(tx core.Tx) error {
		for _, end := range ends {
			if err := tx.UpdateStepExecution(ctx, end); err != nil {
				return err
			}
		}
		if o.status == core.StatusCompleted && job.Status == core.StatusStopped {
			// The stop came when all the work was done: it has stopped nothing.
			job.Status, job.ExitStatus = o.status, o.exit
			return tx.UpdateJobExecution(ctx, job)
		}
		return nil
	})
	if ended := r.State(); err == nil || !ended.EndTime.IsZero() {
		for i, u := range steps {
			*u.se = *ends[i]
		}
	}
	return err
}

// unrecordedEnd says that the execution looks as if it were running, and what
// ends that.
func unrecordedEnd(r *core.Run, o outcome, writeErr error) error {
	if core.IsFenced(writeErr) {
		return writeErr
	}
	cause := writeErr
	if o.err != nil && !errors.Is(o.err, writeErr) {
		cause = fmt.Errorf("%w; before that: %w", writeErr, o.err)
	}
	state := r.State()
	return &core.Error{
		Kind: core.ErrRepository, Op: "job " + r.Job.Name,
		Msg: fmt.Sprintf("the end of execution %d could not be recorded; it still reads %s, and the next run or "+
			"restart recovers it", state.ID, state.Status),
		Hint: core.ShellQuote("batchctl", "restart", strconv.FormatInt(state.ID, 10)),
		Err:  cause,
	}
}

// afterJob shows the listener the job as it is about to be recorded, and returns
// what the exit message has to say about that.
func afterJob(ctx context.Context, r *core.Run, o outcome) string {
	if r.Job.Listener.AfterJob == nil {
		return ""
	}
	view := r.Preview(func(next *core.JobExecution) {
		next.Status, next.ExitStatus, next.EndTime = o.status, o.exit, r.Now()
	})
	err := callAfterJob(ctx, view)
	if err == nil {
		return ""
	}
	r.Log.LogAttrs(ctx, slog.LevelError, "the listener after the job failed",
		slog.String("job", r.Job.Name), slog.Int64("jobExecutionId", view.Execution.ID),
		slog.String("error", describe(err)))
	return "the listener after the job failed: " + inOneLine(err)
}

func callAfterJob(ctx context.Context, view *core.Run) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panics.Recovered("the listener after job "+view.Job.Name, v)
		}
	}()
	return view.Job.Listener.AfterJob(ctx, view)
}
