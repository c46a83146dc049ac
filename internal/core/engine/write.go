package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// How long a last write may take: behind other writers, and when the run was
// told to end at once. There are two of them then, the step's and the job's.
const (
	lastWriteTimeout  = time.Minute
	abortWriteTimeout = time.Second
)

// lastWrites returns the context for writing an end: it outlives ctx, but only
// by abortWriteTimeout.
func lastWrites(ctx context.Context) (context.Context, context.CancelFunc) {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWriteTimeout)
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(abortWriteTimeout, cancel)
		context.AfterFunc(last, func() { timer.Stop() })
	})
	return last, func() {
		stop()
		cancel()
	}
}

// unrecordedError says that the end of a step could not be written. It carries
// the end, to be written together with the end of the job.
type unrecordedError struct {
	se      *core.StepExecution
	end     outcome
	counts  core.Counts           // that the row lacks
	context core.ExecutionContext // of the row
	err     error                 // why it could not be written
}

// Error implements error.
func (e *unrecordedError) Error() string {
	if e.end.err != nil && e.end.err != e.err { //nolint:errorlint // the very same error is not said twice
		return fmt.Sprintf("%v; its end could not be recorded: %v", e.end.err, e.err)
	}
	return fmt.Sprintf("its end could not be recorded: %v", e.err)
}

// Unwrap returns the step's failure and the reason.
func (e *unrecordedError) Unwrap() []error { return []error{e.end.err, e.err} }

// unrecorded returns every unrecordedError in err's tree.
func unrecorded(err error) []*unrecordedError {
	switch e := err.(type) { //nolint:errorlint // the tree is walked node by node
	case *unrecordedError:
		return []*unrecordedError{e}
	case interface{ Unwrap() error }:
		return unrecorded(e.Unwrap())
	case interface{ Unwrap() []error }:
		var all []*unrecordedError
		for _, below := range e.Unwrap() {
			all = append(all, unrecorded(below)...)
		}
		return all
	}
	return nil
}
