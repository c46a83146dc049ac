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
	"github.com/batchctl/batchctl/internal/core/fault"
)

// Backup writes a copy of the repository at path to dest, which must not exist.
// The copy is one moment's state, also while jobs run; it is checked, synced
// and has its name only when it is complete. It is a repository by itself, with
// the same identity, and readable by its owner alone.
func Backup(ctx context.Context, path, dest string) error {
	o := Options{}.withDefaults()
	path, db, _, err := openReader(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // only read from
	dest, err = resolve(dest)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(dest); err == nil {
		return destinationExists(dest, nil)
	}
	temp := filepath.Join(filepath.Dir(dest), ".batchctl-backup-"+o.Token())
	if err := createFile(temp); err != nil {
		return backupError(dest, err)
	}
	defer removeDatabase(temp)
	if err := copyInto(ctx, db, path, temp); err != nil {
		return err
	}
	if err := finishCopy(ctx, temp, dest); err != nil {
		return err
	}
	return publish(temp, dest)
}

// copyInto writes the copy. The connection may write nothing to the repository
// itself, which it has open with mode=ro; query_only would also forbid the copy.
func copyInto(ctx context.Context, db *sql.DB, path, temp string) error {
	tr := translator{path: path, busy: explorerBusyTimeout}
	conn, err := db.Conn(ctx)
	if err != nil {
		return tr.translate("back up", err)
	}
	defer func() { _ = conn.Close() }() // goes back to a pool that is closed next
	if _, err := conn.ExecContext(ctx, "PRAGMA query_only = OFF"); err != nil {
		return tr.translate("back up", err)
	}
	if _, err := conn.ExecContext(ctx, "VACUUM INTO ?", temp); err != nil {
		return tr.translate("back up", err)
	}
	return nil
}

// finishCopy checks the copy, gives it back the journal mode that VACUUM INTO
// has dropped, and syncs it.
func finishCopy(ctx context.Context, temp, dest string) error {
	tr := translator{path: temp, busy: explorerBusyTimeout}
	db := openPool(temp, readWrite, explorerBusyTimeout)
	err := func() error {
		var finding string
		if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&finding); err != nil {
			return tr.translate("check the copy", err)
		}
		if finding != "ok" {
			return refuse(fmt.Sprintf("the copy for %s is damaged: %s", core.QuotePath(dest), core.EscapeControl(finding)),
				"run batchctl db check on the repository", nil)
		}
		return switchToWAL(ctx, db, tr)
	}()
	// Only after SQLite has let go of the file may it be opened to sync it.
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	fault.Point("sqlite.before-backup-sync")
	f, err := os.OpenFile(temp, os.O_RDWR, 0) //nolint:gosec // the name that was made for the copy
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err != nil {
		return backupError(dest, err)
	}
	fault.Point("sqlite.after-backup-sync")
	return nil
}

// publish gives the copy its name, unless something has that name already.
func publish(temp, dest string) error {
	fault.Point("sqlite.before-backup-rename")
	err := renameNew(temp, dest)
	if errors.Is(err, fs.ErrExist) {
		return destinationExists(dest, err)
	}
	if err != nil {
		return backupError(dest, err)
	}
	fault.Point("sqlite.after-backup-rename")
	if err := syncDir(filepath.Dir(dest)); err != nil {
		return err
	}
	fault.Point("sqlite.after-backup-dirsync")
	return nil
}

// linkNew is renameNew in two steps.
func linkNew(from, to string) error {
	if err := os.Link(from, to); err != nil {
		return err
	}
	return os.Remove(from)
}

func destinationExists(dest string, cause error) error {
	return refuse(fmt.Sprintf("%s exists already, and a backup overwrites nothing", core.QuotePath(dest)), "give another file", cause)
}

func backupError(dest string, err error) error {
	return refuse(fmt.Sprintf("the backup %s cannot be written", core.QuotePath(dest)),
		core.ShellQuote("ls", "-ld", filepath.Dir(dest)), err)
}

// removeDatabase removes a temporary database with what SQLite makes beside it.
// What cannot be removed has a name that tells what it is.
func removeDatabase(path string) {
	for _, suffix := range []string{"", "-journal", "-wal", "-shm"} {
		_ = os.Remove(path + suffix) // see above
	}
}
