package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/batchctl/batchctl/internal/core"
)

const (
	// maxPath is what SQLite's file layer can open, less the longest suffix.
	maxPath  = 512 - len("-journal") - 1
	maxLinks = 40
	minPage  = 512 // the smallest page of SQLite, and so the smallest database
	fileMode = 0o600
	dirMode  = 0o700
)

// resolve returns the absolute path of the file that path means, with every
// symbolic link followed, so that all processes derive the same lock files from
// it. The file need not exist, its directory must.
func resolve(path string) (string, error) {
	if path == "" {
		return "", refuse("the path of the repository is empty", "give --db FILE", nil)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", refuse(fmt.Sprintf("%s cannot be made absolute", core.QuotePath(path)), "give an absolute path", err)
	}
	for range maxLinks {
		dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
		if err != nil {
			return "", directoryError(filepath.Dir(abs), err)
		}
		abs = filepath.Join(dir, filepath.Base(abs))
		target, err := os.Readlink(abs)
		if err != nil { // not a link, or not there
			break
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(dir, target)
		}
		abs = filepath.Clean(target)
	}
	if len(abs) > maxPath {
		return "", refuse(fmt.Sprintf("the path %s has %d bytes, and SQLite opens at most %d",
			core.Quote(abs), len(abs), maxPath), "give a shorter --db", nil)
	}
	return abs, nil
}

func directoryError(dir string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return refuse(fmt.Sprintf("the directory %s does not exist", core.QuotePath(dir)),
			core.ShellQuote("mkdir", "-p", dir), err)
	case errors.Is(err, fs.ErrPermission):
		return refuse(fmt.Sprintf("the directory %s may not be entered", core.QuotePath(dir)),
			core.ShellQuote("ls", "-ld", dir), err)
	}
	return refuse(fmt.Sprintf("the directory %s cannot be used", core.QuotePath(dir)), core.ShellQuote("ls", "-ld", dir), err)
}

// statDatabase returns the size of the regular file at path, or exists false.
func statDatabase(path string) (size int64, exists bool, err error) {
	fi, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, false, nil
	case err != nil:
		return 0, false, refuse(fmt.Sprintf("%s cannot be looked at", core.QuotePath(path)), core.ShellQuote("ls", "-l", path), err)
	case fi.IsDir():
		return 0, false, refuse(fmt.Sprintf("%s is a directory, want a file", core.QuotePath(path)),
			"name a file in it: --db "+core.ShellQuote(filepath.Join(path, "batchctl.db")), nil)
	case !fi.Mode().IsRegular():
		return 0, false, refuse(fmt.Sprintf("%s is not a regular file but %s", core.QuotePath(path), core.FileKind(fi.Mode())),
			"give --db the name of a file", nil)
	case fi.Size() > 0 && fi.Size() < minPage:
		// SQLite itself takes a file of one byte for an empty database.
		return 0, false, refuse(fmt.Sprintf("%s is not an SQLite database: it has %d bytes only; nothing was changed", core.QuotePath(path), fi.Size()),
			"give another file with --db, or remove this one", nil)
	}
	return fi.Size(), true, nil
}

// sizeOf returns the size of a file beside the database; exists is false also
// when it cannot be told.
func sizeOf(path string) (size int64, exists bool) {
	fi, err := os.Lstat(path)
	if err != nil {
		return 0, false
	}
	return fi.Size(), true
}
