package definition

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"

	"github.com/batchctl/batchctl/internal/core"
)

// Limits of a definition file.
const (
	MaxSize     = 1 << 20 // bytes
	MaxDepth    = 64      // of nesting
	maxProblems = 100     // that are reported of one file
)

// source is the text of a file, and what was found wrong with it.
type source struct {
	path     string
	text     string
	lines    []string // split when first needed
	problems Problems
	grammar  *grammar // says which keys stand together; nil: nobody asks
	// swallowed are lines on which a comment has taken a substitution: that a
	// value is missing there only follows from it.
	swallowed map[int]bool
}

// add notes a problem.
func (s *source) add(at Pos, hint, format string, args ...any) {
	if len(s.problems) >= maxProblems {
		return
	}
	at = s.inside(at)
	s.problems = append(s.problems, Problem{
		File: s.path, Line: at.Line, Column: at.Column,
		Message: fmt.Sprintf(format, args...), Hint: hint, Source: s.line(at.Line),
	})
}

// inside moves a place behind the end of the file, or of a line, to that end.
func (s *source) inside(at Pos) Pos {
	s.line(1)
	if at.Line > len(s.lines) {
		at = Pos{len(s.lines), MaxSize}
		if at.Line > 1 && s.lines[at.Line-1] == "" {
			at.Line--
		}
	}
	if at.Line > 0 {
		at.Column = min(max(at.Column, 1), utf8.RuneCountInString(strings.TrimSuffix(s.lines[at.Line-1], "\r"))+1)
	}
	return at
}

// line returns the text of a line, "" when there is none.
func (s *source) line(n int) string {
	if s.lines == nil {
		s.lines = strings.Split(s.text, "\n")
	}
	if n < 1 || n > len(s.lines) {
		return ""
	}
	return s.lines[n-1]
}

// open parses the text into nodes. nil means that there are none to look at, and
// that the problems say why.
func (s *source) open(text []byte) *yaml.Node {
	if len(text) > MaxSize {
		s.add(Pos{}, "a definition is written by hand; put data into files of their own",
			"the file has %d bytes, at most %d are read", len(text), MaxSize)
		return nil
	}
	s.text = string(bytes.TrimPrefix(text, []byte("\ufeff")))
	if !s.characters() {
		return nil
	}
	loader, err := yaml.NewLoader(strings.NewReader(s.text), yaml.WithUniqueKeys(false), yaml.WithSingleDocument(false),
		yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(MaxDepth))))
	if err != nil {
		s.add(Pos{}, "", "%v", err)
		return nil
	}
	var doc, second yaml.Node
	err = loader.Load(&doc)
	switch {
	case errors.Is(err, io.EOF):
		s.add(Pos{1, 1}, "it begins with job: NAME", "the file is empty")
		return nil
	case err != nil:
		s.syntax(err)
		return nil
	}
	s.comments(&doc)
	if err := loader.Load(&second); !errors.Is(err, io.EOF) {
		s.second(&second)
	}
	s.plain(&doc)
	if len(doc.Content) == 0 {
		return nil
	}
	return doc.Content[0]
}

// characters refuses what is no text, and what makes a text look like another.
func (s *source) characters() bool {
	line, column := 1, 0
	for i, r := range s.text {
		column++
		at := Pos{line, column}
		switch {
		case r == '\n':
			line, column = line+1, 0
		case r == utf8.RuneError && s.text[i] != 0xef:
			s.add(at, "save the file as UTF-8", "the byte 0x%02x is not UTF-8", s.text[i])
			return false
		case r == 0:
			s.add(at, "save the file as UTF-8", "there is a NUL character; UTF-16 looks like that")
			return false
		case r == '\r' && !strings.HasPrefix(s.text[i:], "\r\n"):
			s.add(at, "end lines with a line feed", "there is a carriage return in the middle of a line")
			return false
		case r == '\t' || r == '\r' || r < 0x7f && r >= ' ':
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == 0x2028, r == 0x2029, r == 0xfeff:
			s.add(at, `in double quotes it can be written as \u`+fmt.Sprintf("%04x", r),
				"there is a character U+%04X, which is not seen", r)
			return false
		}
	}
	return true
}

// second reports another document.
func (s *source) second(doc *yaml.Node) {
	at := Pos{doc.Line, doc.Column}
	for n := range strings.Count(s.text, "\n") + 1 {
		if line := s.line(n + 1); (strings.HasPrefix(line, "---") || strings.HasPrefix(line, "...")) && s.begun(n) {
			at = Pos{n + 1, 1}
			break
		}
	}
	s.add(at, "put each job into a file of its own", "another document begins here, but a file holds one job")
}

// begun reports whether there is content in the first n lines.
func (s *source) begun(n int) bool {
	for i := range n {
		line := strings.TrimSpace(s.line(i + 1))
		if line != "" && line[0] != '#' && line[0] != '%' && line != "---" {
			return true
		}
	}
	return false
}

// plain refuses what makes a definition mean more than what is seen.
func (s *source) plain(n *yaml.Node) {
	at := Pos{n.Line, n.Column}
	switch {
	case n.Kind == yaml.AliasNode:
		s.add(at, "write the value out", "the alias *%s is refused: a definition says what it means in place", core.EscapeControl(n.Value))
		return
	case n.Anchor != "":
		s.add(at, "take it away", "the anchor &%s is refused: a definition says what it means in place", core.EscapeControl(n.Anchor))
	case n.Style&yaml.TaggedStyle != 0:
		s.add(at, "take it away; the type of a value is known from its key", "the tag %s is refused", core.EscapeControl(n.Tag))
	}
	for _, c := range n.Content {
		s.plain(c)
	}
}

// suspect is a #{ that YAML may take for the beginning of a comment.
type suspect struct{ line, index int }

// suspects finds every #{ that begins a line or stands behind a space.
func (s *source) suspects() []suspect {
	var all []suspect
	for at := 0; ; {
		i := strings.Index(s.text[at:], "#{")
		if i < 0 {
			return all
		}
		at += i
		if at == 0 || s.text[at-1] == ' ' || s.text[at-1] == '\t' || s.text[at-1] == '\n' {
			begin := strings.LastIndexByte(s.text[:at], '\n') + 1
			all = append(all, suspect{strings.Count(s.text[:at], "\n") + 1, at - begin})
			if len(all) > maxSuspects {
				return all
			}
		}
		at += len("#{")
	}
}

// maxSuspects bounds what is looked at closely.
const maxSuspects = 1000

// comments reports comments that were meant to be substitutions.
func (s *source) comments(doc *yaml.Node) {
	suspects := s.suspects()
	if suspects == nil {
		return
	}
	var texts []*yaml.Node // scalars that may hold a # by right
	var collect func(n *yaml.Node)
	collect = func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && n.Style&^yaml.TaggedStyle != 0 && strings.Contains(n.Value, "#{") {
			texts = append(texts, n)
		}
		for _, c := range n.Content {
			collect(c)
		}
	}
	collect(doc)
	for _, p := range suspects {
		if !s.swallowed[p.line] && !slices.ContainsFunc(texts, func(t *yaml.Node) bool { return s.within(t, p.line, p.index) }) {
			s.swallow(p.line, p.index)
		}
	}
}

// within reports whether the byte of that line lies in the scalar.
func (s *source) within(n *yaml.Node, line, index int) bool {
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return n.Line < line && strings.Contains(n.Value, strings.TrimSpace(s.line(line)))
	}
	quote := byte('"')
	if n.Style&yaml.SingleQuotedStyle != 0 {
		quote = '\''
	}
	at := byteIndex(s.line(n.Line), n.Column-1) + 1 // behind the quote
	for l := n.Line; l <= line; l++ {
		text := s.line(l)
		for at < len(text) {
			switch {
			case l == line && at == index:
				return true
			case quote == '"' && text[at] == '\\':
				at++
			case quote == '\'' && strings.HasPrefix(text[at:], "''"):
				at++
			case text[at] == quote:
				return false
			}
			at++
		}
		at = 0
	}
	return false
}

// byteIndex returns where the n-th character of text begins.
func byteIndex(text string, n int) int {
	for i := range text {
		if n == 0 {
			return i
		}
		n--
	}
	return len(text)
}

// swallow reports a comment that begins with #{.
func (s *source) swallow(line, index int) {
	if s.swallowed == nil {
		s.swallowed = map[int]bool{}
	}
	s.swallowed[line] = true
	text := s.line(line)
	rest, _, _ := strings.Cut(text[index:], "\r")
	if end := strings.Index(rest, "}"); end >= 0 {
		rest = rest[:end+1]
	}
	s.add(Pos{line, utf8.RuneCountInString(text[:index]) + 1}, `put the value into quotes: "`+rest+`"`,
		"YAML takes this for a comment, and the value is lost: a # behind a space begins one")
}

// syntax reports what the YAML parser has found.
func (s *source) syntax(err error) {
	at, msg := Pos{1, 1}, err.Error()
	if known, ok := errors.AsType[*yaml.LoadError](err); ok {
		msg = known.Message
		at = Pos{known.Mark.Line, known.Mark.Column}
		// A quote that is not closed is found at the end of the file.
		if c := known.ContextMark; c.Line > 0 && (strings.Contains(msg, "end of stream") || strings.Contains(msg, "expected ':'")) {
			at = Pos{c.Line, c.Column}
		}
	}
	for _, p := range s.suspects() { // that may be all that is wrong
		before := strings.TrimRight(s.line(p.line)[:p.index], " \t")
		if p.line <= at.Line && !s.swallowed[p.line] && (before == "" || strings.ContainsAny(before[len(before)-1:], "-:,[{")) {
			s.swallow(p.line, p.index)
		}
	}
	if s.swallowed != nil {
		return
	}
	hint := ""
	for _, t := range syntaxTexts {
		if strings.Contains(msg, t.yaml) {
			msg, hint = t.text, t.hint
			break
		}
	}
	line := s.line(at.Line)
	if tab := strings.IndexByte(line, '\t'); tab >= 0 && strings.TrimLeft(line[:tab], " -") == "" {
		at.Column = utf8.RuneCountInString(line[:tab]) + 1
		msg, hint = "a tab cannot indent", "indent with spaces"
	} else if found, ok := s.slip(at); ok {
		at, msg, hint = found.at, found.msg, found.hint
	}
	s.add(at, hint, "%s", msg)
}

// syntaxTexts say in our words what the parser says in its own.
var syntaxTexts = []struct{ yaml, text, hint string }{
	{"exceeded max depth", fmt.Sprintf("nested deeper than %d levels", MaxDepth), ""},
	{"tab character that violates", "a tab cannot indent", "indent with spaces"},
	{
		"mapping values are not allowed", `a second ":" in one line, or a line that is indented too far`,
		"put a value that holds a colon into quotes",
	},
	{"cannot start any token", "a plain value cannot begin with this character", "put the value into quotes"},
	{"unexpected end of stream", "this quote is not closed", ""},
	{"could not find expected ':'", `this is no "key: value"`, `a list entry is "- value", with a space; a key ends with a colon`},
	{
		"did not find expected key", `here a key is expected, at the indentation of the others`,
		"look at the indentation of this line and the one before; what follows a closing quote is an error too",
	},
	{"did not find expected '-' indicator", "here an entry of the list is expected", "look at the indentation"},
	{"did not find expected ',' or", "the bracket is not closed", "entries between brackets are separated by commas"},
	{"did not find expected node content", "here a value is expected", ""},
	{"block sequence entries are not allowed", "a list cannot begin in the line of its key", `put "- value" into the next line`},
	{"unknown anchor", "an alias is refused: a definition says what it means in place", "write the value out, or put it into quotes"},
	{"hexadecimal number", `after \x, \u and \U hexadecimal digits are expected`, `write \\ for a backslash, or use single quotes`},
	{"unknown escape character", `there is no such escape in double quotes`, `write \\ for a backslash, or use single quotes`},
}
