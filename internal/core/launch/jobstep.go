package launch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
	"github.com/batchctl/batchctl/internal/core/flow"
)

// ParametersExtractor makes the parameters of the job that a job step launches.
// It is asked at every start of the step. A restart of it uses what does not
// identify the child of that, as long as the rest identifies the instance that
// was launched first; otherwise, and when it returns an error, the restart uses
// what was launched before, and says so in the log. What it puts into the
// contexts is kept with what is used.
type ParametersExtractor func(ctx context.Context, s *core.Scope) (core.JobParameters, error)

// ParentParameters returns an extractor that hands on parameters of the parent.
// Without keys those are all of them. Otherwise each key is looked for in the
// step's context, then among the parent's parameters, and left out where neither
// has it. Identifying flags are the parent's; a key that the parent has no
// parameter of identifies. A bool becomes "true" or "false".
func ParentParameters(keys ...string) ParametersExtractor {
	return func(_ context.Context, s *core.Scope) (core.JobParameters, error) {
		if len(keys) == 0 {
			return s.Parameters(), nil
		}
		var ps core.JobParameters
		for _, key := range keys {
			p, known := s.Parameters().Lookup(key)
			value, put := s.Context[key]
			switch {
			case !known && !put:
				continue
			case !known:
				p = core.JobParameter{Name: key, Identifying: true}
			}
			if flag, ok := value.(bool); ok {
				value = strconv.FormatBool(flag)
			}
			if put {
				p.Value = value
			}
			ps = ps.With(p)
		}
		return ps, nil
	}
}

// JobStep returns a step that launches child and ends as child does; params nil
// is ParentParameters(). What it launches is stored before the launch, see the
// package comment. Set the other fields of the step before it is used.
func JobStep(name string, child *core.Job, params ParametersExtractor) *core.Step {
	if params == nil {
		params = ParentParameters()
	}
	return &core.Step{Name: name, Kind: "job", Job: child.Name, Bind: func(*core.Scope) (core.StepBody, error) {
		return childBody{child: child, params: params}, nil
	}}
}

// childBody is the body of a job step.
type childBody struct {
	child  *core.Job
	params ParametersExtractor
}

var _ core.StepBody = childBody{}

// Execute implements core.StepBody.
func (b childBody) Execute(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
	l := &JobLauncher{Repo: s.Repo, Databases: s.Databases, Log: s.Log, Now: s.Now, Token: s.Token, Dir: s.Dir, Masker: s.Masker}
	ps, err := b.parameters(ctx, s, l)
	if err != nil {
		return core.ExitStatus{}, err
	}
	if ctx.Err() != nil {
		return core.ExitStatus{}, context.Cause(ctx)
	}
	if cause := s.Stop.Cause(); cause != nil {
		return core.ExitStatus{}, cause
	}
	je, err := l.launch(ctx, b.child, ps, Options{Stop: s.Stop, NewDefinition: s.NewDefinition})
	switch {
	case je == nil && errors.Is(err, core.ErrJobInstanceAlreadyComplete):
		return b.complete(ctx, s, ps)
	case je == nil:
		return core.ExitStatus{}, b.notLaunched(ctx, s, ps, err)
	}
	if len(je.Recovered) > 0 {
		s.Log.LogAttrs(ctx, slog.LevelWarn, "The launched job was recovered from an owner that died",
			slog.String("job", s.Job.Name), slog.String("step", s.Step.StepName),
			slog.String("child", b.child.Name), slog.Any("recovered", je.Recovered), slog.Int64("childExecutionId", je.ID))
	}
	if err == nil {
		return b.succeeded(ctx, s, je, "")
	}
	return childFailure(s, je, err)
}

// parameters returns what is to be launched, which is stored before it is
// returned: what the extractor says, and what identifies the child as an earlier
// attempt at the step has stored it.
func (b childBody) parameters(ctx context.Context, s *core.Scope, l *JobLauncher) (core.JobParameters, error) {
	name, ps, stored, err := ChildLaunch(s.Step.Context)
	switch {
	case err != nil:
		return nil, err
	case stored && name != b.child.Name:
		return nil, &core.Error{
			Kind: core.ErrCheckpointMismatch,
			Msg: fmt.Sprintf("an earlier attempt at the step launched job %s, the step is defined to launch job %s now",
				core.Quote(name), core.Quote(b.child.Name)),
			Hint: command("executions", "--job", name),
		}
	case stored:
		return b.again(ctx, s, l, ps)
	}
	if ps, err = b.params(ctx, s); err != nil {
		return nil, &core.Error{Msg: "parameters of job " + b.child.Name, Hint: core.Hint(err), Err: conceal(err)}
	}
	if err = readable(ps); err == nil {
		ps, err = l.parameters(b.child, ps, false)
	}
	if err != nil {
		return nil, b.refused(refusal(b.child, Options{}, err))
	}
	return ps, b.store(ctx, s, ps)
}

// store commits what is going to be launched.
func (b childBody) store(ctx context.Context, s *core.Scope, ps core.JobParameters) error {
	if err := putChildLaunch(s.Context, b.child.Name, ps); err != nil {
		return err
	}
	next := s.Step.Clone()
	next.Context = s.Context.Clone()
	tx, err := s.Begin(ctx)
	if err != nil {
		return fmt.Errorf("store the parameters of job %s: %w", b.child.Name, err)
	}
	fault.Point("launch.before-child-commit")
	err = s.CommitStep(ctx, tx, s.Step, next, s.JobContext)
	fault.Point("launch.after-child-commit")
	if err != nil {
		return fmt.Errorf("store the parameters of job %s: %w", b.child.Name, err)
	}
	s.Refresh()
	return nil
}

// complete is the outcome of a step whose job is complete already: since an
// earlier attempt at the step, or because somebody has run it apart.
func (b childBody) complete(ctx context.Context, s *core.Scope, ps core.JobParameters) (core.ExitStatus, error) {
	instance, err := s.Repo.FindJobInstance(ctx, b.child.Name, ps)
	var found []*core.JobExecution
	if err == nil {
		found, err = s.Repo.JobExecutions(ctx, core.JobExecutionQuery{
			InstanceID: instance.ID, Statuses: []core.BatchStatus{core.StatusCompleted}, Limit: 1,
		})
	}
	if err != nil {
		return core.ExitStatus{}, fmt.Errorf("look for the complete execution of job %s: %w", b.child.Name, err)
	}
	if len(found) == 0 {
		return core.ExitStatus{}, &core.Error{
			Msg:  fmt.Sprintf("instance %d of job %s was complete, and its execution is gone", instance.ID, b.child.Name),
			Hint: command("executions", "--job", b.child.Name),
		}
	}
	done, err := s.Repo.JobExecution(ctx, found[0].ID) // with its steps
	if err != nil {
		return core.ExitStatus{}, err
	}
	return b.succeeded(ctx, s, done, " was complete already")
}

// refused is the error of a step whose job could not be launched.
func (b childBody) refused(err error) error {
	return &core.Error{
		Msg: fmt.Sprintf("job %s was not launched", b.child.Name), Hint: core.Hint(err), Err: conceal(err),
	}
}

// childFailure is how the step ends when its job has ended as je, with err.
func childFailure(s *core.Scope, je *core.JobExecution, err error) (core.ExitStatus, error) {
	exit := core.ExitStatus{Code: je.ExitStatus.Code}
	told := fmt.Sprintf("%s ended %s", childName(je), je.Status)
	if je.Status.IsRunning() {
		exit, told = core.ExitStatus{}, fmt.Sprintf("%s still reads %s", childName(je), je.Status)
	}
	if exit.Code == core.ExitCodeRefused {
		exit.Code = "" // what it says is true of a step of the child
	}
	e := &core.Error{Msg: told, Hint: command("show", id(je.ID)), Err: conceal(err)}
	switch {
	case errors.Is(err, errNewDefinition):
		e.Kind, e.Hint = errNewDefinition, newDefinitionHint(s)
	case je.Status == core.StatusFailed && flow.IsFinal(err): // a restart of the parent restarts the child
		e.Kind = core.ErrJobRestart
	case je.Status == core.StatusStopped:
		e.Kind = core.ErrStopped
		for _, kind := range []error{core.ErrTimeout, core.ErrAborted} {
			if errors.Is(err, kind) {
				e.Kind = kind
			}
		}
	}
	return exit, e
}

func childName(je *core.JobExecution) string {
	return fmt.Sprintf("execution %d of job %s", je.ID, je.Instance.JobName)
}

// concealed is an error of a child: its text is told, but it is none of the
// kinds that would say something about the parent. A child whose lease is lost
// has taken nothing from its parent, and a parent whose child is running
// somewhere else is a failed one that can be restarted.
type concealed struct{ err error }

func conceal(err error) error { return concealed{err} }

// Error implements error.
func (c concealed) Error() string { return c.err.Error() }
