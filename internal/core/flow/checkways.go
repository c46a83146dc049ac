package flow

import (
	"fmt"
	"slices"

	"github.com/batchctl/batchctl/internal/core"
)

// ways checks where e, one of elements, leads, and reports whether all of its
// targets exist.
func (c *checker) ways(elements []core.Element, e *core.Element, s scope) (sound bool) {
	name := core.Quote(e.ID())
	sound = true
	switch {
	case e.Next == "":
	case isReserved(e.Next):
		c.add("element %s: next %s is no element; to end the job there, write a transition to it",
			name, core.Quote(e.Next))
		sound = false
	default:
		sound = c.target(elements, e.Next, fmt.Sprintf("element %s: next", name), s, false)
	}
	for i, t := range e.Transitions {
		what := fmt.Sprintf("element %s: transition on %s", name, core.Quote(pattern(t)))
		c.hidden(e.Transitions[:i], t, what)
		if isReserved(t.To) {
			if s.inStep {
				c.add("%s: %s ends the job, which nothing in a flow step can; use a nested flow instead of the flow step", what, t.To)
			}
		} else {
			sound = c.target(elements, t.To, what+" to", s, true) && sound
		}
		c.ending(t, what)
	}
	return sound
}

// hidden reports a pattern that an earlier one leaves nothing for.
func (c *checker) hidden(earlier []core.Transition, t core.Transition, what string) {
	for _, before := range earlier {
		switch {
		case pattern(before) == pattern(t):
			c.add("%s: there is another on the same pattern before it", what)
			return
		case covers(before.On, t.On):
			c.add("%s: it is never taken, because %s before it takes all that it would", what, core.Quote(pattern(before)))
			return
		}
	}
}

// ending checks what only transitions that end the job may have.
func (c *checker) ending(t core.Transition, what string) {
	if t.ExitCode != "" && !isReserved(t.To) {
		c.add("%s: the exit code %s means nothing here: only end, fail and stop give the job one",
			what, core.Quote(t.ExitCode))
	}
	switch {
	case t.Restart == "":
	case t.To != core.ToStop:
		c.add("%s: restart %s means nothing here: only a stop has it", what, core.Quote(t.Restart))
	case !c.top[t.Restart]:
		msg := fmt.Sprintf("%s: restart %s is no element of the job's outermost level", what, core.Quote(t.Restart))
		c.add("%s", msg+suggest(t.Restart, c.topNames()))
	}
}

// restarts reports a stop in one branch of a split whose restart is not that of
// another branch. When both stop the job, a restart begins at one element, and
// would end without what the other leads to.
func (c *checker) restarts(split *core.Element) {
	for i := range split.Split {
		for e, t := range restarts(&split.Split[i]) {
			for j := range i {
				for other, u := range restarts(&split.Split[j]) {
					if t.Restart == u.Restart || t.To != core.ToStop || u.To != core.ToStop {
						continue
					}
					c.add("element %s: transition on %s: restart %s is not that of element %s in another branch of split %s, which is %s: "+
						"when both stop the job, a restart would pass one of them over; they must name the same element",
						core.Quote(e.ID()), core.Quote(pattern(t)), core.Quote(t.Restart), core.Quote(other.ID()),
						core.Quote(split.ID()), core.Quote(u.Restart))
					return
				}
			}
		}
	}
}

// target checks that to is an element of the level, and reports whether it is.
func (c *checker) target(elements []core.Element, to, what string, s scope, words bool) bool {
	if to == "" {
		c.add("%s nowhere: it needs the name of an element, or end, fail or stop", what)
		return false
	}
	if slices.ContainsFunc(elements, func(e core.Element) bool { return e.ID() == to }) {
		return true
	}
	names := make([]string, 0, len(elements)+3)
	for i := range elements {
		names = append(names, elements[i].ID())
	}
	if words {
		names = append(names, core.ToEnd, core.ToFail, core.ToStop)
	}
	what += " " + core.Quote(to)
	at, exists := c.places[to]
	switch {
	case !exists:
		c.add("%s: there is no such element%s", what, suggest(to, names))
	case slices.Contains(names, at.element):
		c.add("%s: that is the step of element %s; name the element", what, core.Quote(at.element))
	default:
		c.add("%s: it is an element of %s, and cannot be reached from %s", what, at.where, s.where)
	}
	return false
}

// suggest names what was probably meant.
func suggest(name string, names []string) string {
	if near := core.Nearest(name, names); near != "" {
		return "; did you mean " + core.Quote(near) + "?"
	}
	return ""
}

func (c *checker) topNames() []string {
	names := make([]string, 0, len(c.top))
	for name := range c.top {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
