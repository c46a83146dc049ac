package civil

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Sign begins every expression.
const Sign = "@"

// Written is a day as a declaration writes it down: a date, or an expression.
// Which instant it is depends on the zone, and on the day of the launch.
type Written string

// Word is a word that an expression may begin with, or a unit that it counts in.
type Word struct{ Name, Help string }

// Anchors are the words that an expression may begin with.
func Anchors() []Word {
	return []Word{
		{"today", "the day of the launch"},
		{"yesterday", "the day before"},
		{"tomorrow", "the day after"},
		{"month-start", "the first day of this month"},
		{"month-end", "the last day of this month"},
		{"year-start", "the first day of this year"},
		{"year-end", "the last day of this year"},
	}
}

// Units are what an expression counts in.
func Units() []Word {
	return []Word{
		{"d", "days"},
		{"bd", "business days, Monday to Friday; holidays are not known"},
		{"w", "weeks"},
		{"mo", "months; a day that the month does not have becomes its last"},
		{"y", "years"},
	}
}

// maxCount bounds a number in an expression.
const maxCount = 9999

// Resolve returns the day that expression means when today is the day that now
// shows, in the form 2021-01-01. An expression is "@", one of Anchors, and any
// number of steps: a sign, a number from 1 to 9999 and one of Units. The steps
// are taken from the left.
//
// The end of a month stays the end of a month when it is moved by months and
// years. Of a day on a weekend, the business day before is the Friday, and the
// one after the Monday. The text of an error goes on after the words "value
// TEXT".
func Resolve(expression string, now time.Time) (string, error) {
	rest, ok := strings.CutPrefix(expression, Sign)
	if !ok {
		return "", fmt.Errorf(" does not begin with %s", Sign)
	}
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	day, rest, err := anchor(rest, today)
	if err != nil {
		return "", err
	}
	atEnd := strings.HasPrefix(expression, Sign+"month-end") || strings.HasPrefix(expression, Sign+"year-end")
	for rest != "" {
		var s step
		if s, rest, err = readStep(rest); err != nil {
			return "", err
		}
		day = s.from(day, atEnd)
		atEnd = atEnd && (s.unit == "mo" || s.unit == "y")
	}
	if day.Year() < 1 || day.Year() > 9999 {
		return "", errors.New(" means a year outside 0001-9999")
	}
	return day.Format(time.DateOnly), nil
}

// anchor reads the word that an expression begins with.
func anchor(text string, today time.Time) (day time.Time, rest string, err error) {
	for _, w := range Anchors() {
		after, ok := strings.CutPrefix(text, w.Name)
		if !ok || after != "" && after[0] != '+' && after[0] != '-' {
			continue
		}
		return anchored(w.Name, today), after, nil
	}
	return today, "", fmt.Errorf(" is not a date; @ is followed by one of %s", names(Anchors()))
}

func anchored(name string, today time.Time) time.Time {
	first := today.AddDate(0, 0, 1-today.Day())
	switch name {
	case "yesterday":
		return today.AddDate(0, 0, -1)
	case "tomorrow":
		return today.AddDate(0, 0, 1)
	case "month-start":
		return first
	case "month-end":
		return first.AddDate(0, 1, -1)
	case "year-start":
		return time.Date(today.Year(), time.January, 1, 0, 0, 0, 0, time.UTC)
	case "year-end":
		return time.Date(today.Year(), time.December, 31, 0, 0, 0, 0, time.UTC)
	}
	return today
}

// step moves a day.
type step struct {
	count int // negative: back
	unit  string
}

// readStep reads a sign, a number and a unit from the beginning of text, which
// is not empty.
func readStep(text string) (s step, rest string, err error) {
	end := strings.IndexAny(text[1:], "+-") + 1
	if end == 0 {
		end = len(text)
	}
	word, rest := text[:end], text[end:]
	digits := strings.TrimRight(word[1:], "abcdefghijklmnopqrstuvwxyz")
	s.unit = word[1+len(digits):]
	s.count, err = strconv.Atoi(digits)
	if err != nil || digits[0] == '+' || digits[0] == '-' || s.count < 1 || s.count > maxCount || !isUnit(s.unit) {
		return s, "", fmt.Errorf(" is not a date; %q is not a step: a sign, a number from 1 to %d, and one of %s",
			word, maxCount, names(Units()))
	}
	if word[0] == '-' {
		s.count = -s.count
	}
	return s, rest, nil
}

func isUnit(name string) bool {
	for _, u := range Units() {
		if u.Name == name {
			return true
		}
	}
	return false
}

func names(words []Word) string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = w.Name
	}
	return strings.Join(list, ", ")
}

// from returns the day that is s away from day.
func (s step) from(day time.Time, atEnd bool) time.Time {
	switch s.unit {
	case "bd":
		return businessDays(day, s.count)
	case "w":
		return day.AddDate(0, 0, 7*s.count)
	case "mo":
		return months(day, s.count, atEnd)
	case "y":
		return months(day, 12*s.count, atEnd)
	}
	return day.AddDate(0, 0, s.count)
}

// months moves day by n months; the day of the month stays, or becomes the last
// one where the month is too short or the last one is meant.
func months(day time.Time, n int, atEnd bool) time.Time {
	first := time.Date(day.Year(), day.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	if atEnd {
		return first.AddDate(0, 0, last-1)
	}
	return first.AddDate(0, 0, min(day.Day(), last)-1)
}

func businessDays(day time.Time, n int) time.Time {
	way := 1
	if n < 0 {
		way, n = -1, -n
	}
	for n > 0 {
		day = day.AddDate(0, 0, way)
		if wd := day.Weekday(); wd != time.Saturday && wd != time.Sunday {
			n--
		}
	}
	return day
}
