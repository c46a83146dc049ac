package engine

import (
	"fmt"
	"strconv"

	"github.com/batchctl/batchctl/internal/core"
)

// decision is what the restart table says about a step.
type decision int8

const (
	startFresh   decision = iota // with a context of its own
	startRestart                 // with the context of the last execution
	skip                         // the last execution stands
)

// keyExecuted is left behind by Spring Batch in contexts of executions that
// ended, and is not inherited.
const keyExecuted = "batch.executed"

// ownKeys tell of one lineage of one step; a step that hands its context on to
// others, as a flow step does, keeps them, and what forget removes.
var ownKeys = [...]string{
	keyExecuted, core.ContextKeyLineage, core.ContextKeyReplaces, core.ContextKeyChunk, core.ContextKeySink,
	core.ContextKeyPlan, core.ContextKeyChildJob, core.ContextKeyChildParameters,
}

// decide is the restart table: what to do about step when last is its newest
// execution within the instance (nil: none), current is the job execution that
// asks, and started is how often the step was started before.
func decide(step *core.Step, last *core.StepExecution, current int64, started int) (decision, error) {
	d, err := decideByStatus(step, last, current)
	if err != nil || d == skip {
		return d, err
	}
	if step.StartLimit > 0 && started >= step.StartLimit {
		times := "once"
		if started > 1 {
			times = strconv.Itoa(started) + " times"
		}
		return d, &core.Error{
			Kind: core.ErrStartLimitExceeded,
			Msg:  fmt.Sprintf("maximum start limit exceeded: started %s in this instance, the limit is %d", times, step.StartLimit),
			Hint: core.ShellQuote("batchctl", "show", strconv.FormatInt(current, 10)),
		}
	}
	if d == startRestart {
		return d, continuable(step, last, current)
	}
	return d, nil
}

// continuable says why step cannot go on where last has ended. The work of a
// step that was split or handed on is not in its own context, and whatever else
// it is now would do all of it once more.
func continuable(step *core.Step, last *core.StepExecution, current int64) error {
	if last.OpaqueContext != "" {
		return &core.Error{
			Kind: core.ErrJobRestart,
			Msg: fmt.Sprintf("the context of step execution %d was written by another program in a form that "+
				"batchctl does not read, so it is not known where to go on", last.ID),
			Hint: "restart it with the program that wrote it",
		}
	}
	_, planned := last.Context[core.ContextKeyPlan]
	_, launched := last.Context[core.ContextKeyChildJob]
	var was string
	switch {
	case planned && step.Worker == nil:
		was = "the step was partitioned when it was started in step execution %d, and is not any more: it would do again what its parts have done"
	case launched && step.Job == "":
		was = "the step launched a job when it was started in step execution %d, and does not any more: it would do again what that job has done"
	default:
		return nil
	}
	return &core.Error{
		Kind: core.ErrJobRestart, Msg: fmt.Sprintf(was, last.ID),
		Hint: "restart it with the job as it was, or give the instance up: " +
			core.ShellQuote("batchctl", "abandon", strconv.FormatInt(current, 10)),
	}
}

func decideByStatus(step *core.Step, last *core.StepExecution, current int64) (decision, error) {
	if last == nil || belongsTo(last, current) {
		return startFresh, nil
	}
	switch last.Status {
	case core.StatusCompleted:
		if step.AllowStartIfComplete {
			return startFresh, nil
		}
		return skip, nil
	case core.StatusAbandoned:
		return skip, nil
	case core.StatusStarting, core.StatusStarted, core.StatusStopping, // left by a crash
		core.StatusStopped, core.StatusFailed:
		return startRestart, nil
	case core.StatusUnknown:
	}
	status := last.Status.String()
	if last.OpaqueStatus != "" {
		status = core.Quote(last.OpaqueStatus)
	}
	return skip, &core.Error{
		Kind: core.ErrJobRestart,
		Msg:  fmt.Sprintf("cannot restart from status %s of step execution %d", status, last.ID),
		Hint: core.ShellQuote("batchctl", "show", strconv.FormatInt(last.JobExecution.ID, 10)),
	}
}

// belongsTo reports whether the step was already run in this very execution: a
// loop, which starts it again.
func belongsTo(last *core.StepExecution, current int64) bool {
	return last.JobExecution != nil && last.JobExecution.ID == current
}

// contextFor returns the context with which a step is started: the one it left
// behind, or a copy of initial.
func contextFor(
	d decision, last *core.StepExecution, initial core.ExecutionContext, token func() string,
) core.ExecutionContext {
	ec := initial.Clone()
	switch d {
	case startRestart:
		ec = last.Context.Clone()
		delete(ec, keyExecuted)
	case startFresh:
		for _, key := range ownKeys {
			delete(ec, key)
		}
		forget(ec)
		if last != nil && last.Status == core.StatusCompleted {
			if lineage, ok, err := last.Context.String(core.ContextKeyLineage); ok && err == nil {
				ec[core.ContextKeyReplaces] = lineage
			}
		}
	case skip:
	}
	ec[core.ContextKeyVersion] = "batchctl"
	if _, ok := ec[core.ContextKeyLineage]; !ok {
		ec[core.ContextKeyLineage] = token()
	}
	return ec
}
