package launch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// StartNextInstance launches the instance after the job's newest one: the job's
// incrementer moves its parameters on, and given ones override. The newest
// instance must be COMPLETED, or ABANDONED: one that was given up on purpose is
// stepped over. When there is none, or the parameter that moves is given, the
// incrementer is not needed.
func (op *JobOperator) StartNextInstance(
	ctx context.Context, jobName string, given core.JobParameters, o Options,
) (*core.JobExecution, error) {
	verb := "next " + jobName
	job, err := op.Registry.Job(jobName)
	if err != nil {
		return nil, advise(verb, "", err)
	}
	if job.Incrementer == nil {
		return nil, &core.Error{
			Kind: core.ErrJobParametersInvalid, Op: verb,
			Msg:  fmt.Sprintf("no job parameters incrementer found for job %s: its instances have no order", core.Quote(jobName)),
			Hint: command("run", jobName),
		}
	}
	last, err := op.lastExecution(ctx, jobName)
	if err != nil {
		return nil, advise(verb, "", err)
	}
	var previous core.JobParameters
	if last != nil {
		if err := op.stepOver(ctx, last); err != nil {
			return nil, advise(verb, "", err)
		}
		previous = last.Parameters
	}
	ps, err := nextParameters(job, previous, given, op.Repo.Zone())
	if err != nil {
		return nil, hinted(verb, command("jobs", "show", jobName), err)
	}
	je, err := op.Launcher.Run(ctx, job, ps, o)
	if je == nil && errors.Is(err, core.ErrJobInstanceAlreadyComplete) {
		// It was launched out of order; "next" again would find the same.
		return nil, advise(verb, command("instances", "--job", jobName), err)
	}
	return je, err
}

// lastExecution returns the newest execution of the job's newest instance, or
// nil. An instance without executions counts as none.
func (op *JobOperator) lastExecution(ctx context.Context, jobName string) (*core.JobExecution, error) {
	q := core.JobInstanceQuery{JobName: jobName, Limit: 1}
	for {
		instances, err := op.Repo.JobInstances(ctx, q)
		if err != nil || len(instances) == 0 {
			return nil, err
		}
		je, err := op.Repo.LastJobExecution(ctx, instances[0].ID)
		if err == nil || !errors.Is(err, core.ErrNoSuchJobExecution) {
			return je, err
		}
		q.Before = instances[0].ID
	}
}

// stepOver refuses an instance that something is still to be done about.
func (op *JobOperator) stepOver(ctx context.Context, last *core.JobExecution) error {
	restart := &core.Error{
		Kind: core.ErrJobRestart,
		Msg:  fmt.Sprintf("the last instance is not complete: execution %d is %s", last.ID, statusText(last)),
		Hint: command("restart", id(last.ID)),
	}
	switch last.Status {
	case core.StatusCompleted, core.StatusAbandoned:
		return nil
	case core.StatusStopped, core.StatusFailed:
		return restart
	case core.StatusUnknown:
		restart.Hint = aboutUnknown(last)
		return restart
	case core.StatusStarting, core.StatusStarted, core.StatusStopping:
	}
	verdict, err := op.Repo.OwnerOf(ctx, last.ID)
	if err != nil {
		return err
	}
	if verdict.Liveness == core.OwnerDead {
		restart.Msg += ", and its owner is dead: " + verdict.Evidence
		return restart
	}
	return &core.Error{
		Kind: core.ErrJobExecutionAlreadyRunning,
		Msg:  fmt.Sprintf("execution %d of the last instance is %s: %s", last.ID, last.Status, verdict.Evidence),
		Hint: command("show", id(last.ID)),
	}
}

// nextParameters moves previous on and lets given override (INC-07).
func nextParameters(
	job *core.Job, previous, given core.JobParameters, zone *time.Location,
) (core.JobParameters, error) {
	ps := slices.Clone(previous)
	if _, moved := given.Lookup(job.Incrementer.Key().Name); !moved {
		next, err := job.Incrementer.Next(previous, zone)
		if errors.Is(err, core.ErrNoPrevious) {
			return nil, &core.Error{
				Err: err, Hint: command("next", job.Name, exampleOf(job.Incrementer.Key())),
			}
		}
		if err != nil {
			return nil, err
		}
		ps = next
	}
	for _, p := range given {
		ps = ps.With(p)
	}
	return ps, nil
}

// exampleOf is the word that gives the first value of an incremented parameter.
func exampleOf(key core.ParameterSpec) string {
	if key.ParameterType() == core.TypeDate {
		return key.Name + "=2021-01-01"
	}
	return key.Name + "=1"
}
