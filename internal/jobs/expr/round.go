package expr

import (
	"fmt"
	"math/big"
	"math/bits"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/govalues/decimal"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// mode is a way to round.
type mode uint8

const (
	halfEven mode = iota
	halfUp
	halfDown
	up
	down
	ceiling
	floor
)

var modeNames = []string{"half-even", "half-up", "half-down", "up", "down", "ceiling", "floor"}

// away reports whether to round away from zero. half compares what is cut off
// with half of the last digit that stays; it is not nothing.
func (m mode) away(negative, odd bool, half int) bool {
	switch m {
	case halfEven:
		return half > 0 || half == 0 && odd
	case halfUp:
		return half >= 0
	case halfDown:
		return half > 0
	case up:
		return true
	case down:
		return false
	case ceiling:
		return !negative
	case floor:
		return negative
	}
	return false
}

// buildRound compiles round(value, digits, mode). Where the value is a product or
// a quotient it is rounded once, from all its digits, however many they are.
func buildRound(c *compiler, name string, args []ast.Node, s span) *node {
	if len(args) < 2 || len(args) > 3 {
		c.failf(s, "%s takes a number, how many digits to keep behind the point, and how", name)
	}
	m := halfEven
	if len(args) == 3 {
		m = c.mode(c.node(args[2]))
	}
	value := c.ratio(args[0])
	digits := c.node(args[1])
	c.want(digits, record.Long, "the number of digits")
	return &node{span: s, kind: record.Decimal, eval: func(f *frame) record.Value {
		a, b := f.need(value.a), record.Value{}
		if value.op != 0 {
			b = f.need(value.b)
		}
		n := f.need(digits)
		if a.IsNull() || n.IsNull() || value.op != 0 && b.IsNull() {
			return record.Value{}
		}
		if n.Long() < 0 || n.Long() > decimal.MaxScale {
			return f.fail(digits.from, fmt.Sprintf("%d digits behind the point, want 0 to %d", n.Long(), decimal.MaxScale))
		}
		switch value.op {
		case '*':
			return roundProduct(f, s.at, a, b, int(n.Long()), m)
		case '/':
			return roundQuotient(f, s.at, a, b, int(n.Long()), m)
		}
		return roundProduct(f, s.at, a, one, int(n.Long()), m)
	}}
}

var one, _ = record.OfCoefficient(false, 1, 0)

func (c *compiler) mode(n *node) mode {
	if !n.literal || n.kind != record.String {
		c.failf(n.span, "the way to round is one of '%s', written down", strings.Join(modeNames, "', '"))
	}
	name := n.value().Str()
	i := slices.Index(modeNames, name)
	if i < 0 {
		c.failNear(n.span, core.Nearest(name, modeNames), "%s is no way to round; there are %s",
			core.Quote(name), strings.Join(modeNames, ", "))
	}
	return mode(i) //nolint:gosec // an index of modeNames
}

// ratio is what round rounds: a, a * b or a / b, of decimals.
type ratio struct {
	op   byte // '*', '/' or 0
	a, b *node
}

func (c *compiler) ratio(n ast.Node) ratio {
	binary, ok := n.(*ast.BinaryNode)
	if !ok || binary.Operator != "*" && binary.Operator != "/" || c.seen[n] {
		return ratio{a: c.roundable(c.node(n))}
	}
	c.seen[n] = true
	loc := binary.Location()
	left, right := c.node(binary.Left), c.node(binary.Right)
	s := span{at: loc.From, from: left.from, to: right.to}
	c.arithmetic(binary.Operator, left, right, s) // refuses what cannot be multiplied
	left, right = c.numbers(left, right)
	return ratio{op: binary.Operator[0], a: c.roundable(left), b: c.roundable(right)}
}

func (c *compiler) roundable(n *node) *node {
	switch n.kind {
	case record.Long, record.Decimal:
		return toDecimal(n)
	case record.Double:
		c.failf(n.span, "a double has no digits to round: write round(decimal(%s), ...)", n.source)
	case record.Null, record.String, record.Date, record.DateTime, record.Bool:
	}
	c.failf(n.span, "round needs a number, not a %s", n.kind)
	return nil
}

// roundProduct rounds a * b to digits behind the point.
func roundProduct(f *frame, at int, a, b record.Value, digits int, m mode) record.Value {
	negA, coefA, scaleA := a.Coefficient()
	negB, coefB, scaleB := b.Coefficient()
	negative := negA != negB
	hi, lo := bits.Mul64(coefA, coefB)
	surplus := scaleA + scaleB - digits
	switch {
	case surplus <= 0:
		if hi == 0 {
			if v, ok := padded(negative, lo, scaleA+scaleB, digits); ok {
				return v
			}
		}
	case surplus < len(powers) && hi < powers[surplus]:
		divisor := powers[surplus]
		q, r := bits.Div64(hi, lo, divisor)
		if q <= record.MaxCoefficient && r != 0 && m.away(negative, q&1 == 1, compareHalf(r, divisor)) {
			q++
		}
		if v, ok := record.OfCoefficient(negative, q, digits); ok {
			return v
		}
	}
	product := rational(a)
	return roundWide(f, at, product.Mul(product, rational(b)), digits, m)
}

// roundQuotient rounds a / b to digits behind the point.
func roundQuotient(f *frame, at int, a, b record.Value, digits int, m mode) record.Value {
	negA, coefA, scaleA := a.Coefficient()
	negB, coefB, scaleB := b.Coefficient()
	if coefB == 0 {
		return byZero(f, at, a, "/", b)
	}
	negative := negA != negB
	// a / b = coefA * 10^shift / coefB, in units of the last digit
	if shift := digits + scaleB - scaleA; shift >= 0 && shift < len(powers) {
		if hi, lo := bits.Mul64(coefA, powers[shift]); hi < coefB {
			q, r := bits.Div64(hi, lo, coefB)
			if q <= record.MaxCoefficient && r != 0 && m.away(negative, q&1 == 1, compareHalf(r, coefB)) {
				q++
			}
			if v, ok := record.OfCoefficient(negative, q, digits); ok {
				return v
			}
		}
	}
	quotient := rational(a)
	return roundWide(f, at, quotient.Quo(quotient, rational(b)), digits, m)
}

// compareHalf compares r, which is below d, with the half of d.
func compareHalf(r, d uint64) int {
	switch rest := d - r; {
	case r > rest:
		return 1
	case r < rest:
		return -1
	}
	return 0
}

// padded returns coef / 10^scale with zeros up to digits behind the point, or
// with as many as there is room for.
func padded(negative bool, coef uint64, scale, digits int) (record.Value, bool) {
	for scale < digits && coef <= record.MaxCoefficient/10 {
		coef *= 10
		scale++
	}
	return record.OfCoefficient(negative, coef, scale)
}

// roundWide rounds what does not fit into 128 bits.
func roundWide(f *frame, at int, x *big.Rat, digits int, m mode) record.Value {
	negative := x.Sign() < 0
	num := new(big.Int).Abs(x.Num())
	num.Mul(num, new(big.Int).SetUint64(powers[digits]))
	r := new(big.Int)
	num.QuoRem(num, x.Denom(), r)
	if r.Sign() != 0 && m.away(negative, num.Bit(0) == 1, r.Lsh(r, 1).Cmp(x.Denom())) {
		num.Add(num, big.NewInt(1))
	}
	// Zeros at the end are given up where there is no room for them.
	ten, rest := big.NewInt(10), new(big.Int)
	for digits > 0 && (!num.IsUint64() || num.Uint64() > record.MaxCoefficient) {
		if num.QuoRem(num, ten, rest); rest.Sign() != 0 {
			break
		}
		digits--
	}
	if num.IsUint64() && (rest.Sign() == 0) {
		if v, ok := record.OfCoefficient(negative, num.Uint64(), digits); ok {
			return v
		}
	}
	return f.fail(at, fmt.Sprintf("the rounded number has more than %d digits", decimal.MaxPrec))
}
