package scaffold

import (
	"strings"

	"github.com/batchctl/batchctl/internal/jobs/record"
)

// kinds are tried in this order: what is a long is a decimal too.
var kinds = [...]record.Kind{record.Long, record.Decimal, record.Date, record.DateTime, record.Bool}

// A column has the type of most of its values when that is a clear case: so many
// values in a hundred, and so many at least.
const (
	majority    = 90
	majorityMin = 10
)

// guessed is what the values of a column seem to be.
type guessed struct {
	kind     record.Kind
	notation *Notation // nil: values are as readers take them
	odd      []int     // the rows with a value that is something else
	ask      *question // what the values do not say, though they have a notation
}

// lookAt returns the kind that every value of a column has, or in a clear case
// that of most. Empty fields say nothing; a column of nothing else is one of
// texts. A value that is of a kind but would not be written back as it was, as one
// with leading zeros, is no mistake: it keeps the column from being of that kind.
// What has no kind may have a notation.
func lookAt(rows []row, at int) guessed {
	var values []string
	var of []int // the row of each value
	for i, r := range rows {
		if at < len(r.fields) && r.fields[at] != "" {
			values, of = append(values, r.fields[at]), append(of, i)
		}
	}
	var g guessed
	if g.kind, g.odd = kindOfValues(values); g.kind == record.String {
		if g.notation, g.odd, g.ask = notationOf(values); g.notation != nil {
			g.kind = g.notation.Kind
		}
	}
	for i, n := range g.odd {
		g.odd[i] = of[n]
	}
	return g
}

// kindOfValues returns the kind of values, and the indices of those that have
// another.
func kindOfValues(values []string) (kind record.Kind, odd []int) {
	var bad [len(kinds)][]int
	var out [len(kinds)]bool
	for n, text := range values {
		for i, k := range kinds {
			if out[i] || is(k, text) {
				continue
			}
			_, err := record.Parse(k, text, nil)
			bad[i] = append(bad[i], n)
			out[i] = err == nil || len(bad[i])*100 > len(values)*(100-majority)
		}
	}
	kind, fewest := record.String, len(values)
	for i, k := range kinds {
		fit := len(values) - len(bad[i])
		isClear := len(bad[i]) == 0 || fit >= majorityMin && fit*100 >= len(values)*majority
		if !out[i] && isClear && len(bad[i]) < fewest {
			kind, odd, fewest = k, bad[i], len(bad[i])
		}
	}
	return kind, odd
}

// isValue reports whether a text has a type, and so is no name of a column.
func isValue(text string) bool {
	return lookAt([]row{{fields: []string{text}}}, 0).kind != record.String
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
