package partition

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/batchctl/batchctl/internal/core"
)

// FilesOptions say what Files accepts.
type FilesOptions struct {
	// AllowNone makes no parts where no file matches; otherwise that is an
	// error. A directory that is missing or cannot be read is an error always.
	AllowNone bool
}

// Files makes one part for each file that matches an absolute pattern of
// path/filepath, in the order of their paths. The part's context holds the path
// and the name of the file. Two paths that lead to one file are an error. It is
// a Reviewer: a restart warns of files that have come, and is refused with
// ErrCheckpointMismatch where one has gone whose part is not complete.
func Files(pattern func(s *core.Scope) (string, error), o FilesOptions) core.Partitioner {
	return files{pattern: pattern, o: o}
}

type files struct {
	pattern func(s *core.Scope) (string, error)
	o       FilesOptions
}

// Partition implements core.Partitioner.
func (f files) Partition(_ context.Context, s *core.Scope, _ int) ([]core.Partition, error) {
	text, err := f.pattern(s)
	if err != nil {
		return nil, err
	}
	paths, err := glob(text)
	if err != nil {
		return nil, &core.Error{Op: "find the files " + core.QuotePath(text), Hint: absentHint(text), Err: err}
	}
	if len(paths) == 0 && !f.o.AllowNone {
		dir, _ := fixed(text)
		return nil, &core.Error{
			Op: "find the files " + core.QuotePath(text), Msg: "no file matches",
			Hint: core.ShellQuote("ls", "-l", dir),
		}
	}
	parts := make([]core.Partition, len(paths))
	for i, path := range paths {
		parts[i].Context = core.ExecutionContext{KeyFile: path, KeyFileName: filepath.Base(path)}
	}
	return parts, nil
}

// glob returns the regular files that match, sorted. Other than filepath.Glob
// it does not take a directory that cannot be read for an empty one. A file that
// two of the paths lead to is an error: its work would be done twice.
func glob(pattern string) ([]string, error) {
	if !filepath.IsAbs(pattern) {
		return nil, errors.New("the pattern is not absolute")
	}
	if _, err := filepath.Match(pattern, ""); err != nil {
		return nil, err
	}
	dir, rest := fixed(pattern)
	if info, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", core.QuotePath(dir))
	}
	found := []string{dir}
	for _, element := range rest {
		var below []string
		for _, dir := range found {
			names, err := matching(dir, element)
			if err != nil {
				return nil, err
			}
			below = append(below, names...)
		}
		found = below
	}
	slices.Sort(found)
	return found, checkFiles(found)
}

// checkFiles refuses what is no regular file, and one that comes twice.
func checkFiles(paths []string) error {
	leadHere := make(map[string]string, len(paths))
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is %s, not a regular file", core.QuotePath(path), core.FileKind(info.Mode()))
		}
		target, err := filepath.EvalSymlinks(path)
		if err != nil {
			return err
		}
		if other, twice := leadHere[target]; twice {
			return fmt.Errorf("%s and %s are one file", core.QuotePath(other), core.QuotePath(path))
		}
		leadHere[target] = path
	}
	return nil
}

// absentHint says where to look when the directory of a pattern is not there.
func absentHint(pattern string) string {
	if !filepath.IsAbs(pattern) {
		return ""
	}
	dir, _ := fixed(pattern)
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return ""
	}
	return core.ShellQuote("ls", "-ld", dir, filepath.Dir(dir))
}

// fixed returns the directory above the first element with a wildcard, or above
// the last one, and the elements below it.
func fixed(pattern string) (dir string, rest []string) {
	const separator = string(filepath.Separator)
	pattern = filepath.Clean(pattern)
	dir = filepath.VolumeName(pattern) + separator
	rest = strings.Split(strings.TrimPrefix(pattern, dir), separator)
	for len(rest) > 1 {
		name, ok := literal(rest[0])
		if !ok {
			break
		}
		dir, rest = filepath.Join(dir, name), rest[1:]
	}
	return dir, rest
}

// literal returns the one name that an element of a pattern can match, unless
// there is a wildcard in it.
func literal(element string) (name string, ok bool) {
	var b strings.Builder
	escaped := false
	for _, c := range []byte(element) {
		switch {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = true
			continue
		case strings.IndexByte("*?[", c) >= 0:
			return "", false
		}
		b.WriteByte(c)
	}
	return b.String(), true
}

// matching returns the entries of dir that match one element of a pattern. What
// is no directory has none.
func matching(dir, element string) ([]string, error) {
	if name, ok := literal(element); ok {
		path := filepath.Join(dir, name)
		_, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			return nil, nil
		}
		return []string{path}, err
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, entry := range entries {
		matches, err := filepath.Match(element, entry.Name())
		if err != nil {
			return nil, err
		}
		if matches {
			paths = append(paths, filepath.Join(dir, entry.Name()))
		}
	}
	return paths, nil
}
