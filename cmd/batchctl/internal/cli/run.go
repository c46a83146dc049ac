package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
)

type runOptions struct {
	launchOptions
	job    string
	dryRun bool
}

func newRunCmd(a *app) *cobra.Command {
	o := &runOptions{}
	cmd := &cobra.Command{
		Use:   "run JOB [name=value ...]",
		Short: "Run a job; a failed or stopped instance is resumed",
		Long: `Run a job with parameters. The identifying parameters name the instance: one
that has completed is refused (exit code 5), one that has failed or was stopped
is resumed at its last commit. With --if-complete skip the same command can be
given again, by cron for example, until the job has completed: from then on it
does nothing, silently, and exits with 0.

` + notationHelp,
		Example: `  batchctl run dailySettlement requestDate=2021-01-01
  batchctl run dailySettlement 'requestDate(date)=2021-01-01'
  batchctl run dailySettlement requestDate=@yesterday --if-complete skip`,
		Args:              needsJob,
		ValidArgsFunction: a.completeJobAndParameters,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.job, err = o.readWords(cmd, args); err != nil {
				return err
			}
			if err := o.checkIfComplete(); err != nil {
				return err
			}
			if o.dryRun {
				return runPlan(cmd.Context(), a, o)
			}
			return runRun(cmd.Context(), a, o)
		},
	}
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "do nothing, and tell what would be done, as batchctl plan does")
	o.addIfCompleteFlag(cmd)
	a.addLaunchFlags(cmd, &o.launchOptions)
	return cmd
}

// needsJob wants a job and any number of parameters.
func needsJob(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return &core.Error{
			Kind: errUsage, Hint: core.ShellQuote("batchctl", "jobs") + " lists the jobs",
			Err: &core.Error{Op: verbOf(cmd), Err: errNoJob},
		}
	}
	return nil
}

func runRun(ctx context.Context, a *app, o *runOptions) error {
	job, err := a.job(o.verb, o.job)
	if err != nil {
		return err
	}
	store, ps, err := a.openFor(ctx, job, &o.launchOptions, func(ps core.JobParameters) error {
		dir, err := workingDirectory()
		if err != nil {
			return err
		}
		return a.launchable(job, &o.launchOptions, ps, dir)
	})
	if err != nil {
		return err
	}
	defer store.Close() // everything is committed
	err = a.launch(ctx, store, job, &o.launchOptions,
		func(ctx context.Context, op *launch.JobOperator, lo launch.Options) (*core.JobExecution, error) {
			return op.Start(ctx, job.Name, ps, lo)
		})
	if o.skips(err) {
		return a.skipped(ctx, store, job, &o.launchOptions, ps, err)
	}
	return err
}

// launchable looks at parameters as a launch from dir into a repository that has
// yet to be made does.
func (a *app) launchable(job *core.Job, o *launchOptions, ps core.JobParameters, dir string) error {
	days := a.days(o, calendarOfNone())
	ps, err := days.Complete(job, ps, dir)
	if err == nil {
		err = job.ValidateParameters(ps, days.Zone)
	}
	if err == nil {
		_, err = launch.ResolveSecrets(job, ps, a.masker)
	}
	if err != nil {
		return a.misused(job, o, err)
	}
	return nil
}

// job finds a registered job.
func (a *app) job(verb, name string) (*core.Job, error) {
	registry, err := a.only(name)
	switch {
	case err != nil:
		return nil, &core.Error{Op: verb, Err: err}
	case registry != nil: // nothing else is needed to run it
		a.registry = func() (*launch.JobRegistry, error) { return registry, nil }
	default:
		if registry, err = a.registry(); err != nil {
			return nil, err
		}
	}
	job, err := registry.Job(name)
	if err != nil {
		return nil, &core.Error{Op: verb, Err: a.undefined(name, err)}
	}
	return job, nil
}
