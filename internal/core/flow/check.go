package flow

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/batchctl/batchctl/internal/core"
)

// Check reports everything that is wrong with the flow of job and with those of
// its flow steps, as an ErrJobDefinition with one line for each problem: a job
// that passes it has no way that leads nowhere or round in a circle, and no
// transition that could never be taken. A simple job without flow steps passes.
func Check(job *core.Job) error {
	c := &checker{job: job.Name, places: map[string]place{}, top: map[string]bool{}}
	elements := job.Flow
	if len(elements) == 0 {
		elements = simple(job.Steps)
	}
	if len(elements) == 0 {
		c.add("the job has neither steps nor a flow")
	}
	for i := range elements {
		c.top[elements[i].ID()] = true
	}
	c.claim(elements, place{where: "the job's outermost level"})
	if len(job.Flow) > 0 {
		c.level(job.Flow, scope{where: "the job's outermost level"})
	} else {
		for _, s := range job.Steps {
			c.step(s)
		}
	}
	return errors.Join(c.problems...)
}

// checker collects problems.
type checker struct {
	job      string
	problems []error
	// places tells for each name where it stands.
	places map[string]place
	// top are the elements of the outermost level.
	top map[string]bool
}

// place is where a name stands.
type place struct {
	where string
	// element is the name by which transitions mean it.
	element string
}

// scope is what the elements of a level have in common.
type scope struct {
	where  string
	inStep bool // of a flow step, where nothing ends the job
}

func (c *checker) add(format string, args ...any) {
	c.problems = append(c.problems, &core.Error{
		Kind: core.ErrJobDefinition, Op: "job " + core.Quote(c.job), Msg: fmt.Sprintf(format, args...),
	})
}

// claim notes the names of elements and of all below them, and reports those
// that are used twice.
func (c *checker) claim(elements []core.Element, at place) {
	for i := range elements {
		e := &elements[i]
		at.element = e.ID()
		c.claimName(e.ID(), at)
		if e.Step != nil {
			c.claimStep(e, at)
		}
		c.claim(e.Flow, place{where: "flow " + core.Quote(e.ID())})
		c.claim(e.Split, place{where: "split " + core.Quote(e.ID())})
	}
}

func (c *checker) claimStep(e *core.Element, at place) {
	if e.ID() != e.Step.Name {
		c.claimName(e.Step.Name, at)
	}
	c.claim(e.Step.Flow, place{where: "flow step " + core.Quote(e.Step.Name)})
}

func (c *checker) claimName(name string, at place) {
	if name == "" {
		return // reported with its element
	}
	if before, used := c.places[name]; used {
		c.add("the name %s is used twice, in %s and in %s", core.Quote(name), before.where, at.where)
		return
	}
	c.places[name] = at
}

// level checks elements that lead to each other.
func (c *checker) level(elements []core.Element, s scope) {
	sound := true
	for i := range elements {
		e := &elements[i]
		c.name(e.ID(), s)
		sound = c.ways(elements, e, s) && sound
		c.content(e, s)
	}
	if l := compile(elements); sound && len(l.index) == len(l.nodes) { // else what follows would only follow from that
		c.graph(l, s)
	}
}

// name checks the name of an element.
func (c *checker) name(name string, s scope) {
	switch {
	case name == "":
		c.add("an element of %s has no name", s.where)
	case isReserved(name):
		c.add("element %s: the name is taken by what ends a job; choose another", core.Quote(name))
	case strings.Contains(name, ":"):
		c.add(`element %s: the name must not contain ":", which stands before the name of a part`, core.Quote(name))
	case len(utf16.Encode([]rune(name))) > core.MaxName:
		c.add("element %s: the name must have 1 to %d characters", core.Quote(name), core.MaxName)
	}
}

func isReserved(name string) bool {
	return name == core.ToEnd || name == core.ToFail || name == core.ToStop
}

// content checks what the element does.
func (c *checker) content(e *core.Element, s scope) {
	var kinds []string
	for kind, set := range map[string]bool{
		"a step": e.Step != nil, "a flow": e.Flow != nil, "a split": e.Split != nil, "a decision": e.Decider != nil,
	} {
		if set {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	name := core.Quote(e.ID())
	switch {
	case len(kinds) == 0:
		c.add("element %s does nothing: it must be a step, a flow, a split or a decision", name)
	case len(kinds) > 1:
		c.add("element %s is %s at once: it must be one of them", name, strings.Join(kinds, " and "))
	case e.Step != nil:
		c.step(e.Step)
	case e.Decider != nil:
		if len(e.Transitions) == 0 {
			c.add("decision %s has no transitions, so its answer says no way", name)
		}
	case e.Split != nil:
		c.split(e, s)
	case len(e.Flow) == 0:
		c.add("flow %s is empty", name)
	default:
		c.level(e.Flow, scope{where: "flow " + name, inStep: s.inStep})
	}
	if e.Split == nil && e.Threads != 0 {
		c.add("element %s: threads %d means nothing here: it is no split", name, e.Threads)
	}
}

// step checks the flow of a flow step.
func (c *checker) step(s *core.Step) {
	name := core.Quote(s.Name)
	if s.Worker != nil && len(s.Worker.Flow) > 0 {
		c.add("step %s: a flow step cannot be partitioned: its steps would have the same names in every part", name)
	}
	switch {
	case len(s.Flow) > 0:
		c.level(s.Flow, scope{where: "flow step " + name, inStep: true})
	case s.Kind == kindFlow:
		c.add("flow step %s is empty", name)
	}
}

// split checks a split and its branches.
func (c *checker) split(e *core.Element, s scope) {
	name := core.Quote(e.ID())
	if len(e.Split) == 0 {
		c.add("split %s has no branches", name)
	}
	if e.Threads < 0 {
		c.add("split %s: threads is %d; it must be 0, for all at once, or more", name, e.Threads)
	}
	within := scope{where: "split " + name, inStep: s.inStep}
	for i := range e.Split {
		b := &e.Split[i]
		c.name(b.ID(), within)
		branch := core.Quote(b.ID())
		if b.Next != "" {
			c.add("branch %s of split %s has next %s: a branch leads nowhere, the split does",
				branch, name, core.Quote(b.Next))
		}
		if len(b.Transitions) > 0 {
			c.add("branch %s of split %s has transitions: a branch leads nowhere; put it into a flow, or the transitions to the split",
				branch, name)
		}
		if b.Decider != nil || b.Split != nil {
			c.add("branch %s of split %s must be a step or a flow: put it into a flow", branch, name)
			continue
		}
		c.content(b, within)
	}
	c.restarts(e)
}

// graph checks how the elements of a level hang together.
func (c *checker) graph(l *level, s scope) {
	circle := findCircle(l)
	if circle != nil {
		names := make([]string, len(circle))
		for i, n := range circle {
			names[i] = core.Quote(n.id)
		}
		c.add("%s goes round in a circle: %s", s.where, strings.Join(names, " -> "))
	}
	reached := l.nodes[0].ahead()
	for _, n := range l.nodes {
		if !reached[n] {
			c.add("element %s of %s is never reached: nothing leads to it from %s, the first",
				core.Quote(n.id), s.where, core.Quote(l.nodes[0].id))
		}
	}
	for _, n := range l.nodes {
		if reached[n] && !slices.ContainsFunc(slices.Collect(maps.Keys(n.ahead())), ends) {
			c.add("no way leads from element %s of %s to an end", core.Quote(n.id), s.where)
		}
	}
}

// ends reports whether n can be the last of its level.
func ends(n *node) bool {
	return n.Next == "" && len(n.Transitions) == 0 && (!n.level.sequence || n == n.level.nodes[len(n.level.nodes)-1]) ||
		slices.ContainsFunc(n.Transitions, func(t core.Transition) bool { return isReserved(t.To) })
}

// findCircle returns the elements of a circle, the first of them once more at
// the end, or nil.
func findCircle(l *level) []*node {
	done := map[*node]bool{}
	var way []*node
	var visit func(n *node) []*node
	visit = func(n *node) []*node {
		if i := slices.Index(way, n); i >= 0 {
			return append(slices.Clone(way[i:]), n)
		}
		if done[n] {
			return nil
		}
		way = append(way, n)
		for _, next := range n.follows() {
			if circle := visit(next); circle != nil {
				return circle
			}
		}
		way = way[:len(way)-1]
		done[n] = true
		return nil
	}
	for _, n := range l.nodes {
		if circle := visit(n); circle != nil {
			return circle
		}
	}
	return nil
}
