package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
	"github.com/batchctl/batchctl/internal/store/sqlrepo"
	"github.com/batchctl/batchctl/schema"
)

// applicationID marks the file for programs such as file(1): "bctl".
const applicationID = 0x6263746c

// withInitLock calls do while no other process initialises the database at
// path. It waits as long as a writer would, and no longer than until settled,
// which may be nil, says that there is nothing left to do: behind hundreds of
// others it might never come to its turn.
func withInitLock(ctx context.Context, path string, tr translator, settled func() bool, do func() error) error {
	dir := path + locksSuffix
	if err := makeLocksDir(dir); err != nil {
		return err
	}
	name := filepath.Join(dir, "init") // not NAME.lock: no token can mean it
	f, err := openLock(name, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return lockError(name, err)
	}
	defer func() { _ = f.Close() }() // nothing was written to it; this gives the lock back
	wait, cancel := context.WithTimeout(ctx, tr.busy)
	defer cancel()
	pause := time.Millisecond
	for {
		got, err := lockNow(f, true)
		if err != nil {
			return lockError(name, err)
		}
		if got {
			return do()
		}
		if settled != nil && settled() {
			return nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
			pause = min(2*pause, 20*time.Millisecond)
		case <-wait.Done():
			timer.Stop()
			if err := ctx.Err(); err != nil {
				return err
			}
			return refuse(fmt.Sprintf("another process has been initialising the repository %s for longer than %s",
				core.QuotePath(path), tr.busy), core.ShellQuote("fuser", "-v", name)+" shows which", nil)
		}
	}
}

// initialise makes a repository of an absent or empty file. It reports false
// when another process has done so meanwhile.
func initialise(ctx context.Context, path string, o Options) (made bool, err error) {
	tr := translator{path: path, busy: o.BusyTimeout}
	if err := checkZone(o.Zone); err != nil {
		return false, err
	}
	settled := func() bool {
		if _, exists := sizeOf(path + "-journal"); exists { // what is there now may yet be rolled back
			return false
		}
		found, _, err := inspect(ctx, path, tr) // an error is no news in the middle of it
		return err == nil && found == repository
	}
	err = withInitLock(ctx, path, tr, settled, func() error {
		found, _, err := inspect(ctx, path, tr)
		if err != nil || found == repository {
			return err
		}
		if found == absent {
			fault.Point("sqlite.before-create")
			if err := createFile(path); err != nil {
				return err
			}
			fault.Point("sqlite.after-create")
		}
		if err := fill(ctx, path, o, tr); err != nil {
			return err
		}
		made = true
		fault.Point("sqlite.before-dirsync")
		if err := syncDir(filepath.Dir(path)); err != nil {
			return err
		}
		fault.Point("sqlite.after-dirsync")
		return nil
	})
	return made, err
}

// checkZone refuses a zone that other machines could not find by its name.
func checkZone(zone *time.Location) error {
	name := zone.String()
	if _, err := time.LoadLocation(name); err != nil || name == "" || name == "Local" {
		return refuse(fmt.Sprintf("the zone %s has no name that can be stored", core.Quote(name)),
			"give one of the IANA database, for example --zone Asia/Seoul", err)
	}
	return nil
}

// createFile makes the empty database, readable by nobody else. No SQLite
// connection to it can exist yet.
func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode) //nolint:gosec // the file that was asked for
	if err == nil {
		err = f.Close()
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission):
		return refuse(fmt.Sprintf("the repository %s cannot be created", core.QuotePath(path)),
			core.ShellQuote("ls", "-ld", filepath.Dir(path)), err)
	}
	return refuse(fmt.Sprintf("the repository %s cannot be created", core.QuotePath(path)), "give another file with --db", err)
}

// fill writes the schema into an empty database and switches it to WAL.
func fill(ctx context.Context, path string, o Options, tr translator) error {
	db := openPool(path, readWrite, o.BusyTimeout)
	defer func() { _ = db.Close() }() // what matters is committed by then
	// Until the switch to WAL the folder has to be synced after the removal of
	// the journal, or a power cut could bring the journal back.
	if _, err := db.ExecContext(ctx, "PRAGMA synchronous = EXTRA"); err != nil {
		return tr.translate("initialise", err)
	}
	if err := createSchema(ctx, db, path, o); err != nil {
		return tr.translate("initialise", err)
	}
	fault.Point("sqlite.after-schema-commit")
	return switchToWAL(ctx, db, tr)
}

func createSchema(ctx context.Context, db *sql.DB, path string, o Options) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	names, err := tables(ctx, tx)
	if err != nil {
		return err
	}
	if len(names) > 0 { // by a program that knows nothing of our lock
		return foreign(path, names)
	}
	if _, err := tx.ExecContext(ctx, "PRAGMA application_id = "+strconv.Itoa(applicationID)); err != nil {
		return err
	}
	settings := map[string]string{
		sqlrepo.SettingZone:         o.Zone.String(),
		sqlrepo.SettingRepositoryID: o.Token(),
	}
	if o.zoneChosen {
		settings[sqlrepo.SettingZoneChosen] = chosen
	}
	if err := sqlrepo.Initialise(ctx, tx, schema.SQLite, settings); err != nil {
		return err
	}
	fault.Point("sqlite.before-schema-commit")
	return tx.Commit()
}

// switchToWAL turns a repository with a rollback journal into one with a WAL.
// The caller holds the init lock; a foreign program may be reading.
func switchToWAL(ctx context.Context, db *sql.DB, tr translator) error {
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return tr.translate("switch to WAL", err)
	}
	if mode != "wal" {
		return refuse(fmt.Sprintf("the repository %s is in journal mode %s and cannot be switched to WAL", core.QuotePath(tr.path), mode),
			"put the repository on a local disk: give another file with --db", nil)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the folder of the file that was asked for
	if err == nil {
		err = errors.Join(d.Sync(), d.Close())
	}
	if err != nil {
		return refuse(fmt.Sprintf("the directory %s cannot be synced", core.QuotePath(dir)), core.ShellQuote("ls", "-ld", dir), err)
	}
	return nil
}
