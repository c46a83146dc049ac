package core_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
)

// declared is a job's declaration with a parameter of every kind.
func declared() core.Notation {
	return core.Notation{
		Declared: core.ParameterSpecs{
			{Name: "requestDate", Type: core.TypeDate, Required: true},
			{Name: "note"},
			{Name: "n", Type: core.TypeLong},
			{Name: "rate", Type: core.TypeDouble, NonIdentifying: true},
		},
		Extra: core.ParameterSpecs{{Name: "run.id", Type: core.TypeLong}},
	}
}

func open(n core.Notation) core.Notation  { n.Open = true; return n }
func signs(n core.Notation) core.Notation { n.Signs = true; return n }

func param(name string, value any) core.JobParameter {
	return core.JobParameter{Name: name, Value: value, Identifying: true}
}

func nonIdentifying(name string, value any) core.JobParameter {
	return core.JobParameter{Name: name, Value: value}
}

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

func TestNotationParse(t *testing.T) {
	t.Parallel()
	undeclared := core.Notation{Open: true}
	newYear := day(2021, 1, 1)
	for _, tt := range []struct {
		name string
		n    core.Notation
		word string
		want core.JobParameter
	}{
		{"CNV-14 typed by the declaration", declared(), "requestDate=2021-01-01", param("requestDate", newYear)},
		{"CNV-14 type behind the name", declared(), "requestDate(date)=2021-01-01", param("requestDate", newYear)},
		{"CNV-14 type behind the value", declared(), "requestDate=2021-01-01(date)", param("requestDate", newYear)},
		{"CNV-14 type behind a colon", declared(), "requestDate:date=2021-01-01", param("requestDate", newYear)},
		{"CNV-12 slashes", undeclared, "d(date)=2021/01/01", param("d", newYear)},
		{"no separators", undeclared, "d(date)=20210101", param("d", newYear)},
		{"CNV-06 split at the first =", undeclared, "u=http://h?a=1&b=2", param("u", "http://h?a=1&b=2")},
		{"CNV-11 - in Spring's way", signs(undeclared), "-k(long)=5", nonIdentifying("k", int64(5))},
		{"+ in Spring's way", signs(undeclared), "+k(long)=5", param("k", int64(5))},
		{"+ agrees with the declaration", signs(declared()), "+n=5", param("n", int64(5))},
		{"- agrees with the declaration", signs(declared()), "-rate=0.5", nonIdentifying("rate", 0.5)},
		{"declared non-identifying needs no mark", declared(), "rate=0.5", nonIdentifying("rate", 0.5)},
		{"declared non-identifying and said so", declared(), "rate:double:non-identifying=0.5", nonIdentifying("rate", 0.5)},
		{"undeclared non-identifying", undeclared, "k:string:non-identifying=v", nonIdentifying("k", "v")},
		{"the incrementer's key counts as declared", declared(), "run.id=7", param("run.id", int64(7))},
		{"undeclared and untyped is a string", undeclared, "k=12", param("k", "12")},
		{"undeclared in an open notation beside declared ones", open(declared()), "k=12", param("k", "12")},
		{"an empty string is a value", undeclared, "k=", param("k", "")},
		{"a value may begin with a minus", declared(), "n=-5", param("n", int64(-5))},
		{"a plus before digits", declared(), "n=+5", param("n", int64(5))},
		{"leading zeros are decimal", declared(), "n=010", param("n", int64(10))},
		{"the least long", declared(), "n=-9223372036854775808", param("n", int64(math.MinInt64))},
		{"a double in scientific form", declared(), "rate=1e3", nonIdentifying("rate", 1000.0)},
		{"a double without leading digit", declared(), "rate=.5", nonIdentifying("rate", 0.5)},
		{"zero with an exponent is no underflow", declared(), "rate=0e-400", nonIdentifying("rate", 0.0)},
		{"spaces in a value are kept", undeclared, "k= a  b ", param("k", " a  b ")},
		{"a newline in a value is kept", undeclared, "k=a\nb", param("k", "a\nb")},
		{"other scripts in name and value", undeclared, "날짜=한국", param("날짜", "한국")},

		{"a trailing type is taken off a string", undeclared, "k=v(string)", param("k", "v")},
		{"a trailing type types an undeclared value", undeclared, "k=12(long)", param("k", int64(12))},
		{"the last parenthesis counts", undeclared, "k=f(x)(string)", param("k", "f(x)")},
		{"an unknown word in parentheses is text", undeclared, "k=f(x)", param("k", "f(x)")},
		{"types are lower case", undeclared, "k=v(Date)", param("k", "v(Date)")},
		{"an unopened parenthesis is text", undeclared, "k=12long)", param("k", "12long)")},
		{"a declared string keeps (date)", declared(), "note=due (date)", param("note", "due (date)")},
		{"a declared string gives up (string)", declared(), "note=due(string)", param("note", "due")},
		{"a name with a type takes its value whole", undeclared, "k(string)=v(string)", param("k", "v(string)")},
		{"so does one with a colon", undeclared, "k:string=12(long)", param("k", "12(long)")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.n.Parse([]string{tt.word})
			if err != nil {
				t.Fatalf("Parse(%q): %v", tt.word, err)
			}
			if diff := cmp.Diff(core.JobParameters{tt.want}, got); diff != "" {
				t.Errorf("Parse(%q) (-want +got):\n%s", tt.word, diff)
			}
		})
	}
}

func TestNotationRefuses(t *testing.T) {
	t.Parallel()
	undeclared := core.Notation{Open: true}
	for _, tt := range []struct {
		name string
		n    core.Notation
		word string
		msg  string // what the error must say
		hint string // what the hint must say
	}{
		{"CNV-07 no =", declared(), "requestDate", `requestDate: has no "="`, "write requestDate=VALUE"},
		{"no = behind a type", declared(), "d(date)", `has no "="`, "write 'd(date)=VALUE'"},
		{"no = and no name either", declared(), "a\x1b[31m b", `"a\x1b[31m b": has no "="`, "write name=value"},
		{"an empty word", declared(), "", `has no "="`, "write name=value"},
		{"row 4 no name", undeclared, "=2021-01-01", `no name before "="`, "write name=value"},
		{"no name but a type", undeclared, ":date=2021-01-01", `no name before "="`, ""},
		{"row 5 no such day", declared(), "requestDate(date)=2021-02-30", `"2021-02-30": there is no such day`, ""},
		{"CNV-15 no such month", undeclared, "d(date)=2021-13-01", "there is no such day", ""},
		{"CNV-15 text behind a number", undeclared, "n(long)=12abc", `"12abc" is not a whole number`, ""},
		{"row 6 short month and day", undeclared, "d(date)=2021-1-1", `"2021-1-1" is not a date of the form 2021-01-01`, ""},
		{"CNV-13 American order", undeclared, "d(date)=03/29/2008", "not a date of the form 2021-01-01", ""},
		{"mixed separators", undeclared, "d(date)=2021-01/01", "not a date of the form 2021-01-01", ""},
		{"row 7 year 0", undeclared, "d(date)=0000-01-01", "outside 0001-9999", ""},
		{"row 7 year 10000", undeclared, "d(date)=10000-01-01", "not a date", ""},
		{"row 9 overflow", declared(), "n=9223372036854775808", "outside the range of a long", ""},
		{"row 10 fraction", declared(), "n=1.0", "not a whole number", ""},
		{"row 10 exponent", declared(), "n=1e3", "not a whole number", ""},
		{"row 10 hexadecimal", declared(), "n=0x10", "not a whole number", ""},
		{"row 10 underscore", declared(), "n=1_000", "not a whole number", ""},
		{"row 10 space", declared(), "n= 1", `" 1" is not a whole number`, ""},
		{"row 11 NaN", declared(), "rate=NaN", "not a finite decimal number", ""},
		{"row 11 infinity", declared(), "rate=Inf", "not a finite decimal number", ""},
		{"row 11 hexadecimal", declared(), "rate=0x1p3", "not a finite decimal number", ""},
		{"row 11 overflow", declared(), "rate=1e400", "outside the range of a double", ""},
		{"row 11 underflow to zero", declared(), "rate=1e-400", "outside the range of a double", ""},
		{"row 11 underscore", declared(), "rate=1_000", "not a finite decimal number", ""},
		{"row 12 decimal comma", declared(), "rate=1,5", "the decimal mark is a point", ""},
		{"row 13 full-width digits", declared(), "n=１２", `"１２" is not a whole number`, ""},
		{"row 14 unknown type", undeclared, "d(dte)=2021-01-01", `unknown type "dte", the types are string, long, double, date`, "did you mean date?"},
		{"an unknown type behind a colon", undeclared, "d:int=1", `unknown type "int"`, ""},
		{"an empty type", undeclared, "d()=1", `unknown type ""`, ""},
		{"row 15 unclosed type", undeclared, "key(date=2021-01-01", "the parenthesis of the type is not closed", ""},
		{"text behind the type", undeclared, "key(date)x=2021-01-01", "not closed", ""},
		{"row 17 name of 101", undeclared, strings.Repeat("k", 101) + "=v", "101 characters, at most 100", ""},
		{"row 17 value of 2501", undeclared, "k=" + strings.Repeat("v", 2501), "2501 characters, at most 2500", ""},
		{"row 17 counts as the column does", undeclared, "k=" + strings.Repeat("😀", 1251), "2502 characters", ""},
		{"row 18 NUL", undeclared, "k=a\x00b", `"a\x00b" contains a NUL character`, ""},
		{"row 19 invalid UTF-8 in a value", undeclared, "k=a\xffb", `"a\xffb" is not valid UTF-8`, ""},
		{"row 19 invalid UTF-8 in a name", undeclared, "a\xffb=v", "not valid UTF-8", ""},
		{"row 22 an empty long", declared(), "n=", `value "" is not a whole number`, ""},
		{"row 22 an empty date", declared(), "requestDate=", `value "" is not a date`, ""},
		{"row 24 a sign where it is not accepted", undeclared, "-k=v", "may not begin with + or -", "name:type:non-identifying=value"},
		{"row 25 undeclared", declared(), "requestDat=2021-01-01", "declares no such parameter", "did you mean requestDate?"},
		{"row 25 undeclared, nothing near", declared(), "colour=red", "declares no such parameter", "declared are requestDate, note, n, rate, run.id"},
		{"nothing declared at all", core.Notation{}, "colour=red", "declares no such parameter", "the job declares no parameters"},
		{"a type that contradicts the declaration", declared(), "requestDate(string)=2021-01-01", "given as string, but the job declares it date", "write requestDate=2021-01-01"},
		{"so with a colon", declared(), "n:double=1", "given as double, but the job declares it long", "write n=1"},
		{"a trailing type that contradicts is part of the value", declared(), "n=1(string)", `"1(string)" is not a whole number`, ""},
		{"a sign that contradicts the declaration", signs(declared()), "-n=5", "the job declares it identifying", ""},
		{"the other sign that does", signs(declared()), "+rate=5", "the job declares it non-identifying", ""},
		{"a flag that contradicts", declared(), "n:long:non-identifying=5", "the job declares it identifying", ""},
		{"sign against flag", signs(undeclared), "+k:long:non-identifying=5", "identifying and non-identifying at once", ""},
		{"only one sign is a sign", signs(undeclared), "--k=5", "may not begin with + or -", ""},
		{"an unknown flag", undeclared, "k:long:identifying=5", "not of the form name:type:non-identifying", ""},
		{"too many colons", undeclared, "k:long:non-identifying:x=5", "not of the form", ""},
		{"a space in the name", undeclared, "a b=5", `contains " "`, ""},
		{"a control character in the name", undeclared, "a\x07=5", `contains "\x07"`, ""},
		{"a bidirectional control in the name", undeclared, "a\u202eb=5", `contains "\u202e"`, ""},
		{"a closing parenthesis alone", undeclared, "a)=5", `contains ")"`, ""},
		{"fish ran date", undeclared, "requestDateSat Nov 21 04:20:36 UTC 2026=2021-01-01", "looks like the output of a command", "quote the word: 'requestDate(date)=2021-01-01'"},
		{"fish ran date in Korean", undeclared, "requestDate2026. 11. 21. (토) 04:20:36 KST=2021-01-01", "looks like the output of a command", ""},
		{"an hour of 24", undeclared, "d(date)=2021-01-01T24:00", "not a date-time", ""},
		{"a minute of 60", undeclared, "d(date)=2021-01-01T00:60", "not a date-time", ""},
		{"a leap second", undeclared, "d(date)=2016-12-31T23:59:60Z", "not a date-time", ""},
		{"a T and nothing", undeclared, "d(date)=2021-01-01T", "not a date-time", ""},
		{"a space for the T", undeclared, "d(date)=2021-01-01 00:00", "not a date of the form", ""},
		{"finer than a millisecond", undeclared, "d(date)=2021-01-01T00:00:00.1234Z", "finer than a millisecond", ""},
		{"an offset out of range", undeclared, "d(date)=2021-01-01T00:00+18:01", "offset outside ±18:00", ""},
		{"an offset with 60 minutes", undeclared, "d(date)=2021-01-01T00:00+01:60", "offset outside ±18:00", ""},
		{"text behind a date", undeclared, "d(date)=2021-01-01x", "not a date of the form", ""},
		{"a newline behind a date", undeclared, "d(date)=2021-01-01\n", `"2021-01-01\n" is not a date`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ps, err := tt.n.Parse([]string{tt.word})
			if err == nil {
				t.Fatalf("Parse(%q) = %v, want an error", tt.word, ps)
			}
			if !errors.Is(err, core.ErrJobParametersInvalid) {
				t.Errorf("the error is no ErrJobParametersInvalid: %v", err)
			}
			if !strings.Contains(err.Error(), tt.msg) {
				t.Errorf("error %q does not say %q", err, tt.msg)
			}
			if hint := core.Hint(err); !strings.Contains(hint, tt.hint) {
				t.Errorf("hint %q does not say %q", hint, tt.hint)
			}
			if text := err.Error() + core.Hint(err); core.EscapeControl(text) != text {
				t.Errorf("the error could steer a terminal: %q", text)
			}
		})
	}
}

func TestNotationParseSeveral(t *testing.T) {
	t.Parallel()
	t.Run("keeps the order", func(t *testing.T) {
		t.Parallel()
		got, err := declared().Parse([]string{"note=b", "n=1", "requestDate=2021-01-01"})
		if err != nil {
			t.Fatal(err)
		}
		want := core.JobParameters{param("note", "b"), param("n", int64(1)), param("requestDate", day(2021, 1, 1))}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("parameters (-want +got):\n%s", diff)
		}
	})
	t.Run("row 16 one name twice", func(t *testing.T) {
		t.Parallel()
		_, err := declared().Parse([]string{"n=1", "note=b", "n:long=1"})
		if err == nil || !strings.Contains(err.Error(), "parameter n: given twice") {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("row 20 NFC and NFD are two names", func(t *testing.T) {
		t.Parallel()
		got, err := core.Notation{Open: true}.Parse([]string{"caf\u00e9=1", "cafe\u0301=2"})
		if err != nil || len(got) != 2 {
			t.Errorf("Parse = %v, %v", got, err)
		}
	})
	t.Run("row 28 at most 200", func(t *testing.T) {
		t.Parallel()
		words := make([]string, 201)
		for i := range words {
			words[i] = fmt.Sprintf("k%d=v", i)
		}
		n := core.Notation{Open: true}
		if _, err := n.Parse(words); err == nil || !strings.Contains(err.Error(), "201 parameters, at most 200") {
			t.Errorf("201 parameters: %v", err)
		}
		ps, err := n.Parse(words[:200])
		if err != nil || len(ps) != 200 {
			t.Errorf("200 parameters: %d, %v", len(ps), err)
		}
	})
	t.Run("the widest name and value that fit", func(t *testing.T) {
		t.Parallel()
		word := strings.Repeat("이", 100) + "=" + strings.Repeat("😀", 1250)
		if _, err := (core.Notation{Open: true}).Parse([]string{word}); err != nil {
			t.Error(err)
		}
	})
}

func TestNotationFormat(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		n    core.Notation
		p    core.JobParameter
		want string
	}{
		{"declared", declared(), param("requestDate", day(2021, 1, 1)), "requestDate=2021-01-01"},
		{"declared non-identifying", declared(), nonIdentifying("rate", 0.5), "rate=0.5"},
		{"the incrementer's", declared(), param("run.id", int64(3)), "run.id=3"},
		{"undeclared", open(declared()), param("x", int64(3)), "x:long=3"},
		{"undeclared non-identifying", open(declared()), nonIdentifying("x", "v"), "x:string:non-identifying=v"},
		{"a text that ends like a type", declared(), param("note", "due (string)"), "note:string=due (string)"},
		{"a text that ends like another type", declared(), param("note", "due (date)"), "note=due (date)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff([]string{tt.want}, tt.n.Words(core.JobParameters{tt.p})); diff != "" {
				t.Errorf("words (-want +got):\n%s", diff)
			}
		})
	}
	opaque := core.JobParameter{Name: "x", Value: core.OpaqueValue{Type: "java.util.UUID", Text: "7f"}}
	if got := core.FormatValue(opaque, time.UTC); got != "7f (java.util.UUID)" {
		t.Errorf("an opaque value reads %q", got)
	}
}
