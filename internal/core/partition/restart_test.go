package partition_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/partition"
)

func TestRestart(t *testing.T) {
	t.Parallel()
	t.Run("PART-04 PART-11 PART-13 only the failed parts run again, from their last contexts", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var c called
		worker := func(fail bool) *core.Step {
			return tasklet(func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
				c.add(s.Partition())
				n, _, err := s.Context.Int64("n")
				if err != nil {
					return core.Finished, err
				}
				s.Context.Put("n", n+1)
				switch {
				case s.Partition() == "a" || n == 2:
					return core.Finished, nil
				case n == 1 && fail:
					return core.Finished, errBoom
				}
				return core.Continuable, nil
			})
		}
		_, err := b.run(partition.Step("load", worker(true), parts("a", "b", "c"), partition.Options{}))
		wantError(t, err, errBoom, "2 of 3 parts failed")
		c.take()
		je := b.complete(partition.Step("load", worker(false), never(t), partition.Options{}))
		wantStates(t, je, "job COMPLETED/COMPLETED", "load COMPLETED/COMPLETED", "load:b COMPLETED/COMPLETED", "load:c COMPLETED/COMPLETED")
		if diff := cmp.Diff([]string{"b", "b", "c", "c"}, c.take()); diff != "" {
			t.Errorf("calls of the restart, which go on at n = 1 (-want +got):\n%s", diff)
		}
		if got := b.last("load").Counts.Commit; got != 4 {
			t.Errorf("the manager counts %d commits, want those of this attempt", got)
		}
	})
	t.Run("PART-06 PART-07 names, values and grid of the first run are kept", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		odd := core.ExecutionContext{
			"min": int64(math.MinInt64), "max": int64(math.MaxInt64), "one": 1.0, "tenth": 0.1, "tiny": math.SmallestNonzeroFloat64,
			"huge": math.MaxFloat64, "zero": math.Copysign(0, -1), "true": true, "text": "<&>\u2028\x00 ü 😀 1.5", "": "",
		}
		p := core.PartitionerFunc(func(_ context.Context, _ *core.Scope, grid int) ([]core.Partition, error) {
			all := make([]core.Partition, grid)
			for i := range all {
				all[i].Context = odd
			}
			return all, nil
		})
		stopping := core.PartitionerFunc(func(ctx context.Context, s *core.Scope, grid int) ([]core.Partition, error) {
			s.Stop.Request(core.ErrStopped) // so that no part starts
			return p(ctx, s, grid)
		})
		je, err := b.run(partition.Step("load", tasklet(nil), stopping, partition.Options{Grid: 3}))
		wantError(t, err, core.ErrStopped, "not all of 3 parts ran to their end, 0 complete, 3 not started")
		wantStates(t, je, "job STOPPED/STOPPED", "load STOPPED/STOPPED")

		b.stop = core.NewStop()
		worker := tasklet(func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			got := s.Context.Clone()
			for _, own := range []string{core.ContextKeyVersion, core.ContextKeyLineage} {
				delete(got, own)
			}
			if diff := cmp.Diff(odd, got); diff != "" || math.Signbit(got["zero"].(float64)) != true {
				return core.Finished, fmt.Errorf("values (-want +got):\n%s", diff)
			}
			return core.Finished, nil
		})
		je = b.complete(partition.Step("load", worker, never(t), partition.Options{Grid: 7}))
		if got := len(je.Steps); got != 1+3 {
			t.Errorf("%d rows, want the manager and its 3 parts", got)
		}
	})
	t.Run("PART-21 all parts were complete", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var c called
		reduce := partition.Options{Reduce: func(context.Context, *core.Scope, []core.Partition) error { return errBoom }}
		_, err := b.run(partition.Step("load", doing(&c, nil), parts("a", "b"), reduce))
		wantError(t, err, errBoom, "step load: reduce what the parts have made: boom")
		if got := b.last("load").Counts; got != (core.Counts{Commit: 2, Read: 4}) {
			t.Errorf("got counts %+v", got)
		}
		je := b.complete(partition.Step("load", doing(&c, nil), never(t), partition.Options{}))
		wantStates(t, je, "job COMPLETED/COMPLETED", "load COMPLETED/COMPLETED")
		if got := b.last("load").Counts; got != (core.Counts{}) {
			t.Errorf("got counts %+v, want none", got)
		}
	})
	t.Run("PART-12 a complete step that may start again runs every part, by a new plan", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var c called
		again := func(fail map[string]error, p core.Partitioner) *core.Step {
			step := partition.Step("load", doing(&c, fail), p, partition.Options{})
			step.AllowStartIfComplete = true
			return step
		}
		_, err := b.run(again(nil, parts("a", "b")), failing())
		wantError(t, err, errBoom, "")
		c.take()
		_, err = b.run(again(map[string]error{"c": errBoom}, parts("b", "c")))
		wantError(t, err, errBoom, "1 of 2 parts failed, 1 complete")
		if diff := cmp.Diff([]string{"b", "c"}, c.take()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if b.last("load:b").Context[core.ContextKeyReplaces] == nil {
			t.Error("the second life of part b does not say what it replaces")
		}
		// After that failure only what failed, although the parts could.
		b.complete(again(nil, never(t)))
		if diff := cmp.Diff([]string{"c"}, c.take()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("PART-14 the step runs twice in one execution", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var c called
		b.body = twice{}
		je := b.complete(partition.Step("load", doing(&c, nil), parts("a", "b"), partition.Options{}))
		if diff := cmp.Diff([]string{"a", "a", "b", "b"}, c.take()); diff != "" || len(je.Steps) != 6 {
			t.Errorf("%d rows; calls (-want +got):\n%s", len(je.Steps), diff)
		}
	})
	t.Run("PART-14 and so do its parts, afresh, when one of them failed the first time", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.body = persistent{}
		var c called
		lives := 0
		step := partition.Step("load", tasklet(func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			c.add(s.Partition() + " of " + s.Context["life"].(string))
			if s.Partition() == "b" && lives == 1 {
				return core.Finished, errBoom
			}
			return core.Finished, nil
		}), core.PartitionerFunc(func(context.Context, *core.Scope, int) ([]core.Partition, error) {
			lives++
			life := core.ExecutionContext{"life": fmt.Sprint(lives)}
			return []core.Partition{{Name: "a", Context: life}, {Name: "b", Context: life}}, nil
		}), partition.Options{})
		b.complete(step)
		if diff := cmp.Diff([]string{"a of 1", "a of 2", "b of 1", "b of 2"}, c.take()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("PART-09 what a dead process left running is recovered and goes on", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var c called
		step := partition.Step("load", doing(&c, map[string]error{"b": errBoom}), parts("a", "b"), partition.Options{})
		_, err := b.run(step)
		wantError(t, err, errBoom, "")
		r := b.launch(&core.Job{Name: "nightly", Steps: []*core.Step{step}})
		if err := b.store.Close(); err != nil { // as the end of the process does
			t.Fatal(err)
		}
		b.open()
		b.exec("UPDATE BATCH_JOB_EXECUTION SET STATUS = 'STARTED' WHERE JOB_EXECUTION_ID = ?", r.Execution.ID)
		b.exec("UPDATE BATCH_STEP_EXECUTION SET STATUS = 'STARTED', END_TIME = NULL, JOB_EXECUTION_ID = ? WHERE STEP_NAME = 'load:b'", r.Execution.ID)
		c.take()
		b.complete(partition.Step("load", doing(&c, nil), never(t), partition.Options{}))
		if diff := cmp.Diff([]string{"b"}, c.take()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// twice is the body of a job that runs its step twice.
type twice struct{}

func (twice) Execute(ctx context.Context, r *core.Run) (core.BatchStatus, core.ExitStatus, error) {
	for range 2 {
		se, ran, err := r.Steps.RunStep(ctx, r, r.Job.Steps[0], nil)
		if err != nil || !ran || se.Failure != nil {
			return core.StatusFailed, core.ExitStatus{}, errors.Join(err, se.Failure)
		}
	}
	return core.StatusCompleted, core.ExitStatus{}, nil
}

// persistent is the body of a job that runs its step once more when it fails.
type persistent struct{}

func (persistent) Execute(ctx context.Context, r *core.Run) (core.BatchStatus, core.ExitStatus, error) {
	for range 2 {
		se, _, err := r.Steps.RunStep(ctx, r, r.Job.Steps[0], nil)
		if err != nil || se.Failure == nil {
			return core.StatusCompleted, core.ExitStatus{}, err
		}
	}
	return core.StatusFailed, core.ExitStatus{}, errBoom
}

func TestRestartIsRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, change, says string }{
		{"PART-08 UNKNOWN", "UPDATE BATCH_STEP_EXECUTION SET STATUS = 'UNKNOWN' WHERE STEP_NAME = 'load:b'", `part "b" is UNKNOWN in step execution 3`},
		{"PART-10 ABANDONED", "UPDATE BATCH_STEP_EXECUTION SET STATUS = 'ABANDONED' WHERE STEP_NAME = 'load:b'", `part "b" is ABANDONED in step execution 3`},
		{"PART-08 a status of another program", "UPDATE BATCH_STEP_EXECUTION SET STATUS = 'PAUSED' WHERE STEP_NAME = 'load:b'", `part "b" is "PAUSED" in step execution 3`},
		{"the plan cannot be read", `UPDATE BATCH_STEP_EXECUTION_CONTEXT SET SERIALIZED_CONTEXT = NULL, SHORT_CONTEXT = '{"batchctl.plan":"{}"}'
			WHERE STEP_EXECUTION_ID = 1`, "the plan of the parts that the step has left cannot be read"},
		{"there is more behind the plan", `UPDATE BATCH_STEP_EXECUTION_CONTEXT
			SET SERIALIZED_CONTEXT = NULL, SHORT_CONTEXT = '{"batchctl.plan":"{\"since\":1,\"parts\":[]} {}"}'
			WHERE STEP_EXECUTION_ID = 1`, "there is more behind its end"},
		{"the step was not partitioned when it was started", `UPDATE BATCH_STEP_EXECUTION_CONTEXT
			SET SERIALIZED_CONTEXT = NULL, SHORT_CONTEXT = '{"batchctl.chunk":["java.lang.Long",7]}'
			WHERE STEP_EXECUTION_ID = 1`, "has committed 7 chunks since"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			var c called
			fail := map[string]error{"a": errBoom, "b": errBoom}
			_, err := b.run(partition.Step("load", doing(&c, fail), parts("a", "b"), partition.Options{Threads: 1}))
			wantError(t, err, errBoom, "")
			c.take()
			step := partition.Step("load", doing(&c, nil), never(t), partition.Options{})
			r := b.launch(&core.Job{Name: "nightly", Steps: []*core.Step{step}})
			b.exec(tt.change) // the launch itself refuses some of them already
			err = runAndRelease(b, r)
			je, readErr := b.store.JobExecution(t.Context(), r.Execution.ID)
			if readErr != nil {
				t.Fatal(readErr)
			}
			wantError(t, err, core.ErrJobRestart, tt.says)
			if core.Hint(err) == "" {
				t.Error("there is no hint")
			}
			wantStates(t, je, "job FAILED/FAILED", "load FAILED/FAILED")
			if got := c.take(); len(got) > 0 {
				t.Errorf("%v ran", got)
			}
		})
	}
}

// reviewing is a Reviewer that warns of what is left, and must not be asked for
// parts twice.
type reviewing struct {
	core.Partitioner
	asked []string
}

func (r *reviewing) Review(_ context.Context, _ *core.Scope, plan, todo []core.Partition) (string, error) {
	r.asked = append(r.asked, fmt.Sprintf("%d of %d", len(todo), len(plan)))
	return "left is " + todo[0].Name, nil
}

// A Reviewer is asked about the plan of an earlier attempt, and not about its own.
func TestReview(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var c called
	r := &reviewing{Partitioner: parts("a", "b", "c")}
	_, err := b.run(partition.Step("load", doing(&c, map[string]error{"b": errBoom}), r, partition.Options{}))
	wantError(t, err, errBoom, "")
	if len(r.asked) > 0 {
		t.Errorf("asked about its own plan: %v", r.asked)
	}
	r.Partitioner = never(t)
	b.complete(partition.Step("load", doing(&c, nil), r, partition.Options{}))
	if got := b.last("load").ExitStatus.Message; got != "left is b" || !slices.Equal(r.asked, []string{"1 of 3"}) {
		t.Errorf("asked about %v, and said %q", r.asked, got)
	}
}

// A part that an earlier plan has left unfinished, which only another program can
// do, does not go on with the values of the new one.
func TestUnfinishedPartOfAnEarlierPlan(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var c called
	step := partition.Step("load", doing(&c, nil), parts("a", "b"), partition.Options{Threads: 1})
	step.AllowStartIfComplete = true
	_, err := b.run(step, failing())
	wantError(t, err, errBoom, "")
	c.take()
	b.exec("UPDATE BATCH_STEP_EXECUTION SET STATUS = 'STOPPED' WHERE STEP_NAME = 'load:b'")
	_, err = b.run(step, failing())
	wantError(t, err, core.ErrJobRestart, `part "b" is STOPPED in step execution 3; no part was started`)
	if got := c.take(); len(got) > 0 {
		t.Errorf("%v ran", got)
	}
}

// failing is a step that fails.
func failing() *core.Step {
	step := tasklet(func(context.Context, *core.Scope, *core.StepContribution) (core.RepeatStatus, error) {
		return core.Finished, errBoom
	})
	step.Name = "broken"
	return step
}

// idle is a runner that runs the manager and pretends to run its parts.
type idle struct{ engine.Steps }

func (i idle) RunStep(
	ctx context.Context, r *core.Run, step *core.Step, initial core.ExecutionContext,
) (*core.StepExecution, bool, error) {
	if strings.Contains(step.Name, ":") {
		return &core.StepExecution{StepName: step.Name, Status: core.StatusCompleted, Counts: core.Counts{Read: 3}}, true, nil
	}
	return i.Steps.RunStep(ctx, r, step, initial)
}

func TestSplitIsCheap(t *testing.T) {
	t.Parallel()
	t.Run("PART-31 10,000 parts are split with one query and one write", func(t *testing.T) {
		t.Parallel()
		const many = 10_000
		b := setup(t)
		b.steps = idle{}
		step := partition.Step("load", tasklet(nil), partition.Count(), partition.Options{Grid: many, Threads: 4})
		b.complete(step)
		if got := b.last("load").Counts.Read; got != 3*many {
			t.Errorf("the manager counts %d, want those of all parts", got)
		}
		// start of the manager, plan, its end, end of the job
		if q, l, w := b.repo.partitions.Load(), b.repo.lasts.Load(), b.repo.begins.Load(); q != 1 || l != 1 || w != 4 {
			t.Errorf("%d queries for parts, %d for the manager, %d write transactions; want 1, 1, 4", q, l, w)
		}
	})
	t.Run("PART-31 and so is a restart with 10,000 rows", func(t *testing.T) {
		t.Parallel()
		const many = 10_000
		b := setup(t)
		var c called
		step := partition.Step("load", doing(&c, nil), partition.Count(), partition.Options{Grid: many})
		stopping := core.PartitionerFunc(func(ctx context.Context, s *core.Scope, grid int) ([]core.Partition, error) {
			s.Stop.Request(core.ErrStopped)
			return partition.Count().Partition(ctx, s, grid)
		})
		_, err := b.run(partition.Step("load", doing(&c, nil), stopping, partition.Options{Grid: many}))
		wantError(t, err, core.ErrStopped, "10000 not started")
		if got := b.repo.lasts.Load(); got != 1 {
			t.Errorf("%d queries for steps before the stop; want that for the manager", got)
		}
		b.exec(`
			WITH RECURSIVE N (I) AS (SELECT 0 UNION ALL SELECT I + 1 FROM N WHERE I < 9999)
			INSERT INTO BATCH_STEP_EXECUTION (STEP_EXECUTION_ID, VERSION, STEP_NAME, JOB_EXECUTION_ID, START_TIME, STATUS)
			SELECT 100 + I, 0, 'load:partition' || I, 1, 0, CASE I WHEN 4711 THEN 'FAILED' ELSE 'COMPLETED' END FROM N`)
		b.exec("INSERT INTO BATCH_STEP_EXECUTION_CONTEXT (STEP_EXECUTION_ID, SHORT_CONTEXT) VALUES (4811, '{}')")
		b.stop = core.NewStop()
		b.repo.partitions.Store(0)
		b.repo.lasts.Store(0)
		b.complete(step)
		if diff := cmp.Diff([]string{"partition4711"}, c.take()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if q, l := b.repo.partitions.Load(), b.repo.lasts.Load(); q != 1 || l != 2 {
			t.Errorf("%d queries for all parts, %d for steps; want 1, and one each for the manager and the part", q, l)
		}
	})
}
