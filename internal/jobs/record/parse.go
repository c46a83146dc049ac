package record

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/govalues/decimal"
)

// What a text was expected to be. They are compared by nobody: they are here so
// that a file of a million bad records does not build a million texts.
var (
	errLong        = errors.New("want a whole number such as -42")
	errLongRange   = errors.New("the number does not fit into 64 bits")
	errDouble      = errors.New("want a finite number such as -1.5 or 2e-3")
	errDoubleRange = errors.New("the number is outside the range of a double")
	errDecimal     = errors.New("want a decimal number such as -1234.56")
	errDate        = errors.New("want a date such as 2021-01-31")
	errNoDay       = errors.New("there is no such day")
	errDateTime    = errors.New("want a date-time such as 2021-01-31T13:30:00 or 2021-01-31T13:30:00+09:00")
	errYears       = errors.New("the year is outside 0001 to 9999")
	errBool        = errors.New("want true or false")
	errDigits      = fmt.Errorf("more than %d digits, which a decimal does not hold", decimal.MaxPrec)
	errScale       = fmt.Errorf("more than %d digits behind the point, which a decimal does not hold", decimal.MaxScale)
)

// Parse reads the whole of text as a value of kind k. zone says what the clocks
// showed where a datetime has no offset; nil is UTC. The error says what was
// expected, and leaves the text itself to the caller. Only a String of bytes is
// copied; nothing else allocates.
func Parse[T string | []byte](k Kind, text T, zone *time.Location) (Value, error) {
	switch k {
	case Null:
	case String:
		return OfString(string(text)), nil
	case Long:
		return parseLong(text)
	case Double:
		return parseDouble(text)
	case Decimal:
		return parseDecimal(text)
	case Date:
		return parseDate(text)
	case DateTime:
		return parseTime(text, zone)
	case Bool:
		switch string(text) {
		case "true":
			return OfBool(true), nil
		case "false":
			return OfBool(false), nil
		}
		return Value{}, errBool
	}
	return Value{}, fmt.Errorf("no value is a %s", k)
}

// ParseIn reads text as a value of column c. An empty text is null, but in a
// column of strings, where it is what it is; where c is Required it is refused.
func ParseIn[T string | []byte](c *Column, text T, zone *time.Location) (Value, error) {
	if len(text) == 0 {
		switch {
		case c.Required:
			return Value{}, errRequired
		case c.Kind != String:
			return Value{}, nil
		}
	}
	v, err := Parse(c.Kind, text, zone)
	if err == nil && c.Kind == Decimal && c.Digits > 0 {
		err = c.check(v)
	}
	return v, err
}

// cutSign takes a leading sign off a number.
func cutSign[T string | []byte](text T) (digits T, negative bool) {
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		return text[1:], text[0] == '-'
	}
	return text, false
}

func parseLong[T string | []byte](text T) (Value, error) {
	digits, negative := cutSign(text)
	limit := uint64(math.MaxInt64)
	if negative {
		limit++
	}
	var n uint64
	tooLarge := false
	for i := range len(digits) {
		d := uint64(digits[i] - '0')
		if d > 9 {
			return Value{}, errLong
		}
		if tooLarge = tooLarge || n > (limit-d)/10; !tooLarge {
			n = n*10 + d
		}
	}
	switch {
	case len(digits) == 0:
		return Value{}, errLong
	case tooLarge:
		return Value{}, errLongRange
	case negative:
		n = -n
	}
	return Value{kind: Long, num: n}, nil
}

// point returns how many digits are at the beginning of text, as in 1 or 1.5;
// ok is false if a point is not between digits.
func point[T string | []byte](text T) (n int, ok bool) {
	for n < len(text) && text[n]-'0' <= 9 {
		n++
	}
	if n == 0 {
		return 0, false
	}
	if n == len(text) || text[n] != '.' {
		return n, true
	}
	first := n + 1
	for n = first; n < len(text) && text[n]-'0' <= 9; n++ {
	}
	return n, n > first
}

func parseDouble[T string | []byte](text T) (Value, error) {
	number, _ := cutSign(text)
	n, ok := point(number)
	if !ok {
		return Value{}, errDouble
	}
	if n < len(number) {
		exponent, _ := cutSign(number[n+1:])
		if number[n]|0x20 != 'e' || len(exponent) == 0 {
			return Value{}, errDouble
		}
		for i := range len(exponent) {
			if exponent[i]-'0' > 9 {
				return Value{}, errDouble
			}
		}
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || f == 0 && hasDigit(number[:n]) {
		return Value{}, errDoubleRange
	}
	v, _ := OfDouble(f)
	return v, nil
}

// hasDigit reports whether text has a digit that is not zero.
func hasDigit[T string | []byte](text T) bool {
	for i := range len(text) {
		if text[i] > '0' && text[i] <= '9' {
			return true
		}
	}
	return false
}

func parseDecimal[T string | []byte](text T) (Value, error) {
	digits, negative := cutSign(text)
	if n, ok := point(digits); !ok || n < len(digits) {
		return Value{}, errDecimal
	}
	var coef uint64
	significant, scale, behind := 0, 0, false
	for i := range len(digits) {
		if digits[i] == '.' {
			behind = true
			continue
		}
		d := uint64(digits[i] - '0')
		if behind {
			scale++
		}
		if coef > 0 || d > 0 {
			significant++
		}
		if significant <= decimal.MaxPrec {
			coef = coef*10 + d
		}
	}
	switch {
	case scale > decimal.MaxScale:
		return Value{}, errScale
	case significant > decimal.MaxPrec:
		return Value{}, errDigits
	}
	v, _ := OfCoefficient(negative, coef, scale)
	return v, nil
}

// digitsAt reads the digits text[from:to]; ok is false if there is anything else.
func digitsAt[T string | []byte](text T, from, to int) (n int, ok bool) {
	for i := from; i < to; i++ {
		d := text[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + int(d)
	}
	return n, true
}

const dateLength = len("2006-01-02")

func parseDate[T string | []byte](text T) (Value, error) {
	if len(text) != dateLength || text[4] != '-' || text[7] != '-' {
		return Value{}, errDate
	}
	year, okYear := digitsAt(text, 0, 4)
	month, okMonth := digitsAt(text, 5, 7)
	day, okDay := digitsAt(text, 8, 10)
	if !okYear || !okMonth || !okDay {
		return Value{}, errDate
	}
	v, ok := OfDay(year, month, day)
	if !ok {
		return Value{}, errNoDay
	}
	return v, nil
}
