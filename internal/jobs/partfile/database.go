package partfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// databaseHeader is what every SQLite database begins with.
const databaseHeader = "SQLite format 3\x00"

// refuseDatabase refuses a target that is an SQLite database, the repository
// perhaps, or that has the name of what is kept beside one: SQLite's log, its
// index, its journal, and the directory that tells which executions are alive.
func (c Config) refuseDatabase() error {
	if err := c.refuseIfDatabase(c.Target, "is an SQLite database, which publishing would replace"); err != nil {
		return err
	}
	for _, suffix := range []string{"-wal", "-shm", "-journal", ".locks"} {
		if base, found := strings.CutSuffix(c.Target, suffix); found {
			return c.refuseIfDatabase(base, "belongs to the SQLite database "+core.EscapeControl(base)+", which publishing would damage")
		}
	}
	if base, found := strings.CutSuffix(filepath.Dir(c.Target), ".locks"); found {
		return c.refuseIfDatabase(base, "lies among the locks of the SQLite database "+core.EscapeControl(base))
	}
	return nil
}

// refuseDatabasePart refuses to take an SQLite database for a part, or for the
// file that says whose the part is.
func (c Config) refuseDatabasePart() error {
	if err := c.refuseIfDatabase(c.ownerPath(), core.EscapeControl(c.ownerPath())+" is an SQLite database, and does not say whose a part of this output is"); err != nil {
		return err
	}
	return c.refuseIfDatabase(c.part(), core.EscapeControl(c.part())+" is an SQLite database, not a part of this output")
}

func (c Config) refuseIfDatabase(path, msg string) error {
	is, err := isDatabase(path)
	if err != nil {
		return &core.Error{Op: c.op(), Msg: "cannot tell whether " + core.EscapeControl(path) + " is an SQLite database", Err: err}
	}
	if !is {
		return nil
	}
	return &core.Error{
		Kind: core.ErrCheckpointMismatch, Op: c.op(), Msg: msg + "; nothing was written",
		Hint: "give the output a path of its own",
	}
}

// isDatabase reports whether path is an SQLite database. What is no regular
// file, or is too short to be one, is not opened.
func isDatabase(path string) (bool, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() || info.Size() < int64(len(databaseHeader)) {
		return false, nil
	}
	is, err := beginsWith(path, databaseHeader)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // it has gone meanwhile
	}
	return is, err
}
