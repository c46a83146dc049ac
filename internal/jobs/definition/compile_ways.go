package definition

import (
	"slices"
	"strings"
	"unicode"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/execstep"
)

// ways reports what is sound in itself and cannot be meant: statuses that nothing
// gives, elements that fail the job when they complete, and stops that a restart
// comes to for ever.
func (c *compiler) ways(elements []Element) {
	for i := range elements {
		e := &elements[i]
		c.misspeltTransitions(e)
		if found, doubtful := e.noWay(); found && !doubtful {
			c.report(e.ID.Pos(), noWayHint, "%s %s", e.Kind, noWayText(e))
		}
		c.stopsAgain(e)
		c.ways(e.Steps)
		c.ways(e.Flows)
	}
}

const noWayHint = "add a transition on COMPLETED, or next"

func noWayText(e *Element) string {
	return core.Quote(e.ID.Value) + " has no way for COMPLETED, so that the job would fail when it completes"
}

// noWay reports whether an element has ways, and none for COMPLETED. That is
// doubtful where it may never have that exit status.
func (e *Element) noWay() (found, doubtful bool) {
	switch {
	case e.Kind == KindDecision, len(e.Transitions) == 0, e.Next.Given(), e.takes(core.ExitCodeCompleted) != nil:
		return false, false
	case e.Exec != nil && !slices.Contains(e.Exec.statuses(), core.ExitCodeCompleted):
		return false, false
	}
	return true, answers([]Element{*e}) || len(e.commands()) > 0 || endsOtherwise(e.Steps) || endsOtherwise(e.Flows)
}

// endsOtherwise reports whether elements may end otherwise than COMPLETED and
// FAILED: by what a command says, or by ending the job themselves.
func endsOtherwise(elements []Element) bool {
	return slices.ContainsFunc(elements, func(e Element) bool {
		ends := slices.ContainsFunc(e.Transitions, func(t Transition) bool { return slices.Contains(reserved, t.To.Value) })
		return ends || len(e.commands()) > 0 || endsOtherwise(e.Steps) || endsOtherwise(e.Flows)
	})
}

// commands returns the commands that say how a step ends: its own, and the one behind
// its parts.
func (e *Element) commands() (all []*Exec) {
	if e.Exec != nil {
		all = append(all, e.Exec)
	}
	if e.Partition != nil && e.Partition.Reduce != nil && e.Partition.Reduce.Exec != nil {
		all = append(all, e.Partition.Reduce.Exec)
	}
	return all
}

// statuses returns the exit statuses of which the definition knows that the step
// of a command may complete with them. BATCH_OUTPUT may say others.
func (x *Exec) statuses() (all []string) {
	zero := false
	for _, p := range x.ExitCodes {
		zero = zero || p.Key.Value == "0"
		if p.Value.Value != core.ExitCodeFailed && p.Value.Value != core.ExitCodeStopped {
			all = append(all, p.Value.Value)
		}
	}
	if !zero {
		all = append(all, core.ExitCodeCompleted)
	}
	return all
}

// stopsAgain reports a stop whose restart begins at the step that has led to it,
// when that is complete by then.
func (c *compiler) stopsAgain(e *Element) {
	if e.Kind != KindStep || e.AllowStartIfComplete.Value == "true" {
		return
	}
	statuses := []string{core.ExitCodeCompleted}
	if e.Exec != nil {
		statuses = e.Exec.statuses()
		for _, t := range e.Transitions {
			failed := []string{core.ExitCodeFailed, core.ExitCodeStopped, execstep.ExitCodeTimeout}
			if isName(t.On.Value) && !slices.Contains(failed, t.On.Value) {
				statuses = append(statuses, t.On.Value) // BATCH_OUTPUT may say it
			}
		}
	}
	for i := range e.Transitions {
		t := &e.Transitions[i]
		again := t.To.Value == core.ToStop && t.Restart.Given() && t.Restart.Value == e.ID.Value
		if again && slices.ContainsFunc(statuses, func(s string) bool { return e.takes(s) == t }) {
			c.report(t.Restart.Pos(), "write allow-start-if-complete: true, or restart at another element",
				"a restart at %s skips it, because it is complete, and stops again", core.Quote(e.ID.Value))
		}
	}
}

// isName reports whether a pattern takes one exit status only.
func isName(pattern string) bool { return pattern != "" && !strings.ContainsAny(pattern, "*?") }

// misspeltTransitions reports transitions on what is nearly a status that every
// step may have.
func (c *compiler) misspeltTransitions(e *Element) {
	if answers([]Element{*e}) {
		return
	}
	for _, t := range e.Transitions {
		meant := meantStatus(t.On.Value)
		if meant == "" || !isName(t.On.Value) || c.saysStatus(t.On.Value) {
			continue
		}
		hint := "did you mean " + meant + "?"
		switch {
		case strings.EqualFold(meant, t.On.Value):
			hint = "write it in capitals: " + meant
		case e.Exec != nil:
			hint += " If the command says it by BATCH_OUTPUT, name it in exit-codes too"
		}
		c.report(t.On.Pos(), hint, "nothing gives the exit status %s, which the transition is on", core.Quote(t.On.Value))
	}
}

// answers reports whether a decision or another job is among elements, whose exit
// statuses nobody knows.
func answers(elements []Element) bool {
	return slices.ContainsFunc(elements, func(e Element) bool {
		return e.Kind == KindDecision || e.Job != nil || answers(e.Steps) || answers(e.Flows)
	})
}

// misspeltStatus reports an exit status that is nearly one with a meaning, and that
// no transition takes by its name: a failure would pass for success.
func (c *compiler) misspeltStatus(t Text) {
	meant := meantStatus(t.Value)
	if meant == "" || c.awaitsStatus(c.tree.Steps, t.Value) {
		return
	}
	c.report(t.Pos(), "did you mean "+meant+"? A status of your own needs a transition on it",
		"the exit status %s would not mean %s", core.Quote(t.Value), meant)
}

// awaitsStatus reports whether some element has a way for a status, by a pattern
// that does not take everything, or asks for it.
func (c *compiler) awaitsStatus(elements []Element, status string) bool {
	return slices.ContainsFunc(elements, func(e Element) bool {
		takes := slices.ContainsFunc(e.Transitions, func(t Transition) bool {
			return strings.Trim(t.On.Value, "*") != "" && core.MatchExitCode(t.On.Value, status)
		})
		return takes || hasWord(e.Value.Value, status) || c.awaitsStatus(e.Steps, status) || c.awaitsStatus(e.Flows, status)
	})
}

// saysStatus reports whether the definition gives an exit status by its name: in
// exit-codes, in what it runs, or as that of the job.
func (c *compiler) saysStatus(status string) (says bool) {
	eachStep(c.tree.Steps, func(e *Element) {
		for _, x := range e.commands() {
			says = says || hasWord(x.Script.Value, status) ||
				slices.ContainsFunc(x.ExitCodes, func(p Pair) bool { return p.Value.Value == status }) ||
				slices.ContainsFunc(x.Command, func(t Text) bool { return hasWord(t.Value, status) }) ||
				slices.ContainsFunc(x.Env, func(p Pair) bool { return hasWord(p.Value.Value, status) })
		}
	})
	return says
}

// hasWord reports whether a text has a word.
func hasWord(text, word string) bool {
	words := strings.FieldsFunc(text, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return slices.Contains(words, word)
}

// meantStatus returns which status with a meaning was probably meant: name begins
// as that does, and is one slip apart from it, or is its beginning.
func meantStatus(name string) string {
	upper := strings.ToUpper(name)
	ownWords := []string{"FILED", "STEPPED", "COMPETED"}
	for _, known := range []string{core.ExitCodeCompleted, core.ExitCodeStopped, core.ExitCodeFailed} {
		switch {
		case name == known || slices.Contains(ownWords, upper):
			return ""
		case upper == known, len(name) >= len("FAIL") && strings.HasPrefix(known, upper), oneSlip(upper, known):
			return known
		}
	}
	return ""
}

// oneSlip reports whether two words begin with the same letter, and one is the
// other with a letter more, less, changed or swapped with its neighbour.
func oneSlip(a, b string) bool {
	if a == "" || b == "" || a[0] != b[0] {
		return false
	}
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}
