package cli

import (
	"context"
	"slices"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/render"
	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
)

// maxPartContexts bounds how many parts of steps have their contexts read where
// only what they launched is asked for.
const maxPartContexts = 100

// withContexts returns je with the contexts of its steps, of parts that
// completed only when all are asked for. What cannot be read is left out: the
// execution has ended, and its report is the lesser thing.
func withContexts(ctx context.Context, x core.JobExplorer, je *core.JobExecution, all bool) *core.JobExecution {
	shown := je.Clone()
	shown.Steps = slices.Clone(je.Steps)
	parts := 0
	for i, se := range shown.Steps {
		if _, part := core.SplitStepName(se.StepName); part != "" && !all {
			if parts++; se.Status == core.StatusCompleted || parts > maxPartContexts {
				continue
			}
		}
		if full, err := x.StepExecution(ctx, se.ID); err == nil {
			shown.Steps[i] = full
		}
	}
	return shown
}

// children returns what the steps of je have launched, by their ids.
func children(ctx context.Context, x core.JobExplorer, je *core.JobExecution) map[int64]render.Child {
	found := map[int64]render.Child{}
	for _, se := range je.Steps {
		if child, ok := childOf(ctx, x, se); ok {
			found[se.ID] = child
		}
	}
	return found
}

// childOf returns the execution that a step has launched, if it is a job step:
// of the executions of its child that one which was made while it ran, else the
// newest. A step that has not come to its launch has a child without execution.
func childOf(ctx context.Context, x core.JobExplorer, se *core.StepExecution) (render.Child, bool) {
	name, ps, ok, err := launch.ChildLaunch(se.Context)
	if !ok || err != nil {
		return render.Child{}, false
	}
	child := render.Child{JobName: name}
	instance, err := x.FindJobInstance(ctx, name, ps)
	if err != nil {
		return child, true
	}
	page, err := x.JobExecutions(ctx, core.JobExecutionQuery{InstanceID: instance.ID})
	if err != nil || len(page) == 0 {
		return child, true
	}
	child.Execution = page[0]
	for _, je := range page {
		if !je.CreateTime.Before(se.StartTime) && (se.EndTime.IsZero() || !je.CreateTime.After(se.EndTime)) {
			child.Execution = je
			break
		}
	}
	return child, true
}
