package expr

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/parser/lexer"

	"github.com/batchctl/batchctl/internal/jobs/record"
)

// span is where in the text a node is, in characters: at is its operator, and
// from and to are its ends.
type span struct{ at, from, to int }

// node is a compiled part of an expression.
type node struct {
	span
	kind    record.Kind // Null only for null itself
	source  string      // cut
	eval    func(*frame) record.Value
	literal bool // a number, text, bool or null that is written down
	fixed   bool // its value is the same for every record, and is known
	slot    int  // of a column, counted from 1; 0 for anything else
}

// value returns the value of a literal.
func (n *node) value() record.Value { return n.eval(nil) }

// compiler walks the syntax tree that expr-lang's parser makes. What it has no
// case for is not part of the language.
type compiler struct {
	text    []rune
	env     *Environment
	columns columns
	used    map[string]bool
	varying int // how many operands there were that depend on a record or a run
	seen    map[ast.Node]bool
}

func compile(text string, env *Environment, cols columns) (p *Program, err error) {
	c := &compiler{text: []rune(text), env: env, columns: cols, used: map[string]bool{}, seen: map[ast.Node]bool{}}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *CompileError:
			r.Text = text
			p, err = nil, r
		default:
			panic(r)
		}
	}()
	root := c.node(c.parse(text))
	return newProgram(text, root, c.used), nil
}

// fail ends the compilation: it panics with a *CompileError, which compile
// recovers, so that a walk over a tree need not look for an error at each node.
func (c *compiler) fail(at int, msg, nearest string) {
	panic(&CompileError{Column: at + 1, Msg: msg, Nearest: nearest})
}

func (c *compiler) failf(s span, format string, args ...any) {
	c.fail(s.at, fmt.Sprintf(format, args...), "")
}

func (c *compiler) failNear(s span, nearest, format string, args ...any) {
	c.fail(s.at, fmt.Sprintf(format, args...), nearest)
}

// parse checks what can be seen without a tree, and returns the tree.
func (c *compiler) parse(text string) ast.Node {
	switch {
	case strings.TrimSpace(text) == "":
		c.fail(0, "the expression is empty", "")
	case len(text) > MaxText:
		c.fail(0, fmt.Sprintf("the expression has %d bytes, at most %d are allowed", len(text), MaxText), "")
	case !utf8.ValidString(text):
		c.fail(0, "the expression is not UTF-8", "")
	}
	tokens, err := lexer.Lex(file.NewSource(text))
	if err != nil {
		c.failParse(err, nil)
	}
	c.checkTokens(tokens)
	tree, err := parser.ParseWithConfig(text, &conf.Config{MaxNodes: MaxNodes, Disabled: map[string]bool{}})
	if err != nil {
		c.failParse(err, tokens)
	}
	return tree.Node
}

// outside are tokens of expr-lang that are not part of this language. Their
// trees cannot always be told from those of others.
var outside = map[string]string{
	"|": "there are no pipes: write f(x)", "?.": "there is no ?. operator", "#": "there are no predicates",
	";": "an expression is one value, without ;", "let": "there are no variables", "..": "there are no ranges",
	"??": "there is no ?? operator: write coalesce(a, b)", "::": "there is no :: operator",
	"**": "there is no power operator", "^": "there is no power operator", "if": "write CONDITION ? A : B",
	"else": "write CONDITION ? A : B", "{": "there are no maps and blocks", "}": "there are no maps and blocks",
	"=": "to compare write ==", "&": "write &&",
}

func (c *compiler) checkTokens(tokens []lexer.Token) {
	depth := 0
	for i, t := range tokens {
		msg := ""
		switch t.Kind {
		case lexer.Operator, lexer.Bracket:
			msg = outside[t.Value]
			switch {
			case t.Value == ":" && i > 0 && tokens[i-1].Is(lexer.Operator, "?"):
				msg = "there is no ?: operator: write coalesce(a, b), or CONDITION ? A : B"
			case t.Value == "(" || t.Value == "[":
				depth++
			case t.Value == ")" || t.Value == "]":
				depth--
			}
		case lexer.Bytes:
			msg = "there are no bytes: a text is 'in quotes'"
		case lexer.Identifier, lexer.Number, lexer.String, lexer.EOF:
		}
		if depth > maxDepth {
			msg = fmt.Sprintf("more than %d brackets within each other", maxDepth)
		}
		if msg != "" {
			c.fail(t.From, msg, "")
		}
	}
}

// maxDepth is how deep brackets may be nested: it bounds the stack.
const maxDepth = 100

// node compiles n, which must not be in the tree twice: expr-lang's parser makes
// a tree out of a < b < c in which b is, and to compile or evaluate a part twice
// at each level is to do it without end.
func (c *compiler) node(n ast.Node) *node {
	if c.seen[n] {
		c.fail(n.Location().From, "comparisons cannot be chained: write a < b && b < c", "")
	}
	c.seen[n] = true
	before := c.varying
	compiled := c.dispatch(n)
	if c.varying == before {
		c.fold(compiled)
	}
	if compiled.source == "" {
		compiled.source = cut(string(c.text[compiled.from:max(compiled.from, compiled.to)]), 40)
	}
	return compiled
}

// fold evaluates what is the same for every record. That it has no value is found
// now, and not at the first record.
func (c *compiler) fold(n *node) {
	if n.literal {
		n.fixed = true
		return
	}
	f := new(frame)
	v := n.eval(f)
	if f.failed.msg != "" {
		c.fail(f.failed.at, f.failed.msg, "")
	}
	n.fixed, n.eval = true, func(*frame) record.Value { return v }
}

func (c *compiler) dispatch(n ast.Node) *node {
	loc := n.Location()
	s := span{at: loc.From, from: loc.From, to: loc.To}
	switch n := n.(type) {
	case *ast.NilNode:
		return c.identifier(wordNull, s)
	case *ast.IdentifierNode:
		return c.identifier(n.Value, s)
	case *ast.IntegerNode, *ast.FloatNode:
		return c.number(s)
	case *ast.BoolNode:
		return literal(s, record.OfBool(n.Value))
	case *ast.StringNode:
		return literal(s, record.OfString(n.Value))
	case *ast.UnaryNode:
		return c.unary(n, s)
	case *ast.BinaryNode:
		return c.binary(n, s)
	case *ast.ConditionalNode:
		return c.conditional(n)
	case *ast.MemberNode:
		return c.access(n, s)
	case *ast.CallNode:
		name, ok := n.Callee.(*ast.IdentifierNode)
		if !ok {
			c.failf(s, "there are no methods: write f(x)")
			return nil
		}
		return c.call(name.Value, n.Arguments, s)
	case *ast.BuiltinNode:
		return c.call(n.Name, n.Arguments, s)
	case *ast.ArrayNode:
		c.failf(s, "a list stands only behind in: x in ['a', 'b']")
	case *ast.SliceNode:
		c.failf(s, "there are no slices: write substr(text, from, length)")
	}
	c.failf(s, "this is not part of the language of expressions")
	return nil
}

func literal(s span, v record.Value) *node {
	return &node{span: s, kind: v.Kind(), literal: true, eval: func(*frame) record.Value { return v }}
}

// number compiles a literal out of its text: expr-lang would make a double of
// what has a point.
func (c *compiler) number(s span) *node {
	text := strings.ReplaceAll(string(c.text[s.from:s.to]), "_", "")
	kind := record.Long
	if strings.Contains(text, ".") {
		kind = record.Decimal
	}
	if rest, ok := strings.CutPrefix(text, "."); ok {
		text = "0." + rest
	}
	v, err := record.Parse(kind, text, nil)
	if err != nil {
		hint := ""
		if strings.ContainsAny(text, "xXoObBeE") {
			hint = ": write all digits, in tens"
		}
		c.failf(s, "%s%s", err, hint)
	}
	return literal(s, v)
}

// toDouble turns a literal into a double, as it stands beside one; n stays what
// it is if it is none.
func (c *compiler) toDouble(n *node) *node {
	if !n.literal || n.kind != record.Long && n.kind != record.Decimal {
		return n
	}
	f, err := strconv.ParseFloat(n.value().Text(), 64)
	if err != nil || n.kind == record.Long && magnitude(n.value().Long()) > maxExactDouble {
		c.failf(n.span, "a double does not hold this number exactly")
	}
	v, _ := record.OfDouble(f)
	converted := *n
	converted.kind, converted.eval = record.Double, func(*frame) record.Value { return v }
	return &converted
}

// maxExactDouble is 2^53: up to it a double holds every whole number.
const maxExactDouble = 1 << 53

// access compiles x['name'] and x.name.
func (c *compiler) access(n *ast.MemberNode, s span) *node {
	key, ok := n.Property.(*ast.StringNode)
	if !ok {
		c.failf(s, "want a name in quotes, as in record['name']")
		return nil
	}
	switch of := n.Node.(type) {
	case *ast.IdentifierNode:
		from := of.Location().From
		if of.Value == wordSteps {
			c.failf(span{at: from}, "say what of the step: %s['%s'].%s", wordSteps, cut(key.Value, 40), strings.Join(StepFields(), ", ."))
		}
		return c.member(of.Value, key.Value, c.memberSpan(from, key))
	case *ast.MemberNode:
		base, isName := of.Node.(*ast.IdentifierNode)
		id, isText := of.Property.(*ast.StringNode)
		if isName && isText && base.Value == wordSteps {
			return c.stepField(id.Value, key.Value, c.memberSpan(base.Location().From, key))
		}
	}
	c.failf(s, "values have no parts")
	return nil
}

// memberSpan is where x['key'] or x.key is.
func (c *compiler) memberSpan(from int, key ast.Node) span {
	to := key.Location().To
	if to < len(c.text) && c.text[to] == ']' {
		to++
	}
	return span{at: from, from: from, to: to}
}

// conditional compiles a ? b : c.
func (c *compiler) conditional(n *ast.ConditionalNode) *node {
	cond := c.node(n.Cond)
	c.want(cond, record.Bool, "the condition before ?")
	a, b := c.unify(c.node(n.Exp1), c.node(n.Exp2), "both sides of :")
	test := cond.eval
	return &node{
		span: span{at: cond.from, from: cond.from, to: b.to}, kind: kindOf(a, b),
		eval: func(f *frame) record.Value {
			v := test(f)
			if v.IsNull() {
				f.missing(cond)
			}
			if v.Bool() {
				return a.eval(f)
			}
			return b.eval(f)
		},
	}
}

// want refuses an operand of another kind.
func (c *compiler) want(n *node, kind record.Kind, what string) {
	if n.kind != kind {
		c.failf(n.span, "%s is a %s, want a %s", what, n.kind, kind)
	}
}
