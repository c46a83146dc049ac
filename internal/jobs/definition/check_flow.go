package definition

import (
	"slices"
	"strconv"

	"github.com/batchctl/batchctl/internal/core"
)

// wholeNumber returns the value of an integer that was checked.
func wholeNumber(t Text) int64 {
	n, _ := strconv.ParseInt(t.Value, 10, 64) // checked by the grammar; what was wrong is reported
	return n
}

// level checks elements that lead to each other. Circles, patterns that hide
// others and elements that are never reached are found when the flow is put
// together.
func (c *checker) level(elements []Element, where string) {
	var names []string
	for i := range elements {
		names = append(names, elements[i].ID.Value)
	}
	for i := range elements {
		e := &elements[i]
		if e.Next.Given() {
			if slices.Contains(reserved, e.Next.Value) {
				c.add(e.Next.Pos(), "transitions: [{on: COMPLETED, to: "+e.Next.Value+"}]",
					"next names an element; what ends the job is reached by a transition")
			} else {
				c.target(e.Next, names, where)
			}
		}
		c.transitions(e, names, where)
		switch e.Kind {
		case KindStep:
			c.step(e)
		case KindFlow:
			c.level(e.Steps, "flow "+core.Quote(e.ID.Value))
		case KindSplit:
			for j := range e.Flows {
				c.level(e.Flows[j].Steps, "flow "+core.Quote(e.Flows[j].ID.Value))
			}
		case KindDecision, KindNone:
		}
	}
}

func (c *checker) transitions(e *Element, names []string, where string) {
	seen := map[string]int{}
	for _, t := range e.Transitions {
		if first := seen[t.On.Value]; first > 0 {
			c.add(t.On.Pos(), "", "there is another transition on %s before it, in line %d", core.Quote(t.On.Value), first)
		}
		if t.On.Given() {
			seen[t.On.Value] = t.On.Line
		}
		if !t.To.Given() {
			continue // reported
		}
		ends := slices.Contains(reserved, t.To.Value)
		if !ends {
			c.target(t.To, append(slices.Clone(names), reserved...), where)
		}
		if t.ExitStatus.Given() && !ends {
			c.add(t.ExitStatus.Pos(), "it belongs to end, fail and stop", "exit-status means nothing here: the job goes on")
		}
		switch {
		case !t.Restart.Given():
		case t.To.Value != core.ToStop:
			c.add(t.Restart.Pos(), "", "restart means something with to: stop only")
		case !slices.Contains(c.top, t.Restart.Value):
			c.add(t.Restart.Pos(), didYouMean(t.Restart.Value, c.top), "restart: there is no element %s at the outermost level", core.Quote(t.Restart.Value))
		}
	}
}

// target checks that an element is one of the level.
func (c *checker) target(t Text, names []string, where string) {
	switch {
	case slices.Contains(names, t.Value):
	case c.ids[t.Value] != nil:
		c.add(t.Pos(), "only elements of the same level can be reached", "%s is an element of another level than that of %s, in line %d",
			core.Quote(t.Value), where, c.ids[t.Value].ID.Line)
	default:
		c.add(t.Pos(), or(didYouMean(t.Value, names), "in "+where+" there are "+listed(names, "and")), "there is no element %s", core.Quote(t.Value))
	}
}
