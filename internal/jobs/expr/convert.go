package expr

import (
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// kindOf returns the kind of a value that is one of two that unify has made
// equal.
func kindOf(a, b *node) record.Kind {
	if a.kind == record.Null {
		return b.kind
	}
	return a.kind
}

func isNumber(k record.Kind) bool {
	return k == record.Long || k == record.Decimal || k == record.Double
}

// unify makes two operands be of one kind where that loses nothing: a long
// becomes a decimal beside a decimal, a literal number a double beside a double,
// and null goes with everything.
func (c *compiler) unify(a, b *node, what string) (left, right *node) {
	switch {
	case a.kind == b.kind, a.kind == record.Null, b.kind == record.Null:
		return a, b
	case !isNumber(a.kind) || !isNumber(b.kind):
		c.failf(b.span, "%s must be of one type, not %s and %s%s", what, a.kind, b.kind, conversion(a.kind, b.kind))
	}
	a, b = c.numbers(a, b)
	return a, b
}

// conversion names the function that makes a text what the other side is.
func conversion(a, b record.Kind) string {
	if a == record.String {
		a, b = b, a
	}
	if b != record.String || a == record.Bool {
		return ""
	}
	return ": write " + a.String() + "(...) around the text"
}

// numbers makes two operands that are numbers be of one kind.
func (c *compiler) numbers(a, b *node) (left, right *node) {
	if a.kind == record.Double {
		b = c.toDouble(b)
	}
	if b.kind == record.Double {
		a = c.toDouble(a)
	}
	switch {
	case a.kind == b.kind:
		return a, b
	case a.kind == record.Double || b.kind == record.Double:
		c.failf(b.span, "a double is not exact and does not mix with a %s: write double(...) or decimal(...) around one of them", exactOf(a, b))
	}
	return toDecimal(a), toDecimal(b)
}

func exactOf(a, b *node) record.Kind {
	if a.kind == record.Double {
		return b.kind
	}
	return a.kind
}

// toDecimal makes a decimal out of a long, which always fits.
func toDecimal(n *node) *node {
	if n.kind != record.Long {
		return n
	}
	converted := *n
	converted.kind, converted.slot = record.Decimal, 0
	if n.literal {
		v := longToDecimal(n.value())
		converted.eval = func(*frame) record.Value { return v }
		return &converted
	}
	eval := n.eval
	converted.eval = func(f *frame) record.Value { return longToDecimal(eval(f)) }
	return &converted
}

func longToDecimal(v record.Value) record.Value {
	if v.IsNull() {
		return v
	}
	n := v.Long()
	d, _ := record.OfCoefficient(n < 0, magnitude(n), 0) // 19 digits at most
	return d
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n) //nolint:gosec // wraps to the right value, also for the smallest
	}
	return uint64(n)
}
