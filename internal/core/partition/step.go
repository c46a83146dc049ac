package partition

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
)

// Options say how the parts of a step are made and run.
type Options struct {
	// Grid is how many parts the partitioner is asked for; 0 means as many as
	// the process has processors.
	Grid int
	// Threads bounds how many parts run at once; 0 means Grid.
	Threads int
	// Reduce, when not nil, is called when every part is COMPLETED and before
	// that is recorded of the step. parts is the plan. What it puts into
	// s.Context and s.JobContext commits with the end of the step; a transaction
	// that it needs it begins and ends itself. After a crash or a failure it is
	// called again, so it must be safe to repeat.
	Reduce func(ctx context.Context, s *core.Scope, parts []core.Partition) error
}

// Step returns a step whose work p splits into parts, each of which is run as
// worker says. StartLimit and Listener of worker are those of each part; its
// name and AllowStartIfComplete mean nothing. Set the other fields of the step
// before it is used.
func Step(name string, worker *core.Step, p core.Partitioner, o Options) *core.Step {
	if worker == nil {
		worker = &core.Step{} // without a body, which the check of the job finds
	}
	return &core.Step{Name: name, Kind: "partition", Worker: worker, Bind: func(*core.Scope) (core.StepBody, error) {
		m := &manager{worker: worker, partitioner: p, o: o}
		return m, m.check()
	}}
}

// ContextOf returns the context that the newest execution of a part has left,
// for use in Reduce.
func ContextOf(ctx context.Context, s *core.Scope, part core.Partition) (core.ExecutionContext, error) {
	name := core.PartitionStepName(s.Step.StepName, part.Name)
	se, err := s.Repo.LastStepExecution(ctx, s.Execution.Instance.ID, name)
	if err != nil {
		return nil, err
	}
	return se.Context, nil
}

// manager is the body of a partitioned step.
type manager struct {
	worker      *core.Step
	partitioner core.Partitioner
	o           Options
}

var _ core.StepBody = (*manager)(nil)

func (m *manager) check() error {
	var problem string
	switch {
	case m.worker.Bind == nil:
		problem = "its parts have no body"
	case m.partitioner == nil:
		problem = "it has no partitioner"
	case m.o.Grid < 0:
		problem = fmt.Sprintf("its grid is %d, want 0 or more", m.o.Grid)
	case m.o.Threads < 0:
		problem = fmt.Sprintf("its threads are %d, want 0 or more", m.o.Threads)
	default:
		return nil
	}
	return &core.Error{Kind: core.ErrJobDefinition, Msg: problem}
}

func (m *manager) grid() int {
	if m.o.Grid == 0 {
		return runtime.GOMAXPROCS(0)
	}
	return m.o.Grid
}

func (m *manager) threads() int {
	if m.o.Threads == 0 {
		return m.grid()
	}
	return m.o.Threads
}

// Execute implements core.StepBody.
func (m *manager) Execute(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
	p, err := m.plan(ctx, s)
	if err != nil {
		return core.ExitStatus{}, err
	}
	todo, err := unfinished(ctx, s, p)
	if err != nil {
		return core.ExitStatus{}, err
	}
	warning, err := m.review(ctx, s, p, todo)
	if err != nil {
		return core.ExitStatus{}, err
	}
	s.Log.LogAttrs(ctx, slog.LevelInfo, "Running the parts of the step",
		slog.String("step", s.Step.StepName), slog.Int64("stepExecutionId", s.Step.ID),
		slog.Int("parts", len(p.Parts)), slog.Int("unfinished", len(todo)), slog.Int("threads", min(m.threads(), len(todo))))
	if err := conclude(ctx, s, len(p.Parts), m.run(ctx, s, todo)); err != nil {
		return core.ExitStatus{}, err
	}
	return core.ExitStatus{Message: warning}, m.reduce(ctx, s, p.Parts)
}

// plan returns the stored plan, or makes one.
func (m *manager) plan(ctx context.Context, s *core.Scope) (plan, error) {
	text, planned, err := s.Context.String(core.ContextKeyPlan)
	if err != nil {
		return plan{}, err
	}
	if planned {
		p, err := decodePlan(text)
		if err != nil {
			return plan{}, &core.Error{
				Kind: core.ErrJobRestart, Msg: "the plan of the parts that the step has left cannot be read",
				Hint: core.ShellQuote("batchctl", "show", fmt.Sprint(s.Execution.ID), "--context"), Err: err,
			}
		}
		return p, nil
	}
	chunks, _, err := s.Context.Int64(core.ContextKeyChunk)
	if err != nil {
		return plan{}, err
	}
	if chunks > 0 {
		return plan{}, &core.Error{
			Kind: core.ErrJobRestart,
			Msg:  fmt.Sprintf("the step was not partitioned when it was started, and has committed %d chunks since", chunks),
			Hint: "let it complete as it was before it is partitioned",
		}
	}
	return m.makePlan(ctx, s)
}

// makePlan asks the partitioner and commits what it says.
func (m *manager) makePlan(ctx context.Context, s *core.Scope) (plan, error) {
	parts, err := m.partitioner.Partition(ctx, s, m.grid())
	if err != nil {
		return plan{}, fmt.Errorf("split the step into parts: %w", err)
	}
	p := plan{Since: s.Step.ID, Parts: named(parts)}
	if err := p.check(s); err != nil {
		return plan{}, err
	}
	text, err := p.encode()
	if err != nil {
		return plan{}, err
	}
	tx, err := s.Begin(ctx)
	if err != nil {
		return plan{}, fmt.Errorf("store the plan of the parts: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing left to roll back
	next := s.Step.Clone()
	next.Context = s.Context.Clone()
	next.Context.Put(core.ContextKeyPlan, text)
	fault.Point("partition.before-plan")
	if err := s.CommitStep(ctx, tx, s.Step, next, s.JobContext); err != nil {
		return plan{}, fmt.Errorf("store the plan of the parts: %w", err)
	}
	fault.Point("partition.after-plan")
	s.Refresh()
	return p, nil
}

// reduce lets the owner of the step put together what the parts have made. A
// stop that came before leaves that to the restart.
func (m *manager) reduce(ctx context.Context, s *core.Scope, parts []core.Partition) error {
	if m.o.Reduce == nil {
		return nil
	}
	if err := interrupted(ctx, s); err != nil {
		return err
	}
	fault.Point("partition.before-reduce")
	if err := m.o.Reduce(ctx, s, parts); err != nil {
		return fmt.Errorf("reduce what the parts have made: %w", err)
	}
	fault.Point("partition.after-reduce")
	return nil
}

// interrupted returns why nothing more must be begun, or nil.
func interrupted(ctx context.Context, s *core.Scope) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return s.Stop.Cause()
}
