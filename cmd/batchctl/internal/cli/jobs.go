package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/render"
)

func newJobsCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "jobs",
		Short: "List the jobs, or show one",
		Long:  longJobs,
	}
	asGroup(cmd)
	cmd.RunE = func(*cobra.Command, []string) error { return runJobs(a) }
	cmd.AddCommand(
		&cobra.Command{
			Use:   "list",
			Short: "List the jobs",
			Long:  longJobs,
			Args:  exactly(0, ""),
			RunE:  func(*cobra.Command, []string) error { return runJobs(a) },
		},
		&cobra.Command{
			Use:               "show JOB",
			Short:             "Show the parameters and steps of a job",
			Example:           "  batchctl jobs show dailySettlement",
			Args:              exactly(1, "job"),
			ValidArgsFunction: a.completeJobs,
			RunE:              func(_ *cobra.Command, args []string) error { return runJobsShow(a, args[0]) },
		})
	return cmd
}

const longJobs = `List the jobs: those that are built in and those of the definition files. The
table tells what a file says of itself, and which of a few files cannot be used;
many are not checked: "batchctl validate" does. -o json, jsonl and csv tell of parameters and steps as well, so
that every file is read as a whole, and leave out those that have problems.`

func runJobs(a *app) error {
	p := a.printer(time.UTC)
	if p.Format == render.FormatTable {
		outlines, err := a.outlines(true)
		if err != nil {
			return err
		}
		return p.Jobs(outlines)
	}
	registry, err := a.registry()
	if err != nil {
		return err
	}
	a.warnAboutDefinitions(a.brokenFiles())
	return p.Jobs(registry.Jobs())
}

func runJobsShow(a *app, name string) error {
	job, err := a.job("jobs show "+name, name)
	if err != nil {
		return err
	}
	return a.printer(time.UTC).Job(job)
}
