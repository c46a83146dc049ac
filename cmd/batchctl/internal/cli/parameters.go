package cli

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/civil"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// calendar is what dates are read by: the zone of the repository, and how to
// choose one where nobody has.
type calendar struct {
	zone   *time.Location
	choose []string // words of the command; nil: somebody has chosen the zone
}

// calendarOf returns the calendar of an open repository.
func calendarOf(store *sqlite.Store) calendar {
	c := calendar{zone: store.Zone()}
	if !store.ZoneChosen() {
		c.choose = []string{"db", "zone", c.zone.String()}
	}
	return c
}

// calendarOfNone is the calendar of a repository that has yet to be made.
func calendarOfNone() calendar {
	return calendar{zone: time.UTC, choose: []string{"db", "init", "--zone", "UTC"}}
}

// parameters reads the parameters of job: the words, and the file.
func (a *app) parameters(job *core.Job, o *launchOptions, c calendar) (core.JobParameters, error) {
	n := job.Notation()
	n.Zone = c.zone
	o.resolved = nil
	n.Expand = func(name, expression string) (string, error) { return a.expand(o, c, name, expression) }
	ps, err := n.Parse(o.words)
	if err == nil {
		var signed core.JobParameters
		n.Signs = true
		signed, err = n.Parse(o.signed)
		ps = slices.Concat(ps, signed)
	}
	if err == nil && o.paramsFile != "" {
		var more core.JobParameters
		more, err = a.fileParameters(n, o, ps)
		ps = slices.Concat(ps, more)
	}
	if err == nil {
		err = ps.Check()
	}
	if err != nil {
		return nil, a.misused(job, o, allOf(n, o.words, err))
	}
	return ps, nil
}

// allOf adds to what is wrong with one word what is wrong with others: who mends a
// line of a crontab does it once.
func allOf(n core.Notation, words []string, first error) error {
	n.Signs = false
	var texts, hints []string
	for _, word := range words {
		if _, err := n.Parse([]string{word}); err != nil {
			texts = append(texts, err.Error())
			if hint := core.Hint(err); hint != "" && !slices.Contains(hints, hint) {
				hints = append(hints, hint)
			}
		}
	}
	if len(texts) < 2 || !slices.Contains(texts, first.Error()) { // it is about words together, or the file
		return first
	}
	return &core.Error{Kind: core.ErrJobParametersInvalid, Msg: strings.Join(texts, "; "), Hint: strings.Join(hints, "; ")}
}

// fileParameters reads the file at most once: standard input has it only once.
func (a *app) fileParameters(n core.Notation, o *launchOptions, given core.JobParameters) (core.JobParameters, error) {
	if o.file == nil {
		file, err := a.readParamsFile(o.paramsFile)
		if err != nil {
			return nil, err
		}
		o.file = file
	}
	return o.file.parse(n, given)
}

// days returns what the days of defaults are resolved by. All of a launch see one
// moment.
func (a *app) days(o *launchOptions, c calendar) launch.Calendar {
	if o.moment.IsZero() {
		o.moment = a.now()
	}
	days := launch.Calendar{Zone: c.zone, Now: o.moment}
	if c.choose != nil {
		days.Choose = core.ShellQuote(append([]string{"batchctl"}, c.choose...)...)
	}
	return days
}

// expand resolves an expression for a date.
func (a *app) expand(o *launchOptions, c calendar, name, expression string) (string, error) {
	days := a.days(o, c)
	refuse := func(what, hint string) error {
		return &core.Error{
			Kind: core.ErrJobParametersInvalid, Hint: hint,
			Msg: "parameter " + core.EscapeControl(name) + ": value " + core.Quote(expression) + what,
		}
	}
	day, err := civil.Resolve(expression, days.Now.In(days.Zone))
	switch {
	case err != nil:
		return "", refuse(err.Error(), "batchctl help dates")
	case days.Choose != "":
		return "", refuse(" depends on where it is today, and nobody has chosen the zone of the repository",
			days.Choose+" chooses UTC; or name another, as Asia/Seoul")
	}
	o.resolved = append(o.resolved, resolved{name: name, expression: expression, day: day})
	return day, nil
}

// resolved is an expression, and what it meant at the launch. Only the day is
// stored, so that a restart on another day is about the same one; the expression
// is told in the log.
type resolved struct{ name, expression, day string }

func (o *launchOptions) logResolved(ctx context.Context, log *slog.Logger, zone *time.Location) {
	for _, r := range o.resolved {
		log.LogAttrs(ctx, slog.LevelInfo, "Date resolved", slog.String("parameter", r.name),
			slog.String("expression", r.expression), slog.String("value", r.day), slog.String("zone", zone.String()))
	}
}

// misused says what the words were meant for, and how to look the job up.
func (a *app) misused(job *core.Job, o *launchOptions, err error) error {
	e := &core.Error{Op: o.verb, Err: err}
	if core.Hint(err) == "" {
		e.Hint = core.ShellQuote("batchctl", "jobs", "show", job.Name)
	}
	return e
}

// warnAbout tells of what is kept as it was given, and may not be meant so.
func (a *app) warnAbout(ps core.JobParameters) {
	names := map[string]string{}
	for _, p := range ps {
		if text, ok := p.Value.(string); ok && strings.TrimSpace(text) != text {
			a.say("warning: parameter %s: value %s begins or ends with a space, which is kept", p.Name, core.Quote(text))
		}
		composed := norm.NFC.String(p.Name)
		if other, ok := names[composed]; ok {
			a.say("warning: parameters %s and %s look the same and are two: their characters are composed differently",
				codePoints(other), codePoints(p.Name))
		}
		names[composed] = p.Name
	}
}

// codePoints shows a name with what is not ASCII as numbers.
func codePoints(name string) string { return fmt.Sprintf("%+q", name) }
