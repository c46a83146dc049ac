package sqlitem

import (
	"context"
	"database/sql"

	"github.com/batchctl/batchctl/internal/core"
)

// Statements runs the statements of a step in a database that is not the
// repository's. It keeps the step's checkpoint there, as a Sink does: the
// statements have run exactly when the checkpoint has moved.
type Statements struct {
	*outside
}

var _ core.Sink = (*Statements)(nil)

// NewStatements returns what runs statements in db, and closes it.
func NewStatements(db core.Database) *Statements {
	return &Statements{&outside{db: db}}
}

// ExecContext runs a statement in the transaction that CommitSink commits and
// RollbackSink undoes, begun at its first use.
func (s *Statements) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	return classified{s.tx, s.db}.ExecContext(ctx, query, args...)
}

// Close undoes what is not committed, and closes the database.
func (s *Statements) Close() error {
	s.RollbackSink()
	return s.db.Close()
}
