package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/history"
)

// totals returns which executions the instance of je has, oldest first, and what
// its steps have done in all of them together: every attempt counts from nothing.
// It returns nothing where there was one attempt only, or where that cannot be
// looked up.
func totals(ctx context.Context, x core.JobExplorer, je *core.JobExecution) (ids []int64, sums []history.Total) {
	h, err := history.Of(ctx, x, je.Instance.ID)
	if err != nil || len(h.Executions) < 2 {
		return nil, nil
	}
	if sums, err = h.Totals(ctx); err != nil {
		return nil, nil
	}
	for _, attempt := range h.Executions {
		ids = append(ids, attempt.ID)
	}
	return ids, sums
}

// rejectsOf returns the files into which the completed step executions of je have
// put what they skipped, by their ids. Of parts only so many are looked at.
func rejectsOf(ctx context.Context, x core.JobExplorer, je *core.JobExecution) map[int64][]string {
	found := map[int64][]string{}
	looked := 0
	for _, se := range je.Steps {
		if se.Counts.Skip() == 0 || se.Status != core.StatusCompleted { // until then it is called otherwise
			continue
		}
		if se.Context == nil {
			if looked++; looked > maxPartContexts {
				continue
			}
			full, err := x.StepExecution(ctx, se.ID)
			if err != nil {
				continue
			}
			se = full
		}
		if files := rejectsFiles(se.Context); len(files) > 0 {
			found[se.ID] = files
		}
	}
	return found
}

// rejectsNotes says of the steps of je how many records they have rejected and
// where those are, by their names, where no step has said so itself.
func rejectsNotes(je *core.JobExecution, files map[int64][]string) map[string]string {
	counts, places := map[string]int64{}, map[string][]string{}
	for _, se := range je.Steps {
		step, part := core.SplitStepName(se.StepName)
		if n := se.Counts.Skip(); part == "" {
			counts[step] = max(counts[step], n)
		}
		for _, file := range files[se.ID] {
			if !slices.Contains(places[step], file) {
				places[step] = append(places[step], file)
			}
		}
	}
	notes := map[string]string{}
	for step, files := range places {
		told := slices.ContainsFunc(je.Steps, func(se *core.StepExecution) bool {
			return strings.Contains(se.ExitStatus.Message, core.EscapeControl(files[0]))
		})
		if told {
			continue
		}
		slices.Sort(files) // parts end in any order
		verb := " were"
		if counts[step] == 1 {
			verb = " was"
		}
		notes[step] = plural(int(counts[step]), "record") + verb + " rejected, see " + listFiles(files)
	}
	return notes
}
