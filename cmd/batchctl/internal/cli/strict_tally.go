package cli

import (
	"context"
	"errors"
	"slices"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/history"
	"github.com/batchctl/batchctl/internal/core/launch"
)

const (
	// maxGenerations bounds how deep children of children are looked at.
	maxGenerations = 8
	// maxChildSteps bounds how many steps are asked what they have launched.
	maxChildSteps = 10_000
)

// rejectsTally adds up what an instance and its children have skipped, over all
// attempts: a record that was rejected before a failure is not read again by the
// restart, and has its line in the rejects file. Everything is found by its key or
// by an index.
type rejectsTally struct {
	x      core.JobExplorer
	ended  *core.JobExecution
	seen   map[int64]bool // instances
	places []*rejectsPlace
	asked  int // steps that were asked what they have launched
	unseen int // steps that were not
}

// rejectsPlace is a step of an instance that has skipped records, its parts
// included.
type rejectsPlace struct {
	jobName  string // of a child; else empty
	step     string
	count    int64
	attempts []int64 // the executions in which it was, ascending
	files    []string
	looked   int // contexts in which files were looked for
	// shownBy is the newest of the executions of the outermost job that show it.
	shownBy int64
}

// generation says which child an instance is.
type generation struct {
	depth   int
	jobName string // empty for the outermost
	shownBy int64  // the execution of the outermost job that led to it
}

func newRejectsTally(x core.JobExplorer, ended *core.JobExecution) *rejectsTally {
	return &rejectsTally{x: x, ended: ended, seen: map[int64]bool{}}
}

// addInstance adds what the attempts at an instance, and their children, have
// skipped.
func (t *rejectsTally) addInstance(ctx context.Context, instance core.JobInstance, g generation) error {
	if t.seen[instance.ID] {
		return nil
	}
	t.seen[instance.ID] = true
	h, err := history.Of(ctx, t.x, instance.ID)
	if err != nil {
		return err
	}
	places := map[string]*rejectsPlace{}
	for _, je := range h.Executions {
		for _, se := range je.Steps {
			if err := t.count(ctx, h, history.Attempt{Job: je, Step: se}, places, g); err != nil {
				return err
			}
		}
	}
	return t.children(ctx, h, g)
}

// count adds what a step of an instance, or one of its parts, has skipped.
func (t *rejectsTally) count(
	ctx context.Context, h *history.Instance, a history.Attempt,
	places map[string]*rejectsPlace, g generation,
) error {
	je, se := a.Job, a.Step
	n := se.Counts.Skip()
	if n == 0 {
		return nil
	}
	if counts, err := h.Counts(ctx, a); !counts || err != nil {
		return err
	}
	step, _ := core.SplitStepName(se.StepName)
	p := places[step]
	if p == nil {
		p = &rejectsPlace{jobName: g.jobName, step: step}
		places[step] = p
		t.places = append(t.places, p)
	}
	p.count += n
	if !slices.Contains(p.attempts, je.ID) {
		p.attempts = append(p.attempts, je.ID)
	}
	if p.shownBy = g.shownBy; g.depth == 0 {
		p.shownBy = je.ID
	}
	if p.looked++; p.looked > maxPartContexts {
		return nil
	}
	full, err := t.x.StepExecution(ctx, se.ID)
	if err != nil {
		return err
	}
	for _, file := range rejectsFiles(full.Context) {
		if !slices.Contains(p.files, file) {
			p.files = append(p.files, file)
		}
	}
	return nil
}

// children adds what the jobs have skipped that the steps of an instance, and
// their parts, have launched. A restart of a step launches what the step did
// before, so its newest execution knows. Parts are all of one kind: the first one
// that completed without a launch speaks for the others.
func (t *rejectsTally) children(ctx context.Context, h *history.Instance, g generation) error {
	childless := map[string]bool{}
	for _, name := range h.Names {
		step, part := core.SplitStepName(name)
		if part == "" && h.Partitioned(step) || childless[step] {
			continue
		}
		if t.asked == maxChildSteps {
			t.unseen++
			continue
		}
		t.asked++
		last, _ := h.Newest(name)
		launched, err := t.child(ctx, h, last, g)
		if err != nil {
			return err
		}
		childless[step] = part != "" && !launched && last.Step.Status == core.StatusCompleted
	}
	return nil
}

// child adds what the job has skipped that a step has launched, if it has.
func (t *rejectsTally) child(ctx context.Context, h *history.Instance, last history.Attempt, g generation) (launched bool, err error) {
	full, err := t.x.StepExecution(ctx, last.Step.ID)
	if err != nil {
		return false, err
	}
	name, ps, launched, err := launch.ChildLaunch(full.Context)
	if !launched || err != nil {
		return false, err
	}
	if counts, err := h.Counts(ctx, last); !counts || err != nil {
		return true, err
	}
	if g.depth == maxGenerations {
		t.unseen++
		return true, nil
	}
	instance, err := t.x.FindJobInstance(ctx, name, ps)
	if errors.Is(err, core.ErrNoSuchJobInstance) {
		return true, nil // it did not come to the launch
	}
	if err != nil {
		return true, err
	}
	if g.depth == 0 {
		g.shownBy = last.Job.ID
	}
	return true, t.addInstance(ctx, instance, generation{depth: g.depth + 1, jobName: name, shownBy: g.shownBy})
}
