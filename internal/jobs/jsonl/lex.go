package jsonl

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// number reads a number, as JSON has them.
func (p *parser) number() ([]byte, error) {
	start := p.at
	digits := func() bool {
		from := p.at
		for p.at < len(p.text) && '0' <= p.text[p.at] && p.text[p.at] <= '9' {
			p.at++
		}
		return p.at > from
	}
	is := func(set string) bool {
		if p.at < len(p.text) && bytes.IndexByte([]byte(set), p.text[p.at]) >= 0 {
			p.at++
			return true
		}
		return false
	}
	is("-")
	zero := p.at < len(p.text) && p.text[p.at] == '0'
	first := p.at
	ok := digits() && (!zero || p.at == first+1)
	if ok && is(".") {
		ok = digits()
	}
	if ok && is("eE") {
		is("+-")
		ok = digits()
	}
	if !ok {
		return nil, p.wrong(start, "want a number such as -1.5")
	}
	return p.text[start:p.at], nil
}

// string reads a text in quotes. What it returns may be part of the line, or of a
// buffer that the next text overwrites.
func (p *parser) string() ([]byte, error) {
	start := p.at
	p.at++
	from := p.at
	for ; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			return p.text[from : p.at-1], nil
		case c == '\\':
			return p.escaped(start, from)
		case c < ' ':
			return nil, p.wrong(p.at, "a control character has to be escaped in a text")
		}
	}
	return nil, p.wrong(start, `the text is not closed by a "`)
}

// escaped goes on with a text at its first escape.
func (p *parser) escaped(start, from int) ([]byte, error) {
	p.buf = append(p.buf[:0], p.text[from:p.at]...)
	for p.at < len(p.text) {
		c := p.text[p.at]
		switch {
		case c == '"':
			p.at++
			return p.buf, nil
		case c < ' ':
			return nil, p.wrong(p.at, "a control character has to be escaped in a text")
		case c != '\\':
			p.buf = append(p.buf, c)
			p.at++
			continue
		}
		if err := p.escape(); err != nil {
			return nil, err
		}
	}
	return nil, p.wrong(start, `the text is not closed by a "`)
}

// escapes are the letters behind a backslash and what they mean.
const (
	escapes  = `"\/bfnrt`
	escapeds = "\"\\/\b\f\n\r\t"
)

// escape reads one escape, or two that make one character.
func (p *parser) escape() error {
	at := p.at
	if at+1 == len(p.text) {
		return p.wrong(at, "the escape is not complete")
	}
	c := p.text[at+1]
	if i := bytes.IndexByte([]byte(escapes), c); i >= 0 {
		p.buf = append(p.buf, escapeds[i])
		p.at += 2
		return nil
	}
	r, ok := p.unit(at)
	if !ok {
		return p.wrong(at, "there is no such escape")
	}
	p.at += 6
	if utf16.IsSurrogate(r) {
		second, ok := p.unit(p.at)
		whole := utf16.DecodeRune(r, second)
		if !ok || whole == utf8.RuneError {
			return p.wrong(at, "half of a surrogate pair is no character")
		}
		p.at += 6
		r = whole
	}
	p.buf = utf8.AppendRune(p.buf, r)
	return nil
}

// unit reads \uXXXX at an offset.
func (p *parser) unit(at int) (rune, bool) {
	if at+6 > len(p.text) || p.text[at] != '\\' || p.text[at+1] != 'u' || p.text[at+2] == '+' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(p.text[at+2:at+6]), 16, 16)
	return rune(n), err == nil
}
