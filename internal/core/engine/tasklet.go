package engine

import (
	"context"
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
)

// TaskletStep returns a step that calls t until it is finished, each call in a
// transaction of its own. The transaction begins at the call's first use of it,
// else at its end, so a call that works for long holds no lock meanwhile. Set
// the other fields of the step before it is used.
func TaskletStep(name string, t core.Tasklet) *core.Step {
	return &core.Step{Name: name, Kind: "tasklet", Bind: func(*core.Scope) (core.StepBody, error) {
		return taskletBody{name, t}, nil
	}}
}

type taskletBody struct {
	name    string
	tasklet core.Tasklet
}

var _ core.StepBody = taskletBody{}

// Execute implements core.StepBody for those who wrap the body. The step's end
// is then not part of the finishing call. A tasklet that has finished is not
// called again before the step has completed: its exit status is returned.
func (b taskletBody) Execute(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
	return b.run(ctx, s, nil)
}

// run calls the tasklet until it is finished. end, when not nil, makes the
// finishing call's row the step's end. The exit status that is returned is one
// that the row does not have yet.
func (b taskletBody) run(
	ctx context.Context, s *core.Scope, end func(next *core.StepExecution),
) (core.ExitStatus, error) {
	if exit, ok, err := b.finished(s.Step); ok || err != nil {
		return exit, err
	}
	for {
		if ctx.Err() != nil {
			return core.ExitStatus{}, context.Cause(ctx)
		}
		if cause := s.Stop.Cause(); cause != nil {
			return core.ExitStatus{}, cause
		}
		status, err := b.call(ctx, s, end)
		if err != nil {
			return core.ExitStatus{}, err
		}
		if s.AfterChunk != nil {
			s.AfterChunk(ctx, s)
		}
		if status == core.Finished {
			return core.ExitStatus{}, nil
		}
	}
}

// call makes one call and commits it. When the call or the commit fails, or the
// tasklet panics, nothing of it is left but a rollback to be counted.
func (b taskletBody) call(
	ctx context.Context, s *core.Scope, end func(next *core.StepExecution),
) (status core.RepeatStatus, err error) {
	var tx core.Tx
	s.OpenTx = func(ctx context.Context) (core.Tx, error) {
		if tx == nil {
			begun, err := s.Begin(ctx)
			if err != nil {
				return nil, fmt.Errorf("begin the transaction of a tasklet call: %w", err)
			}
			tx = begun
		}
		return tx, nil
	}
	durable := false
	defer func() {
		s.OpenTx = nil
		if tx != nil {
			_ = tx.Rollback() // after a commit there is nothing left; else the failure is known already
		}
		if !durable {
			s.Uncommitted.Rollback++
		}
		s.Refresh()
	}()

	if s.BeforeChunk != nil {
		if err = s.BeforeChunk(ctx, s); err != nil {
			return status, fmt.Errorf("before chunk: %w", err)
		}
	}
	var c core.StepContribution
	if status, err = b.tasklet.Execute(ctx, s, &c); err != nil {
		return status, err
	}
	if status != core.Finished && status != core.Continuable {
		return status, fmt.Errorf("the tasklet returned %d, which is neither Finished nor Continuable", status)
	}
	if _, err = s.OpenTx(ctx); err != nil {
		return status, err
	}
	next := s.Step.Clone()
	next.Context = s.Context.Clone()
	next.Counts = next.Counts.Add(c.Counts)
	next.Counts.Commit++
	next.ExitStatus = next.ExitStatus.And(c.ExitStatus)
	switch {
	case status == core.Continuable:
	case end != nil:
		end(next)
	default: // what is committed now stands, whether or not the step's end follows
		next.ExitStatus.Message = s.Mask(next.ExitStatus.Message)
		b.keep(next.Context, next.ExitStatus)
	}
	version := s.Step.Version
	fault.Point("engine.before-call-commit")
	err = s.CommitStep(ctx, tx, s.Step, next, s.JobContext)
	durable = s.Step.Version != version // it may be there in spite of an error
	fault.Point("engine.after-call-commit")
	return status, err
}
