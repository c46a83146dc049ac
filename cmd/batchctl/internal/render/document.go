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
	contextDocument
}

type stepDocument struct {
	StepExecutionID  int64  `json:"stepExecutionId"`
	StepName         string `json:"stepName"`
	Status           string `json:"status"`
	ExitCode         string `json:"exitCode"`
	ReadCount        int64  `json:"readCount"`
	WriteCount       int64  `json:"writeCount"`
	FilterCount      int64  `json:"filterCount"`
	CommitCount      int64  `json:"commitCount"`
	RollbackCount    int64  `json:"rollbackCount"`
	ReadSkipCount    int64  `json:"readSkipCount"`
	ProcessSkipCount int64  `json:"processSkipCount"`
	WriteSkipCount   int64  `json:"writeSkipCount"`
	ExitMessage      string `json:"exitMessage"`
	contextDocument
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

func newExecution(je *core.JobExecution, zone *time.Location) executionDocument {
	doc := executionDocument{
		executionSummary: newSummary(je, zone),
		Steps:            make([]stepDocument, len(je.Steps)),
		contextDocument:  newContext(je.Context, je.OpaqueContext),
	}
	for i, se := range je.Steps {
		doc.Steps[i] = stepDocument{
			StepExecutionID:  se.ID,
			StepName:         se.StepName,
			Status:           statusText(se.Status, se.OpaqueStatus),
			ExitCode:         se.ExitStatus.Code,
			ReadCount:        se.Counts.Read,
			WriteCount:       se.Counts.Write,
			FilterCount:      se.Counts.Filter,
			CommitCount:      se.Counts.Commit,
			RollbackCount:    se.Counts.Rollback,
			ReadSkipCount:    se.Counts.ReadSkip,
			ProcessSkipCount: se.Counts.ProcessSkip,
			WriteSkipCount:   se.Counts.WriteSkip,
			ExitMessage:      se.ExitStatus.Message,
			contextDocument:  newContext(se.Context, se.OpaqueContext),
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
