package definition

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/core/flow"
)

// flow makes the elements. A plain list of steps is a simple job, which ends as
// its last step does.
func (c *compiler) flow() {
	elements := c.elements(c.tree.Steps)
	plain := !slices.ContainsFunc(elements, func(e core.Element) bool {
		return e.Step == nil || e.Next != "" || len(e.Transitions) > 0
	})
	if !plain {
		c.made.Flow = elements
		return
	}
	for _, e := range elements {
		c.made.Steps = append(c.made.Steps, e.Step)
	}
}

func (c *compiler) elements(list []Element) []core.Element {
	made := make([]core.Element, 0, len(list))
	for i := range list {
		if list[i].Kind != KindNone { // else it was reported
			made = append(made, c.element(&list[i]))
		}
	}
	return made
}

func (c *compiler) element(e *Element) core.Element {
	made := core.Element{Name: c.fixed(e.ID, "an id"), Next: c.fixed(e.Next, "next")}
	for _, t := range e.Transitions {
		made.Transitions = append(made.Transitions, core.Transition{
			On: c.fixed(t.On, "a pattern"), To: c.fixed(t.To, "a target"),
			ExitCode: c.fixed(t.ExitStatus, "an exit status"), Restart: c.fixed(t.Restart, "a target"),
		})
		if t.ExitStatus.Given() && t.ExitStatus.Parts == nil {
			if err := checkExitStatus(t.ExitStatus.Value); err != nil {
				c.report(t.ExitStatus.Pos(), "", "%v", err)
			}
		}
	}
	switch e.Kind {
	case KindStep:
		made.Step = c.step(e)
	case KindFlow:
		made.Flow = c.elements(e.Steps)
	case KindSplit:
		made.Split = c.elements(e.Flows)
		made.Threads = int(presentValue(c, e.Threads, 0, within(1, chunk.MaxThreads)))
	case KindDecision:
		made.Decider = c.decider(e)
	case KindNone:
	}
	return made
}

// step makes a step, of whatever it runs.
func (c *compiler) step(e *Element) *core.Step {
	before := c.at
	defer func() { c.at = before }()
	c.properties(e.Properties, place{step: e})
	c.at = place{step: e, parts: e.Partition != nil}
	step := c.body(e)
	if e.Partition != nil {
		c.at.parts = false
		step = c.partition(e, step)
	}
	c.at.parts = false
	step.AllowStartIfComplete = presentValue(c, e.AllowStartIfComplete, false, parseBool)
	step.StartLimit = int(presentValue(c, e.StartLimit, 0, within(0, math.MaxInt32)))
	step.Listener = c.stepListener(e.Listeners)
	return step
}

// body makes the step that does the work of e: all of it, or that of a part.
func (c *compiler) body(e *Element) *core.Step {
	id := e.ID.Value
	switch {
	case e.Exec != nil:
		return c.exec(e)
	case e.SQL != nil:
		return c.sql(e)
	case e.Chunk != nil:
		return c.timed(e, c.chunk(e))
	case e.Job != nil:
		return c.timed(e, c.jobStep(e))
	}
	return &core.Step{Name: id, Bind: func(*core.Scope) (core.StepBody, error) { // the loader has reported it
		return nil, c.fault(e.Pos, "step %s does nothing", core.Quote(id))
	}}
}

// review lets core and flow say what they have against the whole, and finds the
// places that they mean.
func (c *compiler) review() {
	if err := c.made.Check(); err != nil {
		c.locate(err)
		return
	}
	before := len(c.problems)
	c.locate(c.withoutUnreached(flow.Check(c.made)))
	if len(c.problems) == before {
		c.ways(c.tree.Steps)
	}
}

// mentioned finds the first element in a message, and transition the pattern.
var (
	mentioned  = lateRegexp(`(?:element|flow step|flow|split|branch|step|decision|name|circle:|steps are named) ("(?:[^"\\]|\\.)*")`)
	transition = lateRegexp(`transition on ("(?:[^"\\]|\\.)*")`)
)

func (c *compiler) locate(err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		if _, one := err.(*core.Error); !one { //nolint:errorlint // the outermost is meant
			for _, err := range joined.Unwrap() {
				c.locate(err)
			}
			return
		}
	}
	msg := err.Error()
	if e, ok := errors.AsType[*core.Error](err); ok && e.Msg != "" {
		msg = e.Msg
	}
	c.report(c.placeOf(msg), core.Hint(err), "%s", msg)
}

// placeOf finds the place that a message is about.
func (c *compiler) placeOf(msg string) Pos {
	match := mentioned().FindStringSubmatch(msg)
	if match == nil {
		return c.tree.Name.Pos()
	}
	name, _ := strconv.Unquote(match[1])
	e := c.ids[name]
	if e == nil {
		return c.tree.Name.Pos()
	}
	at := e.ID.Pos()
	on := transition().FindStringSubmatch(msg)
	if on == nil {
		if strings.Contains(msg, `: next "`) && e.Next.Given() {
			return e.Next.Pos()
		}
		return at
	}
	pattern, _ := strconv.Unquote(on[1])
	for _, t := range slices.Backward(e.Transitions) { // of two on the same pattern the later is meant
		if t.On.Value == pattern || t.On.Value == "" && pattern == "*" {
			return t.Pos
		}
	}
	return at
}
