package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/batchctl/batchctl/internal/core"
)

// Databases opens SQLite databases that are not repositories: those that jobs
// read from and write to. The zero value is ready to use.
type Databases struct {
	// BusyTimeout is how long a writer waits for another. 0: 30 s.
	BusyTimeout time.Duration
}

var _ core.Databases = Databases{}

// OpenDatabase implements core.Databases. A database that it makes is readable
// by its owner only and in WAL mode; one that is there keeps its journal mode.
// Every commit is synced in full. The errors that it and the database return
// name the file and are none of the repository's.
func (d Databases) OpenDatabase(ctx context.Context, path string) (core.Database, error) {
	busy := Options{BusyTimeout: d.BusyTimeout}.withDefaults().BusyTimeout
	path, fresh, err := prepareDatabase(path)
	if err != nil {
		return nil, err
	}
	db := &database{
		path:   path,
		writer: openPool(path, readWrite, busy),
		reader: openPool(path, readOnly, busy),
	}
	if err := db.start(ctx, fresh); err != nil {
		return nil, errors.Join(db.explain("open", err), db.Close())
	}
	return db, nil
}

// prepareDatabase resolves the path and makes the file when it is absent.
func prepareDatabase(path string) (resolved string, fresh bool, err error) {
	if err := checkLinkedVersion(); err != nil {
		return "", false, err
	}
	if resolved, err = resolve(path); err != nil {
		return "", false, notRepository(path, err)
	}
	if name, network := networkFileSystem(filepath.Dir(resolved)); network {
		return "", false, &core.Error{
			Op:   "open database " + core.QuotePath(resolved),
			Msg:  fmt.Sprintf("it is on a %s file system, where its locks cannot be relied on", name),
			Hint: "give a file on a local disk",
		}
	}
	size, exists, err := statDatabase(resolved)
	if err != nil {
		return "", false, notRepository(resolved, err)
	}
	if !exists {
		if err := createFile(resolved); err != nil {
			return "", false, notRepository(resolved, err)
		}
	}
	return resolved, size == 0, nil
}

// notRepository takes the kind of a repository's error off: another database
// that cannot be opened fails the step that wants it, not batchctl.
func notRepository(path string, err error) error {
	if e, ok := errors.AsType[*core.Error](err); ok && errors.Is(err, core.ErrRepository) {
		hint := e.Hint
		if strings.Contains(hint, "--db") { // that is the repository's
			hint = core.ShellQuote("ls", "-ld", path)
		}
		return &core.Error{Op: "open database " + core.QuotePath(path), Msg: e.Msg, Hint: hint, Err: e.Err}
	}
	return err
}

// database is an open SQLite database: one connection that writes, others that
// read.
type database struct {
	path           string
	writer, reader *sql.DB
}

func (d *database) start(ctx context.Context, fresh bool) error {
	if !fresh {
		var n int // reads the header, and so finds out whether it is a database
		return d.writer.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&n)
	}
	var mode string
	if err := d.writer.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("the journal mode is %s, and cannot be made wal", mode)
	}
	return nil
}

// QueryContext implements core.Database.
func (d *database) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := d.reader.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, d.explain("read", err)
	}
	return rows, nil
}

// Begin implements core.Database. The wait for the lock ends with ctx; the
// transaction does not.
func (d *database) Begin(ctx context.Context) (*sql.Tx, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	tx, err := d.writer.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return nil, d.explain("write to", err)
	}
	return tx, nil
}

// Path implements core.Database.
func (d *database) Path() string { return d.path }

// Classify gives an error of a transaction that Begin has returned its class.
func (d *database) Classify(err error) error { return classify(err) }

// Close implements core.Database.
func (d *database) Close() error {
	return errors.Join(d.reader.Close(), d.writer.Close())
}

// explain names the file, and what to do about the common troubles. The error
// has its class.
func (d *database) explain(verb string, err error) error {
	e := &core.Error{Op: verb + " database " + core.QuotePath(d.path), Err: classify(err)}
	cause, ok := errors.AsType[sqlite3.Error](err)
	if !ok {
		return e
	}
	switch cause.Code {
	case sqlite3.ErrNotADB, sqlite3.ErrCorrupt:
		e.Msg, e.Hint = "it is not an SQLite database, or it is damaged; nothing was changed", "restore it from a backup"
	case sqlite3.ErrFull:
		e.Msg, e.Hint = "the disk is full", "make room, then restart the job"
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		e.Msg, e.Hint = "another program keeps it locked", core.ShellQuote("fuser", "-v", d.path)+" shows who has it open"
	}
	return e
}
