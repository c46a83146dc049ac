package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// failedPlace says, in words that go with err, in which step je has not completed
// and what that had done; and in more lines, as far as err does not say so, which
// of its parts it was, and which child.
func (a *app) failedPlace(
	ctx context.Context, x core.JobExplorer, je *core.JobExecution, job *core.Job, err error,
) (step string, more []string) {
	ctx = context.WithoutCancel(ctx)
	se := failedStep(je, job)
	if se == nil {
		return "", nil
	}
	c := se.Counts
	step = fmt.Sprintf(" in step %s: read %d, written %d, filtered %d, skipped %d, commits %d, rollbacks %d",
		se.StepName, c.Read, c.Write, c.Filter, c.ReadSkip+c.ProcessSkip+c.WriteSkip, c.Commit, c.Rollback)
	if part, failed, all := failedPart(je, se.StepName); part != nil {
		se = part
		if _, name := core.SplitStepName(part.StepName); !strings.Contains(err.Error(), "part "+name) {
			more = append(more, fmt.Sprintf("%d of %s did not complete, the first is %s, which is %s",
				failed, plural(all, "part"), part.StepName, part.Status))
		}
	}
	if full, err := x.StepExecution(ctx, se.ID); err == nil {
		se = full
	}
	if child, ok := childOf(ctx, x, se); ok && child.Execution != nil {
		id := fmt.Sprint(child.Execution.ID)
		if !strings.Contains(core.Hint(err), core.ShellQuote("show", id)) {
			more = append(more, fmt.Sprintf("it launched execution %s of %s, which is %s; look at it with: %s",
				id, child.JobName, child.Execution.Status, a.command("show", id)))
		}
	}
	return step, more
}

// failedStep returns the first of the steps that ended worst, but for those that
// the job has gone on without, and for flow steps with such a step in them.
func failedStep(je *core.JobExecution, job *core.Job) *core.StepExecution {
	var worst *core.StepExecution
	for _, se := range je.Steps {
		if _, part := core.SplitStepName(se.StepName); part != "" || severity(se) == 0 {
			continue
		}
		if worst == nil || severity(se) > severity(worst) || severity(se) == severity(worst) && isInFlowOf(job, worst.StepName, se.StepName) {
			worst = se
		}
	}
	return worst
}

// severity ranks what did not complete; 0 is for what did. What the job has
// gone on without is named only where there is nothing else.
func severity(se *core.StepExecution) int {
	switch se.Status {
	case core.StatusCompleted:
		return 0
	case core.StatusAbandoned:
		return 1
	case core.StatusStarting, core.StatusStarted, core.StatusStopping:
		return 2
	case core.StatusStopped:
		return 3
	case core.StatusFailed:
		return 4
	case core.StatusUnknown:
	}
	return 5
}

// isInFlowOf reports whether the flow of the flow step outer has the step inner.
func isInFlowOf(job *core.Job, outer, inner string) bool {
	for s := range job.AllSteps() {
		if s.Name != outer || len(s.Flow) == 0 {
			continue
		}
		for within := range (&core.Job{Flow: s.Flow}).AllSteps() {
			if within.Name == inner {
				return true
			}
		}
	}
	return false
}

// failedPart returns the first of the parts of a step that ended worst, and how
// many of how many did not complete.
func failedPart(je *core.JobExecution, manager string) (worst *core.StepExecution, failed, all int) {
	parts := slices.DeleteFunc(slices.Clone(je.Steps), func(se *core.StepExecution) bool {
		step, part := core.SplitStepName(se.StepName)
		return part == "" || step != manager
	})
	for _, se := range parts {
		if severity(se) == 0 {
			continue
		}
		failed++
		if worst == nil || severity(se) > severity(worst) {
			worst = se
		}
	}
	return worst, failed, len(parts)
}
