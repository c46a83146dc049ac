package csvfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/infile"
)

// scanner returns a scanner of in at its beginning.
func (c ReaderConfig) scanner(in *infile.Input) *scanner {
	in.Wrap(c.source)
	in.MarkAs(c.Quote, c.NoQuotes)
	return &scanner{Input: in, cfg: c, line: 1, coded: !c.Source.Charset.Direct()}
}

func (c ReaderConfig) border() border {
	return border{comma: c.Comma, quote: c.Quote, plain: c.NoQuotes, oneLine: c.OneLine}
}

// checkOptions refuses what cannot be told apart.
func (c ReaderConfig) checkOptions(op string) error {
	bad := func(format string, args ...any) error { return &core.Error{Op: op, Msg: fmt.Sprintf(format, args...)} }
	charset := c.Source.Charset
	switch {
	case c.Comma == '\r' || c.Comma == '\n' || c.Comma >= utf8.RuneSelf || c.Comma == '"' && c.Quote == '"':
		return bad("%s cannot be the delimiter", quoteByte(c.Comma))
	case !c.NoQuotes && (c.Quote == c.Comma || c.Quote == '\r' || c.Quote == '\n' || c.Quote >= utf8.RuneSelf):
		return bad("%s cannot be the quote beside the delimiter %s", quoteByte(c.Quote), quoteByte(c.Comma))
	case !charset.Splits(c.Comma):
		return bad("%s cannot be the delimiter of a file in %s: it may be a part of a letter", quoteByte(c.Comma), charset.Name())
	case !c.NoQuotes && !charset.Splits(c.Quote):
		return bad("%s cannot be the quote of a file in %s: it may be a part of a letter", quoteByte(c.Quote), charset.Name())
	case c.NoHeader && len(c.Columns) == 0:
		return bad("a file without a header needs the names of its columns")
	case c.SkipLines < 0:
		return bad("%d lines cannot be skipped", c.SkipLines)
	case c.Comment != "" && (c.Comment[0] == c.Quote && !c.NoQuotes || bytes.ContainsAny([]byte(c.Comment), "\r\n")):
		return bad("%s cannot begin a comment", core.Quote(c.Comment))
	}
	return nil
}

// comment passes over line when it is a comment.
func (s *scanner) comment(line []byte, size int, found bool) bool {
	if !s.isComment(line) {
		return false
	}
	s.Consume(size)
	if found {
		s.line++
	}
	s.stats.Blank++
	return true
}

func (s *scanner) isComment(line []byte) bool {
	return s.cfg.Comment != "" && bytes.HasPrefix(line, []byte(s.cfg.Comment))
}

// skipLines passes over the lines before the header.
func (s *scanner) skipLines() error {
	for range s.cfg.SkipLines {
		end, found, err := s.index('\n', 0, s.cfg.MaxRecord)
		switch {
		case errors.Is(err, errLimit):
			return s.headerError(fmt.Sprintf("line %d, which is to be skipped, is longer than %d bytes", s.line, s.cfg.MaxRecord), "")
		case err != nil:
			return err
		case !found:
			s.Consume(end)
			return nil
		}
		s.Consume(end + 1)
		s.line++
	}
	return nil
}

// unnamed takes the declared columns for the header that the file has not. It
// returns io.EOF when the file is empty and may be.
func (s *scanner) unnamed() error {
	names := make([]string, len(s.cfg.Columns))
	for i, c := range s.cfg.Columns {
		names[i] = c.Name
	}
	if _, ok, err := s.at(0); err != nil {
		return err
	} else if !ok && s.Offset() == 0 && s.cfg.AllowEmpty {
		return io.EOF
	} else if !ok && s.Offset() == 0 {
		return &core.Error{
			Op: infile.OpenOp(s.Path()), Msg: "the file is empty, expected records",
			Hint: hintEmpty,
		}
	}
	s.header, s.width = names, len(names)
	return s.matchColumns()
}

// pad gives the present record, which is too short, empty fields at its end.
func (s *scanner) pad() {
	data := append(s.padded[:0], s.data...) // it may stand in the window, before the next record
	for ; s.fields < s.width; s.fields++ {
		data = append(data, s.cfg.Comma)
		s.ends = append(s.ends, len(data))
	}
	s.data, s.padded = data, data
}

// decode makes the fields of the present record UTF-8.
func (s *scanner) decode() error {
	if ascii(s.data) {
		return nil
	}
	out, from := s.decoded[:0], 0
	for k, end := range s.ends {
		if k > 0 {
			out = append(out, s.cfg.Comma)
		}
		field := s.data[from:end]
		var bad int
		if out, bad = s.cfg.Source.Charset.Decode(out, field); bad >= 0 {
			return s.itemError(k, field, fmt.Sprintf("invalid %s, byte 0x%02x at byte %d of the field", s.cfg.Source.Charset.Name(), field[bad], bad))
		}
		s.ends[k], from = len(out), end+1
	}
	s.data, s.decoded = out, out
	return nil
}

func ascii(p []byte) bool {
	for _, b := range p {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
