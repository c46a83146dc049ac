package render

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/history"
)

// Execution is one execution, and what is known beside its rows.
type Execution struct {
	*core.JobExecution

	// Owner says in words who runs it, where that is known.
	Owner string
	// Parent says in words which step has launched it, where one has.
	Parent string
	// Job is the job as it is registered; nil leaves its steps without order.
	Job *core.Job
	// Children are the executions that job steps have launched, by the id of
	// the step's.
	Children map[int64]Child
	// Partitions lists every part of a partitioned step, not only those that
	// did not complete.
	Partitions bool
	// Contexts shows the contexts of the job and its steps as well.
	Contexts bool
	// Rejects are the files of skipped records by the id of the step execution that
	// has written them, and RejectsNotes what is said about them by the name of the
	// step.
	Rejects      map[int64][]string
	RejectsNotes map[string]string
	// Attempts are the executions of the instance, where there are several, and
	// Totals what its steps have done in all of them.
	Attempts []int64
	Totals   []history.Total
	// Command returns words as a command line to be pasted.
	Command func(words ...string) string
}

// Child is what a job step has launched. Execution is nil when it has not got
// that far.
type Child struct {
	JobName   string
	Execution *core.JobExecution
}

// isAll reports whether message says no more than which execution it is.
func (c Child) isAll(message string) bool {
	return c.Execution != nil && message == fmt.Sprintf("execution %d of job %s", c.Execution.ID, c.JobName)
}

func (x Execution) command(words ...string) string {
	if x.Command == nil {
		return core.ShellQuote(append([]string{"batchctl"}, words...)...)
	}
	return x.Command(words...)
}

func (x Execution) childNote(child Child) Cell {
	je := child.Execution
	if je == nil {
		return Cell{Text: "-> " + child.JobName + ", not launched", Tone: ToneWarn}
	}
	status := statusCell(je.Status, je.OpaqueStatus)
	return Cell{
		Text: fmt.Sprintf("-> %s execution %d %s: %s", child.JobName, je.ID, status.Text, x.command("show", strconv.FormatInt(je.ID, 10))),
		Tone: status.Tone,
	}
}

// Execution writes one execution with its steps.
func (p *Printer) Execution(x Execution) error {
	if p.Format != FormatTable {
		return p.document("execution", newExecution(x, p.Zone))
	}
	var b bytes.Buffer
	if err := writeFacts(&b, p.facts(x), p.Style); err != nil {
		return err
	}
	lines := newOutline(x).lines()
	if len(lines) > 0 {
		b.WriteByte('\n')
		if err := p.steps(lines).Write(&b, p.Style); err != nil {
			return err
		}
	}
	if err := p.totals(&b, x); err != nil {
		return err
	}
	if x.Contexts {
		if err := p.contexts(&b, x, lines); err != nil {
			return err
		}
	}
	return p.write(b.Bytes())
}

// totals writes what all attempts have done together: those of the table are
// of one.
func (p *Printer) totals(b *bytes.Buffer, x Execution) error {
	var facts []fact
	for _, total := range x.Totals {
		if text := countsInWords(&core.StepExecution{Counts: total.Counts}); text != "" {
			facts = append(facts, fact{name: "  " + total.StepName, cell: Cell{Text: text}})
		}
	}
	if len(facts) == 0 {
		return nil
	}
	fmt.Fprintf(b, "\nall %s together (executions %s)\n", plural(len(x.Attempts), "attempt"), someIDs(x.Attempts))
	return writeFacts(b, facts, p.Style)
}

// someIDs lists ids, those in the middle left out where there are many.
func someIDs(ids []int64) string {
	const most = 10
	var words []string
	for i, id := range ids {
		switch {
		case len(ids) <= most || i < most/2 || i >= len(ids)-most/2:
			words = append(words, strconv.FormatInt(id, 10))
		case i == most/2:
			words = append(words, "...")
		}
	}
	return strings.Join(words, ", ")
}

// fact is one line of a description.
type fact struct {
	name string
	cell Cell
	// lines keeps the line breaks of the text: a message may have a stack below.
	lines bool
}

func (p *Printer) facts(x Execution) []fact {
	je := x.JobExecution
	text := func(name, value string) fact { return fact{name: name, cell: Cell{Text: value}} }
	facts := []fact{
		text("execution", strconv.FormatInt(je.ID, 10)),
		text("job", je.Instance.JobName),
		text("instance", strconv.FormatInt(je.Instance.ID, 10)),
		text("launched by", x.Parent),
		{name: "status", cell: statusCell(je.Status, je.OpaqueStatus)},
		text("exit code", je.ExitStatus.Code),
		{name: "exit message", cell: Cell{Text: je.ExitStatus.Message}, lines: true},
		endFact(endedBy(x)),
		text("created", Time(je.CreateTime, p.Display)),
		text("started", Time(je.StartTime, p.Display)),
		text("ended", Time(je.EndTime, p.Display)),
		text("duration", Duration(je.StartTime, je.EndTime, p.Now)),
		text("owner", x.Owner),
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
