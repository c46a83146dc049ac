package definition

import (
	"slices"

	"github.com/batchctl/batchctl/internal/core"
)

// order says what may have run when an element starts, by the ids of elements and
// steps: what has a way to it, and what runs beside it in a split. Two that are in
// neither list of each other are ways of which one is taken.
type order struct {
	before map[string][]string
	beside map[string][]string
	// lost: some element is never reached, so that nothing can be told of what runs
	// before what.
	lost bool
}

// orderOf finds the order of a job. A way is also that of a stop whose restart
// begins elsewhere: what had run by then has run in the same instance.
func orderOf(elements []Element) *order {
	o := &order{before: map[string][]string{}, beside: map[string][]string{}}
	o.level(elements, nil, nil)
	return o
}

// level notes the elements of a level, before which and beside which other steps
// may have run.
func (o *order) level(elements []Element, before, beside []string) {
	ways := waysOf(elements)
	for i := range elements {
		e := &elements[i]
		o.lost = o.lost || i > 0 && !comesTo(ways, i)[0]
		earlier := slices.Clone(before)
		for j, reached := range comesTo(ways, i) {
			if reached {
				earlier = append(earlier, stepIDs(elements[j:j+1])...)
			}
		}
		o.before[e.ID.Value], o.beside[e.ID.Value] = earlier, beside
		o.level(e.Steps, earlier, beside)
		for j := range e.Flows {
			others := slices.Clone(beside)
			for k := range e.Flows {
				if k != j {
					others = append(others, stepIDs(e.Flows[k:k+1])...)
				}
			}
			o.before[e.Flows[j].ID.Value], o.beside[e.Flows[j].ID.Value] = earlier, others
			o.level(e.Flows[j].Steps, earlier, others)
		}
	}
}

// waysOf returns to which elements of a level each of them leads.
func waysOf(elements []Element) [][]int {
	ways := make([][]int, len(elements))
	free := !slices.ContainsFunc(elements, func(e Element) bool { return e.Next.Given() || len(e.Transitions) > 0 })
	for i := range elements {
		if free && i+1 < len(elements) {
			ways[i] = append(ways[i], i+1)
		}
		for _, name := range targets(&elements[i]) {
			if j := slices.IndexFunc(elements, func(e Element) bool { return e.ID.Value == name }); j >= 0 {
				ways[i] = append(ways[i], j)
			}
		}
	}
	return ways
}

// targets are the ids that an element leads to, and of what is inside of it those
// at which a restart begins.
func targets(e *Element) []string {
	names := []string{e.Next.Value}
	for _, t := range e.Transitions {
		names = append(names, t.To.Value)
	}
	return append(names, restarts([]Element{*e})...)
}

func restarts(elements []Element) (names []string) {
	for i := range elements {
		e := &elements[i]
		for _, t := range e.Transitions {
			if t.Restart.Given() {
				names = append(names, t.Restart.Value)
			}
		}
		names = append(append(names, restarts(e.Steps)...), restarts(e.Flows)...)
	}
	return names
}

// comesTo returns which elements have a way to the one at i.
func comesTo(ways [][]int, i int) []bool {
	reached := make([]bool, len(ways))
	for todo := []int{i}; len(todo) > 0; todo = todo[1:] {
		for from := range ways {
			if !reached[from] && slices.Contains(ways[from], todo[0]) {
				reached[from] = true
				todo = append(todo, from)
			}
		}
	}
	return reached
}

// stepIDs returns the ids of all steps in elements.
func stepIDs(elements []Element) (ids []string) {
	for i := range elements {
		if elements[i].Kind == KindStep {
			ids = append(ids, elements[i].ID.Value)
		}
		ids = append(ids, stepIDs(elements[i].Steps)...)
		ids = append(ids, stepIDs(elements[i].Flows)...)
	}
	return ids
}

// earlier reports whether a step may have run when an element starts.
func (o *order) earlier(step, element string) bool { return slices.Contains(o.before[element], step) }

// together reports whether both steps can run in one execution.
func (o *order) together(a, b string) bool {
	return a == b || o.earlier(a, b) || o.earlier(b, a) || slices.Contains(o.beside[a], b)
}

// notYet returns why the step of a reference has no values for what stands around a reference, ""
// when it may have some.
func (c *checker) notYet(r *Reference, a around) (why, hint string) {
	id, _ := splitStepKey(r.Key)
	anyway := "ask an earlier step, or give it a default: #{" + r.String() + " ?: '0'}"
	switch {
	case a.whenever:
	case a.step == nil:
		return "no step has run before the job begins: " + core.Quote(id), anyway
	case id == a.step.ID.Value && a.ended:
	case id == a.step.ID.Value:
		return "the step " + core.Quote(id) + " asks for itself, and has not run yet", anyway
	case slices.Contains(c.order.beside[a.step.ID.Value], id):
		return "the step " + core.Quote(id) + " runs at the same time, in another flow of the split", anyway
	case !c.order.lost && !c.order.earlier(id, a.step.ID.Value):
		return "the step " + core.Quote(id) + " cannot have run when " + core.Quote(a.step.ID.Value) + " starts", anyway
	}
	return "", ""
}
