package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
)

type restartOptions struct {
	launchOptions
	id int64
}

func newRestartCmd(a *app) *cobra.Command {
	o := &restartOptions{}
	cmd := &cobra.Command{
		Use:   "restart EXECUTION [name=value ...]",
		Short: "Resume a failed or stopped execution",
		Long: `Resume a failed or stopped execution at its last commit, with its parameters. It
must be the newest of its instance. Non-identifying parameters may be changed.`,
		Example:           "  batchctl restart 42",
		Args:              needsExecution,
		ValidArgsFunction: a.completeExecutions(core.StatusFailed, core.StatusStopped),
		RunE: func(cmd *cobra.Command, args []string) error {
			object, err := o.readWords(cmd, args)
			if err != nil {
				return err
			}
			if o.id, err = executionID(o.verb, object); err != nil {
				return err
			}
			return runRestart(cmd.Context(), a, o)
		},
	}
	a.addLaunchFlags(cmd, &o.launchOptions)
	return cmd
}

// needsExecution wants an id and any number of parameters.
func needsExecution(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usageError(core.ShellQuote("batchctl", "executions")+" lists them", "%s: no execution given", verbOf(cmd))
	}
	return nil
}

// executionID reads the id of an execution.
func executionID(verb, word string) (int64, error) {
	id, err := strconv.ParseInt(word, 10, 64)
	if err != nil || id < 1 || word[0] == '+' {
		return 0, usageError(core.ShellQuote("batchctl", "executions")+" lists them",
			"%s: %s is not the id of an execution", verb, core.Quote(word))
	}
	return id, nil
}

func runRestart(ctx context.Context, a *app, o *restartOptions) error {
	store, err := a.existingStore(ctx)
	if err != nil {
		return err
	}
	defer store.Close() // everything is committed
	je, err := store.JobExecution(ctx, o.id)
	if err != nil {
		return &core.Error{Op: o.verb, Err: err}
	}
	job, err := a.job(o.verb, je.Instance.JobName)
	if err != nil {
		return err
	}
	overrides, err := a.parameters(job, &o.launchOptions, calendarOf(store))
	if err != nil {
		return err
	}
	a.warnAbout(overrides)
	return a.launch(ctx, store, job, &o.launchOptions,
		func(ctx context.Context, op *launch.JobOperator, lo launch.Options) (*core.JobExecution, error) {
			return op.Restart(ctx, o.id, overrides, lo)
		})
}
