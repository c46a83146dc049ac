package launch

import (
	"context"
	"errors"
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/flow"
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
	// RestartAt is the element at which a restart begins, where the last execution
	// was stopped for that; else empty.
	RestartAt string
	// Steps are all steps that can be come to, in the order in which they are
	// written down. Which of those in flows are come to, the flow decides.
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
	var ahead map[string]bool
	if forecast.Last != nil {
		forecast.RestartAt, ahead, _ = flow.StepsAhead(job, forecast.Last.Context)
	}
	for step := range job.AllSteps() {
		if forecast.RestartAt != "" && !ahead[step.Name] {
			continue
		}
		line, err := f.step(ctx, step, forecast.Last)
		if err != nil {
			return nil, &core.Error{Op: "step " + step.Name, Err: err}
		}
		forecast.Steps = append(forecast.Steps, line)
	}
	return forecast, nil
}

// step foresees one step of a job whose last execution is last.
func (f Foresight) step(ctx context.Context, step *core.Step, last *core.JobExecution) (line StepForecast, err error) {
	line.Step = step
	if last == nil {
		return line, nil
	}
	line.Last, line.Outlook, err = engine.Foresee(ctx, f.Explorer, last.Instance.ID, step)
	if err == nil && line.Outlook == engine.WouldResume && step.Job != "" {
		err = f.child(ctx, line.Last, last)
	}
	return line, err
}

// child returns the refusal that the job step whose last execution is se would
// meet, where it has launched its job before. Whether the definition of that has
// changed is not looked at.
func (f Foresight) child(ctx context.Context, se *core.StepExecution, parent *core.JobExecution) error {
	name, ps, ok, err := ChildLaunch(se.Context)
	if !ok || err != nil {
		return err
	}
	_, err = f.Explorer.WouldLaunch(ctx, core.Launch{JobName: name, Parameters: ps, NewDefinition: true})
	if err == nil || errors.Is(err, core.ErrJobInstanceAlreadyComplete) {
		return nil
	}
	e := &core.Error{Msg: fmt.Sprintf("job %s would not be launched", name), Hint: core.Hint(err), Err: conceal(err)}
	if errors.Is(err, core.ErrJobRestart) { // true of the parent too
		e.Kind = core.ErrJobRestart
		if abandoned, failed := abandonedChild(ctx, f.Explorer, name, ps); failed == nil && abandoned != nil {
			e.Hint = command("abandon", id(parent.ID))
		}
	}
	return e
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
