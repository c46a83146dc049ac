package csvfile

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/infile"
)

const (
	// clipped is how much of a value goes into an error, which shows less.
	clipped = 512
	// maxRaw is how much of a record goes into an error, or comes out of Raw.
	maxRaw = 64 << 10
)

const msgLoneCR = "carriage return without line feed, at %s: convert the line ends to LF or CRLF"

// delimiters are looked for when a file seems to be split at another one.
const delimiters = ",;\t|"

// place returns "line:column" of offset i of the window; columns count
// characters.
func (s *scanner) place(i int) string {
	before := s.Window()[:i]
	line := s.recLine + bytes.Count(before, []byte{'\n'})
	return fmt.Sprintf("%d:%d", line, utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])+1)
}

// problemAt describes what is wrong at offset at of the window, in the field
// that begins at offset field; msg has one verb, for the place.
func (s *scanner) problemAt(field, at int, value []byte, msg string) *problem {
	if i := bytes.IndexByte(value, '\n'); i >= 0 && at == field {
		value = value[:i] // the line that opened a quote is enough
	}
	return &problem{resume: at, err: s.numbered(s.fields, value, fmt.Sprintf(msg, s.place(at)))}
}

// itemError returns an error on field k of the present record, which has been
// consumed; k < 0 means the record as a whole.
func (s *scanner) itemError(k int, value []byte, msg string) *core.ItemError {
	raw := s.raw()
	e := s.describe(k, value, msg+spans(s.recLine, s.recLine+bytes.Count(raw, []byte{'\n'})))
	e.Raw = clip(raw)
	return e
}

// spans says of a record with a mistake that it has more than one line: a quote
// that is open by mistake takes good records into it.
func spans(first, last int) string {
	if last <= first {
		return ""
	}
	return fmt.Sprintf("; the record spans lines %d to %d", first, last)
}

// clip returns a copy of as much of a record as an error holds.
func clip(record []byte) []byte { return bytes.Clone(record[:min(len(record), maxRaw)]) }

// describe is itemError for a record that has not been consumed yet.
func (s *scanner) describe(k int, value []byte, msg string) *core.ItemError {
	e := &core.ItemError{
		File: s.Path(), Line: s.recLine, Record: s.record, Offset: s.recStart, Class: core.ClassReadParse,
		Value: s.cfg.Source.Charset.Text(value[:min(len(value), clipped)]), HasValue: value != nil, Msg: msg,
	}
	if k >= 0 && k < len(s.header) {
		e.Column = s.header[k]
	}
	return e
}

// loneCR passes over a line in which offset i is a carriage return alone.
func (s *scanner) loneCR(i int) error {
	return s.reject(i, s.numbered(-1, s.Window()[:i+1], fmt.Sprintf(msgLoneCR, s.place(i))))
}

// numbered is itemError for a record that is about to be rejected.
func (s *scanner) numbered(k int, value []byte, msg string) *core.ItemError {
	e := s.describe(k, value, msg)
	e.Record++
	return e
}

// unclosed is the error for a quote behind which nothing can be told apart any
// more. It ends the reading, and the record is not consumed.
func (s *scanner) unclosed(where, how string) error {
	return &core.Error{
		Op:   "read input " + core.EscapeControl(s.Path()),
		Msg:  fmt.Sprintf("line %d: the quote opened %s %s: what follows cannot be told apart", s.recLine, where, how),
		Hint: "close the quote, or double it if it belongs to the text, then restart: it goes on at the last commit",
	}
}

// tooLong passes over a record that is longer than it may be.
func (s *scanner) tooLong() error {
	s.recLine, s.recStart = s.line, s.Offset()
	win := s.Window()[:min(s.cfg.MaxRecord+1, len(s.Window()))]
	if i := bytes.IndexByte(win, '\r'); i >= 0 && i+1 < len(win) && win[i+1] != '\n' && (s.cfg.NoQuotes || bytes.IndexByte(win, s.cfg.Quote) < 0) {
		return s.loneCR(i)
	}
	return s.passOver(s.numbered(-1, win, fmt.Sprintf("the record is longer than %d bytes", s.cfg.MaxRecord)), -1)
}

// badBytes passes over the record in the first n bytes of the window, which
// holds a NUL or is not UTF-8.
func (s *scanner) badBytes(n int) error {
	raw := s.Window()[:n]
	at, msg := bytes.IndexByte(raw, 0), "NUL byte at byte offset %d: is the file UTF-16? convert it to UTF-8"
	if bad := infile.InvalidUTF8(raw); !s.coded && (at < 0 || bad >= 0 && bad < at) {
		at = bad
		msg = fmt.Sprintf("invalid UTF-8, byte 0x%02x at byte offset %%d: convert the file to UTF-8", raw[at])
	}
	field := bytes.Count(raw[:at], []byte{s.cfg.Comma})
	if !s.cfg.NoQuotes && bytes.IndexByte(raw, s.cfg.Quote) >= 0 {
		field = -1
	}
	from := bytes.LastIndexByte(raw[:at], s.cfg.Comma) + 1
	value, _, _ := bytes.Cut(raw[from:], []byte{s.cfg.Comma})
	err := s.numbered(field, bytes.TrimRight(value, "\r\n"), fmt.Sprintf(msg, s.Offset()+int64(at)))
	if n > 0 && raw[n-1] == '\n' {
		n--
	}
	return s.reject(n, err)
}

// ragged makes a record of another width than the header fit where that is
// allowed, and describes it where it is not.
func (s *scanner) ragged() error {
	switch {
	case s.fields < s.width && s.cfg.Ragged&PadShort != 0:
		s.pad()
		return nil
	case s.fields > s.width && s.cfg.Ragged&CutLong != 0:
		s.fields = s.width
		return nil
	}
	msg := fmt.Sprintf("the record has %s, the header has %d", count(s.fields, "field"), s.width)
	if s.cfg.NoHeader {
		msg = fmt.Sprintf("the record has %s, want %d", count(s.fields, "field"), s.width)
	}
	if s.fields == 1 {
		if hint := s.delimiterHint(s.raw()); hint != "" {
			msg += ": " + hint
		}
	}
	return s.itemError(-1, s.raw(), msg)
}

// delimiterHint names the delimiter that text seems to be made with.
func (s *scanner) delimiterHint(text []byte) string {
	best, most := byte(0), bytes.Count(text, []byte{s.cfg.Comma})
	for _, d := range []byte(delimiters) {
		if n := bytes.Count(text, []byte{d}); n > most {
			best, most = d, n
		}
	}
	if best == 0 {
		return ""
	}
	return fmt.Sprintf("found %s %s, is it the delimiter instead of %s?", quoteByte(best), count(most, "time"), quoteByte(s.cfg.Comma))
}

func quoteByte(b byte) string { return fmt.Sprintf("%q", rune(b)) }

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
