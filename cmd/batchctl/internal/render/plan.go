package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// planned is a line of the plan of a job: an element, with the ways that lead on
// from it as notes.
type planned struct {
	indent int
	label  string
	kind   string
	step   *core.Step // nil: the element is no step
	notes  []Cell
}

// plan draws the steps of a job in the order in which they are written down, and
// the ways between them where they are not one behind the other. Where the table
// is too wide for the terminal, columns that say nothing are left out.
func (p *Printer) plan(j *core.Job) Table {
	var lines []planned
	for _, s := range j.Steps {
		lines = planStep(lines, s, 0)
	}
	lines = planLevel(lines, j.Flow, 0, wholeJob)
	fields := planFields(lines)
	t := planTable(lines, fields)
	if t.fitsDecently(p.Style) {
		return t
	}
	return planTable(lines, slices.DeleteFunc(fields, func(f field[planned]) bool {
		return f.usual != "" && !slices.ContainsFunc(lines, func(l planned) bool { return l.step != nil && f.cell(l).Text != f.usual })
	}))
}

func planTable(lines []planned, fields []field[planned]) Table {
	t := tabulate(lines, fields)
	t.Notes = map[int][]Cell{}
	for i, l := range lines {
		for _, note := range l.notes {
			note.Indent = l.indent + 2*indentation
			t.Notes[i] = append(t.Notes[i], note)
		}
	}
	return t
}

func planFields(lines []planned) []field[planned] {
	fields := []field[planned]{
		{title: "STEP", wrap: true, cell: func(l planned) Cell { return Cell{Text: l.label, Indent: l.indent} }},
		{title: "KIND", wrap: true, cell: func(l planned) Cell { return Cell{Text: l.kind} }},
		{title: "START LIMIT", usual: "none", right: true, cell: func(l planned) Cell {
			switch {
			case l.step == nil:
				return Cell{}
			case l.step.StartLimit == 0:
				return Cell{Text: "none"}
			}
			return Cell{Text: strconv.Itoa(l.step.StartLimit)}
		}},
		{title: "AGAIN IF COMPLETE", usual: "no", cell: func(l planned) Cell {
			if l.step == nil {
				return Cell{}
			}
			return yes(l.step.AllowStartIfComplete)
		}},
	}
	for _, l := range lines {
		if l.kind != "" {
			return fields
		}
	}
	return append(fields[:1], fields[2:]...)
}

// wholeJob is what ends with the last element of the outermost level.
const wholeJob = "the job"

// planLevel adds the elements of a level; owner is what ends with its last one.
func planLevel(lines []planned, level []core.Element, indent int, owner string) []planned {
	ways := hasWays(level)
	for i := range level {
		e := &level[i]
		first := len(lines)
		switch {
		case e.Step != nil:
			lines = planStep(lines, e.Step, indent)
		case e.Decider != nil:
			lines = append(lines, planned{indent: indent, label: "? " + e.ID(), kind: "decision"})
		case len(e.Split) > 0:
			kind := "split"
			if e.Threads > 0 && e.Threads < len(e.Split) {
				kind += fmt.Sprintf(", %d at a time", e.Threads)
			}
			lines = append(lines, planned{indent: indent, label: e.ID(), kind: kind})
			for j := range e.Split {
				lines = planBranch(lines, &e.Split[j], indent+indentation)
			}
		default:
			lines = append(lines, planned{indent: indent, label: e.ID(), kind: "flow"})
			lines = planLevel(lines, e.Flow, indent+indentation, "flow "+e.ID())
		}
		if ways {
			lines[first].notes = append(lines[first].notes, waysOn(e, owner)...)
		}
	}
	return lines
}

// planBranch adds a branch of a split.
func planBranch(lines []planned, e *core.Element, indent int) []planned {
	return planLevel(lines, []core.Element{*e}, indent, "")
}

// hasWays reports whether the ways of a level are written down; otherwise its
// elements follow each other.
func hasWays(level []core.Element) bool {
	for i := range level {
		if level[i].Next != "" || len(level[i].Transitions) > 0 {
			return true
		}
	}
	return false
}

// waysOn are the ways that lead on from an element.
func waysOn(e *core.Element, owner string) []Cell {
	var ways []Cell
	for _, t := range e.Transitions {
		ways = append(ways, Cell{Text: "on " + pattern(t.On) + " -> " + target(t, owner)})
	}
	switch {
	case e.Next != "":
		ways = append(ways, Cell{Text: "next -> " + e.Next})
	case len(e.Transitions) == 0:
		ways = append(ways, Cell{Text: "ends " + owner})
	}
	return ways
}

func pattern(on string) string {
	if on == "" {
		return "*"
	}
	return on
}

// target says where a transition leads to, and how it ends the job. In a level of
// its own, which belongs to owner, it says that it is the job which ends.
func target(t core.Transition, owner string) string {
	var b strings.Builder
	b.WriteString(t.To)
	switch {
	case owner == wholeJob:
	case t.To == core.ToEnd:
		b.WriteString(" of " + wholeJob)
	case t.To == core.ToFail, t.To == core.ToStop:
		b.WriteString(", which ends " + wholeJob)
	}
	if t.ExitCode != "" {
		b.WriteString(" with exit code " + t.ExitCode)
	}
	if t.Restart != "" {
		b.WriteString(", a restart begins at " + t.Restart)
	}
	return b.String()
}

// article puts an article before the kind of a step.
func article(kind string) string {
	if kind != "" && strings.ContainsRune("aeio", rune(kind[0])) {
		return "an " + kind
	}
	return "a " + kind
}

// planStep adds a step, and what it is made of.
func planStep(lines []planned, s *core.Step, indent int) []planned {
	l := planned{indent: indent, label: s.Name, kind: s.Kind, step: s}
	switch {
	case s.Job != "":
		l.notes = append(l.notes, Cell{Text: "launches " + s.Job})
	case s.Worker != nil:
		note := strings.Join(strings.Fields("in parts, each "+article(s.Worker.Kind)+" step "+s.Worker.Name), " ")
		if s.Worker.Job != "" {
			note += ", which launches " + s.Worker.Job
		}
		l.notes = append(l.notes, Cell{Text: note})
	}
	lines = append(lines, l)
	return planLevel(lines, s.Flow, indent+indentation, "step "+s.Name)
}
