package csvfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/batchctl/batchctl/internal/core"
)

// border finds the end of a record without keeping any of it. It agrees with
// the reader about every record, also about those with mistakes: behind a
// mistake the record ends with the line.
type border struct {
	comma   byte
	quote   byte
	plain   bool // there are no quotes
	oneLine bool // no field holds a line end
	state   borderState
	read    int64 // bytes of the record so far
	lines   int   // line ends among them
	opened  int64 // where the last quoted field begins
	line    int   // lines before it
	limit   int64 // of the bytes of a quoted field; 0: none
	over    bool  // it was passed, and nothing more is taken
}

type borderState int8

const (
	atField     borderState = iota // where a field begins
	inPlain                        // in a field without quotes
	inQuotes                       // in a quoted field
	behindQuote                    // behind a quote that may close it
	behindCR                       // where only a line feed is right
	inMistake                      // in the rest of the line behind a mistake
)

// scan takes p up to the end of the record. It returns how much it took, and
// whether the record has ended, with a line feed.
func (b *border) scan(p []byte) (n int, ended bool) {
	for ; n < len(p) && !ended && !b.over; n++ {
		if b.state == inQuotes || b.state == inMistake {
			rest := p[n:]
			if to := bytes.IndexByte(rest, b.awaited()); to >= 0 {
				rest = rest[:to]
			}
			if to := bytes.IndexByte(rest, '\n'); to >= 0 && b.oneLine {
				rest = rest[:to]
			}
			b.lines += bytes.Count(rest, []byte{'\n'})
			n += len(rest)
			b.over = b.state == inQuotes && b.limit > 0 && b.read+int64(n)-b.opened > b.limit
			if n == len(p) || b.over {
				break
			}
		}
		if b.state == inPlain {
			if n += b.plainPart(p[n:]); n == len(p) {
				break
			}
		}
		if p[n] == b.quote && !b.plain && b.state == atField {
			b.opened, b.line = b.read+int64(n), b.lines
		}
		b.state, ended = b.step(p[n])
	}
	b.read += int64(n)
	if ended {
		b.lines++
	}
	return n, ended
}

// plainPart returns how many bytes at the beginning of p are nothing but text in a
// field without quotes.
func (b *border) plainPart(p []byte) int {
	for n, c := range p {
		if c == b.comma || c == b.quote || c == '\n' || c == '\r' {
			return n
		}
	}
	return len(p)
}

// awaited is the byte that ends a quoted field or a mistake.
func (b *border) awaited() byte {
	if b.state == inQuotes {
		return b.quote
	}
	return '\n'
}

// step returns the state behind c, and whether the record ends there.
func (b *border) step(c byte) (next borderState, ended bool) {
	isQuote := c == b.quote && !b.plain
	switch {
	case b.state == inQuotes && isQuote:
		return behindQuote, false
	case b.state == inQuotes && (c != '\n' || !b.oneLine):
		return inQuotes, false
	case c == '\n':
		return atField, true
	case b.state == inMistake || b.state == behindCR:
		return inMistake, false
	case isQuote && b.state != inPlain: // it opens a field, or is a doubled one
		return inQuotes, false
	case c == b.comma:
		return atField, false
	case c == '\r':
		return behindCR, false
	case isQuote || b.state == behindQuote:
		return inMistake, false
	}
	return inPlain, false
}

// bookmark is a place to return to.
type bookmark struct {
	offset int64
	crc    uint32
	line   int
}

func (s *scanner) bookmark() bookmark {
	return bookmark{offset: s.Offset(), crc: s.Checksum(), line: s.line}
}

func (s *scanner) returnTo(b bookmark) {
	s.Jump(b.offset, b.crc)
	s.line = b.line
}

// reject passes over the record up to the first line end at or behind offset
// from of the window, and returns err, which tells what is wrong with it. When
// the file cannot be read so far, nothing is passed over.
func (s *scanner) reject(from int, err *core.ItemError) error {
	start := s.bookmark()
	for {
		win := s.Window()
		from = min(from, len(win))
		i := bytes.IndexByte(win[from:], '\n')
		if i >= 0 {
			win = win[:from+i+1]
		}
		s.pass(err, win)
		if i >= 0 {
			err.Msg += spans(start.line, s.line-1)
			return s.rejected(err)
		}
		from = 0
		if more := s.More(); errors.Is(more, io.EOF) {
			err.Msg += spans(start.line, s.line)
			return s.rejected(err)
		} else if more != nil {
			s.returnTo(start)
			return more
		}
	}
}

// passOver is reject for a record that may go on in quotes: it looks for the
// real end, without keeping what it reads. opened is the offset in the window of
// the quote that err tells of, or -1. A quote that is open for longer than a
// record may be, or up to the end of the file, ends the reading instead.
func (s *scanner) passOver(err *core.ItemError, opened int) error {
	start, place := s.bookmark(), ""
	if opened >= 0 {
		place = "at " + s.place(opened)
	}
	b := s.cfg.border()
	if !b.oneLine {
		b.limit = int64(s.cfg.MaxRecord)
	}
	last := func() int { return start.line + b.lines - 1 } // the line that the record ends on
	for ended := false; !ended; {
		var n int
		n, ended = b.scan(s.Window())
		s.pass(err, s.Window()[:n])
		how := ""
		if b.over {
			how = fmt.Sprintf("is not closed within %d bytes", s.cfg.MaxRecord)
		} else if !ended {
			more := s.More()
			ended = errors.Is(more, io.EOF)
			switch {
			case ended && b.state == inQuotes && !b.oneLine:
				how = "is never closed"
			case ended:
				last = func() int { return start.line + b.lines }
			case more != nil:
				s.returnTo(start)
				return more
			}
		}
		if how != "" {
			if b.opened != int64(opened) {
				place = fmt.Sprintf("on line %d", start.line+b.line)
			}
			s.returnTo(start)
			return s.unclosed(place, how)
		}
	}
	err.Msg += fmt.Sprintf("; passed over %d bytes, up to the end of line %d", b.read, last())
	return s.rejected(err)
}

// pass consumes p, the beginning of the window, and keeps it in err.
func (s *scanner) pass(err *core.ItemError, p []byte) {
	err.Raw = append(err.Raw, p[:min(len(p), maxRaw+2-len(err.Raw))]...)
	s.advance(len(p))
}

// rejected ends a record that was passed over.
func (s *scanner) rejected(err *core.ItemError) error {
	s.record++
	err.Raw = trimEnding(err.Raw)
	err.Raw = err.Raw[:min(len(err.Raw), maxRaw)]
	return err
}
