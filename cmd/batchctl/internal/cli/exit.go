package cli

import (
	"errors"
	"fmt"
	"strconv"
	"syscall"

	"github.com/batchctl/batchctl/internal/core"
)

// The exit codes. README has the same table, and a test compares them.
const (
	codeCompleted      = 0
	codeFailed         = 1
	codeStopped        = 3
	codeWarnings       = 4
	codeComplete       = 5
	codeRunning        = 6
	codeNotRestartable = 7
	codeNotFound       = 8
	codeTimeout        = 9
	codeRepository     = 10
	codePrecondition   = 11
	codeLeaseLost      = 12
	codeUsage          = 64
	codeInternal       = 70
	codeSignal         = 128 // plus the number of the signal
)

// Codes lists the exit codes with what they mean, for people.
func Codes() []struct {
	Code    string
	Meaning string
} {
	return []struct{ Code, Meaning string }{
		{"0", "COMPLETED, or the command did what it was asked"},
		{"1", "FAILED, restartable"},
		{"3", "STOPPED, restartable"},
		{"4", "COMPLETED with warnings, or a check found something"},
		{"5", "the instance is already complete"},
		{"6", "already running"},
		{"7", "not restartable: UNKNOWN, abandoned, start limit, input changed, not the latest"},
		{"8", "no such job, execution or instance"},
		{"9", "timed out, restartable: stopped cleanly, or FAILED where it did not stop in time"},
		{"10", "repository: missing, locked too long, damaged, schema too new, not permitted"},
		{"11", "reserved: a precondition was not there in time"},
		{"12", "lease lost: another process took over, this one stopped writing"},
		{"64", "usage: flags, parameters, definition; nothing was started"},
		{"70", "a bug of batchctl"},
		{"128+n", "ended by signal n on the second request"},
	}
}

// errUsage: the words were not understood, and nothing was started.
var errUsage = errors.New("usage")

// errWarnings: the command did its work, and found something.
var errWarnings = errors.New("something was found")

// errBeside: the job completed, and what belongs to it and is no step has failed.
var errBeside = errors.New("a failure beside the work")

// errCoded: the job completed, and its exit code says something else.
var errCoded = errors.New("completed with another exit code")

// errInvalid: definitions have problems, and the result has said which.
var errInvalid = errors.New("definitions have problems")

type kindCode struct {
	kind error
	code int
}

// endedCodes are for executions that have ended; anything else is FAILED.
var endedCodes = []kindCode{
	{core.ErrLeaseLost, codeLeaseLost},
	{core.ErrOptimisticLock, codeLeaseLost},
	{core.ErrTimeout, codeTimeout},
	{core.ErrStopped, codeStopped},
	{core.ErrCheckpointMismatch, codeNotRestartable},
	{core.ErrStartLimitExceeded, codeNotRestartable},
	{core.ErrJobRestart, codeNotRestartable},
}

// refusedCodes are for what was not even begun.
var refusedCodes = []kindCode{
	{errUsage, codeUsage},
	{errWarnings, codeWarnings},
	{errRejected, codeWarnings},
	{errBeside, codeWarnings},
	{errCoded, codeCompleted},
	{core.ErrNoSuchJob, codeNotFound},
	{core.ErrNoSuchJobInstance, codeNotFound},
	{core.ErrNoSuchJobExecution, codeNotFound},
	{core.ErrNoSuchStepExecution, codeNotFound},
	{core.ErrJobInstanceAlreadyComplete, codeComplete},
	{core.ErrJobExecutionAlreadyRunning, codeRunning},
	{core.ErrJobRestart, codeNotRestartable},
	{core.ErrStartLimitExceeded, codeNotRestartable},
	{core.ErrCheckpointMismatch, codeNotRestartable},
	{core.ErrJobExecutionNotRunning, codeNotRestartable},
	{core.ErrJobParametersInvalid, codeUsage},
	{core.ErrJobDefinition, codeUsage},
	{core.ErrDuplicateJob, codeUsage},
	{core.ErrLeaseLost, codeLeaseLost},
	{core.ErrOptimisticLock, codeLeaseLost},
	{core.ErrRepositoryMissing, codeRepository},
	{core.ErrRepository, codeRepository},
}

func lookup(table []kindCode, err error) int {
	for _, row := range table {
		if errors.Is(err, row.kind) {
			return row.code
		}
	}
	return codeFailed
}

// code maps err to the exit code that the user wants to see.
func (a *app) code(err error) int {
	if a.settings.ExitCodes == exitCodesSpring {
		return springCode(err)
	}
	return defaultCode(err)
}

func defaultCode(err error) int {
	if err == nil {
		return codeCompleted
	}
	ended, ok := errors.AsType[*endedError](err)
	if !ok {
		return lookup(refusedCodes, err)
	}
	if ended.signal != 0 && errors.Is(ended.err, core.ErrAborted) {
		return signalCode(ended.signal)
	}
	return lookup(endedCodes, ended.err)
}

// coded returns an errCoded for an execution that is COMPLETED and says by its
// exit code that it is not: FAILED, which a listener or a transition may have
// made it, and for Spring, which looks at nothing else, every other one.
func (a *app) coded(je *core.JobExecution, o *launchOptions) error {
	code := je.ExitStatus.Code
	if code == core.ExitCodeCompleted || code != core.ExitCodeFailed && a.settings.ExitCodes != exitCodesSpring {
		return nil
	}
	return &core.Error{
		Kind: errCoded, Op: o.verb,
		Msg:  fmt.Sprintf("execution %d is COMPLETED, but its exit code is %s", je.ID, core.Quote(code)),
		Hint: core.ShellQuote("batchctl", "show", strconv.FormatInt(je.ID, 10)),
	}
}

// springCode is Spring Batch's SimpleJvmExitCodeMapper: COMPLETED, no job of
// that name, anything else.
func springCode(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, core.ErrNoSuchJob), errors.Is(err, errNoJob):
		return 2
	}
	return 1
}

// unread is the exit code of a command that had only its result to write, and
// nobody to read it: that of a program which SIGPIPE has ended.
func (a *app) unread() int {
	if a.settings.ExitCodes == exitCodesSpring {
		return codeFailed
	}
	return signalCode(syscall.SIGPIPE)
}

// signalCode is what a shell reports for a process that a signal has ended.
func signalCode(signal syscall.Signal) int { return codeSignal + int(signal) }
