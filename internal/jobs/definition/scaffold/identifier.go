package scaffold

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxIdentifier is how long the name of a column of a table gets, in bytes.
const maxIdentifier = 56

// identifier makes of name one that is a word in SQL and in expressions, whatever
// its letters, and that no other column has; taken are those that there are, in
// small letters.
func identifier(name, otherwise string, taken map[string]bool) string {
	var b strings.Builder
	for _, r := range norm.NFC.String(strings.TrimSpace(name)) {
		switch {
		case r == '_', '0' <= r && r <= '9', unicode.IsLetter(r):
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	base := strings.Trim(b.String(), "_")
	if name == b.String() {
		base = name // also _id
	}
	switch {
	case base == "":
		base = otherwise
	case '0' <= base[0] && base[0] <= '9':
		base = otherwise + "_" + base
	}
	for len(base) > maxIdentifier {
		_, size := utf8.DecodeLastRuneInString(base)
		base = base[:len(base)-size]
	}
	unique := base
	for n := 2; taken[strings.ToLower(unique)]; n++ {
		unique = fmt.Sprintf("%s_%d", base, n)
	}
	taken[strings.ToLower(unique)] = true
	return unique
}
