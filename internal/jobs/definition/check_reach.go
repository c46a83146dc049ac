package definition

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// unreached finds the element, the level and the first of a message of flow.
var unreached = lateRegexp(`^element ("(?:[^"\\]|\\.)*") of (.*) is never reached: nothing leads to it from ("(?:[^"\\]|\\.)*"), the first$`)

// lost are the elements of a level that are never reached.
type lost struct {
	level, first string
	ids          []string
}

// withoutUnreached reports the elements that are never reached, all of a level at
// once, and returns what else there is. A plain list in which one way is written
// down is the usual reason.
func (c *compiler) withoutUnreached(err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err
	}
	var levels []*lost
	var rest []error
	for _, err := range joined.Unwrap() {
		e, _ := errors.AsType[*core.Error](err)
		if e == nil {
			rest = append(rest, err)
			continue
		}
		match := unreached().FindStringSubmatch(e.Msg)
		if match == nil {
			rest = append(rest, err)
			continue
		}
		i := slices.IndexFunc(levels, func(l *lost) bool { return l.level == match[2] })
		if i < 0 {
			i = len(levels)
			levels = append(levels, &lost{level: match[2], first: match[3]})
		}
		id, _ := strconv.Unquote(match[1]) // quoted by core
		levels[i].ids = append(levels[i].ids, id)
	}
	for _, l := range levels {
		c.reportLost(l)
	}
	return errors.Join(rest...)
}

func (c *compiler) reportLost(l *lost) {
	const most = 5
	quoted := make([]string, 0, len(l.ids))
	for _, id := range l.ids {
		quoted = append(quoted, core.Quote(id))
	}
	hint := ""
	if ways := c.waysTo(l); len(ways) > 0 {
		hint = "transitions or next anywhere in a level make all ways in it explicit: write " + listed(ways, "and")
	}
	at := c.tree.Name.Pos()
	if e := c.ids[l.ids[0]]; e != nil {
		at = e.ID.Pos()
	}
	if len(quoted) == 1 {
		c.report(at, hint, "element %s of %s is never reached: nothing leads to it from %s, the first", quoted[0], l.level, l.first)
		return
	}
	if more := len(quoted) - most; more > 1 {
		quoted = append(quoted[:most], strconv.Itoa(more)+" more")
	}
	c.report(at, hint, "elements %s of %s are never reached: nothing leads to them from %s, the first", listed(quoted, "and"), l.level, l.first)
}

// waysTo returns what to write so that the elements are reached in their order,
// and that the last of them does not end the level unawares.
func (c *compiler) waysTo(l *lost) (ways []string) {
	const most = 8
	ends := "the job"
	if !strings.HasSuffix(l.level, "outermost level") {
		ends = "the flow"
	}
	for _, id := range l.ids {
		level, i := standing(c.tree.Steps, id)
		switch {
		case i == 0 || level[i-1].leadsTo(id):
		case level[i-1].passesBy():
			ways = append(ways, "a way to "+core.Quote(id)+" from an element before it")
		default:
			ways = append(ways, "next: "+id+" below "+core.Quote(level[i-1].ID.Value))
		}
		if i+1 < len(level) && !level[i].leads() && !slices.Contains(l.ids, level[i+1].ID.Value) {
			ways = append(ways, "next: "+level[i+1].ID.Value+" below "+core.Quote(id)+" (else "+core.Quote(id)+" ends "+ends+")")
		}
	}
	if len(ways) > most {
		ways = append(ways[:most-1], "so on, down to "+ways[len(ways)-1])
	}
	return ways
}

// leads reports whether it is written down where an element leads.
func (e *Element) leads() bool { return e.Next.Given() || len(e.Transitions) > 0 }

// leadsTo reports whether e has a way to an element.
func (e *Element) leadsTo(id string) bool {
	return e.Next.Value == id || slices.ContainsFunc(e.Transitions, func(t Transition) bool { return t.To.Value == id })
}

// passesBy reports whether e has a next already, or would never take one.
func (e *Element) passesBy() bool {
	return e.Next.Given() || e.Kind != KindDecision && e.takes(core.ExitCodeCompleted) != nil
}

// takes returns the transition that takes an exit status, nil when none does.
func (e *Element) takes(status string) *Transition {
	for i := range e.Transitions {
		if core.MatchExitCode(e.Transitions[i].On.Value, status) {
			return &e.Transitions[i]
		}
	}
	return nil
}

// standing returns the level in which an element stands, and where; nil when there
// is no such element.
func standing(list []Element, id string) (level []Element, i int) {
	for i := range list {
		if list[i].ID.Value == id {
			return list, i
		}
		for _, below := range [][]Element{list[i].Steps, list[i].Flows} {
			if level, j := standing(below, id); level != nil {
				return level, j
			}
		}
	}
	return nil, 0
}
