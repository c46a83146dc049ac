package sqlrepo

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
)

// deletions empty the tables of one instance, what refers before what is
// referred to.
var deletions = []string{
	`DELETE FROM BATCH_STEP_EXECUTION_CONTEXT
WHERE STEP_EXECUTION_ID IN (
  SELECT S.STEP_EXECUTION_ID
  FROM BATCH_JOB_EXECUTION E
  JOIN BATCH_STEP_EXECUTION S ON S.JOB_EXECUTION_ID = E.JOB_EXECUTION_ID
  WHERE E.JOB_INSTANCE_ID = ?)`,
	`DELETE FROM BATCH_STEP_EXECUTION
WHERE JOB_EXECUTION_ID IN (SELECT JOB_EXECUTION_ID FROM BATCH_JOB_EXECUTION WHERE JOB_INSTANCE_ID = ?)`,
	`DELETE FROM BATCH_JOB_EXECUTION_CONTEXT
WHERE JOB_EXECUTION_ID IN (SELECT JOB_EXECUTION_ID FROM BATCH_JOB_EXECUTION WHERE JOB_INSTANCE_ID = ?)`,
	`DELETE FROM BATCH_JOB_EXECUTION_PARAMS
WHERE JOB_EXECUTION_ID IN (SELECT JOB_EXECUTION_ID FROM BATCH_JOB_EXECUTION WHERE JOB_INSTANCE_ID = ?)`,
	`DELETE FROM BATCH_JOB_EXECUTION
WHERE JOB_INSTANCE_ID = ?`,
	`DELETE FROM BATCH_JOB_INSTANCE
WHERE JOB_INSTANCE_ID = ?`,
}

// DeleteJobInstance implements core.JobRepository.
func (r *Repository) DeleteJobInstance(ctx context.Context, id int64) error {
	op := fmt.Sprintf("delete instance %d", id)
	return r.write(ctx, op, func(ctx context.Context, tx *sql.Tx) error {
		heads, err := readHeads(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, h := range heads {
			_, owned, err := readOwner(ctx, tx, h.id)
			if err != nil {
				return err
			}
			if h.status.IsRunning() || owned {
				return &core.Error{
					Kind: core.ErrJobExecutionAlreadyRunning, Op: op,
					Msg:  fmt.Sprintf("its execution %d is %s", h.id, h.statusText()),
					Hint: hint("show", h.id),
				}
			}
		}
		var changed int64
		for _, statement := range deletions {
			result, err := tx.ExecContext(ctx, statement, id)
			if err != nil {
				return err
			}
			if changed, err = result.RowsAffected(); err != nil {
				return err
			}
		}
		if changed == 0 { // by the last, which deletes the instance
			return noSuchInstance(id)
		}
		return nil
	})
}
