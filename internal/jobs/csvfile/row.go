package csvfile

import (
	"fmt"
	"math"
	"time"

	"github.com/govalues/decimal"

	"github.com/batchctl/batchctl/internal/core"
)

// Row is one record as the bind function of a Reader sees it. Columns are
// numbered as they were declared. A Row is valid until bind returns; the strings
// taken from it are valid for ever.
type Row struct {
	s      *scanner
	text   string // data, once a string was asked for
	filled bool
}

// Len returns the number of columns.
func (r *Row) Len() int { return len(r.s.columns) }

// Name returns the name of column i.
func (r *Row) Name(i int) string { return r.s.cfg.Columns[i].Name }

// Line returns the number of the line on which the record begins, from 1.
func (r *Row) Line() int { return r.s.recLine }

// Record returns the number of the record, from 1, the header not counted.
func (r *Row) Record() int64 { return r.s.record }

// Offset returns where in the file the record begins, in bytes.
func (r *Row) Offset() int64 { return r.s.recStart }

// Origin returns where the record is, for an item that wants to carry it: the
// bytes are those without the line end.
func (r *Row) Origin() core.Origin {
	return core.Origin{
		File: r.s.Path(), Line: r.s.recLine, Record: r.s.record,
		Offset: r.s.recStart, Length: int64(len(r.s.raw())),
	}
}

// Bytes returns column i, unquoted, without a copy: it is overwritten after bind
// has returned.
func (r *Row) Bytes(i int) []byte { return r.s.field(r.s.columns[i]) }

// String returns column i, unquoted. All strings of a row share one allocation.
func (r *Row) String(i int) string {
	if !r.filled {
		r.text, r.filled = string(r.s.data), true
	}
	k := r.s.columns[i]
	if k == 0 {
		return r.text[:r.s.ends[0]]
	}
	return r.text[r.s.ends[k-1]+1 : r.s.ends[k]]
}

// Empty reports whether column i is empty.
func (r *Row) Empty(i int) bool { return len(r.Bytes(i)) == 0 }

// Quoted reports whether column i stands in quotes.
func (r *Row) Quoted(i int) bool { return r.s.isQuoted(r.s.columns[i]) }

// Error returns a *core.ItemError that says msg about column i; i < 0 means the
// record as a whole.
func (r *Row) Error(i int, msg string) error {
	if i < 0 {
		return r.s.itemError(-1, nil, msg)
	}
	k := r.s.columns[i]
	return r.s.itemError(k, r.s.field(k), msg)
}

// Long returns column i as a whole number.
func (r *Row) Long(i int) (int64, error) {
	if err := r.want(i, Long); err != nil {
		return 0, err
	}
	text := r.Bytes(i)
	digits, negative := cutSign(text)
	var n uint64
	limit := uint64(math.MaxInt64)
	if negative {
		limit++
	}
	for _, c := range digits {
		d := uint64(c - '0')
		switch {
		case d > 9:
			return 0, r.malformed(i, "a whole number such as -42")
		case n > (limit-d)/10:
			return 0, r.Error(i, "the number does not fit into 64 bits")
		}
		n = n*10 + d
	}
	if len(digits) == 0 {
		return 0, r.malformed(i, "a whole number such as -42")
	}
	if negative {
		return int64(-n), nil //nolint:gosec // checked against limit: wraps to the right value
	}
	return int64(n), nil // checked against limit
}

// Decimal returns column i as the exact number that is written there.
func (r *Row) Decimal(i int) (decimal.Decimal, error) {
	if err := r.want(i, Decimal); err != nil {
		return decimal.Decimal{}, err
	}
	digits, negative := cutSign(r.Bytes(i))
	coefficient, significant, scale := uint64(0), 0, -1
	for k, c := range digits {
		switch d := c - '0'; {
		case d <= 9:
			if coefficient > 0 || d > 0 {
				significant++
			}
			if scale >= 0 {
				scale++
			}
			if significant <= decimal.MaxPrec {
				coefficient = coefficient*10 + uint64(d)
			}
		case c == '.' && scale < 0 && k > 0 && k < len(digits)-1:
			scale = 0
		default:
			return decimal.Decimal{}, r.malformed(i, "a decimal number such as -1234.56")
		}
	}
	if len(digits) == 0 {
		return decimal.Decimal{}, r.malformed(i, "a decimal number such as -1234.56")
	}
	return r.exact(i, coefficient, negative, significant, max(scale, 0))
}

// exact makes the decimal, or says which limit it breaks.
func (r *Row) exact(i int, coefficient uint64, negative bool, significant, scale int) (decimal.Decimal, error) {
	column := &r.s.cfg.Columns[i]
	most := decimal.MaxPrec
	if column.Digits > 0 {
		most = min(most, column.Digits)
	}
	switch {
	case column.Scale >= 0 && scale > column.Scale:
		return decimal.Decimal{}, r.Error(i, fmt.Sprintf("%s behind the point, the column has %d", count(scale, "digit"), column.Scale))
	case scale > decimal.MaxScale:
		return decimal.Decimal{}, r.Error(i, fmt.Sprintf("%s behind the point, at most %d can be held", count(scale, "digit"), decimal.MaxScale))
	case significant > most:
		return decimal.Decimal{}, r.Error(i, fmt.Sprintf("%s, at most %d can be held", count(significant, "digit"), most))
	case coefficient > math.MaxInt64:
		d, err := decimal.ParseExact(r.String(i), scale)
		if err != nil {
			return decimal.Decimal{}, r.Error(i, err.Error())
		}
		return d, nil
	}
	n := int64(coefficient)
	if negative {
		n = -n
	}
	d, err := decimal.New(n, scale)
	if err != nil {
		return decimal.Decimal{}, r.Error(i, err.Error())
	}
	return d, nil
}

// Date returns column i as midnight UTC of that day.
func (r *Row) Date(i int) (time.Time, error) {
	if err := r.want(i, Date); err != nil {
		return time.Time{}, err
	}
	text := r.Bytes(i)
	const form = "a date such as 2021-01-31"
	if len(text) != len("2006-01-02") || text[4] != '-' || text[7] != '-' {
		return time.Time{}, r.malformed(i, form)
	}
	var part [3]int
	for k, at := range [...][2]int{{0, 4}, {5, 7}, {8, 10}} {
		for _, c := range text[at[0]:at[1]] {
			if c < '0' || c > '9' {
				return time.Time{}, r.malformed(i, form)
			}
			part[k] = part[k]*10 + int(c-'0')
		}
	}
	day := time.Date(part[0], time.Month(part[1]), part[2], 0, 0, 0, 0, time.UTC)
	if y, m, d := day.Date(); y != part[0] || int(m) != part[1] || d != part[2] || y == 0 {
		return time.Time{}, r.Error(i, "there is no such day")
	}
	return day, nil
}

// want checks that column i was declared with that type.
func (r *Row) want(i int, t Type) error {
	if declared := r.s.cfg.Columns[i].Type; declared != t {
		return r.Error(i, fmt.Sprintf("the column is declared as %s and read as %s", declared, t))
	}
	return nil
}

// malformed says what was expected, and what commonly stands in its place.
func (r *Row) malformed(i int, expected string) error {
	text := r.Bytes(i)
	msg := "expected " + expected
	if len(text) == 0 {
		return r.Error(i, "empty, "+msg)
	}
	for k, c := range string(text) {
		if c >= '0' && c <= '9' || c == '.' || (c == '-' || c == '+') && k == 0 {
			continue
		}
		if r.s.cfg.Columns[i].Type != Date {
			msg = fmt.Sprintf("%s is not part of a number, ", quoteRune(c)) + msg
		}
		break
	}
	return r.Error(i, msg)
}

func quoteRune(c rune) string { return core.Quote(string(c)) }

func cutSign(text []byte) (digits []byte, negative bool) {
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		return text[1:], text[0] == '-'
	}
	return text, false
}
