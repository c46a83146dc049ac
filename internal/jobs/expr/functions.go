package expr

import (
	"slices"
	"strings"
	"sync"

	"github.com/expr-lang/expr/ast"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// Function describes a function, or an operator that is a word.
type Function struct {
	Name      string
	Signature string // substr(text string, from long, length long) string
	Help      string // one line
	// Example is an expression without columns, and Result the text of what it
	// is: a test evaluates every one.
	Example, Result string

	build builder
}

// builder compiles a call.
type builder func(c *compiler, name string, args []ast.Node, s span) *node

// Functions returns all functions and operators that are words, sorted by name.
func Functions() []Function {
	return slices.SortedFunc(slices.Values(functions()), func(a, b Function) int { return strings.Compare(a.Name, b.Name) })
}

// table has all functions. It is made at its first use, so that a program that
// compiles no expression does not pay for it at its start.
var table struct {
	once      sync.Once
	functions []Function
}

func functions() []Function {
	table.once.Do(func() {
		table.functions = slices.Concat(textFunctions(), numberFunctions(), dateFunctions(), valueFunctions(), wordOperators())
	})
	return table.functions
}

func wordOperators() []Function {
	return []Function{
		{Name: "and", Signature: "a and b", Help: "The same as a && b.", Example: "true and false", Result: "false"},
		{Name: "contains", Signature: "text contains part", Help: "Whether part is somewhere in text.", Example: "'batch' contains 'at'", Result: "true"},
		{Name: "endsWith", Signature: "text endsWith end", Help: "Whether text ends with end.", Example: "'batch' endsWith 'ch'", Result: "true"},
		{Name: "in", Signature: "x in [literal, ...]", Help: "Whether x is one of the literals; null is none.", Example: "'KR' in ['KR', 'US']", Result: "true"},
		{Name: "matches", Signature: "text matches 'pattern'", Help: "Whether the regular expression (RE2) finds something in text; ^ and $ mean all of it.", Example: "'A-17' matches '^[A-Z]-[0-9]+$'", Result: "true"},
		{Name: "not", Signature: "not a", Help: "The same as !a; also not in, not contains, not matches.", Example: "'XX' not in ['KR', 'US']", Result: "true"},
		{Name: "or", Signature: "a or b", Help: "The same as a || b.", Example: "true or false", Result: "true"},
		{Name: "startsWith", Signature: "text startsWith begin", Help: "Whether text begins with begin.", Example: "'batch' startsWith 'ba'", Result: "true"},
	}
}

// call compiles a call of a function of the table.
func (c *compiler) call(name string, args []ast.Node, s span) *node {
	i := slices.IndexFunc(functions(), func(f Function) bool { return f.Name == name && f.build != nil })
	if i < 0 {
		if ours := elsewhere[strings.ToUpper(name)]; ours != "" {
			c.failf(s, "there is no function %s: %s", core.Quote(name), ours)
		}
		var names []string
		for _, f := range functions() {
			if f.build != nil {
				names = append(names, f.Name)
			}
		}
		c.failNear(s, core.Nearest(name, names), "there is no function %s", core.Quote(name))
	}
	n := functions()[i].build(c, name, args, s)
	n.span = c.callSpan(s, args, n)
	return n
}

// callSpan finds the bracket that closes a call.
func (c *compiler) callSpan(s span, args []ast.Node, n *node) span {
	s.to = max(s.to, n.to)
	for _, a := range args {
		s.to = max(s.to, a.Location().To)
	}
	for s.to < len(c.text) && c.text[s.to] != ')' {
		s.to++
	}
	s.to = min(s.to+1, len(c.text))
	return s
}

// arguments compiles the arguments of a function that takes these kinds, the
// last optional ones may be missing. A long stands for a decimal as well, and a
// literal number for a double.
func (c *compiler) arguments(name string, args []ast.Node, s span, optional int, kinds ...record.Kind) []*node {
	if len(args) > len(kinds) || len(args) < len(kinds)-optional {
		c.failf(s, "%s takes %s", name, c.usage(name))
	}
	nodes := make([]*node, len(args))
	for i, a := range args {
		n := c.node(a)
		switch {
		case n.kind == record.Long && kinds[i] == record.Decimal:
			n = toDecimal(n)
		case kinds[i] == record.Double:
			n = c.toDouble(n)
		}
		if n.kind != kinds[i] {
			c.failf(n.span, "argument %d of %s is a %s, want a %s", i+1, name, n.kind, kinds[i])
		}
		nodes[i] = n
	}
	return nodes
}

// usage returns the signature of a function.
func (c *compiler) usage(name string) string {
	for _, f := range functions() {
		if f.Name == name {
			return f.Signature
		}
	}
	return name
}

// constant returns an argument that has to be a text that is written down.
func (c *compiler) constant(n *node, what string) string {
	if !n.literal || n.kind != record.String {
		c.failf(n.span, "%s has to be a text that is written down", what)
	}
	return n.value().Str()
}

// strict makes a builder of a function of values that are not null. apply is not
// called when one is.
func strict(result record.Kind, apply func(f *frame, at int, v []record.Value) record.Value, kinds ...record.Kind) builder {
	return func(c *compiler, name string, args []ast.Node, s span) *node {
		return strictNode(result, s, c.arguments(name, args, s, 0, kinds...), apply)
	}
}

func strictNode(result record.Kind, s span, nodes []*node, apply func(f *frame, at int, v []record.Value) record.Value) *node {
	return &node{span: s, kind: result, eval: func(f *frame) record.Value {
		base := len(f.stack)
		for _, n := range nodes {
			v := f.need(n)
			if v.IsNull() {
				f.stack = f.stack[:base]
				return v
			}
			f.stack = append(f.stack, v)
		}
		v := apply(f, s.at, f.stack[base:])
		clear(f.stack[base:]) // a frame is kept, and must not keep texts
		f.stack = f.stack[:base]
		return v
	}}
}
