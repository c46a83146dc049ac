package partition_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/core/partition"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// isChunk selects the second commit of a part.
func isChunk(name string) func(se *core.StepExecution) bool {
	return func(se *core.StepExecution) bool { return se.StepName == name && se.Counts.Commit == 2 }
}

// refusing is a writer that cannot write these numbers.
type refusing []int64

func (w refusing) Write(_ context.Context, c *core.Chunk[int64]) error {
	for _, n := range c.Items {
		if slices.Contains(w, n) {
			return core.Classified(core.ClassWriteData, errBoom)
		}
	}
	return nil
}

// The parts run in the process of their manager. What holds for workers elsewhere
// holds for them.
func TestPartsAreLocal(t *testing.T) {
	t.Parallel()
	t.Run("PART-05 what a job says of its parts stands beside the sum", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var c called
		step := partition.Step("load", doing(&c, nil), parts("a", "b"), partition.Options{
			Reduce: func(ctx context.Context, s *core.Scope, parts []core.Partition) error {
				names := ""
				for _, part := range parts {
					ec, err := partition.ContextOf(ctx, s, part)
					if err != nil {
						return err
					}
					ran, _, err := ec.String("ran")
					if err != nil {
						return err
					}
					names += ran
				}
				s.Context.Put("all", names)
				return nil
			},
		})
		step.Listener.AfterStep = func(_ context.Context, s *core.Scope, _ core.StepExecution) (core.ExitStatus, error) {
			return core.ExitStatus{Code: "FROM " + s.Context["all"].(string)}, nil
		}
		wantStates(t, b.complete(step), "job COMPLETED/FROM ab", "load COMPLETED/FROM ab", "load:a COMPLETED/COMPLETED", "load:b COMPLETED/COMPLETED")
		if got, want := b.last("load").Counts, (core.Counts{Commit: 2, Read: 4}); got != want {
			t.Errorf("the manager counts %+v, want the sum %+v", got, want)
		}
	})
	for name, durable := range map[string]bool{"undone": false, "there in spite of its error": true} {
		t.Run("PART-19 the sum is that of what the parts have stored, also when a commit is "+name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.repo.wrap = func(tx core.Tx) core.Tx {
				return &breaking{Tx: tx, broken: isChunk("load:partition1"), durable: durable}
			}
			_, err := b.run(partition.Step("load", moving(nil, discard), partition.FixedRange(1, 27), partition.Options{Grid: 3}))
			wantError(t, err, errDisk, "1 of 3 parts failed, 2 complete")
			got := counts(b, "load")
			if diff := cmp.Diff(counts(b, "load:%"), got); diff != "" {
				t.Errorf("the manager (-sum of the parts +got):\n%s", diff)
			}
			want := int64(9 + 3 + 9)
			if durable {
				want += 3
			}
			if got.Write != want {
				t.Errorf("%d are written, want %d", got.Write, want)
			}
		})
	}
	t.Run("PART-22 the manager waits until none is running", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		recorded := make(chan struct{})
		worker := tasklet(func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			if s.Partition() == "a" {
				return core.Finished, errBoom
			}
			<-recorded
			if got := b.last("load").Status; got != core.StatusStarted {
				return core.Finished, fmt.Errorf("the manager is %v", got)
			}
			return core.Finished, nil
		})
		worker.Listener.AfterStep = func(_ context.Context, s *core.Scope, _ core.StepExecution) (core.ExitStatus, error) {
			if s.Partition() == "a" {
				close(recorded)
			}
			return core.ExitStatus{}, nil
		}
		je, err := b.run(partition.Step("load", worker, parts("a", "b"), partition.Options{Threads: 2}))
		wantError(t, err, errBoom, "1 of 2 parts failed, 1 complete: part a: boom")
		wantStates(t, je, "job FAILED/FAILED", "load FAILED/FAILED", "load:a FAILED/FAILED", "load:b COMPLETED/COMPLETED")
		for _, part := range []string{"load:a", "load:b"} {
			if end := b.last(part).EndTime; !end.Before(b.last("load").EndTime) {
				t.Errorf("the manager ended at %v, and %s at %v", b.last("load").EndTime, part, end)
			}
		}
	})
	t.Run("PART-22 and so it does when its time is over", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		running, over := make(chan struct{}), make(chan struct{})
		worker := tasklet(func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			if s.Partition() == "a" {
				<-running
				s.Stop.Request(core.ErrTimeout)
				close(over)
				return core.Continuable, nil
			}
			close(running)
			<-over
			return core.Finished, nil // its work is done, and counts
		})
		je, err := b.run(partition.Step("load", worker, parts("a", "b", "c"), partition.Options{Threads: 2}))
		wantError(t, err, core.ErrTimeout, "not all of 3 parts ran to their end, 1 complete, 1 stopped, 1 not started")
		wantStates(t, je, "job STOPPED/STOPPED", "load STOPPED/STOPPED", "load:a STOPPED/STOPPED", "load:b COMPLETED/COMPLETED")
	})
	t.Run("PART-23 every part is run once, also when the job is started again meanwhile", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		const many = 40
		another, err := sqlite.Open(t.Context(), b.path, sqlite.Options{Now: b.now})
		if err != nil {
			t.Fatal(err)
		}
		defer another.Close()
		var c called
		worker := doing(&c, nil)
		worker.Listener.BeforeStep = func(ctx context.Context, _ *core.Scope) error {
			_, err := another.CreateJobExecution(ctx, core.Launch{JobName: "nightly"})
			if !errors.Is(err, core.ErrJobExecutionAlreadyRunning) {
				return fmt.Errorf("the second start: %w", errors.Join(err, errBoom))
			}
			return nil
		}
		je := b.complete(partition.Step("load", worker, partition.Count(), partition.Options{Grid: many, Threads: 8}))
		ran := c.take()
		if got := len(slices.Compact(slices.Clone(ran))); got != many || len(ran) != many || len(je.Steps) != 1+many {
			t.Errorf("%d of %d parts ran, %d times, with %d rows", got, many, len(ran), len(je.Steps)-1)
		}
	})
	t.Run("PART-25 parts that the job does not know any more, and one that nobody knows", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var c called
		broken := partition.Options{Reduce: func(ctx context.Context, s *core.Scope, _ []core.Partition) error {
			_, err := partition.ContextOf(ctx, s, core.Partition{Name: "c"})
			return err
		}}
		_, err := b.run(partition.Step("load", doing(&c, nil), parts("a", "b"), broken))
		wantError(t, err, core.ErrNoSuchStepExecution, "load:c")
		c.take()
		whole := doing(&c, nil)
		whole.Name = "load"
		je, err := b.run(whole)
		wantError(t, err, core.ErrJobRestart, "load")
		if core.Hint(err) == "" || len(c.take()) > 0 {
			t.Errorf("hint %q; rows %v", core.Hint(err), states(je))
		}
		b.complete(partition.Step("load", doing(&c, nil), never(t), partition.Options{}))
	})
	t.Run("PART-26 a chunk that fails ends its part, and the counts of all chunks are added up", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		skip := core.LimitSkipPolicy{ErrorClasses: core.ErrorClasses{Include: []string{core.ClassWriteData}}, Max: 1}
		worker := chunk.Step("worker", func(s *core.Scope) (core.StepBody, error) {
			r, err := newNumbers(s, nil)
			return chunk.New(r, chunk.PassThrough[int64](), refusing{2, 15, 17}, chunk.Options{Size: 3, Skip: skip}), err
		})
		je, err := b.run(partition.Step("load", worker, partition.FixedRange(1, 18), partition.Options{Grid: 2}))
		wantError(t, err, core.ErrSkipLimitExceeded, "1 of 2 parts failed, 1 complete: part partition1: ")
		wantStates(t, je, "job FAILED/FAILED", "load FAILED/FAILED", "load:partition0 COMPLETED/COMPLETED", "load:partition1 FAILED/FAILED")
		// 1 to 9 without 2, which fails with its chunk and alone; 10 to 15 without
		// 15, likewise; and the chunk of 17, which is undone at the end as well.
		want := core.Counts{Read: 9 + 6, Write: 8 + 5, Commit: 3 + 2, WriteSkip: 2, Rollback: 2 + 2 + 2}
		got := b.last("load").Counts
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(counts(b, "load:%"), got); diff != "" {
			t.Errorf("the manager (-sum of the parts +got):\n%s", diff)
		}
	})
	t.Run("PART-27 of processors that fail at the same time the first item's error ends the part", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		failed := make(chan struct{})
		process := func(_ context.Context, n int64) (int64, bool, error) {
			switch n {
			case 5: // fails when a later item has failed
				select {
				case <-failed:
					return 0, false, fmt.Errorf("five: %w", errBoom)
				case <-time.After(time.Minute):
					return 0, false, errors.New("six has not failed")
				}
			case 6:
				close(failed)
				return 0, false, errors.New("six")
			}
			return n, true, nil
		}
		worker := chunk.Step("worker", func(s *core.Scope) (core.StepBody, error) {
			r, err := newNumbers(s, nil)
			return chunk.New(r, core.ProcessorFunc[int64, int64](process), discarding{}, chunk.Options{Size: 4, Threads: 4}), err
		})
		je, err := b.run(partition.Step("load", worker, partition.FixedRange(1, 8), partition.Options{Grid: 1}))
		wantError(t, err, errBoom, "part partition0: ")
		if strings.Contains(err.Error(), "six") {
			t.Errorf("got error %v", err)
		}
		wantStates(t, je, "job FAILED/FAILED", "load FAILED/FAILED", "load:partition0 FAILED/FAILED")
		if got := b.last("load").Counts.Write; got != 4 {
			t.Errorf("%d are written, want the first chunk", got)
		}
	})
}
