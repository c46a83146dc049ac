package infile

import (
	"bytes"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
)

// maxKnown bounds how many characters an Encoder remembers.
const maxKnown = 1 << 16

// Encoder makes UTF-8 into the bytes of a Charset. It has no state between
// characters, so what it makes can be cut and continued behind any of them. It is
// not safe for concurrent use.
type Encoder struct {
	charset Charset
	enc     *encoding.Encoder
	known   map[rune]string // empty for what the charset lacks
	scratch []byte
}

// NewEncoder returns an Encoder; nil for UTF-8, which needs none.
func (c Charset) NewEncoder() *Encoder {
	switch {
	case c.order != nil:
		return &Encoder{charset: c}
	case c.enc != nil:
		return &Encoder{charset: c, enc: c.enc.NewEncoder(), known: make(map[rune]string)}
	}
	return nil
}

// Append appends text, which is UTF-8, to dst in the encoding. Of a text with a
// character that the encoding lacks nothing is appended; that is returned, and
// ok is false. A character is lacking too when its bytes would be read as
// another.
func (e *Encoder) Append(dst, text []byte) (out []byte, lacks rune, ok bool) {
	start := len(dst)
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			i++
			if e.enc == nil {
				dst = e.unit(dst, rune(c))
			} else {
				dst = append(dst, c)
			}
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		i += size
		if e.enc == nil {
			if r == utf8.RuneError && size == 1 {
				return dst[:start], r, false
			}
			dst = e.wide(dst, r)
			continue
		}
		b := e.bytes(r)
		if b == "" {
			return dst[:start], r, false
		}
		dst = append(dst, b...)
	}
	return dst, 0, true
}

// Has reports whether the encoding has the character.
func (e *Encoder) Has(r rune) bool {
	return e == nil || e.enc == nil || r < utf8.RuneSelf || e.bytes(r) != ""
}

// Measure returns how many bytes text takes. Where it has a character that the
// encoding lacks, that is returned, and ok is false. A nil Encoder is that of
// UTF-8.
func (e *Encoder) Measure(text string) (n int, lacks rune, ok bool) {
	if e == nil {
		return len(text), 0, true
	}
	e.scratch, lacks, ok = e.Append(e.scratch[:0], []byte(text))
	return len(e.scratch), lacks, ok
}

// Misleads reports whether a file that begins with text would be taken for one
// of another encoding, or for a packed one.
func (e *Encoder) Misleads(text string) bool {
	if e == nil || e.enc == nil {
		return strings.HasPrefix(text, "\ufeff")
	}
	letters := 0
	for i := range text { // no mark is longer than four bytes
		if letters++; letters > 4 {
			text = text[:i]
			break
		}
	}
	var ok bool
	if e.scratch, _, ok = e.Append(e.scratch[:0], []byte(text)); !ok {
		return false
	}
	b := e.scratch
	for _, mark := range []string{"\ufeff", "\xff\xfe", "\xfe\xff"} {
		if bytes.HasPrefix(b, []byte(mark)) {
			return true
		}
	}
	return PackedHint(b) != ""
}

// wide appends a character as UTF-16.
func (e *Encoder) wide(dst []byte, r rune) []byte {
	if first, second := utf16.EncodeRune(r); first != utf8.RuneError {
		return e.unit(e.unit(dst, first), second)
	}
	return e.unit(dst, r)
}

func (e *Encoder) unit(dst []byte, r rune) []byte {
	var pair [2]byte
	e.charset.order.PutUint16(pair[:], uint16(r)) //nolint:gosec // half a pair, or a character of the first plane
	return append(dst, pair[:]...)
}

// bytes returns a character that is not ASCII; empty when the encoding lacks it.
func (e *Encoder) bytes(r rune) string {
	if b, ok := e.known[r]; ok {
		return b
	}
	if len(e.known) >= maxKnown {
		clear(e.known)
	}
	b, err := e.enc.Bytes([]byte(string(r)))
	if err != nil {
		b = nil
	}
	if back, bad := e.charset.Decode(nil, b); bad >= 0 || string(back) != string(r) {
		b = nil
	}
	e.known[r] = string(b)
	return string(b)
}
