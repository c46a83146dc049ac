package record

import (
	"fmt"
	"time"

	"github.com/batchctl/batchctl/internal/core/civil"
)

// parseTime reads 2021-01-31T13:30:00, with a fraction of a second or an offset
// if there is one; a space may stand for the T.
func parseTime[T string | []byte](text T, zone *time.Location) (Value, error) {
	const length = len("2006-01-02T15:04:05")
	if len(text) < length || text[10] != 'T' && text[10] != ' ' || text[13] != ':' || text[16] != ':' {
		return Value{}, errDateTime
	}
	day, err := parseDate(text[:dateLength])
	if err != nil {
		if err == errNoDay { //nolint:errorlint // it is ours, and nobody wraps it
			return Value{}, err
		}
		return Value{}, errDateTime
	}
	hour, okHour := digitsAt(text, 11, 13)
	minute, okMinute := digitsAt(text, 14, 16)
	second, okSecond := digitsAt(text, 17, 19)
	if !okHour || !okMinute || !okSecond || hour > 23 || minute > 59 || second > 59 {
		return Value{}, errDateTime
	}
	nanos, rest, ok := fraction(text[length:])
	if !ok {
		return Value{}, errDateTime
	}
	seconds := day.Days()*secondsOfDay + int64(hour*3600+minute*60+second)
	if len(rest) > 0 {
		offset, ok := parseOffset(rest)
		if !ok {
			return Value{}, errDateTime
		}
		return instant(time.Unix(seconds-offset, nanos))
	}
	return OfLocal(time.Unix(seconds, nanos).UTC(), zone)
}

// fraction reads the digits behind a second: .5, at most nine.
func fraction[T string | []byte](text T) (nanos int64, rest T, ok bool) {
	if len(text) == 0 || text[0] != '.' {
		return 0, text, true
	}
	unit := int64(time.Second)
	i := 1
	for ; i < len(text) && text[i]-'0' <= 9; i++ {
		if unit /= 10; unit == 0 {
			return 0, text, false
		}
		nanos += int64(text[i]-'0') * unit
	}
	return nanos, text[i:], i > 1
}

// maxOffset bounds an offset from UTC, in hours.
const maxOffset = 18

// parseOffset reads Z, +09:00 or -05:30 as seconds.
func parseOffset[T string | []byte](text T) (seconds int64, ok bool) {
	if len(text) == 1 && text[0] == 'Z' {
		return 0, true
	}
	if len(text) != len("+09:00") || text[0] != '+' && text[0] != '-' || text[3] != ':' {
		return 0, false
	}
	hours, okHours := digitsAt(text, 1, 3)
	minutes, okMinutes := digitsAt(text, 4, 6)
	if !okHours || !okMinutes || minutes > 59 || hours*60+minutes > maxOffset*60 {
		return 0, false
	}
	seconds = int64(hours*3600 + minutes*60)
	if text[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// OfLocal returns the instant at which clocks in zone show what wall shows in
// UTC: the earlier one of two; an error when there is none. A nil zone is UTC.
func OfLocal(wall time.Time, zone *time.Location) (Value, error) {
	if zone == nil || zone == time.UTC {
		return instant(wall)
	}
	t, ok := civil.Instant(wall, zone)
	if !ok {
		return Value{}, fmt.Errorf("there is no such local time in %s, clocks were put forward over it", zone)
	}
	return instant(t)
}

func instant(t time.Time) (Value, error) {
	v, ok := OfTime(t)
	if !ok {
		return v, errYears
	}
	return v, nil
}
