package flow

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/batchctl/batchctl/internal/core"
)

// finish is the outcome of a transition to ToEnd or ToFail.
func (w *walker) finish(n *node, t *core.Transition, o outcome) outcome {
	ended := outcome{final: true, endings: []ending{{node: n, transition: t}}}
	if t.To == core.ToFail {
		ended.status, ended.exit.Message = core.StatusFailed, o.exit.Message
		e := &core.Error{
			Op:   "element " + n.id,
			Msg:  fmt.Sprintf("its exit code %s leads to %s", core.Quote(o.exit.Code), t.To),
			Hint: w.command("show"), Err: o.err,
		}
		if o.status == core.StatusCompleted && n.Step != nil && !n.Step.AllowStartIfComplete {
			e.Hint = "the step is COMPLETED, so a restart leads here once more: change the job, then " +
				w.restartChanged() + ", or give the instance up: " + w.command("abandon")
		}
		if ended.err = e; ended.exit.Message == "" {
			ended.exit.Message = e.Error()
		}
	}
	return ended
}

// stop is the outcome of a transition to ToStop: the job ends, unless an earlier
// execution has stopped here and nothing about n is new since.
func (w *walker) stop(ctx context.Context, n *node, t *core.Transition, o outcome) outcome {
	if !w.passes(n, t) {
		e := &core.Error{
			Kind: core.ErrStopped, Op: "element " + n.id,
			Msg:  fmt.Sprintf("its exit code %s leads to %s", core.Quote(o.exit.Code), t.To),
			Hint: w.command("restart"),
		}
		if t.Restart != "" {
			e.Msg += fmt.Sprintf("; a restart begins at %s", core.Quote(t.Restart))
		}
		return outcome{
			status: core.StatusStopped, exit: core.ExitStatus{Message: e.Error()}, err: e,
			final: true, endings: []ending{{node: n, transition: t}},
		}
	}
	w.r.Log.LogAttrs(ctx, slog.LevelInfo, "The flow passes a stop of an earlier execution",
		append(w.attrs(n, o), slog.String("restart", t.Restart))...)
	if t.Restart != "" {
		return outcome{final: true, endings: []ending{{node: n, transition: t, leap: true}}}
	}
	if o.status != core.StatusCompleted {
		o.exit.Code = core.ExitCodeCompleted
	}
	return outcome{exit: core.ExitStatus{Code: o.exit.Code}}
}

// passes reports whether the stop t of n is one that an earlier execution has
// made and that has nothing new to it. One whose target was walked already is
// not passed: the job would go round in a circle.
func (w *walker) passes(n *node, t *core.Transition) bool {
	_, stopped := w.r.JobContextValue(core.ContextKeyStop + n.id)
	return stopped && !w.renewed(n) && !w.visited[t.Restart]
}

// mark records the stops that have ended the job, and gives up those failures
// that the restart will not come to again.
func (w *walker) mark(ctx context.Context, o outcome, p *thread) error {
	if o.status != core.StatusStopped {
		return nil
	}
	for _, e := range o.endings {
		w.r.Note(core.ContextKeyStop+e.node.id, true)
	}
	end := o.end()
	if end == nil || end.Restart == "" {
		return nil
	}
	ahead := map[string]bool{}
	for n := range w.top.find(end.Restart).ahead() {
		for s := range n.steps() {
			ahead[s.Name] = true
		}
	}
	err := p.abandon(ctx, w.r, func(se *core.StepExecution) bool { return !ahead[se.StepName] })
	if err == nil {
		w.r.Note(core.ContextKeyRestart, end.Restart)
	}
	return err
}
