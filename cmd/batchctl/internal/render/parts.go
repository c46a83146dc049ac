package render

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// maxParts is how many parts of a step are listed where not all are asked for.
const maxParts = 20

// fold says of the parts of a step how many there are of each status, and lists
// all, or those that did not complete, the worst first.
func (o *outline) fold(manager *branch, parts []*core.StepExecution) {
	summary, worst := countStatuses(parts)
	count := plural(len(parts), "part")
	planned := plannedParts(manager.step)
	if len(planned) > len(parts) { // the others are done, or their time has not come
		count = fmt.Sprintf("%d of %s", len(parts), plural(len(planned), "part"))
	}
	manager.notes = append(manager.notes, Cell{Text: count + ": " + summary, Tone: worst})
	listed := parts
	if !o.x.Partitions {
		listed = slices.DeleteFunc(slices.Clone(parts), func(se *core.StepExecution) bool { return se.Status <= core.StatusStarting })
		slices.SortStableFunc(listed, func(a, b *core.StepExecution) int { return cmp.Compare(b.Status, a.Status) })
	}
	left := 0
	if !o.x.Partitions && len(listed) > maxParts {
		listed, left = listed[:maxParts], len(listed)-maxParts
	}
	for _, se := range listed {
		_, name := core.SplitStepName(se.StepName)
		manager.kids = append(manager.kids, &branch{label: se.StepName, step: se, notes: planned[name].note(se)})
	}
	if left > 0 {
		last := manager.kids[len(manager.kids)-1]
		last.below = append(last.below, Cell{Text: fmt.Sprintf("and %d more that did not complete: %s",
			left, o.x.command("show", fmt.Sprint(o.x.ID), "--partitions"))})
	}
}

// partValues is what the plan of a partitioned step gives a part to know itself
// by.
type partValues map[string]any

// saidAlready are keys of values that tell no more than the name of the part, or
// than another value.
var saidAlready = map[string]bool{"index": true, "count": true, "fileName": true}

// note says which part se is. A file that its message names is not named again.
func (v partValues) note(se *core.StepExecution) []Cell {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(v)) {
		text := fmt.Sprint(v[key])
		if saidAlready[key] {
			continue
		}
		switch s, isText := v[key].(string); {
		case isText && key == "file" && strings.Contains(se.ExitStatus.Message, s):
			continue
		case isText && key == "file":
			text = core.QuotePath(s)
		case isText:
			text = core.Quote(s)
		}
		words = append(words, key+" "+text)
	}
	if len(words) == 0 {
		return nil
	}
	return []Cell{{Text: strings.Join(words, ", ")}}
}

// plannedParts are the parts of the plan of a partitioned step, by their names;
// none where it is not known.
func plannedParts(manager *core.StepExecution) map[string]partValues {
	if manager == nil {
		return nil
	}
	text, _, _ := manager.Context.String(core.ContextKeyPlan) // anything else is no plan
	var plan struct {
		Parts []struct {
			Name    string     `json:"name"`
			Context partValues `json:"context"`
		} `json:"parts"`
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&plan) != nil {
		return nil
	}
	parts := make(map[string]partValues, len(plan.Parts))
	for _, part := range plan.Parts {
		parts[part.Name] = part.Context
	}
	return parts
}

// countStatuses is "10 COMPLETED, 1 FAILED", with the tone of the worst.
func countStatuses(steps []*core.StepExecution) (text string, worst Tone) {
	byStatus := make([]int, len(core.Statuses()))
	for _, se := range steps {
		byStatus[se.Status]++
	}
	var words []string
	for i, n := range byStatus {
		if n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, core.BatchStatus(i)))
			worst = statusCell(core.BatchStatus(i), "").Tone
		}
	}
	return strings.Join(words, ", "), worst
}
