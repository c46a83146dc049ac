package settlement

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
)

// keyLedger is the key of the ledger's path in the job's context; the path is
// empty for the repository's own database. It is put there by verifyInput and
// binds every later attempt.
const keyLedger = "settlement.ledger"

// querier reads the ledger outside of a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Execer reads and writes the ledger in a transaction.
type Execer interface {
	querier
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// sameFiler is a repository in a file.
type sameFiler interface {
	SameFile(path string) (bool, error)
}

// Ledger is the database that holds the job's tables: the repository's own,
// whose transactions it shares, or another one, opened at its first use.
type Ledger struct {
	querier

	scope *core.Scope
	path  string        // empty for the repository's own
	other core.Database // nil for the repository's own
}

// NewLedger finds out which database the ledger is, by the parameter ParamLedger
// of a job that has it. It opens nothing. An instance that was bound to another
// ledger, or whose ledger is gone, is an ErrCheckpointMismatch. Close it.
func NewLedger(s *core.Scope) (*Ledger, error) {
	path, err := ledgerPath(s)
	if err != nil {
		return nil, err
	}
	bound, isBound := s.JobContext.Get(keyLedger)
	if isBound && bound == path && path != "" {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) { // made anew it would be an empty one
			return nil, &core.Error{
				Kind: core.ErrCheckpointMismatch, Msg: "the ledger " + core.QuotePath(path) + " is missing, and earlier steps have used it",
				Hint: "put it back (is its disk mounted?), then " + core.ShellQuote("batchctl", "restart", fmt.Sprint(s.Execution.ID)),
			}
		}
	}
	if isBound && bound != path {
		return nil, &core.Error{
			Kind: core.ErrCheckpointMismatch,
			Msg: fmt.Sprintf("this instance has %s as its ledger, and is now given %s",
				describeLedger(bound), describeLedger(path)),
			Hint: core.ShellQuote("batchctl", "restart", fmt.Sprint(s.Execution.ID), fmt.Sprintf("%s=%s", ParamLedger, bound)),
		}
	}
	l := &Ledger{scope: s, path: path}
	if path != "" {
		l.other = sqlitem.OpenLater(s.Databases, path)
		l.querier = l.other
		return l, nil
	}
	own, ok := s.Repo.(querier)
	if !ok {
		return nil, fmt.Errorf("a repository of type %T cannot hold the ledger: it speaks no SQL", s.Repo)
	}
	l.querier = own
	return l, nil
}

// ledgerPath returns the path of a ledger that is not the repository's own
// database, with the links in it followed, so that one file has one name.
func ledgerPath(s *core.Scope) (string, error) {
	path, _, err := s.Parameters().String(ParamLedger)
	if err != nil || path == "" {
		return "", err
	}
	if repo, ok := s.Repo.(sameFiler); ok {
		same, err := repo.SameFile(path)
		if err != nil {
			return "", &core.Error{Op: "ledger " + core.QuotePath(path), Err: err}
		}
		if same {
			return "", nil
		}
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target, nil
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(dir, filepath.Base(path)), nil
	}
	return path, nil
}

func describeLedger(path any) string {
	if path == "" {
		return "the repository's own database"
	}
	return core.QuotePath(fmt.Sprint(path))
}

// Bind makes the ledger the one of this instance, with the call's commit.
func (l *Ledger) Bind() { l.scope.JobContext.Put(keyLedger, l.path) }

// Write runs do in a transaction: that of the call for the repository's own
// database, else one of its own, which commits before the call does. What do
// does there must be safe to repeat.
func (l *Ledger) Write(ctx context.Context, do func(db Execer) error) error {
	if l.other == nil {
		tx, err := l.scope.Tx(ctx)
		if err != nil {
			return err
		}
		db, ok := tx.(Execer)
		if !ok {
			return fmt.Errorf("a transaction of type %T cannot write the ledger: it speaks no SQL", tx)
		}
		return do(db)
	}
	tx, err := l.other.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()                        // after a commit there is nothing left to roll back
	if err := l.scope.Owned(ctx); err != nil { // nobody else writes to the ledger from here on
		return err
	}
	if err := do(tx); err != nil {
		return err
	}
	fault.Point("settlement.before-ledger-commit")
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit to the ledger %s: %w", core.QuotePath(l.path), err)
	}
	fault.Point("settlement.after-ledger-commit")
	return nil
}

// writer returns the writer of the ledger's rows.
func (l *Ledger) writer(values func(row *settled, dst []any) []any) core.ItemWriter[settled] {
	cfg := sqlitem.WriterConfig{Querier: l.querier, Table: ledgerTable, Columns: ledgerColumns()}
	if l.other == nil {
		return sqlitem.NewWriter(cfg, values)
	}
	return sqlitem.NewSink(l.other, cfg, values)
}

// The ledger is a stream, so that a chunk step closes it with the rest.
var _ core.ItemStream = (*Ledger)(nil)

// Open implements core.ItemStream: the database is opened at its first use.
func (l *Ledger) Open(context.Context, core.ExecutionContext) error { return nil }

// Checkpoint implements core.ItemStream.
func (l *Ledger) Checkpoint(core.ExecutionContext) error { return nil }

// Close closes a database that is not the repository's.
func (l *Ledger) Close() error {
	if l.other == nil {
		return nil
	}
	return l.other.Close()
}
