package expr_test

import (
	"errors"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/expr"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

func seeds(f *testing.F) {
	f.Helper()
	for _, fn := range expr.Functions() {
		f.Add(fn.Example)
	}
	for _, text := range []string{
		"l / 2 > d && s != 'x' || yes", "round(d * 0.025, 2, 'half-up')", "s in ['a', 'b'] ? l : -l % 3", "1 < l < 3",
		"steps['load'].skipCount + 1", "record['no name'] matches '^q'", "none ?: 1", "filter([1], # > 0)", "let x = 1; x",
		"reduce(1..9, #acc + #)", "{a: 1}.a", "s[1:2]", "b'x'", "if yes {1} else {2}", "/* */ 1 // x", "'\\u{1F600}'",
		"format(at, 'yyyy HH')", "date('2021', 'yyyyMMdd')", "coalesce(null, none, 1.5)", "-9223372036854775807 - 1",
	} {
		f.Add(text)
	}
}

// patience is what one expression may take on a machine that is busy: one that
// is not bounded takes for ever.
const patience = time.Minute

// FuzzCompile: whatever the text is, it is an expression or a CompileError with
// a place in the text, and evaluating it ends.
func FuzzCompile(f *testing.F) {
	seeds(f)
	env, r := testEnvironment(f), testRecord(f)
	f.Fuzz(func(t *testing.T, text string) {
		started := time.Now()
		p, err := expr.Compile(text, env)
		if err != nil {
			var ce *expr.CompileError
			if !errors.As(err, &ce) || ce.Column < 1 || ce.Column > len([]rune(text))+1 || ce.Msg == "" {
				t.Fatalf("%q: %v", text, err)
			}
			_ = ce.Caret("")
			return
		}
		v, err := p.Eval(r, testVars)
		var ee *expr.EvalError
		switch {
		case err != nil:
			if !errors.As(err, &ee) || ee.Column < 1 || ee.Column > len([]rune(text))+1 {
				t.Fatalf("%q: %v", text, err)
			}
		case !v.IsNull() && v.Kind() != p.Kind():
			t.Fatalf("%q: a %s that was compiled as a %s", text, v.Kind(), p.Kind())
		case len(v.Str()) > expr.MaxString:
			t.Fatalf("%q: a text of %d bytes", text, len(v.Str()))
		}
		if again, err2 := p.Eval(r, testVars); again != v || (err == nil) != (err2 == nil) {
			t.Fatalf("%q: %#v, %v and then %#v, %v", text, v, err, again, err2)
		}
		if took := time.Since(started); took > patience {
			t.Fatalf("%q took %s", text, took)
		}
	})
}

// FuzzEval: whatever the record holds, an expression ends with a value of its
// kind or an EvalError, and in time.
func FuzzEval(f *testing.F) {
	texts := []string{
		"round(d * d, 2)", "d / l", "d % l", "l * l - l", "f * f / f", "upper(trim(s)) + s", "replace(s, substr(s, 1, 2), s)",
		"s matches '^(a+)+$'", "int(s)", "decimal(s)", "double(s)", "date(s)", "datetime(s)", "date(s, 'yyyyMMdd')", "addMonths(day, l)",
		"addDays(day, l)", "format(at, 'yyyy-MM-dd HH:mm:ss.SSS')", "format(d, '#,##0.00')", "substr(s, l, l)", "int(d) + int(f)", "hash(s)",
		"round(d, l)", "round(d / l, 5, 'ceiling')", "decimal(f)", "at > datetime(day) ? min(d, l) : max(d, l)", "len(lower(s)) % l",
	}
	base := testRecord(f)
	programs := make([]*expr.Program, len(texts))
	for i, text := range texts {
		var err error
		if programs[i], err = expr.Compile(text, testEnvironment(f)); err != nil {
			f.Fatal(err)
		}
	}
	f.Add("7", int64(7), uint64(1250), int8(2), 0.5, int64(18658))
	f.Add("2021-01-31T13:30:00", int64(-1), uint64(record.MaxCoefficient), int8(-19), 1e308, int64(record.MaxDays))
	f.Fuzz(func(t *testing.T, s string, l int64, coef uint64, scale int8, double float64, days int64) {
		values := append([]record.Value(nil), base.Values()...)
		set := func(name string, v record.Value, ok bool) {
			if i, _ := base.Schema().Index(name); ok {
				values[i] = v
			}
		}
		set("s", record.OfString(s), true)
		set("l", record.OfLong(l), true)
		d, ok := record.OfCoefficient(scale < 0, coef, max(int(scale), -int(scale)))
		set("d", d, ok)
		fl, ok := record.OfDouble(double)
		set("f", fl, ok)
		day, ok := record.OfDays(days)
		set("day", day, ok)
		r := record.New(base.Schema(), values, core.Origin{})
		for i, p := range programs {
			started := time.Now()
			v, err := p.Eval(r, nil)
			var ee *expr.EvalError
			if err != nil && !errors.As(err, &ee) || err == nil && v.Kind() != p.Kind() {
				t.Errorf("%s: %#v, %v", texts[i], v, err)
			}
			if err == nil {
				if back, err := record.Parse(v.Kind(), v.Text(), nil); err != nil || back != v {
					t.Errorf("%s: %#v reads back as %#v, %v", texts[i], v, back, err)
				}
			}
			if took := time.Since(started); took > patience {
				t.Errorf("%s took %s", texts[i], took)
			}
		}
	})
}
