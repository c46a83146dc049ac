package partition_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/partition"
)

// breaking is a transaction whose commit is broken when it writes what broken
// selects.
type breaking struct {
	core.Tx
	broken  func(se *core.StepExecution) bool
	durable bool // the commit reports an error and is there
	hit     bool
}

var errDisk = errors.New("disk I/O error")

func (tx *breaking) UpdateStepExecution(ctx context.Context, se *core.StepExecution) error {
	tx.hit = tx.hit || tx.broken(se)
	return tx.Tx.UpdateStepExecution(ctx, se)
}

func (tx *breaking) UpdateJobExecution(ctx context.Context, je *core.JobExecution) error {
	if !je.EndTime.IsZero() {
		tx.broken = func(*core.StepExecution) bool { return false } // the end of the job comes through
	}
	return tx.Tx.UpdateJobExecution(ctx, je)
}

func (tx *breaking) Commit() error {
	switch {
	case !tx.hit:
		return tx.Tx.Commit()
	case tx.durable:
		return errors.Join(tx.Tx.Commit(), errDisk)
	}
	return errors.Join(tx.Rollback(), errDisk)
}

// isPlan selects the write of the plan.
func isPlan(se *core.StepExecution) bool {
	return se.EndTime.IsZero() && strings.Contains(se.StepName, "load") && se.Context[core.ContextKeyPlan] != nil
}

// isEndOf selects the end of a step.
func isEndOf(name string) func(se *core.StepExecution) bool {
	return func(se *core.StepExecution) bool { return se.StepName == name && !se.EndTime.IsZero() }
}

func TestBrokenCommits(t *testing.T) {
	t.Parallel()
	broken := func(b *bundle, durable bool, what func(*core.StepExecution) bool) {
		b.repo.wrap = func(tx core.Tx) core.Tx { return &breaking{Tx: tx, broken: what, durable: durable} }
	}
	t.Run("a plan that is undone is made again", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var c called
		broken(b, false, isPlan)
		je, err := b.run(partition.Step("load", doing(&c, nil), parts("a", "b"), partition.Options{}))
		wantError(t, err, errDisk, "step load: store the plan of the parts: ")
		wantStates(t, je, "job FAILED/FAILED", "load FAILED/FAILED")
		b.repo.wrap = nil
		b.complete(partition.Step("load", doing(&c, nil), parts("c"), partition.Options{}))
		if diff := cmp.Diff([]string{"c"}, c.take()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("a plan that is there in spite of its error is kept", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var c called
		broken(b, true, isPlan)
		je, err := b.run(partition.Step("load", doing(&c, nil), parts("a", "b"), partition.Options{}))
		wantError(t, err, errDisk, "")
		wantStates(t, je, "job FAILED/FAILED", "load FAILED/FAILED")
		b.repo.wrap = nil
		b.complete(partition.Step("load", doing(&c, nil), never(t), partition.Options{}))
		if diff := cmp.Diff([]string{"a", "b"}, c.take()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("the end of a part that cannot be recorded is recorded with that of the job", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		broken(b, false, isEndOf("load:b"))
		worker := moving(nil, discard)
		step := func(p core.Partitioner) *core.Step {
			return partition.Step("load", worker, p, partition.Options{Threads: 1})
		}
		named := core.PartitionerFunc(func(ctx context.Context, s *core.Scope, _ int) ([]core.Partition, error) {
			all, err := partition.FixedRange(1, 9).Partition(ctx, s, 3)
			for i, name := range []string{"a", "b", "c"} {
				all[i].Name = name
			}
			return all, err
		})
		je, err := b.run(step(named))
		wantError(t, err, errDisk, "1 of 3 parts failed, 2 complete: part b: ")
		wantStates(t, je, "job FAILED/FAILED", "load FAILED/FAILED",
			"load:a COMPLETED/COMPLETED", "load:b FAILED/FAILED", "load:c COMPLETED/COMPLETED")
		b.repo.wrap = nil
		wantStates(t, b.complete(step(never(t))), "job COMPLETED/COMPLETED", "load COMPLETED/COMPLETED", "load:b COMPLETED/COMPLETED")
	})
	t.Run("and so is that of one that stopped", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		broken(b, false, isEndOf("load:a"))
		worker := tasklet(func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			s.Stop.Request(core.ErrStopped)
			return core.Continuable, nil
		})
		je, err := b.run(partition.Step("load", worker, parts("a", "b"), partition.Options{Threads: 1}))
		wantError(t, err, core.ErrStopped, "")
		wantStates(t, je, "job STOPPED/STOPPED", "load STOPPED/STOPPED", "load:a STOPPED/STOPPED")
	})
	t.Run("parts that cannot be asked for are not started", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var c called
		b.repo.fail = errDisk
		je, err := b.run(partition.Step("load", doing(&c, nil), parts("a"), partition.Options{}))
		wantError(t, err, errDisk, "")
		wantStates(t, je, "job FAILED/FAILED", "load FAILED/FAILED")
	})
}
