package engine

import (
	"context"
	"strconv"

	"github.com/batchctl/batchctl/internal/core"
)

// Outlook is what a restart would do about a step that it comes to.
type Outlook int8

// The outlooks.
const (
	WouldStart  Outlook = iota // from its beginning
	WouldResume                // where its last execution has left it
	WouldSkip                  // its last execution stands
)

// String returns the outlook in one word.
func (o Outlook) String() string {
	switch o {
	case WouldStart:
		return "start"
	case WouldResume:
		return "resume"
	case WouldSkip:
		return "skip"
	}
	return "unknown"
}

// Foresee asks the restart table about a step of an instance, and returns its
// last execution, nil where there is none. The error is the refusal to start it.
// Nothing is changed.
func Foresee(ctx context.Context, x core.JobExplorer, instance int64, step *core.Step) (*core.StepExecution, Outlook, error) {
	last, d, err := consultAbout(ctx, x, instance, 0, step)
	if err != nil && last != nil && last.JobExecution != nil { // the execution that would be refused has no id yet
		err = &core.Error{Err: err, Hint: core.ShellQuote("batchctl", "show", strconv.FormatInt(last.JobExecution.ID, 10))}
	}
	switch d {
	case startRestart:
		return last, WouldResume, err
	case skip:
		return last, WouldSkip, err
	case startFresh:
	}
	return last, WouldStart, err
}
