package csvfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/jobs/infile"
)

// errLimit is returned by index when it had to look further than it may.
var errLimit = errors.New("limit")

// scanner splits an input into records.
type scanner struct {
	*infile.Input
	cfg ReaderConfig

	header  []string // names of the fields; nil while the header is read
	columns []int    // field of each declared column
	width   int      // fields that are kept of a record
	stats   Stats
	line    int    // line on which the next record begins
	record  int64  // records passed
	coded   bool   // fields are decoded when they have been told apart
	decoded []byte // of the present record, when it was decoded
	padded  []byte // of the present record, when it was too short

	// The present record. Fields stand in data, one byte apart, each up to its
	// end; data is part of the window or is scratch.
	data     []byte
	ends     []int
	fields   int // how many it has, kept or not
	recLine  int
	recStart int64
	scratch  []byte

	// Offsets in the window of the next line end, quote and CR, for records
	// with quotes.
	nl, quote, cr int
}

// next goes to the next record. It returns io.EOF at the end, a *core.ItemError
// for a record that is passed over, or another error, which consumes nothing.
func (s *scanner) next() error {
	for {
		end, found, err := s.index('\n', 0, s.cfg.MaxRecord)
		switch {
		case errors.Is(err, errLimit):
			return s.tooLong()
		case err != nil:
			return err
		case !found && end == 0:
			return io.EOF
		}
		s.recLine, s.recStart = s.line, s.Offset()
		quote, cr := s.Next(infile.MarkQuote, end), s.Next(infile.MarkCR, end)
		line, size, ending := s.Window()[:end], end, &s.stats.LF
		if found {
			size++
		}
		if s.cfg.Comment != "" && s.comment(line, size, found) {
			continue
		}
		if cr >= 0 && cr == end-1 && found {
			line, ending, cr = line[:cr], &s.stats.CRLF, -1
		}
		switch {
		case quote >= 0 && (cr >= 0 || !s.splitQuoted(line, quote)):
			return s.quoted()
		case cr >= 0:
			return s.loneCR(cr)
		case s.Next(infile.MarkNUL, end) >= 0 || !s.coded && !utf8.Valid(line):
			return s.badBytes(end)
		case quote < 0 && len(line) > 0:
			s.split(line)
		}
		s.Consume(size)
		if found {
			s.line++
			*ending++
		}
		if len(line) > 0 {
			return s.accept()
		}
		s.stats.Blank++
	}
}

// split finds the fields of a line without quotes. It looks at eight bytes at a
// time, as most fields are too short for a search of their own to pay.
func (s *scanner) split(line []byte) {
	const low7 = 0x7f7f7f7f7f7f7f7f
	ends, i := s.ends[:0], 0
	pattern := uint64(s.cfg.Comma) * 0x0101010101010101
	for ; i+8 <= len(line); i += 8 {
		x := binary.LittleEndian.Uint64(line[i:]) ^ pattern
		// The top bit of each byte that is zero in x: a comma.
		for m := ^((x&low7 + low7) | x | low7); m != 0; m &= m - 1 {
			ends = append(ends, i+bits.TrailingZeros64(m)>>3)
		}
		if len(ends) > s.width {
			i += 8
			break // the rest is counted only
		}
	}
	for ; i < len(line) && len(ends) <= s.width; i++ {
		if line[i] == s.cfg.Comma {
			ends = append(ends, i)
		}
	}
	s.data, s.fields = line, len(ends)+1+bytes.Count(line[i:], []byte{s.cfg.Comma})
	s.ends = append(ends, len(line))[:min(len(ends)+1, s.width)]
}

// accept checks the present record, which has been consumed.
func (s *scanner) accept() error {
	s.record++
	if s.header != nil && s.fields != s.width {
		if err := s.ragged(); err != nil {
			return err
		}
	}
	if s.coded {
		if err := s.decode(); err != nil {
			return err
		}
	}
	if len(s.data) > s.cfg.MaxField {
		for k := range s.ends {
			if n := len(s.field(k)); n > s.cfg.MaxField {
				return s.itemError(k, s.field(k), fmt.Sprintf("the field has %d bytes, the limit is %d", n, s.cfg.MaxField))
			}
		}
	}
	return nil
}

// field returns the text of a field of the present record.
func (s *scanner) field(k int) []byte {
	if k == 0 {
		return s.data[:s.ends[0]]
	}
	return s.data[s.ends[k-1]+1 : s.ends[k]]
}

// isQuoted reports whether a field of the present record stands in quotes. As for
// raw, the window must not have moved.
func (s *scanner) isQuoted(k int) bool {
	raw := s.raw()
	if s.cfg.NoQuotes || bytes.IndexByte(raw, s.cfg.Quote) < 0 {
		return false
	}
	for ; k > 0 && len(raw) > 0; k-- {
		inside := false
		end := bytes.IndexFunc(raw, func(r rune) bool {
			if r == rune(s.cfg.Quote) {
				inside = !inside // a doubled one turns it twice
			}
			return r == rune(s.cfg.Comma) && !inside
		})
		if end < 0 {
			return false // it was filled up
		}
		raw = raw[end+1:]
	}
	return len(raw) > 0 && raw[0] == s.cfg.Quote
}

// raw returns the present record, which has been consumed, as it stands in the
// file, its line end left out. It must be asked for before the window moves.
func (s *scanner) raw() []byte { return trimEnding(s.Since(s.recStart)) }

func trimEnding(record []byte) []byte {
	if line, found := bytes.CutSuffix(record, []byte{'\n'}); found {
		return bytes.TrimSuffix(line, []byte{'\r'})
	}
	return record
}

// index returns the offset in the window of the next b at or behind from,
// reading on until it is found; at the end of the file it returns the end of the
// window and found is false. It does not look further than limit.
func (s *scanner) index(b byte, from, limit int) (at int, found bool, err error) {
	for {
		win := s.Window()
		if from < len(win) {
			if i := bytes.IndexByte(win[from:], b); i >= 0 {
				if from+i > limit {
					return from + i, true, errLimit
				}
				return from + i, true, nil
			}
			from = len(win)
		}
		if from > limit {
			return from, false, errLimit
		}
		if err := s.More(); errors.Is(err, io.EOF) {
			return len(s.Window()), false, nil
		} else if err != nil {
			return 0, false, err
		}
	}
}

// at returns the byte at offset i of the window, reading on as needed; ok is
// false at the end of the file.
func (s *scanner) at(i int) (b byte, ok bool, err error) {
	for i >= len(s.Window()) {
		if err := s.More(); errors.Is(err, io.EOF) {
			return 0, false, nil
		} else if err != nil {
			return 0, false, err
		}
	}
	return s.Window()[i], true, nil
}

// advance moves past n bytes and counts the lines in them.
func (s *scanner) advance(n int) {
	s.line += bytes.Count(s.Window()[:n], []byte{'\n'})
	s.Consume(n)
}
