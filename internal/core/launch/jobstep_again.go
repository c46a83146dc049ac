package launch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/batchctl/batchctl/internal/core"
)

// again returns what a restart of the step launches. What identifies the child
// is stored, so that it is the instance of the first launch. The rest is what the
// extractor says now, and is stored in its turn; where it would mean another
// instance, or says nothing, the launch is the stored one.
func (b childBody) again(
	ctx context.Context, s *core.Scope, l *JobLauncher, stored core.JobParameters,
) (core.JobParameters, error) {
	step, job := s.Context.Clone(), s.JobContext.Clone()
	fresh, err := b.params(ctx, s)
	var differs string
	if err == nil {
		differs = differing(stored, fresh, b.child.Parameters.Complete(fresh, l.Dir))
	}
	if err != nil || differs != "" {
		s.Context, s.JobContext = step, job // what the extractor has put belongs to what it said
		if ctx.Err() == nil {
			b.warn(ctx, s, differs, err)
		}
		if stored, err = l.parameters(b.child, stored, true); err != nil {
			return nil, b.refused(refusal(b.child, Options{}, err))
		}
		return stored, nil
	}
	ps := stored.Identifying()
	for _, p := range fresh {
		if !p.Identifying {
			ps = ps.With(p)
		}
	}
	if err = readable(ps); err == nil {
		ps, err = l.parameters(b.child, ps, true)
	}
	if err != nil {
		return nil, b.refused(refusal(b.child, Options{}, err))
	}
	return ps, b.store(ctx, s, ps)
}

// warn tells that the launch is the stored one, and which parameter or error is
// the reason.
func (b childBody) warn(ctx context.Context, s *core.Scope, differs string, err error) {
	attrs := []slog.Attr{
		slog.String("job", s.Job.Name), slog.String("step", s.Step.StepName), slog.String("child", b.child.Name),
	}
	if err != nil {
		s.Log.LogAttrs(ctx, slog.LevelWarn, "The parameters of the launched job could not be made again, those of its last launch are used",
			append(attrs, slog.String("error", err.Error()))...)
		return
	}
	s.Log.LogAttrs(ctx, slog.LevelWarn, "The parameters that are made now would identify another instance of the launched job, those of its last launch are used",
		append(attrs, slog.String("parameter", differs))...)
}

// differing returns the name of a parameter by which fresh would identify
// another instance than stored does, or "". complete is fresh with the child's
// defaults: one that has come or changed since the first launch makes no
// difference.
func differing(stored, fresh, complete core.JobParameters) string {
	for _, p := range stored.Identifying() {
		_, given := fresh.Lookup(p.Name)
		now, there := complete.Lookup(p.Name)
		if !there || given && !now.Equal(p) {
			return p.Name
		}
	}
	for _, p := range fresh.Identifying() {
		if before, there := stored.Lookup(p.Name); !there || !before.Identifying {
			return p.Name
		}
	}
	return ""
}

// errNewDefinition is the kind of a job step whose child, at whatever depth, has
// another definition than at its last attempt.
var errNewDefinition = fmt.Errorf("%w: the definition has changed", core.ErrJobRestart)

// notLaunched is the error of a step whose job the repository has refused. A
// child that must not be launched again is met by each restart of the parent:
// that is true of the parent too, and so is the kind of it.
func (b childBody) notLaunched(ctx context.Context, s *core.Scope, ps core.JobParameters, err error) error {
	if !errors.Is(err, core.ErrJobRestart) {
		return b.refused(err)
	}
	final := &core.Error{
		Kind: core.ErrJobRestart, Msg: fmt.Sprintf("job %s was not launched", b.child.Name), Hint: core.Hint(err), Err: conceal(err),
	}
	abandoned, failed := abandonedChild(ctx, s.Repo, b.child.Name, ps)
	switch {
	case failed != nil:
	case abandoned != nil:
		final.Msg += fmt.Sprintf(": execution %d of it is ABANDONED, and no restart of this job can help", abandoned.ID)
		final.Hint, final.Err = command("abandon", id(s.Execution.ID)), nil
	case b.redefined(ctx, s, ps):
		final.Kind, final.Hint = errNewDefinition, newDefinitionHint(s)
	}
	return final
}

// abandonedChild returns the execution of an instance that is ABANDONED, nil
// where none is.
func abandonedChild(ctx context.Context, x core.JobExplorer, name string, ps core.JobParameters) (*core.JobExecution, error) {
	instance, err := x.FindJobInstance(ctx, name, ps)
	if err != nil {
		return nil, err
	}
	found, err := x.JobExecutions(ctx, core.JobExecutionQuery{
		InstanceID: instance.ID, Statuses: []core.BatchStatus{core.StatusAbandoned}, Limit: 1,
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// redefined reports whether the last attempt at the instance of the child had
// another definition than the child has now.
func (b childBody) redefined(ctx context.Context, s *core.Scope, ps core.JobParameters) bool {
	instance, err := s.Repo.FindJobInstance(ctx, b.child.Name, ps)
	if err != nil {
		return false
	}
	last, err := s.Repo.LastJobExecution(ctx, instance.ID)
	if err != nil || s.NewDefinition || b.child.PreventRestart || last.Status == core.StatusUnknown {
		return false
	}
	before, ok, err := last.Context.String(core.ContextKeyDefinition)
	return err == nil && ok && (b.child.Definition == nil || b.child.Definition.Hash != before)
}

func newDefinitionHint(s *core.Scope) string {
	return "put the old one back, or go on under the new one with: " + command("restart", id(s.Execution.ID), "--new-definition")
}
