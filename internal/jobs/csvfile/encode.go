package csvfile

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/infile"
)

// encoder makes records.
type encoder struct {
	comma byte
	quote byte // 0: nothing is quoted
	crlf  bool
	all   bool   // quote every field
	null  string // what stands for null; a field with that text is quoted
	coder *infile.Encoder
}

// errUnquoted is the error of a field that could only be read back from quotes.
var errUnquoted = errors.New("the field has to be quoted to be read back, and quote is empty")

// record appends one record to dst.
func (e *encoder) record(dst []byte, fields []string, guard bool) ([]byte, error) {
	var err error
	for i, field := range fields {
		if !utf8.ValidString(field) || strings.IndexByte(field, 0) >= 0 {
			return dst, fmt.Errorf("field %d: %s is not UTF-8 text without NUL", i+1, core.Quote(field))
		}
		if i > 0 {
			dst = append(dst, e.comma)
		}
		if guard && isFormula(field) {
			field = "'" + field
		}
		if dst, err = e.field(dst, field, i == 0, len(fields) == 1); err != nil {
			return dst, fmt.Errorf("field %d: %s: %w", i+1, core.Quote(field), err)
		}
	}
	if len(fields) == 0 {
		return dst, errors.New("a record needs a field")
	}
	return e.end(dst), nil
}

// end appends what ends a record.
func (e *encoder) end(dst []byte) []byte {
	if e.crlf {
		dst = append(dst, '\r')
	}
	return append(dst, '\n')
}

// field appends one field that is not null, quoted where that is needed to read
// it back, and where all are.
func (e *encoder) field(dst []byte, field string, first, only bool) ([]byte, error) {
	needed := only && field == "" || // else a blank line
		e.null != "" && field == e.null ||
		first && e.coder.Misleads(field) // else a byte order mark, if the file begins here
	for i := 0; !needed && i < len(field); i++ {
		c := field[i]
		needed = c == e.comma || c == e.quote || c == '\n' || c == '\r'
	}
	switch {
	case e.quote == 0 && needed:
		return dst, errUnquoted
	case e.quote == 0, !needed && !e.all:
		return append(dst, field...), nil
	}
	dst = append(dst, e.quote)
	for {
		i := strings.IndexByte(field, e.quote)
		if i < 0 {
			break
		}
		dst = append(append(dst, field[:i+1]...), e.quote)
		field = field[i+1:]
	}
	return append(append(dst, field...), e.quote), nil
}

// isFormula reports whether a spreadsheet may take the cell for a formula.
func isFormula(field string) bool {
	return field != "" && strings.IndexByte("=+-@\t\r\n", field[0]) >= 0
}
