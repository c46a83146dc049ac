package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
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
without an id all of them. What its job steps have launched is recovered with it.
"run" and "restart" do the same by themselves for the instances that they launch.
A process that lives, or may live, is left alone unless --force --yes is given.`,
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
	op := &launch.JobOperator{Repo: store}
	if o.id == 0 {
		return recoverAll(ctx, a, op)
	}
	result, err := op.Recover(ctx, o.id, o.force)
	a.sayRecoveries(result)
	if err != nil {
		return err
	}
	return a.printIfAsked(ctx, store, result[0].Execution)
}

// sayRecoveries says what has become of an execution, and of those that it has
// launched, one in a line.
func (a *app) sayRecoveries(result launch.RecoverResult) {
	for i, r := range result {
		switch {
		case i == 0:
			a.sayRecovery(r)
		case r.Execution.Status.IsRunning():
			a.sayLeftAlone(r.Execution, r.Verdict)
		default:
			parent := fmt.Sprint(result[0].Execution.ID)
			a.say("recovered execution %d of %s, launched from execution %s: it was %s, its owner %s (%s), now it is %s; "+
				"it is restarted with: %s", r.Execution.ID, core.EscapeControl(r.Execution.Instance.JobName), parent, r.Before,
				r.Verdict.Liveness, r.Verdict.Evidence, r.Execution.Status, a.command("restart", parent))
		}
	}
}

func (a *app) sayRecovery(r launch.Recovery) {
	if !r.Before.IsRunning() && r.Execution.Status == r.Before {
		a.say("execution %d has ended already: it is %s", r.Execution.ID, r.Execution.Status)
		return
	}
	a.say("recovered execution %d: it was %s, its owner %s (%s), now it is %s; restart it with: %s",
		r.Execution.ID, r.Before, r.Verdict.Liveness, r.Verdict.Evidence, r.Execution.Status,
		a.command("restart", fmt.Sprint(r.Execution.ID)))
}

func (a *app) sayLeftAlone(je *core.JobExecution, verdict core.OwnerVerdict) {
	owner := "is "
	if verdict.Orphaned {
		owner = "has "
	}
	a.say("execution %d of %s is %s and left alone: its owner %s%s",
		je.ID, core.EscapeControl(je.Instance.JobName), je.Status, owner, ownerText(verdict))
}

// ownerText says of an owner whether it lives, and the evidence.
func ownerText(verdict core.OwnerVerdict) string {
	if verdict.Orphaned {
		return "ended, what it started still runs: " + verdict.Evidence
	}
	return verdict.Liveness.String() + ": " + verdict.Evidence
}

// recoverAll looks at everything that reads as running.
func recoverAll(ctx context.Context, a *app, op *launch.JobOperator) error {
	q := core.JobExecutionQuery{Statuses: []core.BatchStatus{core.StatusStarting, core.StatusStarted, core.StatusStopping}}
	alone := 0
	recovered := map[int64]bool{} // what a page still shows as running may be recovered with its parent
	for {
		page, err := op.Repo.JobExecutions(ctx, q)
		if err != nil {
			return err
		}
		for _, je := range page {
			q.Before = je.ID
			if recovered[je.ID] {
				continue
			}
			verdict, err := op.Repo.OwnerOf(ctx, je.ID)
			if err != nil {
				return err
			}
			if verdict.Liveness != core.OwnerDead {
				a.sayLeftAlone(je, verdict)
				alone++
				continue
			}
			result, err := op.Recover(ctx, je.ID, false)
			result = slices.DeleteFunc(result, func(r launch.Recovery) bool {
				return r.Execution.Status.IsRunning() // has its own turn
			})
			for _, r := range result {
				recovered[r.Execution.ID] = true
			}
			a.sayRecoveries(result)
			if err != nil {
				return err
			}
		}
		if len(page) == 0 {
			break
		}
	}
	a.say("%s recovered, %d left alone", plural(len(recovered), "execution"), alone)
	return nil
}
