package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/mattn/go-sqlite3"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlrepo"
)

// Explorer reads a job repository in an SQLite file. It never creates or
// changes the database. It is safe for concurrent use. Close it.
type Explorer struct {
	*sqlrepo.Explorer

	path       string
	reader     *sql.DB
	translator translator
}

var _ core.JobExplorer = (*Explorer)(nil)

// OpenExplorer opens the repository at path for reading. Other processes may be
// writing to it. Where the directory may not be written, the repository is read
// as it is on the disk, provided that nobody has it open. An absent or empty
// file is an ErrRepositoryMissing.
func OpenExplorer(ctx context.Context, path string, o Options) (*Explorer, error) {
	o = o.withDefaults()
	path, reader, settings, err := openReader(ctx, path)
	if err != nil {
		return nil, err
	}
	zone, err := zoneOf(path, settings, sqlrepo.SettingZone)
	if err != nil {
		return nil, errors.Join(err, reader.Close())
	}
	tr := translator{path: path, busy: explorerBusyTimeout}
	return &Explorer{
		Explorer: sqlrepo.NewExplorer(reader, sqlrepo.Config{
			Now:            o.Now,
			Token:          o.Token,
			Zone:           zone,
			RepositoryID:   settings[sqlrepo.SettingRepositoryID],
			Ownership:      newOwnership(path, o),
			TranslateError: tr.translate,
		}),
		path:       path,
		reader:     reader,
		translator: tr,
	}, nil
}

// openReader opens the pool of an explorer. The first connection is also the
// look at what the file is.
func openReader(ctx context.Context, given string) (path string, db *sql.DB, settings map[string]string, err error) {
	if err := checkLinkedVersion(); err != nil {
		return "", nil, nil, err
	}
	path, err = resolve(given)
	if err != nil {
		return "", nil, nil, absentDirectory(given, err)
	}
	size, exists, err := statDatabase(path)
	switch {
	case err != nil:
		return "", nil, nil, err
	case !exists:
		return "", nil, nil, missing(fmt.Sprintf("there is no repository at %s yet", core.QuotePath(path)),
			"batchctl run JOB makes it, or "+core.ShellQuote("batchctl", "db", "init", "--db", path))
	case size == 0 || hasJournalOfNothing(path):
		return "", nil, nil, missing(fmt.Sprintf("the repository %s is empty yet", core.QuotePath(path)),
			"batchctl run JOB fills it, or "+core.ShellQuote("batchctl", "db", "init", "--db", path))
	}
	how := readOnly
	if name, network := networkFileSystem(filepath.Dir(path)); network {
		if _, open := sizeOf(path + "-wal"); open {
			return "", nil, nil, refuse(fmt.Sprintf("%s is in use, and on a %s file system it cannot be read meanwhile", core.QuotePath(path), name),
				"read it on the host that writes it", nil)
		}
		how = immutable
	}
	db, settings, err = tryReader(ctx, path, how)
	if err != nil && how == readOnly && unwritable(err) {
		// WAL wants to make two files beside the database. Where that is not
		// permitted and they are not there, nobody is writing.
		if _, open := sizeOf(path + "-wal"); !open {
			db, settings, err = tryReader(ctx, path, immutable)
		}
	}
	return path, db, settings, err
}

// absentDirectory tells the explorer's user that there is no repository where
// there is not even the directory.
func absentDirectory(given string, err error) error {
	e, ok := errors.AsType[*core.Error](err)
	if !ok || !errors.Is(e.Err, fs.ErrNotExist) {
		return err
	}
	return missing(fmt.Sprintf("there is no repository at %s yet: %s", core.QuotePath(given), e.Msg), e.Hint+", then batchctl run JOB makes it")
}

func tryReader(ctx context.Context, path string, how access) (*sql.DB, map[string]string, error) {
	db := openPool(path, how, explorerBusyTimeout)
	settings, err := readSettings(ctx, db, path, translator{path: path, busy: explorerBusyTimeout})
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, settings, nil
}

func unwritable(err error) bool {
	cause, ok := errors.AsType[sqlite3.Error](err)
	return ok && (cause.Code == sqlite3.ErrReadonly || cause.Code == sqlite3.ErrCantOpen)
}

// Path returns the absolute path of the database, symbolic links resolved.
func (x *Explorer) Path() string { return x.path }

// QueryContext runs a query on the read-only connections. Close the rows.
func (x *Explorer) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := x.reader.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, x.translator.translate("query", err)
	}
	return rows, nil
}

// Close closes the connections.
func (x *Explorer) Close() error { return x.reader.Close() }
