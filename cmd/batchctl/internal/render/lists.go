package render

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// Executions writes a list of executions.
func (p *Printer) Executions(executions []*core.JobExecution) error {
	type execution = *core.JobExecution
	number := func(id int64) Cell { return Cell{Text: strconv.FormatInt(id, 10)} }
	fields := []field[execution]{
		{title: "ID", name: "jobExecutionId", right: true, cell: func(je execution) Cell { return number(je.ID) }},
		{title: "JOB", name: "jobName", wrap: true, cell: func(je execution) Cell { return Cell{Text: je.Instance.JobName} }},
		{title: "INSTANCE", name: "jobInstanceId", right: true, cell: func(je execution) Cell { return number(je.Instance.ID) }},
		{title: "STATUS", name: "status", cell: func(je execution) Cell { return statusCell(je.Status, je.OpaqueStatus) }},
		{title: "EXIT CODE", name: "exitCode", wrap: true, cell: func(je execution) Cell { return Cell{Text: je.ExitStatus.Code} }},
		{name: "exitMessage", cell: func(je execution) Cell { return Cell{Text: je.ExitStatus.Message} }},
		{
			title: "CREATED", name: "createTime",
			cell: func(je execution) Cell { return Cell{Text: Time(je.CreateTime, p.Display)} },
			text: func(je execution) string { return orEmpty(isoTime(je.CreateTime)) },
		},
		{name: "startTime", text: func(je execution) string { return orEmpty(isoTime(je.StartTime)) }},
		{name: "endTime", text: func(je execution) string { return orEmpty(isoTime(je.EndTime)) }},
		{title: "DURATION", right: true, cell: func(je execution) Cell {
			return Cell{Text: Duration(je.StartTime, je.EndTime, p.Now)}
		}},
		{
			title: "PARAMETERS", name: "parameters", wrap: true,
			cell: func(je execution) Cell { return Cell{Text: p.words(je.Parameters.Identifying())} },
			text: func(je execution) string { return p.words(je.Parameters) },
		},
	}
	return list(p, "executions", executions, fields, func(je execution) any { return newSummary(je, p.Zone) })
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (p *Printer) words(ps core.JobParameters) string {
	words := make([]string, len(ps))
	for i, param := range ps {
		words[i] = core.ShellQuote(parameterWord(param, p.Zone))
	}
	return strings.Join(words, " ")
}

// Instance is a job instance with its newest execution; Last is nil when there
// is none.
type Instance struct {
	core.JobInstance

	Last *core.JobExecution
}

type instanceDocument struct {
	JobInstanceID  int64               `json:"jobInstanceId"`
	JobName        string              `json:"jobName"`
	JobKey         string              `json:"jobKey"`
	JobExecutionID *int64              `json:"jobExecutionId"`
	Status         *string             `json:"status"`
	Parameters     []parameterDocument `json:"parameters"`
}

// Instances writes a list of instances.
func (p *Printer) Instances(instances []Instance) error {
	last := func(show func(je *core.JobExecution) Cell) func(Instance) Cell {
		return func(in Instance) Cell {
			if in.Last == nil {
				return Cell{}
			}
			return show(in.Last)
		}
	}
	fields := []field[Instance]{
		{title: "ID", name: "jobInstanceId", right: true, cell: func(in Instance) Cell { return Cell{Text: strconv.FormatInt(in.ID, 10)} }},
		{title: "JOB", name: "jobName", wrap: true, cell: func(in Instance) Cell { return Cell{Text: in.JobName} }},
		{name: "jobKey", cell: func(in Instance) Cell { return Cell{Text: in.JobKey} }},
		{title: "STATUS", name: "status", cell: last(func(je *core.JobExecution) Cell { return statusCell(je.Status, je.OpaqueStatus) })},
		{title: "LAST EXECUTION", name: "jobExecutionId", right: true, cell: last(func(je *core.JobExecution) Cell {
			return Cell{Text: strconv.FormatInt(je.ID, 10)}
		})},
		{title: "PARAMETERS", name: "parameters", wrap: true, cell: last(func(je *core.JobExecution) Cell {
			return Cell{Text: p.words(je.Parameters.Identifying())}
		})},
	}
	return list(p, "instances", instances, fields, func(in Instance) any {
		doc := instanceDocument{JobInstanceID: in.ID, JobName: in.JobName, JobKey: in.JobKey, Parameters: []parameterDocument{}}
		if je := in.Last; je != nil {
			doc.JobExecutionID = &je.ID
			doc.Status = new(statusText(je.Status, je.OpaqueStatus))
			doc.Parameters = newParameters(je.Parameters.Identifying(), p.Zone)
		}
		return doc
	})
}

type jobDocument struct {
	JobName    string                `json:"jobName"`
	Help       string                `json:"help"`
	Restart    bool                  `json:"restartable"`
	Next       bool                  `json:"incrementable"`
	Parameters []declarationDocument `json:"parameters"`
	// Steps are all steps, also those of flows; Flow is how they are connected,
	// of a job that is more than one step behind the other.
	Steps []stepDeclaration `json:"steps"`
	Flow  []elementDocument `json:"flow,omitempty"`
}

type declarationDocument struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Required    bool   `json:"required"`
	Identifying bool   `json:"identifying"`
	Default     any    `json:"default"`
	Help        string `json:"help"`
	// Path tells a string that names a file; Pattern, OneOf and Within say which
	// values are allowed.
	Path    bool     `json:"path,omitempty"`
	Pattern string   `json:"pattern,omitempty"`
	OneOf   []string `json:"oneOf,omitempty"`
	Within  string   `json:"within,omitempty"`
}

// Jobs writes a list of registered jobs. The table has their names and helps, so
// that outlines of jobs will do for it.
func (p *Printer) Jobs(jobs []*core.Job) error {
	type job = *core.Job
	fields := []field[job]{
		{title: "JOB", name: "jobName", wrap: true, cell: func(j job) Cell { return Cell{Text: j.Name} }},
		{name: "parameters", cell: func(j job) Cell { return Cell{Text: synopsis(j)} }},
		{name: "steps", cell: func(j job) Cell { return Cell{Text: strconv.Itoa(countSteps(j))} }},
		{title: "HELP", name: "help", wrap: true, cell: func(j job) Cell { return Cell{Text: j.Help} }},
	}
	return list(p, "jobs", jobs, fields, func(j job) any { return newJob(j, p) })
}

// synopsis shows the parameters as they would be typed.
func synopsis(j *core.Job) string {
	words := make([]string, len(j.Parameters))
	for i, spec := range j.Parameters {
		words[i] = fmt.Sprintf("%s:%s", spec.Name, spec.Declared())
		if !spec.Required {
			words[i] = "[" + words[i] + "]"
		}
	}
	return strings.Join(words, " ")
}

func newJob(j *core.Job, p *Printer) jobDocument {
	doc := jobDocument{
		JobName: j.Name, Help: j.Help, Restart: !j.PreventRestart, Next: j.Incrementer != nil,
		Parameters: make([]declarationDocument, len(j.Parameters)),
		Steps:      []stepDeclaration{},
		Flow:       newElements(j.Flow),
	}
	for i, spec := range j.Parameters {
		doc.Parameters[i] = declarationDocument{
			Name: spec.Name, Type: string(spec.Declared()), Required: spec.Required,
			Identifying: spec.Identifying(), Help: spec.Help, Path: spec.Path,
		}
		if spec.Pattern != nil {
			doc.Parameters[i].Pattern = spec.Pattern.String()
		}
		if c, ok := j.Validator.(chooser); ok {
			doc.Parameters[i].OneOf, doc.Parameters[i].Within = c.Choices(spec.Name)
		}
		if spec.Default != nil {
			doc.Parameters[i].Default = newParameters(core.JobParameters{{Value: spec.Default}}, p.Zone)[0].Value
		}
	}
	for s := range j.AllSteps() {
		doc.Steps = append(doc.Steps, newStepDeclaration(s))
	}
	return doc
}

// Problem is what a check of the repository found.
type Problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// Problems writes a list of findings.
func (p *Printer) Problems(problems []Problem) error {
	fields := []field[Problem]{
		{title: "FINDING", name: "code", cell: func(x Problem) Cell { return Cell{Text: x.Code, Tone: ToneBad} }},
		{title: "WHAT", name: "message", wrap: true, cell: func(x Problem) Cell { return Cell{Text: x.Message} }},
		{title: "NEXT", name: "hint", wrap: true, cell: func(x Problem) Cell { return Cell{Text: x.Hint} }},
	}
	return list(p, "problems", problems, fields, func(x Problem) any { return x })
}
