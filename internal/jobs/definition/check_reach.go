package definition

import (
	"errors"
	"slices"
	"strconv"

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
	var ways []string
	for _, id := range l.ids {
		quoted = append(quoted, core.Quote(id))
		if before := elementBefore(c.tree.Steps, id); before != nil && !before.Next.Given() && len(ways) < most {
			ways = append(ways, "next: "+id+" below "+core.Quote(before.ID.Value))
		}
	}
	hint := ""
	if len(ways) > 0 {
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

// elementBefore returns the element that stands before another in its level, nil
// when it is the first.
func elementBefore(list []Element, id string) *Element {
	for i := range list {
		if list[i].ID.Value == id {
			if i == 0 {
				return nil
			}
			return &list[i-1]
		}
		for _, below := range [][]Element{list[i].Steps, list[i].Flows} {
			if e := elementBefore(below, id); e != nil {
				return e
			}
		}
	}
	return nil
}
