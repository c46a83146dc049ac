package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlrepo"
)

// state is what a file turned out to be; what is none of these is an error.
type state int8

const (
	absent state = iota
	empty
	repository
)

// inspect says what is at path, without changing a byte of it. A repository of
// this version comes with its settings; anything that is in the way is an
// ErrRepository.
func inspect(ctx context.Context, path string, tr translator) (state, map[string]string, error) {
	size, exists, err := statDatabase(path)
	switch {
	case err != nil:
		return 0, nil, err
	case !exists:
		return absent, nil, nil
	case size == 0 || hasJournalOfNothing(path):
		return empty, nil, nil
	}
	how := readOnly
	if _, exists := sizeOf(path + "-wal"); !exists {
		// Nobody has it open in WAL mode. Immutable makes no -wal and no -shm
		// beside a file that may not be ours. It can be misled by somebody who
		// begins to write just now; Open looks again before it refuses.
		how = immutable
	}
	db := openPool(path, how, tr.busy)
	defer func() { _ = db.Close() }() // only read from
	settings, err := readSettings(ctx, db, path, tr)
	if err != nil {
		return 0, nil, err
	}
	return repository, settings, nil
}

// readSettings returns the settings of a repository of this version, and says
// of anything else what it is.
func readSettings(ctx context.Context, db *sql.DB, path string, tr translator) (map[string]string, error) {
	names, err := tables(ctx, db)
	if err != nil {
		return nil, tr.translate("", err)
	}
	if !names["BATCHCTL_SETTINGS"] || !names["BATCH_JOB_INSTANCE"] {
		return nil, foreign(path, names)
	}
	settings, err := sqlrepo.ReadSettings(ctx, db)
	if err != nil {
		return nil, tr.translate("read the settings", err)
	}
	if err := checkSchema(path, settings[sqlrepo.SettingSchemaVersion]); err != nil {
		return nil, err
	}
	return settings, nil
}

// selectTables counts in one row: DISTINCT and IN would each make a table of
// their own, at every start.
const selectTables = `
SELECT count(*),
  count(*) FILTER (WHERE upper(tbl_name) = 'BATCHCTL_SETTINGS'),
  count(*) FILTER (WHERE upper(tbl_name) = 'BATCH_JOB_INSTANCE'),
  count(*) FILTER (WHERE upper(tbl_name) = 'BATCH_JOB_EXECUTION')
FROM sqlite_schema`

// tables returns which tables there are: those of batch repositories by name in
// capitals, all others as one entry "".
func tables(ctx context.Context, q sqlrepo.Querier) (map[string]bool, error) {
	rows, err := q.QueryContext(ctx, selectTables)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names := map[string]bool{}
	for rows.Next() {
		var all, settings, instances, executions int64
		if err := rows.Scan(&all, &settings, &instances, &executions); err != nil {
			return nil, err
		}
		for name, n := range map[string]int64{
			"BATCHCTL_SETTINGS": settings, "BATCH_JOB_INSTANCE": instances, "BATCH_JOB_EXECUTION": executions,
			"": all - settings - instances - executions,
		} {
			if n > 0 {
				names[name] = true
			}
		}
	}
	return names, rows.Err()
}

// foreign says what a database is that is no repository of ours.
func foreign(path string, names map[string]bool) error {
	q := core.QuotePath(path)
	other := "give another file with --db, or move this one away"
	switch {
	case names["BATCH_JOB_INSTANCE"] || names["BATCH_JOB_EXECUTION"]:
		return refuse(q+" holds the batch tables of another program and none of batchctl's; nothing was changed",
			core.ShellQuote("batchctl", "db", "status", "--db", path), &foreignError{path: path})
	case len(names) == 0:
		return refuse(q+" is an SQLite database without any table, not a repository; nothing was changed", other, nil)
	}
	return refuse(q+" is an SQLite database of something else, not a repository; nothing was changed", other, nil)
}

func checkSchema(path, version string) error {
	n, err := strconv.Atoi(version)
	switch {
	case err != nil || n < 1:
		return refuse(fmt.Sprintf("the repository %s says that its schema version is %s, want a number",
			core.QuotePath(path), core.Quote(version)), core.ShellQuote("batchctl", "db", "check", "--db", path), nil)
	case n > sqlrepo.SchemaVersion:
		return refuse(fmt.Sprintf("the repository %s has schema version %d, and this batchctl knows up to %d; nothing was changed",
			core.QuotePath(path), n, sqlrepo.SchemaVersion), "use the newer batchctl that made it: batchctl version", nil)
	case n < sqlrepo.SchemaVersion:
		return refuse(fmt.Sprintf("the repository %s has schema version %d, and this batchctl needs %d; nothing was changed",
			core.QuotePath(path), n, sqlrepo.SchemaVersion), "use the batchctl that made it: batchctl version", nil)
	}
	return nil
}

// journalMagic begins every rollback journal that has to be taken seriously.
const journalMagic = "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"

// hasJournalOfNothing reports whether a rollback journal is beside the file that
// says that the database had no pages: whatever the file holds was never
// committed, and rolling back makes it empty. Only its creator's first
// transaction leaves such a journal. The journal is not locked by anybody, so it
// may be opened here.
func hasJournalOfNothing(path string) bool {
	f, err := openLock(path+"-journal", os.O_RDONLY)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // opened for reading; nothing can be lost
	var header [20]byte
	if _, err := io.ReadFull(f, header[:]); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false
	}
	// magic, number of records, nonce, pages of the database before
	return string(header[:8]) == journalMagic && binary.BigEndian.Uint32(header[16:]) == 0
}
