package partition_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/partition"
)

func TestStop(t *testing.T) {
	t.Parallel()
	t.Run("PART-03 PART-29 running parts stop at their border, waiting ones never start", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var both sync.WaitGroup
		both.Add(2)
		meet := func(n int64) error {
			if n%10 == 2 { // in the middle of the first chunk of a part
				both.Done()
				both.Wait()
				b.stop.Request(core.ErrStopped)
			}
			return nil
		}
		je, err := b.run(partition.Step("load", moving(meet, discard), partition.FixedRange(1, 40), partition.Options{Grid: 4, Threads: 2}))
		wantError(t, err, core.ErrStopped, "step load: not all of 4 parts ran to their end, 0 complete, 2 stopped, 2 not started: stopped")
		wantStates(t, je, "job STOPPED/STOPPED", "load STOPPED/STOPPED",
			"load:partition0 STOPPED/STOPPED", "load:partition1 STOPPED/STOPPED")
		if got, want := b.last("load").Counts, (core.Counts{Commit: 2, Read: 6, Write: 6}); got != want {
			t.Errorf("got counts %+v, want the two chunks %+v", got, want)
		}
		b.stop = core.NewStop()
		b.complete(partition.Step("load", moving(nil, discard), never(t), partition.Options{}))
		if got := b.last("load").Counts.Write; got != 34 {
			t.Errorf("the restart wrote %d, want the other 34", got)
		}
	})
	t.Run("PART-17 a failure beside a stop is a failure", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		worker := tasklet(func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			if s.Partition() == "b" {
				s.Stop.Request(core.ErrStopped)
				return core.Finished, errBoom
			}
			return core.Finished, nil
		})
		je, err := b.run(partition.Step("load", worker, parts("a", "b", "c"), partition.Options{Threads: 1}))
		wantError(t, err, errBoom, "1 of 3 parts failed, 1 complete, 1 not started: part b: boom")
		wantStates(t, je, "job FAILED/FAILED", "load FAILED/FAILED", "load:a COMPLETED/COMPLETED", "load:b FAILED/FAILED")
	})
	t.Run("a part that stops by itself stops the step", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var c called
		je, err := b.run(partition.Step("load", doing(&c, map[string]error{"a": core.ErrStopped}), parts("a", "b"), partition.Options{}))
		wantError(t, err, core.ErrStopped, "1 complete, 1 stopped")
		wantStates(t, je, "job STOPPED/STOPPED", "load STOPPED/STOPPED", "load:a STOPPED/STOPPED", "load:b COMPLETED/COMPLETED")
	})
	t.Run("a timeout stops as what it is", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		worker := tasklet(func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			s.Stop.Request(core.ErrTimeout)
			return core.Continuable, nil
		})
		je, err := b.run(partition.Step("load", worker, parts("a", "b"), partition.Options{Threads: 1}))
		wantError(t, err, core.ErrTimeout, "")
		wantStates(t, je, "job STOPPED/STOPPED", "load STOPPED/STOPPED", "load:a STOPPED/STOPPED")
	})
	t.Run("an aborted run ends its parts and starts none", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		worker := tasklet(func(ctx context.Context, _ *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			cancel(core.ErrAborted)
			<-ctx.Done()
			return core.Finished, ctx.Err()
		})
		step := partition.Step("load", worker, parts("a", "b"), partition.Options{Threads: 1})
		je, err := b.runJob(ctx, &core.Job{Name: "nightly", Steps: []*core.Step{step}})
		wantError(t, err, core.ErrAborted, "")
		wantStates(t, je, "job STOPPED/STOPPED", "load STOPPED/STOPPED", "load:a STOPPED/STOPPED")
	})
	t.Run("a stop before Reduce leaves it to the restart", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		reduced := 0
		o := partition.Options{Reduce: func(context.Context, *core.Scope, []core.Partition) error {
			reduced++
			return nil
		}}
		worker := tasklet(func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			s.Stop.Request(core.ErrStopped)
			return core.Finished, nil
		})
		je, err := b.run(partition.Step("load", worker, parts("a"), o))
		wantError(t, err, core.ErrStopped, "")
		wantStates(t, je, "job STOPPED/STOPPED", "load STOPPED/STOPPED", "load:a COMPLETED/COMPLETED")
		b.stop = core.NewStop()
		b.complete(partition.Step("load", worker, never(t), o))
		if reduced != 1 {
			t.Errorf("reduced %d times", reduced)
		}
	})
}

func TestLeaseLost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var c called
	started := make(chan struct{})
	worker := tasklet(func(ctx context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
		c.add(s.Partition())
		if s.Partition() == "a" {
			<-started // b runs
			b.exec("UPDATE BATCHCTL_EXECUTION_OWNER SET TOKEN = 'another'")
			return core.Finished, nil
		}
		close(started)
		<-ctx.Done() // the end of a tells it
		return core.Finished, context.Cause(ctx)
	})
	r := b.launch(&core.Job{Name: "nightly", Steps: []*core.Step{
		partition.Step("load", worker, parts("a", "b", "c", "d"), partition.Options{Threads: 2}),
	}})
	err := runAndRelease(b, r)
	wantError(t, err, core.ErrLeaseLost, "")
	if diff := cmp.Diff([]string{"a", "b"}, c.take()); diff != "" {
		t.Errorf("what ran (-want +got):\n%s", diff)
	}
	je, err := b.store.JobExecution(t.Context(), r.Execution.ID)
	if err != nil {
		t.Fatal(err)
	}
	wantStates(t, je, "job STARTED/UNKNOWN", "load STARTED/EXECUTING", "load:a STARTED/EXECUTING", "load:b STARTED/EXECUTING")
}

// However many parts have failed before, the loss of the lease is what is told.
func TestLeaseLostBehindFailures(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.steps = evicted{}
	broken := tasklet(func(context.Context, *core.Scope, *core.StepContribution) (core.RepeatStatus, error) {
		return core.Finished, errBoom
	})
	je, err := b.run(partition.Step("load", broken, partition.Count(), partition.Options{Grid: 13, Threads: 1}))
	wantError(t, err, core.ErrLeaseLost, "part partition11: ")
	if len(je.Steps) != 1+11 || je.Steps[0].Status != core.StatusStarted {
		t.Errorf("rows %v, want the manager as it was and the parts before", states(je))
	}
}

// evicted is a runner that has lost the execution before its twelfth part.
type evicted struct{ engine.Steps }

func (e evicted) RunStep(
	ctx context.Context, r *core.Run, step *core.Step, initial core.ExecutionContext,
) (*core.StepExecution, bool, error) {
	if step.Name == "load:partition11" {
		return nil, false, core.ErrLeaseLost
	}
	return e.Steps.RunStep(ctx, r, step, initial)
}

func TestReduce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var c called
	broken := errBoom
	step := partition.Step("load", doing(&c, nil), parts("b", "a"), partition.Options{
		Reduce: func(ctx context.Context, s *core.Scope, parts []core.Partition) error {
			var said []string
			for _, part := range parts {
				ec, err := partition.ContextOf(ctx, s, part)
				if err != nil {
					return err
				}
				ran, _, err := ec.String("ran")
				if err != nil {
					return err
				}
				said = append(said, ran)
			}
			_, err := partition.ContextOf(ctx, s, core.Partition{Name: "nobody"})
			if !errors.Is(err, core.ErrNoSuchStepExecution) {
				t.Errorf("got error %v", err)
			}
			if got := b.last("load").Status; got != core.StatusStarted {
				t.Errorf("the manager is %v while it reduces", got)
			}
			s.JobContext.Put("said", strings.Join(said, " "))
			return broken
		},
	})
	je, err := b.run(step)
	wantError(t, err, errBoom, "reduce")
	if je.Context["said"] != nil {
		t.Errorf("a failed reduction left %v", je.Context)
	}
	broken = nil
	if je = b.complete(step); je.Context["said"] != "b a" {
		t.Errorf("got %v, want the parts in the order of the plan", je.Context)
	}
}
