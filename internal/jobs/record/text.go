package record

import (
	"math"
	"strconv"
	"strings"
)

// Text returns the text of v; that of null is empty.
func (v Value) Text() string {
	if v.kind == String {
		return v.text
	}
	var buf [32]byte
	return string(v.AppendText(buf[:0]))
}

// AppendText appends the text of v to dst; nothing for null. Parse makes v of it
// again.
func (v Value) AppendText(dst []byte) []byte {
	switch v.kind {
	case Null:
	case String:
		return append(dst, v.text...)
	case Long:
		return strconv.AppendInt(dst, v.Long(), 10)
	case Double:
		return appendDouble(dst, v.Double())
	case Decimal:
		return v.appendDecimal(dst)
	case Date:
		return appendDate(dst, v.Days())
	case DateTime:
		return v.appendTime(dst)
	case Bool:
		return strconv.AppendBool(dst, v.Bool())
	}
	return dst
}

// appendDouble writes the fewest digits that read back as f, without an exponent
// where that is of a sensible length.
func appendDouble(dst []byte, f float64) []byte {
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, 64)
}

func (v Value) appendDecimal(dst []byte) []byte {
	if v.neg {
		dst = append(dst, '-')
	}
	scale := int(v.scale)
	if scale == 0 {
		return strconv.AppendUint(dst, v.num, 10)
	}
	var buf [20]byte
	digits := strconv.AppendUint(buf[:0], v.num, 10)
	if whole := len(digits) - scale; whole > 0 {
		dst = append(append(dst, digits[:whole]...), '.')
		return append(dst, digits[whole:]...)
	}
	dst = append(dst, "0."...)
	dst = append(dst, strings.Repeat("0", scale-len(digits))...)
	return append(dst, digits...)
}

func appendDate(dst []byte, days int64) []byte {
	year, month, day := dayOf(days)
	dst = append(dst, byte('0'+year/1000%10), byte('0'+year/100%10), byte('0'+year/10%10), byte('0'+year%10), '-')
	dst = appendTwo(dst, month)
	return appendTwo(append(dst, '-'), day)
}

func appendTwo(dst []byte, n int) []byte { return append(dst, byte('0'+n/10%10), byte('0'+n%10)) }

func (v Value) appendTime(dst []byte) []byte {
	seconds := v.Long()
	days := seconds / secondsOfDay
	clock := int(seconds % secondsOfDay)
	if clock < 0 {
		clock += secondsOfDay
		days--
	}
	dst = append(appendDate(dst, days), 'T')
	dst = appendTwo(dst, clock/3600)
	dst = appendTwo(append(dst, ':'), clock/60%60)
	dst = appendTwo(append(dst, ':'), clock%60)
	if nanos := int(v.nanos); nanos > 0 {
		dst = append(dst, '.')
		for nanos > 0 {
			dst = append(dst, byte('0'+nanos/100_000_000))
			nanos = nanos % 100_000_000 * 10
		}
	}
	return append(dst, 'Z')
}
