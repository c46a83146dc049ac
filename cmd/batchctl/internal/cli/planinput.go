package cli

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/render"
	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/definition"
)

// inputOf looks at what a step of a definition reads or runs. A program is told of
// only when it is not there, and of what is written before nothing is missing.
func inputOf(in definition.Input) render.ForecastInput {
	if in.Program {
		found := render.ForecastInput{Step: in.Step, Path: in.Path, Program: true}
		if _, err := exec.LookPath(in.Path); err != nil && in.WrittenBy == "" {
			found.Problem = "is no program that can be run"
		}
		return found
	}
	found := foundInput(in.Step, in.Path, in.Pattern)
	if found.Problem != "" && in.WrittenBy != "" {
		found.Problem, found.WrittenBy = "", in.WrittenBy
	}
	return found
}

// foundInput looks at a file, or at those that a pattern finds.
func foundInput(of, path string, pattern bool) render.ForecastInput {
	in := render.ForecastInput{Step: of, Path: path}
	files := []string{path}
	if pattern {
		found, err := filepath.Glob(path)
		if err != nil || len(found) == 0 {
			in.Problem = "no file matches"
			return in
		}
		files = found
	}
	for _, file := range files {
		info, err := os.Stat(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			in.Problem = "missing"
		case err != nil:
			in.Problem = errnoOf(err)
		case info.IsDir():
			in.Folder = true
		case !info.Mode().IsRegular():
			in.Problem = "is " + core.FileKind(info.Mode())
		default:
			in.Files++
			in.Bytes += info.Size()
		}
	}
	if in.Folder && in.Files > 0 {
		in.Folder = false
	}
	return in
}

// errnoOf is the text of err without the path, which is said already.
func errnoOf(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
