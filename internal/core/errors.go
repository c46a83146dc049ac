package core

import (
	"errors"
	"strconv"
	"strings"
)

// The kinds of failure that a caller may have to tell apart. Ask for them with
// errors.Is; the command line maps each of them to one exit code.
var (
	// ErrJobInstanceAlreadyComplete: the instance has a COMPLETED execution.
	ErrJobInstanceAlreadyComplete = errors.New("job instance already complete")
	// ErrJobExecutionAlreadyRunning: an execution of the instance is running,
	// or may be.
	ErrJobExecutionAlreadyRunning = errors.New("job execution already running")
	// ErrJobRestart: the instance or execution cannot be started again.
	ErrJobRestart = errors.New("job cannot be restarted")
	// ErrStartLimitExceeded: a step was started as often as it may be.
	ErrStartLimitExceeded = errors.New("start limit exceeded")
	// ErrSkipLimitExceeded: more items would have to be skipped than may be.
	ErrSkipLimitExceeded = errors.New("skip limit exceeded")
	// ErrCheckpointMismatch: input or output is not what the checkpoint of the
	// step describes, and nothing was touched.
	ErrCheckpointMismatch = errors.New("checkpoint does not match")
	// ErrJobParametersInvalid: a parameter is missing, unknown or malformed.
	ErrJobParametersInvalid = errors.New("job parameters invalid")
	// ErrNoSuchJob: no job of that name is registered.
	ErrNoSuchJob = errors.New("no such job")
	// ErrNoSuchJobInstance: the repository has no such instance.
	ErrNoSuchJobInstance = errors.New("no such job instance")
	// ErrNoSuchJobExecution: the repository has no such job execution.
	ErrNoSuchJobExecution = errors.New("no such job execution")
	// ErrNoSuchStepExecution: the repository has no such step execution.
	ErrNoSuchStepExecution = errors.New("no such step execution")
	// ErrDuplicateJob: two jobs of one name.
	ErrDuplicateJob = errors.New("duplicate job")
	// ErrJobDefinition: a job is put together wrongly.
	ErrJobDefinition = errors.New("job definition invalid")
	// ErrJobExecutionNotRunning: the verb needs a running execution.
	ErrJobExecutionNotRunning = errors.New("job execution not running")
	// ErrOptimisticLock: the row was changed by somebody else meanwhile.
	ErrOptimisticLock = errors.New("optimistic lock")
	// ErrLeaseLost: another process has taken the execution over; this one must
	// write nothing more.
	ErrLeaseLost = errors.New("lease lost")
	// ErrRepository: the repository is missing, damaged, locked for too long,
	// too new or not permitted.
	ErrRepository = errors.New("repository unavailable")
	// ErrRepositoryMissing: there is no repository yet. It is also an
	// ErrRepository where no more is said.
	ErrRepositoryMissing = errors.New("repository missing")
	// ErrStopped: the execution was asked to stop and ended restartable.
	ErrStopped = errors.New("stopped")
	// ErrTimeout: the execution was stopped because its time was over.
	ErrTimeout = errors.New("timed out")
	// ErrAborted: the execution was told to end at once.
	ErrAborted = errors.New("aborted")
)

// IsInterruption reports whether err says that the execution was stopped, not
// that it failed.
func IsInterruption(err error) bool {
	return errors.Is(err, ErrStopped) || errors.Is(err, ErrTimeout) || errors.Is(err, ErrAborted)
}

// IsFenced reports whether another process has taken the execution over.
func IsFenced(err error) bool {
	return errors.Is(err, ErrLeaseLost) || errors.Is(err, ErrOptimisticLock)
}

// Error is an error for the person who has to act on it: what kind it is, what
// was attempted, what was found, and the next command to type. It is a value;
// share it freely.
type Error struct {
	// Kind is one of the sentinels above; errors.Is finds it.
	Kind error
	// Op is what was attempted, for example "run dailySettlement". May be empty.
	Op string
	// Msg says what was found, in one line, values quoted.
	Msg string
	// Hint is the next command to type, or an advice in one line. May be empty.
	Hint string
	// Err is the cause. May be nil.
	Err error
}

// Error returns "op: msg: cause", leaving out what is empty.
func (e *Error) Error() string {
	parts := make([]string, 0, 3)
	if e.Op != "" {
		parts = append(parts, e.Op)
	}
	switch {
	case e.Msg != "":
		parts = append(parts, e.Msg)
	case e.Kind != nil:
		parts = append(parts, e.Kind.Error())
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	return strings.Join(parts, ": ")
}

// Unwrap makes both the kind and the cause visible to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	errs := make([]error, 0, 2)
	if e.Kind != nil {
		errs = append(errs, e.Kind)
	}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}

// Hint returns the hint of the outermost *Error in err's tree that has one.
func Hint(err error) string {
	if e, ok := err.(*Error); ok && e.Hint != "" { //nolint:errorlint // it walks the tree itself
		return e.Hint
	}
	switch e := err.(type) { //nolint:errorlint // it walks the tree itself
	case interface{ Unwrap() error }:
		return Hint(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			if hint := Hint(err); hint != "" {
				return hint
			}
		}
	}
	return ""
}

// ItemError says what is wrong with one record of an input. A reader that
// returns one has passed the record: it can be skipped, and is never retried.
// Its text has the form "file:line: column: value: what is wrong"; an input
// without lines gives "file: record 7: ...".
type ItemError struct {
	File   string // as the reader was given it
	Line   int    // 1-based line on which the record begins; 0 if there are no lines
	Record int64  // 1-based number of the record; 0 if unknown
	Key    string // of a row; empty if there is none
	Column string // name of the column; empty if the record as a whole is meant
	Value  string // the offending value; ignored when HasValue is false
	// HasValue tells an empty value from none.
	HasValue bool
	Msg      string // what is wrong, and what was expected
	Err      error  // the cause; may be nil
	Class    string // of the error; empty: that of the cause, else the phase's
	// Offset and Raw are where the record begins, in bytes, and its bytes, cut
	// to a sensible length. Raw is nil where they are not known.
	Offset int64
	Raw    []byte
}

// ErrorClass returns the class of the error; see ClassOf.
func (e *ItemError) ErrorClass() string {
	if e.Class == "" && e.Err != nil {
		return ClassOf(e.Err, "")
	}
	return e.Class
}

// Origin returns where the record comes from.
func (e *ItemError) Origin() Origin {
	return Origin{File: e.File, Line: e.Line, Record: e.Record, Offset: e.Offset, Length: int64(len(e.Raw)), Key: e.Key}
}

// Error returns the text described at ItemError.
func (e *ItemError) Error() string {
	parts := make([]string, 0, 5)
	place := EscapeControl(e.File)
	if e.Line > 0 {
		place += ":" + strconv.Itoa(e.Line)
	}
	if place != "" {
		parts = append(parts, place)
	}
	if e.Line == 0 && e.Record > 0 {
		parts = append(parts, "record "+strconv.FormatInt(e.Record, 10))
	} else if e.Line == 0 && e.Key != "" {
		parts = append(parts, "key "+Quote(e.Key))
	}
	if e.Column != "" {
		parts = append(parts, EscapeControl(e.Column))
	}
	if e.HasValue {
		parts = append(parts, Quote(e.Value))
	}
	return strings.Join(append(parts, e.Msg), ": ")
}

// Unwrap returns the cause.
func (e *ItemError) Unwrap() error { return e.Err }

// WithExitCode returns err with the exit code that a step which fails with it
// is given in place of FAILED; nil stays nil. A step that stops or is refused
// keeps the code of that.
func WithExitCode(code string, err error) error {
	if err == nil {
		return nil
	}
	return &coded{code: code, err: err}
}

// ExitCodeOf returns the exit code of the outermost error in err's tree that
// WithExitCode made, or "".
func ExitCodeOf(err error) string {
	if c, ok := errors.AsType[*coded](err); ok {
		return c.code
	}
	return ""
}

type coded struct {
	code string
	err  error
}

func (c *coded) Error() string { return c.err.Error() }
func (c *coded) Unwrap() error { return c.err }
