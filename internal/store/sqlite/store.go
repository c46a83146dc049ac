package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlrepo"
)

// Store is a job repository in an SQLite file, open for reading and writing. It
// is safe for concurrent use. Close it.
type Store struct {
	*sqlrepo.Repository

	path           string
	writer, reader *sql.DB
	owners         *ownership
	translator     translator
	zoneChosen     bool
}

var _ core.JobRepository = (*Store)(nil)

// Open opens the repository at path, and initialises it when the file is absent
// or empty; its directory must exist. Everything else that is not a repository
// of this version is an ErrRepository and left unchanged, byte for byte.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	o = o.withDefaults()
	path, err := prepare(path)
	if err != nil {
		return nil, err
	}
	tr := translator{path: path, busy: o.BusyTimeout}
	settings, err := settle(ctx, path, o, tr)
	if err != nil {
		return nil, err
	}
	zone, err := zoneOf(path, settings, sqlrepo.SettingZone)
	if err != nil {
		return nil, err
	}
	s := &Store{
		path:       path,
		writer:     openPool(path, readWrite, o.BusyTimeout),
		reader:     openPool(path, readOnly, explorerBusyTimeout),
		owners:     newOwnership(path, o),
		translator: tr,
		zoneChosen: settings[sqlrepo.SettingZoneChosen] == chosen,
	}
	if err := s.ensureWAL(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.Repository = sqlrepo.New(s.writer, s.reader, sqlrepo.Config{
		Now:            o.Now,
		Token:          o.Token,
		Zone:           zone,
		RepositoryID:   settings[sqlrepo.SettingRepositoryID],
		Ownership:      s.owners,
		TranslateError: tr.translate,
		ClassifyError:  classify,
	})
	return s, nil
}

// Init makes a repository at path. One that is there already is an
// ErrRepository, as is anything else but an absent or empty file.
func Init(ctx context.Context, path string, o Options) error {
	o = o.withDefaults()
	path, err := prepare(path)
	if err != nil {
		return err
	}
	found, _, err := look(ctx, path, translator{path: path, busy: o.BusyTimeout})
	if err != nil {
		return err
	}
	if found != repository {
		made, err := initialise(ctx, path, o)
		if err != nil || made {
			return err
		}
	}
	return refuse(core.QuotePath(path)+" is a repository already", core.ShellQuote("batchctl", "db", "status", "--db", path), nil)
}

// prepare resolves the path and refuses what WAL cannot work on.
func prepare(path string) (string, error) {
	if err := checkLinkedVersion(); err != nil {
		return "", err
	}
	path, err := resolve(path)
	if err != nil {
		return "", err
	}
	if name, network := networkFileSystem(filepath.Dir(path)); network {
		return "", refuse(fmt.Sprintf("%s is on a %s file system: a repository needs the locks and the shared memory of a local disk",
			core.QuotePath(path), name), "give a file on a local disk with --db", nil)
	}
	return path, nil
}

// settle returns the settings of the repository, made first when there is none.
func settle(ctx context.Context, path string, o Options, tr translator) (map[string]string, error) {
	found, settings, err := look(ctx, path, tr)
	if err != nil {
		return nil, err
	}
	if found == repository {
		return settings, nil
	}
	if _, err := initialise(ctx, path, o); err != nil {
		return nil, err
	}
	found, settings, err = inspect(ctx, path, tr)
	if err == nil && found != repository {
		err = refuse(core.QuotePath(path)+" was removed while it was being opened", "find out who removed it, then try again", nil)
	}
	return settings, err
}

// look is inspect with a second look before it refuses: the first one may have
// come in the middle of an initialisation. Where no folder of locks is, nobody
// initialises.
func look(ctx context.Context, path string, tr translator) (state, map[string]string, error) {
	found, settings, err := inspect(ctx, path, tr)
	if err == nil || ctx.Err() != nil {
		return found, settings, err
	}
	if _, statErr := os.Stat(path + locksSuffix); statErr != nil {
		return found, settings, err
	}
	lockErr := withInitLock(ctx, path, tr, nil, func() error {
		found, settings, err = inspect(ctx, path, tr)
		return nil
	})
	if lockErr != nil && ctx.Err() != nil {
		return 0, nil, lockErr
	}
	return found, settings, err
}

// ensureWAL completes the work of an initialiser that died before the switch.
func (s *Store) ensureWAL(ctx context.Context) error {
	var mode string
	if err := s.writer.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return s.translator.translate("open", err)
	}
	if mode == "wal" {
		return nil
	}
	return withInitLock(ctx, s.path, s.translator, nil, func() error {
		return switchToWAL(ctx, s.writer, s.translator)
	})
}

// Path returns the absolute path of the database, symbolic links resolved.
func (s *Store) Path() string { return s.path }

// SameFile reports whether path names the repository's own database, by device
// and inode. The file is not opened. A path where nothing is yet is another
// file.
func (s *Store) SameFile(path string) (bool, error) {
	other, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("compare with the repository: %w", err)
	}
	own, err := os.Stat(s.path)
	if err != nil {
		return false, fmt.Errorf("compare with the repository: %w", err)
	}
	return os.SameFile(own, other), nil
}

// QueryContext runs a query on the read-only connections. It sees what was
// committed when it began. Close the rows.
func (s *Store) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := s.reader.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, s.translator.translate("query", err)
	}
	return rows, nil
}

// File returns the locked file that proves the ownership of that token, so that
// a child process can inherit it and keep the execution from being recovered
// while it lives. It is nil when this store does not own the token, and must
// not be closed.
func (s *Store) File(token string) *os.File { return s.owners.File(token) }

// Close closes the connections. Executions that were not released count as
// those of a dead owner from then on.
func (s *Store) Close() error {
	// The writer last: it is the one that may tidy the WAL away.
	return errors.Join(s.reader.Close(), s.writer.Close(), s.owners.close())
}
