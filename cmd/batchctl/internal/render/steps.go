package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// steps is the table of an outline. Where it is too wide for the terminal,
// columns that say nothing are left out: counts that are 0 everywhere, and exit
// codes that repeat the status. Where that is not enough, the counts become a
// line below their step.
func (p *Printer) steps(lines []line) Table {
	t := outlineTable(lines, p.stepFields())
	if t.fitsNaturally(p.Style) {
		return t
	}
	var telling []field[line]
	for _, f := range p.stepFields() {
		dull := f.title != "ID" && f.title != "STEP" && f.title != "STATUS" && f.title != "DURATION"
		for _, l := range lines {
			text := f.cell(l).Text
			dull = dull && (text == "0" || text == "" ||
				f.title == "EXIT CODE" && text == statusText(l.step.Status, l.step.OpaqueStatus))
		}
		if !dull {
			telling = append(telling, f)
		}
	}
	if t = outlineTable(lines, telling); t.fitsDecently(p.Style) {
		return t
	}
	telling = slices.DeleteFunc(telling, func(f field[line]) bool { return isCount[f.title] })
	counted := slices.Clone(lines)
	for i, l := range counted {
		if text := countsInWords(l.step); text != "" {
			counted[i].notes = append([]Cell{{Text: text}}, l.notes...)
		}
	}
	return outlineTable(counted, telling)
}

var isCount = map[string]bool{"READ": true, "WRITE": true, "FILTER": true, "SKIP": true, "COMMIT": true, "ROLLBACK": true}

// countsInWords says what a step has counted, but for commits; what is 0 is left
// out.
func countsInWords(se *core.StepExecution) string {
	if se == nil {
		return ""
	}
	c := se.Counts
	var words []string
	for _, count := range []struct {
		name string
		n    int64
	}{
		{"read", c.Read},
		{"written", c.Write},
		{"filtered", c.Filter},
		{"skipped", c.Skip()},
		{"rollbacks", c.Rollback},
	} {
		if count.n > 0 {
			words = append(words, fmt.Sprintf("%s %d", count.name, count.n))
		}
	}
	return strings.Join(words, ", ")
}

// outlineTable is a table with the notes of its lines, which begin below the
// second column.
func outlineTable(lines []line, fields []field[line]) Table {
	t := tabulate(lines, fields)
	t.NoteColumn, t.Notes = 1, map[int][]Cell{}
	for i, l := range lines {
		for _, note := range l.notes {
			note.Indent = l.indent + 2*indentation
			t.Notes[i] = append(t.Notes[i], note)
		}
	}
	return t
}

// stepFields are the columns of an outline. A heading has a name only.
func (p *Printer) stepFields() []field[line] {
	column := func(title string, right bool, cell func(*core.StepExecution) Cell) field[line] {
		return field[line]{title: title, right: right, cell: func(l line) Cell {
			if l.step == nil {
				return Cell{}
			}
			return cell(l.step)
		}}
	}
	count := func(title string, value func(core.Counts) int64) field[line] {
		return column(title, true, func(se *core.StepExecution) Cell {
			return Cell{Text: strconv.FormatInt(value(se.Counts), 10)}
		})
	}
	exitCode := column("EXIT CODE", false, func(se *core.StepExecution) Cell { return Cell{Text: se.ExitStatus.Code} })
	exitCode.wrap = true
	return []field[line]{
		column("ID", true, func(se *core.StepExecution) Cell { return Cell{Text: strconv.FormatInt(se.ID, 10)} }),
		{title: "STEP", wrap: true, cell: func(l line) Cell { return Cell{Text: l.label, Indent: l.indent} }},
		column("STATUS", false, func(se *core.StepExecution) Cell { return statusCell(se.Status, se.OpaqueStatus) }),
		exitCode,
		count("READ", func(c core.Counts) int64 { return c.Read }),
		count("WRITE", func(c core.Counts) int64 { return c.Write }),
		count("FILTER", func(c core.Counts) int64 { return c.Filter }),
		count("SKIP", core.Counts.Skip),
		count("COMMIT", func(c core.Counts) int64 { return c.Commit }),
		count("ROLLBACK", func(c core.Counts) int64 { return c.Rollback }),
		column("DURATION", true, func(se *core.StepExecution) Cell {
			return Cell{Text: Duration(se.StartTime, se.EndTime, p.Now)}
		}),
	}
}
