package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// errRejected: the job completed, and records were skipped.
var errRejected = errors.New("records were skipped")

const (
	// maxGenerations bounds how deep children of children are looked at.
	maxGenerations = 8
	// maxRejectsFiles bounds how many files a line names.
	maxRejectsFiles = 3
)

// rejected returns an errRejected that says how many records je has skipped,
// where, and which files they are in; nil where none were, or nobody asked.
func (a *app) rejected(ctx context.Context, x core.JobExplorer, je *core.JobExecution, o *launchOptions) error {
	if !a.settings.Strict {
		return nil
	}
	total, places := rejectsOf(context.WithoutCancel(ctx), x, je, maxGenerations)
	if total == 0 {
		return nil
	}
	verb := "were"
	if total == 1 {
		verb = "was"
	}
	return &core.Error{
		Kind: errRejected, Op: o.verb,
		Msg: fmt.Sprintf("execution %d is COMPLETED, but %s %s skipped: %s",
			je.ID, plural(int(total), "record"), verb, strings.Join(places, ", ")),
		Hint: core.ShellQuote("batchctl", "show", fmt.Sprint(je.ID)),
	}
}

// rejectsOf counts what the steps of je have skipped, children of job steps
// included. The rows of parts are not counted: their manager's has the sum.
func rejectsOf(ctx context.Context, x core.JobExplorer, je *core.JobExecution, generations int) (total int64, places []string) {
	for _, se := range je.Steps {
		if _, part := core.SplitStepName(se.StepName); part != "" {
			continue
		}
		if n := skippedIn(se); n > 0 {
			total += n
			place := fmt.Sprintf("%d in step %s", n, se.StepName)
			if files := rejectsFiles(ctx, x, je, se); len(files) > 0 {
				place += " (see " + listFiles(files) + ")"
			}
			places = append(places, place)
		}
		full, err := x.StepExecution(ctx, se.ID)
		if err != nil || generations == 0 {
			continue
		}
		child, ok := childOf(ctx, x, full)
		if !ok || child.Execution == nil {
			continue
		}
		ended, err := x.JobExecution(ctx, child.Execution.ID)
		if err != nil {
			continue
		}
		n, below := rejectsOf(ctx, x, ended, generations-1)
		total += n
		for _, place := range below {
			places = append(places, fmt.Sprintf("%s of %s execution %d", place, child.JobName, ended.ID))
		}
	}
	return total, places
}

func skippedIn(se *core.StepExecution) int64 {
	return se.Counts.ReadSkip + se.Counts.ProcessSkip + se.Counts.WriteSkip
}

// rejectsFiles returns the files that the step, or its parts, has put skipped
// records into, as their contexts name them.
func rejectsFiles(ctx context.Context, x core.JobExplorer, je *core.JobExecution, manager *core.StepExecution) []string {
	var files []string
	looked := 0
	for _, se := range je.Steps {
		step, _ := core.SplitStepName(se.StepName)
		if step != manager.StepName || skippedIn(se) == 0 || looked == maxPartContexts {
			continue
		}
		looked++
		full, err := x.StepExecution(ctx, se.ID)
		if err != nil {
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(full.Context)) {
			file, isText := full.Context[key].(string)
			if isText && isRejectsTarget(key) && file != "" && !slices.Contains(files, file) {
				files = append(files, file)
			}
		}
	}
	return files
}

// isRejectsTarget reports whether a context key is that of the path of a file
// of skipped records: rejects.target, or with a name before it.
func isRejectsTarget(key string) bool {
	name, ok := strings.CutSuffix(key, ".target")
	return ok && (name == "rejects" || strings.HasSuffix(name, ".rejects"))
}

func listFiles(files []string) string {
	text := core.ShellQuote(files[:min(len(files), maxRejectsFiles)]...)
	if more := len(files) - maxRejectsFiles; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
