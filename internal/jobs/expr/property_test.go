package expr_test

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/expr"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// pair compiles expressions over two columns a and b.
type pair struct {
	kind     record.Kind
	programs map[string]*expr.Program
	schema   *record.Schema
}

func newPair(tb testing.TB, kind record.Kind, texts ...string) *pair {
	tb.Helper()
	schema, err := record.NewSchema(record.Column{Name: "a", Kind: kind}, record.Column{Name: "b", Kind: kind}, record.Column{Name: "n", Kind: record.Long})
	if err != nil {
		tb.Fatal(err)
	}
	p := &pair{kind: kind, programs: map[string]*expr.Program{}, schema: schema}
	for _, text := range texts {
		if p.programs[text], err = expr.Compile(text, expr.Environment{Schema: schema}); err != nil {
			tb.Fatal(err)
		}
	}
	return p
}

func (p *pair) eval(text string, a, b record.Value, n int) (record.Value, error) {
	return p.programs[text].Eval(record.New(p.schema, []record.Value{a, b, record.OfLong(int64(n))}, core.Origin{}), nil)
}

func rat(v record.Value) *big.Rat {
	r, ok := new(big.Rat).SetString(v.Text())
	if !ok {
		panic(v.Text())
	}
	return r
}

// drawDecimal draws coefficients of all lengths, so that small ones are not rare.
func drawDecimal(t *rapid.T, name string) record.Value {
	digits := rapid.IntRange(0, 19).Draw(t, name+" digits")
	limit := uint64(1)
	for range digits {
		limit *= 10
	}
	v, ok := record.OfCoefficient(rapid.Bool().Draw(t, name+" sign"), rapid.Uint64Max(limit-1).Draw(t, name+" coefficient"),
		rapid.IntRange(0, 19).Draw(t, name+" scale"))
	if !ok {
		t.Fatal("no decimal")
	}
	return v
}

// fits reports whether a decimal holds r.
func fits(r *big.Rat) bool {
	scale, finite := r.FloatPrec()
	if !finite || scale > 19 {
		return false
	}
	coef := new(big.Int).Mul(r.Num(), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil))
	coef.Quo(coef.Abs(coef), r.Denom())
	return coef.Cmp(new(big.Int).SetUint64(record.MaxCoefficient)) <= 0
}

// Decimal arithmetic is that of rational numbers, or an error exactly where a
// decimal does not hold the result.
func TestDecimalsAreExact(t *testing.T) {
	t.Parallel()
	ops := map[string]func(z, x, y *big.Rat) *big.Rat{
		"a + b": (*big.Rat).Add, "a - b": (*big.Rat).Sub, "a * b": (*big.Rat).Mul, "a / b": (*big.Rat).Quo,
		"a % b": func(z, x, y *big.Rat) *big.Rat {
			q := new(big.Rat).Quo(x, y)
			whole := new(big.Rat).SetInt(new(big.Int).Quo(q.Num(), q.Denom()))
			return z.Sub(x, whole.Mul(whole, y))
		},
	}
	p := newPair(t, record.Decimal, "a + b", "a - b", "a * b", "a / b", "a % b", "a < b", "a == b", "-a", "abs(a)", "min(a, b)", "max(a, b)")
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawDecimal(t, "a"), drawDecimal(t, "b")
		for text, op := range ops {
			got, err := p.eval(text, a, b, 0)
			if rat(b).Sign() == 0 && (strings.Contains(text, "/") || strings.Contains(text, "%")) {
				if err == nil || !strings.Contains(err.Error(), "division by zero") {
					t.Fatalf("%s with %s and %s: %v, %v", text, a.Text(), b.Text(), got.Text(), err)
				}
				continue
			}
			want := op(new(big.Rat), rat(a), rat(b))
			if fits(want) != (err == nil) || err == nil && rat(got).Cmp(want) != 0 {
				t.Fatalf("%s with %s and %s: got %s, %v, want %s", text, a.Text(), b.Text(), got.Text(), err, want)
			}
		}
		order := rat(a).Cmp(rat(b))
		smallest, largest := a, b
		if order > 0 {
			smallest, largest = b, a
		}
		for text, want := range map[string]*big.Rat{
			"-a": new(big.Rat).Neg(rat(a)), "abs(a)": new(big.Rat).Abs(rat(a)), "min(a, b)": rat(smallest), "max(a, b)": rat(largest),
		} {
			if got, err := p.eval(text, a, b, 0); err != nil || rat(got).Cmp(want) != 0 {
				t.Fatalf("%s with %s and %s: got %s, %v", text, a.Text(), b.Text(), got.Text(), err)
			}
		}
		less, _ := p.eval("a < b", a, b, 0)
		same, _ := p.eval("a == b", a, b, 0)
		if less.Bool() != (order < 0) || same.Bool() != (order == 0) {
			t.Fatalf("%s and %s: less %v, equal %v", a.Text(), b.Text(), less.Bool(), same.Bool())
		}
	})
}

// roundRat rounds by the definition of the modes.
func roundRat(x *big.Rat, digits int, mode string) *big.Rat {
	unit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil))
	scaled := new(big.Rat).Mul(new(big.Rat).Abs(x), unit)
	whole, rest := new(big.Int).QuoRem(scaled.Num(), scaled.Denom(), new(big.Int))
	half := new(big.Int).Lsh(rest, 1).Cmp(scaled.Denom())
	away := map[string]bool{
		"up": true, "down": false, "ceiling": x.Sign() > 0, "floor": x.Sign() < 0,
		"half-up": half >= 0, "half-down": half > 0, "half-even": half > 0 || half == 0 && whole.Bit(0) == 1,
	}[mode]
	if away && rest.Sign() != 0 {
		whole.Add(whole, big.NewInt(1))
	}
	if x.Sign() < 0 {
		whole.Neg(whole)
	}
	return new(big.Rat).Quo(new(big.Rat).SetInt(whole), unit)
}

// A value, a product and a quotient are rounded once, from all their digits.
func TestRoundingIsOfTheExactResult(t *testing.T) {
	t.Parallel()
	modes := []string{"half-even", "half-up", "half-down", "up", "down", "ceiling", "floor"}
	ops := map[string]func(x, y *big.Rat) *big.Rat{
		"a":     func(x, _ *big.Rat) *big.Rat { return x },
		"a * b": func(x, y *big.Rat) *big.Rat { return new(big.Rat).Mul(x, y) },
		"a / b": func(x, y *big.Rat) *big.Rat { return new(big.Rat).Quo(x, y) },
	}
	texts := map[[2]string]string{}
	for op := range ops {
		for _, mode := range modes {
			texts[[2]string{op, mode}] = fmt.Sprintf("round(%s, n, '%s')", op, mode)
		}
	}
	all := make([]string, 0, len(texts))
	for _, text := range texts {
		all = append(all, text)
	}
	p := newPair(t, record.Decimal, all...)
	rapid.Check(t, func(t *rapid.T) {
		a, b, digits := drawDecimal(t, "a"), drawDecimal(t, "b"), rapid.IntRange(0, 19).Draw(t, "digits")
		if rapid.Bool().Draw(t, "tie") { // random numbers are never in the middle
			a, _ = record.OfCoefficient(rapid.Bool().Draw(t, "sign"), rapid.Uint64Max(1e9).Draw(t, "odd")*10+5, min(digits+1, 19))
			b = record.OfLong(1)
			if digits < 19 {
				b, _ = record.OfCoefficient(false, 1, 0)
			}
		}
		if b.Kind() != record.Decimal {
			b, _ = record.OfCoefficient(false, 1, 0)
		}
		for key, text := range texts {
			if key[0] == "a / b" && rat(b).Sign() == 0 {
				continue
			}
			got, err := p.eval(text, a, b, digits)
			want := roundRat(ops[key[0]](rat(a), rat(b)), digits, key[1])
			if fits(want) != (err == nil) || err == nil && rat(got).Cmp(want) != 0 {
				t.Fatalf("%s with %s, %s, %d: got %s, %v, want %s", text, a.Text(), b.Text(), digits, got.Text(), err, want.FloatString(digits))
			}
			if _, _, scale := got.Coefficient(); err == nil && scale != digits && fits(want) && len(got.Text()) < 19 {
				t.Fatalf("%s with %s, %s, %d: got %s", text, a.Text(), b.Text(), digits, got.Text())
			}
		}
	})
}

// Integers are checked: right, or an error exactly where 64 bits are too few.
func TestLongsAreChecked(t *testing.T) {
	t.Parallel()
	ops := map[string]func(z, x, y *big.Int) *big.Int{
		"a + b": (*big.Int).Add, "a - b": (*big.Int).Sub, "a * b": (*big.Int).Mul, "a % b": (*big.Int).Rem,
	}
	p := newPair(t, record.Long, "a + b", "a - b", "a * b", "a % b", "a / b", "-a", "decimal(a) == b")
	edge := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, 1, -1, math.MinInt64, math.MaxInt64, math.MinInt64 + 1, 1 << 32, -1 << 31}))
	rapid.Check(t, func(t *rapid.T) {
		a, b := edge.Draw(t, "a"), edge.Draw(t, "b")
		for text, op := range ops {
			if b == 0 && text == "a % b" {
				continue
			}
			got, err := p.eval(text, record.OfLong(a), record.OfLong(b), 0)
			want := op(new(big.Int), big.NewInt(a), big.NewInt(b))
			if want.IsInt64() != (err == nil) || err == nil && got.Long() != want.Int64() {
				t.Fatalf("%s with %d and %d: got %s, %v, want %s", text, a, b, got.Text(), err, want)
			}
		}
		if b != 0 {
			got, err := p.eval("a / b", record.OfLong(a), record.OfLong(b), 0)
			want := big.NewRat(a, 1)
			want.Quo(want, big.NewRat(b, 1))
			if fits(want) != (err == nil) || err == nil && rat(got).Cmp(want) != 0 {
				t.Fatalf("%d / %d: got %s, %v", a, b, got.Text(), err)
			}
		}
		if same, err := p.eval("decimal(a) == b", record.OfLong(a), record.OfLong(b), 0); err != nil || same.Bool() != (a == b) {
			t.Fatalf("%d == %d: %v, %v", a, b, same, err)
		}
	})
}

// Texts cost a bounded amount of work, and at most a megabyte each.
func TestTextsAreBounded(t *testing.T) {
	t.Parallel()
	schema, err := record.NewSchema(record.Column{Name: "s", Kind: record.String})
	if err != nil {
		t.Fatal(err)
	}
	big := record.New(schema, []record.Value{record.OfString(strings.Repeat("ab", expr.MaxString/2))}, core.Origin{})
	nested := func(inner string, n int) string { return strings.Repeat("upper(", n) + inner + strings.Repeat(")", n) }
	for text, want := range map[string]string{
		"s + 'x'":                                     "more than 1 MiB",
		"replace(s, 'a', 'xx')":                       "more than 1 MiB",
		"replace(s, 'ab', s)":                         "more than 1 MiB",
		nested("s", 20):                               "too much work on texts",
		"s matches '(a|b)*(aa|bb)(a|b)*c$'":           "too much work on texts",
		strings.Repeat("s == s && ", 20) + "true":     "too much work on texts",
		strings.Repeat("len(s) > 0 && ", 20) + "true": "too much work on texts",
	} {
		p, err := expr.Compile(text, expr.Environment{Schema: schema})
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Eval(big, nil)
		if ee := (*expr.EvalError)(nil); !errors.As(err, &ee) || !strings.Contains(err.Error(), want) || len(err.Error()) > 2000 {
			t.Errorf("%.40s: got %v, want %q", text, err, want)
		}
	}
	p, err := expr.Compile("upper(s) contains 'AB' && s matches '^a'", expr.Environment{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := p.Eval(big, nil); err != nil || !v.Bool() {
		t.Errorf("a megabyte is possible: %v, %v", v, err)
	}
}
