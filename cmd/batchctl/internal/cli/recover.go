package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

type recoverOptions struct {
	id    int64 // 0: all whose owners are dead
	force bool
	yes   bool
}

func newRecoverCmd(a *app) *cobra.Command {
	o := &recoverOptions{}
	cmd := &cobra.Command{
		Use:   "recover [EXECUTION]",
		Short: "End executions whose process has died",
		Long: `End an execution whose process has died as FAILED, so that it can be restarted;
without an id all of them. "run" and "restart" do the same by themselves for the
instance that they launch. A process that lives, or may live, is left alone
unless --force --yes is given.`,
		Example:           "  batchctl recover\n  batchctl recover 42 --force --yes",
		ValidArgsFunction: a.completeExecutions(core.StatusStarting, core.StatusStarted, core.StatusStopping),
		Args: func(cmd *cobra.Command, args []string) error {
			return exactly(len(args[:min(1, len(args))]), "execution")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if len(args) == 1 {
				if o.id, err = executionID("recover "+args[0], args[0]); err != nil {
					return err
				}
			}
			switch {
			case o.force && o.id == 0:
				return usageError("batchctl recover EXECUTION --force --yes", "recover: --force needs the id of an execution")
			case o.force && !o.yes:
				return usageError("look at the evidence with "+a.command("show", args[0])+", then add --yes",
					"recover %s: --force takes the execution from a process that may live", args[0])
			}
			return runRecover(cmd.Context(), a, o)
		},
	}
	cmd.Flags().BoolVar(&o.force, "force", false, "also when the process may still live")
	cmd.Flags().BoolVar(&o.yes, "yes", false, "confirm --force")
	return cmd
}

func runRecover(ctx context.Context, a *app, o *recoverOptions) error {
	store, err := a.existingStore(ctx)
	if err != nil {
		return err
	}
	defer store.Close() // everything is committed
	if o.id == 0 {
		return recoverAll(ctx, a, store)
	}
	before, err := store.JobStatus(ctx, o.id)
	if err != nil {
		return &core.Error{Op: fmt.Sprintf("recover %d", o.id), Err: err}
	}
	verdict, je, err := store.Recover(ctx, o.id, o.force)
	if err != nil {
		return err
	}
	a.sayRecovery(before, verdict, je)
	return a.printIfAsked(ctx, store, je)
}

func (a *app) sayRecovery(before core.BatchStatus, verdict core.OwnerVerdict, je *core.JobExecution) {
	if !before.IsRunning() && je.Status == before {
		a.say("execution %d has ended already: it is %s", je.ID, je.Status)
		return
	}
	a.say("recovered execution %d: it was %s, its owner %s (%s), now it is %s; restart it with: %s",
		je.ID, before, verdict.Liveness, verdict.Evidence, je.Status, a.command("restart", fmt.Sprint(je.ID)))
}

// recoverAll looks at everything that reads as running.
func recoverAll(ctx context.Context, a *app, store *sqlite.Store) error {
	q := core.JobExecutionQuery{Statuses: []core.BatchStatus{core.StatusStarting, core.StatusStarted, core.StatusStopping}}
	looked, recovered := 0, 0
	for {
		page, err := store.JobExecutions(ctx, q)
		if err != nil {
			return err
		}
		for _, je := range page {
			looked++
			q.Before = je.ID
			verdict, err := store.OwnerOf(ctx, je.ID)
			if err != nil {
				return err
			}
			if verdict.Liveness != core.OwnerDead {
				a.say("execution %d of %s is %s and left alone: its owner is %s: %s",
					je.ID, je.Instance.JobName, je.Status, verdict.Liveness, verdict.Evidence)
				continue
			}
			before := je.Status
			verdict, ended, err := store.Recover(ctx, je.ID, false)
			if err != nil {
				return err
			}
			recovered++
			a.sayRecovery(before, verdict, ended)
		}
		if len(page) == 0 {
			break
		}
	}
	a.say("%s recovered, %d left alone", plural(recovered, "execution"), looked-recovered)
	return nil
}
