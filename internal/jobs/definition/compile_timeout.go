package definition

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/execstep"
)

// timed puts the timeout of e around a step. A part of a step has none of its
// own: the time is that of the whole.
func (c *compiler) timed(e *Element, step *core.Step) *core.Step {
	if !e.Timeout.Given() || c.at.parts {
		return step
	}
	limit := lateValue(c, e.Timeout, 0, parseDuration)
	j, bind := c.job, step.Bind
	step.Bind = func(s *core.Scope) (core.StepBody, error) {
		d, err := limit(j.inScope(e, s))
		if err != nil {
			return nil, err
		}
		body, err := bind(s)
		if err != nil || d == 0 {
			return body, err
		}
		return timedBody{body, d}, nil
	}
	return step
}

// timedBody ends the work of a step when its time is over: the step is FAILED
// with the exit code TIMEOUT, and a restart goes on at its last commit.
type timedBody struct {
	core.StepBody

	limit time.Duration
}

// Execute implements core.StepBody.
func (t timedBody) Execute(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
	bounded, cancel := context.WithTimeout(ctx, t.limit)
	defer cancel()
	exit, err := t.StepBody.Execute(bounded, s)
	if err != nil && ctx.Err() == nil && s.Stop.Cause() == nil && errors.Is(bounded.Err(), context.DeadlineExceeded) {
		return core.ExitStatus{}, core.WithExitCode(execstep.ExitCodeTimeout, core.Classified(core.ClassTimeout, &core.Error{
			Msg: fmt.Sprintf("the step was still at work after %s and was ended at its last commit", t.limit),
			Err: inTime{err},
		}))
	}
	return exit, err
}

// inTime is what the work of a step came to when its time was over, in words of
// ours.
type inTime struct{ error }

func (e inTime) Error() string {
	return strings.ReplaceAll(e.error.Error(), context.DeadlineExceeded.Error(), "the time was over")
}

func (e inTime) Unwrap() error { return e.error }
