package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
)

func TestStepLife(t *testing.T) {
	t.Parallel()
	t.Run("STEP-01 the row is STARTED before the step's own code", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, err := b.run(job(tasklet("a", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			je := b.execution(s.Execution.ID)
			if got, want := states(je), "STARTED/UNKNOWN: a STARTED/EXECUTING"; got != want {
				return core.Finished, fmt.Errorf("got %q, want %q", got, want)
			}
			if je.StartTime.IsZero() || je.Steps[0].StartTime.IsZero() || !je.EndTime.IsZero() || !je.Steps[0].EndTime.IsZero() {
				return core.Finished, fmt.Errorf("wrong times in %+v", je)
			}
			return core.Finished, nil
		})))
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("STEP-02 listeners, binding and work come in order", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var heard []string
		hear := func(what string) { heard = append(heard, what) }
		listener := func(who string) core.Listener {
			return core.Listener{
				BeforeJob: func(context.Context, *core.Run) error { hear(who + " before job"); return nil },
				AfterJob:  func(context.Context, *core.Run) error { hear(who + " after job"); return nil },
				BeforeStep: func(context.Context, *core.Scope) error {
					hear(who + " before step")
					return nil
				},
				AfterStep: func(context.Context, *core.Scope, core.StepExecution) (core.ExitStatus, error) {
					hear(who + " after step")
					return core.ExitStatus{}, nil
				},
				AfterChunk: func(context.Context, *core.Scope) { hear(who + " after chunk") },
			}
		}
		inner := tasklet("a", calls(2))
		step := &core.Step{Name: "a", Listener: listener("step"), Bind: func(s *core.Scope) (core.StepBody, error) {
			hear("bind")
			return inner.Bind(s)
		}}
		nightly := job(step)
		nightly.Listener = listener("job")
		if _, err := b.run(nightly); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"job before job", "job before step", "step before step", "bind",
			"step after chunk", "job after chunk", "step after chunk", "job after chunk",
			"step after step", "job after step", "job after job",
		}
		if diff := cmp.Diff(want, heard); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("STEP-03 what cannot be bound is FAILED", func(t *testing.T) {
		t.Parallel()
		je, err := setup(t).run(job(&core.Step{Name: "a", Bind: func(*core.Scope) (core.StepBody, error) { return nil, errBoom }}))
		wantError(t, err, errBoom)
		wantStates(t, je, "FAILED/FAILED: a FAILED/FAILED")
	})
	t.Run("STEP-03 bound to nothing is FAILED", func(t *testing.T) {
		t.Parallel()
		je, err := setup(t).run(job(&core.Step{Name: "a", Bind: func(*core.Scope) (core.StepBody, error) { return nil, nil }}))
		wantError(t, err, core.ErrJobDefinition)
		wantStates(t, je, "FAILED/FAILED: a FAILED/FAILED")
	})
	t.Run("STEP-04 a failing listener before the step fails it", func(t *testing.T) {
		t.Parallel()
		step := bodyStep("a", func(context.Context, *core.Scope) (core.ExitStatus, error) {
			t.Error("the step was executed")
			return core.ExitStatus{}, nil
		})
		step.Listener.BeforeStep = func(context.Context, *core.Scope) error { return errBoom }
		je, err := setup(t).run(job(step))
		wantError(t, err, errBoom)
		wantStates(t, je, "FAILED/FAILED: a FAILED/FAILED")
	})
	t.Run("a listener before the step prepares the context of the first call", func(t *testing.T) {
		t.Parallel()
		step := tasklet("a", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			if s.Context["prepared"] != true {
				return core.Finished, errors.New("not prepared")
			}
			return core.Finished, nil
		})
		step.Listener.BeforeStep = func(_ context.Context, s *core.Scope) error {
			s.Context.Put("prepared", true)
			return nil
		}
		if _, err := setup(t).run(job(step)); err != nil {
			t.Error(err)
		}
	})
	t.Run("a failing listener before the job fails it", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := job(nothing("a"))
		nightly.Listener.BeforeJob = func(_ context.Context, r *core.Run) error {
			if got := b.execution(r.Execution.ID).Status; got != core.StatusStarted {
				t.Errorf("the job is %s", got)
			}
			return errBoom
		}
		je, err := b.run(nightly)
		wantError(t, err, errBoom)
		wantStates(t, je, "FAILED/FAILED:")
	})
	t.Run("STEP-05 a failing listener after a complete step is logged", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.run(job(listened(nothing("a"), core.ExitStatus{}, errBoom)))
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, je, "COMPLETED/COMPLETED: a COMPLETED/COMPLETED")
		if !strings.Contains(b.logs.String(), "error=boom") {
			t.Errorf("the log lacks the error:\n%s", b.logs)
		}
	})
	t.Run("STEP-06 a failing listener after a failed step hides nothing", func(t *testing.T) {
		t.Parallel()
		je, err := setup(t).run(job(listened(failing("a", errors.New("first")), core.ExitStatus{}, errBoom)))
		if err == nil || err.Error() != "step a: first" {
			t.Errorf("got error %v, want the first", err)
		}
		wantStates(t, je, "FAILED/FAILED: a FAILED/FAILED")
		if got := je.Steps[0].ExitStatus.Message; got != "first" {
			t.Errorf("got exit message %q, want the first error", got)
		}
	})
	t.Run("EXE-13 STEP-08 listeners after the end see it before it is written", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := job(nothing("a"))
		nightly.Listener.AfterStep = func(_ context.Context, s *core.Scope, ended core.StepExecution) (core.ExitStatus, error) {
			if ended.EndTime.IsZero() || ended.Status != core.StatusCompleted || ended.Counts.Commit != 1 {
				t.Errorf("the listener saw %+v", ended)
			}
			if stored := b.execution(s.Execution.ID).Steps[0]; stored.Status != core.StatusStarted {
				t.Errorf("the row was %s already", stored.Status)
			}
			return core.ExitStatus{}, nil
		}
		nightly.Listener.AfterJob = func(_ context.Context, r *core.Run) error {
			if r.Execution.Status != core.StatusCompleted || r.Execution.EndTime.IsZero() {
				t.Errorf("the listener saw %+v", r.Execution)
			}
			if stored := b.execution(r.Execution.ID); stored.Status != core.StatusStarted {
				t.Errorf("the row was %s already", stored.Status)
			}
			return errBoom // is logged, and changes nothing
		}
		je, err := b.run(nightly)
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, je, "COMPLETED/COMPLETED: a COMPLETED/COMPLETED")
	})
	t.Run("STEP-09 what a listener returns is joined by severity", func(t *testing.T) {
		t.Parallel()
		je, err := setup(t).run(job(
			listened(nothing("a"), core.ExitStatus{Code: "COMPLETED WITH SKIPS", Message: "3 skipped"}, nil),
			listened(nothing("b"), core.ExitStatus{Code: core.ExitCodeExecuting}, nil),
			listened(nothing("c"), core.ExitStatus{Code: core.ExitCodeFailed}, nil),
		))
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, je, "COMPLETED/FAILED: a COMPLETED/COMPLETED WITH SKIPS b COMPLETED/COMPLETED c COMPLETED/FAILED")
		if got := je.Steps[0].ExitStatus.Message; got != "3 skipped" {
			t.Errorf("got exit message %q", got)
		}
	})
	t.Run("STEP-10 an error fails the step and is its message", func(t *testing.T) {
		t.Parallel()
		je, err := setup(t).run(job(bodyStep("a", func(context.Context, *core.Scope) (core.ExitStatus, error) {
			return core.ExitStatus{}, errBoom
		})))
		wantError(t, err, errBoom)
		wantStates(t, je, "FAILED/FAILED: a FAILED/FAILED")
		if got := je.Steps[0].ExitStatus.Message; got != "boom" {
			t.Errorf("got exit message %q", got)
		}
	})
	t.Run("STEP-12 an outcome of its own is kept by its severity", func(t *testing.T) {
		t.Parallel()
		first := true
		step := tasklet("a", func(_ context.Context, _ *core.Scope, c *core.StepContribution) (core.RepeatStatus, error) {
			if !first {
				return core.Finished, core.ErrStopped
			}
			first = false
			c.ExitStatus = core.ExitStatus{Code: "HALFWAY", Message: "one of two"}
			return core.Continuable, nil
		})
		je, err := setup(t).run(job(step))
		wantError(t, err, core.ErrStopped)
		wantStates(t, je, "STOPPED/HALFWAY: a STOPPED/HALFWAY")
		if got := je.Steps[0].ExitStatus.Message; got != "one of two; stopped" {
			t.Errorf("got exit message %q", got)
		}
	})
	t.Run("a body's outcome is joined, and its rollbacks are counted", func(t *testing.T) {
		t.Parallel()
		je, err := setup(t).run(job(bodyStep("a", func(_ context.Context, s *core.Scope) (core.ExitStatus, error) {
			s.Rollbacks = 2
			s.Context.Put("end", true)
			return core.ExitStatus{Code: "PARTIAL"}, nil
		})))
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, je, "COMPLETED/PARTIAL: a COMPLETED/PARTIAL")
		if got := je.Steps[0].Counts; got != (core.Counts{Rollback: 2}) {
			t.Errorf("got counts %+v", got)
		}
	})
	t.Run("the log has one line at the start and one at the end", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		if _, err := b.run(job(nothing("a"))); err != nil {
			t.Fatal(err)
		}
		lines := slices.DeleteFunc(strings.Split(b.logs.String(), "\n"), func(l string) bool { return l == "" })
		want := []string{
			`level=INFO msg="Executing step" job=nightly step=a jobExecutionId=1 stepExecutionId=1 status=STARTED`,
			`level=INFO msg="Step executed" job=nightly step=a jobExecutionId=1 stepExecutionId=1 status=COMPLETED exitCode=COMPLETED`,
		}
		if len(lines) != len(want) {
			t.Fatalf("got %d lines, want %d:\n%s", len(lines), len(want), b.logs)
		}
		for i := range want {
			if !strings.Contains(lines[i], want[i]) {
				t.Errorf("line %d is %q, want %q", i+1, lines[i], want[i])
			}
		}
	})
}

// listened adds a listener after the step that returns exit and err.
func listened(step *core.Step, exit core.ExitStatus, err error) *core.Step {
	step.Listener.AfterStep = func(context.Context, *core.Scope, core.StepExecution) (core.ExitStatus, error) {
		return exit, err
	}
	return step
}

func TestTasklet(t *testing.T) {
	t.Parallel()
	t.Run("STEP-23 a tasklet that says nothing is FINISHED", func(t *testing.T) {
		t.Parallel()
		n := 0
		je, err := setup(t).run(job(tasklet("a", func(context.Context, *core.Scope, *core.StepContribution) (status core.RepeatStatus, err error) {
			n++
			return status, nil
		})))
		if err != nil {
			t.Fatal(err)
		}
		if n != 1 || je.Steps[0].Counts.Commit != 1 {
			t.Errorf("got %d calls and counts %+v, want one of each", n, je.Steps[0].Counts)
		}
	})
	t.Run("STEP-24 CONTINUABLE is called again in a new transaction", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var txs []core.Tx
		je, err := b.run(job(tasklet("a", func(ctx context.Context, s *core.Scope, c *core.StepContribution) (core.RepeatStatus, error) {
			if stored := b.execution(s.Execution.ID).Steps[0].Counts; stored != (core.Counts{Commit: int64(len(txs)), Read: 10 * int64(len(txs))}) {
				return core.Finished, fmt.Errorf("call %d sees counts %+v", len(txs)+1, stored)
			}
			tx, err := s.Tx(ctx)
			if err != nil {
				return core.Finished, err
			}
			if same, err := s.Tx(ctx); err != nil || same != tx {
				return core.Finished, fmt.Errorf("the second Tx of a call is another: %w", err)
			}
			if slices.Contains(txs, tx) {
				return core.Finished, errors.New("a call was given the transaction of another")
			}
			txs = append(txs, tx)
			c.Read = 10
			if len(txs) < 3 {
				return core.Continuable, nil
			}
			return core.Finished, nil
		})))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := je.Steps[0].Counts, (core.Counts{Commit: 3, Read: 30}); got != want {
			t.Errorf("got counts %+v, want %+v", got, want)
		}
	})
	t.Run("a call that does not use the transaction holds no lock", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		other := b.open()
		_, err := b.run(job(tasklet("a", func(ctx context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			_, err := other.CreateJobExecution(ctx, core.Launch{JobName: "meanwhile"})
			return core.Finished, err
		})))
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("STEP-54 a failed call leaves nothing in the database or the contexts", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		nightly := job(tasklet("create", func(ctx context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			return core.Finished, inTx(ctx, s, "CREATE TABLE LEDGER (N INTEGER)")
		}), tasklet("fill", func(ctx context.Context, s *core.Scope, c *core.StepContribution) (core.RepeatStatus, error) {
			n := s.Step.Counts.Commit + 1
			s.Context.Put("n", n)
			s.JobContext.Put("n", n)
			c.Write = 1
			if err := inTx(ctx, s, "INSERT INTO LEDGER VALUES (?)", n); err != nil || n == 3 {
				return core.Finished, errors.Join(err, errBoom)
			}
			return core.Continuable, nil
		}))
		je, err := b.run(nightly)
		wantError(t, err, errBoom)
		if got, want := b.count("LEDGER"), 2; got != want {
			t.Errorf("got %d rows, want those of the %d committed calls", got, want)
		}
		if got, want := je.Steps[1].Counts, (core.Counts{Commit: 2, Write: 2, Rollback: 1}); got != want {
			t.Errorf("got counts %+v, want %+v", got, want)
		}
		if got := b.last(je.Instance.ID, "fill").Context["n"]; got != int64(2) {
			t.Errorf("the step's context has n = %v, want 2", got)
		}
		if got := je.Context["n"]; got != int64(2) {
			t.Errorf("the job's context has n = %v, want 2", got)
		}
	})
	t.Run("STEP-51 the lock of a failed call is released", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, err := b.run(job(tasklet("a", func(ctx context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			return core.Finished, errors.Join(inTx(ctx, s, "CREATE TABLE X (N)"), errBoom)
		})))
		wantError(t, err, errBoom)
		if _, err := b.open().CreateJobExecution(t.Context(), core.Launch{JobName: "other"}); err != nil {
			t.Error(err)
		}
	})
	t.Run("STEP-17 a context that cannot be stored fails the step and undoes the call", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.run(job(tasklet("a", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			s.Context.Put("list", []int{1})
			return core.Finished, nil
		})))
		if err == nil || !strings.Contains(err.Error(), `context key "list" holds a []int`) {
			t.Errorf("got error %v", err)
		}
		wantStates(t, je, "FAILED/FAILED: a FAILED/FAILED")
		if got := je.Steps[0].Counts; got != (core.Counts{Rollback: 1}) {
			t.Errorf("got counts %+v, want one rollback", got)
		}
	})
	t.Run("a repeat status of its own invention fails the step", func(t *testing.T) {
		t.Parallel()
		_, err := setup(t).run(job(tasklet("a", func(context.Context, *core.Scope, *core.StepContribution) (core.RepeatStatus, error) {
			return 7, nil
		})))
		if err == nil || !strings.Contains(err.Error(), "the tasklet returned 7") {
			t.Errorf("got error %v", err)
		}
	})
	t.Run("no transaction is open outside of a call", func(t *testing.T) {
		t.Parallel()
		step := nothing("a")
		step.Listener.AfterChunk = func(ctx context.Context, s *core.Scope) {
			if _, err := s.Tx(ctx); err == nil {
				t.Error("a listener was given a transaction")
			}
		}
		if _, err := setup(t).run(job(step)); err != nil {
			t.Error(err)
		}
	})
	t.Run("a call finds no changes of the one before", func(t *testing.T) {
		t.Parallel()
		_, err := setup(t).run(job(tasklet("a", func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			if !s.JobContext.Empty() {
				return core.Finished, errors.New("the changes would be made again")
			}
			s.JobContext.Put("n", s.Step.Counts.Commit)
			if s.Step.Counts.Commit < 2 {
				return core.Continuable, nil
			}
			return core.Finished, nil
		})))
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("a wrapped tasklet works as any body", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		inner := tasklet("a", calls(2))
		je, err := b.run(job(&core.Step{Name: "a", Bind: func(s *core.Scope) (core.StepBody, error) {
			wrapped, err := inner.Bind(s)
			return body(func(ctx context.Context, s *core.Scope) (core.ExitStatus, error) { return wrapped.Execute(ctx, s) }), err
		}}))
		if err != nil {
			t.Fatal(err)
		}
		if got := je.Steps[0].Counts; got != (core.Counts{Commit: 2}) {
			t.Errorf("got counts %+v, want two commits", got)
		}
	})
}

// inTx runs a statement in the transaction of the tasklet's call.
func inTx(ctx context.Context, s *core.Scope, query string, args ...any) error {
	tx, err := s.Tx(ctx)
	if err != nil {
		return err
	}
	_, err = tx.(execer).ExecContext(ctx, query, args...)
	return err
}

// sql changes the database as a person with an SQL shell would.
func (b *bundle) sql(query string, args ...any) {
	b.t.Helper()
	je, err := b.store.CreateJobExecution(b.t.Context(), core.Launch{
		JobName: "shell", Parameters: core.JobParameters{{Name: "n", Value: b.clock.Add(1), Identifying: true}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	defer b.store.Release(je)
	tx, err := b.store.Begin(b.t.Context(), je)
	if err != nil {
		b.t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.(execer).ExecContext(b.t.Context(), query, args...); err != nil {
		b.t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		b.t.Fatal(err)
	}
}

// count returns the number of rows of a table.
func (b *bundle) count(table string) (n int) {
	b.t.Helper()
	rows, err := b.store.QueryContext(b.t.Context(), "SELECT COUNT(*) FROM "+table)
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	rows.Next()
	if err := rows.Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}
