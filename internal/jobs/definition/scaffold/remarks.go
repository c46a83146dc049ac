package scaffold

import (
	"fmt"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// maxNamed bounds how many values or lines a remark names.
const maxNamed = 3

// Notes say, in a line each, what was decided that the file does not say.
func (g *Guess) Notes() []string {
	var all []string
	if g.Skip > 0 {
		all = append(all, g.above())
	}
	for _, c := range g.Columns {
		if c.Notation != nil {
			all = append(all, fmt.Sprintf("Column %s has values as %s: it is read as a string, and the processor makes a %s of it",
				core.Quote(c.Name), c.Notation.Name, c.Kind))
		}
	}
	return all
}

// above names the lines that stand above the header.
func (g *Guess) above() string {
	if g.Skip == 1 {
		return "Line 1 has fewer fields than all others: it is passed over as a title"
	}
	return fmt.Sprintf("Lines 1 to %d have fewer fields than all others: they are passed over as a title", g.Skip)
}

// Remarks say, in a line each, what was guessed against the file, and what is wrong
// with it.
func (g *Guess) Remarks() []string {
	var all []string
	if g.Unnamed {
		all = append(all, fmt.Sprintf("The names in line %d are not all there, or not all different: it is passed over, and columns names them", g.header))
	}
	if g.Records == 0 {
		all = append(all, "There is no record below the header, and so all columns are strings: look at a file that has some")
	}
	for _, a := range g.Asked {
		all = append(all, fmt.Sprintf("Column %s is left a string: it may have %s, and the file does not say which; if the first, a set to %s converts it",
			core.Quote(a.Column), a.Question, a.Make))
	}
	for _, c := range g.Columns {
		if len(c.Odd) == 0 {
			continue
		}
		named := make([]string, 0, len(c.Odd))
		for _, o := range c.Odd {
			named = append(named, fmt.Sprintf("line %d: %s", o.Line, core.Quote(o.Text)))
		}
		all = append(all, fmt.Sprintf("Column %s is %s but for %s; if those are right, make it a string", core.Quote(c.Name), c.Kind, some(named)))
	}
	all = append(all, g.badLines()...)
	if g.Key == "" && g.Records > 0 {
		all = append(all, "No column is taken for a key: nothing keeps the same records from being imported twice, as from another file; "+
			"if one is a key, write NOT NULL PRIMARY KEY behind it in createTable, and name it in required")
	}
	return all
}

// badLines says which records the job would reject, and how many.
func (g *Guess) badLines() []string {
	bad := map[int]bool{}
	broken := slices.SortedFunc(slices.Values(g.Bad), func(a, b Bad) int { return a.Line - b.Line })
	named := make([]string, 0, len(broken))
	for _, b := range broken {
		bad[b.Line] = true
		text := fmt.Sprintf("line %d %s", b.Line, b.Problem)
		if b.Last > b.Line {
			text = fmt.Sprintf("the record of lines %d to %d %s", b.Line, b.Last, b.Problem)
		}
		named = append(named, text)
	}
	for _, c := range g.Columns {
		for _, o := range c.Odd {
			bad[o.Line] = true
		}
	}
	var all []string
	if len(named) > 0 {
		text := some(named)
		all = append(all, strings.ToUpper(text[:1])+text[1:])
	}
	switch {
	case len(bad) == 1:
		all = append(all, "1 record is bad in what was looked at: the job fails at it, or rejects it with skipLimit=1")
	case len(bad) > 1:
		all = append(all, fmt.Sprintf("%d records are bad in what was looked at: the job fails at the first, or rejects them with skipLimit=%d", len(bad), len(bad)))
	}
	if g.Unclosed > 0 {
		all = append(all, fmt.Sprintf("A quote that is opened in the record of line %d is never closed: nothing behind it was looked at, and the job fails there "+
			"until it is closed, or doubled if it belongs to the text", g.Unclosed))
	}
	return all
}

// some lists a few texts, and how many there are besides.
func some(texts []string) string {
	text := strings.Join(texts[:min(len(texts), maxNamed)], ", ")
	if more := len(texts) - maxNamed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
