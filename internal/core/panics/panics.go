// Package panics turns what was recovered from a panic into an error that says
// where it happened.
package panics

import (
	"fmt"
	"path"
	"runtime"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

const (
	// maxFrames bounds the stack that an Error keeps.
	maxFrames = 10
	// maxDepth bounds how far down a panic is looked for.
	maxDepth = 64
)

// Error is a panic that was recovered in the code of a job.
type Error struct {
	// Where names what was running, for example "step load"; it may be empty.
	Where string
	// Value is what was panicked with.
	Value any
	// Stack is the innermost part of the stack without the runtime, one frame a
	// line, down to the function that recovered.
	Stack string
}

// Recovered returns the Error for value, the result of recover(). It must be
// called from the deferred function itself. When value is an Error, which came
// from another goroutine, its value and its stack are kept.
func Recovered(where string, value any) *Error {
	if e, ok := value.(*Error); ok {
		return &Error{Where: where, Value: e.Value, Stack: e.Stack}
	}
	return &Error{Where: where, Value: value, Stack: stack()}
}

// Error returns "panic in WHERE: VALUE", fit for a terminal.
func (e *Error) Error() string {
	where := "panic"
	if e.Where != "" {
		where += " in " + e.Where
	}
	return where + ": " + core.EscapeControl(fmt.Sprint(e.Value))
}

// Unwrap returns the value when it is an error.
func (e *Error) Unwrap() error {
	err, _ := e.Value.(error) // nil is right when it is none
	return err
}

// stack lists the frames between the panic and the function whose deferred
// literal has called Recovered.
func stack() string {
	pcs := make([]uintptr, maxDepth)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	deferred, more := frames.Next()
	recoverer, _, _ := strings.Cut(path.Base(deferred.Function), ".func")
	var lines []string
	panicking := false
	for more && len(lines) < maxFrames {
		var f runtime.Frame
		f, more = frames.Next()
		name := path.Base(f.Function)
		switch {
		case strings.HasPrefix(f.Function, "runtime."):
			panicking = panicking || name == "runtime.gopanic"
		case !panicking:
		case name == recoverer:
			return strings.Join(lines, "\n")
		default:
			lines = append(lines, fmt.Sprintf("  %s (%s:%d)", name, path.Base(f.File), f.Line))
		}
	}
	return strings.Join(lines, "\n")
}
