package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// errRejected: the job completed, and records were skipped.
var errRejected = errors.New("records were skipped")

// What one line names at most.
const (
	maxRejectsFiles    = 3
	maxRejectsAttempts = 3
	maxRejectsPlaces   = 10
)

// rejected returns an errRejected that says how many records the attempts at the
// instance of je have skipped, where, and which files they are in; nil where none
// were, or nobody asked. What cannot be looked up is no reason to say that there
// were none.
func (a *app) rejected(ctx context.Context, x core.JobExplorer, je *core.JobExecution, o *launchOptions) error {
	if !a.settings.Strict {
		return nil
	}
	t := newRejectsTally(x, je)
	err := t.addInstance(context.WithoutCancel(ctx), je.Instance, generation{})
	total, places := t.sum()
	var found string
	switch {
	case err != nil:
		found = "what was skipped could not be looked up"
	case total > 0:
		verb := "were"
		if total == 1 {
			verb = "was"
		}
		found = fmt.Sprintf("%s %s skipped: %s", plural(int(total), "record"), verb, places)
		if t.unseen > 0 {
			found += fmt.Sprintf("; the jobs that %s launched were not looked at", plural(t.unseen, "more step"))
		}
		found += remarks(je)
	case t.unseen > 0:
		found = fmt.Sprintf("what was skipped is not known: the jobs that %s launched were not looked at", plural(t.unseen, "step"))
	default:
		return nil
	}
	return &core.Error{
		Kind: errRejected, Op: o.verb, Err: err,
		Msg:  fmt.Sprintf("execution %d is COMPLETED, but %s", je.ID, found),
		Hint: core.ShellQuote("batchctl", "show", strconv.FormatInt(t.shows(), 10)),
	}
}

// remarks returns what the steps of je say in their exit messages about totals that
// differ, as they may when records were skipped.
func remarks(je *core.JobExecution) string {
	var b strings.Builder
	for _, se := range je.Steps {
		if se.Status != core.StatusCompleted {
			continue
		}
		for line := range strings.SplitSeq(se.ExitStatus.Message, "\n") {
			if strings.Contains(line, ", difference ") {
				fmt.Fprintf(&b, "; %s: %s", se.StepName, core.EscapeControl(line))
			}
		}
	}
	return b.String()
}

// sum returns how many records were skipped, and where.
func (t *rejectsTally) sum() (total int64, places string) {
	texts := make([]string, 0, len(t.places))
	for _, p := range t.places {
		total += p.count
		texts = append(texts, t.describe(p))
	}
	if more := len(texts) - maxRejectsPlaces; more > 0 {
		texts = append(texts[:maxRejectsPlaces], fmt.Sprintf("and in %s more", plural(more, "step")))
	}
	return total, strings.Join(texts, ", ")
}

// describe says of a place which step of which executions it is. That a step is
// one of the execution which has just ended goes without saying.
func (t *rejectsTally) describe(p *rejectsPlace) string {
	text := fmt.Sprintf("%d in step %s", p.count, p.step)
	if len(p.files) > 0 {
		text += " (see " + listFiles(p.files) + ")"
	}
	if p.jobName == "" && slices.Equal(p.attempts, []int64{t.ended.ID}) {
		return text
	}
	text += " of "
	if p.jobName != "" {
		text += p.jobName + " "
	}
	text += "execution"
	if len(p.attempts) > 1 {
		text += "s"
	}
	ids := make([]string, 0, maxRejectsAttempts)
	for _, id := range p.attempts[:min(len(p.attempts), maxRejectsAttempts)] {
		ids = append(ids, strconv.FormatInt(id, 10))
	}
	text += " " + strings.Join(ids, ", ")
	if more := len(p.attempts) - maxRejectsAttempts; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// shows returns the execution that is worth a look: the one that has ended, when
// it has skipped anything, else the last one before that has.
func (t *rejectsTally) shows() int64 {
	id := int64(0)
	for _, p := range t.places {
		id = max(id, p.shownBy)
	}
	if id == 0 {
		return t.ended.ID
	}
	return id
}

// rejectsFiles returns the files that a step has put skipped records into, as
// its context names them.
func rejectsFiles(ec core.ExecutionContext) []string {
	var files []string
	for _, key := range slices.Sorted(maps.Keys(ec)) {
		file, isText := ec[key].(string)
		if isText && isRejectsTarget(key) && file != "" {
			files = append(files, file)
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
