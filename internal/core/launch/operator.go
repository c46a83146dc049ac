package launch

import (
	"context"
	"errors"
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
)

// JobOperator does what a person types: it finds the job, decides whether the
// verb fits the state, and launches. All fields must be set, but Stop, Abandon and
// Recover need Repo alone. It is safe for concurrent use.
type JobOperator struct {
	Registry *JobRegistry
	Launcher *JobLauncher
	Repo     core.JobRepository
}

// Start launches the job of that name, as JobLauncher.Run does. The parameters
// of a FAILED or STOPPED instance restart it.
func (op *JobOperator) Start(
	ctx context.Context, jobName string, ps core.JobParameters, o Options,
) (*core.JobExecution, error) {
	job, err := op.Registry.Job(jobName)
	if err != nil {
		return nil, err
	}
	return op.Launcher.Run(ctx, job, ps, o)
}

// Restart launches the instance of a FAILED or STOPPED execution again, with
// its parameters. overrides may change and add non-identifying parameters only.
// An execution that reads as running is passed on to the repository, which
// recovers it when its owner is dead and refuses otherwise.
func (op *JobOperator) Restart(
	ctx context.Context, executionID int64, overrides core.JobParameters, o Options,
) (*core.JobExecution, error) {
	verb := "restart " + id(executionID)
	je, err := op.Repo.JobExecution(ctx, executionID)
	if err != nil {
		return nil, hinted(verb, command("executions"), err)
	}
	job, err := op.Registry.Job(je.Instance.JobName)
	if err != nil {
		return nil, advise(verb, "", err)
	}
	if err := restartable(job, je); err != nil {
		return nil, advise(verb, "", err)
	}
	ps, err := override(job, je.Parameters, overrides)
	if err != nil {
		return nil, hinted(verb, command("jobs", "show", job.Name), err)
	}
	if err := readable(ps); err != nil {
		return nil, hinted(verb, command("show", id(executionID)), err)
	}
	o.RestartOf = executionID
	return op.Launcher.Run(ctx, job, ps, o)
}

// readable refuses a parameter that cannot be stored again. It is not wrong, so
// it must not read like a mistake in the words that were typed.
func readable(ps core.JobParameters) error {
	for _, p := range ps {
		if v, ok := p.Value.(core.OpaqueValue); ok {
			return &core.Error{
				Kind: core.ErrJobRestart,
				Msg: fmt.Sprintf("parameter %s is of type %s, which another program stored and batchctl does not know",
					core.Quote(p.Name), core.Quote(v.Type)),
			}
		}
	}
	return nil
}

// restartable refuses what no repository could allow.
func restartable(job *core.Job, je *core.JobExecution) error {
	switch je.Status {
	case core.StatusStopped, core.StatusFailed:
	case core.StatusStarting, core.StatusStarted, core.StatusStopping: // the repository knows whether it lives
	case core.StatusCompleted:
		hint := command("show", id(je.ID))
		if job.Incrementer != nil {
			hint = command("next", job.Name)
		}
		return &core.Error{
			Kind: core.ErrJobInstanceAlreadyComplete,
			Msg:  fmt.Sprintf("execution %d is COMPLETED, there is nothing to restart", je.ID), Hint: hint,
		}
	case core.StatusUnknown:
		return &core.Error{
			Kind: core.ErrJobRestart,
			Msg: fmt.Sprintf("execution %d is %s, as another program has left it; only FAILED and STOPPED ones restart",
				je.ID, statusText(je)),
			Hint: aboutUnknown(je),
		}
	case core.StatusAbandoned:
		return &core.Error{
			Kind: core.ErrJobRestart,
			Msg:  fmt.Sprintf("execution %d is %s: its instance never runs again, what it has committed stays", je.ID, je.Status),
			Hint: AnotherInstance(je),
		}
	}
	return nil
}

// AnotherInstance is what is left to do where the instance of je never runs again.
func AnotherInstance(je *core.JobExecution) string {
	another, ok := runAnother(je)
	if !ok {
		return "nothing tells another instance from it: give the job an identifying parameter"
	}
	return "run the job with another identifying parameter: " + another
}

// runAnother is the command that runs another instance of the job of je, if there
// is anything to tell one from another.
func runAnother(je *core.JobExecution) (line string, ok bool) {
	words := []string{"run", je.Instance.JobName}
	for _, p := range je.Parameters.Identifying() {
		words = append(words, p.Name+"=...")
	}
	return command(words...), len(words) > 2
}

// statusText is the status of je as it is stored.
func statusText(je *core.JobExecution) string {
	if je.OpaqueStatus != "" {
		return core.Quote(je.OpaqueStatus)
	}
	return je.Status.String()
}

// aboutUnknown is what to do about an execution whose end is not known. batchctl
// leaves none so, and cannot tell whether its work may be done again.
func aboutUnknown(je *core.JobExecution) string {
	hint := fmt.Sprintf("%s tells how far it came; if that can be done again, have the program that left it so set it "+
		"and its steps to %s, then %s", command("show", id(je.ID)), core.StatusFailed, command("restart", id(je.ID)))
	if another, ok := runAnother(je); ok {
		hint += "; else begin another instance: " + another
	}
	return hint
}

// override returns stored with overrides in place. Nothing that identifies the
// instance may change: it would be another instance.
func override(job *core.Job, stored, overrides core.JobParameters) (core.JobParameters, error) {
	ps := stored
	for _, p := range overrides {
		before, known := stored.Lookup(p.Name)
		switch {
		case known && before.Equal(p):
			continue
		case known && before.Identifying:
			return nil, &core.Error{
				Kind: core.ErrJobParametersInvalid,
				Msg: fmt.Sprintf("parameter %s identifies the instance, a restart cannot change it",
					core.EscapeControl(p.Name)),
				Hint: command("run", job.Name, p.Name+"=..."),
			}
		case known:
			p.Identifying = false // a restart keeps what it was launched with
		case p.Identifying:
			return nil, &core.Error{
				Kind: core.ErrJobParametersInvalid,
				Msg: fmt.Sprintf("parameter %s would identify the instance, a restart cannot add it",
					core.EscapeControl(p.Name)),
				Hint: fmt.Sprintf("write %s:%s:non-identifying=... if that is meant", p.Name, p.Type()),
			}
		}
		ps = ps.With(p)
	}
	return ps, nil
}

// Stop asks a running execution to end at its next commit, and returns it as it
// is then: STOPPING until its owner has ended it. One that is STOPPED already
// is what was asked for and no error. Any other that has ended, or whose owner
// is dead, is an ErrJobExecutionNotRunning.
func (op *JobOperator) Stop(ctx context.Context, executionID int64) (*core.JobExecution, error) {
	verb := "stop " + id(executionID)
	je, err := op.Repo.JobExecution(ctx, executionID)
	if err != nil {
		return nil, hinted(verb, command("executions"), err)
	}
	if je.Status == core.StatusStopped {
		return je, nil
	}
	if je.Status.IsRunning() {
		verdict, err := op.Repo.OwnerOf(ctx, executionID)
		if err != nil {
			return nil, advise(verb, "", err)
		}
		if verdict.Liveness == core.OwnerDead {
			return nil, &core.Error{
				Kind: core.ErrJobExecutionNotRunning, Op: verb,
				Msg:  fmt.Sprintf("it reads %s, but its owner is dead: %s", je.Status, verdict.Evidence),
				Hint: command("restart", id(executionID)),
			}
		}
	}
	stopping, err := op.Repo.RequestStop(ctx, executionID)
	if errors.Is(err, core.ErrJobExecutionNotRunning) {
		// It may have reached STOPPED between the two looks.
		if je, again := op.Repo.JobExecution(ctx, executionID); again == nil && je.Status == core.StatusStopped {
			return je, nil
		}
	}
	if err != nil {
		return nil, hinted(verb, command("show", id(executionID)), err)
	}
	return stopping, nil
}

// Abandon gives an execution up: it is never restarted. It must be STOPPING,
// STOPPED or FAILED; UNKNOWN stays UNKNOWN.
func (op *JobOperator) Abandon(ctx context.Context, executionID int64) (*core.JobExecution, error) {
	je, err := op.Repo.Abandon(ctx, executionID)
	switch {
	case errors.Is(err, core.ErrJobExecutionAlreadyRunning):
		return nil, hinted("abandon "+id(executionID), command("stop", id(executionID)), err)
	case err != nil:
		return nil, hinted("abandon "+id(executionID), command("executions"), err)
	}
	return je, nil
}
