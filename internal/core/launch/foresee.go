package launch

import (
	"context"
	"errors"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/secret"
)

// Forecaster is an explorer that can tell whether a launch would be refused.
type Forecaster interface {
	core.JobExplorer

	// WouldLaunch decides about l as CreateJobExecution does, and changes
	// nothing. recovered are the executions whose owners it would find dead.
	WouldLaunch(ctx context.Context, l core.Launch) (recovered []int64, err error)
}

// Foresight tells what Run would do, without doing any of it.
type Foresight struct {
	// Explorer is nil where there is no repository yet.
	Explorer Forecaster
	// Calendar resolves the days that defaults name; its zone is the repository's.
	Calendar
	// Dir and Masker are as in JobLauncher.
	Dir    string
	Masker *secret.Masker
}

// Forecast is what Run would do.
type Forecast struct {
	// Parameters are complete, as they would be stored.
	Parameters core.JobParameters
	// Last is the newest execution of the instance, which would be restarted;
	// nil: the instance is new, or has none.
	Last *core.JobExecution
	// Recovered are the executions that would be ended first, for their owners
	// are dead.
	Recovered []int64
	// Steps are all steps, in the order in which they are written down. Which of
	// those in flows are come to, the flow decides.
	Steps []StepForecast
}

// StepForecast is what would become of a step.
type StepForecast struct {
	Step    *core.Step
	Last    *core.StepExecution // nil: it was never started
	Outlook engine.Outlook
}

// Run returns what JobLauncher.Run would do, or the error with which it would
// refuse. A step that may not be started any more is such an error too, although
// an execution would be begun and fail.
func (f Foresight) Run(ctx context.Context, job *core.Job, ps core.JobParameters, o Options) (*Forecast, error) {
	forecast, err := f.run(ctx, job, ps, o)
	if err != nil {
		return nil, refusal(job, o, err)
	}
	return forecast, nil
}

func (f Foresight) run(ctx context.Context, job *core.Job, ps core.JobParameters, o Options) (*Forecast, error) {
	if err := check(job); err != nil {
		return nil, err
	}
	complete, err := f.Complete(job, ps, f.Dir)
	if err != nil {
		return nil, err
	}
	if err := job.ValidateParameters(complete, f.Zone); err != nil {
		return nil, err
	}
	if _, err := ResolveSecrets(job, complete, f.Masker); err != nil {
		return nil, err
	}
	forecast := &Forecast{Parameters: complete}
	if f.Explorer != nil {
		if err := f.history(ctx, job, o, forecast); err != nil {
			return nil, err
		}
	}
	for step := range job.AllSteps() {
		line := StepForecast{Step: step}
		if forecast.Last != nil {
			var err error
			line.Last, line.Outlook, err = engine.Foresee(ctx, f.Explorer, forecast.Last.Instance.ID, step)
			if err != nil {
				return nil, &core.Error{Op: "step " + step.Name, Err: err}
			}
		}
		forecast.Steps = append(forecast.Steps, line)
	}
	return forecast, nil
}

// history asks the repository.
func (f Foresight) history(ctx context.Context, job *core.Job, o Options, forecast *Forecast) (err error) {
	forecast.Recovered, err = f.Explorer.WouldLaunch(ctx, core.Launch{
		JobName: job.Name, Parameters: forecast.Parameters, PreventRestart: job.PreventRestart,
		Definition: job.Definition, NewDefinition: o.NewDefinition,
	})
	if err != nil {
		return err
	}
	instance, err := f.Explorer.FindJobInstance(ctx, job.Name, forecast.Parameters)
	if errors.Is(err, core.ErrNoSuchJobInstance) {
		return nil
	}
	if err != nil {
		return err
	}
	forecast.Last, err = f.Explorer.LastJobExecution(ctx, instance.ID)
	if errors.Is(err, core.ErrNoSuchJobExecution) {
		return nil
	}
	return err
}
