package partition

import (
	"context"
	"errors"
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
)

// maxCauses bounds how many failures a manager's error carries: they all end up
// in one exit message.
const maxCauses = 10

// failures are the causes of a manager's failure in the order of the plan. The
// text is that of the first.
type failures []error

// Error implements error.
func (f failures) Error() string { return f[0].Error() }

// Unwrap makes every cause visible to errors.Is and errors.As.
func (f failures) Unwrap() []error { return f }

// failure is the error of a manager with failed parts. Those that a restart
// cannot cure show only when there are no others: they decide how the step
// ends, and what the person is told to do next. The exit code is that of the
// status, whatever codes the parts have.
func failure(total, completed int, failed, final, stopped []result) error {
	tally := fmt.Sprintf("%d of %d parts failed", len(failed)+len(final), total)
	if len(failed) > 0 && len(final) > 0 {
		tally += fmt.Sprintf(", %d of them beyond a restart", len(final))
	}
	tally += tallyOf(completed, stopped)
	shown := failed
	if len(failed) == 0 {
		shown = final
	}
	return core.WithExitCode(core.ExitCodeFailed, &core.Error{
		Msg: tally, Err: append(causes(shown), unrecorded(final, failed, stopped)...),
	})
}

// causes returns the first failures.
func causes(results []result) failures {
	var f failures
	for _, r := range results {
		if len(f) == maxCauses {
			break
		}
		if !r.unrecorded() {
			f = append(f, r.failure())
		}
	}
	return f
}

// unrecorded returns the failures that the engine has to see, all of them.
func unrecorded(groups ...[]result) failures {
	var f failures
	for _, group := range groups {
		for _, r := range group {
			if r.unrecorded() {
				f = append(f, r.failure())
			}
		}
	}
	return f
}

// stop is the error of a manager whose parts were stopped.
func stop(ctx context.Context, s *core.Scope, total, completed int, stopped []result) error {
	cause := s.Stop.Cause()
	if cause == nil && ctx.Err() != nil {
		cause = context.Cause(ctx)
	}
	if cause == nil { // a part has stopped by itself
		cause = stopped[0].failure()
	}
	if lost := unrecorded(stopped); len(lost) > 0 {
		cause = errors.Join(cause, lost)
	}
	return &core.Error{Msg: fmt.Sprintf("not all of %d parts ran to their end", total) + tallyOf(completed, stopped), Err: cause}
}

// tallyOf counts the parts that did not fail.
func tallyOf(completed int, stopped []result) string {
	waiting := 0
	for _, r := range stopped {
		if r.se == nil {
			waiting++
		}
	}
	tally := fmt.Sprintf(", %d complete", completed)
	if n := len(stopped) - waiting; n > 0 {
		tally += fmt.Sprintf(", %d stopped", n)
	}
	if waiting > 0 {
		tally += fmt.Sprintf(", %d not started", waiting)
	}
	return tally
}
