package launch

import (
	"context"
	"errors"
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
)

// JobInstances returns a page of instances, newest first. A name that has
// neither instances nor a registered job is an ErrNoSuchJob.
func (op *JobOperator) JobInstances(ctx context.Context, q core.JobInstanceQuery) ([]core.JobInstance, error) {
	if err := op.known(ctx, q.JobName); err != nil {
		return nil, err
	}
	return op.Repo.JobInstances(ctx, q)
}

// JobExecutions returns a page of executions, newest first. An unknown instance
// is an ErrNoSuchJobInstance, an unknown name as at JobInstances.
func (op *JobOperator) JobExecutions(ctx context.Context, q core.JobExecutionQuery) ([]*core.JobExecution, error) {
	if q.InstanceID != 0 {
		if _, err := op.Repo.JobInstance(ctx, q.InstanceID); err != nil {
			return nil, hinted("executions of instance "+id(q.InstanceID), command("instances"), err)
		}
	}
	if err := op.known(ctx, q.JobName); err != nil {
		return nil, err
	}
	return op.Repo.JobExecutions(ctx, q)
}

// RunningExecutions returns the executions of the job that read as running,
// newest first; an empty name means every job.
func (op *JobOperator) RunningExecutions(ctx context.Context, jobName string) ([]*core.JobExecution, error) {
	return op.JobExecutions(ctx, core.JobExecutionQuery{
		JobName:  jobName,
		Statuses: []core.BatchStatus{core.StatusStarting, core.StatusStarted, core.StatusStopping},
	})
}

// known refuses a name that neither the registry nor the history has.
func (op *JobOperator) known(ctx context.Context, jobName string) error {
	if jobName == "" {
		return nil
	}
	_, err := op.Registry.Job(jobName)
	if err == nil {
		return nil
	}
	if _, counted := op.Repo.JobInstanceCount(ctx, jobName); !errors.Is(counted, core.ErrNoSuchJob) {
		return counted
	}
	return &core.Error{
		Kind: core.ErrNoSuchJob, Hint: core.Hint(err),
		Msg: fmt.Sprintf("no job named %s is registered, and the history has none", core.Quote(jobName)),
	}
}
