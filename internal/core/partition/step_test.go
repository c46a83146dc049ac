package partition_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/panics"
	"github.com/batchctl/batchctl/internal/core/partition"
)

func TestStep(t *testing.T) {
	t.Parallel()
	t.Run("PART-01 rows of the manager and its parts, contexts stored before work", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		worker := tasklet(func(ctx context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			stored, err := b.store.StepExecution(ctx, s.Step.ID)
			if err != nil {
				return core.Finished, err
			}
			index, _, err := stored.Context.Int64(partition.KeyIndex)
			if fmt.Sprintf("partition%d", index) != s.Partition() || stored.Status != core.StatusStarted {
				err = errors.Join(err, fmt.Errorf("part %s finds %v, %v stored", s.Partition(), stored.Status, stored.Context))
			}
			manager := b.last("load")
			if _, planned, err := manager.Context.String(core.ContextKeyPlan); !planned || err != nil {
				return core.Finished, fmt.Errorf("there is no plan when a part starts: %w", err)
			}
			return core.Finished, err
		})
		je := b.complete(partition.Step("load", worker, partition.Count(), partition.Options{Grid: 2}))
		wantStates(t, je, "job COMPLETED/COMPLETED",
			"load COMPLETED/COMPLETED", "load:partition0 COMPLETED/COMPLETED", "load:partition1 COMPLETED/COMPLETED")
	})
	t.Run("PART-02 PART-17 one part fails, the others count", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var c called
		step := partition.Step("load", doing(&c, map[string]error{"b": errBoom}), parts("a", "b", "c"), partition.Options{Threads: 1})
		je, err := b.run(step)
		wantError(t, err, errBoom, "step load: 1 of 3 parts failed, 2 complete: part b: boom")
		wantStates(t, je, "job FAILED/FAILED", "load FAILED/FAILED",
			"load:a COMPLETED/COMPLETED", "load:b FAILED/FAILED", "load:c COMPLETED/COMPLETED")
		if got, want := b.last("load").Counts, (core.Counts{Commit: 2, Read: 4, Rollback: 1}); got != want {
			t.Errorf("the manager counts %+v, want the sum %+v", got, want)
		}
	})
	t.Run("PART-17 the manager's exit code is its status, whatever words the parts use", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		worker := tasklet(func(_ context.Context, s *core.Scope, c *core.StepContribution) (core.RepeatStatus, error) {
			c.ExitStatus.Code = "NO_DATA"
			if s.Partition() == "b" && s.Execution.ID == 1 {
				return core.Finished, core.WithExitCode("NO_SPACE", errBoom)
			}
			return core.Finished, nil
		})
		step := partition.Step("load", worker, parts("a", "b"), partition.Options{})
		je, err := b.run(step)
		wantError(t, err, errBoom, "")
		wantStates(t, je, "job FAILED/FAILED", "load FAILED/FAILED", "load:a COMPLETED/NO_DATA", "load:b FAILED/NO_SPACE")
		wantStates(t, b.complete(step), "job COMPLETED/COMPLETED", "load COMPLETED/COMPLETED", "load:b COMPLETED/NO_DATA")
	})
	t.Run("PART-16 a step without a worker, or without partitioner", func(t *testing.T) {
		t.Parallel()
		for _, step := range []*core.Step{
			partition.Step("load", nil, parts("a"), partition.Options{}),
			partition.Step("load", &core.Step{}, parts("a"), partition.Options{}),
		} {
			err := (&core.Job{Name: "nightly", Steps: []*core.Step{step}}).Check()
			wantError(t, err, core.ErrJobDefinition, `step "load": its parts have no body`)
			_, err = step.Bind(nil)
			wantError(t, err, core.ErrJobDefinition, "no body")
		}
		var c called
		for says, step := range map[string]*core.Step{
			"it has no partitioner": partition.Step("load", doing(&c, nil), nil, partition.Options{}),
			"its grid is -1":        partition.Step("load", doing(&c, nil), parts(), partition.Options{Grid: -1}),
			"its threads are -2":    partition.Step("load", doing(&c, nil), parts(), partition.Options{Threads: -2}),
		} {
			_, err := setup(t).run(step)
			wantError(t, err, core.ErrJobDefinition, says)
		}
	})
	t.Run("PART-18 no parts at all", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var c called
		reduced := 0
		je := b.complete(partition.Step("load", doing(&c, nil), parts(), partition.Options{
			Reduce: func(_ context.Context, _ *core.Scope, parts []core.Partition) error {
				reduced += 1 + len(parts)
				return nil
			},
		}))
		wantStates(t, je, "job COMPLETED/COMPLETED", "load COMPLETED/COMPLETED")
		if got := b.last("load").Counts; got != (core.Counts{}) || reduced != 1 {
			t.Errorf("counts %+v, reduced %d times", got, reduced)
		}
	})
	for name, o := range map[string]partition.Options{
		"no more than the threads say": {Grid: 7, Threads: 3}, "all of them where nothing is said": {Grid: 3},
	} {
		t.Run("the parts run at the same time, "+name, func(t *testing.T) {
			t.Parallel()
			const threads = 3
			var running, most atomic.Int64
			met := make(chan struct{})
			worker := tasklet(func(context.Context, *core.Scope, *core.StepContribution) (core.RepeatStatus, error) {
				n := running.Add(1)
				defer running.Add(-1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				if n == threads {
					select {
					case <-met:
					default:
						close(met)
					}
				}
				select {
				case <-met: // as many run as may
					return core.Finished, nil
				case <-time.After(time.Minute):
					return core.Finished, fmt.Errorf("%d parts run at once", most.Load())
				}
			})
			setup(t).complete(partition.Step("load", worker, partition.Count(), o))
			if got := most.Load(); got != threads {
				t.Errorf("%d parts ran at once, want %d", got, threads)
			}
		})
	}
	t.Run("the listener of the worker hears each part", func(t *testing.T) {
		t.Parallel()
		var before, c called
		worker := doing(&c, nil)
		worker.Listener.BeforeStep = func(_ context.Context, s *core.Scope) error {
			before.add(s.Step.StepName)
			return nil
		}
		setup(t).complete(partition.Step("load", worker, parts("a", "b"), partition.Options{}))
		if diff := cmp.Diff([]string{"load:a", "load:b"}, before.take()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("what a partitioner puts into the contexts commits with the plan", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var c called
		step := partition.Step("load", doing(&c, map[string]error{"a": errBoom}), core.PartitionerFunc(
			func(_ context.Context, s *core.Scope, _ int) ([]core.Partition, error) {
				s.Context.Put("found", int64(1))
				s.JobContext.Put("day", "monday")
				return []core.Partition{{Name: "a"}}, nil
			}), partition.Options{})
		je, err := b.run(step)
		wantError(t, err, errBoom, "")
		if b.last("load").Context["found"] != int64(1) || je.Context["day"] != "monday" {
			t.Errorf("got contexts %v and %v", b.last("load").Context, je.Context)
		}
	})
	t.Run("and is not put again at the end, over what a part has put", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		worker := tasklet(func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			if day, _ := s.JobContext.Get("day"); day != "monday" {
				return core.Finished, fmt.Errorf("the part finds %v", day)
			}
			s.JobContext.Put("day", "tuesday")
			return core.Finished, nil
		})
		je := b.complete(partition.Step("load", worker, core.PartitionerFunc(
			func(_ context.Context, s *core.Scope, _ int) ([]core.Partition, error) {
				s.JobContext.Put("day", "monday")
				return []core.Partition{{Name: "a"}}, nil
			}), partition.Options{}))
		if je.Context["day"] != "tuesday" || b.last("load").Context[core.ContextKeyPlan] == nil {
			t.Errorf("got contexts %v and %v", je.Context, b.last("load").Context)
		}
	})
	t.Run("many failures are counted, and few are told", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.run(partition.Step("load", tasklet(
			func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
				return core.Finished, errors.New("no luck in " + s.Partition())
			}), partition.Count(), partition.Options{Grid: 15}))
		if err == nil || !strings.Contains(err.Error(), "15 of 15 parts failed, 0 complete: part partition0: no luck in partition0") {
			t.Errorf("got error %v", err)
		}
		if got := strings.Count(je.ExitStatus.Message, "no luck in"); got != 10 {
			t.Errorf("%d causes in the exit message:\n%s", got, je.ExitStatus.Message)
		}
	})
}

func TestPlanIsChecked(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", core.MaxName-len("load:"))
	for _, tt := range []struct {
		name  string
		parts []core.Partition
		says  string // "": accepted
	}{
		{"default names", []core.Partition{{}, {}}, ""},
		{"as long as it may be", []core.Partition{{Name: long}}, ""},
		{"one character too long", []core.Partition{{Name: long + "x"}}, "which has 101 characters; 100 are allowed"},
		{"too long in UTF-16", []core.Partition{{Name: long[:len(long)-1] + "😀"}}, "which has 101 characters"},
		{"twice", []core.Partition{{Name: "a"}, {Name: "b"}, {Name: "a"}}, `part "a": there are two of that name`},
		{"twice by default", []core.Partition{{Name: "partition1"}, {}}, `part "partition1": there are two of that name`},
		{"the separator", []core.Partition{{Name: "a:b"}}, `part "a:b": the name must not contain ":"`},
		{"a control character", []core.Partition{{Name: "a\n"}}, `part "a\n": the name must not contain control characters`},
		{"not UTF-8", []core.Partition{{Name: "a\xff"}}, "not valid UTF-8"},
		{"a value that is no scalar", []core.Partition{{Name: "a", Context: core.ExecutionContext{"k": 1}}}, `part "a": context key "k" holds a int`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			var c called
			je, err := b.run(partition.Step("load", doing(&c, nil), core.PartitionerFunc(
				func(context.Context, *core.Scope, int) ([]core.Partition, error) { return tt.parts, nil }), partition.Options{}))
			if tt.says == "" {
				if err != nil || len(je.Steps) != 1+len(tt.parts) {
					t.Errorf("got %v, %v", states(je), err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got error %v, want one that says %q", err, tt.says)
			}
			if core.Hint(err) == "" || len(je.Steps) != 1 {
				t.Errorf("hint %q, rows %v", core.Hint(err), states(je))
			}
		})
	}
	t.Run("a partitioner that fails or panics fails the step, and is asked again", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var c called
		asked := 0
		p := core.PartitionerFunc(func(context.Context, *core.Scope, int) ([]core.Partition, error) {
			switch asked++; asked {
			case 1:
				return nil, errBoom
			case 2:
				panic("no idea")
			}
			return []core.Partition{{Name: "a"}}, nil
		})
		step := partition.Step("load", doing(&c, nil), p, partition.Options{})
		_, err := b.run(step)
		wantError(t, err, errBoom, "split the step into parts")
		_, err = b.run(step)
		if _, ok := errors.AsType[*panics.Error](err); !ok {
			t.Errorf("got error %v, want a panic", err)
		}
		wantStates(t, b.complete(step), "job COMPLETED/COMPLETED", "load COMPLETED/COMPLETED", "load:a COMPLETED/COMPLETED")
	})
}

func TestBeyondARestart(t *testing.T) {
	t.Parallel()
	refused := &core.Error{Kind: core.ErrCheckpointMismatch, Msg: "in.csv was altered", Hint: "put it back"}
	t.Run("a manager whose parts were only refused is refused", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var c called
		je, err := b.run(partition.Step("load", doing(&c, map[string]error{"b": refused}), parts("a", "b"), partition.Options{}))
		wantError(t, err, core.ErrCheckpointMismatch, "1 of 2 parts failed, 1 complete: part b: in.csv was altered")
		if got := core.Hint(err); got != "put it back" {
			t.Errorf("got hint %q", got)
		}
		wantStates(t, je, "job FAILED/REFUSED", "load FAILED/REFUSED", "load:a COMPLETED/COMPLETED", "load:b FAILED/REFUSED")
	})
	t.Run("one that a restart helps is not", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var c called
		je, err := b.run(partition.Step("load", doing(&c, map[string]error{"a": refused, "b": errBoom}), parts("a", "b"), partition.Options{}))
		wantError(t, err, errBoom, "2 of 2 parts failed, 1 of them beyond a restart, 0 complete: part b: boom")
		if errors.Is(err, core.ErrCheckpointMismatch) {
			t.Errorf("error %v says that a restart does not help", err)
		}
		wantStates(t, je, "job FAILED/FAILED", "load FAILED/FAILED", "load:a FAILED/REFUSED", "load:b FAILED/FAILED")
		// The restart that only meets the refused one says so.
		je, err = b.run(partition.Step("load", doing(&c, map[string]error{"a": refused}), never(t), partition.Options{}))
		wantError(t, err, core.ErrCheckpointMismatch, "1 of 2 parts failed, 1 complete")
		wantStates(t, je, "job FAILED/REFUSED", "load FAILED/REFUSED", "load:a FAILED/REFUSED", "load:b COMPLETED/COMPLETED")
	})
	t.Run("PART-15 a part that cannot be started fails, the others run", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var c called
		worker := doing(&c, map[string]error{"a": errBoom, "c": errBoom})
		worker.StartLimit = 1
		_, err := b.run(partition.Step("load", worker, parts("a", "b", "c"), partition.Options{}))
		wantError(t, err, errBoom, "")
		b.exec("DELETE FROM BATCH_STEP_EXECUTION_CONTEXT WHERE STEP_EXECUTION_ID = (SELECT STEP_EXECUTION_ID FROM BATCH_STEP_EXECUTION WHERE STEP_NAME = 'load:c')")
		b.exec("DELETE FROM BATCH_STEP_EXECUTION WHERE STEP_NAME = 'load:c'")
		c.take()
		healthy := doing(&c, nil)
		healthy.StartLimit = 1
		je, err := b.run(partition.Step("load", healthy, never(t), partition.Options{}))
		wantError(t, err, core.ErrStartLimitExceeded, "1 of 3 parts failed, 2 complete: part a: maximum start limit exceeded")
		wantStates(t, je, "job FAILED/FAILED", "load FAILED/FAILED", "load:c COMPLETED/COMPLETED")
	})
	t.Run("a panic outside of the part fails the part", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.steps = panicking{}
		var c called
		je, err := b.run(partition.Step("load", doing(&c, nil), parts("a", "b"), partition.Options{}))
		if err == nil || !strings.Contains(err.Error(), "1 of 2 parts failed, 1 complete: part a: panic in the start or end of the part: out of luck") {
			t.Errorf("got error %v", err)
		}
		wantStates(t, je, "job FAILED/FAILED", "load FAILED/FAILED", "load:b COMPLETED/COMPLETED")
	})
}

// panicking is a runner of steps that panics outside of them.
type panicking struct{ engine.Steps }

func (p panicking) RunStep(
	ctx context.Context, r *core.Run, step *core.Step, initial core.ExecutionContext,
) (*core.StepExecution, bool, error) {
	if step.Name == "load:a" {
		panic("out of luck")
	}
	return p.Steps.RunStep(ctx, r, step, initial)
}
