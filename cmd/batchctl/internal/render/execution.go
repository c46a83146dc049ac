package render

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// Execution writes one execution with its steps; owner says in words who runs
// it, where that is known.
func (p *Printer) Execution(je *core.JobExecution, owner string) error {
	if p.Format != FormatTable {
		return p.document("execution", newExecution(je, p.Zone))
	}
	var b bytes.Buffer
	facts := p.facts(je, owner)
	if err := writeFacts(&b, facts, p.Style); err != nil {
		return err
	}
	if len(je.Steps) > 0 {
		b.WriteByte('\n')
		if err := p.steps(je.Steps).Write(&b, p.Style); err != nil {
			return err
		}
	}
	for _, se := range je.Steps {
		if message := se.ExitStatus.Message; message != "" && message != je.ExitStatus.Message {
			b.WriteByte('\n')
			if err := writeFacts(&b, []fact{{name: se.StepName, cell: Cell{Text: message}, lines: true}}, p.Style); err != nil {
				return err
			}
		}
	}
	return p.write(b.Bytes())
}

// fact is one line of a description.
type fact struct {
	name string
	cell Cell
	// lines keeps the line breaks of the text: a message may have a stack below.
	lines bool
}

func (p *Printer) facts(je *core.JobExecution, owner string) []fact {
	text := func(name, value string) fact { return fact{name: name, cell: Cell{Text: value}} }
	facts := []fact{
		text("execution", strconv.FormatInt(je.ID, 10)),
		text("job", je.Instance.JobName),
		text("instance", strconv.FormatInt(je.Instance.ID, 10)),
		{name: "status", cell: statusCell(je.Status, je.OpaqueStatus)},
		text("exit code", je.ExitStatus.Code),
		{name: "exit message", cell: Cell{Text: je.ExitStatus.Message}, lines: true},
		text("created", Time(je.CreateTime, p.Display)),
		text("started", Time(je.StartTime, p.Display)),
		text("ended", Time(je.EndTime, p.Display)),
		text("duration", Duration(je.StartTime, je.EndTime, p.Now)),
		text("owner", owner),
	}
	for i, param := range je.Parameters {
		name := ""
		if i == 0 {
			name = "parameters"
		}
		value := parameterWord(param, p.Zone)
		if !param.Identifying {
			value += "  (non-identifying)"
		}
		facts = append(facts, text(name, value))
	}
	return facts
}

// parameterWord shows a parameter with its type.
func parameterWord(p core.JobParameter, zone *time.Location) string {
	if p.Type() == "" || p.Type() == core.TypeString {
		return p.Name + "=" + core.FormatValue(p, zone)
	}
	return p.Name + ":" + string(p.Type()) + "=" + core.FormatValue(p, zone)
}

// writeFacts writes names and values in two columns, wrapped to the width of
// the terminal. A fact without a value is left out.
func writeFacts(b *bytes.Buffer, facts []fact, style Style) error {
	names := 0
	for _, f := range facts {
		names = max(names, screen.StringWidth(core.EscapeControl(f.name)))
	}
	for _, f := range facts {
		if f.cell.Text == "" {
			continue
		}
		name := core.EscapeControl(f.name)
		texts := []string{f.cell.Text}
		if f.lines {
			texts = strings.Split(f.cell.Text, "\n")
		}
		var lines []string
		for _, text := range texts {
			text = core.EscapeControl(text)
			if room := style.Width - names - 2; room >= minValue {
				lines = append(lines, wrap(text, room)...)
			} else {
				lines = append(lines, text)
			}
		}
		for i, line := range lines {
			if i > 0 {
				name = ""
			}
			if style.Color {
				line = paint(line, f.cell.Tone)
			}
			b.WriteString(name + strings.Repeat(" ", names+2-screen.StringWidth(name)) + line + "\n")
		}
	}
	return nil
}

// minValue is the narrowest column that values are wrapped to.
const minValue = 20

// steps is the table of steps. Where it is too wide for the terminal, columns
// that say nothing are left out: counts that are 0 everywhere, and exit codes
// that repeat the status.
func (p *Printer) steps(steps []*core.StepExecution) Table {
	t := tabulate(steps, p.stepFields())
	if t.fitsNaturally(p.Style) {
		return t
	}
	var telling []field[*core.StepExecution]
	for _, f := range p.stepFields() {
		dull := f.title != "ID" && f.title != "STEP" && f.title != "STATUS" && f.title != "DURATION"
		for _, se := range steps {
			text := f.cell(se).Text
			dull = dull && (text == "0" || f.title == "EXIT CODE" && text == statusText(se.Status, se.OpaqueStatus))
		}
		if !dull {
			telling = append(telling, f)
		}
	}
	return tabulate(steps, telling)
}

func (p *Printer) stepFields() []field[*core.StepExecution] {
	type step = *core.StepExecution
	count := func(title string, value func(core.Counts) int64) field[step] {
		return field[step]{title: title, right: true, cell: func(se step) Cell {
			return Cell{Text: strconv.FormatInt(value(se.Counts), 10)}
		}}
	}
	return []field[step]{
		{title: "ID", right: true, cell: func(se step) Cell { return Cell{Text: strconv.FormatInt(se.ID, 10)} }},
		{title: "STEP", wrap: true, cell: func(se step) Cell { return Cell{Text: se.StepName} }},
		{title: "STATUS", cell: func(se step) Cell { return statusCell(se.Status, se.OpaqueStatus) }},
		{title: "EXIT CODE", wrap: true, cell: func(se step) Cell { return Cell{Text: se.ExitStatus.Code} }},
		count("READ", func(c core.Counts) int64 { return c.Read }),
		count("WRITE", func(c core.Counts) int64 { return c.Write }),
		count("FILTER", func(c core.Counts) int64 { return c.Filter }),
		count("SKIP", func(c core.Counts) int64 { return c.ReadSkip + c.ProcessSkip + c.WriteSkip }),
		count("COMMIT", func(c core.Counts) int64 { return c.Commit }),
		count("ROLLBACK", func(c core.Counts) int64 { return c.Rollback }),
		{title: "DURATION", right: true, cell: func(se step) Cell {
			return Cell{Text: Duration(se.StartTime, se.EndTime, p.Now)}
		}},
	}
}
