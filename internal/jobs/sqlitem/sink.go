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

// Sink writes rows to a database that is not the repository's. It keeps the
// step's checkpoint in that database, in the transaction of the rows, and is
// otherwise what a Writer is.
//
// The table BATCHCTL_CHECKPOINT is made beside the output. Each attempt at the
// step first claims the step's row in it; from then on an earlier attempt that
// still lives can commit nothing more, because every chunk moves the row only
// where it carries the attempt's own id.
type Sink[T any] struct {
	*Writer[T]

	db  core.Database
	key core.SinkKey
	tx  *sql.Tx // of the present chunk; nil between chunks
	// marked tells that the transaction has the savepoint of Mark.
	marked bool
}

var (
	_ core.ItemWriter[int] = (*Sink[int])(nil)
	_ core.ItemStream      = (*Sink[int])(nil)
	_ core.Sink            = (*Sink[int])(nil)
	_ core.Reverter        = (*Sink[int])(nil)
)

// NewSink returns a sink that inserts into db as NewWriter says; cfg.Querier is
// set to db. The sink does not close db.
func NewSink[T any](db core.Database, cfg WriterConfig, values func(item *T, dst []any) []any) *Sink[T] {
	cfg.Querier = db
	return &Sink[T]{Writer: NewWriter(cfg, values), db: db}
}

// Claim implements core.Sink.
func (s *Sink[T]) Claim(
	ctx context.Context, c core.SinkClaim, settle func(held *core.SinkCheckpoint) error,
) (core.SinkCheckpoint, error) {
	s.key = c.Key
	tx, err := s.db.Begin(ctx)
	if err != nil {
		return core.SinkCheckpoint{}, fmt.Errorf("claim the sink: %w", err)
	}
	defer tx.Rollback() // after a commit there is nothing left to roll back
	ctx = context.WithoutCancel(ctx)
	held, err := s.held(ctx, tx)
	if err != nil {
		return core.SinkCheckpoint{}, err
	}
	resume, err := c.Judge(held)
	if err != nil {
		return core.SinkCheckpoint{}, &core.Error{Op: "open sink " + core.QuotePath(s.Location()), Hint: core.Hint(err), Err: err}
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
func (s *Sink[T]) held(ctx context.Context, tx *sql.Tx) (*core.SinkCheckpoint, error) {
	if _, err := tx.ExecContext(ctx, checkpointDDL); err != nil {
		return nil, fmt.Errorf("make the table of checkpoints in the sink: %w", err)
	}
	return readCheckpoint(ctx, tx, s.key)
}

// Write inserts the items of c in a transaction of the sink's own, which
// CommitSink commits.
func (s *Sink[T]) Write(ctx context.Context, c *core.Chunk[T]) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	return s.insert(ctx, classified{s.tx, s.db}, c.Items)
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
func (s *Sink[T]) Mark(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	if s.marked {
		s.marked = false
		if err := s.exec(ctx, "RELEASE "+mark); err != nil {
			return err
		}
	}
	if err := s.exec(ctx, "SAVEPOINT "+mark); err != nil {
		return err
	}
	s.marked = true
	return nil
}

// Revert implements core.Reverter: it rolls back to the savepoint. Behind
// RollbackSink there is nothing left to undo. It fails when SQLite itself has
// ended the transaction, as it may when the disk is full; then RollbackSink is
// left, and the chunk begins again.
func (s *Sink[T]) Revert(ctx context.Context) error {
	switch {
	case s.tx == nil:
		return nil
	case !s.marked:
		return fmt.Errorf("roll back in the sink %s: nothing is marked", core.QuotePath(s.db.Path()))
	}
	return s.exec(ctx, "ROLLBACK TO "+mark)
}

// exec runs a statement that is not interrupted halfway.
func (s *Sink[T]) exec(ctx context.Context, statement string) error {
	if _, err := s.tx.ExecContext(context.WithoutCancel(ctx), statement); err != nil {
		return fmt.Errorf("%s in the sink: %w", statement, classify(s.db, err))
	}
	return nil
}

func (s *Sink[T]) begin(ctx context.Context) error {
	if s.tx != nil {
		return nil
	}
	tx, err := s.db.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin a transaction in the sink: %w", err)
	}
	s.tx, s.marked = tx, false
	return nil
}

// CommitSink implements core.Sink.
func (s *Sink[T]) CommitSink(ctx context.Context, ck core.SinkCheckpoint) (durable bool, err error) {
	if err := s.begin(ctx); err != nil {
		return false, err
	}
	ctx = context.WithoutCancel(ctx)
	if err := move(ctx, s.tx, s.key, ck); err != nil {
		return false, err
	}
	fault.Point("sqlitem.before-sink-commit")
	err = s.tx.Commit()
	s.tx = nil
	if err != nil {
		return s.committed(ctx, ck), fmt.Errorf("commit to the sink: %w", err)
	}
	fault.Point("sqlitem.after-sink-commit")
	return true, nil
}

// committed looks whether ck is there in spite of a commit that failed.
func (s *Sink[T]) committed(ctx context.Context, ck core.SinkCheckpoint) bool {
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	held, err := readCheckpoint(ctx, s.db, s.key)
	return err == nil && held != nil && held.StepExecutionID == ck.StepExecutionID && held.Seq == ck.Seq
}

// RollbackSink implements core.Sink.
func (s *Sink[T]) RollbackSink() {
	if s.tx != nil {
		_ = s.tx.Rollback() // the connection is given up when even this fails
		s.tx = nil
	}
}

// Location implements core.Sink.
func (s *Sink[T]) Location() string { return s.db.Path() }

// Close ends a transaction that is still open.
func (s *Sink[T]) Close() error {
	s.RollbackSink()
	return s.Writer.Close()
}
