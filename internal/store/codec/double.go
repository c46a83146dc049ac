package codec

import (
	"math"
	"strconv"
	"strings"
)

// JavaDouble returns d as Double.toString of JDK 19 and later does: the
// shortest decimal that reads back as d, but the nearest one of two digits
// where a single digit would do; plain between 1e-3 and 1e7, else with an
// exponent; always with a fraction.
func JavaDouble(d float64) string {
	switch {
	case math.IsNaN(d):
		return "NaN"
	case math.IsInf(d, 1):
		return "Infinity"
	case math.IsInf(d, -1):
		return "-Infinity"
	case d == 0:
		if math.Signbit(d) {
			return "-0.0"
		}
		return "0.0"
	}
	if abs := math.Abs(d); abs >= 1e-3 && abs < 1e7 {
		s := strconv.FormatFloat(d, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(d, 'e', -1, 64), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa, exponent, _ = strings.Cut(strconv.FormatFloat(d, 'e', 1, 64), "e")
	}
	n, err := strconv.Atoi(exponent)
	if err != nil {
		panic("strconv wrote an exponent that it cannot read: " + exponent)
	}
	return mantissa + "E" + strconv.Itoa(n)
}
