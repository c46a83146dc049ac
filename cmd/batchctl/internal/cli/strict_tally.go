package cli

import (
	"context"
	"errors"
	"slices"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
)

const (
	// maxGenerations bounds how deep children of children are looked at.
	maxGenerations = 8
	// maxChildSteps bounds how many steps are asked what they have launched.
	maxChildSteps = 10_000
	// maxAttempts is the page in which the executions of an instance are read.
	maxAttempts = 100
)

// rejectsTally adds up what an instance and its children have skipped. Every
// attempt counts from nothing, so the sum over all of them is the truth: a record
// that was rejected before a failure is not read again by the restart, and has
// its line in the rejects file. Everything is found by its key or by an index.
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

// attempts are the executions of an instance with their steps, oldest first.
type attempts struct {
	executions []*core.JobExecution
	// partitioned are the steps that have parts. A manager's row has the sum of
	// its parts when it has ended, and none after a crash: only parts count.
	partitioned map[string]bool
	// newest are the last executions of steps and parts, by their names, which
	// are in the order in which they came up.
	newest map[string]attempt
	names  []string
	// lineages are those of step executions that were read.
	lineages map[int64]string
}

// attempt is one execution of a step or a part.
type attempt struct {
	je *core.JobExecution
	se *core.StepExecution
}

// instance adds what the attempts at an instance, and their children, have
// skipped.
func (t *rejectsTally) instance(ctx context.Context, instance core.JobInstance, g generation) error {
	if t.seen[instance.ID] {
		return nil
	}
	t.seen[instance.ID] = true
	all, err := t.attempts(ctx, instance.ID)
	if err != nil {
		return err
	}
	places := map[string]*rejectsPlace{}
	for _, je := range all.executions {
		for _, se := range je.Steps {
			if err := t.count(ctx, all, je, se, places, g); err != nil {
				return err
			}
		}
	}
	return t.children(ctx, all, g)
}

// attempts reads the executions of an instance.
func (t *rejectsTally) attempts(ctx context.Context, instanceID int64) (*attempts, error) {
	all := &attempts{partitioned: map[string]bool{}, newest: map[string]attempt{}, lineages: map[int64]string{}}
	q := core.JobExecutionQuery{InstanceID: instanceID, Limit: maxAttempts}
	for {
		page, err := t.x.JobExecutions(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, je := range page {
			full, err := t.x.JobExecution(ctx, je.ID)
			if err != nil {
				return nil, err
			}
			all.executions = append(all.executions, full)
			q.Before = je.ID
		}
		if len(page) < maxAttempts {
			break
		}
	}
	slices.Reverse(all.executions)
	for _, je := range all.executions {
		for _, se := range je.Steps {
			if step, part := core.SplitStepName(se.StepName); part != "" {
				all.partitioned[step] = true
			}
			if _, known := all.newest[se.StepName]; !known {
				all.names = append(all.names, se.StepName)
			}
			all.newest[se.StepName] = attempt{je, se}
		}
	}
	return all, nil
}

// counts reports whether the row of se is one that counts: not that of a manager,
// and not one whose work a later attempt has begun anew.
func (t *rejectsTally) counts(ctx context.Context, all *attempts, je *core.JobExecution, se *core.StepExecution) (bool, error) {
	step, part := core.SplitStepName(se.StepName)
	if part == "" && all.partitioned[step] {
		return false, nil
	}
	newest, whole := all.newest[step].se, se
	if part != "" { // it lives and dies with its manager
		i := slices.IndexFunc(je.Steps, func(se *core.StepExecution) bool { return se.StepName == step })
		if i < 0 {
			return true, nil
		}
		whole = je.Steps[i]
	}
	if newest == nil || newest.ID == whole.ID {
		return true, nil
	}
	was, err := t.lineage(ctx, all, whole)
	if err != nil {
		return false, err
	}
	is, err := t.lineage(ctx, all, newest)
	return was == "" || is == "" || was == is, err
}

// lineage returns the token that is new when a step begins anew, and is kept by
// its restarts; empty in what other programs have written.
func (t *rejectsTally) lineage(ctx context.Context, all *attempts, se *core.StepExecution) (string, error) {
	if token, known := all.lineages[se.ID]; known {
		return token, nil
	}
	full, err := t.x.StepExecution(ctx, se.ID)
	if err != nil {
		return "", err
	}
	token, _ := full.Context[core.ContextKeyLineage].(string)
	all.lineages[se.ID] = token
	return token, nil
}

// count adds what a step of an instance, or one of its parts, has skipped.
func (t *rejectsTally) count(
	ctx context.Context, all *attempts, je *core.JobExecution, se *core.StepExecution,
	places map[string]*rejectsPlace, g generation,
) error {
	n := skippedIn(se)
	if n == 0 {
		return nil
	}
	if counts, err := t.counts(ctx, all, je, se); !counts || err != nil {
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
func (t *rejectsTally) children(ctx context.Context, all *attempts, g generation) error {
	childless := map[string]bool{}
	for _, name := range all.names {
		step, part := core.SplitStepName(name)
		if part == "" && all.partitioned[step] || childless[step] {
			continue
		}
		if t.asked == maxChildSteps {
			t.unseen++
			continue
		}
		t.asked++
		last := all.newest[name]
		launched, err := t.child(ctx, all, last, g)
		if err != nil {
			return err
		}
		childless[step] = part != "" && !launched && last.se.Status == core.StatusCompleted
	}
	return nil
}

// child adds what the job has skipped that a step has launched, if it has.
func (t *rejectsTally) child(ctx context.Context, all *attempts, last attempt, g generation) (launched bool, err error) {
	full, err := t.x.StepExecution(ctx, last.se.ID)
	if err != nil {
		return false, err
	}
	name, ps, launched, err := launch.ChildLaunch(full.Context)
	if !launched || err != nil {
		return false, err
	}
	if counts, err := t.counts(ctx, all, last.je, last.se); !counts || err != nil {
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
		g.shownBy = last.je.ID
	}
	return true, t.instance(ctx, instance, generation{depth: g.depth + 1, jobName: name, shownBy: g.shownBy})
}
