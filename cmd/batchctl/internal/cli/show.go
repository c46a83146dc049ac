package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/internal/core"
)

type showOptions struct {
	verb string
	id   int64
}

func newShowCmd(a *app) *cobra.Command {
	o := &showOptions{}
	return &cobra.Command{
		Use:               "show EXECUTION",
		Short:             "Show an execution with its steps and their counts",
		Example:           "  batchctl show 42\n  batchctl show 42 -o json",
		Args:              exactly(1, "execution"),
		ValidArgsFunction: a.completeExecutions(),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			o.verb = "show " + args[0]
			if o.id, err = executionID(o.verb, args[0]); err != nil {
				return err
			}
			return runShow(cmd.Context(), a, o)
		},
	}
}

func runShow(ctx context.Context, a *app, o *showOptions) error {
	x, err := a.explorer(ctx)
	if err != nil {
		return err
	}
	defer x.Close() // only read from
	je, err := x.JobExecution(ctx, o.id)
	if err != nil {
		return &core.Error{Op: o.verb, Err: err}
	}
	owner := ""
	if je.Status.IsRunning() {
		verdict, err := x.OwnerOf(ctx, o.id)
		if err != nil {
			return err
		}
		owner = verdict.Liveness.String() + ": " + verdict.Evidence
	}
	return a.printer(x.Zone()).Execution(a.withContexts(ctx, x, je), owner)
}
