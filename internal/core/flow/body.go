package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/panics"
)

// Body is the body of every job. It keeps nothing and may be shared.
type Body struct{}

var _ core.JobBody = Body{}

// Execute implements core.JobBody. A job whose flow is put together wrongly
// fails before its first step; see Check.
func (Body) Execute(ctx context.Context, r *core.Run) (core.BatchStatus, core.ExitStatus, error) {
	if hasFlow(r.Job) {
		if err := Check(r.Job); err != nil {
			return core.StatusFailed, core.ExitStatus{}, err
		}
	}
	w := newWalker(r)
	elements := r.Job.Flow
	if w.simple = len(elements) == 0; w.simple {
		elements = simple(r.Job.Steps)
	}
	w.top = compile(elements)
	o := w.job(ctx)
	return o.status, w.exit(o), o.err
}

// hasFlow reports whether there is anything that Check could find.
func hasFlow(j *core.Job) bool {
	return len(j.Flow) > 0 || slices.ContainsFunc(j.Steps, func(s *core.Step) bool { return s.Kind == kindFlow })
}

// job walks the outermost level, from its first element or from where the stop
// that ended the last execution said.
func (w *walker) job(ctx context.Context) outcome {
	start := 0
	if target, jumps := w.r.JobContextValue(core.ContextKeyRestart); jumps {
		name, _ := target.(string) // of another type it names no element
		i, found := w.top.index[name]
		if !found {
			return w.hard(ctx, w.targetGone(fmt.Sprint(target)))
		}
		w.r.Note(core.ContextKeyRestart, nil)
		w.entered, start = w.top.nodes[i], i
	}
	p := &thread{}
	o := w.level(ctx, w.top, start, p)
	for o.leap() != nil {
		o = w.level(ctx, w.top, w.top.index[o.leap().transition.Restart], p)
	}
	if err := w.mark(ctx, o, p); err != nil {
		return w.hard(ctx, err)
	}
	if w.entered != nil && o.status != core.StatusCompleted && len(o.endings) == 0 && w.nothingRan() {
		w.r.Note(core.ContextKeyRestart, w.entered.id) // the restart has not begun yet
	}
	return o
}

// targetGone says that the last execution stopped for a restart at an element
// that the job no longer has.
func (w *walker) targetGone(target string) error {
	hint := "put it back, then " + w.restartChanged() + ", or give the instance up: " + w.command("abandon")
	names := make([]string, len(w.top.nodes))
	for i, n := range w.top.nodes {
		names[i] = n.id
	}
	if near := core.Nearest(target, names); near != "" {
		hint = fmt.Sprintf("was it renamed to %s? Else %s", core.Quote(near), hint)
	}
	return &core.Error{
		Kind: core.ErrJobRestart, Op: "job " + w.r.Job.Name,
		Msg: fmt.Sprintf("the last execution stopped for a restart at %s, and the job has no such element any more",
			core.Quote(target)),
		Hint: hint,
	}
}

const noopMessage = "All steps already completed or no steps configured for this job."

// exit is the exit status of the job: that of the last step of a simple job,
// else what the transition that ended it says, else the name of the status.
func (w *walker) exit(o outcome) core.ExitStatus {
	end := o.end()
	if end != nil && end.ExitCode != "" {
		return core.ExitStatus{Code: end.ExitCode, Message: o.exit.Message}
	}
	switch {
	case o.status == core.StatusCompleted && o.err == nil && w.nothingRan():
		return core.ExitStatus{Code: core.ExitCodeNoop, Message: w.noop(o)}
	case o.err != nil && o.exit == (core.ExitStatus{}):
		return describe(o)
	case w.simple:
		return o.exit
	case o.status == core.StatusCompleted:
		return core.ExitStatus{Code: core.ExitCodeCompleted}
	}
	return core.ExitStatus{Code: o.status.String(), Message: o.exit.Message}
}

// noop says why nothing was run.
func (w *walker) noop(o outcome) string {
	for _, e := range o.endings {
		if e.node.Decider == nil {
			continue
		}
		result, _ := w.answer(e.node)
		return fmt.Sprintf("no step was started: the flow ended at the decision %s, whose result was %s",
			core.Quote(e.node.id), core.Quote(result))
	}
	return noopMessage
}

// describe leaves it to the engine to put an error into words, but for the
// stack of a panic, which is this package's.
func describe(o outcome) core.ExitStatus {
	if p, ok := errors.AsType[*panics.Error](o.err); ok {
		return core.ExitStatus{Code: o.status.String(), Message: o.err.Error() + "\n" + p.Stack}
	}
	return core.ExitStatus{}
}
