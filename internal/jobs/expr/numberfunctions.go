package expr

import (
	"math"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

func numberFunctions() []Function {
	return []Function{
		{
			Name: "round", Signature: "round(value decimal, digits long, mode string = 'half-even') decimal",
			Help: "The number with so many digits behind the point; a product or quotient in it is rounded once. Modes: " +
				strings.Join(modeNames, ", ") + ".",
			Example: "round(2 / 3, 2)", Result: "0.67", build: buildRound,
		},
		{
			Name: "abs", Signature: "abs(x number) number", Help: "The number without its sign.",
			Example: "abs(-1.50)", Result: "1.50", build: buildAbs,
		},
		{
			Name: "min", Signature: "min(a, b, ...)", Help: "The smallest of numbers, days or instants.",
			Example: "min(3, 1.5, 2)", Result: "1.5", build: extreme(-1),
		},
		{
			Name: "max", Signature: "max(a, b, ...)", Help: "The largest of numbers, days or instants.",
			Example: "max(3, 1.5, 2)", Result: "3", build: extreme(1),
		},
	}
}

func buildAbs(c *compiler, name string, args []ast.Node, s span) *node {
	if len(args) != 1 {
		c.failf(s, "%s takes %s", name, c.usage(name))
	}
	n := c.node(args[0])
	if !isNumber(n.kind) {
		c.failf(n.span, "%s needs a number, not a %s", name, n.kind)
	}
	return &node{span: s, kind: n.kind, eval: func(f *frame) record.Value {
		v := f.need(n)
		if v.Kind() == record.Long && v.Long() < 0 || v.Kind() == record.Double && math.Signbit(v.Double()) {
			return negate(f, s.at, v)
		}
		if neg, _, _ := v.Coefficient(); neg {
			return negate(f, s.at, v)
		}
		return v
	}}
}

// all compiles arguments that have to be of one kind.
func (c *compiler) all(name string, args []ast.Node, s span, least int) []*node {
	if len(args) < least {
		c.failf(s, "%s takes %s", name, c.usage(name))
	}
	nodes := make([]*node, len(args))
	widest := &node{}
	for i, a := range args {
		nodes[i] = c.node(a)
		widest, _ = c.unify(widest, nodes[i], "the arguments of "+name)
		if widest.kind == record.Null {
			widest = nodes[i]
		}
	}
	for i := range nodes { // a later one may have made more of the first ones
		_, nodes[i] = c.unify(widest, nodes[i], "the arguments of "+name)
	}
	return nodes
}

// kindOfAll returns the kind of arguments that all has made equal.
func kindOfAll(nodes []*node) record.Kind {
	for _, n := range nodes {
		if n.kind != record.Null {
			return n.kind
		}
	}
	return record.Null
}

// extreme compiles min and max.
func extreme(side int) builder {
	return func(c *compiler, name string, args []ast.Node, s span) *node {
		nodes := c.all(name, args, s, 2)
		kind := kindOfAll(nodes)
		switch kind {
		case record.Null, record.String, record.Bool:
			c.failf(s, "%s needs numbers, days or instants, not a %s", name, kind)
		case record.Long, record.Double, record.Decimal, record.Date, record.DateTime:
		}
		return &node{span: s, kind: kind, eval: func(f *frame) record.Value {
			best := f.need(nodes[0])
			for _, n := range nodes[1:] {
				v := f.need(n)
				if v.IsNull() || best.IsNull() {
					return record.Value{}
				}
				if compare(v, best)*side > 0 {
					best = v
				}
			}
			return best
		}}
	}
}

func valueFunctions() []Function {
	return []Function{
		{
			Name: "coalesce", Signature: "coalesce(a, b, ...)", Help: "The first argument that is not null; null if all are.",
			Example: "coalesce(null, 'x')", Result: "x", build: buildCoalesce,
		},
		{
			Name: "isNull", Signature: "isNull(x) bool", Help: "Whether x is null.",
			Example: "isNull(null)", Result: "true", build: buildIsNull,
		},
		{
			Name: "string", Signature: "string(x) string", Help: "The text of a value, as it is written to a file.",
			Example: "string(1.50)", Result: "1.50", build: buildString,
		},
		{
			Name: "int", Signature: "int(x) long", Help: "A whole number of 64 bits, from a text or a number that is one; nothing is cut off.",
			Example: "int('-42')", Result: "-42", build: buildLong,
		},
		{
			Name: "long", Signature: "long(x) long", Help: "The same as int(x).",
			Example: "long(5.00)", Result: "5", build: buildLong,
		},
		{
			Name: "double", Signature: "double(x) double", Help: "A floating-point number, the nearest to a text or number.",
			Example: "double('1e3')", Result: "1000", build: buildDouble,
		},
		{
			Name: "decimal", Signature: "decimal(x) decimal", Help: "An exact number, from a text, a long, or the digits that a double is written with.",
			Example: "decimal('12.50') * 2", Result: "25.00", build: buildDecimal,
		},
		{
			Name: "format", Signature: "format(x, pattern string) string",
			Help:    "A number by a pattern of # , 0 . as '#,##0.00' and '00000', or a date or datetime by one of yyyy MM dd HH mm ss SSS and 'words'.",
			Example: "format(1234.5, '#,##0.00')", Result: "1,234.50", build: buildFormat,
		},
	}
}

func buildCoalesce(c *compiler, name string, args []ast.Node, s span) *node {
	nodes := c.all(name, args, s, 2)
	return &node{span: s, kind: kindOfAll(nodes), eval: func(f *frame) record.Value {
		for _, n := range nodes {
			if v := n.eval(f); !v.IsNull() {
				return v
			}
		}
		return record.Value{}
	}}
}

func buildIsNull(c *compiler, name string, args []ast.Node, s span) *node {
	n := c.single(name, args, s)
	return &node{span: s, kind: record.Bool, eval: func(f *frame) record.Value { return record.OfBool(n.eval(f).IsNull()) }}
}

func (c *compiler) single(name string, args []ast.Node, s span) *node {
	if len(args) != 1 {
		c.failf(s, "%s takes %s", name, c.usage(name))
	}
	return c.node(args[0])
}

func buildString(c *compiler, name string, args []ast.Node, s span) *node {
	n := c.single(name, args, s)
	return &node{span: s, kind: record.String, eval: func(f *frame) record.Value {
		v := f.need(n)
		if v.IsNull() || v.Kind() == record.String {
			return v
		}
		return record.OfString(v.Text())
	}}
}

// converter compiles a conversion: of a text by parsing it, else by convert,
// which refuses at compile time what kinds it is not for.
func converter(to record.Kind, convert func(f *frame, at int, v record.Value) record.Value, from ...record.Kind) builder {
	return func(c *compiler, name string, args []ast.Node, s span) *node {
		n := c.single(name, args, s)
		ok := n.kind == to || n.kind == record.String
		for _, k := range from {
			ok = ok || n.kind == k
		}
		if !ok {
			c.failf(n.span, "no %s is made of a %s", to, n.kind)
		}
		return &node{span: s, kind: to, eval: func(f *frame) record.Value {
			v := f.need(n)
			switch v.Kind() {
			case record.Null, to:
				return v
			case record.String:
				return f.parse(s.at, name, to, v.Str(), c.env)
			case record.Long, record.Double, record.Decimal, record.Date, record.DateTime, record.Bool:
			}
			return convert(f, s.at, v)
		}}
	}
}

func (f *frame) parse(at int, name string, to record.Kind, text string, env *Environment) record.Value {
	if !f.spend(at, len(text)) {
		return record.Value{}
	}
	v, err := record.Parse(to, text, env.zone())
	if err != nil {
		return f.fail(at, name+"("+core.Quote(text)+"): "+err.Error())
	}
	return v
}

func buildLong(c *compiler, name string, args []ast.Node, s span) *node {
	return converter(record.Long, func(f *frame, at int, v record.Value) record.Value {
		if v.Kind() == record.Double {
			d := v.Double()
			if d != math.Trunc(d) || d < -(1<<63) || d >= 1<<63 {
				return f.fail(at, name+"("+show(v)+"): no whole number of 64 bits")
			}
			return record.OfLong(int64(d))
		}
		neg, coef, scale := v.Coefficient()
		if coef%powers[scale] != 0 {
			return f.fail(at, name+"("+show(v)+"): not a whole number; round(x, 0) makes one")
		}
		switch coef /= powers[scale]; {
		case coef <= math.MaxInt64 && neg:
			return record.OfLong(-int64(coef))
		case coef <= math.MaxInt64:
			return record.OfLong(int64(coef))
		case neg && coef == 1<<63:
			return record.OfLong(math.MinInt64)
		}
		return f.fail(at, name+"("+show(v)+"): does not fit into 64 bits")
	}, record.Double, record.Decimal)(c, name, args, s)
}

func buildDouble(c *compiler, name string, args []ast.Node, s span) *node {
	return converter(record.Double, func(f *frame, at int, v record.Value) record.Value {
		return f.parse(at, name, record.Double, v.Text(), c.env)
	}, record.Long, record.Decimal)(c, name, args, s)
}

func buildDecimal(c *compiler, name string, args []ast.Node, s span) *node {
	return converter(record.Decimal, func(f *frame, at int, v record.Value) record.Value {
		if v.Kind() == record.Long {
			return longToDecimal(v)
		}
		d, err := record.Parse(record.Decimal, strconv.FormatFloat(v.Double(), 'f', -1, 64), nil)
		if err != nil {
			return f.fail(at, name+"("+show(v)+"): "+err.Error())
		}
		return d
	}, record.Long, record.Double)(c, name, args, s)
}
