package engine_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
)

// isStepEnd selects the transaction that writes the end of a step alone.
func isStepEnd(tx *transaction) bool {
	return tx.job == nil && len(tx.updated) == 1 && !tx.updated[0].EndTime.IsZero()
}

func isJobEnd(tx *transaction) bool { return tx.job != nil && !tx.job.EndTime.IsZero() }

func isStart(tx *transaction) bool { return tx.created != nil }

// breaking breaks the first n commits that are selected.
func breaking(n int, how breakage, selected func(*transaction) bool) func(*transaction) breakage {
	return func(tx *transaction) breakage {
		if n == 0 || !selected(tx) {
			return sound
		}
		n--
		return how
	}
}

const always = 1 << 30

func TestBrokenCommits(t *testing.T) {
	t.Parallel()
	isCall := func(tx *transaction) bool { return len(tx.updated) == 1 && tx.updated[0].EndTime.IsZero() }
	for _, tt := range []struct {
		name   string
		broken func(*transaction) breakage
		step   *core.Step
		want   string
		counts core.Counts
	}{
		{
			"STEP-20 a call's commit is undone", breaking(1, undone, isCall), tasklet("a", calls(2)),
			"FAILED/FAILED: a FAILED/FAILED",
			core.Counts{Rollback: 1},
		},
		{
			"STEP-19 a call's commit is undone and so is the end", breaking(2, undone, func(tx *transaction) bool { return isCall(tx) || isStepEnd(tx) }), tasklet("a", calls(2)),
			"FAILED/FAILED: a FAILED/FAILED",
			core.Counts{Rollback: 1},
		},
		{
			"STEP-18 a call's commit is undone, and its rollback fails", breaking(1, stuck, isCall), tasklet("a", calls(2)),
			"FAILED/FAILED: a FAILED/FAILED",
			core.Counts{Rollback: 1},
		},
		{
			"a call's commit is durable in spite of its error", breaking(1, ambiguous, isCall), tasklet("a", calls(2)),
			"FAILED/FAILED: a FAILED/FAILED",
			core.Counts{Commit: 1},
		},
		{
			"a finishing call's commit is undone", breaking(1, undone, isStepEnd), nothing("a"),
			"FAILED/FAILED: a FAILED/FAILED",
			core.Counts{Rollback: 1},
		},
		{
			"a finishing call's commit is durable in spite of its error", breaking(1, ambiguous, isStepEnd), nothing("a"),
			"FAILED/FAILED: a FAILED/FAILED",
			core.Counts{Commit: 1},
		},
		{
			"EXE-12 STEP-15 STEP-16 the end of a step, row and context, cannot be written alone", breaking(always, undone, isStepEnd), bodyStep("a", chunks(2)),
			"FAILED/FAILED: a FAILED/FAILED",
			core.Counts{Commit: 2},
		},
		{
			"EXE-12 the end of a COMPLETED step is durable in spite of its error", breaking(1, ambiguous, isStepEnd), bodyStep("a", chunks(2)),
			"FAILED/FAILED: a FAILED/FAILED",
			core.Counts{Commit: 2},
		},
		{
			"EXE-12 the end of a tasklet cannot be written alone", breaking(always, undone, isStepEnd), nothing("a"),
			"FAILED/FAILED: a FAILED/FAILED",
			core.Counts{Rollback: 1},
		},
		{
			"the end of the job needs a second try", breaking(1, undone, isJobEnd), nothing("a"),
			"COMPLETED/COMPLETED: a COMPLETED/COMPLETED",
			core.Counts{Commit: 1},
		},
		{
			"the end of the job is durable in spite of its error", breaking(1, ambiguous, isJobEnd), nothing("a"),
			"COMPLETED/COMPLETED: a COMPLETED/COMPLETED",
			core.Counts{Commit: 1},
		},
		{
			"the start of a step is durable in spite of its error", breaking(1, ambiguous, isStart), nothing("a"),
			"FAILED/FAILED: a FAILED/FAILED",
			core.Counts{},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.repo.breakCommits(tt.broken)
			je, err := b.run(job(tt.step))
			if je.Status == core.StatusFailed {
				wantError(t, err, errDisk)
				if !strings.Contains(je.ExitStatus.Message, errDisk.Error()) {
					t.Errorf("got exit message %q, want one with %q", je.ExitStatus.Message, errDisk)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			wantStates(t, je, tt.want)
			if got := je.Steps[0].Counts; got != tt.counts {
				t.Errorf("got counts %+v, want %+v", got, tt.counts)
			}
			if je.Status == core.StatusFailed {
				b.repo.breakCommits(nil)
				if _, err := b.run(job(nothing("a"))); err != nil {
					t.Errorf("the restart failed: %v", err)
				}
			}
		})
	}
	t.Run("the start of a step is undone", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.repo.breakCommits(breaking(always, undone, isStart))
		je, err := b.run(job(nothing("a")))
		wantError(t, err, errDisk)
		wantStates(t, je, "FAILED/FAILED:")
	})
	t.Run("the start of a second step is durable in spite of its error", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.repo.breakCommits(breaking(1, ambiguous, func(tx *transaction) bool { return isStart(tx) && tx.created.StepName == "b" }))
		je, err := b.run(job(nothing("a"), nothing("b")))
		wantError(t, err, errDisk)
		wantStates(t, je, "FAILED/FAILED: a COMPLETED/COMPLETED b FAILED/FAILED")
	})
	t.Run("a commit that is durable in spite of its error is where a restart goes on", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.repo.breakCommits(breaking(1, ambiguous, isCall))
		step := tasklet("a", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			n, _, err := s.Context.Int64("n")
			s.Context.Put("n", n+1)
			s.JobContext.Put("n", n+1)
			if n < 2 {
				return core.Continuable, err
			}
			return core.Finished, err
		})
		_, err := b.run(job(step))
		wantError(t, err, errDisk)
		je, err := b.run(job(step))
		if err != nil {
			t.Fatal(err)
		}
		if got := je.Steps[0].Counts.Commit; got != 2 || je.Context["n"] != int64(3) {
			t.Errorf("the restart made %d calls and left %v, want the second and the third", got, je.Context)
		}
	})
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.repo.breakCommits(breaking(always, undone, func(tx *transaction) bool { return isStepEnd(tx) || isJobEnd(tx) }))
	r := b.launch(job(bodyStep("a", chunks(1))))
	err := engine.Run(t.Context(), r)
	wantError(t, err, core.ErrRepository)
	wantError(t, err, errDisk)
	if want := "the end of execution 1 could not be recorded; it still reads STARTED"; !strings.Contains(err.Error(), want) {
		t.Errorf("got error %q, want one that says %q", err, want)
	}
	if got, want := core.Hint(err), "batchctl restart 1"; got != want {
		t.Errorf("got hint %q, want %q", got, want)
	}
	wantStates(t, b.execution(1), "STARTED/UNKNOWN: a STARTED/EXECUTING")
	if err := b.store.Close(); err != nil { // as the end of the process does
		t.Fatal(err)
	}

	b.store = b.open()
	b.repo = &repository{JobRepository: b.store}
	again, err := b.run(job(nothing("a")))
	if err != nil {
		t.Fatalf("STEP-52 the next launch did not recover it: %v", err)
	}
	wantStates(t, again, "COMPLETED/COMPLETED: a COMPLETED/COMPLETED")
	if got := b.execution(1); got.Status != core.StatusFailed || got.Steps[0].Status != core.StatusFailed || got.EndTime.IsZero() {
		t.Errorf("STEP-52 the dead attempt is %s", states(got))
	}
}

func TestRestartDiesBeforeItsFirstCommit(t *testing.T) {
	t.Parallel()
	t.Run("REPO-13 the next restart goes on from the old offset", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var offsets []int64 // that each attempt has found
		step := tasklet("a", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			n, _, err := s.Context.Int64("offset")
			if err != nil {
				return core.Finished, err
			}
			if s.Step.Counts.Commit == 0 {
				offsets = append(offsets, n)
			}
			s.Context.Put("offset", n+1)
			switch {
			case n < 2:
				return core.Continuable, nil
			case s.Execution.ID < 3:
				return core.Finished, errBoom
			}
			return core.Finished, nil
		})
		_, err := b.run(job(step))
		wantError(t, err, errBoom)

		// The second attempt leaves its new row, and nothing else.
		b.repo.breakCommits(breaking(always, undone, func(tx *transaction) bool { return isStepEnd(tx) || isJobEnd(tx) }))
		wantError(t, engine.Run(t.Context(), b.launch(job(step))), core.ErrRepository)
		wantStates(t, b.execution(2), "STARTED/UNKNOWN: a STARTED/EXECUTING")
		if err := b.store.Close(); err != nil { // as the end of the process does
			t.Fatal(err)
		}

		b.store = b.open()
		b.repo = &repository{JobRepository: b.store}
		third, err := b.run(job(step))
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, third, "COMPLETED/COMPLETED: a COMPLETED/COMPLETED")
		wantStates(t, b.execution(2), "FAILED/FAILED: a FAILED/FAILED")
		if diff := cmp.Diff([]int64{0, 2, 2}, offsets); diff != "" {
			t.Errorf("offsets of the attempts (-want +got):\n%s", diff)
		}
	})
}
