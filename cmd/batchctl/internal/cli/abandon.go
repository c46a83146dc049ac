package cli

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
)

type abandonOptions struct {
	id int64
}

func newAbandonCmd(a *app) *cobra.Command {
	o := &abandonOptions{}
	return &cobra.Command{
		Use:               "abandon EXECUTION",
		Short:             "Give up a stopped or failed execution for good",
		Long:              "Give up an execution that is STOPPING, STOPPED or FAILED: its instance is never started again.",
		Example:           "  batchctl abandon 42",
		Args:              exactly(1, "execution"),
		ValidArgsFunction: a.completeExecutions(core.StatusFailed, core.StatusStopped),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.id, err = executionID("abandon "+args[0], args[0]); err != nil {
				return err
			}
			return runAbandon(cmd.Context(), a, o)
		},
	}
}

func runAbandon(ctx context.Context, a *app, o *abandonOptions) error {
	store, err := a.existingStore(ctx)
	if err != nil {
		return err
	}
	defer store.Close() // everything is committed
	je, err := (&launch.JobOperator{Repo: store}).Abandon(ctx, o.id)
	if err != nil {
		return err
	}
	if je.Status != core.StatusAbandoned {
		status := je.Status.String()
		if je.OpaqueStatus != "" {
			status = core.Quote(je.OpaqueStatus)
		}
		return &core.Error{
			Kind: core.ErrJobRestart, Op: "abandon " + strconv.FormatInt(je.ID, 10),
			Msg:  "it is " + status + " and stays so: nobody knows what it has done, and nothing is started on top of it",
			Hint: core.ShellQuote("batchctl", "show", strconv.FormatInt(je.ID, 10)),
		}
	}
	a.say("execution %d of %s is %s: this instance never runs again, what it has committed stays; %s",
		je.ID, instanceOf(je, store.Zone()), je.Status, a.pasteable(launch.AnotherInstance(je)))
	if parent := a.parentOf(ctx, store, je); parent != "" {
		a.say("  it was launched by %s; no restart of that completes any more", core.EscapeControl(parent))
	}
	return a.printIfAsked(ctx, store, je)
}

// instanceOf is the job of je with what identifies its instance.
func instanceOf(je *core.JobExecution, zone *time.Location) string {
	words := []string{je.Instance.JobName}
	for _, p := range je.Parameters.Identifying() {
		words = append(words, p.Name+"="+core.FormatValue(p, zone))
	}
	return core.EscapeControl(core.ShellQuote(words...))
}
