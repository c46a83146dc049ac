package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlrepo"
)

// StatusReport describes a repository. Sizes are in bytes.
type StatusReport struct {
	Path    string
	Size    int64
	WALSize int64
	// Foreign is set for a database that another program made: it has the batch
	// tables and nothing of batchctl's, so that the next four fields are empty.
	Foreign       bool
	SchemaVersion int
	Layout        string
	Zone          string
	ZoneChosen    bool // else nobody has said anything, and it is UTC
	RepositoryID  string
	SQLiteVersion string
	JournalMode   string
	// Instances and Executions count rows; Running counts the executions that
	// have not ended, according to their status.
	Instances, Executions, Running int64
}

// Status describes the repository at path without changing anything. It also
// describes a database with the batch tables of another program, which Open
// refuses.
func Status(ctx context.Context, path string) (StatusReport, error) {
	path, db, settings, err := openReader(ctx, path)
	isForeign := false
	if err != nil {
		if _, ok := errors.AsType[*foreignError](err); !ok {
			return StatusReport{}, err
		}
		isForeign = true
		if db, err = openForeign(ctx, path); err != nil {
			return StatusReport{}, err
		}
	}
	defer func() { _ = db.Close() }() // only read from
	tr := translator{path: path, busy: explorerBusyTimeout}
	r := StatusReport{
		Path:          path,
		Foreign:       isForeign,
		Layout:        settings[sqlrepo.SettingLayout],
		Zone:          settings[sqlrepo.SettingZone],
		ZoneChosen:    settings[sqlrepo.SettingZoneChosen] == chosen,
		RepositoryID:  settings[sqlrepo.SettingRepositoryID],
		SQLiteVersion: sqliteVersion(),
	}
	if !isForeign {
		if r.SchemaVersion, err = strconv.Atoi(settings[sqlrepo.SettingSchemaVersion]); err != nil {
			return StatusReport{}, fmt.Errorf("read the schema version: %w", err)
		}
	}
	if r.Size, _, err = statDatabase(path); err != nil {
		return StatusReport{}, err
	}
	r.WALSize, _ = sizeOf(path + "-wal")
	if err := r.count(ctx, db); err != nil {
		return StatusReport{}, tr.translate("read the status", err)
	}
	return r, nil
}

// count fills in what one snapshot of the database tells.
func (r *StatusReport) count(ctx context.Context, db *sql.DB) error {
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&r.JournalMode); err != nil {
		return err
	}
	return db.QueryRowContext(ctx, `
SELECT
  (SELECT count(*) FROM BATCH_JOB_INSTANCE),
  (SELECT count(*) FROM BATCH_JOB_EXECUTION),
  (SELECT count(*) FROM BATCH_JOB_EXECUTION WHERE STATUS IN ('STARTING', 'STARTED', 'STOPPING'))
`).Scan(&r.Instances, &r.Executions, &r.Running)
}

// foreignError is the cause of the refusal of another program's batch tables.
type foreignError struct{ path string }

func (e *foreignError) Error() string {
	return "table BATCHCTL_SETTINGS not found in " + core.QuotePath(e.path)
}

// openForeign opens another program's database for reading only.
func openForeign(ctx context.Context, path string) (*sql.DB, error) {
	tr := translator{path: path, busy: explorerBusyTimeout}
	how := readOnly
	if _, open := sizeOf(path + "-wal"); !open {
		how = immutable // make no files beside it
	}
	db := openPool(path, how, explorerBusyTimeout)
	if err := db.PingContext(ctx); err != nil {
		return nil, tr.translate("open", errors.Join(err, db.Close()))
	}
	return db, nil
}
