package definition

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
)

// scopes are those that a substitution can name.
var scopes = []string{
	ScopeJobParameters, ScopeJobProperties, ScopeProperties, ScopeEnv, ScopePartition, ScopeJobContext, ScopeStepContext,
	ScopeSteps, ScopeTotal,
}

// maxReferences bounds the substitutions of one text, and how deep defaults lie
// in each other.
const (
	maxReferences = 1000
	maxDefaults   = 8
)

// substitutionError is what is wrong with a substitution, and where in the text.
type substitutionError struct {
	offset    int // in bytes
	msg, hint string
}

// parseSubstitutions splits text into literals and references. A literal #{ is
// written ##{.
//
//	#{scope['key']}  #{scope["key"]}  #{steps['id'].field}
//	#{scope['key'] ?: 'default'}  #{scope['key'] ?: other['key'] ?: 'default'}
//	#{scope['key']}?:default;
func parseSubstitutions(text string) ([]Part, *substitutionError) {
	p := substitutions{text: text}
	parts := p.parts(0)
	return parts, p.err
}

type substitutions struct {
	text  string
	at    int
	count int
	err   *substitutionError
}

func (p *substitutions) fail(offset int, hint, format string, args ...any) {
	if p.err == nil {
		p.err = &substitutionError{offset: offset, msg: fmt.Sprintf(format, args...), hint: hint}
	}
}

// parts reads up to the end, or in a default (depth > 0) up to its ";".
func (p *substitutions) parts(depth int) []Part {
	var parts []Part
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			parts = append(parts, Part{Literal: literal.String()})
			literal.Reset()
		}
	}
	for p.err == nil && p.at < len(p.text) {
		rest := p.text[p.at:]
		switch {
		case strings.HasPrefix(rest, "##{"):
			literal.WriteString("#{")
			p.at += len("##{")
		case strings.HasPrefix(rest, "#{"):
			flush()
			if ref := p.reference(depth); ref != nil {
				parts = append(parts, Part{Ref: ref})
			}
		case depth > 0 && rest[0] == ';':
			flush()
			return parts
		default:
			literal.WriteByte(rest[0])
			p.at++
		}
	}
	if depth > 0 {
		p.fail(p.at, `write #{... ?: 'default'} instead`, `the default after }?: has no ";" at its end`)
	}
	flush()
	return parts
}

// reference reads #{...} and a default behind it.
func (p *substitutions) reference(depth int) *Reference {
	begin := p.at
	if p.count++; p.count > maxReferences {
		p.fail(begin, "", "more than %d substitutions in one text", maxReferences)
		return nil
	}
	p.at += len("#{")
	ref := p.operand(begin, depth)
	if ref == nil {
		return nil
	}
	if !strings.HasPrefix(p.text[p.at:], "}") {
		p.fail(begin, "the form is #{jobParameters['name']}", "the substitution is not closed behind %s['%s']",
			ref.Scope, core.EscapeControl(ref.Key))
		return nil
	}
	p.at++
	if !strings.HasPrefix(p.text[p.at:], "?:") {
		return ref
	}
	if ref.HasDefault {
		p.fail(p.at, "", "there are two defaults")
		return nil
	}
	if depth >= maxDefaults {
		p.fail(p.at, "", "defaults lie more than %d deep", maxDefaults)
		return nil
	}
	p.at += len("?:")
	ref.Default, ref.HasDefault = p.parts(depth+1), true
	p.at++ // the ;
	return ref
}

// operand reads scope['key'], and what follows ?: inside the braces.
func (p *substitutions) operand(begin, depth int) *Reference {
	p.spaces()
	start := p.at
	ref := &Reference{Scope: p.word()}
	switch {
	case ref.Scope == "":
		p.fail(begin, "the form is #{jobParameters['name']}", "a substitution names one of %s", listed(scopes, "and"))
		return nil
	case !slices.Contains(scopes, ref.Scope):
		p.fail(start, or(didYouMean(ref.Scope, scopes), p.meant(start)), "there is no scope %s, there are %s", core.Quote(ref.Scope), listed(scopes, "and"))
		return nil
	}
	ref.Line, ref.Column = 0, start // the place is made of the offset later
	if p.spaces(); !strings.HasPrefix(p.text[p.at:], "[") {
		p.fail(start, or(p.meant(start), "the form is #{"+ref.Scope+"['name']}"), "behind %s a key in brackets is expected", ref.Scope)
		return nil
	}
	p.at++
	key, ok := p.quoted()
	if !ok {
		p.fail(p.at, "the form is #{"+ref.Scope+"['name']}", "the key stands in quotes between the brackets")
		return nil
	}
	ref.Key = key
	if p.spaces(); !strings.HasPrefix(p.text[p.at:], "]") {
		p.fail(start, "", "the bracket behind the key %s is not closed", core.Quote(key))
		return nil
	}
	p.at++
	if !p.field(ref) {
		return nil
	}
	p.spaces()
	if strings.HasPrefix(p.text[p.at:], "?:") {
		return p.elvis(ref, begin, depth)
	}
	return ref
}

// bareName is a name in braces without a scope, or behind one and a point.
var bareName = lateRegexp(`^(?:([A-Za-z]+)\.)?([A-Za-z_][\w-]*) *\}`)

// meant returns a hint with the parameter or the like that a bare name stands for;
// "" when there is none.
func (p *substitutions) meant(start int) string {
	name := bareName().FindStringSubmatch(p.text[start:])
	switch {
	case name == nil || slices.Contains(scopes, name[2]):
		return ""
	case name[1] == "":
		return "did you mean #{" + ScopeJobParameters + "['" + name[2] + "']}?"
	case slices.Contains(scopes, name[1]) && name[1] != ScopeSteps:
		return "write #{" + name[1] + "['" + name[2] + "']}"
	}
	return ""
}

// field reads the .field behind steps['id'].
func (p *substitutions) field(ref *Reference) bool {
	if ref.Scope != ScopeSteps {
		return true
	}
	start, field := p.at, ""
	if strings.HasPrefix(p.text[p.at:], ".") {
		p.at++
		field = p.word()
	}
	if !slices.Contains(fieldsOfStep, field) {
		p.fail(start, didYouMean(field, fieldsOfStep), "of a step one of %s can be asked, as in #{steps['id'].readCount}",
			listed(fieldsOfStep, "and"))
		return false
	}
	ref.Key += "." + field
	return true
}

// elvis reads ?: 'default', or ?: another operand.
func (p *substitutions) elvis(ref *Reference, begin, depth int) *Reference {
	p.at += len("?:")
	p.spaces()
	ref.HasDefault = true
	if text, ok := p.quoted(); ok {
		if text != "" {
			ref.Default = []Part{{Literal: text}}
		}
		p.spaces()
		return ref
	}
	if depth >= maxDefaults {
		p.fail(p.at, "", "defaults lie more than %d deep", maxDefaults)
		return nil
	}
	other := p.operand(begin, depth+1)
	if other == nil {
		return nil
	}
	ref.Default = []Part{{Ref: other}}
	return ref
}

// quoted reads a text in single or double quotes; a quote within is doubled.
func (p *substitutions) quoted() (string, bool) {
	p.spaces()
	if p.at >= len(p.text) || p.text[p.at] != '\'' && p.text[p.at] != '"' {
		return "", false
	}
	quote, at := p.text[p.at], p.at+1
	var b strings.Builder
	for ; at < len(p.text); at++ {
		if p.text[at] == quote {
			if at+1 >= len(p.text) || p.text[at+1] != quote {
				p.at = at + 1
				return b.String(), true
			}
			at++
		}
		b.WriteByte(p.text[at])
	}
	return "", false
}

func (p *substitutions) word() string {
	start := p.at
	for p.at < len(p.text) && (p.text[p.at] == '_' || 'a' <= p.text[p.at]|0x20 && p.text[p.at]|0x20 <= 'z') {
		p.at++
	}
	return p.text[start:p.at]
}

func (p *substitutions) spaces() {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\n') {
		p.at++
	}
}

// walkRefs calls f for every reference of parts, those in defaults included.
func walkRefs(parts []Part, f func(*Reference)) {
	for _, p := range parts {
		if p.Ref != nil {
			f(p.Ref)
			walkRefs(p.Ref.Default, f)
		}
	}
}

// placeIn returns where the byte of a scalar's value stands in the file: exactly
// for what is written in one line without escapes and for a block, else the
// beginning of the scalar.
func (s *source) placeIn(t Text, offset int) Pos {
	line := s.line(t.Line)
	from := byteIndex(line, t.Column-1)
	if t.Quoted && from < len(line) && (line[from] == '\'' || line[from] == '"') {
		from++
	}
	before := t.Value[:min(offset, len(t.Value))]
	if from <= len(line) && strings.HasPrefix(line[from:], before) && !strings.Contains(before, "\n") {
		return Pos{t.Line, utf8.RuneCountInString(line[:from+len(before)]) + 1}
	}
	if from < len(line) && line[from] == '|' {
		n := strings.Count(before, "\n")
		last := before[strings.LastIndexByte(before, '\n')+1:]
		value := strings.Split(t.Value, "\n")[n]
		if i := strings.Index(s.line(t.Line+1+n), value); i >= 0 {
			return Pos{t.Line + 1 + n, utf8.RuneCountInString(s.line(t.Line + 1 + n)[:i]+last) + 1}
		}
	}
	return t.Pos()
}
