package codec

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Widths of the columns, in UTF-16 units.
const (
	MaxExitCode    = 100
	MaxExitMessage = 2500
	maxContext     = 2500
	shortContext   = 2492
	contextCut     = " ..."
)

// UTF16Len returns the length of s as the columns count it. An invalid byte
// counts as one.
func UTF16Len(s string) int {
	n := 0
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

// Cut returns the longest prefix of s that has at most n UTF-16 units and ends
// with a whole character.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i, r := range s {
		if n -= max(1, utf16.RuneLen(r)); n < 0 {
			return s[:i]
		}
	}
	return s
}

// ValidText returns s with every invalid byte replaced, so that other programs
// can read the column.
func ValidText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// compareUTF16 orders as Java's String.compareTo does.
func compareUTF16(a, b string) int {
	for a != "" && b != "" {
		ra, na := utf8.DecodeRuneInString(a)
		rb, nb := utf8.DecodeRuneInString(b)
		if ra != rb {
			return int(firstUnit(ra)) - int(firstUnit(rb)) + tieBreak(ra, rb)
		}
		a, b = a[na:], b[nb:]
	}
	return len(a) - len(b)
}

func firstUnit(r rune) rune {
	if r < 0x10000 {
		return r
	}
	high, _ := utf16.EncodeRune(r)
	return high
}

// tieBreak orders two characters that share their high surrogate.
func tieBreak(a, b rune) int {
	if firstUnit(a) != firstUnit(b) {
		return 0
	}
	return int(a) - int(b)
}
