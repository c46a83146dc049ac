package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// ended is an element of a flow or branch that has ended the whole job COMPLETED
// while elements around it were still to come.
type ended struct {
	Element  string   `json:"element"`
	ExitCode string   `json:"exitCode"`
	NotRun   []string `json:"notRun"`
}

// endedBy finds such elements. They are known only where the job is the very one
// that ran, which is certain of definitions alone, and where the way from the last
// step of the execution to its end needs nothing but rows of this execution and
// decisions that are stored; else there are none.
func endedBy(x Execution) []ended {
	if x.Status != core.StatusCompleted || x.Job == nil || x.Job.Definition == nil {
		return nil
	}
	if hash, _, err := x.Context.String(core.ContextKeyDefinition); err != nil || hash != x.Job.Definition.Hash {
		return nil
	}
	w := tracer{x: x, rows: map[string]*core.StepExecution{}, ran: map[string]bool{}}
	for _, se := range x.Steps {
		name, part := core.SplitStepName(se.StepName)
		w.ran[name] = true
		if last := w.rows[name]; part == "" && (last == nil || last.ID < se.ID) {
			w.rows[name] = se
		}
	}
	for _, total := range x.Totals {
		w.ran[total.StepName] = true
	}
	way, _ := w.level(x.Job.Flow, nil)
	return way.endings
}

// tracer follows the flow of a job from the last step of an execution on.
type tracer struct {
	x    Execution
	rows map[string]*core.StepExecution // the last of each step, in this execution
	ran  map[string]bool                // steps that have rows in the instance
}

// spot is an element in its level, within the spot of a flow or split.
type spot struct {
	within *spot
	level  []core.Element
	at     int
}

// traced is how an element or a level was left.
type traced struct {
	code    string
	failed  bool
	endings []ended // the job was ended within it
}

// level follows a level from the element with its last row on, or from the first
// where none has a row. It is not ok where something that counts is not known.
func (w *tracer) level(level []core.Element, within *spot) (t traced, ok bool) {
	i, newest := 0, int64(0)
	for j := range level {
		if id := w.newest(level[j]); id > newest {
			i, newest = j, id
		}
	}
	if within == nil && newest == 0 && w.stoppedBefore() { // this execution may have begun elsewhere
		return t, false
	}
	for range level { // nothing in it is passed twice
		at := &spot{within: within, level: level, at: i}
		if t, ok = w.element(&level[i], at); !ok || len(t.endings) > 0 {
			return t, ok
		}
		next, ends := leave(level, i, t)
		switch {
		case next == core.ToEnd:
			left := w.notRun(at)
			if len(left) == 0 {
				return t, false
			}
			t.endings = []ended{{Element: level[i].ID(), ExitCode: t.code, NotRun: left}}
			return t, true
		case ends:
			return t, true
		}
		if i = slices.IndexFunc(level, func(e core.Element) bool { return e.ID() == next }); i < 0 {
			return t, false // fail, stop, or a hole in the flow
		}
	}
	return t, false
}

// stoppedBefore reports whether a transition to a stop has ended an execution of
// the instance.
func (w *tracer) stoppedBefore() bool {
	for key := range w.x.Context {
		if strings.HasPrefix(key, core.ContextKeyStop) {
			return true
		}
	}
	return false
}

// newest returns the id of the last row below e, or 0.
func (w *tracer) newest(e core.Element) (id int64) {
	for s := range (&core.Job{Flow: []core.Element{e}}).AllSteps() {
		if se := w.rows[s.Name]; se != nil {
			id = max(id, se.ID)
		}
	}
	return id
}

// element says how e was left.
func (w *tracer) element(e *core.Element, at *spot) (t traced, ok bool) {
	switch {
	case e.Step != nil:
		se := w.rows[e.Step.Name]
		if se == nil {
			return t, false
		}
		t = traced{code: se.ExitStatus.Code, failed: se.Status != core.StatusCompleted}
		return t, !t.failed || se.Status == core.StatusFailed || se.Status == core.StatusAbandoned
	case e.Decider != nil:
		t.code, ok, _ = w.x.Context.String(core.ContextKeyDecision + e.ID())
		return t, ok
	case len(e.Split) > 0:
		return w.split(e, at)
	}
	if t, ok = w.level(e.Flow, at); t.failed {
		t.code = core.ExitCodeFailed
	}
	return t, ok
}

// split says how the branches of e were left. Where one of them has a stop from
// which a restart goes on elsewhere, that comes before the end in another.
func (w *tracer) split(e *core.Element, at *spot) (t traced, ok bool) {
	if restarts(e.Split) {
		return t, false
	}
	all := true
	for i := range e.Split {
		branch, known := w.level(e.Split[i:i+1], at)
		all = all && known && !branch.failed
		if known {
			t.endings = append(t.endings, branch.endings...)
		}
	}
	t.code = core.ExitCodeCompleted
	return t, all || len(t.endings) > 0
}

// restarts reports whether a transition among elements, or below them, says where
// a restart begins.
func restarts(elements []core.Element) bool {
	return slices.ContainsFunc(elements, func(e core.Element) bool {
		return slices.ContainsFunc(e.Transitions, func(t core.Transition) bool { return t.Restart != "" }) ||
			restarts(e.Flow) || restarts(e.Split)
	})
}

// leave finds the way from element i of level: to next, or to the end of the
// level.
func leave(level []core.Element, i int, t traced) (next string, ends bool) {
	e := &level[i]
	for _, way := range e.Transitions {
		if core.MatchExitCode(way.On, t.code) {
			return way.To, false
		}
	}
	switch {
	case t.failed:
		return "", true
	case e.Next != "" || len(e.Transitions) > 0:
		return e.Next, false
	case !hasWays(level) && i+1 < len(level):
		return level[i+1].ID(), false
	}
	return "", true
}

// notRun are the names of what would have followed the flows and splits around
// at, and has never run: what a failure leads to is not meant. There are none at
// the outermost level.
func (w *tracer) notRun(at *spot) (names []string) {
	for at = at.within; at != nil; at = at.within {
		seen := map[string]bool{}
		var visit func(i int)
		visit = func(i int) {
			for _, next := range following(at.level, i) {
				j := slices.IndexFunc(at.level, func(e core.Element) bool { return e.ID() == next })
				if j >= 0 && !seen[next] {
					seen[next] = true
					visit(j)
				}
			}
		}
		visit(at.at)
		for i := range at.level {
			e := &at.level[i]
			if !seen[e.ID()] || e.Decider != nil {
				continue
			}
			ran := false
			for s := range (&core.Job{Flow: []core.Element{*e}}).AllSteps() {
				ran = ran || w.ran[s.Name]
			}
			if !ran {
				names = append(names, e.ID())
			}
		}
	}
	return names
}

// following are the elements to which element i of level may lead when it has not
// failed.
func following(level []core.Element, i int) (names []string) {
	e := &level[i]
	for _, t := range e.Transitions {
		if t.On != core.ExitCodeFailed {
			names = append(names, t.To)
		}
	}
	if e.Next != "" {
		names = append(names, e.Next)
	}
	if !hasWays(level) && i+1 < len(level) {
		names = append(names, level[i+1].ID())
	}
	return names
}

// endFact says what has ended the job early.
func endFact(endings []ended) fact {
	lines := make([]string, len(endings))
	for i, e := range endings {
		lines[i] = fmt.Sprintf("%s: %s -> %s; not run: %s", core.Quote(e.Element), e.ExitCode, core.ToEnd,
			strings.Join(e.NotRun, ", "))
	}
	return fact{name: "ended by", cell: Cell{Text: strings.Join(lines, "\n"), Tone: ToneWarn}, lines: true}
}
