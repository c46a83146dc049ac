package engine

import (
	"fmt"
	"path"
	"runtime"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// PanicError is a panic that was recovered in the code of a job.
type PanicError struct {
	// Where names the step or the listener, for example "step load".
	Where string
	// Value is what was panicked with.
	Value any
	// Stack is the innermost part of the stack, one frame a line.
	Stack string
}

// Error returns "panic in WHERE: VALUE".
func (e *PanicError) Error() string {
	return fmt.Sprintf("panic in %s: %s", e.Where, core.EscapeControl(fmt.Sprint(e.Value)))
}

// Unwrap returns the value when it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error) // nil is right when it is none
	return err
}

// maxFrames bounds the stack that a PanicError keeps.
const maxFrames = 10

// recovered turns the value of recover() into an error. It must be called from
// the deferred function itself.
func recovered(where string, value any) *PanicError {
	return &PanicError{Where: where, Value: value, Stack: shortStack()}
}

// shortStack lists the frames between the panic and this package.
func shortStack() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	var lines []string
	panicking := false
	for more := true; more && len(lines) < maxFrames; {
		var f runtime.Frame
		f, more = frames.Next()
		switch {
		case strings.HasPrefix(f.Function, "runtime."):
			panicking = panicking || f.Function == "runtime.gopanic"
		case strings.HasSuffix(f.Function, "/engine.perform"), strings.HasSuffix(f.Function, "/engine.execute"):
			more = more && !panicking
		case panicking:
			lines = append(lines, fmt.Sprintf("  %s (%s:%d)", path.Base(f.Function), path.Base(f.File), f.Line))
		}
	}
	return strings.Join(lines, "\n")
}
