package render

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// Forecast is what a run would do.
type Forecast struct {
	JobName string
	// Last is the execution that would be restarted; nil: the instance is new.
	Last *core.JobExecution
	// Recovered are the executions that would be ended first.
	Recovered []int64
	// RestartAt is the element at which a restart begins, if not at the first.
	RestartAt string
	// Definition is the path of the file, and Hash that of its text; empty for a
	// job that is written in Go.
	Definition, Hash string
	Parameters       core.JobParameters
	// Resolved has the expressions of dates by the names of their parameters.
	Resolved map[string]string
	// Flow tells that a flow decides which of the steps are come to.
	Flow   bool
	Steps  []ForecastStep
	Inputs []ForecastInput
}

// ForecastStep is what would become of a step. Last is nil when it was never
// started.
type ForecastStep struct {
	Name    string
	Kind    string
	Outlook string // start, resume, skip
	Last    *core.StepExecution
}

// ForecastInput is a file that would be read. Files is how many a pattern has
// found; Problem says why there is nothing to read.
type ForecastInput struct {
	Step    string // or the parameter
	Path    string
	Files   int
	Bytes   int64
	Folder  bool
	Problem string
	// WrittenBy is the step before it that makes what is not there yet.
	WrittenBy string
	Program   bool
}

// Forecast writes what a run would do.
func (p *Printer) Forecast(f Forecast) error {
	if p.Format != FormatTable {
		return p.document("plan", p.forecastDocument(f))
	}
	var b bytes.Buffer
	if err := writeFacts(&b, p.forecastFacts(f), p.Style); err != nil {
		return err
	}
	b.WriteByte('\n')
	if err := tabulate(f.Steps, forecastSteps(f)).Write(&b, p.Style); err != nil {
		return err
	}
	if len(f.Inputs) > 0 {
		b.WriteByte('\n')
		if err := tabulate(f.Inputs, forecastInputs(f)).Write(&b, p.Style); err != nil {
			return err
		}
	}
	return p.write(b.Bytes())
}

func (p *Printer) forecastFacts(f Forecast) []fact {
	text := func(name, value string) fact { return fact{name: name, cell: Cell{Text: value}} }
	definition := f.Definition
	if f.Hash != "" {
		definition += " (" + f.Hash[:min(12, len(f.Hash))] + ")"
	}
	would := "start a new instance"
	if f.Last != nil {
		status := f.Last.Status.String()
		if slices.Contains(f.Recovered, f.Last.ID) {
			status = "dead, and would be ended as FAILED"
		}
		would = fmt.Sprintf("restart execution %d of instance %d, which is %s", f.Last.ID, f.Last.Instance.ID, status)
		if f.RestartAt != "" {
			would += "; it begins at " + f.RestartAt
		}
	}
	facts := []fact{text("job", f.JobName), text("definition", definition), text("would", would)}
	for i, param := range f.Parameters {
		name := ""
		if i == 0 {
			name = "parameters"
		}
		value := parameterWord(param, p.Zone)
		if expression, ok := f.Resolved[param.Name]; ok {
			value += "  (" + expression + ")"
		}
		if !param.Identifying {
			value += "  (non-identifying)"
		}
		facts = append(facts, text(name, value))
	}
	return facts
}

func forecastSteps(f Forecast) []field[ForecastStep] {
	type step = ForecastStep
	would := "WOULD"
	if f.Flow {
		would = "WOULD, IF COME TO"
	}
	return []field[step]{
		{title: "STEP", wrap: true, cell: func(s step) Cell { return Cell{Text: s.Name} }},
		{title: "KIND", cell: func(s step) Cell { return Cell{Text: s.Kind} }},
		{title: would, cell: func(s step) Cell {
			tone := ToneNone
			if s.Outlook == "skip" {
				tone = ToneDim
			}
			return Cell{Text: s.Outlook, Tone: tone}
		}},
		{title: "BEFORE", wrap: true, cell: func(s step) Cell {
			if s.Last == nil {
				return Cell{}
			}
			text := statusText(s.Last.Status, s.Last.OpaqueStatus)
			if s.Last.JobExecution != nil {
				text += fmt.Sprintf(" in execution %d", s.Last.JobExecution.ID)
			}
			if c := s.Last.Counts; c.Read > 0 || c.Write > 0 {
				text += fmt.Sprintf(", %d read and %d written there", c.Read, c.Write)
			}
			return Cell{Text: text}
		}},
	}
}

func forecastInputs(f Forecast) []field[ForecastInput] {
	type input = ForecastInput
	of := "INPUT OF"
	if f.Definition == "" { // what a job in Go does with its paths, nobody knows
		of = "PARAMETER"
	}
	return []field[input]{
		{title: of, cell: func(i input) Cell { return Cell{Text: i.Step} }},
		{title: "PATH", wrap: true, cell: func(i input) Cell { return Cell{Text: i.Path} }},
		{title: "FOUND", wrap: true, cell: func(i input) Cell {
			switch {
			case i.Problem != "":
				return Cell{Text: i.Problem, Tone: ToneBad}
			case i.WrittenBy != "":
				return Cell{Text: "written by " + i.WrittenBy}
			case i.Program:
				return Cell{Text: "a program"}
			case i.Folder:
				return Cell{Text: "a folder"}
			case i.Files != 1:
				return Cell{Text: fmt.Sprintf("%d files, %d bytes", i.Files, i.Bytes)}
			}
			return Cell{Text: strconv.FormatInt(i.Bytes, 10) + " bytes"}
		}},
	}
}

type forecastDocument struct {
	JobName           string                  `json:"jobName"`
	Action            string                  `json:"action"`
	JobInstanceID     *int64                  `json:"jobInstanceId"`
	LastExecutionID   *int64                  `json:"lastJobExecutionId"`
	LastStatus        *string                 `json:"lastStatus"`
	Recovered         []int64                 `json:"recovered"`
	RestartAt         string                  `json:"restartAt,omitempty"`
	Definition        *string                 `json:"definition"`
	DefinitionHash    *string                 `json:"definitionHash"`
	Parameters        []parameterDocument     `json:"parameters"`
	DatesResolvedFrom map[string]string       `json:"datesResolvedFrom"`
	Steps             []forecastStepDocument  `json:"steps"`
	Inputs            []forecastInputDocument `json:"inputs"`
}

type forecastStepDocument struct {
	StepName        string  `json:"stepName"`
	Kind            string  `json:"kind"`
	Action          string  `json:"action"`
	LastExecutionID *int64  `json:"lastJobExecutionId"`
	LastStatus      *string `json:"lastStatus"`
	ReadCount       int64   `json:"readCount"`
	WriteCount      int64   `json:"writeCount"`
}

type forecastInputDocument struct {
	Of      string `json:"of"`
	Path    string `json:"path"`
	Files   int    `json:"files"`
	Bytes   int64  `json:"bytes"`
	Folder  bool   `json:"folder"`
	Problem string `json:"problem"`
	// WrittenBy is an earlier step that makes what is not there yet.
	WrittenBy string `json:"writtenBy,omitempty"`
	Program   bool   `json:"program,omitempty"`
}

func (p *Printer) forecastDocument(f Forecast) forecastDocument {
	optional := func(s string) *string {
		if strings.TrimSpace(s) == "" {
			return nil
		}
		return &s
	}
	doc := forecastDocument{
		JobName: f.JobName, Action: "start", Recovered: append([]int64{}, f.Recovered...), RestartAt: f.RestartAt,
		Definition: optional(f.Definition), DefinitionHash: optional(f.Hash),
		Parameters: newParameters(f.Parameters, p.Zone), DatesResolvedFrom: map[string]string{},
		Steps: make([]forecastStepDocument, len(f.Steps)), Inputs: make([]forecastInputDocument, len(f.Inputs)),
	}
	maps.Copy(doc.DatesResolvedFrom, f.Resolved)
	if f.Last != nil {
		doc.Action, doc.JobInstanceID, doc.LastExecutionID = "restart", &f.Last.Instance.ID, &f.Last.ID
		doc.LastStatus = optional(statusText(f.Last.Status, f.Last.OpaqueStatus))
	}
	for i, s := range f.Steps {
		step := forecastStepDocument{StepName: s.Name, Kind: s.Kind, Action: s.Outlook}
		if s.Last != nil {
			step.LastStatus = optional(statusText(s.Last.Status, s.Last.OpaqueStatus))
			step.ReadCount, step.WriteCount = s.Last.Counts.Read, s.Last.Counts.Write
			if s.Last.JobExecution != nil {
				step.LastExecutionID = &s.Last.JobExecution.ID
			}
		}
		doc.Steps[i] = step
	}
	for i, in := range f.Inputs {
		doc.Inputs[i] = forecastInputDocument{Of: in.Step, Path: in.Path, Files: in.Files, Bytes: in.Bytes, Folder: in.Folder, Problem: in.Problem, WrittenBy: in.WrittenBy, Program: in.Program}
	}
	return doc
}
