package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/render"
	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

type stopOptions struct {
	verb string
	id   int64
	wait bool
}

func newStopCmd(a *app) *cobra.Command {
	o := &stopOptions{}
	cmd := &cobra.Command{
		Use:   "stop EXECUTION",
		Short: "Ask a running execution to end at its next commit",
		Long: `Ask a running execution, of any process on this host, to end at its next commit.
It ends STOPPED and can be restarted. One whose process has died is ended here,
as FAILED, and can be restarted too; not so while something that it started, such
as the command of a step, still runs: nobody is left to stop that.`,
		Example:           "  batchctl stop 42 --wait",
		Args:              exactly(1, "execution"),
		ValidArgsFunction: a.completeExecutions(core.StatusStarting, core.StatusStarted),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			o.verb = "stop " + args[0]
			if o.id, err = executionID(o.verb, args[0]); err != nil {
				return err
			}
			return runStop(cmd.Context(), a, o)
		},
	}
	cmd.Flags().BoolVar(&o.wait, "wait", false, "wait until it has ended")
	return cmd
}

// pollInterval is how often an execution that is waited for is looked at.
const pollInterval = 100 * time.Millisecond

func runStop(ctx context.Context, a *app, o *stopOptions) error {
	store, err := a.existingStore(ctx)
	if err != nil {
		return err
	}
	defer store.Close() // everything is committed
	if err := orphaned(ctx, store, o); err != nil {
		return err
	}
	op := &launch.JobOperator{Repo: store}
	je, err := op.Stop(ctx, o.id)
	if verdict, dead := ownerDied(ctx, store, o.id); dead && errors.Is(err, core.ErrJobExecutionNotRunning) {
		return a.stopDead(ctx, store, o, verdict)
	}
	if errors.Is(err, core.ErrJobExecutionNotRunning) {
		if status, again := store.JobStatus(ctx, o.id); again == nil && status == core.StatusCompleted {
			return &core.Error{
				Kind: core.ErrJobInstanceAlreadyComplete, Op: o.verb, Msg: "it is COMPLETED, there is nothing to stop",
				Hint: core.ShellQuote("batchctl", "show", fmt.Sprint(o.id)),
			}
		}
	}
	if err != nil {
		return err
	}
	if o.wait && je.Status.IsRunning() {
		je, err = awaitEnd(ctx, store, o)
		if died, ok := errors.AsType[*ownerDiedError](err); ok {
			return a.stopDead(ctx, store, o, died.verdict)
		}
		if err != nil {
			return err
		}
	}
	a.say("execution %d is %s%s", je.ID, je.Status, afterStop(je))
	return a.printIfAsked(ctx, store, je)
}

func afterStop(je *core.JobExecution) string {
	if je.Status == core.StatusStopping {
		return ": it ends at its next commit"
	}
	return ""
}

// ownerDied reports whether the execution reads as running and its owner is
// dead; what cannot be told is no.
func ownerDied(ctx context.Context, store *sqlite.Store, id int64) (core.OwnerVerdict, bool) {
	verdict, err := store.OwnerOf(ctx, id)
	if err != nil || verdict.Liveness != core.OwnerDead {
		return verdict, false
	}
	// It may have ended its execution, and itself, after the status was read.
	status, err := store.JobStatus(ctx, id)
	return verdict, err == nil && status.IsRunning()
}

// stopDead ends an execution whose owner has died: nobody else is left to.
func (a *app) stopDead(ctx context.Context, store *sqlite.Store, o *stopOptions, verdict core.OwnerVerdict) error {
	_, je, err := store.Recover(ctx, o.id, false)
	if err != nil {
		return &core.Error{Op: o.verb, Err: err}
	}
	a.say("execution %d: its owner had died (%s); it is %s now; restart it with: %s",
		je.ID, verdict.Evidence, je.Status, a.command("restart", fmt.Sprint(je.ID)))
	return a.printIfAsked(ctx, store, je)
}

// orphaned is the error of an execution whose process has ended, while what it
// has started runs on: a stop would be read by nobody. What cannot be told is no
// error.
func orphaned(ctx context.Context, store *sqlite.Store, o *stopOptions) error {
	verdict, err := store.OwnerOf(ctx, o.id)
	if err != nil || !verdict.Orphaned {
		return nil //nolint:nilerr // the stop itself says what is wrong
	}
	status, err := store.JobStatus(ctx, o.id)
	if err != nil || !status.IsRunning() {
		return nil //nolint:nilerr // as above
	}
	recovery := core.ShellQuote("batchctl", "recover", fmt.Sprint(o.id))
	return &core.Error{
		Kind: core.ErrJobExecutionNotRunning, Op: o.verb,
		Msg: fmt.Sprintf("it is %s, and nobody is left to stop it: %s", status, verdict.Evidence),
		Hint: fmt.Sprintf("%s shows what; end it, then %s; or leave it running with %s --force --yes",
			core.ShellQuote("fuser", "-v", verdict.Owner.LockFile), recovery, recovery),
	}
}

// ownerDiedError: the execution will not end by itself any more.
type ownerDiedError struct{ verdict core.OwnerVerdict }

// Error implements error.
func (e *ownerDiedError) Error() string { return "its owner died: " + e.verdict.Evidence }

// awaitEnd waits until the execution has ended, and wants it STOPPED. It is an
// *ownerDiedError when nobody is left to end it.
func awaitEnd(ctx context.Context, store *sqlite.Store, o *stopOptions) (*core.JobExecution, error) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		status, err := store.JobStatus(ctx, o.id)
		if err != nil {
			return nil, err
		}
		if !status.IsRunning() {
			return stoppedExecution(ctx, store, o)
		}
		if verdict, dead := ownerDied(ctx, store, o.id); dead {
			return nil, &ownerDiedError{verdict}
		}
		if err := orphaned(ctx, store, o); err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

func stoppedExecution(ctx context.Context, store *sqlite.Store, o *stopOptions) (*core.JobExecution, error) {
	je, err := store.JobExecution(ctx, o.id)
	if err != nil {
		return nil, err
	}
	switch je.Status {
	case core.StatusStopped:
		return je, nil
	case core.StatusCompleted:
		return nil, &core.Error{
			Kind: core.ErrJobInstanceAlreadyComplete, Op: o.verb, Msg: "it completed before it could stop",
			Hint: core.ShellQuote("batchctl", "show", fmt.Sprint(o.id)),
		}
	case core.StatusFailed, core.StatusAbandoned, core.StatusUnknown, core.StatusStarting, core.StatusStarted, core.StatusStopping:
	}
	return nil, &core.Error{
		Kind: core.ErrJobExecutionNotRunning, Op: o.verb, Msg: fmt.Sprintf("it ended %s before it could stop", je.Status),
		Hint: core.ShellQuote("batchctl", "show", fmt.Sprint(o.id)),
	}
}

// printIfAsked shows the execution where somebody looks or wants a document.
func (a *app) printIfAsked(ctx context.Context, x core.JobExplorer, je *core.JobExecution) error {
	if !a.settings.OutputGiven {
		return nil
	}
	return a.showExecution(ctx, x, je, render.Execution{})
}
