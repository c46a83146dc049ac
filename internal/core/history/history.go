package history

import (
	"context"
	"slices"

	"github.com/batchctl/batchctl/internal/core"
)

// pageSize is how many executions of an instance are read at once.
const pageSize = 100

// Attempt is one execution of a step or of a part of one.
type Attempt struct {
	Job  *core.JobExecution
	Step *core.StepExecution
}

// Instance is what is known about the executions of a job instance. It is not
// safe for concurrent use.
type Instance struct {
	// Executions are all of them with their steps, oldest first.
	Executions []*core.JobExecution
	// Names are those of steps and parts, in the order in which they came up.
	Names []string

	explorer    core.JobExplorer
	partitioned map[string]bool
	newest      map[string]Attempt
	lineages    map[int64]string
}

// Of reads the executions of an instance: one query for a page of them, and what
// [core.JobExplorer] needs to read each with its steps. An instance that does not
// exist has none.
func Of(ctx context.Context, x core.JobExplorer, instanceID int64) (*Instance, error) {
	h := &Instance{explorer: x, partitioned: map[string]bool{}, newest: map[string]Attempt{}, lineages: map[int64]string{}}
	q := core.JobExecutionQuery{InstanceID: instanceID, Limit: pageSize}
	for {
		page, err := x.JobExecutions(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, je := range page {
			full, err := x.JobExecution(ctx, je.ID)
			if err != nil {
				return nil, err
			}
			h.Executions = append(h.Executions, full)
			q.Before = je.ID
		}
		if len(page) < pageSize {
			break
		}
	}
	slices.Reverse(h.Executions)
	for _, je := range h.Executions {
		for _, se := range je.Steps {
			if step, part := core.SplitStepName(se.StepName); part != "" {
				h.partitioned[step] = true
			}
			if _, known := h.newest[se.StepName]; !known {
				h.Names = append(h.Names, se.StepName)
			}
			h.newest[se.StepName] = Attempt{Job: je, Step: se}
		}
	}
	return h, nil
}

// Partitioned reports whether the step has parts.
func (h *Instance) Partitioned(step string) bool { return h.partitioned[step] }

// Newest returns the last execution of a step or a part; ok is false when it was
// never started.
func (h *Instance) Newest(name string) (a Attempt, ok bool) {
	a, ok = h.newest[name]
	return a, ok
}

// Counts reports whether the row of a is part of the sum over all attempts. It
// reads the contexts of two step executions at most, each once.
func (h *Instance) Counts(ctx context.Context, a Attempt) (bool, error) {
	step, part := core.SplitStepName(a.Step.StepName)
	if part == "" && h.partitioned[step] {
		return false, nil
	}
	newest, whole := h.newest[step].Step, a.Step
	if part != "" { // it lives and dies with its manager
		i := slices.IndexFunc(a.Job.Steps, func(se *core.StepExecution) bool { return se.StepName == step })
		if i < 0 {
			return true, nil
		}
		whole = a.Job.Steps[i]
	}
	if newest == nil || newest.ID == whole.ID {
		return true, nil
	}
	was, err := h.lineage(ctx, whole)
	if err != nil {
		return false, err
	}
	is, err := h.lineage(ctx, newest)
	return was == "" || is == "" || was == is, err
}

// lineage returns the token that is new when a step begins anew, and is kept by
// its restarts; empty in what other programs have written.
func (h *Instance) lineage(ctx context.Context, se *core.StepExecution) (string, error) {
	if token, known := h.lineages[se.ID]; known {
		return token, nil
	}
	full, err := h.explorer.StepExecution(ctx, se.ID)
	if err != nil {
		return "", err
	}
	token, _ := full.Context[core.ContextKeyLineage].(string)
	h.lineages[se.ID] = token
	return token, nil
}

// Total is what all attempts at a step have done together, its parts included.
type Total struct {
	StepName string
	Counts   core.Counts
}

// Totals returns the totals of all steps, in the order in which they came up.
func (h *Instance) Totals(ctx context.Context) ([]Total, error) {
	var totals []Total
	for _, je := range h.Executions {
		for _, se := range je.Steps {
			counts, err := h.Counts(ctx, Attempt{Job: je, Step: se})
			if err != nil {
				return nil, err
			}
			if !counts {
				continue
			}
			step, _ := core.SplitStepName(se.StepName)
			i := slices.IndexFunc(totals, func(t Total) bool { return t.StepName == step })
			if i < 0 {
				i, totals = len(totals), append(totals, Total{StepName: step})
			}
			totals[i].Counts = totals[i].Counts.Add(se.Counts)
		}
	}
	return totals, nil
}
