package sqlitem

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/batchctl/batchctl/internal/core"
)

// OpenLater returns the database at path, which is opened at its first use: a
// step binds its parts before it runs, and opens nothing then. Close closes it
// when it was opened. It is safe for concurrent use.
func OpenLater(dbs core.Databases, path string) core.Database {
	return &later{dbs: dbs, path: path}
}

// OpenExisting is OpenLater for a database that has to be there: a path that is
// misspelt makes no empty one.
func OpenExisting(dbs core.Databases, path string) core.Database {
	return &later{dbs: dbs, path: path, existing: true}
}

type later struct {
	dbs      core.Databases
	path     string
	existing bool // an absent or empty file is an error

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
	if l.existing {
		if err := exists(l.path); err != nil {
			return nil, err
		}
	}
	db, err := l.dbs.OpenDatabase(ctx, l.path)
	if err != nil {
		return nil, err
	}
	l.db = db
	return db, nil
}

// exists refuses an absent and an empty file. What else may be wrong with it is
// for the one to tell who opens it.
func exists(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &core.Error{Op: "open database " + core.QuotePath(path), Msg: "there is no such file", Hint: nearestFile(path)}
	case err == nil && info.Mode().IsRegular() && info.Size() == 0:
		return &core.Error{
			Op: "open database " + core.QuotePath(path), Msg: "the file is empty: there are no tables in it",
			Hint: core.ShellQuote("ls", "-l", path),
		}
	}
	return nil
}

// nearestFile returns a hint with the file beside path that was probably meant.
func nearestFile(path string) string {
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return core.ShellQuote("ls", "-ld", dir)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	if near := core.Nearest(filepath.Base(path), names); near != "" {
		return "did you mean " + core.QuotePath(filepath.Join(dir, near)) + "?"
	}
	return core.ShellQuote("ls", "-l", dir)
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
