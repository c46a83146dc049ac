package expr

import (
	"maps"
	"slices"
	"sync"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// Bounds of an expression. Nothing loops, so what an evaluation may cost is
// known before: each node is evaluated at most once, and the work on texts is
// counted.
const (
	// MaxText is how many bytes an expression may have.
	MaxText = 4 << 10
	// MaxNodes is how many operators, operands and functions it may have.
	MaxNodes = 1000
	// MaxPattern is how many bytes a pattern of matches may have.
	MaxPattern = 1 << 10
	// MaxString is how many bytes a text may have that an expression makes.
	MaxString = 1 << 20
	// MaxWork is how many bytes of text one evaluation may read and write in
	// all. A pattern counts a byte several times, by its size.
	MaxWork = 8 << 20
)

// Program is a compiled expression. It is safe for concurrent use.
type Program struct {
	text    string
	kind    record.Kind
	root    func(*frame) record.Value
	columns []string
	slots   []int // where the columns are; ops fill it in
	frames  sync.Pool
}

// Compile compiles text against what env names. The error is a *CompileError.
func Compile(text string, env Environment) (*Program, error) {
	return compile(text, &env, schemaColumns{env.Schema})
}

func newProgram(text string, root *node, used map[string]bool) *Program {
	p := &Program{text: text, kind: root.kind, root: root.eval, columns: slices.Sorted(maps.Keys(used))}
	p.frames.New = func() any { return new(frame) }
	return p
}

// Text returns the expression as it was written.
func (p *Program) Text() string { return p.text }

// Kind returns the kind of all values that p has, but for null: String for
// upper(name). It is Null for an expression that is null whatever the record is.
func (p *Program) Kind() record.Kind { return p.kind }

// Columns returns the names of the columns that p reads, sorted.
func (p *Program) Columns() []string { return p.columns }

// Eval returns the value for a record, whose schema is the one that p was
// compiled against, and for vars, which may be nil where p names none. The error
// is an *EvalError; what is wrong with the record, the caller makes of it.
func (p *Program) Eval(r record.Record, vars *Vars) (record.Value, error) {
	return p.eval(r.Values(), vars)
}

// EvalBool is Eval for an expression of kind bool; null is an error.
func (p *Program) EvalBool(r record.Record, vars *Vars) (bool, error) {
	v, err := p.eval(r.Values(), vars)
	if err == nil && v.Kind() != record.Bool {
		return false, p.nullResult()
	}
	return v.Bool(), err
}

func (p *Program) nullResult() error {
	return &EvalError{Text: p.text, Column: 1, Msg: "the result is null, want true or false"}
}

func (p *Program) eval(values []record.Value, vars *Vars) (record.Value, error) {
	f, ok := p.frames.Get().(*frame)
	if !ok {
		f = new(frame)
	}
	f.values, f.vars, f.work, f.failed = values, vars, 0, failure{}
	v := p.root(f)
	failed := f.failed
	f.values, f.vars, f.failed.msg = nil, nil, ""
	p.frames.Put(f)
	if failed.msg != "" {
		return record.Value{}, &EvalError{Text: p.text, Column: failed.at + 1, Msg: failed.msg}
	}
	return v, nil
}

// frame is what one evaluation knows.
type frame struct {
	values []record.Value
	vars   *Vars
	work   int
	failed failure
	stack  []record.Value // arguments of functions
}

// failure is the first thing that went wrong. The evaluation goes on with nulls,
// which nobody will see: that is cheaper than looking for an error at each node.
type failure struct {
	at  int
	msg string
}

func (f *frame) fail(at int, msg string) record.Value {
	if f.failed.msg == "" {
		f.failed = failure{at: at, msg: msg}
	}
	return record.Value{}
}

// spend counts work on n bytes; false means that it is too much, and n does not
// have to be done.
func (f *frame) spend(at, n int) bool {
	f.work += n
	if f.work > MaxWork {
		f.fail(at, "too much work on texts for one expression")
		return false
	}
	return true
}

// need returns the value of an operand that must not be null.
func (f *frame) need(n *node) record.Value {
	var v record.Value
	if n.slot > 0 { // a column, without a call
		v = f.values[n.slot-1]
	} else {
		v = n.eval(f)
	}
	if v.IsNull() {
		f.missing(n)
	}
	return v
}

func (f *frame) missing(n *node) {
	if f.failed.msg == "" {
		f.fail(n.from, n.source+" is null; coalesce("+n.source+", ...) says what stands for it")
	}
}

// text returns a text that was made, or fails if it is too long.
func (f *frame) text(at int, s string) record.Value {
	if len(s) > MaxString {
		return f.fail(at, "the result is a text of more than 1 MiB")
	}
	return record.OfString(s)
}

// show shows an operand in a message.
func show(v record.Value) string {
	switch v.Kind() {
	case record.Null:
		return wordNull
	case record.String:
		return core.Quote(v.Str())
	case record.Long, record.Double, record.Decimal, record.Date, record.DateTime, record.Bool:
	}
	return v.Text()
}
