package sqlitem

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// inexactColumn is a column that makes a REAL of a text that is a number: SQLite
// does that silently, and keeps 15 digits.
type inexactColumn struct {
	column

	at    int  // its place among those that are written
	whole bool // whole numbers are kept in full
}

// keptDigits is how many digits of a number a REAL keeps.
const keptDigits = 15

// inexact returns those of the columns to write that keep numbers as REAL, by
// SQLite's rules of affinity.
func (t *table) inexact(columns []string) (found []inexactColumn) {
	for at, name := range columns {
		i := slices.IndexFunc(t.columns, func(c column) bool { return strings.EqualFold(c.name, name) })
		declared := strings.ToUpper(t.columns[i].declared)
		has := func(part string) bool { return strings.Contains(declared, part) }
		c := inexactColumn{column: t.columns[i], at: at}
		switch {
		case has("INT"):
			c.whole = true
		case has("CHAR"), has("CLOB"), has("TEXT"), has("BLOB"), declared == "", declared == "ANY":
			continue // as they are
		case has("REAL"), has("FLOA"), has("DOUB"): //nolint:misspell // the letters that SQLite looks for
		default:
			c.whole = true
		}
		found = append(found, c)
	}
	return found
}

// check refuses a number that the column would keep with fewer digits than it
// has.
func (c *inexactColumn) check(value any) error {
	text := ""
	switch v := value.(type) {
	case string:
		text = v
	case int64:
		if c.whole {
			return nil
		}
		text = strconv.FormatInt(v, 10)
	}
	if len(text) <= keptDigits || !isPlainNumber(text) {
		return nil
	}
	if _, err := strconv.ParseInt(text, 10, 64); err == nil && c.whole {
		return nil
	}
	if strings.Contains(text, ".") {
		text = strings.TrimRight(text, "0")
	}
	n := significant(text)
	if n <= keptDigits {
		return nil
	}
	return core.Classified(core.ClassWriteData, fmt.Errorf(
		"%s has %d digits, and SQLite keeps %d of them in column %s, which is declared %s: TEXT keeps all",
		text, n, keptDigits, c.name, core.EscapeControl(c.declared)))
}

// isPlainNumber tells digits with a sign and a point at most.
func isPlainNumber(text string) bool {
	if text[0] == '-' || text[0] == '+' {
		text = text[1:]
	}
	whole, fraction, _ := strings.Cut(text, ".")
	digits := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	return whole+fraction != "" && digits(whole) && digits(fraction)
}
