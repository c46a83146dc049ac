package flow

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"

	"github.com/batchctl/batchctl/internal/core"
)

// walker walks the elements of one job execution, or of one execution of a flow
// step. Branches of splits share it.
type walker struct {
	r   *core.Run
	top *level
	// simple: a step that was given up has no say, and the last step's exit
	// status is the job's.
	simple bool
	// initial is what the contexts of steps hold at a fresh start.
	initial core.ExecutionContext
	// entered is where a restart jumped to; nil when it begins at the start.
	entered *node
	// visited are the elements of the outermost level that were walked. It
	// changes only while no branch runs.
	visited map[string]bool

	mu     sync.Mutex
	ran    map[string]bool // steps that this execution has started
	asked  map[string]bool // decisions that this execution has asked
	fenced error           // another process has taken over: start nothing more
}

func newWalker(r *core.Run) *walker {
	return &walker{r: r, visited: map[string]bool{}, ran: map[string]bool{}, asked: map[string]bool{}}
}

// outcome is how an element, a level or the job ended.
type outcome struct {
	status core.BatchStatus // COMPLETED, STOPPED, FAILED or UNKNOWN
	exit   core.ExitStatus
	err    error // why it did not complete
	// final: no transition may catch it.
	final bool
	// endings are the transitions that ended the job; there are several only
	// where branches of a split have each found one.
	endings []ending
	// passed: a step of a simple job that was given up, and has no say.
	passed bool
	// known: err is a failure of an earlier execution, which has told it.
	known bool
	// recording: err says that the end of a step could not be recorded, and
	// the engine must see that.
	recording bool
}

// ending is a transition that ended the job, or one to a stop that was passed
// and leads on at the stop's target (leap).
type ending struct {
	node       *node
	transition *core.Transition
	leap       bool
}

// end returns the transition that ended the job, or nil.
func (o *outcome) end() *core.Transition {
	for _, e := range o.endings {
		if !e.leap {
			return e.transition
		}
	}
	return nil
}

// leap returns the stop that was passed, or nil. Its target comes before the end
// that another branch has led to, as the stop itself did.
func (o *outcome) leap() *ending {
	for i := range o.endings {
		if o.endings[i].leap {
			return &o.endings[i]
		}
	}
	return nil
}

// hard is the outcome of an error that ends the job.
func (w *walker) hard(ctx context.Context, err error) outcome {
	o := outcome{status: core.StatusFailed, err: err, final: true}
	if core.IsInterruption(err) || core.IsInterruption(context.Cause(ctx)) {
		o.status = core.StatusStopped
	}
	if core.IsFenced(err) {
		w.mu.Lock()
		w.fenced = err
		w.mu.Unlock()
	}
	return o
}

// level walks l from element number i to its end.
func (w *walker) level(ctx context.Context, l *level, i int, p *thread) outcome {
	last := outcome{status: core.StatusCompleted}
	for {
		n := l.nodes[i]
		if l == w.top {
			w.visited[n.id] = true
		}
		o := w.element(ctx, n, p)
		if o.final {
			return o
		}
		if !o.passed {
			last = o
		}
		next, o, ended := w.leave(ctx, n, o)
		switch {
		case ended && o.passed:
			return last
		case ended:
			return o
		}
		i = l.index[next]
	}
}

// element does what n is about.
func (w *walker) element(ctx context.Context, n *node, p *thread) outcome {
	switch {
	case n.Step != nil:
		return w.step(ctx, n.Step, p)
	case n.Decider != nil:
		return w.decision(ctx, n, p)
	case n.branches != nil:
		return w.split(ctx, n, p)
	}
	o := w.level(ctx, n.flow, 0, p)
	if o.status != core.StatusCompleted && !o.final {
		o.exit.Code = o.status.String()
	}
	return o
}

// leave finds the way that n leads after o: the next element of its level, or
// the end of the level with its outcome.
func (w *walker) leave(ctx context.Context, n *node, o outcome) (next string, end outcome, ended bool) {
	if t := n.match(o.exit.Code); t != nil && !o.passed {
		switch t.To {
		case core.ToEnd, core.ToFail:
			return "", w.finish(n, t, o), true
		case core.ToStop:
			return "", w.stop(ctx, n, t, o), true
		}
		if o.status != core.StatusCompleted && !o.known {
			w.r.Log.LogAttrs(ctx, slog.LevelWarn, "The flow goes on past a failure", append(w.attrs(n, o),
				slog.String("next", t.To), slog.Any("error", o.err))...)
		}
		return t.To, outcome{}, false
	}
	switch {
	case o.status != core.StatusCompleted:
		return "", o, true
	case n.Next != "":
		return n.Next, o, false
	case len(n.Transitions) > 0:
		return "", w.unmatched(ctx, n, o), true
	case n.level.sequence:
		if i := n.level.index[n.id] + 1; i < len(n.level.nodes) {
			return n.level.nodes[i].id, o, false
		}
	}
	return "", o, true
}

// attrs describe for the log that n ended as o.
func (w *walker) attrs(n *node, o outcome) []slog.Attr {
	return []slog.Attr{
		slog.String("job", w.r.Job.Name), slog.Int64("jobExecutionId", w.r.Execution.ID),
		slog.String("element", n.id), slog.String("exitCode", o.exit.Code),
	}
}

// unmatched is the outcome of an element that completed in a way that the flow
// does not foresee. It fails the job: a hole in the definition is not a failure
// that a transition further out was meant to catch.
func (w *walker) unmatched(ctx context.Context, n *node, o outcome) outcome {
	patterns := make([]string, len(n.Transitions))
	for i, t := range n.Transitions {
		patterns[i] = core.Quote(pattern(t))
	}
	return w.hard(ctx, &core.Error{
		Op: "element " + n.id,
		Msg: fmt.Sprintf("completed with exit code %s, for which the flow has no way: its transitions are on %s, and it has no next",
			core.Quote(o.exit.Code), strings.Join(patterns, ", ")),
		Hint: fmt.Sprintf("add a transition on %s, or a next, to element %s; then %s",
			core.Quote(o.exit.Code), core.Quote(n.id), w.restartChanged()),
	})
}

// pattern returns the pattern of t as people know it.
func pattern(t core.Transition) string {
	if t.On == "" {
		return "*"
	}
	return t.On
}

// command is a command about this execution.
func (w *walker) command(verb string, flags ...string) string {
	return core.ShellQuote(append([]string{"batchctl", verb, strconv.FormatInt(w.r.Execution.ID, 10)}, flags...)...)
}

// restartChanged is the restart of this execution once the job was changed. Of a
// job that is made of a definition file such a one has to be asked for.
func (w *walker) restartChanged() string {
	if w.r.Job.Definition == nil {
		return w.command("restart")
	}
	return w.command("restart", "--new-definition")
}

// started notes that this execution has started a step.
func (w *walker) started(step string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ran[step] = true
}

func (w *walker) nothingRan() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.ran) == 0
}

// renewed reports whether n did something in this execution: a step below it
// was started, or it is a decision that was asked.
func (w *walker) renewed(n *node) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked[n.id] {
		return true
	}
	for s := range n.steps() {
		if w.ran[s.Name] {
			return true
		}
	}
	return false
}
