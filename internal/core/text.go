package core

import (
	"fmt"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"
)

// quoteLimit is the number of characters of a value that an error shows.
const quoteLimit = 80

// Quote shows a value from outside in a message: in double quotes, cut after 80
// characters, every control character, invisible character, invalid byte and
// bidirectional override as a visible escape, other scripts as they are.
func Quote(value string) string {
	cut := false
	if utf8.RuneCountInString(value) > quoteLimit {
		n := 0
		for i := range value {
			if n == quoteLimit {
				value, cut = value[:i], true
				break
			}
			n++
		}
	}
	quoted := `"` + escape(value, true) + `"`
	if cut {
		quoted += "..."
	}
	return quoted
}

// QuotePath shows a path in a message as Quote shows a value, but never cut: the
// end of a path is what tells files apart.
func QuotePath(path string) string { return `"` + escape(path, true) + `"` }

// EscapeControl returns s with what could steer a terminal made visible: C0 and
// C1 controls, DEL, bidirectional controls and invalid UTF-8 bytes.
func EscapeControl(s string) string { return escape(s, false) }

func escape(s string, quotes bool) string {
	clean := true
	for _, r := range s {
		if needsEscape(r, quotes) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !needsEscape(r, quotes):
			b.WriteString(s[i : i+size])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += size
	}
	return b.String()
}

func needsEscape(r rune, quotes bool) bool {
	switch {
	case r == utf8.RuneError, unicode.IsControl(r):
		return true
	case r == '"' || r == '\\':
		return quotes
	case r >= 0x200e && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x061c:
		return true // bidirectional controls
	case r == 0x2028 || r == 0x2029:
		return true // line and paragraph separator
	case r == 0x00ad, r == 0x200b, r == 0x2060, r == 0xfeff, r >= 0xe0000 && r <= 0xe007f:
		return quotes // invisible: in a message they are what is wrong
	}
	return false
}

// ShellQuote joins words to a command line that a POSIX shell splits into the
// same words again.
func ShellQuote(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = shellWord(w)
	}
	return strings.Join(quoted, " ")
}

const shellSafe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_"

func shellWord(w string) string {
	unsafe := func(r rune) bool { return !strings.ContainsRune(shellSafe, r) }
	if w != "" && !strings.ContainsFunc(w, unsafe) {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

// Nearest returns the candidate that name was most probably meant to be, or ""
// when none is near: at most two edits, or a third of its length, away, and
// something in common.
func Nearest(name string, candidates []string) string {
	length := utf8.RuneCountInString(name)
	best, bestDistance := "", max(2, length/3)+1
	for _, c := range candidates {
		if strings.EqualFold(name, c) {
			return c
		}
		d := editDistance(name, c)
		if d < bestDistance && d < max(length, utf8.RuneCountInString(c)) {
			best, bestDistance = c, d
		}
	}
	return best
}

// editDistance counts insertions, deletions, substitutions and swaps of
// neighbours (optimal string alignment).
func editDistance(a, b string) int {
	ra, rb := []rune(a), []rune(b)
	before, prev, cur := make([]int, len(rb)+1), make([]int, len(rb)+1), make([]int, len(rb)+1)
	for j := range prev {
		prev[j] = j
	}
	for i, ca := range ra {
		cur[0] = i + 1
		for j, cb := range rb {
			cost := 1
			if ca == cb {
				cost = 0
			}
			cur[j+1] = min(prev[j+1]+1, cur[j]+1, prev[j]+cost)
			if i > 0 && j > 0 && ca == rb[j-1] && ra[i-1] == cb {
				cur[j+1] = min(cur[j+1], before[j-1]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(rb)]
}

// FileKind says in words what a file is that is not a regular one: "a FIFO".
func FileKind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "a special file"
}
