package core_test

import (
	"strings"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

func zone(tb testing.TB, name string) *time.Location {
	tb.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return loc
}

func TestParseDate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, zone, text, want string // want in UTC
	}{
		{"a day", "UTC", "2021-01-01", "2021-01-01T00:00:00Z"},
		{"a day in Seoul", "Asia/Seoul", "20210101", "2020-12-31T15:00:00Z"},
		{"a leap day", "UTC", "2024-02-29", "2024-02-29T00:00:00Z"},
		{"the first day", "UTC", "0001-01-01", "0001-01-01T00:00:00Z"},
		{"the last day", "UTC", "9999-12-31", "9999-12-31T00:00:00Z"},
		{"a local date-time", "Asia/Seoul", "2021-01-01T09:30", "2021-01-01T00:30:00Z"},
		{"the other notations of the day take a time too", "UTC", "20210101T09:30:15", "2021-01-01T09:30:15Z"},
		{"milliseconds", "UTC", "2021-01-01T00:00:00.120000000", "2021-01-01T00:00:00.12Z"},
		{"an offset overrules the zone", "Asia/Seoul", "2021-01-01T00:00:00.001-05:30", "2021-01-01T05:30:00.001Z"},
		{"UTC overrules the zone", "Asia/Seoul", "2021-01-01T00:00Z", "2021-01-01T00:00:00Z"},
		{"an offset below an hour", "UTC", "2021-01-01T00:00-00:30", "2021-01-01T00:30:00Z"},
		{"before the gap", "America/New_York", "2021-03-14T01:59:59", "2021-03-14T06:59:59Z"},
		{"after the gap", "America/New_York", "2021-03-14T03:00", "2021-03-14T07:00:00Z"},
		{"of an overlap the earlier", "America/New_York", "2021-11-07T01:30", "2021-11-07T05:30:00Z"},
		{"of an overlap the later by its offset", "America/New_York", "2021-11-07T01:30-05:00", "2021-11-07T06:30:00Z"},
		{"a day that begins at one o'clock has that hour", "America/Sao_Paulo", "2018-11-04T01:00", "2018-11-04T03:00:00Z"},
		{"of two midnights the earlier", "America/Havana", "2021-11-07T00:00", "2021-11-07T04:00:00Z"},
		{"half an hour of summer", "Australia/Lord_Howe", "2021-04-04T01:45", "2021-04-03T14:45:00Z"},
		{"the day after a day that never was", "Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := core.ParseDate(tt.text, zone(t, tt.zone))
			if err != nil {
				t.Fatal(err)
			}
			if got.Format(time.RFC3339Nano) != tt.want {
				t.Errorf("ParseDate(%s) in %s = %s, want %s", tt.text, tt.zone, got.Format(time.RFC3339Nano), tt.want)
			}
			if got.Location() != time.UTC {
				t.Errorf("the instant is in %s", got.Location())
			}
		})
	}
	for _, tt := range []struct{ name, zone, text string }{
		{"the gap of New York", "America/New_York", "2021-03-14T02:30"},
		{"a day without a midnight", "America/Sao_Paulo", "2018-11-04"},
		{"half an hour of gap", "Australia/Lord_Howe", "2021-10-03T02:15"},
		{"a day that never was", "Pacific/Apia", "2011-12-30"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := core.ParseDate(tt.text, zone(t, tt.zone))
			if err == nil {
				t.Fatalf("ParseDate(%s) in %s = %s, want an error", tt.text, tt.zone, got)
			}
			if want := `value "` + tt.text + `": there is no such local time in ` + tt.zone; !strings.Contains(err.Error(), want) {
				t.Errorf("error %q does not say %q", err, want)
			}
		})
	}
}

func TestFormatDate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, zone, instant, want string }{
		{"midnight", "UTC", "2021-01-01T00:00:00Z", "2021-01-01"},
		{"midnight of the zone", "Asia/Seoul", "2020-12-31T15:00:00Z", "2021-01-01"},
		{"another hour of the zone", "Asia/Seoul", "2021-01-01T00:00:00Z", "2021-01-01T09:00:00+09:00"},
		{"milliseconds", "UTC", "2021-01-01T00:00:00.12Z", "2021-01-01T00:00:00.12Z"},
		{"the second of two midnights", "America/Havana", "2021-11-07T05:00:00Z", "2021-11-07T00:00:00-05:00"},
		{"an offset that no notation has", "Asia/Seoul", "1900-01-01T00:00:00Z", "1900-01-01T00:00:00Z"},
		{"a day at such an offset", "Asia/Seoul", "1899-12-31T15:32:08Z", "1900-01-01"},
		{"before the first year", "UTC", "0000-12-31T06:00:00Z", "0001-01-01T00:00:00+18:00"},
		{"after the last year", "UTC", "+10000-01-01T17:59:00Z", "9999-12-31T23:59:00-18:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			instant, err := time.Parse(time.RFC3339Nano, strings.TrimPrefix(tt.instant, "+1"))
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(tt.instant, "+1") {
				instant = instant.AddDate(10000, 0, 0)
			}
			loc := zone(t, tt.zone)
			got := core.FormatDate(instant, loc)
			if got != tt.want {
				t.Errorf("FormatDate(%s) in %s = %s, want %s", tt.instant, tt.zone, got, tt.want)
			}
			if back, err := core.ParseDate(got, loc); err != nil || !back.Equal(instant) {
				t.Errorf("%s reads back as %s, %v", got, back, err)
			}
		})
	}
}

// Every hour around every change of clocks of some twenty zones: what the clock
// shows is read back as the first instant at which it shows it.
func TestParseDateAroundChanges(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"America/New_York", "America/Sao_Paulo", "America/Havana", "America/Santiago", "America/Caracas",
		"Asia/Seoul", "Asia/Tehran", "Asia/Gaza", "Asia/Pyongyang", "Asia/Kathmandu", "Africa/Casablanca",
		"Africa/Cairo", "Africa/Monrovia", "Antarctica/Troll", "Atlantic/Azores", "Australia/Lord_Howe",
		"Europe/Dublin", "Europe/Istanbul", "Europe/London", "Pacific/Apia", "Pacific/Kwajalein", "Pacific/Chatham",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			loc := zone(t, name)
			changes := 0
			for at := day(1960, 1, 1); at.Year() < 2030; {
				_, end := at.In(loc).ZoneBounds()
				if end.IsZero() {
					break
				}
				changes++
				checkAround(t, end.UTC(), loc)
				at = end.UTC()
			}
			if changes == 0 {
				t.Errorf("no change of clocks in %s", name)
			}
		})
	}
}

func checkAround(t *testing.T, change time.Time, loc *time.Location) {
	t.Helper()
	first := map[string]time.Time{}
	const layout = "2006-01-02T15:04:05"
	for at := change.Add(-30 * time.Hour); at.Before(change.Add(30 * time.Hour)); at = at.Add(15 * time.Minute) {
		shown := at.In(loc).Format(layout)
		if _, seen := first[shown]; !seen {
			first[shown] = at
		}
	}
	for shown, want := range first {
		if want.Before(change.Add(-26 * time.Hour)) {
			continue // may have been shown before the window
		}
		got, err := core.ParseDate(shown, loc)
		if err != nil || !got.Equal(want) {
			t.Fatalf("%s in %s is %s, %v; want %s", shown, loc, got, err, want)
		}
	}
	for civil := change.Add(-14 * time.Hour); civil.Before(change.Add(14 * time.Hour)); civil = civil.Add(15 * time.Minute) {
		shown := civil.Format(layout)
		if _, exists := first[shown]; exists {
			continue
		}
		if got, err := core.ParseDate(shown, loc); err == nil && got.In(loc).Format(layout) != shown {
			t.Fatalf("%s in %s is %s, where the clock shows %s", shown, loc, got, got.In(loc).Format(layout))
		}
	}
}
