package definition

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// slip is a mistake in the form of a file, where it was made: the parser of YAML
// stops only where it can go on no longer, often lines behind it.
type slip struct {
	at        Pos
	msg, hint string
}

// row is a line that is neither empty nor a comment, nor within a block of text.
type row struct {
	line   int    // counted from 1
	indent int    // in bytes
	text   string // without indentation and line end
}

// dashed reports whether the row begins an entry of a list.
func (r row) dashed() bool { return r.text == "-" || strings.HasPrefix(r.text, "- ") }

// These tell the rows of a definition apart.
var (
	rowKey      = lateRegexp(`^([A-Za-z_][\w.-]*):(?:\s|$)`)
	rowWord     = lateRegexp(`^(?:- )*([A-Za-z_][\w-]*)$`)
	rowNoColon  = lateRegexp(`^(?:- )*([a-z][a-z-]*) +[^\s:#].*$`)
	rowNoSpace  = lateRegexp(`^(?:- )*([a-z][a-z-]*):[^\s/:]`)
	rowColonEnd = lateRegexp(`[{,] *([a-z][a-z-]*):$`)
	rowBlock    = lateRegexp(`(?:^|[:-] +)[|>][-+0-9]*(?:\s+#.*)?$`)
	rowAnyEntry = lateRegexp(`^\s*(?:- |(?:- )*[A-Za-z_][\w.-]*:(?:\s|$))`)
)

// rows returns the rows up to a line.
func (s *source) rows(last int) []row {
	var all []row
	block := -1 // the indentation of what holds a block of text; -1: there is none
	for n := 1; n <= last; n++ {
		text := strings.TrimRight(s.line(n), " \t\r")
		trimmed := strings.TrimLeft(text, " ")
		indent := len(text) - len(trimmed)
		if trimmed == "" || block >= 0 && indent > block {
			continue
		}
		block = -1
		if trimmed[0] == '#' {
			continue
		}
		all = append(all, row{n, indent, trimmed})
		if rowBlock().MatchString(trimmed) {
			block = indent
		}
	}
	return all
}

// slip looks for the mistake that makes the parser stop at a place. It finds one
// only where nothing else can have been meant.
func (s *source) slip(at Pos) (slip, bool) {
	rows := s.rows(at.Line)
	for _, find := range []func([]row, Pos) (slip, bool){s.foreignSpace, s.openQuote, openBracket, s.colonBefore, s.missingColon, s.outdented, s.noEntry} {
		if found, ok := find(rows, at); ok {
			return found, true
		}
	}
	return slip{}, false
}

// foreignSpace finds a space that is none to YAML, in the indentation or behind a
// colon or dash.
func (s *source) foreignSpace(rows []row, _ Pos) (slip, bool) {
	const near = 3 // rows
	for i, r := range slices.Backward(rows) {
		begin := true // only spaces, dashes and keys with a colon so far
		before := ' '
		for j, c := range r.text {
			switch {
			case c > unicode.MaxASCII && unicode.IsSpace(c) && (begin || before == ':' && i >= len(rows)-near):
				at := Pos{r.line, r.indent + utf8.RuneCountInString(r.text[:j]) + 1}
				return slip{at, fmt.Sprintf("the space here is a U+%04X%s, which is none to YAML", c, nameOfSpace(c)), "write an ordinary space"}, true
			case c != '-' && c != ' ':
				begin = false
			}
			before = c
		}
	}
	return slip{}, false
}

func nameOfSpace(r rune) string {
	if r == 0xa0 || r == 0x202f {
		return ", a no-break space"
	}
	return ""
}

// openQuote finds a quote that is closed only by the one that begins a value some
// lines below.
func (s *source) openQuote(rows []row, at Pos) (slip, bool) {
	for _, r := range slices.Backward(rows) {
		i := unclosed(r.text)
		if i < 0 || r.line == at.Line {
			continue
		}
		quote, keys := r.text[i], 0
		for n := r.line + 1; n <= at.Line; n++ {
			text := s.line(n)
			if rowAnyEntry().MatchString(text) {
				keys++
			}
			if strings.IndexByte(text, quote) < 0 {
				continue
			}
			if n != at.Line || keys == 0 {
				break
			}
			return slip{
				Pos{r.line, r.indent + utf8.RuneCountInString(r.text[:i]) + 1},
				"this quote is not closed",
				fmt.Sprintf("put a %c behind the value; the next one is in line %d only", quote, n),
			}, true
		}
		return slip{}, false
	}
	return slip{}, false
}

// openBracket finds a bracket that is not closed in its row, when the next row is
// one of its neighbours and not of what lies within the bracket.
func openBracket(rows []row, _ Pos) (slip, bool) {
	for i := len(rows) - 2; i >= 0; i-- {
		r, next := rows[i], rows[i+1]
		open := brackets(r.text)
		if len(open) == 0 {
			continue
		}
		own := r.indent
		if r.dashed() {
			own += len("- ")
		}
		if next.indent > own || !rowAnyEntry().MatchString(next.text) {
			return slip{}, false
		}
		var missing strings.Builder
		for _, at := range slices.Backward(open) {
			missing.WriteByte(r.text[at] + 2) // ] and } are two behind [ and {
		}
		return slip{
			Pos{r.line, r.indent + utf8.RuneCountInString(r.text[:open[0]]) + 1},
			"the bracket " + r.text[open[0]:open[0]+1] + " is not closed", "put " + missing.String() + " at the end of the line",
		}, true
	}
	return slip{}, false
}

// brackets returns where the brackets are that a row opens and does not close.
func brackets(text string) (open []int) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case (c == '"' || c == '\'') && beginsValue(text[:i]):
			i += quotedLength(text[i:])
		case (c == '{' || c == '[') && (len(open) > 0 || beginsValue(text[:i])):
			open = append(open, i)
		case (c == '}' || c == ']') && len(open) > 0:
			open = open[:len(open)-1]
		case c == '#' && i > 0 && text[i-1] == ' ':
			return open
		}
	}
	return open
}

// quotedLength returns how many bytes the text in quotes at the beginning has
// behind its first.
func quotedLength(text string) int {
	for i := 1; i < len(text); i++ {
		switch {
		case text[0] == '"' && text[i] == '\\':
			i++
		case text[i] != text[0]:
		case text[0] == '\'' && strings.HasPrefix(text[i+1:], "'"):
			i++
		default:
			return i
		}
	}
	return len(text) - 1
}

// unclosed returns where in a row a value in quotes begins that has no end in it;
// -1 when there is none.
func unclosed(text string) int {
	open := -1
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case open < 0 && (c == '"' || c == '\'') && beginsValue(text[:i]):
			open = i
		case open < 0 && c == '#' && i > 0 && text[i-1] == ' ':
			return -1
		case open < 0:
		case c == '\\' && text[open] == '"':
			i++
		case c == text[open]:
			if c == '\'' && strings.HasPrefix(text[i+1:], "'") {
				i++
				continue
			}
			open = -1
		}
	}
	return open
}

// beginsValue reports whether a value can begin behind this part of a row.
func beginsValue(before string) bool {
	trimmed := strings.TrimRight(before, " ")
	if trimmed == "" || strings.ContainsAny(trimmed[len(trimmed)-1:], "[{,") {
		return true
	}
	return len(trimmed) < len(before) && strings.ContainsAny(trimmed[len(trimmed)-1:], ":-")
}

// colonBefore finds a colon without a space behind it between brackets: there it
// is part of a text.
func (s *source) colonBefore(_ []row, at Pos) (slip, bool) {
	line := s.line(at.Line)
	i := byteIndex(line, at.Column-1)
	if word := rowColonEnd().FindStringSubmatch(line[:i]); word != nil && i < len(line) && strings.IndexByte("{[", line[i]) >= 0 {
		return slip{at, "a space is missing behind the colon", "write " + word[1] + ": " + line[i:i+1] + "..."}, true
	}
	return slip{}, false
}

// missingColon finds a key without one: a word alone, and below it, further to the
// right, what it should hold; or a word and a value, and then another key.
func (s *source) missingColon(rows []row, at Pos) (slip, bool) {
	for i := len(rows) - 1; i >= max(0, len(rows)-2); i-- {
		r := rows[i]
		if word := rowWord().FindStringSubmatch(r.text); word != nil && i+1 < len(rows) && holds(r, rows[i+1]) {
			return missing(r, r.text, word[1]), true
		}
		// A value over several lines has no key as its neighbour at its own indentation.
		word, space := rowNoColon().FindStringSubmatchIndex(r.text), rowNoSpace().FindStringSubmatchIndex(r.text)
		switch {
		case word == nil && space == nil || !s.beside(rows, i, at) && !beginsEntry(rows, i):
		case word != nil:
			return missing(r, r.text[:word[3]], r.text[word[2]:word[3]]), true
		default:
			return slip{Pos{r.line, r.indent + space[3] + 2}, "a space is missing behind the colon", "write " + r.text[:space[3]] + ": " + r.text[space[3]+1:]}, true
		}
	}
	return slip{}, false
}

func missing(r row, before, word string) slip {
	return slip{Pos{r.line, r.indent + len(before) + 1}, "a colon is missing behind " + word, "write " + word + ":"}
}

// holds reports whether a row is an entry of what the one before it begins.
func holds(r, next row) bool {
	return next.indent > r.indent && (rowKey().MatchString(next.text) || next.dashed())
}

// beside reports whether the rows around the i-th are keys of the same map.
func (s *source) beside(rows []row, i int, at Pos) bool {
	key := func(j int) bool {
		return j >= 0 && j < len(rows) && rows[j].indent == rows[i].indent && !rows[j].dashed() && rowKey().MatchString(rows[j].text)
	}
	if rows[i].dashed() {
		return false
	}
	next := s.rows(min(at.Line+1, strings.Count(s.text, "\n")+1))
	behind := i+1 < len(next) && next[i+1].indent == rows[i].indent && rowKey().MatchString(next[i+1].text)
	return (key(i-1) || behind) && (i == len(rows)-1 || key(i+1))
}

// beginsEntry reports whether the i-th row begins an entry of a list that goes on
// with the key in the next.
func beginsEntry(rows []row, i int) bool {
	return i+1 < len(rows) && rows[i].dashed() && !rows[i+1].dashed() && rows[i+1].indent == rows[i].indent+len("- ") && rowKey().MatchString(rows[i+1].text)
}

// lateRegexp compiles a pattern when it is first asked for: most starts of the
// program read no definition.
func lateRegexp(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}
