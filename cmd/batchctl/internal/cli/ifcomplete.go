package cli

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/render"
	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// What --if-complete may be told.
const (
	ifCompleteFail = "fail"
	ifCompleteSkip = "skip"
)

// addIfCompleteFlag declares what run does about an instance that is complete.
func (o *launchOptions) addIfCompleteFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.ifComplete, "if-complete", ifCompleteFail,
		"`what` to do when the instance is already complete: fail with exit code 5, or skip it: exit with 0 and say nothing")
}

// checkIfComplete refuses a word that --if-complete does not know.
func (o *launchOptions) checkIfComplete() error {
	choices := []string{ifCompleteFail, ifCompleteSkip}
	if o.ifComplete == "" || slices.Contains(choices, o.ifComplete) { // a verb without the flag has none
		return nil
	}
	return usageError(nearestChoice("--if-complete", o.ifComplete, choices),
		"%s: --if-complete: value %s is none of %s", o.verb, core.Quote(o.ifComplete), strings.Join(choices, ", "))
}

// skips reports whether err is the refusal of an instance that is complete, and
// --if-complete takes that for success.
func (o *launchOptions) skips(err error) bool {
	_, ended := errors.AsType[*endedError](err)
	return o.ifComplete == ifCompleteSkip && !ended && errors.Is(err, core.ErrJobInstanceAlreadyComplete)
}

// skipped is the end of a run that had nothing to do: whoever would have been
// shown the execution is shown the one that has completed, and nobody else is
// told anything.
func (a *app) skipped(ctx context.Context, store *sqlite.Store, job *core.Job, o *launchOptions, ps core.JobParameters, refusal error) error {
	if a.settings.Verbose {
		a.say("already complete: %v", refusal)
	}
	if !a.streams.OutTerminal && !a.settings.OutputGiven {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	dir, err := workingDirectory()
	if err != nil {
		return err
	}
	days := a.days(o, calendarOf(store))
	if ps, err = days.Complete(job, ps, dir); err != nil {
		return err
	}
	instance, err := store.FindJobInstance(ctx, job.Name, ps)
	if err != nil {
		return err
	}
	je, err := store.LastJobExecution(ctx, instance.ID)
	if err != nil {
		return err
	}
	return a.showExecution(ctx, store, je, render.Execution{})
}
