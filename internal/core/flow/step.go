package flow

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/batchctl/batchctl/internal/core"
)

// thread is one line of control: the job's, or that of a branch of a split.
type thread struct {
	parent *thread // of a branch
	// last is the step execution that ended last.
	last *core.StepExecution
	// brake is that of the split which the line is a branch of.
	brake *brake

	mu sync.Mutex
	// failed are the executions that failed in this run and that the flow may
	// be about to leave behind.
	failed []*core.StepExecution
}

// owes reports whether there are failed executions before this point.
func (p *thread) owes() bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.failed) > 0 || p.parent.owes()
}

// fail adds failed executions.
func (p *thread) fail(failed ...*core.StepExecution) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = append(p.failed, failed...)
}

// abandon gives those failed executions up that leaves says are left behind.
// The others stay as they are.
func (p *thread) abandon(ctx context.Context, r *core.Run, leaves func(*core.StepExecution) bool) error {
	if p == nil {
		return nil
	}
	if err := p.parent.abandon(ctx, r, leaves); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var kept []*core.StepExecution
	for i, se := range p.failed {
		if !leaves(se) {
			kept = append(kept, se)
			continue
		}
		if err := r.Steps.AbandonStep(ctx, r, se); err != nil {
			p.failed = append(kept, p.failed[i:]...)
			return &core.Error{Op: "step " + se.StepName, Msg: "the failure that the flow goes on past could not be recorded as ABANDONED", Err: err}
		}
	}
	p.failed = kept
	return nil
}

// step runs a step, or takes over how it ended before.
func (w *walker) step(ctx context.Context, step *core.Step, p *thread) outcome {
	if err := w.settle(ctx, step, p); err != nil {
		return w.hard(ctx, err)
	}
	se, ran, err := w.r.Steps.RunStep(ctx, w.r, w.informed(step, p), w.initial)
	if ran {
		w.started(step.Name)
	}
	if se != nil {
		p.last = se
	}
	if err != nil {
		o := w.hard(ctx, &core.Error{Op: "step " + step.Name, Err: err})
		o.recording = ran
		return o
	}
	o := outcome{status: se.Status, exit: se.ExitStatus}
	switch se.Status {
	case core.StatusCompleted:
		return o
	case core.StatusFailed:
		p.fail(se)
	case core.StatusAbandoned:
		if w.simple && !ran {
			return outcome{status: core.StatusCompleted, passed: true}
		}
		if !w.simple {
			o.status = core.StatusFailed
		}
		o.known = !ran
	case core.StatusStarting, core.StatusStarted, core.StatusStopping, core.StatusStopped, core.StatusUnknown:
		o.final = true
	}
	o.err = w.stepFailure(se, ran)
	return o
}

// settle gives up what failed before, if step is about to be started: the job
// has gone on without it. Otherwise the next step that starts does it. An error
// keeps step from being started.
func (w *walker) settle(ctx context.Context, step *core.Step, p *thread) error {
	w.mu.Lock()
	fenced := w.fenced
	w.mu.Unlock()
	if fenced != nil {
		return fenced
	}
	ending := w.r.Stop.Requested() || context.Cause(ctx) != nil
	held := p.brake.held("started")
	if ending || held == nil && !p.owes() {
		return nil // RunStep starts nothing when the run is ending
	}
	starts, err := w.starts(ctx, step)
	if err != nil || !starts {
		return err
	}
	if held != nil {
		return &core.Error{Op: "step " + step.Name, Err: held}
	}
	return p.abandon(ctx, w.r, func(*core.StepExecution) bool { return true })
}

// starts reports whether step would be started now, and is not complete, given
// up or at its limit.
func (w *walker) starts(ctx context.Context, step *core.Step) (bool, error) {
	instance := w.r.Execution.Instance.ID
	last, err := w.r.Repo.LastStepExecution(ctx, instance, step.Name)
	if errors.Is(err, core.ErrNoSuchStepExecution) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	switch last.Status {
	case core.StatusCompleted:
		if !step.AllowStartIfComplete {
			return false, nil
		}
	case core.StatusAbandoned, core.StatusUnknown:
		return false, nil
	case core.StatusStarting, core.StatusStarted, core.StatusStopping, core.StatusStopped, core.StatusFailed:
	}
	if step.StartLimit == 0 {
		return true, nil
	}
	n, err := w.r.Repo.StepExecutionCount(ctx, instance, step.Name)
	return n < step.StartLimit, err
}

// stepFailure is what the job says about a step that did not complete.
func (w *walker) stepFailure(se *core.StepExecution, ran bool) error {
	e := &core.Error{Op: "step " + se.StepName, Err: se.Failure}
	switch {
	case se.Failure != nil:
	case !ran:
		e.Msg = fmt.Sprintf("was given up by an earlier execution (%s, exit code %s), and is not run again",
			se.Status, core.Quote(se.ExitStatus.Code))
		e.Hint = fmt.Sprintf("add a transition on %s to it, then %s, or give the instance up: %s",
			core.Quote(se.ExitStatus.Code), w.restartChanged(), w.command("abandon"))
	default:
		e.Msg = fmt.Sprintf("ended %s", se.Status)
		if se.Status == core.StatusStopped {
			e.Kind = core.ErrStopped
		}
	}
	return e
}
