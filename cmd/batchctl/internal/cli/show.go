package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/render"
	"github.com/batchctl/batchctl/internal/core"
)

type showOptions struct {
	verb       string
	id         int64
	contexts   bool
	partitions bool
}

func newShowCmd(a *app) *cobra.Command {
	o := &showOptions{}
	cmd := &cobra.Command{
		Use:   "show EXECUTION",
		Short: "Show an execution with its steps and their counts",
		Long: `Show an execution, and its steps as they ran: in the order in which they were
started, inside of the flow, split or flow step of the job that they belong to.
What never ran is not shown. The counts are those of this attempt; where there
were several, the sums of all of them stand below.

  ? NAME -> RESULT     a decision and what it said
  12 parts: ...        the parts of the step above; those that did not complete
                       are listed, the worst first, with what the plan gave them
  -> JOB execution 12  what the step above has launched`,
		Example:           "  batchctl show 42\n  batchctl show 42 --context\n  batchctl show 42 -o json",
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
	cmd.Flags().BoolVar(&o.contexts, "context", false, "show the contexts of the job and of its steps too (JSON always has them)")
	cmd.Flags().BoolVar(&o.partitions, "partitions", false, "list every part of a partitioned step, not only those that did not complete")
	return cmd
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
		owner = ownerText(verdict)
		if verdict.Liveness == core.OwnerDead {
			owner += "; recover it with: " + a.command("recover", strconv.FormatInt(o.id, 10))
		}
	}
	return a.showExecution(ctx, x, je, render.Execution{Owner: owner, Parent: a.parentOf(ctx, x, je), Contexts: o.contexts, Partitions: o.partitions})
}

// showExecution writes je as view asks for it, with everything that is known
// beside its rows. What cannot be read is left out: the rows are what counts.
func (a *app) showExecution(ctx context.Context, x core.JobExplorer, je *core.JobExecution, view render.Execution) error {
	ctx = context.WithoutCancel(ctx) // it is shown after a signal as well
	p := a.printer(x.Zone())
	everything := p.Format != render.FormatTable || view.Partitions
	view.JobExecution = withContexts(ctx, x, je, everything)
	view.Job, view.Command = a.registered(je.Instance.JobName), a.command
	view.Rejects = rejectsOf(ctx, x, view.JobExecution)
	view.RejectsNotes = rejectsNotes(view.JobExecution, view.Rejects)
	view.Attempts, view.Totals = totals(ctx, x, je)
	view.Children = children(ctx, x, view.JobExecution)
	return p.Execution(view)
}

// registered returns the job of that name, or nil: the history may know jobs
// that this program does not, or whose definition is broken.
func (a *app) registered(name string) *core.Job {
	registry, err := a.only(name)
	if err != nil || registry == nil {
		return nil
	}
	job, err := registry.Job(name)
	if err != nil {
		return nil
	}
	return job
}
