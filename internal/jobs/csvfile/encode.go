package csvfile

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
)

// encoder makes records.
type encoder struct {
	comma byte
	crlf  bool
}

// record appends one record to dst.
func (e encoder) record(dst []byte, fields []string, guard bool) ([]byte, error) {
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
		dst = e.field(dst, field, i == 0, len(fields) == 1)
	}
	if len(fields) == 0 {
		return dst, errors.New("a record needs a field")
	}
	if e.crlf {
		dst = append(dst, '\r')
	}
	return append(dst, '\n'), nil
}

// field appends one field, quoted where that is needed to read it back.
func (e encoder) field(dst []byte, field string, first, only bool) []byte {
	quote := only && field == "" || // else a blank line
		first && strings.HasPrefix(field, "\ufeff") // else a byte order mark, if the file begins here
	for i := 0; !quote && i < len(field); i++ {
		c := field[i]
		quote = c == e.comma || c == '"' || c == '\n' || c == '\r'
	}
	if !quote {
		return append(dst, field...)
	}
	dst = append(dst, '"')
	for {
		i := strings.IndexByte(field, '"')
		if i < 0 {
			break
		}
		dst = append(append(dst, field[:i+1]...), '"')
		field = field[i+1:]
	}
	return append(append(dst, field...), '"')
}

// isFormula reports whether a spreadsheet may take the cell for a formula.
func isFormula(field string) bool {
	return field != "" && strings.IndexByte("=+-@\t\r\n", field[0]) >= 0
}
