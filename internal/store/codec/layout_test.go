package codec_test

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/codec"
)

func text(name, value string) core.JobParameter {
	return core.JobParameter{Name: name, Value: value, Identifying: true}
}

func with(name string, value any) core.JobParameter {
	return core.JobParameter{Name: name, Value: value, Identifying: true}
}

// vectors are the parameters whose keys testdata/springbatch/job-keys.tsv holds
// as Spring Batch 4.3.10 computes them.
var vectors = map[string]core.JobParameters{
	"V01": {},
	"V02": {{Name: "dryRun", Value: "true"}},
	"V03": {with("requestDate", time.Date(2021, 1, 1, 0, 0, 0, 0, time.FixedZone("KST", 9*3600)))},
	"V04": {with("requestDate", time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC))},
	"V05": {with("requestDate", time.Date(2021, 1, 1, 0, 0, 0, 123e6, time.UTC))},
	"V06": {with("requestDate", time.Date(2021, 7, 1, 0, 0, 0, 0, time.FixedZone("EDT", -4*3600)))},
	"V08": {with("run.id", int64(1))},
	"V09": {with("rate", float64(100))},
	"V10": {with("rate", 0.0001)},
	"V11": {with("rate", 12345678.9)},
	"V12": {text("foo", "bar"), text("bar", "foo"), {Name: "ignored", Value: "x"}},
	"V13": {text("name", "")},
	"V14": {text("이름", "홍길동")},
	"V15": {
		text("～", "1"), text("😀", "2"), text("b", "3"), text("B", "4"), text("a.b", "5"), text("a-b", "6"),
	},
	"V23": {text("file", "a;b={value=1, type=class java.lang.Long}")},
}

func TestJobKey(t *testing.T) {
	t.Parallel()
	layout := codec.Layout4()
	f, err := os.Open(filepath.Join("..", "..", "..", "testdata", "springbatch", "job-keys.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	seen := 0
	for lines := bufio.NewScanner(f); lines.Scan(); seen++ {
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) != 4 || fields[1] != "4.3" {
			t.Fatalf("not a vector of scheme 4.3: %q", lines.Text())
		}
		t.Run("KEY-01 "+fields[0], func(t *testing.T) {
			t.Parallel()
			ps, ok := vectors[fields[0]]
			if !ok {
				t.Fatal("no parameters for this vector")
			}
			if got, err := codec.JobKeyText4(ps); err != nil || got != fields[3] {
				t.Errorf("got text %q, %v\nwant %q", got, err, fields[3])
			}
			if got, err := layout.JobKey(ps); err != nil || got != fields[2] {
				t.Errorf("got key %s, %v\nwant %s", got, err, fields[2])
			}
		})
	}
	if seen != len(vectors) {
		t.Errorf("got %d vectors, want %d", seen, len(vectors))
	}

	key := func(ps ...core.JobParameter) string {
		t.Helper()
		got, err := layout.JobKey(ps)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	t.Run("KEY-02 the order does not matter", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(rt *rapid.T) {
			ps := slices.Clone(vectors["V15"])
			shuffled := rapid.Permutation(ps).Draw(rt, "order")
			if got := key(shuffled...); got != "c7a56d822a3017054bc9751ab1482cdf" {
				rt.Fatalf("got %s for %v", got, shuffled)
			}
		})
	})
	t.Run("KEY-03 what does not identify does not count", func(t *testing.T) {
		t.Parallel()
		if key(text("a", "1")) != key(text("a", "1"), core.JobParameter{Name: "b", Value: "2"}) {
			t.Error("the key has changed")
		}
	})
	t.Run("KEY-04 nothing identifying is the empty text", func(t *testing.T) {
		t.Parallel()
		if got := key(core.JobParameter{Name: "b", Value: int64(2)}); got != "d41d8cd98f00b204e9800998ecf8427e" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("KEY-05 a nil value is an argument error", func(t *testing.T) {
		t.Parallel()
		if got, err := layout.JobKey(core.JobParameters{with("a", nil)}); !errors.Is(err, core.ErrJobParametersInvalid) {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("KEY-06 names are in the order of UTF-16", func(t *testing.T) {
		t.Parallel()
		got, err := codec.JobKeyText4(core.JobParameters{
			text("\uff5e", "3"), text("\U0001f601", "2"), text("\U0001f600", "1"), text("a\uff5e", "0"), text("a", ""),
		})
		if want := "a=;a\uff5e=0;\U0001f600=1;\U0001f601=2;\uff5e=3;"; err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	})
	t.Run("KEY-07 a leading zero byte is written", func(t *testing.T) {
		t.Parallel()
		for i := range int64(4096) {
			got := key(with("n", i))
			if len(got) != 32 {
				t.Fatalf("n=%d: got %s, want 32 digits", i, got)
			}
			if strings.HasPrefix(got, "00") {
				return
			}
		}
		t.Error("none of 4096 keys begins with a zero byte")
	})
	t.Run("KEY-09 dates that differ by a millisecond have different keys", func(t *testing.T) {
		t.Parallel()
		day := time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)
		if key(with("d", day)) == key(with("d", day.Add(time.Millisecond))) {
			t.Error("the keys are equal")
		}
	})
}

func TestJavaDouble(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]float64{
		"0.0": 0, "1.0": 1, "100.0": 100, "-1.5": -1.5, "0.001": 0.001, "9.99E-4": 0.000999, "1.0E-4": 1e-4,
		"9999999.0": 9999999, "1.0E7": 1e7, "1.23456789E7": 12345678.9, "2.0E23": 2e23, "8.41E21": 8.41e21,
		"4.9E-324": 5e-324, "1.7976931348623157E308": 1.7976931348623157e308, "0.1": 0.1, "-2.2250738585072014E-308": -2.2250738585072014e-308,
		"1.0E23": 1e23, "9.9E-324": 1e-323,
	} {
		if got := codec.JavaDouble(d); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func parameters() *rapid.Generator[core.JobParameter] {
	value := rapid.OneOf(
		rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.Map(rapid.Int64(), func(i int64) any { return i }),
		rapid.Map(rapid.Float64(), func(f float64) any { return f }),
		rapid.Map(rapid.Int64Range(-62e12, 253e12), func(ms int64) any { return time.UnixMilli(ms).UTC() }),
	)
	return rapid.Custom(func(t *rapid.T) core.JobParameter {
		return core.JobParameter{
			Name: rapid.String().Draw(t, "name"), Value: value.Draw(t, "value"), Identifying: rapid.Bool().Draw(t, "identifying"),
		}
	})
}

func TestParameterRoundTrip(t *testing.T) {
	t.Parallel()
	layout := codec.Layout4()
	rapid.Check(t, func(t *rapid.T) {
		want := parameters().Draw(t, "parameter")
		row, err := layout.EncodeParameter(want)
		if err != nil {
			t.Fatal(err)
		}
		for i, column := range row {
			if column == nil {
				t.Fatalf("column %s is NULL", layout.ParameterColumns[i].Name)
			}
		}
		got, err := layout.DecodeParameter(row, time.UTC)
		if err != nil || !got.Equal(want) {
			t.Fatalf("got %v, %v; want %v", got, err, want)
		}
	})
}

func TestDecodeParameter(t *testing.T) {
	t.Parallel()
	layout := codec.Layout4()
	seoul := time.FixedZone("KST", 9*3600)
	row := func(typ string, s, d, l, f any) []any { return []any{typ, []byte("p"), s, d, l, f, "y"} }
	for name, tt := range map[string]struct {
		row  []any
		want any
	}{
		"null text":           {row("STRING", nil, nil, nil, nil), ""},
		"bytes":               {row("STRING", []byte("x"), nil, nil, nil), "x"},
		"text date":           {row("DATE", "", "2021-01-01 00:00:00", int64(0), 0.0), time.Date(2020, 12, 31, 15, 0, 0, 0, time.UTC)},
		"null date":           {row("DATE", "", nil, int64(0), 0.0), core.OpaqueValue{Type: "DATE"}},
		"date that is none":   {row("DATE", "", "tomorrow", int64(0), 0.0), core.OpaqueValue{Type: "DATE", Text: "tomorrow"}},
		"null long":           {row("LONG", "", int64(0), nil, 0.0), core.OpaqueValue{Type: "LONG"}},
		"whole double":        {row("DOUBLE", "", int64(0), int64(0), int64(5)), float64(5)},
		"double that is none": {row("DOUBLE", "", int64(0), int64(0), "x"), core.OpaqueValue{Type: "DOUBLE", Text: "x"}},
		"unknown type":        {row("MONEY", "5 EUR", int64(0), int64(0), 0.0), core.OpaqueValue{Type: "MONEY", Text: "5 EUR"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := layout.DecodeParameter(tt.row, seoul)
			if err != nil {
				t.Fatal(err)
			}
			want := core.JobParameter{Name: "p", Value: tt.want, Identifying: true}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if _, err := layout.DecodeParameter([]any{"STRING"}, nil); err == nil {
		t.Error("a row of one column was read")
	}
	if _, err := layout.EncodeParameter(with("p", core.OpaqueValue{Type: "MONEY"})); !errors.Is(err, core.ErrJobParametersInvalid) {
		t.Errorf("got %v for a value of an unknown type", err)
	}
}

func FuzzDecodeParameter(f *testing.F) {
	for _, typ := range []string{"STRING", "LONG", "DOUBLE", "DATE", "MONEY"} {
		f.Add(typ, "name", "2021-01-01 00:00:00.123", int64(5), 1.5, "Y")
	}
	layout := codec.Layout4()
	f.Fuzz(func(t *testing.T, typ, name, s string, n int64, d float64, flag string) {
		for _, row := range [][]any{{typ, name, s, n, n, d, flag}, {typ, name, nil, s, s, s, flag}, {typ, name, s, d, nil, nil, flag}} {
			p, err := layout.DecodeParameter(row, time.UTC)
			if err != nil {
				t.Fatalf("%v: %v", row, err)
			}
			if _, opaque := p.Value.(core.OpaqueValue); opaque {
				continue
			}
			stored, err := layout.EncodeParameter(p)
			if err != nil {
				t.Fatalf("%v: %v", p, err)
			}
			again, err := layout.DecodeParameter(stored, time.UTC)
			if err != nil || !again.Equal(p) && p.Value == p.Value { // NaN differs from itself
				t.Fatalf("got %v, %v; want %v", again, err, p)
			}
		}
	})
}

func TestTimestamp(t *testing.T) {
	t.Parallel()
	seoul := time.FixedZone("KST", 9*3600)
	for name, tt := range map[string]struct {
		value any
		want  time.Time
	}{
		"SCH-09 milliseconds":    {int64(1609426800123), time.Date(2020, 12, 31, 15, 0, 0, 123e6, time.UTC)},
		"before 1970":            {int64(-1), time.Date(1969, 12, 31, 23, 59, 59, 999e6, time.UTC)},
		"NULL":                   {nil, time.Time{}},
		"SCH-10 text":            {"2021-01-01 00:00:00", time.Date(2020, 12, 31, 15, 0, 0, 0, time.UTC)},
		"SCH-10 text and millis": {[]byte("2021-01-01 00:00:00.123"), time.Date(2020, 12, 31, 15, 0, 0, 123e6, time.UTC)},
		"text with an offset":    {"2021-01-01 00:00:00.5+01:00", time.Date(2020, 12, 31, 23, 0, 0, 5e8, time.UTC)},
		"ISO text":               {"2021-01-01T00:00:00Z", time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := time.Unix(1, 0)
			if err := (codec.Timestamp{To: &got, Zone: seoul}).Scan(tt.value); err != nil || got != tt.want {
				t.Errorf("got %v, %v; want %v", got, err, tt.want)
			}
		})
	}
	for name, value := range map[string]any{"Julian day": 2459215.5, "a word": "yesterday", "a date": "2021-01-01", "a flag": true} {
		t.Run("refused: "+name, func(t *testing.T) {
			t.Parallel()
			var got time.Time
			if err := (codec.Timestamp{To: &got}).Scan(value); err == nil {
				t.Errorf("got %v", got)
			}
		})
	}
	if got := codec.Millis(time.Time{}); got != nil {
		t.Errorf("the zero time is bound as %v, want NULL", got)
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		s    string
		n    int
		want string
	}{{"abc", 3, "abc"}, {"abcd", 3, "abc"}, {"ab😀", 3, "ab"}, {"ab😀", 4, "ab😀"}, {"이름이", 2, "이름"}, {"", 0, ""}, {"\xff\xff", 1, "\xff"}} {
		if got := codec.Cut(tt.s, tt.n); got != tt.want {
			t.Errorf("Cut(%q, %d): got %q, want %q", tt.s, tt.n, got, tt.want)
		}
	}
	if got := codec.UTF16Len("a이😀\xff"); got != 5 {
		t.Errorf("got %d units, want 5", got)
	}
	if got := codec.ValidText("a\xffb"); got != "a\uFFFDb" {
		t.Errorf("got %q", got)
	}
}
