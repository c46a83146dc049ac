package definition

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// whenSkipped are the values of when-skipped.
func whenSkipped() []string { return []string{"fail", "warn"} }

// whenSkipped compiles when-skipped: whether it says warn.
func (c *compiler) whenSkipped(t Text) late[bool] {
	return lateValue(c, t, false, func(text string) (bool, error) {
		if !slices.Contains(whenSkipped(), text) {
			return false, fmt.Errorf("when-skipped is %s, want fail or warn", core.Quote(text))
		}
		return text == "warn", nil
	})
}

// listener tells a of what is read and skipped.
func (a *auditor) listener() chunk.Listener[record.Record, record.Record] {
	lose := func(context.Context, *record.Record, error) error {
		a.lost++
		return nil
	}
	return chunk.Listener[record.Record, record.Record]{
		AfterRead: a.takeRead, OnSkipInRead: a.skippedInRead, OnSkipInProcess: lose, OnSkipInWrite: lose,
	}
}

// skippedInRead is told about each record that was skipped in reading, before its
// chunk commits.
func (a *auditor) skippedInRead(context.Context, error) error {
	a.bad++
	return nil
}

// skipped returns how many records were skipped that a total does not hold, and may
// differ by.
func (a *auditor) skipped(e expected) int64 {
	switch {
	case e.written:
		return a.bad + a.lost
	case e.inInput():
		return 0
	}
	return a.bad
}

// Finish implements core.Finisher: it compares all totals, before anything is
// published. Skipped records may be why a total differs, and when-skipped says
// whether that will do.
func (a *auditor) Finish(ctx context.Context) error {
	var wrong, settled []string
	mayBeSkipped, mend := false, ""
	for i, e := range a.expected {
		text, err := a.compare(e, &a.now[i])
		if err != nil {
			return err
		}
		if text == "" {
			continue
		}
		warn, err := e.warn(a.b)
		if err != nil {
			return err
		}
		skipped := a.skipped(e) > 0
		if warn && skipped {
			settled = append(settled, text)
			continue
		}
		wrong = append(wrong, text)
		mayBeSkipped, mend = mayBeSkipped || skipped, or(mend, e.mendable())
	}
	if len(wrong) > 0 {
		return &core.Error{Op: "control totals", Msg: strings.Join(append(wrong, settled...), "; "), Hint: a.mend(mayBeSkipped, mend)}
	}
	if len(settled) > 0 {
		a.settled = "control totals: " + strings.Join(settled, "; ")
		a.b.scope.Log.LogAttrs(ctx, slog.LevelWarn, "control totals differ, and records were skipped",
			slog.String("step", a.b.scope.Step.StepName), slog.String("difference", strings.Join(settled, "; ")))
	}
	return nil
}

// mend says what can be done about totals that differ. The input is not among it: a
// restart refuses one that was mended behind what it has read.
func (a *auditor) mend(mayBeSkipped bool, what string) string {
	restart := core.ShellQuote("batchctl", "restart", fmt.Sprint(a.b.run.Execution.ID))
	text := fmt.Sprintf(what, restart)
	if mayBeSkipped {
		text = "if it is that of the skipped records, write when-skipped: warn beside the total and run " + restart + " --new-definition; " + text
	}
	return text + ": nothing is written twice, and the totals are compared again; the input must stay as it was read"
}

// mendable says where an expected value can be mended, with a verb for the command
// that comes then.
func (e *expected) mendable() string {
	switch {
	case e.Control != nil:
		return "if the control file is wrong, mend it and run %s"
	case e.Equals.Parts != nil:
		return "if the expected value is wrong, run %s with the right one"
	}
	return "if the expected value is wrong, mend the definition and run %s --new-definition"
}

// without names the records that a total does not hold.
func (a *auditor) without(e expected) string {
	n, where := a.skipped(e), ""
	if !e.written {
		where = " in reading"
	}
	switch n {
	case 0:
		return ""
	case 1:
		return ", without 1 record that was skipped" + where
	}
	return fmt.Sprintf(", without %d records that were skipped%s", n, where)
}

// auditedBody gives the exit message of a step the differences that its totals have
// because of skipped records.
type auditedBody struct {
	core.StepBody

	a *auditor
}

// Execute implements core.StepBody.
func (b auditedBody) Execute(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
	exit, err := b.StepBody.Execute(ctx, s)
	if err == nil && b.a.settled != "" {
		if exit.Message != "" {
			exit.Message += "\n"
		}
		exit.Message += b.a.settled
	}
	return exit, err
}
