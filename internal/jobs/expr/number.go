package expr

import (
	"math"
	"math/bits"

	"github.com/batchctl/batchctl/internal/jobs/record"
)

// operation computes a op b for values of one kind, neither of them null.
type operation = func(f *frame, at int, a, b record.Value) record.Value

// operations are those of the kinds that can be computed with. Two longs are
// divided as decimals.
var operations = map[record.Kind]map[string]operation{
	record.Long: longOps, record.Double: doubleOps, record.Decimal: decimalOps,
}

var longOps = map[string]operation{"+": addLongs, "-": subLongs, "*": mulLongs, "%": modLongs}

// tooLong says that a result is no long.
func tooLong(f *frame, at int, a record.Value, op string, b record.Value) record.Value {
	return f.fail(at, show(a)+" "+op+" "+show(b)+" does not fit into 64 bits")
}

func addLongs(f *frame, at int, a, b record.Value) record.Value {
	x, y := a.Long(), b.Long()
	sum := x + y
	if (sum > x) != (y > 0) {
		return tooLong(f, at, a, "+", b)
	}
	return record.OfLong(sum)
}

func subLongs(f *frame, at int, a, b record.Value) record.Value {
	x, y := a.Long(), b.Long()
	difference := x - y
	if (difference < x) != (y > 0) {
		return tooLong(f, at, a, "-", b)
	}
	return record.OfLong(difference)
}

func mulLongs(f *frame, at int, a, b record.Value) record.Value {
	x, y := a.Long(), b.Long()
	negative := (x < 0) != (y < 0)
	hi, lo := bits.Mul64(magnitude(x), magnitude(y))
	limit := uint64(math.MaxInt64)
	if negative {
		limit++
		if lo == limit && hi == 0 {
			return record.OfLong(math.MinInt64)
		}
	}
	if hi != 0 || lo > limit {
		return tooLong(f, at, a, "*", b)
	}
	n := int64(lo) //nolint:gosec // checked against limit
	if negative {
		n = -n
	}
	return record.OfLong(n)
}

func modLongs(f *frame, at int, a, b record.Value) record.Value {
	if b.Long() == 0 {
		return byZero(f, at, a, "%", b)
	}
	if b.Long() == -1 { // the processor traps on the smallest number
		return record.OfLong(0)
	}
	return record.OfLong(a.Long() % b.Long())
}

func byZero(f *frame, at int, a record.Value, op string, b record.Value) record.Value {
	return f.fail(at, show(a)+" "+op+" "+show(b)+": division by zero")
}

var doubleOps = map[string]operation{
	"+": func(f *frame, at int, a, b record.Value) record.Value {
		return finite(f, at, a, "+", b, a.Double()+b.Double())
	},
	"-": func(f *frame, at int, a, b record.Value) record.Value {
		return finite(f, at, a, "-", b, a.Double()-b.Double())
	},
	"*": func(f *frame, at int, a, b record.Value) record.Value {
		return finite(f, at, a, "*", b, a.Double()*b.Double())
	},
	"/": func(f *frame, at int, a, b record.Value) record.Value {
		if b.Double() == 0 {
			return byZero(f, at, a, "/", b)
		}
		return finite(f, at, a, "/", b, a.Double()/b.Double())
	},
	"%": func(f *frame, at int, a, b record.Value) record.Value {
		if b.Double() == 0 {
			return byZero(f, at, a, "%", b)
		}
		return finite(f, at, a, "%", b, math.Mod(a.Double(), b.Double()))
	},
}

func finite(f *frame, at int, a record.Value, op string, b record.Value, result float64) record.Value {
	v, ok := record.OfDouble(result)
	if !ok {
		return f.fail(at, show(a)+" "+op+" "+show(b)+" is outside the range of a double")
	}
	return v
}
