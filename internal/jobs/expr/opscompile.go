package expr

import (
	"errors"
	"fmt"
	"slices"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// opsCompiler keeps the columns as they are behind the ops so far. A value stays
// where it is; only the last step puts the columns into their order.
type opsCompiler struct {
	env   Environment
	ops   *Ops
	cols  []opColumn
	slot  map[string]int // of a name: index into cols
	width int
	errs  OpErrors
	// doubtful is set when an expression names a column whose own expression is
	// wrong, so that its kind is not known: what is wrong then is no news.
	doubtful bool
	emptied  *OpError // the last op that left no column
}

type opColumn struct {
	record.Column

	at  int // among the values
	bad bool
}

func (c *opsCompiler) lookup(name string) (slot int, kind record.Kind, ok bool) {
	i, ok := c.slot[name]
	if !ok {
		return 0, record.Null, false
	}
	c.doubtful = c.doubtful || c.cols[i].bad
	return c.cols[i].at, c.cols[i].Kind, true
}

func (c *opsCompiler) names() []string {
	names := make([]string, len(c.cols))
	for i := range c.cols {
		names[i] = c.cols[i].Name
	}
	return names
}

func newOpsCompiler(env Environment) *opsCompiler {
	if env.Schema == nil {
		env.Schema = new(record.Schema)
	}
	c := &opsCompiler{env: env, ops: &Ops{in: env.Schema}, width: env.Schema.Len()}
	for i, column := range env.Schema.Columns() {
		c.cols = append(c.cols, opColumn{Column: column, at: i})
	}
	c.reindex()
	return c
}

func (c *opsCompiler) reindex() {
	c.slot = make(map[string]int, len(c.cols))
	for i := range c.cols {
		c.slot[c.cols[i].Name] = i
	}
}

func (c *opsCompiler) op(i int, op *Op) {
	before := len(c.errs)
	set := 0
	if op.Filter != "" {
		set++
		c.filter(op.Filter)
	}
	if op.Validate != nil {
		set++
		c.validate(op.Validate)
	}
	if op.Set != nil {
		set++
		for _, a := range op.Set {
			c.assign(a)
		}
	}
	if op.Drop != nil {
		set++
		c.drop(op.Drop)
		if len(c.cols) == 0 && len(op.Drop) > 0 {
			c.emptied = &OpError{Op: i, Field: "drop", Name: op.Drop[len(op.Drop)-1]}
		}
	}
	if op.Keep != nil {
		set++
		c.keep(op.Keep)
	}
	if op.Lookup != nil {
		set++
		c.lookIn(op.Lookup)
	}
	if set != 1 {
		c.fail("", "", fmt.Errorf("want exactly one of filter, validate, set, drop, keep, lookup, found %d", set))
	}
	for _, e := range c.errs[before:] {
		e.Op = i
	}
}

func (c *opsCompiler) fail(field, name string, err error) {
	c.errs = append(c.errs, &OpError{Field: field, Name: name, Err: err})
}

// program compiles an expression against the columns so far; nil if it is wrong.
func (c *opsCompiler) program(field, name, text string, kind record.Kind) *Program {
	c.doubtful = false
	p, err := compile(text, &c.env, c)
	if err == nil && kind != record.Null && p.kind != kind {
		err = &CompileError{Text: text, Column: 1, Msg: fmt.Sprintf("the expression is a %s, want a %s", p.kind, kind)}
	}
	if err != nil {
		if !c.doubtful {
			c.fail(field, name, err)
		}
		return nil
	}
	p.slots = slotsOf(p.columns, c)
	return p
}

func (c *opsCompiler) filter(text string) {
	if p := c.program("filter", "", text, record.Bool); p != nil {
		c.ops.steps = append(c.ops.steps, filterStep{p})
	}
}

func (c *opsCompiler) validate(v *Validation) {
	p := c.program("validate", "", v.Expr, record.Bool)
	if p == nil {
		return
	}
	s := validateStep{program: p, message: v.Message, class: v.Class}
	if s.message == "" {
		s.message = "does not hold: " + cut(v.Expr, 200)
	}
	if s.class == "" {
		s.class = core.ClassProcessValidation
	}
	c.ops.steps = append(c.ops.steps, s)
}

func (c *opsCompiler) assign(a Assignment) {
	p := c.program("set", a.Name, a.Expr, record.Null)
	kind := record.String
	if p != nil {
		kind = p.kind
	}
	i, exists := c.slot[a.Name]
	if kind == record.Null {
		if !exists {
			c.fail("set", a.Name, &CompileError{Text: a.Expr, Column: 1, Msg: "null alone is of no type: a new column needs one"})
			kind = record.String
		} else {
			kind = c.cols[i].Kind
		}
	}
	at, ok := c.define("set", record.Column{Name: a.Name, Kind: kind})
	if ok {
		c.cols[c.slot[a.Name]].bad = p == nil
	}
	if p != nil && ok {
		c.ops.steps = append(c.ops.steps, setStep{program: p, name: a.Name, slot: at})
	}
}

// define adds a column, or gives the one of that name another kind, and returns
// where its value is.
func (c *opsCompiler) define(field string, column record.Column) (at int, ok bool) {
	if i, exists := c.slot[column.Name]; exists {
		c.cols[i].Column = column
		return c.cols[i].at, true
	}
	if _, err := record.NewSchema(column); err != nil {
		c.fail(field, column.Name, err)
		return 0, false
	}
	c.cols = append(c.cols, opColumn{Column: column, at: c.width})
	c.slot[column.Name] = len(c.cols) - 1
	c.width++
	return c.width - 1, true
}

// find returns the column of a name that an op mentions.
func (c *opsCompiler) find(field, name string) (opColumn, bool) {
	i, ok := c.slot[name]
	if !ok {
		msg := "there is no such column"
		if near := core.Nearest(name, c.names()); near != "" {
			msg += "; did you mean " + core.EscapeControl(near) + "?"
		}
		c.fail(field, name, &core.Error{Kind: core.ErrJobDefinition, Msg: msg})
		return opColumn{}, false
	}
	return c.cols[i], true
}

func (c *opsCompiler) drop(names []string) {
	for _, name := range names {
		if _, ok := c.find("drop", name); ok {
			c.cols = slices.DeleteFunc(c.cols, func(col opColumn) bool { return col.Name == name })
			c.reindex()
		}
	}
}

func (c *opsCompiler) keep(names []string) {
	var kept []opColumn
	for _, name := range names {
		col, ok := c.find("keep", name)
		if !ok {
			continue
		}
		if slices.ContainsFunc(kept, func(k opColumn) bool { return k.Name == name }) {
			c.fail("keep", name, &core.Error{Kind: core.ErrJobDefinition, Msg: "the column is there twice"})
			continue
		}
		kept = append(kept, col)
	}
	c.cols = kept
	c.reindex()
}

func (c *opsCompiler) lookIn(l *Lookup) {
	key := c.program("lookup", "", l.Key, record.Null)
	if l.Table == nil || len(l.Columns) == 0 {
		c.fail("lookup", "", errors.New("a lookup needs a table and columns to take from it"))
		return
	}
	if key != nil {
		for _, part := range l.Parts {
			c.keyPart(l.Table, part)
		}
	}
	s := lookupStep{table: l.Table, key: key, missing: l.Missing}
	for _, take := range l.Columns {
		from, ok := l.Table.schema.Index(take.Name)
		if !ok {
			msg := "the table " + core.Quote(l.Table.name) + " has no such column"
			if near := core.Nearest(take.Name, l.Table.schema.Names()); near != "" {
				msg += "; did you mean " + core.EscapeControl(near) + "?"
			}
			c.fail("lookup", take.Name, &core.Error{Kind: core.ErrJobDefinition, Msg: msg})
			continue
		}
		column := l.Table.schema.Column(from)
		column.Required = column.Required && l.Missing != MissingNull
		if take.As != "" {
			column.Name = take.As
		}
		if at, ok := c.define("lookup", column); ok {
			s.from, s.to = append(s.from, from), append(s.to, at)
		}
	}
	if key != nil {
		c.ops.steps = append(c.ops.steps, s)
	}
}

// keyPart refuses a part of a key that is of another kind than its column.
func (c *opsCompiler) keyPart(t *Table, part KeyPart) {
	i, ok := t.schema.Index(part.Column)
	p := c.program("lookup", "", part.Expr, record.Null)
	if !ok || p == nil {
		return
	}
	column := t.schema.Column(i)
	if p.kind == column.Kind {
		return
	}
	c.fail("lookup", "", &CompileError{Text: part.Expr, Column: 1, Msg: fmt.Sprintf(
		"a %s is looked for in %s, a %s, and the texts of one value may differ: declare both of one type", p.kind, core.EscapeControl(column.Name), column.Kind,
	)})
}

// finish puts the columns in their order.
func (c *opsCompiler) finish() (*Ops, error) {
	columns := make([]record.Column, len(c.cols))
	c.ops.order = make([]int, len(c.cols))
	inPlace := true
	for i, col := range c.cols {
		columns[i], c.ops.order[i] = col.Column, col.at
		inPlace = inPlace && col.at == i
	}
	if len(columns) == 0 && c.emptied != nil {
		c.emptied.Err = &core.Error{Kind: core.ErrJobDefinition, Msg: "no column is left, and a record has one at least"}
		c.errs = append(c.errs, c.emptied)
	}
	if inPlace {
		c.ops.order = nil
	}
	c.ops.width = c.width
	c.ops.copied = len(c.ops.steps)
	if i := slices.IndexFunc(c.ops.steps, step.changes); i >= 0 {
		c.ops.copied = i
	}
	out, err := record.NewSchema(columns...)
	if err != nil {
		c.fail("", "", err)
	}
	if c.ops.out = out; out != nil && out.Equal(c.ops.in) {
		c.ops.out = c.ops.in
	}
	if len(c.errs) > 0 {
		return nil, c.errs
	}
	return c.ops, nil
}
