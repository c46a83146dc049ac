package flow

import (
	"iter"

	"github.com/batchctl/batchctl/internal/core"
)

// level is a list of elements that lead to each other.
type level struct {
	nodes []*node
	index map[string]int
	// sequence: no element says where it leads, so each leads to the one below.
	sequence bool
}

// node is an element in its place.
type node struct {
	*core.Element
	id       string
	level    *level // that it is part of; nil for a branch of a split
	flow     *level // of a nested flow
	branches []*node
}

// compile builds the level of elements. It takes them as they are: a target
// that is unknown shows when it is looked up.
func compile(elements []core.Element) *level {
	l := &level{index: make(map[string]int, len(elements)), sequence: isSequence(elements)}
	for i := range elements {
		n := newNode(&elements[i], l)
		l.index[n.id] = i
		l.nodes = append(l.nodes, n)
	}
	return l
}

func newNode(e *core.Element, l *level) *node {
	n := &node{Element: e, id: e.ID(), level: l}
	if e.Flow != nil {
		n.flow = compile(e.Flow)
	}
	for i := range e.Split {
		n.branches = append(n.branches, newNode(&e.Split[i], nil))
	}
	return n
}

// isSequence reports whether no element of a level says where it leads.
func isSequence(elements []core.Element) bool {
	for _, e := range elements {
		if e.Next != "" || len(e.Transitions) > 0 {
			return false
		}
	}
	return true
}

// simple writes the steps of a simple job down as elements.
func simple(steps []*core.Step) []core.Element {
	elements := make([]core.Element, len(steps))
	for i, s := range steps {
		elements[i].Step = s
	}
	return elements
}

// find returns the element of l with that name, or nil.
func (l *level) find(id string) *node {
	if i, ok := l.index[id]; ok {
		return l.nodes[i]
	}
	return nil
}

// match returns the first transition of n that takes code, or nil.
func (n *node) match(code string) *core.Transition {
	for i := range n.Transitions {
		if t := &n.Transitions[i]; core.MatchExitCode(t.On, code) {
			return t
		}
	}
	return nil
}

// steps returns every step below n that has executions of its own name.
func (n *node) steps() iter.Seq[*core.Step] {
	return (&core.Job{Flow: []core.Element{*n.Element}}).AllSteps()
}

// follows returns the elements of its level to which n may lead.
func (n *node) follows() []*node {
	var next []*node
	add := func(id string) {
		if to := n.level.find(id); to != nil {
			next = append(next, to)
		}
	}
	if n.level.sequence {
		if i := n.level.index[n.id] + 1; i < len(n.level.nodes) {
			next = append(next, n.level.nodes[i])
		}
		return next
	}
	add(n.Next)
	for _, t := range n.Transitions {
		add(t.To)
	}
	return next
}

// ahead returns n and all elements of its level that can be reached from it,
// also by a stop and the restart after it.
func (n *node) ahead() map[*node]bool {
	seen := map[*node]bool{}
	var visit func(*node)
	visit = func(n *node) {
		if n == nil || seen[n] {
			return
		}
		seen[n] = true
		for _, next := range n.follows() {
			visit(next)
		}
		for _, t := range restarts(n.Element) {
			visit(n.level.find(t.Restart))
		}
	}
	visit(n)
	return seen
}

// StepsAhead returns the element at which a restart begins where the context of
// the last execution is ec, and the names of the steps that it can come to from
// there. ok is false where it begins at the first element.
func StepsAhead(j *core.Job, ec core.ExecutionContext) (target string, steps map[string]bool, ok bool) {
	target, ok, err := ec.String(core.ContextKeyRestart)
	if !ok || err != nil {
		return "", nil, false
	}
	n := compile(j.Flow).find(target)
	if n == nil {
		return "", nil, false
	}
	steps = map[string]bool{}
	for ahead := range n.ahead() {
		for step := range ahead.steps() {
			steps[step.Name] = true
		}
	}
	return target, steps, true
}

// restarts returns the transitions with a restart of e and of all below it, each
// with its element.
func restarts(e *core.Element) iter.Seq2[*core.Element, core.Transition] {
	return func(yield func(*core.Element, core.Transition) bool) { yieldRestarts(e, yield) }
}

func yieldRestarts(e *core.Element, yield func(*core.Element, core.Transition) bool) bool {
	for _, t := range e.Transitions {
		if t.Restart != "" && !yield(e, t) {
			return false
		}
	}
	for _, below := range [][]core.Element{e.Flow, e.Split} {
		for i := range below {
			if !yieldRestarts(&below[i], yield) {
				return false
			}
		}
	}
	return true
}
