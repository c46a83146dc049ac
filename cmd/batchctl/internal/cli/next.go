package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
)

type nextOptions struct {
	launchOptions
	job string
}

func newNextCmd(a *app) *cobra.Command {
	o := &nextOptions{}
	cmd := &cobra.Command{
		Use:   "next JOB [name=value ...]",
		Short: "Run the instance after the last one",
		Long: `Run the instance after the job's last one: the next day, or the next number.
All other parameters are carried over, given ones override. It is refused while
the last instance is not complete (exit code 7).`,
		Example:           "  batchctl next dailySettlement",
		Args:              needsJob,
		ValidArgsFunction: a.completeJobAndParameters,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.job, err = o.readWords(cmd, args); err != nil {
				return err
			}
			return runNext(cmd.Context(), a, o)
		},
	}
	a.addLaunchFlags(cmd, &o.launchOptions)
	return cmd
}

func runNext(ctx context.Context, a *app, o *nextOptions) error {
	job, err := a.job(o.verb, o.job)
	if err != nil {
		return err
	}
	store, ps, err := a.openFor(ctx, job, &o.launchOptions, func(ps core.JobParameters) error {
		return nextCheck(a, job, o, ps)
	})
	if err != nil {
		return err
	}
	defer store.Close() // everything is committed
	return a.launch(ctx, store, job, &o.launchOptions,
		func(ctx context.Context, op *launch.JobOperator, lo launch.Options) (*core.JobExecution, error) {
			return op.StartNextInstance(ctx, job.Name, ps, lo)
		})
}

// nextCheck looks at the parameters as they will be when there is no instance
// yet, so that a refusal leaves no repository behind.
func nextCheck(a *app, job *core.Job, o *nextOptions, given core.JobParameters) error {
	if job.Incrementer == nil {
		return nil // the operator says so
	}
	ps := given
	if _, moved := given.Lookup(job.Incrementer.Key().Name); !moved {
		next, err := job.Incrementer.Next(given, nil)
		if err != nil {
			return nil //nolint:nilerr // the operator says so, with the command to type
		}
		ps = next
	}
	dir, err := workingDirectory()
	if err != nil {
		return err
	}
	return a.launchable(job, &o.launchOptions, ps, dir)
}
