package civil

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
)

// lazily compiles a pattern at its first use: most commands parse no date, and
// all of them pay for what is compiled at the start.
func lazily(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

var (
	dateForm = lazily(`^([0-9]{4})(?:-([0-9]{2})-|/([0-9]{2})/|([0-9]{2}))([0-9]{2})$`)
	timeForm = lazily(`^([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?(Z|[+-][0-9]{2}:[0-9]{2})?$`)
)

// Parse reads a civil date (2021-01-01, 2021/01/01, 20210101) or an ISO
// date-time with or without offset (2021-01-01T00:00:00.123+09:00) in zone. A
// day or a local time that does not exist is an error; of a local time that
// exists twice the earlier instant is meant. The text of an error goes on after
// the words "value TEXT".
func Parse(text string, zone *time.Location) (time.Time, error) {
	day, clock, hasClock := strings.Cut(text, "T")
	d := dateForm().FindStringSubmatch(day)
	if d == nil {
		return time.Time{}, errors.New(" is not a date of the form 2021-01-01")
	}
	year, month, dom := number(d[1]), number(d[2]+d[3]+d[4]), number(d[5])
	if year < 1 {
		return time.Time{}, errors.New(": the year is outside 0001-9999")
	}
	utc := time.Date(year, time.Month(month), dom, 0, 0, 0, 0, time.UTC)
	if utc.Day() != dom || int(utc.Month()) != month {
		return time.Time{}, errors.New(": there is no such day")
	}
	offset := ""
	if hasClock {
		c := timeForm().FindStringSubmatch(clock)
		if c == nil || number(c[1]) > 23 || number(c[2]) > 59 || number(c[3]) > 59 {
			return time.Time{}, errors.New(" is not a date-time of the form 2021-01-01T13:30:00")
		}
		fraction := (c[4] + "000000000")[:9]
		if fraction[3:] != "000000" {
			return time.Time{}, errors.New(" is finer than a millisecond")
		}
		utc = utc.Add(time.Duration(number(c[1]))*time.Hour + time.Duration(number(c[2]))*time.Minute +
			time.Duration(number(c[3]))*time.Second + time.Duration(number(fraction)))
		offset = c[5]
	}
	if offset != "" {
		return atOffset(utc, offset)
	}
	t, ok := Instant(utc, zone)
	if !ok {
		return time.Time{}, fmt.Errorf(": there is no such local time in %s, clocks were put forward over it", zone)
	}
	return t, nil
}

func number(digits string) int {
	n := 0
	for _, r := range digits {
		n = n*10 + int(r-'0')
	}
	return n
}

func atOffset(civil time.Time, offset string) (time.Time, error) {
	if offset == "Z" {
		return civil, nil
	}
	hours, minutes := number(offset[1:3]), number(offset[4:6])
	if minutes > 59 || hours*60+minutes > 18*60 {
		return time.Time{}, errors.New(" has an offset outside ±18:00")
	}
	d := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if offset[0] == '-' {
		d = -d
	}
	return civil.Add(-d), nil
}

// Instant finds the earliest instant whose wall clock in zone shows what that of
// civil shows in UTC. ok is false when there is none.
func Instant(civil time.Time, zone *time.Location) (instant time.Time, ok bool) {
	var found time.Time
	for _, probe := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := civil.Add(probe).In(zone).Zone()
		t := civil.Add(-time.Duration(offset) * time.Second)
		_, there := t.In(zone).Zone()
		if there == offset && (!ok || t.Before(found)) {
			found, ok = t, true
		}
	}
	return found.UTC(), ok
}

// Format writes an instant so that Parse reads it back in any zone: the day
// alone when it is a midnight of zone that reads back as itself, else a
// date-time with offset.
func Format(t time.Time, zone *time.Location) string {
	local := t.In(zone)
	if y, m, d := local.Date(); 1 <= y && y <= 9999 {
		// What Parse would make of the day, without compiling its patterns: a
		// listing parses nothing.
		if back, ok := Instant(time.Date(y, m, d, 0, 0, 0, 0, time.UTC), zone); ok && back.Equal(t) {
			return local.Format(time.DateOnly)
		}
	}
	if _, offset := local.Zone(); offset%60 != 0 {
		local = t.UTC()
	}
	switch year := local.Year(); {
	case year < 1:
		local = t.In(time.FixedZone("", maxOffset))
	case year > 9999:
		local = t.In(time.FixedZone("", -maxOffset))
	}
	return local.Format("2006-01-02T15:04:05.999Z07:00")
}

// maxOffset bounds the offset of a date-time, in seconds.
const maxOffset = 18 * 60 * 60

// InYears reports whether some offset gives t a year of four digits, so that it
// can be written.
func InYears(t time.Time) bool {
	return t.Add(maxOffset*time.Second).UTC().Year() >= 1 && t.Add(-maxOffset*time.Second).UTC().Year() <= 9999
}
