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

// kindOfColumn returns the kind that every value of a column has, or in a clear
// case that of most, with the records that have another. Empty fields say
// nothing; a column of nothing else is one of texts. A value that is of a kind
// but would not be written back as it was, as one with leading zeros, is no
// mistake: it keeps the column from being of that kind.
func kindOfColumn(records [][]string, at int) (kind record.Kind, odd []int) {
	values := 0
	var bad [len(kinds)][]int
	var out [len(kinds)]bool
	for row, fields := range records {
		if at >= len(fields) || fields[at] == "" {
			continue
		}
		values++
		for i, k := range kinds {
			if out[i] || is(k, fields[at]) {
				continue
			}
			_, err := record.Parse(k, fields[at], nil)
			bad[i] = append(bad[i], row)
			out[i] = err == nil || len(bad[i])*100 > len(records)*(100-majority)
		}
	}
	kind, fewest := record.String, values
	for i, k := range kinds {
		fit := values - len(bad[i])
		isClear := len(bad[i]) == 0 || fit >= majorityMin && fit*100 >= values*majority
		if !out[i] && isClear && len(bad[i]) < fewest {
			kind, odd, fewest = k, bad[i], len(bad[i])
		}
	}
	return kind, odd
}

// kindOf returns the kind of one text.
func kindOf(text string) record.Kind {
	kind, _ := kindOfColumn([][]string{{text}}, 0)
	return kind
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
