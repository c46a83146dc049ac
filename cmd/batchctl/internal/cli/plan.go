package cli

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/render"
	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/jobs/all"
	"github.com/batchctl/batchctl/internal/jobs/definition"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

func newPlanCmd(a *app) *cobra.Command {
	o := &runOptions{}
	cmd := &cobra.Command{
		Use:   "plan JOB [name=value ...]",
		Short: "Tell what run would do, and do nothing",
		Long: `Tell what "batchctl run" with the same words would do: which execution it would
restart, which steps it would start, resume or skip, which input is there, and
what the parameters are. Nothing is written; a repository that is not there is
not made. What run would refuse is refused with the same exit code.`,
		Example:           "  batchctl plan dailySettlement requestDate=2021-01-01",
		Args:              needsJob,
		ValidArgsFunction: a.completeJobAndParameters,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.job, err = o.readWords(cmd, args); err != nil {
				return err
			}
			return runPlan(cmd.Context(), a, o)
		},
	}
	cmd.Flags().StringVar(&o.paramsFile, "params-file", "", "read more parameters from this `file`, name=value on each line; - is standard input")
	cmd.Flags().BoolVar(&o.newDefinition, "new-definition", false, "go on although the definition file of the job has changed since the last attempt")
	return cmd
}

func runPlan(ctx context.Context, a *app, o *runOptions) error {
	job, err := a.job(o.verb, o.job)
	if err != nil {
		return err
	}
	explorer, days, err := a.forecaster(ctx)
	if err != nil {
		return err
	}
	foresight := launch.Foresight{Calendar: a.days(&o.launchOptions, days), Masker: a.masker}
	if explorer != nil {
		defer explorer.Close() // only read from
		foresight.Explorer = explorer
	}
	ps, err := a.parameters(job, &o.launchOptions, days)
	if err != nil {
		return err
	}
	a.warnAbout(ps)
	if foresight.Dir, err = workingDirectory(); err != nil {
		return err
	}
	forecast, err := foresight.Run(ctx, job, ps, launch.Options{NewDefinition: o.newDefinition})
	if o.skips(err) {
		a.say("nothing would be done: %v", err)
		return nil
	}
	if err != nil {
		return err
	}
	return a.showForecast(job, o, forecast, days.zone)
}

// forecaster opens the repository for reading, and returns its calendar; nil
// when there is none yet.
func (a *app) forecaster(ctx context.Context) (*sqlite.Explorer, calendar, error) {
	days := calendarOfNone()
	exists, err := a.repositoryExists()
	if err != nil || !exists {
		return nil, days, err
	}
	explorer, err := a.explorer(ctx)
	if err != nil {
		return nil, days, err
	}
	report, err := sqlite.Status(ctx, explorer.Path())
	if err != nil {
		_ = explorer.Close() // only read from
		return nil, days, err
	}
	days = calendar{zone: explorer.Zone()}
	if !report.ZoneChosen {
		days.choose = []string{"db", "zone", days.zone.String()}
	}
	return explorer, days, nil
}

func (a *app) showForecast(job *core.Job, o *runOptions, f *launch.Forecast, zone *time.Location) error {
	view := render.Forecast{
		JobName: job.Name, Last: f.Last, Recovered: f.Recovered, RestartAt: f.RestartAt, Parameters: f.Parameters,
		Resolved: map[string]string{}, Flow: len(job.Flow) > 0,
	}
	for _, r := range o.resolved {
		view.Resolved[r.name] = r.expression
	}
	for _, s := range f.Steps {
		view.Steps = append(view.Steps, render.ForecastStep{Name: s.Step.Name, Kind: s.Step.Kind, Outlook: s.Outlook.String(), Last: s.Last})
	}
	if file := a.definitionOf(job); file != nil {
		view.Definition, view.Hash = file.Path, job.Definition.Hash
		for _, in := range definition.Inputs(file, job, f.Parameters, zone, a.definitionEnvironment()) {
			if !passedBy(job, f, in.Step) {
				view.Inputs = append(view.Inputs, inputOf(in))
			}
		}
	} else {
		view.Inputs = pathsOf(job, f.Parameters)
	}
	for _, in := range view.Inputs {
		switch {
		case in.Problem != "" && in.Program:
			a.say("warning: program of %s: %s: %s", in.Step, core.QuotePath(in.Path), in.Problem)
		case in.Problem != "":
			a.say("warning: input of %s: %s: %s", in.Step, core.QuotePath(in.Path), in.Problem)
		}
	}
	return a.printer(zone).Forecast(view)
}

// passedBy reports whether the step of that name is one that the restart does not
// come to.
func passedBy(job *core.Job, f *launch.Forecast, name string) bool {
	if f.RestartAt == "" || slices.ContainsFunc(f.Steps, func(s launch.StepForecast) bool { return s.Step.Name == name }) {
		return false
	}
	for step := range job.AllSteps() {
		if step.Name == name {
			return true
		}
	}
	return false
}

// definitionOf returns the file that job was made of; nil for one in Go.
func (a *app) definitionOf(job *core.Job) *definition.File {
	if job.Definition == nil {
		return nil
	}
	for _, f := range definition.NewParser(all.Catalog()).Find(a.jobFolders(), nil, job.Name).Files {
		if f.Made(job) {
			return f
		}
	}
	return nil
}

// pathsOf are the parameters that are paths and name something that is there: of
// a job in Go it is not known which of them are read.
func pathsOf(job *core.Job, ps core.JobParameters) (inputs []render.ForecastInput) {
	for _, p := range ps {
		spec, ok := job.Parameters.Lookup(p.Name)
		path, isText := p.Value.(string)
		if !ok || !spec.Path || !isText || path == "" {
			continue
		}
		if in := foundInput(p.Name, path, false); in.Problem == "" {
			inputs = append(inputs, in)
		}
	}
	return inputs
}
