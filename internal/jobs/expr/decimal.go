package expr

import (
	"math/big"
	"math/bits"
	"strconv"

	"github.com/govalues/decimal"

	"github.com/batchctl/batchctl/internal/jobs/record"
)

// powers are those of ten that fit into 64 bits.
var powers = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

var decimalOps = map[string]operation{"+": addDecimals, "-": subDecimals, "*": mulDecimals, "/": divDecimals, "%": modDecimals}

// inexact says that a result has more digits than a decimal holds.
func inexact(f *frame, at int, a record.Value, op string, b record.Value) record.Value {
	msg := show(a) + " " + op + " " + show(b) + " has more than " + strconv.Itoa(decimal.MaxPrec) + " digits"
	if op == "*" || op == "/" {
		msg += ": write round(a " + op + " b, DIGITS)"
	}
	return f.fail(at, msg)
}

func addDecimals(f *frame, at int, a, b record.Value) record.Value {
	if v, ok := sum(a, b); ok {
		return v
	}
	return inexact(f, at, a, "+", b)
}

func subDecimals(f *frame, at int, a, b record.Value) record.Value {
	neg, coef, scale := b.Coefficient()
	negative, _ := record.OfCoefficient(!neg, coef, scale)
	if v, ok := sum(a, negative); ok {
		return v
	}
	return inexact(f, at, a, "-", b)
}

// sum adds exactly. Zeros behind the point are given up only where there is no
// room for them.
func sum(a, b record.Value) (record.Value, bool) {
	_, _, scaleA := a.Coefficient()
	_, _, scaleB := b.Coefficient()
	d, err := a.Decimal().AddExact(b.Decimal(), max(scaleA, scaleB))
	if err != nil {
		x, y := a.Decimal().Trim(0), b.Decimal().Trim(0)
		if d, err = x.AddExact(y, max(x.Scale(), y.Scale())); err != nil {
			return wide(func(x, y *big.Rat) { x.Add(x, y) }, a, b)
		}
	}
	return record.OfDecimal(d), true
}

func mulDecimals(f *frame, at int, a, b record.Value) record.Value {
	negA, coefA, scaleA := a.Coefficient()
	negB, coefB, scaleB := b.Coefficient()
	if hi, lo := bits.Mul64(coefA, coefB); hi == 0 {
		if v, ok := record.OfCoefficient(negA != negB, lo, scaleA+scaleB); ok {
			return v
		}
	}
	v, ok := wide(func(x, y *big.Rat) { x.Mul(x, y) }, a, b)
	if !ok {
		return inexact(f, at, a, "*", b)
	}
	return v
}

// wide computes in any number of digits, for what has zeros at its end that a
// decimal does not need.
func wide(op func(x, y *big.Rat), a, b record.Value) (record.Value, bool) {
	x := rational(a)
	op(x, rational(b))
	return exact(x)
}

func rational(v record.Value) *big.Rat {
	neg, coef, scale := v.Coefficient()
	num := new(big.Int).SetUint64(coef)
	if neg {
		num.Neg(num)
	}
	return new(big.Rat).SetFrac(num, new(big.Int).SetUint64(powers[scale]))
}

// exact returns x as a decimal with as few digits as it needs, if it is one.
func exact(x *big.Rat) (record.Value, bool) {
	scale, finite := x.FloatPrec()
	if !finite || scale > decimal.MaxScale {
		return record.Value{}, false
	}
	num := new(big.Int).Mul(x.Num(), new(big.Int).SetUint64(powers[scale]))
	num.Quo(num, x.Denom())
	magnitude := new(big.Int).Abs(num)
	if !magnitude.IsUint64() {
		return record.Value{}, false
	}
	return record.OfCoefficient(num.Sign() < 0, magnitude.Uint64(), scale)
}

// divDecimals divides exactly, or fails: 1 / 8 is 0.125 and 1 / 3 is nothing
// until it is rounded.
func divDecimals(f *frame, at int, a, b record.Value) record.Value {
	negA, coefA, scaleA := a.Coefficient()
	negB, coefB, scaleB := b.Coefficient()
	if coefB == 0 {
		return byZero(f, at, a, "/", b)
	}
	// The common case: the quotient of the digits is a whole number.
	if coefA%coefB == 0 && scaleA >= scaleB {
		v, _ := record.OfCoefficient(negA != negB, coefA/coefB, scaleA-scaleB)
		return v
	}
	v, ok := wide(func(x, y *big.Rat) { x.Quo(x, y) }, a, b)
	if ok {
		return v
	}
	return f.fail(at, show(a)+" / "+show(b)+" does not end within "+strconv.Itoa(decimal.MaxPrec)+
		" digits: write round(a / b, DIGITS)")
}

// modDecimals returns what is left of a when b was taken from it as often as
// possible; it has the sign of a.
func modDecimals(f *frame, at int, a, b record.Value) record.Value {
	negA, coefA, scaleA := a.Coefficient()
	_, coefB, scaleB := b.Coefficient()
	if coefB == 0 {
		return byZero(f, at, a, "%", b)
	}
	scale := max(scaleA, scaleB)
	x := new(big.Int).Mul(new(big.Int).SetUint64(coefA), new(big.Int).SetUint64(powers[scale-scaleA]))
	y := new(big.Int).Mul(new(big.Int).SetUint64(coefB), new(big.Int).SetUint64(powers[scale-scaleB]))
	if x.Rem(x, y); x.IsUint64() {
		if v, ok := record.OfCoefficient(negA, x.Uint64(), scale); ok {
			return v
		}
	}
	return inexact(f, at, a, "%", b)
}
