package cli

import (
	"fmt"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// failedPlace says, in words that go with err, in which step je has not completed
// and what that had done; and of a partitioned step in which part, in a line of
// its own, where err does not say so.
func failedPlace(je *core.JobExecution, job *core.Job, err error) (step, part string) {
	se := failedStep(je, job)
	if se == nil {
		return "", ""
	}
	c := se.Counts
	step = fmt.Sprintf(" in step %s: read %d, written %d, filtered %d, skipped %d, commits %d, rollbacks %d",
		se.StepName, c.Read, c.Write, c.Filter, c.Skip(), c.Commit, c.Rollback)
	if failed := failedPart(je, se.StepName); failed != nil {
		if _, name := core.SplitStepName(failed.StepName); !strings.Contains(err.Error(), "part "+name) {
			part = fmt.Sprintf("the first part that did not complete is %s, which is %s", failed.StepName, failed.Status)
		}
	}
	return step, part
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

// failedPart returns the first of the parts of a step that ended worst, nil when
// there is none.
func failedPart(je *core.JobExecution, manager string) *core.StepExecution {
	var worst *core.StepExecution
	for _, se := range je.Steps {
		step, part := core.SplitStepName(se.StepName)
		if part == "" || step != manager || severity(se) == 0 {
			continue
		}
		if worst == nil || severity(se) > severity(worst) {
			worst = se
		}
	}
	return worst
}

// acts are the commands that have done something when their result is written:
// they say so when nobody reads it. All others have nothing but their result.
var acts = map[string]bool{
	"run": true, "next": true, "restart": true, "stop": true, "abandon": true, "recover": true, "new": true,
	"db init": true, "db zone": true, "db backup": true,
}
