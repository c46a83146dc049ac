package execstep

import (
	"errors"
	"strconv"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// ContextKeyFailed is the key in the job's context of the execution in which a
// command failed last, and the path of its log.
const ContextKeyFailed = "batchctl.exec.failed"

// loggedError is the failure of a command, and where its output is.
type loggedError struct {
	path string
	err  error
}

// logged returns err with the path of the log, and notes it for whoever hears of
// the end of the job; nil stays nil.
func logged(s *core.Scope, err error, path string) error {
	if err == nil {
		return nil
	}
	if !core.IsInterruption(err) && !core.IsFenced(err) {
		s.Note(ContextKeyFailed, strconv.FormatInt(s.Execution.ID, 10)+" "+path)
	}
	return &loggedError{path, err}
}

// Error implements error.
func (e *loggedError) Error() string { return e.err.Error() }

// Unwrap returns what has failed.
func (e *loggedError) Unwrap() error { return e.err }

// LogOf returns the path of the log of the command that err is about, or "" where
// it is about none.
func LogOf(err error) string {
	if e, ok := errors.AsType[*loggedError](err); ok {
		return e.path
	}
	return ""
}

// FailedLog returns the path of the log of the command that failed last in je, or
// "" where none did. A context knows those of earlier attempts, too.
func FailedLog(je *core.JobExecution) string {
	noted, _, err := je.Context.String(ContextKeyFailed)
	if id, path, ok := strings.Cut(noted, " "); err == nil && ok && id == strconv.FormatInt(je.ID, 10) {
		return path
	}
	return ""
}
