package definition

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
)

// Problem is one thing that is wrong with a definition.
type Problem struct {
	File string `json:"file"` // as it was given or found
	// Line and Column are counted from 1, the column in characters; 0 when the
	// file as a whole is meant.
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"` // one line, values quoted
	Hint    string `json:"hint,omitempty"`
	// Source is the line of the file, as it is; empty when it is not known.
	Source string `json:"source,omitempty"`
}

// Where returns "file:line:column", or as much of it as is known.
func (p Problem) Where() string {
	where := core.EscapeControl(p.File)
	if p.Line > 0 {
		where += fmt.Sprintf(":%d:%d", p.Line, p.Column)
	}
	return where
}

// Text returns the problem as it is shown to a person: place and message, the
// line of the file with a caret below the place, and the hint. Nothing in it can
// steer a terminal.
func (p Problem) Text() string {
	var b strings.Builder
	b.WriteString(p.Where() + ": " + core.EscapeControl(p.Message) + "\n")
	if p.Line > 0 && strings.TrimSpace(p.Source) != "" {
		line, caret := excerpt(p.Source, p.Column)
		number := fmt.Sprintf("%5d", p.Line)
		b.WriteString(number + " | " + line + "\n")
		b.WriteString(strings.Repeat(" ", len(number)) + " | " + strings.Repeat(" ", caret) + "^\n")
	}
	if p.Hint != "" {
		b.WriteString("      = " + core.EscapeControl(p.Hint) + "\n")
	}
	return b.String()
}

// Problems are an error that is an ErrJobDefinition. In order they go by file
// and place.
type Problems []Problem

// Error returns the first problem in one line, and how many there are besides.
func (ps Problems) Error() string {
	if len(ps) == 0 {
		return "no problems"
	}
	text := ps[0].Where() + ": " + core.EscapeControl(ps[0].Message)
	switch more := len(ps) - 1; {
	case more == 1:
		text += " (and one more problem)"
	case more > 1:
		text += fmt.Sprintf(" (and %d more problems)", more)
	}
	return text
}

// Unwrap makes them an ErrJobDefinition.
func (ps Problems) Unwrap() error { return core.ErrJobDefinition }

// Err returns ps as an error, nil when there are none.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// Text returns the texts of all problems, an empty line between them.
func (ps Problems) Text() string {
	texts := make([]string, len(ps))
	for i, p := range ps {
		texts[i] = p.Text()
	}
	return strings.Join(texts, "\n")
}

// sortProblems sorts by file and place.
func sortProblems(ps []Problem) {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// Of a line that is too long, so much is shown around the caret.
const (
	excerptBefore = 50
	excerptAfter  = 50
)

// excerpt returns the line as it can be shown, cut around the column, and how
// many cells stand before the place.
func excerpt(line string, column int) (shown string, caret int) {
	runes := []rune(strings.TrimRight(line, "\r\n \t"))
	at := min(max(column-1, 0), len(runes))
	from, to := 0, len(runes)
	var b strings.Builder
	if at > excerptBefore+10 {
		from = at - excerptBefore
		b.WriteString("...")
	}
	cut := to-at > excerptAfter+10
	if cut {
		to = at + excerptAfter
	}
	for i, r := range runes[from:to] {
		if from+i == at {
			caret = cells(b.String())
		}
		if r == '\t' {
			b.WriteByte(' ')
			continue
		}
		b.WriteString(core.EscapeControl(string(r)))
	}
	if at == to {
		caret = cells(b.String())
	}
	if cut {
		b.WriteString("...")
	}
	return b.String(), caret
}

// cells counts the cells that text takes on a terminal: two for the scripts of
// East Asia, none for marks that combine.
func cells(text string) int {
	n := 0
	for _, r := range text {
		switch {
		case r < utf8.RuneSelf:
			n++
		case unicode.Is(unicode.Mn, r):
		case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff,
			r >= 0xfe30 && r <= 0xfe6f, r >= 0xff01 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1faff,
			r >= 0x20000 && r <= 0x3fffd:
			n += 2
		default:
			n++
		}
	}
	return n
}

// didYouMean returns a hint with the candidate that name is nearest to, or "".
func didYouMean(name string, candidates []string) string {
	if near := core.Nearest(name, candidates); near != "" && near != name {
		return "did you mean " + near + "?"
	}
	return ""
}

// listed joins names for a message: "a, b and c".
func listed(names []string, last string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	n := len(names) - 1
	return strings.Join(names[:n], ", ") + " " + last + " " + names[n]
}
