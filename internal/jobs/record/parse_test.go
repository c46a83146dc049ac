package record_test

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/batchctl/batchctl/internal/jobs/record"
)

func seoul(tb testing.TB) *time.Location {
	tb.Helper()
	return zone(tb, "Asia/Seoul")
}

func zone(tb testing.TB, name string) *time.Location {
	tb.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return loc
}

// Each text, as a string and as bytes, is a value with the text that is written
// for it.
func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind       record.Kind
		text, want string
	}{
		{record.String, "", ""},
		{record.String, " a\x00\xff ", " a\x00\xff "},
		{record.Long, "0", "0"},
		{record.Long, "-0", "0"},
		{record.Long, "+42", "42"},
		{record.Long, "007", "7"},
		{record.Long, "9223372036854775807", "9223372036854775807"},
		{record.Long, "-9223372036854775808", "-9223372036854775808"},
		{record.Double, "1", "1"},
		{record.Double, "-1.50", "-1.5"},
		{record.Double, "1e3", "1000"},
		{record.Double, "2E-7", "2e-07"},
		{record.Double, "0.1", "0.1"},
		{record.Double, "1.7976931348623157e308", "1.7976931348623157e+308"},
		{record.Double, "0e999", "0"},
		{record.Decimal, "1.50", "1.50"},
		{record.Decimal, "-0.00", "0.00"},
		{record.Decimal, "+007.5", "7.5"},
		{record.Decimal, "9999999999999999999", "9999999999999999999"},
		{record.Decimal, "-0.9999999999999999999", "-0.9999999999999999999"},
		{record.Decimal, "00000000000000000000000001", "1"},
		{record.Date, "2024-02-29", "2024-02-29"},
		{record.Date, "0001-01-01", "0001-01-01"},
		{record.Date, "9999-12-31", "9999-12-31"},
		{record.DateTime, "2021-01-31T13:30:00", "2021-01-31T04:30:00Z"},
		{record.DateTime, "2021-01-31 13:30:00.5", "2021-01-31T04:30:00.5Z"},
		{record.DateTime, "2021-01-31T13:30:00.000000001Z", "2021-01-31T13:30:00.000000001Z"},
		{record.DateTime, "1969-12-31T23:59:59.25-05:30", "1970-01-01T05:29:59.25Z"},
		{record.DateTime, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		{record.Bool, "true", "true"},
		{record.Bool, "false", "false"},
	} {
		t.Run(tt.kind.String()+" "+tt.text, func(t *testing.T) {
			t.Parallel()
			v, err := record.Parse(tt.kind, tt.text, seoul(t))
			if err != nil {
				t.Fatal(err)
			}
			if v.Text() != tt.want || v.Kind() != tt.kind {
				t.Errorf("got %#v, want %q", v, tt.want)
			}
			if same, err := record.Parse(tt.kind, []byte(tt.text), seoul(t)); err != nil || same != v {
				t.Errorf("of bytes: got %#v, %v", same, err)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const long, number = "whole number such as", "decimal number such as"
	for _, tt := range []struct {
		kind       record.Kind
		text, want string
	}{
		{record.Null, "", "no value is a null"},
		{record.Long, "", long},
		{record.Long, "-", long},
		{record.Long, " 1", long},
		{record.Long, "1 ", long},
		{record.Long, "1.0", long},
		{record.Long, "1,234", long},
		{record.Long, "0x10", long},
		{record.Long, "1_000", long},
		{record.Long, "١٢", long},
		{record.Long, "9223372036854775808", "64 bits"},
		{record.Long, "-9223372036854775809", "64 bits"},
		{record.Long, "99999999999999999999999x", long},
		{record.Double, "", "finite"},
		{record.Double, "NaN", "finite"},
		{record.Double, "Inf", "finite"},
		{record.Double, "0x1p3", "finite"},
		{record.Double, ".5", "finite"},
		{record.Double, "5.", "finite"},
		{record.Double, "1e", "finite"},
		{record.Double, "1e+", "finite"},
		{record.Double, "1e5x", "finite"},
		{record.Double, "1,5", "finite"},
		{record.Double, "1e309", "range of a double"},
		{record.Double, "1e-400", "range of a double"},
		{record.Decimal, "", number},
		{record.Decimal, "-", number},
		{record.Decimal, ".5", number},
		{record.Decimal, "5.", number},
		{record.Decimal, "1e3", number},
		{record.Decimal, "1.2.3", number},
		{record.Decimal, "1.234,56", number},
		{record.Decimal, "$5", number},
		{record.Decimal, "10000000000000000000", "more than 19 digits"},
		{record.Decimal, "1.0000000000000000000", "more than 19 digits"},
		{record.Decimal, "0.00000000000000000001", "behind the point"},
		{record.Date, "2021-02-29", "no such day"},
		{record.Date, "2021-13-01", "no such day"},
		{record.Date, "2021-00-10", "no such day"},
		{record.Date, "0000-01-01", "no such day"},
		{record.Date, "2021-1-1", "date such as"},
		{record.Date, "20210101", "date such as"},
		{record.Date, "2021/01/01", "date such as"},
		{record.Date, "2021-01-01 ", "date such as"},
		{record.Date, "+021-01-01", "date such as"},
		{record.DateTime, "2021-01-31", "date-time such as"},
		{record.DateTime, "2021-01-31T13:30", "date-time such as"},
		{record.DateTime, "2021-02-31T13:30:00", "no such day"},
		{record.DateTime, "2021-01-31T24:00:00", "date-time such as"},
		{record.DateTime, "2021-01-31T13:60:00", "date-time such as"},
		{record.DateTime, "2021-01-31T23:59:60", "date-time such as"},
		{record.DateTime, "2021-01-31T13:30:00.", "date-time such as"},
		{record.DateTime, "2021-01-31T13:30:00.1234567890", "date-time such as"},
		{record.DateTime, "2021-01-31T13:30:00,5", "date-time such as"},
		{record.DateTime, "2021-01-31T13:30:00z", "date-time such as"},
		{record.DateTime, "2021-01-31T13:30:00+9:00", "date-time such as"},
		{record.DateTime, "2021-01-31T13:30:00+19:00", "date-time such as"},
		{record.DateTime, "x021-01-31T13:30:00", "date-time such as"},
		{record.DateTime, "0001-01-01T00:00:00+09:00", "0001 to 9999"},
		{record.Bool, "", "true or false"},
		{record.Bool, "TRUE", "true or false"},
		{record.Bool, "1", "true or false"},
	} {
		t.Run(tt.kind.String()+" "+tt.text, func(t *testing.T) {
			t.Parallel()
			v, err := record.Parse(tt.kind, tt.text, nil)
			if err == nil || !v.IsNull() {
				t.Fatalf("got %#v, want an error", v)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want %q in it", err, tt.want)
			}
		})
	}
}

// A civil time is read by the clocks of the zone: one that they skip is refused,
// of one that they show twice the earlier is meant.
func TestParseWhereClocksChange(t *testing.T) {
	t.Parallel()
	berlin := zone(t, "Europe/Berlin")
	if v, err := record.Parse(record.DateTime, "2021-03-28T02:30:00", berlin); err == nil || !strings.Contains(err.Error(), "no such local time in Europe/Berlin") {
		t.Errorf("in the gap: got %#v, %v", v, err)
	}
	if v, err := record.Parse(record.DateTime, "2021-10-31T02:30:00", berlin); err != nil || v.Text() != "2021-10-31T00:30:00Z" {
		t.Errorf("in the overlap: got %#v, %v", v, err)
	}
}

// anyValue draws values of all kinds.
func anyValue(t *rapid.T) record.Value {
	must := func(v record.Value, ok bool) record.Value {
		if !ok {
			t.Fatalf("no value")
		}
		return v
	}
	switch rapid.SampledFrom(record.Kinds()).Draw(t, "kind") {
	case record.String:
		return record.OfString(rapid.String().Draw(t, "text"))
	case record.Long:
		return record.OfLong(rapid.Int64().Draw(t, "long"))
	case record.Double:
		f := rapid.Float64().Filter(func(f float64) bool { return !math.IsInf(f, 0) && !math.IsNaN(f) }).Draw(t, "double")
		return must(record.OfDouble(f))
	case record.Decimal:
		return must(record.OfCoefficient(rapid.Bool().Draw(t, "neg"), rapid.Uint64Max(record.MaxCoefficient).Draw(t, "coef"),
			rapid.IntRange(0, 19).Draw(t, "scale")))
	case record.Date:
		return must(record.OfDays(rapid.Int64Range(record.MinDays, record.MaxDays).Draw(t, "days")))
	case record.DateTime:
		seconds := rapid.Int64Range(record.MinDays*86400, record.MaxDays*86400+86399).Draw(t, "seconds")
		return must(record.OfTime(time.Unix(seconds, rapid.Int64Range(0, 999_999_999).Draw(t, "nanos"))))
	case record.Bool:
		return record.OfBool(rapid.Bool().Draw(t, "bool"))
	case record.Null:
	}
	return record.Value{}
}

// The text of a value is read as the same value, by whatever zone.
func TestTextReadsBack(t *testing.T) {
	t.Parallel()
	loc := seoul(t)
	rapid.Check(t, func(t *rapid.T) {
		v := anyValue(t)
		back, err := record.Parse(v.Kind(), v.Text(), loc)
		if err != nil || back != v {
			t.Fatalf("%#v reads back as %#v, %v", v, back, err)
		}
		if got := string(v.AppendText([]byte("x"))); got != "x"+v.Text() {
			t.Fatalf("appended %q", got)
		}
		if v.Kind() == record.Decimal && record.OfDecimal(v.Decimal()) != v {
			t.Fatalf("%#v as a decimal is %s", v, v.Decimal())
		}
	})
}

// Days are those of package time.
func TestDaysAreThoseOfTheCalendar(t *testing.T) {
	t.Parallel()
	day := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	for days := int64(record.MinDays); days <= record.MaxDays; days++ {
		v, ok := record.OfDays(days)
		year, month, dom := v.Day()
		if y, m, d := day.Date(); !ok || y != year || int(m) != month || d != dom {
			t.Fatalf("day %d: got %d-%d-%d, want %s", days, year, month, dom, day)
		}
		if back, ok := record.OfDay(year, month, dom); !ok || back != v {
			t.Fatalf("%#v: got %#v", v, back)
		}
		day = day.AddDate(0, 0, 1)
	}
	if day.Year() != 10000 {
		t.Errorf("the last day is the one before %s", day)
	}
}

func TestValuesOutOfRange(t *testing.T) {
	t.Parallel()
	year := func(y int) time.Time { return time.Date(y, 6, 1, 0, 0, 0, 0, time.UTC) }
	for name, of := range map[string]func() (record.Value, bool){
		"NaN":               func() (record.Value, bool) { return record.OfDouble(math.NaN()) },
		"infinite":          func() (record.Value, bool) { return record.OfDouble(math.Inf(-1)) },
		"20 digits":         func() (record.Value, bool) { return record.OfCoefficient(false, math.MaxUint64, 0) },
		"scale 20":          func() (record.Value, bool) { return record.OfCoefficient(false, 1, 20) },
		"scale -1":          func() (record.Value, bool) { return record.OfCoefficient(false, 1, -1) },
		"before year 1":     func() (record.Value, bool) { return record.OfDate(year(0)) },
		"behind 9999":       func() (record.Value, bool) { return record.OfDate(year(10000)) },
		"instant in year 0": func() (record.Value, bool) { return record.OfTime(year(0)) },
		"instant in 10000":  func() (record.Value, bool) { return record.OfTime(year(10000)) },
		"first day less 1":  func() (record.Value, bool) { return record.OfDays(record.MinDays - 1) },
		"last day and 1":    func() (record.Value, bool) { return record.OfDays(record.MaxDays + 1) },
		"31 June":           func() (record.Value, bool) { return record.OfDay(2021, 6, 31) },
		"29 February 1900":  func() (record.Value, bool) { return record.OfDay(1900, 2, 29) },
	} {
		if v, ok := of(); ok || !v.IsNull() {
			t.Errorf("%s: got %#v", name, v)
		}
	}
}

func TestParsingAndWritingNumbersDoesNotAllocate(t *testing.T) {
	texts := map[record.Kind][]byte{
		record.Long: []byte("-42"), record.Decimal: []byte("12345.67"), record.Date: []byte("2021-01-31"),
		record.DateTime: []byte("2021-01-31T13:30:00Z"), record.Bool: []byte("true"),
	}
	buf := make([]byte, 0, 64)
	for kind, text := range texts {
		allocs := testing.AllocsPerRun(100, func() {
			v, err := record.Parse(kind, text, nil)
			if err != nil {
				t.Fatal(err)
			}
			buf = v.AppendText(buf[:0])
		})
		if allocs > 0 {
			t.Errorf("%s: %v allocations", kind, allocs)
		}
	}
}

// FuzzParse: whatever is read, is written, and read again as the same.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"", "-42", "1.50", "1e-3", "2021-01-31", "2021-01-31T13:30:00.5+09:00", "true", strconv.Itoa(math.MinInt64), "0.00000000000000000001"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range record.Kinds() {
			v, err := record.Parse(kind, text, nil)
			fromBytes, errBytes := record.Parse(kind, []byte(text), nil)
			if (err == nil) != (errBytes == nil) || v != fromBytes {
				t.Errorf("%s %q: %#v and %#v", kind, text, v, fromBytes)
			}
			if err != nil {
				continue
			}
			if back, err := record.Parse(kind, v.Text(), nil); err != nil || back != v {
				t.Errorf("%s %q: %#v reads back as %#v, %v", kind, text, v, back, err)
			}
		}
	})
}
