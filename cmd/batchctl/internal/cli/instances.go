package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/render"
	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/all"
	"github.com/batchctl/batchctl/internal/jobs/definition"
)

// maxPage bounds what one call lists; -o jsonl and --page-after go on.
const maxPage = 100_000

type instancesOptions struct {
	job       string
	limit     int
	pageAfter int64
}

func newInstancesCmd(a *app) *cobra.Command {
	o := &instancesOptions{}
	cmd := &cobra.Command{
		Use:     "instances",
		Short:   "List job instances, newest first",
		Example: "  batchctl instances --job dailySettlement",
		Args:    exactly(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkPage("instances", o.limit, o.pageAfter); err != nil {
				return err
			}
			return runInstances(cmd.Context(), a, o)
		},
	}
	cmd.Flags().StringVar(&o.job, "job", "", "only of this `job`")
	addPageFlags(cmd, &o.limit, &o.pageAfter)
	complete(cmd, "job", a.completeJobs)
	return cmd
}

// defaultPage is how many rows a list has where nobody says.
const defaultPage = 100

func addPageFlags(cmd *cobra.Command, limit *int, pageAfter *int64) {
	cmd.Flags().IntVar(limit, "limit", defaultPage, "at most this `number` of rows")
	cmd.Flags().Int64Var(pageAfter, "page-after", 0, "go on after this `id`, the last one of the page before")
}

func checkPage(verb string, limit int, pageAfter int64) error {
	switch {
	case limit < 1 || limit > maxPage:
		return usageError(fmt.Sprintf("batchctl %s --limit 100", verb), "%s: --limit: value \"%d\" is outside 1 to %d", verb, limit, maxPage)
	case pageAfter < 0:
		return usageError(fmt.Sprintf("batchctl %s shows the first page", verb), "%s: --page-after: value \"%d\" is negative", verb, pageAfter)
	}
	return nil
}

func runInstances(ctx context.Context, a *app, o *instancesOptions) error {
	x, err := a.explorer(ctx)
	if err != nil {
		return err
	}
	defer x.Close() // only read from
	if err := a.knownJob(ctx, x, "instances", o.job); err != nil {
		return err
	}
	page, err := x.JobInstances(ctx, core.JobInstanceQuery{JobName: o.job, Before: o.pageAfter, Limit: o.limit + 1})
	if err != nil {
		return err
	}
	page, more := cut(page, o.limit)
	instances := make([]render.Instance, len(page))
	for i, instance := range page {
		instances[i] = render.Instance{JobInstance: instance}
		last, err := x.LastJobExecution(ctx, instance.ID)
		if err != nil && !errors.Is(err, core.ErrNoSuchJobExecution) {
			return err
		}
		instances[i].Last = last
	}
	if more {
		a.sayMore(page[len(page)-1].ID, o.limit)
	}
	return a.printer(x.Zone()).Instances(instances)
}

// cut returns at most limit rows of a page that was asked for one more, and
// whether there was one.
func cut[T any](page []T, limit int) (shown []T, more bool) {
	if len(page) > limit {
		return page[:limit], true
	}
	return page, false
}

// sayMore tells that a list goes on: a person, and whoever has not asked for
// less than all.
func (a *app) sayMore(last int64, limit int) {
	if a.streams.OutTerminal || limit == defaultPage {
		a.say("there are more: add --page-after %d, or --limit", last)
	}
}

// knownJob refuses a name that the history does not have, and that is that of no
// job: one whose definition has problems is one as well.
func (a *app) knownJob(ctx context.Context, x core.JobExplorer, verb, name string) error {
	if name == "" {
		return nil
	}
	_, err := x.JobInstanceCount(ctx, name)
	if !errors.Is(err, core.ErrNoSuchJob) {
		return err
	}
	registry, err := a.compiled()
	if err != nil {
		return err
	}
	defined := definition.NewParser(all.Catalog()).Index(a.jobFolders())
	if slices.Contains(jobNames(registry.Jobs()), name) ||
		slices.ContainsFunc(defined, func(l definition.Listing) bool { return l.Name == name }) {
		return nil
	}
	_, err = a.job(verb, name)
	return err
}
