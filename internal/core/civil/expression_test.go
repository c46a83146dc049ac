package civil_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/batchctl/batchctl/internal/core/civil"
)

func day(t *testing.T, text string) time.Time {
	t.Helper()
	d, err := civil.Parse(text, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestResolve(t *testing.T) {
	t.Parallel()
	// 2021-03-31 is a Wednesday.
	for _, tc := range []struct{ today, expression, want string }{
		{"2021-03-31", "@today", "2021-03-31"},
		{"2021-03-01", "@yesterday", "2021-02-28"},
		{"2020-03-01", "@yesterday", "2020-02-29"},
		{"2020-12-31", "@tomorrow", "2021-01-01"},
		{"2021-03-31", "@today-1d", "2021-03-30"},
		{"2021-03-31", "@today+3d", "2021-04-03"},
		{"2021-03-31", "@today-1w", "2021-03-24"},
		{"2021-03-31", "@today-1mo", "2021-02-28"},
		{"2024-03-31", "@today-1mo", "2024-02-29"},
		{"2024-02-29", "@today-1y", "2023-02-28"},
		{"2024-02-29", "@today+4y", "2028-02-29"},
		{"2021-01-31", "@today+1mo", "2021-02-28"},
		{"2021-01-31", "@today+13mo", "2022-02-28"},
		{"2021-01-15", "@today-1mo", "2020-12-15"},
		{"2021-03-15", "@month-start", "2021-03-01"},
		{"2021-01-15", "@month-start-1mo", "2020-12-01"},
		{"2021-02-15", "@month-end", "2021-02-28"},
		{"2021-04-15", "@month-end-1mo", "2021-03-31"},
		{"2021-04-15", "@month-end-1mo-1mo", "2021-02-28"},
		{"2021-04-15", "@month-end-1d-1mo", "2021-03-29"},
		{"2021-02-15", "@month-end+1y", "2022-02-28"},
		{"2023-02-15", "@month-end+1y", "2024-02-29"},
		{"2021-07-15", "@year-start", "2021-01-01"},
		{"2021-07-15", "@year-end", "2021-12-31"},
		{"2021-07-15", "@year-end-1mo", "2021-11-30"},
		{"2021-07-15", "@month-start-1mo-1bd", "2021-05-31"}, // 2021-06-01 is a Tuesday
		{"2021-04-01", "@month-start-1mo+9d", "2021-03-10"},
		// business days: Thursday to Monday
		{"2021-04-01", "@today-1bd", "2021-03-31"},
		{"2021-04-02", "@today+1bd", "2021-04-05"},
		{"2021-04-03", "@today-1bd", "2021-04-02"},
		{"2021-04-04", "@today-1bd", "2021-04-02"},
		{"2021-04-05", "@today-1bd", "2021-04-02"},
		{"2021-04-03", "@today+1bd", "2021-04-05"},
		{"2021-04-04", "@today+1bd", "2021-04-05"},
		{"2021-04-05", "@today-6bd", "2021-03-26"},
	} {
		t.Run(tc.today+" "+tc.expression, func(t *testing.T) {
			t.Parallel()
			got, err := civil.Resolve(tc.expression, day(t, tc.today))
			if err != nil || got != tc.want {
				t.Errorf("got %q, %v, want %q", got, err, tc.want)
			}
		})
	}
}

func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ expression, want string }{
		{"today", "does not begin with @"},
		{"@", "one of today, yesterday, tomorrow, month-start, month-end, year-start, year-end"},
		{"@Today", "one of today"},
		{"@todays", "one of today"},
		{"@today ", "one of today"},
		{"@today-", `"-" is not a step`},
		{"@today-1", `"-1" is not a step`},
		{"@today-d", `"-d" is not a step`},
		{"@today-0d", `"-0d" is not a step`},
		{"@today--1d", `"-" is not a step`},
		{"@today-10000d", `"-10000d" is not a step`},
		{"@today-1m", `"-1m" is not a step: a sign, a number from 1 to 9999, and one of d, bd, w, mo, y`},
		{"@today-1d ", "is not a step"},
		{"@today-١d", "is not a step"},
		{"@month-start-1mo-x", `"-x" is not a step`},
		{"@today-9999y", "outside 0001-9999"},
	} {
		t.Run(tc.expression, func(t *testing.T) {
			t.Parallel()
			got, err := civil.Resolve(tc.expression, day(t, "2021-03-31"))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %q, %v, want an error with %q", got, err, tc.want)
			}
		})
	}
}

// The day is the one that the wall clock shows, whatever the clocks do on it.
func TestResolveByTheWallClock(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, zone, now, expression, want string }{
		{"the next day has begun in the east", "Asia/Seoul", "2021-01-01T15:00:00Z", "@today", "2021-01-02"},
		{"a second before", "Asia/Seoul", "2021-01-01T14:59:59Z", "@today", "2021-01-01"},
		{"the day before goes on in the west", "America/New_York", "2021-01-02T04:59:59Z", "@today", "2021-01-01"},
		{"a day of 23 hours", "Europe/Paris", "2021-03-28T21:59:59Z", "@yesterday", "2021-03-27"},
		{"the day after it", "Europe/Paris", "2021-03-28T22:00:00Z", "@yesterday", "2021-03-28"},
		{"a day of 25 hours", "Europe/Paris", "2021-10-31T22:59:59Z", "@yesterday", "2021-10-30"},
		{"a zone that has left out a day", "Pacific/Apia", "2011-12-30T10:00:00Z", "@yesterday", "2011-12-30"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			zone, err := time.LoadLocation(tc.zone)
			if err != nil {
				t.Fatal(err)
			}
			now, err := time.Parse(time.RFC3339, tc.now)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := civil.Resolve(tc.expression, now.In(zone)); err != nil || got != tc.want {
				t.Errorf("got %q, %v, want %q", got, err, tc.want)
			}
		})
	}
}

// Whatever resolves is a day, and steps back undo steps forward where no month
// is involved.
func TestResolveAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(rapid.Int64Range(-60_000_000_000, 200_000_000_000).Draw(t, "now"), 0).UTC()
		n := rapid.StringMatching(`[1-9][0-9]{0,2}`).Draw(t, "n")
		unit := rapid.SampledFrom([]string{"d", "w"}).Draw(t, "unit")
		anchor := rapid.SampledFrom(civil.Anchors()).Draw(t, "anchor").Name
		plain, err := civil.Resolve("@"+anchor, now)
		if err != nil {
			t.Fatal(err)
		}
		there, err := civil.Resolve("@"+anchor+"+"+n+unit+"-"+n+unit, now)
		if err != nil || there != plain {
			t.Fatalf("there and back from %s is %s, %v", plain, there, err)
		}
		bd, err := civil.Resolve("@"+anchor+"-"+n+"bd", now)
		if err != nil {
			t.Fatal(err)
		}
		at, err := civil.Parse(bd, time.UTC)
		if err != nil || at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
			t.Fatalf("%s is no business day: %v", bd, err)
		}
		if bd >= plain {
			t.Fatalf("%s is not before %s", bd, plain)
		}
	})
}

func FuzzResolve(f *testing.F) {
	for _, seed := range []string{"@today", "@month-start-1mo", "@today-1bd+3d", "@", "@today-", "@today-99999999999999999999d"} {
		f.Add(seed)
	}
	now := time.Date(2024, 2, 29, 13, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := civil.Resolve(text, now)
		if err != nil {
			return
		}
		if !strings.HasPrefix(text, civil.Sign) {
			t.Errorf("%q was taken for an expression", text)
		}
		if _, err := civil.Parse(got, time.UTC); err != nil {
			t.Errorf("%q is %q, which is no date: %v", text, got, err)
		}
	})
}
