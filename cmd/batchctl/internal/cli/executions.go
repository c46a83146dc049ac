package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/internal/core"
)

type executionsOptions struct {
	job          string
	statuses     []string
	since, until string
	instance     int64
	limit        int
	pageAfter    int64
}

func newExecutionsCmd(a *app) *cobra.Command {
	o := &executionsOptions{}
	cmd := &cobra.Command{
		Use:   "executions",
		Short: "List job executions, newest first",
		Example: `  batchctl executions --job dailySettlement
  batchctl executions --status FAILED --since 2021-01-01 -o json`,
		Args: exactly(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkPage("executions", o.limit, o.pageAfter); err != nil {
				return err
			}
			if cmd.Flags().Changed("instance") && o.instance < 1 {
				return usageError("batchctl instances lists them", "executions: --instance: value \"%d\" is not the id of an instance", o.instance)
			}
			return runExecutions(cmd.Context(), a, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.job, "job", "", "only of this `job`")
	flags.StringSliceVar(&o.statuses, "status", nil, "only with this `status`; may be repeated")
	flags.StringVar(&o.since, "since", "", "only created at or after this `date` or date-time")
	flags.StringVar(&o.until, "until", "", "only created before this `date` or date-time")
	flags.Int64Var(&o.instance, "instance", 0, "only of the instance with this `id`")
	addPageFlags(cmd, &o.limit, &o.pageAfter)
	complete(cmd, "job", a.completeJobs)
	complete(cmd, "status", completeStatuses)
	return cmd
}

func runExecutions(ctx context.Context, a *app, o *executionsOptions) error {
	q, err := o.query(time.UTC) // what is wrong is wrong in every zone
	if err != nil {
		return err
	}
	x, err := a.explorer(ctx)
	if err != nil {
		return err
	}
	defer x.Close() // only read from
	if x.Zone() != time.UTC {
		if q, err = o.query(x.Zone()); err != nil {
			return err
		}
	}
	if err := a.knownJob(ctx, x, "executions", o.job); err != nil {
		return err
	}
	if o.instance != 0 {
		if _, err := x.JobInstance(ctx, o.instance); err != nil {
			return &core.Error{Op: "executions", Err: err}
		}
	}
	page, err := x.JobExecutions(ctx, q)
	if err != nil {
		return err
	}
	page, more := cut(page, o.limit)
	if more {
		a.sayMore(page[len(page)-1].ID, o.limit)
	}
	return a.printer(x.Zone()).Executions(page)
}

func (o *executionsOptions) query(zone *time.Location) (core.JobExecutionQuery, error) {
	q := core.JobExecutionQuery{JobName: o.job, InstanceID: o.instance, Before: o.pageAfter, Limit: o.limit + 1}
	for _, name := range o.statuses {
		status, err := core.ParseBatchStatus(strings.ToUpper(name))
		if err != nil {
			return q, usageError(nearestStatus(strings.ToUpper(name)), "executions: --status: %v", err)
		}
		q.Statuses = append(q.Statuses, status)
	}
	for _, bound := range []struct {
		flag, text string
		to         *time.Time
	}{{"--since", o.since, &q.Since}, {"--until", o.until, &q.Until}} {
		if bound.text == "" {
			continue
		}
		t, err := core.ParseDate(bound.text, zone)
		if err != nil {
			return q, usageError(fmt.Sprintf("batchctl executions %s 2021-01-01", bound.flag), "executions: %s: %v", bound.flag, err)
		}
		*bound.to = t
	}
	return q, nil
}

// nearestStatus is what a word that is no status was probably meant to be.
func nearestStatus(word string) string {
	var names []string
	for _, s := range core.Statuses() {
		names = append(names, s.String())
	}
	if near := core.Nearest(word, names); near != "" {
		return "did you mean " + near + "?"
	}
	return "batchctl executions --status FAILED"
}
