package core

import (
	"cmp"
	"fmt"
	"strings"
)

// BatchStatus is the life-cycle state of an execution. The order of the
// constants is the order of severity, and their names are what is persisted.
type BatchStatus int8

// The eight states of Spring Batch, least severe first.
const (
	StatusCompleted BatchStatus = iota
	StatusStarting
	StatusStarted
	StatusStopping
	StatusStopped
	StatusFailed
	StatusAbandoned
	StatusUnknown
)

var statusNames = [...]string{
	"COMPLETED", "STARTING", "STARTED", "STOPPING", "STOPPED", "FAILED", "ABANDONED", "UNKNOWN",
}

// Statuses returns every BatchStatus in order of severity.
func Statuses() []BatchStatus {
	all := make([]BatchStatus, len(statusNames))
	for i := range all {
		all[i] = BatchStatus(i)
	}
	return all
}

// String returns the persisted name.
func (s BatchStatus) String() string {
	if s < 0 || int(s) >= len(statusNames) {
		return fmt.Sprintf("BatchStatus(%d)", int8(s))
	}
	return statusNames[s]
}

// ParseBatchStatus reads a persisted name. A name that is none of the eight is
// an error, never a default (STA-04).
func ParseBatchStatus(name string) (BatchStatus, error) {
	for i, n := range statusNames {
		if n == name {
			return BatchStatus(i), nil
		}
	}
	return StatusUnknown, fmt.Errorf("%s is not a batch status (one of %s)",
		Quote(name), strings.Join(statusNames[:], ", "))
}

// IsRunning reports whether the state is one of STARTING, STARTED, STOPPING.
func (s BatchStatus) IsRunning() bool { return s >= StatusStarting && s <= StatusStopping }

// IsUnsuccessful reports whether the state is FAILED or worse.
func (s BatchStatus) IsUnsuccessful() bool { return s >= StatusFailed }

// UpgradeTo joins two states: the more severe one when either is beyond
// STARTED, else COMPLETED when either is COMPLETED, else the later one.
func (s BatchStatus) UpgradeTo(other BatchStatus) BatchStatus {
	if s > StatusStarted || other > StatusStarted {
		return max(s, other)
	}
	if s == StatusCompleted || other == StatusCompleted {
		return StatusCompleted
	}
	return max(s, other)
}

// ExitStatus is the outcome of an execution in words: a code that flows and
// operators match on, and a free description. The zero value has no code and
// is replaced by whatever it is joined with.
type ExitStatus struct {
	Code    string
	Message string
}

// Exit codes with a meaning of their own. Any other code is allowed.
const (
	ExitCodeUnknown   = "UNKNOWN"
	ExitCodeExecuting = "EXECUTING"
	ExitCodeCompleted = "COMPLETED"
	ExitCodeNoop      = "NOOP"
	ExitCodeStopped   = "STOPPED"
	ExitCodeFailed    = "FAILED"

	// ExitCodeRefused marks a step execution that found at open that its input
	// or output is not what its checkpoint describes. It touched nothing and
	// does not count towards the step's start limit.
	ExitCodeRefused = "REFUSED"
)

var exitSeverities = [...]struct {
	prefix   string
	severity int
}{
	{ExitCodeExecuting, 1},
	{ExitCodeCompleted, 2},
	{ExitCodeNoop, 3},
	{ExitCodeStopped, 4},
	{ExitCodeFailed, 5},
	{ExitCodeUnknown, 6},
}

// severity ranks a code by its prefix; a code of the user's own beats all.
func (e ExitStatus) severity() int {
	if e.Code == "" {
		return 0
	}
	for _, s := range exitSeverities {
		if strings.HasPrefix(e.Code, s.prefix) {
			return s.severity
		}
	}
	return 7
}

// Compare orders two outcomes by severity, then by code.
func (e ExitStatus) Compare(other ExitStatus) int {
	if c := cmp.Compare(e.severity(), other.severity()); c != 0 {
		return c
	}
	return cmp.Compare(e.Code, other.Code)
}

// And joins two outcomes: the more severe code, and both descriptions.
func (e ExitStatus) And(other ExitStatus) ExitStatus {
	joined := e.AddMessage(other.Message)
	if e.Compare(other) < 0 {
		joined.Code = other.Code
	}
	return joined
}

// AddMessage returns e with message appended after "; ". A blank message and
// one that is equal to the present description change nothing.
func (e ExitStatus) AddMessage(message string) ExitStatus {
	switch {
	case strings.TrimSpace(message) == "" || message == e.Message:
	case e.Message == "":
		e.Message = message
	default:
		e.Message += "; " + message
	}
	return e
}

// String returns the code alone.
func (e ExitStatus) String() string { return e.Code }
