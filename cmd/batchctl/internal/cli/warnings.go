package cli

import (
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// maxWarnings is how many warnings of a run are kept for its end.
const maxWarnings = 20

// warnings is what a run has to say while it runs. Who asked for all of it, and
// a person at a terminal, is told at once. Elsewhere warnings are kept for the
// block about a failure: a run that ends well prints nothing, so that cron mails
// failures only. What has failed beside the work, as a hook behind its end, is an
// error in the log and told in any case.
type warnings struct {
	mu     sync.Mutex
	all    io.Writer         // nil: not all was asked for
	say    func(line string) // nil: keep them
	lines  []warning
	lost   int
	errors []string // the first of those lines that are errors
	failed int      // how many of them there were
}

// warning is a line that is kept, and how many more a step has had of its kind.
type warning struct {
	kind, text string
	more       int
}

// kindOf returns what repeats in the warnings of a step, as in one about each of
// its chunks: the message and which step it is. It is empty for other lines.
func kindOf(line string) string {
	message, attrs, found := strings.Cut(line, ": step=")
	if !found {
		return ""
	}
	step, _, _ := strings.Cut(attrs, " ")
	return message + ": step=" + step
}

// logger returns the logger of a run, and the warnings that it keeps.
func (a *app) logger() (*slog.Logger, *warnings) {
	w := &warnings{}
	if a.settings.Verbose {
		w.all = a.streams.Err
		return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelInfo})), w
	}
	if a.streams.ErrTerminal {
		w.say = func(line string) { a.say("warning: %s", line) }
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn, ReplaceAttr: forPeople})), w
}

// forPeople leaves out the time; Write takes the level off.
func forPeople(groups []string, attr slog.Attr) slog.Attr {
	if len(groups) == 0 && attr.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return attr
}

// Write implements io.Writer for a slog.TextHandler, which writes one record at
// a time: its level, its message and its attributes.
func (w *warnings) Write(record []byte) (int, error) {
	rest := strings.TrimSuffix(string(record), "\n")
	if strings.HasPrefix(rest, slog.TimeKey+"=") {
		_, rest, _ = strings.Cut(rest, " ")
	}
	level, rest, _ := strings.Cut(rest, " ")
	line := readable(rest)
	w.mu.Lock()
	defer w.mu.Unlock()
	if level == slog.LevelKey+"="+slog.LevelError.String() {
		if w.failed++; len(w.errors) < maxWarnings {
			w.errors = append(w.errors, line)
		}
	}
	switch {
	case w.all != nil:
		return w.all.Write(record)
	case w.say != nil:
		w.say(line)
	default:
		w.keep(warning{kind: kindOf(line), text: line})
	}
	return len(record), nil
}

func (w *warnings) keep(line warning) {
	i := slices.IndexFunc(w.lines, func(old warning) bool { return old.kind == line.kind })
	switch {
	case i >= 0 && line.kind != "":
		w.lines[i].more++
	case len(w.lines) == maxWarnings: // the last ones are nearest to the failure
		w.lines = append(w.lines[1:], line)
		w.lost++
	default:
		w.lines = append(w.lines, line)
	}
}

// readable turns msg="what happened" key=value into what happened: key=value.
func readable(record string) string {
	rest, ok := strings.CutPrefix(record, slog.MessageKey+"=")
	if !ok {
		return record
	}
	message, attrs, _ := strings.Cut(rest, " ")
	if quoted, err := strconv.QuotedPrefix(rest); err == nil {
		message, attrs = quoted, strings.TrimPrefix(rest[len(quoted):], " ")
		if text, err := strconv.Unquote(quoted); err == nil {
			message = text
		}
	}
	if attrs == "" {
		return message
	}
	return message + ": " + attrs
}

// kept returns the lines that were kept, with how many there were before them.
func (w *warnings) kept() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var lines []string
	if w.lost > 0 {
		lines = append(lines, plural(w.lost, "earlier warning")+" left out; --verbose shows all")
	}
	for _, kept := range w.lines {
		if kept.more > 0 {
			kept.text += " (and " + plural(kept.more, "more warning") + " of this kind; --verbose shows all)"
		}
		lines = append(lines, kept.text)
	}
	return lines
}

// failures returns how many errors there were, and the lines about them that
// nobody was told yet.
func (w *warnings) failures() (n int, untold []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all != nil || w.say != nil {
		return w.failed, nil
	}
	untold = w.errors
	if more := w.failed - len(w.errors); more > 0 {
		untold = append(untold, "and "+plural(more, "more failure")+" of this kind; --verbose shows all")
	}
	return w.failed, untold
}
