package flow

import (
	"fmt"
	"path"
	"runtime"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// PanicError is a panic that was recovered in a decider, or in a branch of a
// split.
type PanicError struct {
	// Value is what was panicked with.
	Value any
	// Stack is the innermost part of the stack, one frame a line.
	Stack string
}

// Error returns "panic: VALUE".
func (e *PanicError) Error() string {
	return "panic: " + core.EscapeControl(fmt.Sprint(e.Value))
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
func recovered(value any) *PanicError {
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
		case panicking:
			lines = append(lines, fmt.Sprintf("  %s (%s:%d)", path.Base(f.Function), path.Base(f.File), f.Line))
		}
	}
	return &PanicError{Value: value, Stack: strings.Join(lines, "\n")}
}
