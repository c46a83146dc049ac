package definition

import (
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
)

// Span is a key of a block, whether it could be read or not, and all that stands
// below it.
type Span struct {
	Key Text
	End Pos // where the next thing begins; the zero Pos: with the end of the file
}

// has reports whether a place lies within s.
func (s Span) has(at Pos) bool {
	return !at.before(s.Key.Pos()) && (s.End == Pos{} || at.before(s.End))
}

func (p Pos) before(other Pos) bool {
	return p.Line < other.Line || p.Line == other.Line && p.Column < other.Column
}

// spansOf returns the keys of a map whose last one ends at end.
func spansOf(n *yaml.Node, end Pos) []Span {
	spans := make([]Span, len(n.Content)/2)
	for i := range spans {
		spans[i] = Span{Key: text(n.Content[2*i]), End: end}
		if i > 0 {
			spans[i-1].End = spans[i].Key.Pos()
		}
	}
	return spans
}

// endOf returns where the key at a place ends.
func endOf(spans []Span, at Pos) Pos {
	i := slices.IndexFunc(spans, func(s Span) bool { return s.Key.Pos() == at })
	return spans[i].End
}

// place returns where a problem is.
func (p Problem) place() Pos { return Pos{p.Line, p.Column} }

// wrongIn reports whether something below a key could not be read, so that what is
// found behind it would only follow from that.
func (c *compiler) wrongIn(spans []Span, key string) bool {
	return slices.ContainsFunc(spans, func(s Span) bool {
		return s.Key.Value == key && slices.ContainsFunc(c.file.Problems, func(p Problem) bool { return s.has(p.place()) })
	})
}

// spoiled reports whether something of a reader or writer could not be read.
func (c *compiler) spoiled(k Component) bool {
	return slices.ContainsFunc(c.file.Problems, func(p Problem) bool {
		return slices.ContainsFunc(k.Spans, func(s Span) bool { return s.has(p.place()) })
	})
}

// stepSpoiled reports whether something of a step could not be read.
func (c *compiler) stepSpoiled(e *Element) bool {
	return slices.ContainsFunc(e.Spans, func(s Span) bool { return c.wrongIn(e.Spans, s.Key.Value) })
}

// columnsUnknown reports whether something of a reader could not be read that may
// have said what columns it has. Those are what takes a list or a map.
func (c *compiler) columnsUnknown(k Component, spec component.Spec) bool {
	var telling []string
	for _, o := range spec.Options {
		switch o.Type {
		case component.Names, component.Columns, component.TextMap:
			telling = append(telling, o.Name)
		case component.Text, component.Path, component.Bool, component.Int, component.Duration, component.Char, component.Enum, component.Texts:
		}
	}
	return slices.ContainsFunc(k.Spans, func(s Span) bool {
		tells := slices.Contains(telling, s.Key.Value) || core.Nearest(s.Key.Value, telling) != ""
		if _, known := spec.Option(s.Key.Value); known {
			tells = slices.Contains(telling, s.Key.Value)
		}
		return tells && slices.ContainsFunc(c.file.Problems, func(p Problem) bool { return s.has(p.place()) })
	})
}

// soundOps returns the operations before the first that could not be read, and
// whether that are all. The class of an error has nothing to do with columns.
func (c *compiler) soundOps(x *Chunk) (ops []Op, all bool) {
	at := slices.IndexFunc(x.Spans, func(s Span) bool { return s.Key.Value == "processor" })
	if at < 0 {
		return x.Processor, true
	}
	for _, p := range c.file.Problems { // in their order
		isClass := func(op Op) bool { return op.Class.Given() && op.Class.Pos() == p.place() }
		if !x.Spans[at].has(p.place()) || slices.ContainsFunc(x.Processor, isClass) {
			continue
		}
		n := 0
		for i, op := range x.Processor {
			if op.before(p.place()) && !slices.ContainsFunc(op.Spans, func(s Span) bool { return s.has(p.place()) }) {
				n = i + 1
			}
		}
		return x.Processor[:n], false
	}
	return x.Processor, true
}

// flowIsKnown reports whether everything could be read that leads from element to
// element. What an element does is another matter.
func (c *compiler) flowIsKnown() bool {
	wrong := slices.ContainsFunc(slices.Concat(c.file.Problems, c.problems), func(p Problem) bool {
		return c.leads(p.place())
	})
	return !wrong && len(c.tree.Steps) > 0
}

// leads reports whether a place belongs to the flow.
func (c *compiler) leads(at Pos) bool {
	steps := slices.IndexFunc(c.tree.Spans, func(s Span) bool { return s.Key.Value == "steps" })
	return steps >= 0 && c.tree.Spans[steps].has(at) && !works(c.tree.Steps, at)
}

// works reports whether a place belongs to what one of the elements does.
func works(elements []Element, at Pos) bool {
	return slices.ContainsFunc(elements, func(e Element) bool {
		i := slices.IndexFunc(e.Spans, func(s Span) bool { return s.has(at) })
		if i < 0 {
			return false
		}
		switch key := e.Spans[i].Key; key.Value {
		case "next", "transitions":
			return false
		case "steps", "flows":
			return works(e.Steps, at) || works(e.Flows, at)
		default:
			if key.Pos() == at { // of a key that is unknown, or of what is missing
				return core.Nearest(key.Value, []string{"next", "transitions"}) == ""
			}
			return key.Value != e.Kind.String()
		}
	})
}
