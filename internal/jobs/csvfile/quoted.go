package csvfile

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/infile"
)

// splitQuoted splits a line in which every quote is where it should be, the
// first one at offset quote. Of any other it returns false, for quoted to look
// at it closely.
func (s *scanner) splitQuoted(line []byte, quote int) bool {
	data, ends := s.scratch[:0], s.ends[:0]
	for i := 0; ; {
		// Up to the next quote everything is copied as it is, separators too.
		for at := i; ; {
			c := bytes.IndexByte(line[at:quote], s.cfg.Comma)
			if c < 0 {
				if at < quote && quote < len(line) {
					return false
				}
				break
			}
			if ends = append(ends, len(data)+at+c-i); len(ends) > s.width {
				return false
			}
			at += c + 1
		}
		data = append(data, line[i:quote]...)
		if quote == len(line) {
			ends = append(ends, len(data))
			break
		}
		for i = quote + 1; ; {
			q := bytes.IndexByte(line[i:], s.cfg.Quote)
			if q < 0 {
				return false
			}
			data = append(data, line[i:i+q]...)
			if i += q + 1; i == len(line) || line[i] != s.cfg.Quote {
				break
			}
			data = append(data, s.cfg.Quote)
			i++
		}
		ends = append(ends, len(data))
		if i == len(line) {
			break
		}
		if line[i] != s.cfg.Comma || len(ends) > s.width {
			return false
		}
		data = append(data, s.cfg.Comma)
		i++
		if quote = bytes.IndexByte(line[i:], s.cfg.Quote); quote < 0 {
			quote = len(line)
		} else {
			quote += i
		}
	}
	s.scratch, s.ends = data, ends
	s.data, s.fields = data, len(ends)
	return len(ends) <= s.width
}

// quoted splits a record with quotes, which may span lines, and says what is
// wrong with it.
func (s *scanner) quoted() error {
	s.scratch, s.ends, s.fields = s.scratch[:0], s.ends[:0], 0
	s.nl, s.quote, s.cr = -1, -1, -1
	at, last, ending := 0, false, (*int64)(nil)
	for !last {
		start := len(s.scratch)
		if s.fields > 0 {
			s.scratch = append(s.scratch, s.cfg.Comma)
		}
		first, ok, err := s.at(at)
		switch {
		case err != nil:
		case ok && first == s.cfg.Quote && !s.cfg.NoQuotes:
			at, last, ending, err = s.quotedField(at)
		default:
			at, last, ending, err = s.plainField(at)
		}
		if err != nil {
			return s.stop(err)
		}
		s.fields++
		if len(s.ends) < s.width {
			s.ends = append(s.ends, len(s.scratch))
		} else {
			s.scratch = s.scratch[:start] // counted only
		}
		if at > s.cfg.MaxRecord {
			return s.tooLong()
		}
	}
	if s.Next(infile.MarkNUL, at) >= 0 || !s.coded && !utf8.Valid(s.Window()[:at]) {
		return s.badBytes(at)
	}
	if ending != nil {
		*ending++
	}
	s.data = s.scratch
	s.advance(at)
	return s.accept()
}

// problem is what is wrong with a record while it is being split.
type problem struct {
	err    *core.ItemError
	resume int // where the search for the line end begins, behind which to go on
	// long tells that a quoted field is longer than it may be: its end has to be
	// looked for, and resume is where it begins.
	long bool
}

func (p *problem) Error() string { return p.err.Error() }

// stop ends the splitting of a record.
func (s *scanner) stop(err error) error {
	var p *problem
	switch {
	case errors.Is(err, errLimit):
		return s.tooLong()
	case !errors.As(err, &p):
		return err
	case p.long:
		return s.passOver(p.err, p.resume)
	}
	return s.reject(p.resume, p.err)
}

// plainField takes the field without quotes at offset i. It returns the offset
// behind its separator, whether it was the last, and the counter of its ending.
func (s *scanner) plainField(i int) (next int, last bool, ending *int64, err error) {
	var found bool
	if s.nl < i {
		if s.nl, found, err = s.index('\n', i, s.cfg.MaxRecord); err != nil {
			return 0, false, nil, err
		}
	} else {
		found = s.nl < len(s.Window())
	}
	seg := s.Window()[i:s.nl]
	next, last = s.nl, true
	if found {
		next, ending = s.nl+1, &s.stats.LF
	}
	if c := bytes.IndexByte(seg, s.cfg.Comma); c >= 0 {
		seg, next, last, ending = seg[:c], i+c+1, false, nil
	}
	end := i + len(seg)
	if q := s.upcoming(&s.quote, s.cfg.Quote, i); q < end && !s.cfg.NoQuotes {
		return 0, false, nil, s.problemAt(i, q, seg,
			"quote in a field that is not quoted, at %s: quote the whole field and double the quotes in it")
	}
	if cr := s.upcoming(&s.cr, '\r', i); cr < end {
		if !last || !found || cr != end-1 {
			return 0, false, nil, s.problemAt(i, cr, seg, msgLoneCR)
		}
		seg, ending = seg[:len(seg)-1], &s.stats.CRLF
	}
	s.scratch = append(s.scratch, seg...)
	return next, last, ending, nil
}

// upcoming returns the offset of the first b in the window between offset i and
// the line end, which it returns when there is none. It searches a line once.
func (s *scanner) upcoming(at *int, b byte, i int) int {
	if *at < i {
		*at = s.nl
		if j := bytes.IndexByte(s.Window()[i:s.nl], b); j >= 0 {
			*at = i + j
		}
	}
	return *at
}

// quotedField takes the quoted field at offset i; it returns as plainField.
func (s *scanner) quotedField(i int) (next int, last bool, ending *int64, err error) {
	start, j := len(s.scratch), i+1
	for {
		if err := s.closedOnLine(i, j); err != nil {
			return 0, false, nil, err
		}
		room := s.cfg.MaxField - (len(s.scratch) - start)
		limit := min(j+room, s.cfg.MaxRecord)
		q, found, err := s.index(s.cfg.Quote, j, limit)
		switch {
		case errors.Is(err, errLimit) && limit < s.cfg.MaxRecord:
			p := s.problemAt(i, i, s.Window()[i:], fmt.Sprintf("the field that is quoted at %%s has more than %d bytes", s.cfg.MaxField))
			p.long = true
			return 0, false, nil, p
		case err != nil:
			return 0, false, nil, err
		case !found:
			return 0, false, nil, s.unclosed("at "+s.place(i), "is never closed")
		}
		b, ok, err := s.at(q + 1)
		if err != nil {
			return 0, false, nil, err
		}
		s.scratch = append(s.scratch, s.Window()[j:q]...)
		switch {
		case !ok:
			return q + 1, true, nil, nil
		case b == s.cfg.Quote:
			s.scratch = append(s.scratch, b)
			j = q + 2
			continue
		case b == s.cfg.Comma:
			return q + 2, false, nil, nil
		case b == '\n':
			return q + 2, true, &s.stats.LF, nil
		case b == '\r':
			lf, ok, err := s.at(q + 2)
			if err != nil {
				return 0, false, nil, err
			}
			if ok && lf == '\n' {
				return q + 3, true, &s.stats.CRLF, nil
			}
			return 0, false, nil, s.problemAt(i, q+1, s.Window()[i:q+2], msgLoneCR)
		}
		return 0, false, nil, s.problemAt(i, q+1, s.restOfLine(i, q+1),
			"text behind the closing quote, at %s: double a quote that belongs to the text")
	}
}

// closedOnLine refuses the quoted field at offset i, when it has no quote between
// offset j and the end of the line, and may not go on behind it.
func (s *scanner) closedOnLine(i, j int) error {
	if !s.cfg.OneLine {
		return nil
	}
	nl, _, err := s.index('\n', j, s.cfg.MaxRecord)
	if err != nil {
		return err
	}
	if bytes.IndexByte(s.Window()[j:nl], s.cfg.Quote) >= 0 {
		return nil
	}
	p := s.problemAt(i, i, bytes.TrimSuffix(s.Window()[i:nl], []byte{'\r'}),
		"the quote at %s is not closed on its line: close it, or double it if it belongs to the text")
	p.resume = nl
	return p
}

// restOfLine returns the window from offset from up to the end of the line that
// holds offset at, as far as it was read.
func (s *scanner) restOfLine(from, at int) []byte {
	win := s.Window()
	if i := bytes.IndexAny(win[at:], "\r\n"); i >= 0 {
		win = win[:at+i]
	}
	return win[from:]
}
