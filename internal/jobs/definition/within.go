package definition

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

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

// maxLinks bounds the symbolic links that are followed, as systems do.
const maxLinks = 40

// followed is an absolute path without symbolic links, as far as it is there. A
// link whose end is not there is followed to where it would be. One that leads
// nowhere is left as it is: it cannot be opened.
func followed(path string) string {
	path = filepath.Clean(path)
	separator := string(filepath.Separator)
	root := filepath.VolumeName(path) + separator
	at, links := root, 0
	ahead := strings.Split(strings.TrimPrefix(path, root), separator)
	for len(ahead) > 0 {
		name := ahead[0]
		ahead = ahead[1:]
		if name == ".." { // of where the links have led, not of their names
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		to, err := os.Readlink(next)
		if err != nil {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return path
		}
		if filepath.IsAbs(to) {
			at = root
		}
		ahead = slices.Concat(strings.Split(to, separator), ahead)
	}
	return at
}
