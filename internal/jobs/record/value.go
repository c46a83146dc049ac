package record

import (
	"fmt"
	"math"
	"time"

	"github.com/govalues/decimal"
)

// Value is a value of one of the kinds, or null, which is the zero value. Values
// are small and do not change; == compares kind and text. The methods that take
// a value apart are for those who know its kind: asked for another one they
// return something without meaning, and never panic.
type Value struct {
	kind  Kind
	neg   bool  // of a Decimal
	scale int8  // of a Decimal
	nanos int32 // of a DateTime
	// num is a Long, the bits of a Double, the coefficient of a Decimal, days
	// since 1970-01-01, seconds since then, or 0 and 1.
	num  uint64
	text string // of a String
}

// OfString returns a string.
func OfString(s string) Value { return Value{kind: String, text: s} }

// OfLong returns a long.
func OfLong(n int64) Value { return Value{kind: Long, num: uint64(n)} } //nolint:gosec // its bits

// OfDouble returns a double; ok is false for what is not a finite number.
func OfDouble(f float64) (v Value, ok bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Value{}, false
	}
	return Value{kind: Double, num: math.Float64bits(f)}, true
}

// OfDecimal returns a decimal, with the digits behind its point as they are.
func OfDecimal(d decimal.Decimal) Value {
	return Value{kind: Decimal, neg: d.IsNeg(), scale: int8(d.Scale()), num: d.Coef()} //nolint:gosec // at most 19
}

// MaxCoefficient is the largest coefficient of a decimal: 19 nines.
const MaxCoefficient = 9_999_999_999_999_999_999

// OfCoefficient returns the decimal coef / 10^scale, negated if neg; ok is false
// when a decimal does not hold it.
func OfCoefficient(neg bool, coef uint64, scale int) (v Value, ok bool) {
	if coef > MaxCoefficient || scale < 0 || scale > decimal.MaxScale {
		return Value{}, false
	}
	return Value{kind: Decimal, neg: neg && coef != 0, scale: int8(scale), num: coef}, true
}

// OfDate returns the day on which t is in its own zone; ok is false outside the
// years 1 to 9999.
func OfDate(t time.Time) (v Value, ok bool) {
	y, m, d := t.Date()
	if y < 1 || y > 9999 {
		return Value{}, false
	}
	return OfDays(daysOf(y, int(m), d))
}

// OfDay returns the day of a year, month and day of the month; ok is false when
// there is no such day.
func OfDay(year, month, day int) (v Value, ok bool) {
	if year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > DaysIn(year, month) {
		return Value{}, false
	}
	return OfDays(daysOf(year, month, day))
}

// The first and the last day that a date can be, counted from 1970-01-01.
const (
	MinDays = -719_162
	MaxDays = 2_932_896
)

// OfDays returns the day that many days after 1970-01-01; ok is false outside
// the years 1 to 9999.
func OfDays(days int64) (v Value, ok bool) {
	if days < MinDays || days > MaxDays {
		return Value{}, false
	}
	return Value{kind: Date, num: uint64(days)}, true //nolint:gosec // its bits
}

const secondsOfDay = 24 * 60 * 60

// OfTime returns the instant t; ok is false outside the years 1 to 9999 in UTC.
func OfTime(t time.Time) (v Value, ok bool) {
	seconds := t.Unix()
	if seconds < MinDays*secondsOfDay || seconds >= (MaxDays+1)*secondsOfDay {
		return Value{}, false
	}
	return Value{kind: DateTime, num: uint64(seconds), nanos: int32(t.Nanosecond())}, true //nolint:gosec // below 10^9
}

// OfBool returns a bool.
func OfBool(b bool) Value {
	if b {
		return Value{kind: Bool, num: 1}
	}
	return Value{kind: Bool}
}

// Kind returns the kind of v.
func (v Value) Kind() Kind { return v.kind }

// IsNull reports whether v is null.
func (v Value) IsNull() bool { return v.kind == Null }

// Str returns a string. It is not named String, which would make every value
// print as if it were one; see Text for that.
func (v Value) Str() string { return v.text }

// Long returns a long.
func (v Value) Long() int64 { return int64(v.num) } //nolint:gosec // its bits

// Double returns a double.
func (v Value) Double() float64 { return math.Float64frombits(v.num) }

// Bool returns a bool.
func (v Value) Bool() bool { return v.kind == Bool && v.num != 0 }

// Decimal returns a decimal.
func (v Value) Decimal() decimal.Decimal {
	if v.num <= math.MaxInt64 {
		n := int64(v.num)
		if v.neg {
			n = -n
		}
		d, err := decimal.New(n, int(v.scale))
		if err != nil { // of another kind
			return decimal.Decimal{}
		}
		return d
	}
	d, err := decimal.ParseExact(v.Text(), int(v.scale))
	if err != nil {
		return decimal.Decimal{}
	}
	return d
}

// Coefficient returns a decimal as its digits, their sign, and how many of them
// are behind the point.
func (v Value) Coefficient() (neg bool, coef uint64, scale int) { return v.neg, v.num, int(v.scale) }

// Days returns a date as the number of days after 1970-01-01.
func (v Value) Days() int64 { return int64(v.num) } //nolint:gosec // its bits

// Day returns a date as year, month and day of the month.
func (v Value) Day() (year, month, day int) { return dayOf(int64(v.num)) } //nolint:gosec // its bits

// Time returns a datetime, or the midnight UTC of a date, in UTC.
func (v Value) Time() time.Time {
	if v.kind == Date {
		return time.Unix(v.Days()*secondsOfDay, 0).UTC()
	}
	return time.Unix(int64(v.num), int64(v.nanos)).UTC() //nolint:gosec // its bits
}

// Any returns v as a string, int64, float64, decimal.Decimal, time.Time, bool or
// nil.
func (v Value) Any() any {
	switch v.kind {
	case Null:
	case String:
		return v.text
	case Long:
		return v.Long()
	case Double:
		return v.Double()
	case Decimal:
		return v.Decimal()
	case Date, DateTime:
		return v.Time()
	case Bool:
		return v.Bool()
	}
	return nil
}

// GoString shows v with its kind, for tests and debugging.
func (v Value) GoString() string { return fmt.Sprintf("%s(%s)", v.kind, v.Text()) }

// daysOf counts the days from 1970-01-01 to a day of the proleptic Gregorian
// calendar.
func daysOf(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	// March is the first month, so that a leap day is the last day of a year.
	inYear := (153*(month-3)+2)/5 + day - 1
	era := year / 400 // year >= 0
	ofEra := year - era*400
	return int64(era*146_097+ofEra*365+ofEra/4-ofEra/100+inYear) - 719_468
}

// dayOf is the inverse of daysOf.
func dayOf(days int64) (year, month, day int) {
	n := int(days + 719_468) // since 0000-03-01; not negative within the years 1 to 9999
	era := n / 146_097
	ofEra := n - era*146_097
	y := (ofEra - ofEra/1_460 + ofEra/36_524 - ofEra/146_096) / 365
	inYear := ofEra - (365*y + y/4 - y/100)
	m := (5*inYear + 2) / 153
	day = inYear - (153*m+2)/5 + 1
	year = y + era*400
	if m < 10 {
		return year, m + 3, day
	}
	return year + 1, m - 9, day
}

// DaysIn returns the number of days of a month.
func DaysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}
