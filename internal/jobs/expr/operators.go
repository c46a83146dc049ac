package expr

import (
	"math"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/batchctl/batchctl/internal/jobs/record"
)

// unary compiles - + ! and not.
func (c *compiler) unary(n *ast.UnaryNode, s span) *node {
	operand := c.node(n.Node)
	s.from, s.to = min(s.from, operand.from), operand.to
	switch n.Operator {
	case "!", "not":
		if operand.kind != record.Bool {
			c.failf(s, "%s turns a bool around, not a %s: write %s (...) around the whole comparison", n.Operator, operand.kind, n.Operator)
		}
		return &node{span: s, kind: record.Bool, eval: func(f *frame) record.Value {
			return record.OfBool(!f.need(operand).Bool())
		}}
	case "+", "-":
		if !isNumber(operand.kind) {
			c.failf(s, "%s stands before a number, not a %s", n.Operator, operand.kind)
		}
		if n.Operator == "+" {
			return operand
		}
		negative := &node{span: s, kind: operand.kind, literal: operand.literal, eval: func(f *frame) record.Value {
			return negate(f, s.at, f.need(operand))
		}}
		if operand.literal {
			v := negate(nil, s.at, operand.value()) // no literal is the smallest long
			negative.eval = func(*frame) record.Value { return v }
		}
		return negative
	}
	c.failf(s, "there is no operator %s", n.Operator)
	return nil
}

func negate(f *frame, at int, v record.Value) record.Value {
	switch v.Kind() {
	case record.Long:
		if v.Long() == math.MinInt64 {
			return f.fail(at, "-("+show(v)+") does not fit into 64 bits")
		}
		return record.OfLong(-v.Long())
	case record.Double:
		d, _ := record.OfDouble(-v.Double())
		return d
	case record.Decimal:
		neg, coef, scale := v.Coefficient()
		d, _ := record.OfCoefficient(!neg, coef, scale)
		return d
	case record.Null, record.String, record.Date, record.DateTime, record.Bool:
	}
	return record.Value{}
}

// binary compiles an operator between two operands.
func (c *compiler) binary(n *ast.BinaryNode, s span) *node {
	if n.Operator == "in" {
		return c.in(n, s)
	}
	left, right := c.node(n.Left), c.node(n.Right)
	s.from, s.to = left.from, right.to
	var compiled *node
	switch n.Operator {
	case "&&", "and", "||", "or":
		compiled = c.logic(n.Operator, left, right)
	case "==", "!=":
		compiled = c.equality(n.Operator == "!=", left, right, s)
	case "<", "<=", ">", ">=":
		compiled = c.order(n.Operator, left, right, s)
	case "+", "-", "*", "/", "%":
		compiled = c.arithmetic(n.Operator, left, right, s)
	case "contains", "startsWith", "endsWith", "matches":
		compiled = c.textTest(n.Operator, left, right, s)
	default:
		c.failf(s, "there is no operator %s", n.Operator)
		return nil
	}
	compiled.span = s
	return compiled
}

// logic compiles && and ||, whose right side is evaluated only where it matters.
func (c *compiler) logic(op string, left, right *node) *node {
	c.want(left, record.Bool, "the left side of "+op)
	c.want(right, record.Bool, "the right side of "+op)
	stop := op == "||" || op == "or"
	return &node{kind: record.Bool, eval: func(f *frame) record.Value {
		if v := f.need(left); v.Bool() == stop {
			return v
		}
		return f.need(right)
	}}
}

// in compiles x in ['a', 'b']: a list of literals.
func (c *compiler) in(n *ast.BinaryNode, s span) *node {
	left := c.node(n.Left)
	list, ok := n.Right.(*ast.ArrayNode)
	if !ok {
		c.failf(s, "in needs a list behind it: x in ['a', 'b']")
		return nil
	}
	if len(list.Nodes) == 0 {
		c.failf(s, "the list behind in is empty")
	}
	if left.kind == record.Null {
		c.failf(s, "null is in no list")
	}
	s.from, s.to = left.from, list.Location().To
	values := make([]record.Value, len(list.Nodes))
	for i, item := range list.Nodes {
		element := c.node(item)
		if !element.literal || element.kind == record.Null {
			c.failf(element.span, "a list holds literals only, as in ['a', 'b']")
		}
		if left.kind == record.Date || left.kind == record.DateTime {
			c.failf(s, "a %s is in no list: compare it with ==", left.kind)
		}
		if left.kind == record.Long && element.kind == record.Decimal {
			left = toDecimal(left)
		}
		_, element = c.unify(left, element, "both sides of in")
		values[i] = element.value()
		s.to = element.to
	}
	for s.to < len(c.text) && c.text[s.to] != ']' {
		s.to++
	}
	s.to++
	return &node{span: s, kind: record.Bool, eval: membership(left, values)}
}

func membership(left *node, values []record.Value) func(*frame) record.Value {
	if left.kind == record.Decimal {
		for i := range values {
			if values[i].Kind() == record.Long {
				values[i] = longToDecimal(values[i])
			}
		}
	}
	return func(f *frame) record.Value {
		v := left.eval(f)
		for _, w := range values {
			if equal(v, w) {
				return record.OfBool(true)
			}
		}
		return record.OfBool(false)
	}
}

// textTest compiles contains, startsWith, endsWith and matches.
func (c *compiler) textTest(op string, left, right *node, s span) *node {
	c.want(left, record.String, "the left side of "+op)
	c.want(right, record.String, "the right side of "+op)
	if op == "matches" {
		return c.matches(left, right)
	}
	test := strings.Contains
	switch op {
	case "startsWith":
		test = strings.HasPrefix
	case "endsWith":
		test = strings.HasSuffix
	}
	return &node{kind: record.Bool, eval: func(f *frame) record.Value {
		a, b := f.need(left), f.need(right)
		if !f.spend(s.at, len(a.Str())) {
			return record.Value{}
		}
		return record.OfBool(test(a.Str(), b.Str()))
	}}
}

// equality compiles == and !=. Null is equal to null alone, and nothing fails.
func (c *compiler) equality(not bool, left, right *node, s span) *node {
	left, right = c.unify(left, right, "both sides of ==")
	if right.literal && !right.value().IsNull() && left.kind == record.String {
		text := right.value().Str()
		return &node{kind: record.Bool, eval: func(f *frame) record.Value {
			v := left.eval(f)
			return record.OfBool((v.Kind() == record.String && v.Str() == text) != not)
		}}
	}
	return &node{kind: record.Bool, eval: func(f *frame) record.Value {
		a, b := left.eval(f), right.eval(f)
		if a.Kind() == record.String && !f.spend(s.at, min(len(a.Str()), len(b.Str()))) {
			return record.Value{}
		}
		return record.OfBool(equal(a, b) != not)
	}}
}

// order compiles < <= > >=.
func (c *compiler) order(op string, left, right *node, s span) *node {
	left, right = c.unify(left, right, "both sides of "+op)
	if k := kindOf(left, right); k == record.Bool || k == record.Null {
		c.failf(s, "a %s is not before or behind another", k)
	}
	var holds func(int) bool
	switch op {
	case "<":
		holds = func(n int) bool { return n < 0 }
	case "<=":
		holds = func(n int) bool { return n <= 0 }
	case ">":
		holds = func(n int) bool { return n > 0 }
	default:
		holds = func(n int) bool { return n >= 0 }
	}
	return &node{kind: record.Bool, eval: func(f *frame) record.Value {
		a, b := f.need(left), f.need(right)
		if a.Kind() == record.String && !f.spend(s.at, min(len(a.Str()), len(b.Str()))) {
			return record.Value{}
		}
		return record.OfBool(holds(compare(a, b)))
	}}
}

// arithmetic compiles + - * / %.
func (c *compiler) arithmetic(op string, left, right *node, s span) *node {
	if left.kind == record.String && right.kind == record.String && op == "+" {
		return &node{kind: record.String, eval: func(f *frame) record.Value {
			a, b := f.need(left).Str(), f.need(right).Str()
			if len(a)+len(b) > MaxString || !f.spend(s.at, len(a)+len(b)) {
				return f.fail(s.at, "the result is a text of more than 1 MiB")
			}
			return record.OfString(a + b)
		}}
	}
	for _, n := range []*node{left, right} {
		if !isNumber(n.kind) {
			c.failf(s, "%s between a %s and a %s is not possible%s", op, left.kind, right.kind, arithmeticHint(op, left.kind, right.kind))
		}
	}
	if (op == "/" || op == "%") && right.fixed && isZero(right.value()) {
		c.failf(s, "division by zero: %s is always 0", right.source)
	}
	left, right = c.numbers(left, right)
	kind := left.kind
	if kind == record.Long && op == "/" {
		left, right, kind = toDecimal(left), toDecimal(right), record.Decimal
	}
	apply := operations[kind][op]
	return &node{kind: kind, eval: func(f *frame) record.Value {
		a, b := f.need(left), f.need(right)
		if a.IsNull() || b.IsNull() {
			return record.Value{}
		}
		return apply(f, s.at, a, b)
	}}
}

func arithmeticHint(op string, a, b record.Kind) string {
	switch {
	case a == record.Date && b == record.Date:
		return ": write daysBetween(from, to)"
	case (a == record.Date || a == record.DateTime) && isNumber(b):
		return ": write addDays(day, n)"
	case op == "+" && (a == record.String || b == record.String):
		return ": write string(...) to join texts, or decimal(...) to add numbers"
	case a == record.String || b == record.String:
		return ": write decimal(...) or int(...) around the text"
	}
	return ""
}

func isZero(v record.Value) bool {
	switch v.Kind() {
	case record.Long:
		return v.Long() == 0
	case record.Double:
		return v.Double() == 0
	case record.Decimal:
		_, coef, _ := v.Coefficient()
		return coef == 0
	case record.Null, record.String, record.Date, record.DateTime, record.Bool:
	}
	return false
}
