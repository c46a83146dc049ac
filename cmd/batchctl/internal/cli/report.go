package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/definition"
)

// errNoJob: a command that needs a job was given none.
var errNoJob = errors.New("no job given")

// usage marks err as one about the words that were typed, unless it has a kind
// of its own.
func usage(err error) error {
	if lookup(refusedCodes, err) != codeFailed {
		return err
	}
	return &core.Error{Kind: errUsage, Err: err, Msg: "", Hint: core.Hint(err)}
}

func usageError(hint, format string, args ...any) error {
	return &core.Error{Kind: errUsage, Msg: fmt.Sprintf(format, args...), Hint: hint}
}

// endedError is an execution that did not complete.
type endedError struct {
	verb  string
	je    *core.JobExecution
	job   *core.Job
	words []string // the identifying parameters
	place string   // in which step it did not complete, and what that had done
	part  string   // a line about which part of it
	// warnings are what the run had to say before.
	warnings []string
	signal   syscall.Signal
	err      error
}

// Error implements error.
func (e *endedError) Error() string { return e.verb + ": " + e.err.Error() }

// Unwrap returns the cause.
func (e *endedError) Unwrap() error { return e.err }

// report writes the block about an error.
func (a *app) report(err error) {
	if err == nil {
		return
	}
	if errors.Is(err, errWarnings) || errors.Is(err, errInvalid) { // the result has said it
		return
	}
	text := err.Error()
	if e, ok := errors.AsType[*core.Error](err); ok && errors.Is(e.Kind, errUsage) && e.Msg == "" && e.Err != nil {
		text = e.Err.Error()
	}
	ended, isEnded := errors.AsType[*endedError](err)
	if !isEnded && errors.Is(err, core.ErrJobInstanceAlreadyComplete) {
		text = "already complete: " + text
	}
	if hint := core.Hint(err); hint != "" {
		text += "; " + a.pasteable(hint)
	}
	if errors.Is(err, errRejected) || errors.Is(err, errBeside) || errors.Is(err, errCoded) {
		a.say("warning: %s", text)
		return
	}
	a.say("error: %s", text)
	if isEnded {
		a.reportEnd(ended)
	}
}

func (a *app) reportEnd(e *endedError) {
	id := strconv.FormatInt(e.je.ID, 10)
	a.say("  execution %s of %s is %s%s", id,
		core.ShellQuote(append([]string{e.je.Instance.JobName}, e.words...)...), e.je.Status, e.place)
	if e.part != "" {
		a.say("  %s", e.part)
	}
	for _, line := range e.warnings {
		a.say("  warning: %s", line)
	}
	if restartableEnd(e) {
		if restartsItself(core.Hint(e), id) {
			return
		}
		a.say("  restart it with: %s", a.command("restart", id))
		if aboutDefinition(e) {
			a.say("  after changing the definition: %s", a.command("restart", id, "--new-definition"))
		}
		return
	}
	a.say("  look at it with: %s", a.command("show", id))
}

// restartsItself reports whether the hint, which is said already, has a restart of
// that execution: with other words than the plain one, that one would fail again.
func restartsItself(hint, id string) bool {
	words := strings.Fields(hint)
	for i := range len(words) - 2 {
		if words[i] == "batchctl" && words[i+1] == "restart" && strings.TrimRight(words[i+2], ";:,") == id {
			return true
		}
	}
	return false
}

// restartableEnd reports whether a restart may help.
func restartableEnd(e *endedError) bool {
	if e.job.PreventRestart {
		return false
	}
	switch lookup(endedCodes, e.err) {
	case codeFailed, codeStopped, codeTimeout:
		return e.je.Status == core.StatusFailed || e.je.Status == core.StatusStopped || e.je.Status.IsRunning()
	}
	return false
}

// aboutDefinition reports whether the definition of the job may be what has to be
// mended: a restart under another one has to be asked for.
func aboutDefinition(e *endedError) bool {
	if e.job.Definition == nil {
		return false
	}
	_, placed := errors.AsType[definition.Problems](e.err)
	return placed || errors.Is(e.err, core.ErrJobDefinition)
}

// plural is "1 record", "2 records".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strings.Join([]string{strconv.Itoa(n), noun + "s"}, " ")
}
