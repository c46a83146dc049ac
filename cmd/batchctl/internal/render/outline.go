package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// outline arranges the steps of an execution as they ran: in the order in which
// they were started, inside of the flow, the split or the flow step that they
// belong to, and the parts of a partitioned step below it.
type outline struct {
	x      Execution
	root   *place
	places map[string]*place  // of steps, by name
	rows   map[string]*branch // of steps that ran, by name
	parts  map[string][]*core.StepExecution
}

// place is where something stands in the job: the element id of a level, which
// is the flow of another place.
type place struct {
	within *place
	id     string
	label  string
	level  []core.Element
	drawn  *branch // nil while nothing in it has run
}

// branch is a line with what stands below it.
type branch struct {
	id    string // of the element
	label string
	step  *core.StepExecution // nil: the line is a heading
	notes []Cell
	below []Cell // notes behind what the step had to say
	kids  []*branch
}

// line is a line of an outline, ready to be drawn.
type line struct {
	indent int
	label  string
	step   *core.StepExecution
	notes  []Cell
}

// indentation is by how much a level of an outline is moved in.
const indentation = 2

// newOutline arranges x. Without the job everything stands in one level.
func newOutline(x Execution) *outline {
	o := &outline{
		x: x, root: &place{drawn: &branch{}},
		places: map[string]*place{}, rows: map[string]*branch{}, parts: map[string][]*core.StepExecution{},
	}
	levels := []*place{o.root}
	if x.Job != nil {
		o.root.level = x.Job.Flow
		for _, s := range x.Job.Steps {
			levels = o.learnStep(s, s.Name, o.root, levels)
		}
		levels = o.learn(o.root.level, o.root, levels)
	}
	for _, se := range x.Steps {
		if step, part := core.SplitStepName(se.StepName); part != "" {
			o.row(step, nil)
			o.parts[step] = append(o.parts[step], se)
		} else {
			o.row(step, se)
		}
	}
	for step, parts := range o.parts {
		o.fold(o.rows[step], parts)
	}
	for _, p := range levels {
		o.placeDecisions(p)
	}
	if x.Job == nil {
		o.listDecisions()
	}
	return o
}

// learn notes where the steps of a level are, and returns levels with those
// within it.
func (o *outline) learn(level []core.Element, within *place, levels []*place) []*place {
	for i := range level {
		e := &level[i]
		below := &place{within: within, id: e.ID(), label: strings.TrimSpace(e.ID() + " (flow)"), level: e.Flow}
		switch {
		case e.Step != nil:
			levels = o.learnStep(e.Step, e.ID(), within, levels)
			continue
		case len(e.Split) > 0:
			below.level, below.label = e.Split, strings.TrimSpace(e.ID()+" (split)")
		case len(e.Flow) == 0:
			continue
		}
		levels = o.learn(below.level, below, append(levels, below))
	}
	return levels
}

func (o *outline) learnStep(s *core.Step, id string, within *place, levels []*place) []*place {
	p := &place{within: within, id: id, label: s.Name, level: s.Flow}
	o.places[s.Name] = p
	return o.learn(s.Flow, p, append(levels, p))
}

// around returns the names of what a step is inside of, the outermost first.
// What has no name is left out.
func (o *outline) around(name string) (names []string) {
	step, part := core.SplitStepName(name)
	if part != "" {
		names = append(names, step)
	}
	p := o.places[step]
	for p != nil && p.within != o.root {
		if p = p.within; p.id != "" {
			names = append(names, p.id)
		}
	}
	slices.Reverse(names)
	return names
}

// draw returns the branch of p, with a heading where p has none yet.
func (o *outline) draw(p *place) *branch {
	if p.drawn == nil {
		p.drawn = &branch{id: p.id, label: p.label}
		parent := o.draw(p.within)
		parent.kids = append(parent.kids, p.drawn)
	}
	return p.drawn
}

// row adds the row of a step; se is nil for one that is only known by its parts.
// A step that ran twice in an execution has two rows.
func (o *outline) row(name string, se *core.StepExecution) {
	b := o.rows[name]
	switch p := o.places[name]; {
	case b != nil && (se == nil || b.step == nil):
	case b == nil && p != nil:
		b = o.draw(p)
	default:
		parent := o.root
		if p != nil {
			parent = p.within
		}
		b = &branch{id: name, label: name}
		parent.drawn.kids = append(parent.drawn.kids, b)
	}
	o.rows[name] = b
	if se != nil {
		b.step = se
	}
}

// plural is "1 part", "2 parts".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// decision is the line of a decision whose result is known.
func (o *outline) decision(name string) (b *branch, ok bool) {
	result, ok := o.x.Context[core.ContextKeyDecision+name]
	if !ok {
		return nil, false
	}
	return &branch{id: name, label: fmt.Sprintf("? %s -> %v", name, result)}, true
}

// placeDecisions puts the decisions of a level that was drawn before the element
// that they have led to, else behind what stands before them in the job. The
// last comes first, so that one that leads to another finds it.
func (o *outline) placeDecisions(p *place) {
	if p.drawn == nil {
		return
	}
	for i, e := range slices.Backward(p.level) {
		if e.Decider == nil {
			continue
		}
		b, ok := o.decision(e.ID())
		if !ok {
			continue
		}
		next := chosen(e, fmt.Sprint(o.x.Context[core.ContextKeyDecision+e.ID()]))
		at := slices.IndexFunc(p.drawn.kids, func(kid *branch) bool { return kid.id == next })
		if at < 0 {
			at = afterLast(p.drawn.kids, p.level[:i])
		}
		p.drawn.kids = slices.Insert(p.drawn.kids, at, b)
	}
}

// chosen is the name of the element that a decision with this result leads to.
func chosen(e core.Element, result string) string {
	for _, t := range e.Transitions {
		if core.MatchExitCode(t.On, result) {
			return t.To
		}
	}
	return e.Next
}

// afterLast is the index behind the last of kids that is one of elements.
func afterLast(kids []*branch, elements []core.Element) int {
	at := 0
	for i, kid := range kids {
		if slices.ContainsFunc(elements, func(e core.Element) bool { return e.ID() == kid.id }) {
			at = i + 1
		}
	}
	return at
}

// listDecisions adds the decisions of a job that is not known at the end.
func (o *outline) listDecisions() {
	for _, key := range sortedKeys(o.x.Context) {
		if name, ok := strings.CutPrefix(key, core.ContextKeyDecision); ok {
			if b, ok := o.decision(name); ok {
				o.root.drawn.kids = append(o.root.drawn.kids, b)
			}
		}
	}
}

// lines returns the outline from top to bottom.
func (o *outline) lines() []line {
	told := o.x.ExitStatus.Message
	if messages := o.messages(); len(messages) > 1 {
		told = "" // which of them it was is worth a line
	}
	var all []line
	var walk func(kids []*branch, indent int)
	walk = func(kids []*branch, indent int) {
		for _, b := range kids {
			l := line{indent: indent, label: b.label, step: b.step, notes: b.notes}
			if b.step != nil {
				child, launched := o.x.Children[b.step.ID]
				if message := b.step.ExitStatus.Message; message != told && !below(b.kids, message) && !child.isAll(message) {
					l.notes = append(l.notes, messageNote(b.step)...)
				}
				if note := o.x.RejectsNotes[b.step.StepName]; note != "" {
					l.notes = append(l.notes, Cell{Text: note, Tone: ToneWarn})
				}
				if launched {
					l.notes = append(l.notes, o.x.childNote(child))
				}
			}
			l.notes = append(l.notes, b.below...)
			all = append(all, l)
			walk(b.kids, indent+indentation)
		}
	}
	walk(o.root.drawn.kids, 0)
	return all
}

// messages returns the different messages of the steps.
func (o *outline) messages() map[string]bool {
	messages := map[string]bool{}
	for _, se := range o.x.Steps {
		if se.ExitStatus.Message != "" {
			messages[se.ExitStatus.Message] = true
		}
	}
	return messages
}

// below reports whether message only hands on what one of kids says.
func below(kids []*branch, message string) bool {
	return slices.ContainsFunc(kids, func(b *branch) bool {
		said := b.step != nil && b.step.ExitStatus.Message != "" && strings.Contains(message, b.step.ExitStatus.Message)
		return said || below(b.kids, message)
	})
}

// messageLines is how many lines of what a step said are drawn; a Java stack has
// dozens.
const messageLines = 4

// messageNote is the beginning of what a step said at its end; JSON has it all.
func messageNote(se *core.StepExecution) []Cell {
	tone := statusCell(se.Status, se.OpaqueStatus).Tone
	if se.Status == core.StatusCompleted {
		tone = ToneNone
	}
	var notes []Cell
	for text := range strings.Lines(se.ExitStatus.Message) {
		if len(notes) == messageLines {
			notes[messageLines-1].Text += " ..."
			break
		}
		if text = strings.TrimRight(text, "\n"); strings.TrimSpace(text) != "" {
			notes = append(notes, Cell{Text: text, Tone: tone})
		}
	}
	return notes
}
