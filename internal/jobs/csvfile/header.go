package csvfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/infile"
)

var (
	bomUTF8    = []byte{0xef, 0xbb, 0xbf}
	bomUTF16LE = []byte{0xff, 0xfe}
	bomUTF16BE = []byte{0xfe, 0xff}
)

// hintEmpty is for a file of 0 bytes.
const hintEmpty = "have the file sent again; in a definition, allow-empty: true takes an empty one"

// readHeader reads the header and finds the declared columns in it. It returns
// io.EOF when the file is empty and may be.
func (s *scanner) readHeader() error {
	if err := s.skipBOM(); err != nil {
		return err
	}
	if err := s.skipLines(); err != nil {
		return err
	}
	if s.cfg.NoHeader {
		return s.unnamed()
	}
	s.width = s.cfg.MaxColumns
	err := s.next()
	var bad *core.ItemError
	switch {
	case errors.Is(err, io.EOF) && s.cfg.AllowEmpty:
		return io.EOF
	case errors.Is(err, io.EOF):
		return &core.Error{
			Op: infile.OpenOp(s.Path()), Msg: "the file is empty, expected a header",
			Hint: hintEmpty,
		}
	case errors.As(err, &bad):
		return &core.Error{Op: "open input", Err: err}
	case err != nil:
		return err
	case s.fields > s.width:
		return s.headerError(fmt.Sprintf("the header has %d columns, the limit is %d", s.fields, s.width), "")
	}
	s.record, s.width = 0, s.fields
	names := make([]string, s.fields)
	for k := range names {
		names[k] = string(s.field(k))
	}
	if err := checkNames(fmt.Sprintf("%s: line %d", infile.OpenOp(s.Path()), s.recLine), names); err != nil {
		return err
	}
	s.header = names
	return s.matchColumns()
}

// skipBOM drops a byte order mark, and refuses one of another encoding.
func (s *scanner) skipBOM() error {
	if _, _, err := s.at(len(bomUTF8) - 1); err != nil {
		return err
	}
	win := s.Window()
	switch {
	case bytes.HasPrefix(win, bomUTF8) && s.coded:
		return &core.Error{
			Op: infile.OpenOp(s.Path()), Msg: "the file begins with the mark of UTF-8, and is to be read as " + s.cfg.Source.Charset.Name(),
			Hint: "set the encoding to utf-8",
		}
	case bytes.HasPrefix(win, bomUTF8):
		s.Consume(len(bomUTF8))
	case infile.PackedHint(win) != "":
		return &core.Error{
			Op: infile.OpenOp(s.Path()), Msg: "the file is packed with " + infile.PackedHint(win),
			Hint: "set the compression to " + infile.PackedHint(win),
		}
	case bytes.HasPrefix(win, bomUTF16LE), bytes.HasPrefix(win, bomUTF16BE):
		encoding := "UTF-16LE"
		if win[0] == bomUTF16BE[0] {
			encoding = "UTF-16BE"
		}
		return &core.Error{
			Op: infile.OpenOp(s.Path()), Msg: "the file is UTF-16, and is to be read as UTF-8",
			Hint: infile.UTF16Hint(encoding, s.Path()),
		}
	}
	return nil
}

// matchColumns finds the field of each declared column. Without any declared,
// every field of the header is a column.
func (s *scanner) matchColumns() error {
	if len(s.cfg.Columns) == 0 {
		s.cfg.Columns = make([]Column, len(s.header))
		for k, name := range s.header {
			s.cfg.Columns[k].Name = name
		}
	}
	var missing []string
	s.columns = make([]int, len(s.cfg.Columns))
	declared := make([]string, len(s.cfg.Columns))
	for i, c := range s.cfg.Columns {
		declared[i] = c.Name
		if s.columns[i] = slices.Index(s.header, c.Name); s.columns[i] < 0 {
			missing = append(missing, c.Name)
		}
	}
	if len(missing) > 0 {
		return s.missing(missing, declared)
	}
	if s.cfg.StrictColumns {
		for _, name := range s.header {
			if !slices.Contains(declared, name) {
				return s.headerError("column "+core.Quote(name)+" is not expected", "expected are "+quoteAll(declared))
			}
		}
	}
	return nil
}

func (s *scanner) missing(missing, declared []string) error {
	msg := "column " + quoteAll(missing) + " is missing"
	if len(missing) > 1 {
		msg = "columns " + quoteAll(missing) + " are missing"
	}
	hint := "the header has " + quoteAll(s.header)
	var extra []string
	for _, name := range s.header {
		if !slices.Contains(declared, name) {
			extra = append(extra, name)
		}
	}
	if near := core.Nearest(missing[0], extra); near != "" {
		hint = fmt.Sprintf("did you mean %s? %s", core.Quote(near), hint)
	}
	if d := s.delimiterHint(s.data); d != "" {
		hint = d
	}
	return s.headerError(msg, hint)
}

func (s *scanner) headerError(msg, hint string) error {
	return &core.Error{Op: infile.OpenOp(s.Path()), Msg: fmt.Sprintf("line %d: %s", s.recLine, msg), Hint: hint}
}

// quoteAll lists names; more than a dozen are cut.
func quoteAll(names []string) string {
	const most = 12
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == most {
			fmt.Fprintf(&b, "and %d more", len(names)-i)
			break
		}
		b.WriteString(core.Quote(name))
	}
	return b.String()
}
