package engine

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
	"github.com/batchctl/batchctl/internal/core/panics"
)

// ExecuteStep runs a step execution that is recorded as STARTED to its end, and
// records that. How the step ended is in se, and se.Failure says why it did not
// complete; the error says only why the end could not be recorded. An error
// that is ErrLeaseLost or ErrOptimisticLock means that another process has
// taken over: write nothing more.
func ExecuteStep(ctx context.Context, r *core.Run, step *core.Step, se *core.StepExecution) error {
	listener := core.Join(guarded(r.Job.Listener), guarded(step.Listener))
	s := &core.Scope{Run: r, Step: se, BeforeChunk: listener.BeforeChunk}
	s.Refresh()
	e := &execution{scope: s, step: step, listener: listener}
	if listener.AfterChunk != nil {
		s.AfterChunk = e.afterChunk
	}
	e.log(ctx, "Executing step")
	exit, err := perform(ctx, e)
	if core.IsFenced(err) {
		return err
	}
	if err == nil && e.isRecorded() {
		err = e.amend(ctx)
		e.log(ctx, "Step executed")
		return err
	}
	o := completed(exit)
	if err != nil {
		s.Refresh() // what it has put and not committed is undone
		e.leave(err)
		o = failed(ctx, r.Stop, err)
		if o.exit.Code != core.ExitCodeRefused {
			o.exit = o.exit.And(exit)
		}
	}
	err = e.end(ctx, o)
	e.log(ctx, "Step executed")
	return err
}

// execution is one step execution at work.
type execution struct {
	scope    *core.Scope
	step     *core.Step
	listener core.Listener
	tasklet  taskletBody // where the step is one
	lapse    string      // what the exit message says about the listener after a chunk
}

// perform does the step's work, and turns a panic in it into an error.
func perform(ctx context.Context, e *execution) (exit core.ExitStatus, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panics.Recovered("step "+e.step.Name, v)
		}
	}()
	s := e.scope
	if e.listener.BeforeStep != nil {
		if err := e.listener.BeforeStep(ctx, s); err != nil {
			return exit, fmt.Errorf("before step: %w", err)
		}
	}
	body, err := e.step.Bind(s)
	if err != nil {
		return exit, err
	}
	if body == nil {
		return exit, &core.Error{Kind: core.ErrJobDefinition, Msg: "the step was bound to no body"}
	}
	tasklet, ok := body.(taskletBody)
	if !ok {
		return body.Execute(ctx, s)
	}
	e.tasklet = tasklet
	if e.listener.AfterStep != nil { // it sees the end before it is written
		return tasklet.run(ctx, s, nil)
	}
	return tasklet.run(ctx, s, func(next *core.StepExecution) {
		e.finish(next, completed(core.ExitStatus{}))
	})
}

// finish makes o the end of next.
func (e *execution) finish(next *core.StepExecution, o outcome) {
	o.apply(next)
	next.ExitStatus = next.ExitStatus.AddMessage(e.lapse)
	next.Counts = next.Counts.Add(e.scope.Uncommitted)
	next.EndTime = e.scope.Now()
}

// isRecorded reports whether the end is in the repository already.
func (e *execution) isRecorded() bool { return !e.scope.Step.EndTime.IsZero() }

// end tells the listeners how the step ended, and records it.
func (e *execution) end(ctx context.Context, o outcome) error {
	next := e.scope.Step.Clone()
	e.finish(next, o)
	left := e.scope.Step.Context // by a failure, without what listeners add
	if o.err != nil {
		left = e.scope.Context.Clone()
	}
	heard := e.hear(ctx, next)
	next.ExitStatus = next.ExitStatus.And(heard)
	next.Context = e.scope.Context.Clone()
	if o.err == nil {
		forget(next.Context)
	}
	fault.Point("engine.before-step-end")
	err := e.write(ctx, next)
	fault.Point("engine.after-step-end")
	se := e.scope.Step
	switch {
	case err == nil:
		return nil
	case core.IsFenced(err):
		return err
	case e.isRecorded() && se.Status != core.StatusCompleted:
		return nil // it is there in spite of the error
	}
	if o.err == nil {
		o = failed(ctx, nil, fmt.Errorf("record the end of the step: %w", err))
	}
	o.exit = o.exit.AddMessage(e.lapse).And(heard)
	se.Failure = o.err
	return &unrecordedError{se: se, end: o, counts: e.scope.Uncommitted, context: left, err: err}
}

// hear returns what the listeners say about the end of the step, to be joined to
// it. The code of a refusal is not theirs to change.
func (e *execution) hear(ctx context.Context, ended *core.StepExecution) core.ExitStatus {
	if e.listener.AfterStep == nil {
		return core.ExitStatus{}
	}
	view := *ended
	view.Context = e.scope.Context.Clone()
	heard, err := e.listener.AfterStep(ctx, e.scope, view)
	if ended.ExitStatus.Code == core.ExitCodeRefused {
		heard.Code = ""
	}
	if err != nil {
		e.scope.Log.LogAttrs(ctx, slog.LevelError, "the listener after the step failed",
			append(e.attrs(ended), slog.String("error", describe(err)))...)
		heard = heard.AddMessage("the listener after the step failed: " + inOneLine(err))
	}
	return heard
}

func (e *execution) write(ctx context.Context, next *core.StepExecution) error {
	ctx, cancel := lastWrites(ctx)
	defer cancel()
	tx, err := e.scope.Begin(ctx)
	if err != nil {
		return err
	}
	return e.scope.CommitStep(ctx, tx, e.scope.Step, next, e.scope.JobContext)
}

// guarded returns l with a panic after the step turned into an error, which takes
// nothing away from what other listeners say.
func guarded(l core.Listener) core.Listener {
	if after := l.AfterStep; after != nil {
		l.AfterStep = func(ctx context.Context, s *core.Scope, ended core.StepExecution) (core.ExitStatus, error) {
			return callAfterStep(ctx, after, s, ended)
		}
	}
	return l
}

func callAfterStep(
	ctx context.Context, after func(context.Context, *core.Scope, core.StepExecution) (core.ExitStatus, error),
	s *core.Scope, ended core.StepExecution,
) (exit core.ExitStatus, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panics.Recovered("the listener after step "+ended.StepName, v)
		}
	}()
	return after(ctx, s, ended)
}

// afterChunk tells the listeners about a chunk that has committed, which a panic
// in them cannot undo. Only the first panic is told: there may be one a chunk.
func (e *execution) afterChunk(ctx context.Context, s *core.Scope) {
	defer func() {
		v := recover()
		if v == nil || e.lapse != "" {
			return
		}
		err := panics.Recovered("the listener after a chunk of step "+e.step.Name, v)
		e.scope.Log.LogAttrs(ctx, slog.LevelError, "the listener after a chunk failed",
			append(e.attrs(e.scope.Step), slog.String("error", describe(err)))...)
		e.lapse = inOneLine(err)
	}()
	e.listener.AfterChunk(ctx, s)
}

// amend adds to an end that is recorded what the listener after the last call
// has to answer for. The end stands whether or not that can be written.
func (e *execution) amend(ctx context.Context) error {
	se := e.scope.Step
	if e.lapse == "" || strings.Contains(se.ExitStatus.Message, e.lapse) {
		return nil
	}
	next := se.Clone()
	next.ExitStatus = next.ExitStatus.AddMessage(e.lapse)
	err := e.write(ctx, next)
	if err == nil || core.IsFenced(err) {
		return err
	}
	e.scope.Log.LogAttrs(ctx, slog.LevelWarn, "the exit message of the step could not be completed",
		append(e.attrs(e.scope.Step), slog.String("error", describe(err)))...)
	return nil
}

func (e *execution) log(ctx context.Context, msg string) {
	e.scope.Log.LogAttrs(ctx, slog.LevelInfo, msg, e.attrs(e.scope.Step)...) //nolint:sloglint // msg is constant at every call
}

// attrs describe se, the step as it is stored or as it is about to be.
func (e *execution) attrs(se *core.StepExecution) []slog.Attr {
	attrs := []slog.Attr{
		slog.String("job", e.scope.Job.Name),
		slog.String("step", se.StepName),
		slog.Int64("jobExecutionId", e.scope.Execution.ID),
		slog.Int64("stepExecutionId", se.ID),
		slog.String("status", se.Status.String()),
	}
	if !se.EndTime.IsZero() {
		attrs = append(attrs, slog.String("exitCode", se.ExitStatus.Code),
			slog.Duration("duration", se.EndTime.Sub(se.StartTime)))
	}
	return attrs
}
