package flow

import (
	"context"
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
)

// Body is the body of every job. It keeps nothing and may be shared.
//
// sequence is the body of a simple job: its steps in order, up to the first
// that does not complete. The job ends as its last step did. A step that was
// given up (ABANDONED) is passed over and has no say.
type Body struct{}

var _ core.JobBody = Body{}

// Execute implements core.JobBody.
func (Body) Execute(ctx context.Context, r *core.Run) (core.BatchStatus, core.ExitStatus, error) {
	exit, started := core.ExitStatus{}, false
	for _, step := range r.Job.Steps {
		se, ran, err := r.Steps.RunStep(ctx, r, step, nil)
		if err != nil {
			return core.StatusCompleted, core.ExitStatus{}, &core.Error{Op: "step " + step.Name, Err: err}
		}
		if !ran && se.Status == core.StatusAbandoned {
			continue
		}
		started, exit = started || ran, se.ExitStatus
		if se.Status != core.StatusCompleted {
			return se.Status, exit, stepFailure(se)
		}
	}
	if !started {
		return core.StatusCompleted, core.ExitStatus{
			Code:    core.ExitCodeNoop,
			Message: "All steps already completed or no steps configured for this job.",
		}, nil
	}
	return core.StatusCompleted, exit, nil
}

// stepFailure is what the job says about a step that did not complete.
func stepFailure(se *core.StepExecution) error {
	e := &core.Error{Op: "step " + se.StepName, Err: se.Failure}
	if se.Failure == nil {
		e.Msg = fmt.Sprintf("ended %s", se.Status)
	}
	return e
}
