package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

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

// maxParents bounds among how many executions before it the one that has launched
// an execution is looked for.
const maxParents = 200

// parentOf says which step has launched child: one that was at work when child was
// made, and has noted that it launches that instance. It is empty where none is
// found.
func (a *app) parentOf(ctx context.Context, x core.JobExplorer, child *core.JobExecution) string {
	page, err := x.JobExecutions(ctx, core.JobExecutionQuery{Before: child.ID, Limit: maxParents})
	if err != nil {
		return ""
	}
	for _, head := range page {
		if !wasAtWork(head.CreateTime, head.EndTime, child) {
			continue
		}
		je, err := x.JobExecution(ctx, head.ID)
		if err != nil {
			return ""
		}
		for _, se := range je.Steps {
			if wasAtWork(se.StartTime, se.EndTime, child) && hasLaunched(ctx, x, se.ID, child) {
				id := strconv.FormatInt(je.ID, 10)
				return fmt.Sprintf("step %s of %s execution %s: %s", se.StepName, je.Instance.JobName, id, a.command("show", id))
			}
		}
	}
	return ""
}

// wasAtWork reports whether child was made between the two moments; the second is
// zero where it has not come.
func wasAtWork(from, to time.Time, child *core.JobExecution) bool {
	return !from.After(child.CreateTime) && (to.IsZero() || !to.Before(child.CreateTime))
}

// hasLaunched reports whether the step execution is a job step that launches the
// instance of child.
func hasLaunched(ctx context.Context, x core.JobExplorer, stepExecutionID int64, child *core.JobExecution) bool {
	se, err := x.StepExecution(ctx, stepExecutionID)
	if err != nil {
		return false
	}
	name, ps, ok, err := launch.ChildLaunch(se.Context)
	if !ok || err != nil {
		return false
	}
	instance, err := x.FindJobInstance(ctx, name, ps)
	return err == nil && instance.ID == child.Instance.ID
}
