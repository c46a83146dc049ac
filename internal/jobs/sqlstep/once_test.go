package sqlstep_test

import (
	"context"
	"errors"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/jobs/sqlstep"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// Statements beside the work of a step run in another database only as long as
// nobody has taken the execution over.
func TestRunInOwned(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		o := setupOther(t)
		step := engine.TaskletStep("work", core.TaskletFunc(func(ctx context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			if lost {
				o.takeOver(ctx)
			}
			db := o.open()
			err := sqlstep.RunIn(ctx, s, sqlstep.Config{Statements: []string{addOne}, Params: map[string]any{"more": 1}, RowsKey: "rows"}, db)
			if got := s.Context["rows"]; (got == int64(1)) == lost {
				t.Errorf("taken over: %t; the context has rows = %v", lost, got)
			}
			return core.Finished, errors.Join(err, db.Close())
		}))
		_, err := o.runStep(t.Context(), step)
		if lost {
			if !errors.Is(err, core.ErrLeaseLost) {
				t.Errorf("got error %v", err)
			}
			o.wantCounter(1)
			continue
		}
		if err != nil {
			t.Error(err)
		}
		o.wantCounter(2)
	}
}

// takeOver gives the executions to another owner.
func (o *other) takeOver(ctx context.Context) {
	o.t.Helper()
	db, err := sqlite.Databases{}.OpenDatabase(ctx, o.store.Path())
	if err != nil {
		o.t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin(ctx)
	if err != nil {
		o.t.Fatal(err)
	}
	defer tx.Rollback() // after a commit there is nothing left to roll back
	if _, err := tx.ExecContext(ctx, "UPDATE BATCHCTL_EXECUTION_OWNER SET TOKEN = 'another'"); err != nil {
		o.t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		o.t.Fatal(err)
	}
}
