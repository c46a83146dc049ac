package core_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
)

func TestRunIDIncrementer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name           string
		previous, want core.JobParameters
	}{
		{"INC-01 the first", nil, core.JobParameters{param("run.id", int64(1))}},
		{
			"INC-02 others are kept",
			core.JobParameters{param("a", "b"), param("run.id", int64(7)), nonIdentifying("c", 1.5)},
			core.JobParameters{param("a", "b"), param("run.id", int64(8)), nonIdentifying("c", 1.5)},
		},
		{"INC-03 a string that is a number", core.JobParameters{param("run.id", "5")}, core.JobParameters{param("run.id", int64(6))}},
		{"INC-03 a double that is whole", core.JobParameters{param("run.id", 5.0)}, core.JobParameters{param("run.id", int64(6))}},
		{"INC-05 the flag is kept", core.JobParameters{nonIdentifying("run.id", int64(5))}, core.JobParameters{nonIdentifying("run.id", int64(6))}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := core.RunIDIncrementer{}.Next(tt.previous, time.UTC)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("next (-want +got):\n%s", diff)
			}
		})
	}
	for name, v := range map[string]any{"INC-04 foo": "foo", "empty": "", "a fraction": 1.5, "a date": day(2021, 1, 1), "the greatest": int64(math.MaxInt64)} {
		_, err := core.RunIDIncrementer{}.Next(core.JobParameters{param("run.id", v)}, time.UTC)
		if !errors.Is(err, core.ErrJobParametersInvalid) || !strings.Contains(err.Error(), "cannot be counted up") {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	next, err := core.RunIDIncrementer{Name: "seq"}.Next(nil, time.UTC)
	if err != nil || next[0].Name != "seq" {
		t.Errorf("a key of its own: %v, %v", next, err)
	}
}

func TestDateIncrementer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, zone, last, want string
		days                   int
	}{
		{"a day", "UTC", "2021-02-28", "2021-03-01", 0},
		{"a week", "UTC", "2021-12-28", "2022-01-04", 7},
		{"a short day", "America/New_York", "2021-03-14", "2021-03-15", 1},
		{"a long day", "America/New_York", "2021-11-07", "2021-11-08", 1},
		{"the wall clock is kept", "America/New_York", "2021-03-13T12:30", "2021-03-14T12:30", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			loc := zone(t, tt.zone)
			last, err := core.ParseDate(tt.last, loc)
			if err != nil {
				t.Fatal(err)
			}
			want, err := core.ParseDate(tt.want, loc)
			if err != nil {
				t.Fatal(err)
			}
			previous := core.JobParameters{param("a", "b"), param("d", last)}
			got, err := core.DateIncrementer{Name: "d", Days: tt.days}.Next(previous, loc)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(core.JobParameters{param("a", "b"), param("d", want)}, got); diff != "" {
				t.Errorf("next (-want +got):\n%s", diff)
			}
		})
	}
	inc := core.DateIncrementer{Name: "d"}
	t.Run("the first date cannot be guessed", func(t *testing.T) {
		t.Parallel()
		_, err := inc.Next(nil, time.UTC)
		if !errors.Is(err, core.ErrNoPrevious) || !errors.Is(err, core.ErrJobParametersInvalid) {
			t.Errorf("error is %v", err)
		}
		if got := core.Hint(err); got != "give the first one: d=2021-01-01" {
			t.Errorf("hint %q", got)
		}
	})
	t.Run("a day without midnight", func(t *testing.T) {
		t.Parallel()
		loc := zone(t, "America/Sao_Paulo")
		last, err := core.ParseDate("2018-11-03", loc)
		if err != nil {
			t.Fatal(err)
		}
		_, err = inc.Next(core.JobParameters{param("d", last)}, loc)
		if err == nil || !strings.Contains(err.Error(), "2018-11-04 00:00:00 does not exist in America/Sao_Paulo") {
			t.Fatalf("error is %v", err)
		}
		word, ok := strings.CutPrefix(core.Hint(err), "give it a time that exists: ")
		if _, err := (core.Notation{Declared: core.ParameterSpecs{inc.Key()}, Zone: loc}).Parse([]string{word}); !ok || err != nil {
			t.Errorf("the hint %q does not help: %v", word, err)
		}
	})
	t.Run("the last value is no date", func(t *testing.T) {
		t.Parallel()
		_, err := inc.Next(core.JobParameters{param("d", "2021-01-01")}, time.UTC)
		if !errors.Is(err, core.ErrJobParametersInvalid) || !strings.Contains(err.Error(), "is a string, not a date") {
			t.Errorf("error is %v", err)
		}
	})
}
