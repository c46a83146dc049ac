package definition

import (
	"fmt"
	"path/filepath"

	"github.com/batchctl/batchctl/internal/core"
)

// inside refuses a path that leads out of a folder, by its name or by a symbolic
// link. Both are absolute. Of what is not there yet the folders are followed that
// are. It is looked at once, when the job is launched.
func inside(name, path, folder string) error {
	if path == "" || contains(followed(folder), followed(path)) {
		return nil
	}
	leads := ""
	if contains(filepath.Clean(folder), filepath.Clean(path)) {
		leads = ", which leads to " + core.QuotePath(followed(path)) + ","
	}
	return &core.Error{
		Kind: core.ErrJobParametersInvalid, Hint: core.ShellQuote("ls", "-l", folder),
		Msg: fmt.Sprintf("parameter %s: %s%s is outside of %s, where it has to be", name, core.QuotePath(path), leads, core.QuotePath(folder)),
	}
}

// contains reports whether a path is a folder or lies below it.
func contains(folder, path string) bool {
	below, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(below)
}

// followed is a path without symbolic links, as far as it is there.
func followed(path string) string {
	path = filepath.Clean(path)
	if direct, err := filepath.EvalSymlinks(path); err == nil {
		return direct
	}
	dir := filepath.Dir(path)
	if dir == path {
		return path
	}
	return filepath.Join(followed(dir), filepath.Base(path))
}
