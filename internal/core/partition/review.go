package partition

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// Reviewer is a Partitioner that looks at a plan which an earlier attempt has
// stored, before the parts that are left of it are run.
type Reviewer interface {
	// Review returns what there is to warn of; an error keeps all parts from
	// being started. todo are those of plan that are not COMPLETED.
	Review(ctx context.Context, s *core.Scope, plan, todo []core.Partition) (warning string, err error)
}

// Adapt returns p with what it says put through change. It is a Reviewer, as p is.
func Adapt(
	p core.Partitioner, change func(ctx context.Context, s *core.Scope, parts []core.Partition, err error) ([]core.Partition, error),
) core.Partitioner {
	return adapted{Partitioner: p, change: change}
}

type adapted struct {
	core.Partitioner

	change func(ctx context.Context, s *core.Scope, parts []core.Partition, err error) ([]core.Partition, error)
}

// Partition implements core.Partitioner.
func (a adapted) Partition(ctx context.Context, s *core.Scope, grid int) ([]core.Partition, error) {
	parts, err := a.Partitioner.Partition(ctx, s, grid)
	return a.change(ctx, s, parts, err)
}

// Review implements Reviewer.
func (a adapted) Review(ctx context.Context, s *core.Scope, plan, todo []core.Partition) (string, error) {
	if r, ok := a.Partitioner.(Reviewer); ok {
		return r.Review(ctx, s, plan, todo)
	}
	return "", nil
}

// review lets the partitioner look at a plan that was stored before, and returns
// its warning.
func (m *manager) review(ctx context.Context, s *core.Scope, p plan, todo []task) (string, error) {
	r, ok := m.partitioner.(Reviewer)
	if !ok || p.Since == s.Step.ID {
		return "", nil
	}
	left := make([]core.Partition, len(todo))
	for i, t := range todo {
		left[i] = t.Partition
	}
	warning, err := r.Review(ctx, s, p.Parts, left)
	if err != nil {
		return "", err
	}
	if warning != "" { // an error in the log is told even when the job completes
		s.Log.LogAttrs(ctx, slog.LevelError, "the plan of the parts is older than what is there",
			slog.String("step", s.Step.StepName), slog.Int64("stepExecutionId", s.Step.ID), slog.String("found", warning))
	}
	return warning, nil
}

// maxNamed bounds how many files a warning names.
const maxNamed = 5

// Review implements Reviewer: files that match and were not there when the plan
// was made are none of this instance, and one that has gone is missed by a part
// that is not complete.
func (f files) Review(_ context.Context, s *core.Scope, plan, todo []core.Partition) (string, error) {
	for _, part := range todo {
		path, isFile := part.Context[KeyFile].(string)
		if _, err := os.Lstat(path); isFile && errors.Is(err, fs.ErrNotExist) {
			return "", &core.Error{
				Kind: core.ErrCheckpointMismatch,
				Msg:  fmt.Sprintf("the file %s of part %s has gone, and the part is not complete; no part was started", core.QuotePath(path), core.Quote(part.Name)),
				Hint: "put it back, then " + core.ShellQuote("batchctl", "restart", strconv.FormatInt(s.Execution.ID, 10)),
			}
		}
	}
	pattern, err := f.pattern(s)
	if err != nil {
		return "", err
	}
	found, err := glob(pattern)
	if err != nil {
		return fmt.Sprintf("whether files have come since the parts were planned is not known: find the files %s: %s", core.QuotePath(pattern), err), nil
	}
	planned := make(map[string]bool, len(plan))
	for _, part := range plan {
		path, _ := part.Context[KeyFile].(string)
		planned[path] = true
	}
	found = slices.DeleteFunc(found, func(path string) bool { return planned[path] })
	if len(found) == 0 {
		return "", nil
	}
	names := make([]string, 0, maxNamed)
	for _, path := range found[:min(len(found), maxNamed)] {
		names = append(names, core.QuotePath(path))
	}
	more := ""
	if n := len(found) - len(names); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	come := "1 file has come since the parts were planned and is"
	if len(found) > 1 {
		come = fmt.Sprintf("%d files have come since the parts were planned and are", len(found))
	}
	return come + " not read by this instance: " + strings.Join(names, ", ") + more, nil
}
