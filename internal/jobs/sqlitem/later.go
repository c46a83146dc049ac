package sqlitem

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/batchctl/batchctl/internal/core"
)

// OpenLater returns the database at path, which is opened at its first use: a
// step binds its parts before it runs, and opens nothing then. Close closes it
// when it was opened. It is safe for concurrent use.
func OpenLater(dbs core.Databases, path string) core.Database {
	return &later{dbs: dbs, path: path}
}

type later struct {
	dbs  core.Databases
	path string

	mu     sync.Mutex
	db     core.Database
	closed bool
}

func (l *later) open(ctx context.Context) (core.Database, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, sql.ErrConnDone
	case l.db != nil:
		return l.db, nil
	case l.dbs == nil:
		return nil, errors.New("open database " + core.QuotePath(l.path) + ": this program opens no databases but the repository")
	}
	db, err := l.dbs.OpenDatabase(ctx, l.path)
	if err != nil {
		return nil, err
	}
	l.db = db
	return db, nil
}

// QueryContext implements core.Database.
func (l *later) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	db, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	return db.QueryContext(ctx, query, args...)
}

// Begin implements core.Database.
func (l *later) Begin(ctx context.Context) (*sql.Tx, error) {
	db, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	return db.Begin(ctx)
}

// Classify implements Classifier, with the classes of the database's own errors.
func (l *later) Classify(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return classify(l.db, err)
}

// Path implements core.Database.
func (l *later) Path() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.db != nil {
		return l.db.Path()
	}
	return l.path
}

// Close implements core.Database.
func (l *later) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.db == nil {
		return nil
	}
	db := l.db
	l.db = nil
	return db.Close()
}
