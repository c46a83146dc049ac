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
// and the name of the file. It is a Reviewer: a restart warns of files that have
// come, and is refused with ErrCheckpointMismatch where one has gone whose part is
// not complete.
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
		return nil, &core.Error{
			Op: "find the files " + core.QuotePath(text), Msg: "no file matches",
			Hint: core.ShellQuote("ls", "-l", fixedDir(text)),
		}
	}
	parts := make([]core.Partition, len(paths))
	for i, path := range paths {
		parts[i].Context = core.ExecutionContext{KeyFile: path, KeyFileName: filepath.Base(path)}
	}
	return parts, nil
}

// glob returns the regular files that match, sorted. Other than filepath.Glob
// it does not take a directory that cannot be read for an empty one.
func glob(pattern string) ([]string, error) {
	if !filepath.IsAbs(pattern) {
		return nil, errors.New("the pattern is not absolute")
	}
	if _, err := filepath.Match(pattern, ""); err != nil {
		return nil, err
	}
	pattern = filepath.Clean(pattern)
	dir := fixedDir(pattern)
	if info, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", core.QuotePath(dir))
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(pattern, dir), string(filepath.Separator))
	found := []string{dir}
	for element := range strings.SplitSeq(rest, string(filepath.Separator)) {
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
	for _, path := range found {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is %s, not a regular file", core.QuotePath(path), core.FileKind(info.Mode()))
		}
	}
	slices.Sort(found)
	return found, nil
}

// absentHint says where to look when the directory of a pattern is not there.
func absentHint(pattern string) string {
	if !filepath.IsAbs(pattern) {
		return ""
	}
	dir := fixedDir(filepath.Clean(pattern))
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return ""
	}
	return core.ShellQuote("ls", "-ld", dir, filepath.Dir(dir))
}

// fixedDir returns the directory above the first element with a wildcard.
func fixedDir(pattern string) string {
	dir := filepath.Dir(pattern)
	for hasMeta(dir) {
		dir = filepath.Dir(dir)
	}
	return dir
}

func hasMeta(s string) bool { return strings.ContainsAny(s, `*?[\`) }

// matching returns the entries of dir that match one element of a pattern. What
// is no directory has none.
func matching(dir, element string) ([]string, error) {
	if !hasMeta(element) {
		path := filepath.Join(dir, element)
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
