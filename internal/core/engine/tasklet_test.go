package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
)

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
	t.Run("STEP-25 there is no error that commits, whatever its kind", func(t *testing.T) {
		t.Parallel()
		for _, kind := range []error{errBoom, core.ErrStopped, core.ErrSkipLimitExceeded, core.ErrCheckpointMismatch, context.Canceled} {
			b := setup(t)
			b.sql("CREATE TABLE LEDGER (N INTEGER)")
			je, err := b.run(job(tasklet("a", func(ctx context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
				return core.Continuable, errors.Join(inTx(ctx, s, "INSERT INTO LEDGER VALUES (1)"), kind)
			})))
			wantError(t, err, kind)
			if rows, counts := b.count("LEDGER"), je.Steps[0].Counts; rows != 0 || counts != (core.Counts{Rollback: 1}) {
				t.Errorf("%v leaves %d rows and counts %+v", kind, rows, counts)
			}
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
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	return n
}
