package partition

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/panics"
)

// task is a part that has to run.
type task struct {
	core.Partition
	// again marks a part that was complete before the plan was made.
	again bool
}

// unfinished returns the parts that have to run, in the order of the plan. It
// is one query.
func unfinished(ctx context.Context, s *core.Scope, p plan) ([]task, error) {
	newest, err := s.Repo.PartitionExecutions(ctx, s.Execution.Instance.ID, s.Step.StepName)
	if err != nil {
		return nil, err
	}
	todo := make([]task, 0, len(p.Parts))
	for _, part := range p.Parts {
		last := newest[part.Name]
		belongs := last != nil && last.ID > p.Since
		if belongs && last.Status == core.StatusCompleted {
			continue
		}
		if err := startable(s, part, last, belongs); err != nil {
			return nil, err
		}
		todo = append(todo, task{Partition: part, again: last != nil && !belongs})
	}
	return todo, nil
}

// startable refuses a part of which nobody knows what it has left behind.
func startable(s *core.Scope, part core.Partition, last *core.StepExecution, belongs bool) error {
	if last == nil {
		return nil
	}
	refused := false
	switch last.Status {
	case core.StatusAbandoned, core.StatusUnknown:
		refused = true
	case core.StatusStarting, core.StatusStarted, core.StatusStopping, core.StatusStopped, core.StatusFailed:
		// Of an earlier plan it would go on with values that are not this plan's;
		// within one execution a step starts afresh, and so do its parts.
		refused = !belongs && last.JobExecution.ID != s.Execution.ID
	case core.StatusCompleted:
	}
	if !refused {
		return nil
	}
	status := last.Status.String()
	if last.OpaqueStatus != "" {
		status = core.Quote(last.OpaqueStatus)
	}
	return &core.Error{
		Kind: core.ErrJobRestart,
		Msg: fmt.Sprintf("cannot restart: part %s is %s in step execution %d; no part was started",
			core.Quote(part.Name), status, last.ID),
		Hint: core.ShellQuote("batchctl", "show", strconv.FormatInt(last.JobExecution.ID, 10)),
	}
}

// result is what became of a task. The zero value is that of one that was not
// started.
type result struct {
	part string
	se   *core.StepExecution
	ran  bool
	err  error
}

// run runs the tasks, some at the same time, and returns when none is running.
func (m *manager) run(ctx context.Context, s *core.Scope, todo []task) []result {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	results := make([]result, len(todo))
	var taken atomic.Int64
	var wg sync.WaitGroup
	for range min(m.threads(), len(todo)) {
		wg.Go(func() {
			for {
				i := int(taken.Add(1)) - 1
				if i >= len(todo) || interrupted(ctx, s) != nil {
					return
				}
				results[i] = m.runPart(ctx, s, todo[i])
				if err := results[i].err; core.IsFenced(err) {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return results
}

// runPart runs one part to its end.
func (m *manager) runPart(ctx context.Context, s *core.Scope, t task) (r result) {
	r.part = t.Name
	defer func() {
		if v := recover(); v != nil {
			r.err = panics.Recovered("the start or end of the part", v)
		}
	}()
	step := *m.worker
	step.Name = core.PartitionStepName(s.Step.StepName, t.Name)
	step.AllowStartIfComplete = t.again
	r.se, r.ran, r.err = s.Steps.RunStep(ctx, s.Run, &step, t.Context)
	return r
}

// status returns how the part ended. One that was not started counts as
// stopped: nothing else keeps a part from being started without an error.
func (r result) status() core.BatchStatus {
	switch {
	case r.err != nil && core.IsInterruption(r.err):
		return core.StatusStopped
	case r.err != nil:
		return core.StatusFailed
	case r.se == nil:
		return core.StatusStopped
	}
	return r.se.Status
}

// failure returns why the part did not complete.
func (r result) failure() error {
	err := r.err
	if err == nil && r.se != nil {
		err = r.se.Failure
	}
	if err == nil {
		err = fmt.Errorf("ended %s", r.status())
	}
	return &core.Error{Op: "part " + core.EscapeControl(r.part), Err: err}
}

// unrecorded reports whether the part ran and its end could not be written; the
// engine looks for such errors at the end of the job.
func (r result) unrecorded() bool { return r.se != nil && r.err != nil }

// conclude adds the counters of the parts to the manager's, and returns why it
// is not complete. total is the number of parts in the plan.
func conclude(ctx context.Context, s *core.Scope, total int, results []result) error {
	completed := total - len(results)
	var failed, ended, stopped []result // ended: failed for good
	for _, r := range results {
		if r.ran && r.se != nil {
			s.Uncommitted = s.Uncommitted.Add(r.se.Counts)
		}
		if core.IsFenced(r.err) {
			return r.failure()
		}
		switch r.status() {
		case core.StatusCompleted:
			completed++
		case core.StatusStopped:
			stopped = append(stopped, r)
		case core.StatusStarting, core.StatusStarted, core.StatusStopping, core.StatusFailed,
			core.StatusAbandoned, core.StatusUnknown:
			if isFinal(r.failure()) {
				ended = append(ended, r)
			} else {
				failed = append(failed, r)
			}
		}
	}
	switch {
	case len(failed)+len(ended) > 0:
		return failure(total, completed, failed, ended, stopped)
	case len(stopped) > 0:
		return stop(ctx, s, total, completed, stopped)
	}
	return nil
}

// isFinal reports whether a restart alone cannot cure the error.
func isFinal(err error) bool {
	return errors.Is(err, core.ErrCheckpointMismatch) || errors.Is(err, core.ErrStartLimitExceeded) ||
		errors.Is(err, core.ErrJobRestart)
}
