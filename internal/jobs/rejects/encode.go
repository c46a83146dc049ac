package rejects

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
)

const (
	// DefaultMaxRaw is how many bytes of an item are kept.
	DefaultMaxRaw = 64 << 10
	// maxMessage is how many bytes of a message are kept.
	maxMessage = 8 << 10
)

// line is a reject as the file has it.
type line struct {
	Step         string  `json:"step"`
	Phase        string  `json:"phase"`
	Class        string  `json:"class"`
	Message      string  `json:"message"`
	File         string  `json:"file,omitempty"`
	Line         int     `json:"line,omitempty"`
	LastLine     int     `json:"lastLine,omitempty"` // if it is another
	Record       int64   `json:"record,omitempty"`
	Offset       *int64  `json:"offset,omitempty"`
	Key          string  `json:"key,omitempty"`
	Raw          *string `json:"raw,omitempty"`
	RawBase64    []byte  `json:"rawBase64,omitempty"`
	RawTruncated bool    `json:"rawTruncated,omitempty"`
}

// encode returns r as one line of JSON, with at most maxRaw bytes of the item.
func encode(r core.Reject, maxRaw int) ([]byte, error) {
	l := line{
		Step: r.Step, Phase: r.Phase, Class: r.Class, Message: string(clip([]byte(r.Message), maxMessage)),
		File: r.Origin.File, Line: r.Origin.Line, Record: r.Origin.Record, Key: r.Origin.Key,
	}
	if r.Origin.Offset > 0 || r.Origin.Length > 0 {
		l.Offset = &r.Origin.Offset
	}
	if r.Raw != nil {
		l.RawTruncated = len(r.Raw) > maxRaw || int64(len(r.Raw)) < r.Origin.Length || len(r.Raw) == DefaultMaxRaw
		if ends := bytes.Count(bytes.TrimSuffix(r.Raw, []byte{'\n'}), []byte{'\n'}); ends > 0 && l.Line > 0 && !l.RawTruncated {
			l.LastLine = l.Line + ends
		}
		if raw := clip(r.Raw, maxRaw); utf8.Valid(raw) {
			l.Raw = new(string(raw))
		} else {
			l.RawBase64 = r.Raw[:min(len(r.Raw), maxRaw)]
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(l); err != nil {
		return nil, err
	}
	return escape(b.Bytes()), nil
}

// clip returns the first n bytes of text, less a character that they cut in two.
func clip(text []byte, n int) []byte {
	if len(text) <= n {
		return text
	}
	cut := n
	for cut > 0 && n-cut < utf8.UTFMax-1 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	if r, size := utf8.DecodeRune(text[cut:]); r == utf8.RuneError && size == 1 {
		cut = n // it was no character
	}
	return text[:cut]
}

// escape escapes what JSON may leave as it is and could still steer a terminal.
// The end of the line stays.
func escape(encoded []byte) []byte {
	text := encoded[:len(encoded)-1]
	if !bytes.ContainsFunc(text, steers) {
		return encoded
	}
	b := make([]byte, 0, len(encoded)+16)
	for _, r := range string(text) {
		if steers(r) {
			b = fmt.Appendf(b, `\u%04x`, r)
		} else {
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '\n')
}

// steers reports whether r is a control character, or one that turns the
// direction of the text.
func steers(r rune) bool {
	switch {
	case unicode.IsControl(r):
		return true
	case r == 0x061c, r >= 0x200e && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return true
	}
	return false
}
