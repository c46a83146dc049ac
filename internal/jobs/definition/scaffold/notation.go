package scaffold

import (
	"regexp"
	"strings"
	"sync"

	"github.com/batchctl/batchctl/internal/jobs/record"
)

// Notation is a way of writing numbers or days that readers do not take. A column
// that has one is read as texts, which the processor checks and converts.
type Notation struct {
	// Name is what a person calls it, by an example or a pattern.
	Name string
	// Kind is what is made of a value.
	Kind record.Kind

	form string // the regular expression that a value has to match
	// make is the expression, with $ for the text.
	make string
	// standard returns the text as record.Parse takes it.
	standard func(string) string
}

// The forms of notations are strict, for a value that is in another one must not
// be taken for something else: 12.50 where a point parts thousands is no 1250.
const (
	formComma       = `^-?(0|[1-9][0-9]*)(,[0-9]+)?$`
	formPointsComma = `^-?(0|[1-9][0-9]*|[1-9][0-9]{0,2}([.][0-9]{3})+)(,[0-9]+)?$`
	formCommasPoint = `^-?(0|[1-9][0-9]*|[1-9][0-9]{0,2}(,[0-9]{3})+)([.][0-9]+)?$`
)

func decimalComma() *Notation {
	return &Notation{
		Name: "1234,50", Kind: record.Decimal, form: formComma, make: "decimal(replace($, ',', '.'))",
		standard: strings.NewReplacer(",", ".").Replace,
	}
}

func pointsAndComma() *Notation {
	return &Notation{
		Name: "1.234,50", Kind: record.Decimal, form: formPointsComma, make: "decimal(replace(replace($, '.', ''), ',', '.'))",
		standard: strings.NewReplacer(".", "", ",", ".").Replace,
	}
}

func commasAndPoint() *Notation {
	return &Notation{
		Name: "1,234.50", Kind: record.Decimal, form: formCommasPoint, make: "decimal(replace($, ',', ''))",
		standard: strings.NewReplacer(",", "").Replace,
	}
}

// days are the patterns of dates; yyyy-MM-dd needs no notation. Two that differ by
// the order of day and month alone stand side by side.
var days = [...]string{"dd.MM.yyyy", "dd/MM/yyyy", "MM/dd/yyyy", "dd-MM-yyyy", "MM-dd-yyyy", "yyyy/MM/dd", "yyyy.MM.dd"}

// day returns the notation of dates with a pattern.
func day(pattern string) *Notation {
	year, month, date := strings.Index(pattern, "yyyy"), strings.Index(pattern, "MM"), strings.Index(pattern, "dd")
	form := strings.NewReplacer("yyyy", "[0-9]{4}", "MM", "[0-9]{2}", "dd", "[0-9]{2}", ".", "[.]").Replace(pattern)
	return &Notation{
		Name: pattern, Kind: record.Date, form: "^" + form + "$", make: "date($, '" + pattern + "')",
		standard: func(text string) string {
			return text[year:year+4] + "-" + text[month:month+2] + "-" + text[date:date+2]
		},
	}
}

// hasComma reports whether it has a comma before the fraction.
func (n *Notation) hasComma() bool { return n.form == formComma || n.form == formPointsComma }

// fits returns what reports whether a text is a value in this notation.
func (n *Notation) fits() func(text string) bool {
	form := regexp.MustCompile(n.form) // one of those above
	return func(text string) bool {
		if !form.MatchString(text) {
			return false
		}
		_, err := record.Parse(n.Kind, n.standard(text), nil)
		return err == nil
	}
}

var (
	// proofsOfComma are texts in which a comma, or what is beside points, is
	// behind the whole number for sure: 1,234 alone may be either.
	proofsOfComma = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^-?([0-9]+,([0-9]{1,2}|[0-9]{4,})|0,[0-9]+|[0-9]{4,},[0-9]+|[0-9.]+[.][0-9]{3},[0-9]+|[0-9]{1,3}([.][0-9]{3}){2,})$`)
	})
	proofsOfPoint = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^-?([0-9]{1,3}(,[0-9]{3})+[.][0-9]+|[0-9]{1,3}(,[0-9]{3}){2,})$`)
	})
	thousands = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^-?[1-9][0-9]{0,2}([.][0-9]{3})+$`) })
)

// question is what the values of a column do not say: which of two notations they
// have; either is one of them.
type question struct {
	text   string
	either *Notation
}

// notationOf returns the notation that the values of a column have in a clear
// case, and the indices of those that have another. Where the values do not say
// which of two it is, ask has the question.
func notationOf(values []string) (n *Notation, odd []int, ask *question) {
	if n, odd, ask = numbers(values); n != nil || ask != nil {
		return n, odd, ask
	}
	for i, pattern := range days {
		n := day(pattern)
		odd, ok := misfits(values, n.fits())
		if !ok {
			continue
		}
		if i+1 < len(days) && swapped(pattern) == days[i+1] {
			other := day(days[i+1])
			if others, ok := misfits(values, other.fits()); ok {
				if len(odd) == len(others) {
					return nil, nil, &question{text: "dates, " + pattern + " or " + other.Name, either: n}
				}
				if len(others) < len(odd) {
					return other, others, nil
				}
			}
		}
		return n, odd, nil
	}
	return nil, nil, nil
}

// swapped returns a pattern with day and month the other way round, and nothing
// for one in which people agree on the order.
func swapped(pattern string) string {
	if !strings.HasPrefix(pattern, "dd") || strings.Contains(pattern, ".") {
		return ""
	}
	return strings.NewReplacer("dd", "MM", "MM", "dd").Replace(pattern)
}

func numbers(values []string) (n *Notation, odd []int, ask *question) {
	forComma, forPoint, points, commas := 0, 0, 0, 0
	for _, text := range values {
		if proofsOfComma().MatchString(text) {
			forComma++
		}
		if proofsOfPoint().MatchString(text) {
			forPoint++
		}
		if whole, _, _ := strings.Cut(text, ","); thousands().MatchString(whole) {
			points++
		}
		commas += strings.Count(text, ",")
	}
	switch {
	case forComma > forPoint && points > 0:
		n = pointsAndComma()
	case forComma > forPoint:
		n = decimalComma()
	case forPoint > 0:
		n = commasAndPoint()
	case commas > 0:
		n = decimalComma()
	default:
		return nil, nil, nil
	}
	odd, ok := misfits(values, n.fits())
	switch {
	case !ok:
		return nil, nil, nil
	case forComma+forPoint == 0:
		return nil, nil, &question{text: "numbers, with a comma before a fraction or before thousands", either: n}
	}
	return n, odd, nil
}

// misfits returns the indices of the values that do not fit, and whether nearly
// all do.
func misfits(values []string, fits func(string) bool) (odd []int, ok bool) {
	most := 0
	if fit := len(values) * majority / 100; fit >= majorityMin {
		most = len(values) - fit
	}
	for i, text := range values {
		if fits(text) {
			continue
		}
		if odd = append(odd, i); len(odd) > most {
			return nil, false
		}
	}
	return odd, len(values) > 0
}
