package scaffold

import (
	"strings"

	"github.com/batchctl/batchctl/internal/jobs/record"
)

// kinds are tried in this order: what is a long is a decimal too.
var kinds = [...]record.Kind{record.Long, record.Decimal, record.Date, record.DateTime, record.Bool}

// kindOfColumn returns the kind that every value of a column has. Empty fields
// say nothing; a column of nothing else is one of texts.
func kindOfColumn(records [][]string, at int) record.Kind {
	possible := kinds[:]
	seen := false
	for _, fields := range records {
		if at >= len(fields) || fields[at] == "" {
			continue
		}
		seen = true
		var left []record.Kind
		for _, k := range possible {
			if is(k, fields[at]) {
				left = append(left, k)
			}
		}
		if possible = left; len(possible) == 0 {
			return record.String
		}
	}
	if !seen {
		return record.String
	}
	return possible[0]
}

// kindOf returns the kind of one text.
func kindOf(text string) record.Kind {
	return kindOfColumn([][]string{{text}}, 0)
}

// is reports whether text is a value of kind k, and is written as it is.
func is(k record.Kind, text string) bool {
	v, err := record.Parse(k, text, nil)
	if err != nil {
		return false
	}
	if k == record.DateTime { // many ways are right
		return true
	}
	if k == record.Decimal && strings.HasPrefix(text, "-0.") && strings.Trim(text, "-0.") == "" {
		return true // minus nothing
	}
	return v.Text() == text
}
