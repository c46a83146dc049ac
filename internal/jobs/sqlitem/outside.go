package sqlitem

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
)

// verifyTimeout bounds the look at a sink whose commit has failed.
const verifyTimeout = 5 * time.Second

// outside is a transaction in a database that is not the repository's, with the
// step's checkpoint in it. It is what a Sink and Statements have in common.
//
// The table BATCHCTL_CHECKPOINT is made beside the output. Each attempt at the
// step first claims the step's row in it; from then on an earlier attempt that
// still lives can commit nothing more, because every commit moves the row only
// where it carries the attempt's own id.
type outside struct {
	db  core.Database
	key core.SinkKey
	tx  *sql.Tx // at work; nil between two
	// marked tells that the transaction has the savepoint of Mark.
	marked bool
}

// shared returns what a second writer to the same database joins.
func (o *outside) shared() *outside { return o }

// Claim implements core.Sink.
func (o *outside) Claim(
	ctx context.Context, c core.SinkClaim, settle func(held *core.SinkCheckpoint) error,
) (core.SinkCheckpoint, error) {
	o.key = c.Key
	tx, err := o.db.Begin(ctx)
	if err != nil {
		return core.SinkCheckpoint{}, fmt.Errorf("claim the sink: %w", err)
	}
	defer tx.Rollback() // after a commit there is nothing left to roll back
	ctx = context.WithoutCancel(ctx)
	held, err := o.held(ctx, tx)
	if err != nil {
		return core.SinkCheckpoint{}, err
	}
	resume, err := c.Judge(held)
	if err != nil {
		return core.SinkCheckpoint{}, &core.Error{Op: "open sink " + core.QuotePath(o.Location()), Hint: core.Hint(err), Err: err}
	}
	next := core.SinkCheckpoint{Lineage: c.Lineage}
	if resume {
		next = *held
	} else {
		held = nil
	}
	if err := settle(held); err != nil {
		return core.SinkCheckpoint{}, err
	}
	next.StepExecutionID, next.Counts = c.StepExecutionID, core.Counts{}
	if err := claim(ctx, tx, c.Key, next); err != nil {
		return core.SinkCheckpoint{}, err
	}
	fault.Point("sqlitem.before-claim-commit")
	if err := tx.Commit(); err != nil {
		return core.SinkCheckpoint{}, fmt.Errorf("claim the sink: %w", err)
	}
	fault.Point("sqlitem.after-claim-commit")
	return next, nil
}

// held returns what the sink holds under the key, with the table made first
// where it is not there.
func (o *outside) held(ctx context.Context, tx *sql.Tx) (*core.SinkCheckpoint, error) {
	if _, err := tx.ExecContext(ctx, checkpointDDL); err != nil {
		return nil, fmt.Errorf("make the table of checkpoints in the sink: %w", err)
	}
	return readCheckpoint(ctx, tx, o.key)
}

// classified is a transaction whose errors have their class.
type classified struct {
	tx *sql.Tx
	db core.Database
}

// ExecContext implements Execer.
func (c classified) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	result, err := c.tx.ExecContext(ctx, query, args...)
	return result, classify(c.db, err)
}

// mark is the name of the savepoint of Mark.
const mark = `"batchctl.mark"`

// Mark implements core.Reverter: it begins the transaction of the chunk if that
// has not begun, and sets a savepoint in it.
func (o *outside) Mark(ctx context.Context) error {
	if err := o.begin(ctx); err != nil {
		return err
	}
	if o.marked {
		o.marked = false
		if err := o.exec(ctx, "RELEASE "+mark); err != nil {
			return err
		}
	}
	if err := o.exec(ctx, "SAVEPOINT "+mark); err != nil {
		return err
	}
	o.marked = true
	return nil
}

// Revert implements core.Reverter: it rolls back to the savepoint. Behind
// RollbackSink there is nothing left to undo. It fails when SQLite itself has
// ended the transaction, as it may when the disk is full; then RollbackSink is
// left, and the chunk begins again.
func (o *outside) Revert(ctx context.Context) error {
	switch {
	case o.tx == nil:
		return nil
	case !o.marked:
		return fmt.Errorf("roll back in the sink %s: nothing is marked", core.QuotePath(o.db.Path()))
	}
	return o.exec(ctx, "ROLLBACK TO "+mark)
}

// exec runs a statement that is not interrupted halfway.
func (o *outside) exec(ctx context.Context, statement string) error {
	if _, err := o.tx.ExecContext(context.WithoutCancel(ctx), statement); err != nil {
		return fmt.Errorf("%s in the sink: %w", statement, classify(o.db, err))
	}
	return nil
}

func (o *outside) begin(ctx context.Context) error {
	if o.tx != nil {
		return nil
	}
	tx, err := o.db.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin a transaction in the sink: %w", err)
	}
	o.tx, o.marked = tx, false
	return nil
}

// CommitSink implements core.Sink.
func (o *outside) CommitSink(ctx context.Context, ck core.SinkCheckpoint) (durable bool, err error) {
	if err := o.begin(ctx); err != nil {
		return false, err
	}
	ctx = context.WithoutCancel(ctx)
	if err := move(ctx, o.tx, o.key, ck); err != nil {
		return false, err
	}
	fault.Point("sqlitem.before-sink-commit")
	err = o.tx.Commit()
	o.tx = nil
	if err != nil {
		return o.committed(ctx, ck), fmt.Errorf("commit to the sink: %w", err)
	}
	fault.Point("sqlitem.after-sink-commit")
	return true, nil
}

// committed looks whether ck is there in spite of a commit that failed.
func (o *outside) committed(ctx context.Context, ck core.SinkCheckpoint) bool {
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	held, err := readCheckpoint(ctx, o.db, o.key)
	return err == nil && held != nil && held.StepExecutionID == ck.StepExecutionID && held.Seq == ck.Seq
}

// RollbackSink implements core.Sink.
func (o *outside) RollbackSink() {
	if o.tx != nil {
		_ = o.tx.Rollback() // the connection is given up when even this fails
		o.tx = nil
	}
}

// Location implements core.Sink.
func (o *outside) Location() string { return o.db.Path() }
