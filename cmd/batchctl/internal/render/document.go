package render

import (
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// executionSummary is an execution in a list.
type executionSummary struct {
	JobExecutionID int64               `json:"jobExecutionId"`
	JobInstanceID  int64               `json:"jobInstanceId"`
	JobName        string              `json:"jobName"`
	Status         string              `json:"status"`
	ExitCode       string              `json:"exitCode"`
	ExitMessage    string              `json:"exitMessage"`
	CreateTime     *string             `json:"createTime"`
	StartTime      *string             `json:"startTime"`
	EndTime        *string             `json:"endTime"`
	Parameters     []parameterDocument `json:"parameters"`
}

type parameterDocument struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Value       any    `json:"value"`
	Identifying bool   `json:"identifying"`
}

// executionDocument is an execution by itself.
type executionDocument struct {
	executionSummary

	Steps []stepDocument `json:"steps"`
	// Attempts and Totals are there when the instance has several executions.
	Attempts []int64         `json:"attempts,omitempty"`
	Totals   []totalDocument `json:"totals,omitempty"`
	// EndedBy is there when a transition within a flow or branch has ended the job
	// before what was still to come.
	EndedBy []ended `json:"endedBy,omitempty"`
	contextDocument
}

// countsDocument are the counts of a step execution.
type countsDocument struct {
	ReadCount        int64 `json:"readCount"`
	WriteCount       int64 `json:"writeCount"`
	FilterCount      int64 `json:"filterCount"`
	CommitCount      int64 `json:"commitCount"`
	RollbackCount    int64 `json:"rollbackCount"`
	ReadSkipCount    int64 `json:"readSkipCount"`
	ProcessSkipCount int64 `json:"processSkipCount"`
	WriteSkipCount   int64 `json:"writeSkipCount"`
}

func newCounts(c core.Counts) countsDocument {
	return countsDocument{
		ReadCount: c.Read, WriteCount: c.Write, FilterCount: c.Filter, CommitCount: c.Commit, RollbackCount: c.Rollback,
		ReadSkipCount: c.ReadSkip, ProcessSkipCount: c.ProcessSkip, WriteSkipCount: c.WriteSkip,
	}
}

// totalDocument is what all attempts at a step have done together.
type totalDocument struct {
	StepName string `json:"stepName"`
	countsDocument
}

type stepDocument struct {
	StepExecutionID int64  `json:"stepExecutionId"`
	StepName        string `json:"stepName"`
	// Within are the flows, splits and steps around it, from the outermost on.
	Within    []string `json:"within,omitempty"`
	Status    string   `json:"status"`
	ExitCode  string   `json:"exitCode"`
	StartTime *string  `json:"startTime"`
	EndTime   *string  `json:"endTime"`
	countsDocument
	ExitMessage string `json:"exitMessage"`
	// RejectsFiles is there when the step has put skipped records into files.
	RejectsFiles []string `json:"rejectsFiles,omitempty"`
	// Launched is there when the step launches a job.
	Launched *launchedDocument `json:"launched,omitempty"`
	contextDocument
}

// launchedDocument is what a job step has launched; without an id it has not got
// that far.
type launchedDocument struct {
	JobName        string `json:"jobName"`
	JobExecutionID int64  `json:"jobExecutionId,omitempty"`
	Status         string `json:"status,omitempty"`
}

func newLaunched(child Child) *launchedDocument {
	doc := &launchedDocument{JobName: child.JobName}
	if je := child.Execution; je != nil {
		doc.JobExecutionID, doc.Status = je.ID, statusText(je.Status, je.OpaqueStatus)
	}
	return doc
}

// contextDocument is a context; one that another program has written in a form
// of its own is null, and its text stands beside it.
type contextDocument struct {
	Context     core.ExecutionContext `json:"context"`
	ContextText string                `json:"contextText,omitempty"`
}

func newContext(ec core.ExecutionContext, opaque string) contextDocument {
	if opaque != "" {
		return contextDocument{ContextText: opaque}
	}
	return contextDocument{Context: ec.Clone()}
}

func newSummary(je *core.JobExecution, zone *time.Location) executionSummary {
	return executionSummary{
		JobExecutionID: je.ID,
		JobInstanceID:  je.Instance.ID,
		JobName:        je.Instance.JobName,
		Status:         statusText(je.Status, je.OpaqueStatus),
		ExitCode:       je.ExitStatus.Code,
		ExitMessage:    je.ExitStatus.Message,
		CreateTime:     isoTime(je.CreateTime),
		StartTime:      isoTime(je.StartTime),
		EndTime:        isoTime(je.EndTime),
		Parameters:     newParameters(je.Parameters, zone),
	}
}

func newExecution(x Execution, zone *time.Location) executionDocument {
	je := x.JobExecution
	doc := executionDocument{
		executionSummary: newSummary(je, zone),
		Steps:            make([]stepDocument, len(je.Steps)),
		contextDocument:  newContext(je.Context, je.OpaqueContext),
		Attempts:         x.Attempts,
		EndedBy:          endedBy(x),
	}
	for _, total := range x.Totals {
		doc.Totals = append(doc.Totals, totalDocument{total.StepName, newCounts(total.Counts)})
	}
	o := newOutline(x)
	for i, se := range je.Steps {
		doc.Steps[i] = stepDocument{
			StepExecutionID: se.ID,
			StepName:        se.StepName,
			Within:          o.around(se.StepName),
			Status:          statusText(se.Status, se.OpaqueStatus),
			ExitCode:        se.ExitStatus.Code,
			StartTime:       isoTime(se.StartTime),
			EndTime:         isoTime(se.EndTime),
			countsDocument:  newCounts(se.Counts),
			ExitMessage:     se.ExitStatus.Message,
			RejectsFiles:    x.Rejects[se.ID],
			contextDocument: newContext(se.Context, se.OpaqueContext),
		}
		if child, ok := x.Children[se.ID]; ok {
			doc.Steps[i].Launched = newLaunched(child)
		}
	}
	return doc
}

func newParameters(ps core.JobParameters, zone *time.Location) []parameterDocument {
	docs := make([]parameterDocument, len(ps))
	for i, p := range ps {
		doc := parameterDocument{Name: p.Name, Type: string(p.Type()), Identifying: p.Identifying}
		switch v := p.Value.(type) {
		case time.Time:
			doc.Value = core.FormatDate(v, zone)
		case core.OpaqueValue:
			doc.Type, doc.Value = v.Type, v.Text
		default:
			doc.Value = v
		}
		docs[i] = doc
	}
	return docs
}
