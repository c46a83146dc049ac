package definition

import (
	"slices"

	"github.com/batchctl/batchctl/internal/core"
)

// Warnings returns what may be meant in f, which has no problems, and is a mistake
// more often: an element that ends the job before the last, and one that has no way
// for COMPLETED though it may have that exit status.
func Warnings(f *File) Problems {
	w := &warner{f: f}
	w.level(f.Job.Steps, "the job", "; or transitions: [{on: COMPLETED, to: end}], if it is meant")
	sortProblems(w.found)
	return w.found
}

// warner walks a definition.
type warner struct {
	f     *File
	found Problems
}

// level looks at the elements of a level, which is called what; meant says how to
// write that the level ends before the last of them.
func (w *warner) level(elements []Element, what, meant string) {
	ways := slices.ContainsFunc(elements, func(e Element) bool { return e.leads() })
	for i := range elements {
		e := &elements[i]
		if ways && !e.leads() && i+1 < len(elements) {
			below := elements[i+1].ID.Value
			w.found = append(w.found, w.f.problem(e.ID.Pos(), "write next: "+below+meant,
				core.Quote(e.ID.Value)+" ends "+what+" here: it has no next, and "+core.Quote(below)+" stands below it"))
		}
		if found, doubtful := e.noWay(); found && doubtful {
			w.found = append(w.found, w.f.problem(e.ID.Pos(), noWayHint+"; it is right if the exit status is always another",
				e.Kind.String()+" "+noWayText(e)))
		}
		inside := func(e *Element) { w.level(e.Steps, "the flow "+core.Quote(e.ID.Value), ", unless it is meant") }
		inside(e)
		for j := range e.Flows {
			inside(&e.Flows[j])
		}
	}
}
