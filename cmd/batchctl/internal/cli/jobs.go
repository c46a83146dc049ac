package cli

import (
	"time"

	"github.com/spf13/cobra"
)

func newJobsCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "jobs",
		Short: "List the jobs, or show one",
	}
	asGroup(cmd)
	cmd.RunE = func(*cobra.Command, []string) error { return runJobs(a) }
	cmd.AddCommand(
		&cobra.Command{
			Use:   "list",
			Short: "List the jobs",
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

func runJobs(a *app) error {
	registry, err := a.registry()
	if err != nil {
		return err
	}
	a.warnAboutDefinitions()
	return a.printer(time.UTC).Jobs(registry.Jobs())
}

func runJobsShow(a *app, name string) error {
	job, err := a.job("jobs show "+name, name)
	if err != nil {
		return err
	}
	return a.printer(time.UTC).Job(job)
}
