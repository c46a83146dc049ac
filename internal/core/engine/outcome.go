package engine

import (
	"context"
	"errors"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/panics"
)

// outcome is how an execution ended.
type outcome struct {
	status core.BatchStatus
	exit   core.ExitStatus
	err    error // nil exactly when status is COMPLETED
}

// completed is the outcome of a body that returned without an error.
func completed(exit core.ExitStatus) outcome {
	return outcome{
		status: core.StatusCompleted,
		exit:   core.ExitStatus{Code: core.ExitCodeCompleted}.And(exit),
	}
}

// failed is the outcome of a body that returned err.
func failed(ctx context.Context, stop *core.Stop, err error) outcome {
	err = interruption(ctx, stop, err)
	o := outcome{status: core.StatusFailed, err: err}
	o.exit = core.ExitStatus{Code: core.ExitCodeFailed, Message: describe(err)}
	switch {
	case core.IsInterruption(err):
		o.status, o.exit.Code = core.StatusStopped, core.ExitCodeStopped
	case errors.Is(err, core.ErrCheckpointMismatch):
		o.exit.Code = core.ExitCodeRefused
	default:
		if code := core.ExitCodeOf(err); code != "" {
			o.exit.Code = code
		}
	}
	return o
}

// interruption returns err with the reason for which it really ended: a
// timeout shows as a stop, and an aborted run as whatever its context broke.
func interruption(ctx context.Context, stop *core.Stop, err error) error {
	if cause := stop.Cause(); errors.Is(err, core.ErrStopped) && errors.Is(cause, core.ErrTimeout) {
		return cause
	}
	cause := context.Cause(ctx)
	switch {
	case !core.IsInterruption(cause) || core.IsInterruption(err):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return cause
	}
	return &core.Error{Kind: cause, Err: err}
}

// apply makes o the end of a step. An outcome in words that the step gave
// itself is kept by its severity; a refusal is never overruled, because the
// start limit asks for it.
func (o outcome) apply(next *core.StepExecution) {
	next.Status = next.Status.UpgradeTo(o.status)
	next.Failure = o.err
	if o.exit.Code == core.ExitCodeRefused {
		next.ExitStatus = o.exit.AddMessage(next.ExitStatus.Message)
		return
	}
	next.ExitStatus = next.ExitStatus.And(o.exit)
}

// maxCauses bounds how deep describe follows a chain.
const maxCauses = 10

// describe returns the text of err for people, and below it the causes that the
// text leaves out.
func describe(err error) string {
	text := err.Error()
	if p, ok := errors.AsType[*panics.Error](err); ok {
		text += "\n" + p.Stack
	}
	for _, cause := range causes(err, maxCauses) {
		if said := cause.Error(); !strings.Contains(text, said) {
			text += "\ncaused by: " + said
		}
	}
	return text
}

// inOneLine returns the text of err, whose lines a joined error may have put one
// below the other, with semicolons between them.
func inOneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// causes returns what is below err, nearest first.
func causes(err error, depth int) []error {
	if depth == 0 {
		return nil
	}
	var below []error
	switch e := err.(type) { //nolint:errorlint // the chain is walked link by link
	case *core.Error: // its kind says less than its message
		below = []error{e.Err}
	case interface{ Unwrap() error }:
		below = []error{e.Unwrap()}
	case interface{ Unwrap() []error }:
		below = e.Unwrap()
	}
	var all []error
	for _, b := range below {
		if b != nil {
			all = append(append(all, b), causes(b, depth-1)...)
		}
	}
	return all
}
