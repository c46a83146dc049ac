package definition

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/jobs/expr"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// ops compiles the operations of a processor and returns the columns behind
// them; nil when they are not known.
func (c *compiler) ops(x *Chunk, in *record.Schema, p *chunkPlan) *record.Schema {
	list, all := c.soundOps(x)
	if !all { // what is behind them has other columns
		c.ops(&Chunk{Processor: list}, in, p)
		return nil
	}
	if in == nil || len(list) == 0 {
		return in
	}
	var stages []late[processor]
	for len(list) > 0 && in != nil {
		n := slices.IndexFunc(list, func(op Op) bool { return op.Exec != nil })
		var made late[processor]
		switch {
		case n == 0:
			in, made = c.coprocess(list[0].Exec, in)
			p.single = true
			n = 1
		case n < 0:
			n = len(list)
			fallthrough
		default:
			in, made = c.segment(list[:n], in)
		}
		stages, list = append(stages, made), list[n:]
	}
	if in == nil {
		return nil
	}
	p.process = func(b *bound) (processor, error) {
		parts := make([]processor, len(stages))
		for i, made := range stages {
			var err error
			if parts[i], err = made(b); err != nil {
				return nil, err
			}
		}
		if len(parts) == 1 {
			return parts[0], nil
		}
		return chunk.Chain(parts...), nil
	}
	return in
}

// segment compiles operations that have no command among them.
func (c *compiler) segment(list []Op, in *record.Schema) (*record.Schema, late[processor]) {
	tables := make([]*tablePlan, len(list))
	sound := true
	for i := range list {
		if l := list[i].Lookup; l != nil {
			tables[i] = c.table(l)
			sound = sound && tables[i] != nil
		}
	}
	if !sound {
		return nil, nil
	}
	env := c.expressions(in)
	compiled, err := expr.CompileOps(operations(list, emptyTables(tables, nil)), env)
	if err != nil {
		c.reportOps(list, err)
		return nil, nil
	}
	return compiled.Schema(), func(b *bound) (processor, error) { return b.processor(list, tables, env) }
}

// processor makes the operations for one execution of the step.
func (b *bound) processor(list []Op, plans []*tablePlan, env expr.Environment) (processor, error) {
	tables := emptyTables(plans, b)
	ops, err := expr.CompileOps(operations(list, tables), b.in(env))
	if err != nil {
		return nil, err
	}
	vars, err := b.vars(env)
	if err != nil {
		return nil, err
	}
	p := ops.Processor(vars)
	var loads []*tableLoad
	for i, plan := range plans {
		if plan == nil {
			continue
		}
		r, err := plan.reader(b)
		if err != nil {
			return nil, err
		}
		loads = append(loads, &tableLoad{plan: plan, reader: r, table: tables[i]})
	}
	if len(loads) == 0 {
		return p, nil
	}
	return &lookingUp{processor: p, loads: loads}, nil
}

// emptyTables makes the tables of an execution of the step; b is nil while the
// definition is compiled. What has no value in a name will be said of the reader.
func emptyTables(plans []*tablePlan, b *bound) []*expr.Table {
	tables := make([]*expr.Table, len(plans))
	for i, plan := range plans {
		if plan == nil {
			continue
		}
		name := plan.name.Value
		if b != nil {
			if text, err := b.text(plan.name); err == nil {
				name = text
			}
		}
		tables[i] = expr.NewTable(name, plan.schema, maxTable)
	}
	return tables
}

// maxTable bounds a table in memory, in bytes, and defaultRows its rows.
const (
	maxTable    = 256 << 20
	defaultRows = 1_000_000
)

// operations makes the list that expr compiles.
func operations(list []Op, tables []*expr.Table) []expr.Op {
	ops := make([]expr.Op, len(list))
	for i, op := range list {
		o := &ops[i]
		switch {
		case op.Filter.Given():
			o.Filter = op.Filter.Value
		case op.Validate.Given():
			o.Validate = &expr.Validation{Expr: op.Validate.Value, Message: op.Message.Value, Class: op.Class.Value}
		case op.Set != nil:
			for _, p := range op.Set {
				o.Set = append(o.Set, expr.Assignment{Name: p.Key.Value, Expr: p.Value.Value})
			}
		case op.Drop != nil:
			o.Drop = plainTexts(op.Drop)
		case op.Keep != nil:
			o.Keep = plainTexts(op.Keep)
		case op.Lookup != nil:
			o.Lookup = lookup(op.Lookup, tables[i])
		}
	}
	return ops
}

func lookup(l *Lookup, table *expr.Table) *expr.Lookup {
	made := &expr.Lookup{Table: table, Key: keyExpression(l)}
	for i, part := range keyParts(l) {
		if i < len(l.Key) {
			made.Parts = append(made.Parts, expr.KeyPart{Expr: part, Column: l.Key[i].Value})
		}
	}
	switch l.Missing.Value {
	case "null":
		made.Missing = expr.MissingNull
	case "drop":
		made.Missing = expr.MissingFilters
	}
	for _, p := range l.Set {
		made.Columns = append(made.Columns, expr.Take{Name: p.Value.Value, As: p.Key.Value})
	}
	return made
}

// keySeparator stands between the parts of a key of several columns.
const keySeparator = "\x1f"

// keyExpression is the key that a record looks for.
func keyExpression(l *Lookup) string {
	parts := keyParts(l)
	if len(parts) == 1 {
		return parts[0]
	}
	for i := range parts {
		parts[i] = "string(" + parts[i] + ")"
	}
	return strings.Join(parts, " + '"+keySeparator+"' + ")
}

// keyParts are the expressions of a key, one for each of its columns.
func keyParts(l *Lookup) []string {
	if len(l.On) > 0 {
		return plainTexts(l.On)
	}
	parts := make([]string, len(l.Key))
	for i, key := range l.Key {
		parts[i] = "record['" + strings.ReplaceAll(key.Value, "'", `\'`) + "']"
	}
	return parts
}

// reportOps reports mistakes of operations where they stand.
func (c *compiler) reportOps(list []Op, err error) {
	mistakes, ok := errors.AsType[expr.OpErrors](err)
	if !ok {
		c.reportError(list[0].Pos, err)
		return
	}
	for _, e := range mistakes {
		op := list[min(e.Op, len(list)-1)]
		c.reportOp(op, e)
	}
}

func (c *compiler) reportOp(op Op, e *expr.OpError) {
	in := func(ts []Text) (Text, bool) {
		for _, t := range ts {
			if t.Value == e.Name {
				return t, true
			}
		}
		return Text{}, false
	}
	switch {
	case op.Filter.Given():
		c.reportExpression(op.Filter, e.Err)
		return
	case op.Validate.Given():
		c.reportExpression(op.Validate, e.Err)
		return
	}
	for _, p := range op.Set {
		if p.Key.Value == e.Name {
			c.reportExpression(p.Value, e.Err)
			return
		}
	}
	for _, columns := range [][]Text{op.Drop, op.Keep} {
		if t, ok := in(columns); ok {
			c.report(t.Pos(), "", "%s: %v", core.Quote(e.Name), e.Err)
			return
		}
	}
	if l := op.Lookup; l != nil {
		for _, p := range l.Set {
			if p.Value.Value == e.Name || p.Key.Value == e.Name {
				c.report(p.Value.Pos(), "", "%s: %v", core.Quote(e.Name), e.Err)
				return
			}
		}
		texts := l.On
		if len(texts) == 0 {
			texts = l.Key
		}
		if len(texts) > 0 {
			wrong, _ := errors.AsType[*expr.CompileError](e.Err)
			i := slices.IndexFunc(keyParts(l), func(part string) bool { return wrong != nil && part == wrong.Text })
			c.reportExpression(texts[max(i, 0)], e.Err)
			return
		}
	}
	c.reportError(op.Pos, e)
}

// tablePlan is a table that a lookup loads.
type tablePlan struct {
	name   Text
	place  string // in the definition
	schema *record.Schema
	reader late[reader]
	key    []int // its columns
	rows   int64
}

// tableName is what a table is called: the file or the query that it comes from.
func tableName(k Component) Text {
	for _, o := range k.Options {
		switch o.Key.Value {
		case "file", "files", "query":
			return o.Value
		}
	}
	return k.Name
}

// table compiles the table of a lookup; nil when there is something wrong.
func (c *compiler) table(l *Lookup) *tablePlan {
	schema, r := c.reads(l.Table)
	if schema == nil {
		return nil
	}
	p := &tablePlan{
		name: tableName(l.Table), place: c.place(l.Table.Name.Pos()), schema: schema, reader: r,
		rows: presentValue(c, l.Limit, defaultRows, within(1, 100*defaultRows)),
	}
	for _, t := range l.Key {
		i, ok := schema.Index(t.Value)
		if !ok {
			c.report(t.Pos(), known(t.Value, schema.Names()), "the table has no column %s", core.Quote(t.Value))
			return nil
		}
		p.key = append(p.key, i)
	}
	return p
}

// tableLoad is a table that is filled when the step opens.
type tableLoad struct {
	plan   *tablePlan
	reader reader
	table  *expr.Table
}

// lookingUp is a processor whose tables are loaded once, when the step opens.
type lookingUp struct {
	processor
	loads []*tableLoad
}

var _ core.ItemStream = (*lookingUp)(nil)

// Open implements core.ItemStream.
func (l *lookingUp) Open(ctx context.Context, _ core.ExecutionContext) error {
	for _, load := range l.loads {
		if err := load.fill(ctx); err != nil {
			return fmt.Errorf("%s: load the table: %w", load.plan.place, err)
		}
	}
	return nil
}

// Checkpoint implements core.ItemStream: a table has no position.
func (l *lookingUp) Checkpoint(core.ExecutionContext) error { return nil }

// Close implements core.ItemStream.
func (l *lookingUp) Close() error { return nil }

func (l *tableLoad) fill(ctx context.Context) (err error) {
	if stream, ok := l.reader.(core.ItemStream); ok {
		defer func() { err = errors.Join(err, stream.Close()) }()
		if err := stream.Open(ctx, core.ExecutionContext{}); err != nil {
			return err
		}
	}
	batch := make([]record.Record, chunk.DefaultSize)
	for {
		n, err := l.reader.Read(ctx, batch)
		for _, r := range batch[:n] {
			if int64(l.table.Len()) >= l.plan.rows {
				return &core.Error{Msg: fmt.Sprintf("it has more than %d rows", l.plan.rows), Hint: "set limit, or join in the query of a SQL reader"}
			}
			if err := l.table.Add(l.plan.keyOf(r), r.Values()); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

func (p *tablePlan) keyOf(r record.Record) string {
	parts := make([]string, len(p.key))
	for i, column := range p.key {
		parts[i] = r.Value(column).Text()
	}
	return strings.Join(parts, keySeparator)
}
