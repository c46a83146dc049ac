package expr

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// Op is one operation on records: exactly one of its fields is set.
type Op struct {
	Filter   string // a bool: only records for which it is true stay
	Validate *Validation
	Set      []Assignment // in this order, each sees what those before it have set
	Drop     []string     // these columns go
	Keep     []string     // only these columns stay, in this order
	Lookup   *Lookup
}

// Validation is a rule that a record has to keep.
type Validation struct {
	Expr    string // a bool: true for a good record
	Message string // what is wrong with the others; empty: the expression itself
	Class   string // of the error; empty: process.validation
}

// Assignment gives a column a value. A column that is not there yet is added at
// the end; one that is there keeps its place and takes the kind of the value.
type Assignment struct{ Name, Expr string }

// Lookup adds columns of a table to the record that has its key.
type Lookup struct {
	Table *Table
	// Key is an expression; its text is the key that is looked for.
	Key string
	// Parts are the expressions that Key is made of, each with the column of the
	// table that it is looked for in: they must be of one kind, as texts that are
	// the same number may differ. nil leaves that to the caller.
	Parts []KeyPart
	// Columns are taken from the table, each under its own name or As.
	Columns []Take
	// Missing says what becomes of a record whose key is not in the table.
	Missing Missing
}

// KeyPart is a part of the key of a lookup.
type KeyPart struct{ Expr, Column string }

// Take takes a column from a table.
type Take struct {
	Name string // in the table
	As   string // in the record; empty: Name
}

// Missing says what becomes of a record that a table knows nothing of.
type Missing uint8

// What becomes of it.
const (
	MissingFails   Missing = iota // an item error of the class process.lookup
	MissingNull                   // the columns are null
	MissingFilters                // it is filtered
)

// ClassLookup is the class of the error that a key is in no table.
const ClassLookup = "process.lookup"

// OpError is a mistake in one of several ops.
type OpError struct {
	Op    int    // index of the op
	Field string // "filter", "validate", "set", "drop", "keep", "lookup"; empty: the op
	Name  string // of the column that is set, dropped, kept or taken; or empty
	Err   error  // a *CompileError where an expression is wrong
}

// Error names the op by its number, from 1.
func (e *OpError) Error() string {
	text := "op " + strconv.Itoa(e.Op+1)
	if e.Field != "" {
		text += ", " + e.Field
	}
	if e.Name != "" {
		text += " " + core.EscapeControl(e.Name)
	}
	return text + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *OpError) Unwrap() error { return e.Err }

// OpErrors are all mistakes of a list of ops, in order.
type OpErrors []*OpError

// Error returns the first mistake, and how many more there are.
func (e OpErrors) Error() string {
	text := e[0].Error()
	if len(e) > 1 {
		text += " (and " + strconv.Itoa(len(e)-1) + " more)"
	}
	return text
}

// Unwrap returns the mistakes.
func (e OpErrors) Unwrap() []error {
	errs := make([]error, len(e))
	for i := range e {
		errs[i] = e[i]
	}
	return errs
}

// Ops are compiled operations. They are safe for concurrent use.
type Ops struct {
	in, out *record.Schema
	steps   []step
	width   int   // values that the steps work on
	copied  int   // the first step that changes values; len(steps) if none does
	order   []int // where the columns of out are among the values; nil: as they are
	rooms   sync.Pool
}

// step is a compiled op. It changes values, of which the record's come first.
type step interface {
	run(o *Ops, in record.Record, values []record.Value, vars *Vars) (keep bool, err error)
	changes() bool
}

// CompileOps compiles ops for records of env.Schema. The error is an OpErrors:
// all mistakes that could be found.
func CompileOps(ops []Op, env Environment) (*Ops, error) {
	c := newOpsCompiler(env)
	for i := range ops {
		c.op(i, &ops[i])
	}
	return c.finish()
}

// Schema returns the columns that records have behind the ops.
func (o *Ops) Schema() *record.Schema { return o.out }

// Processor returns the ops as a processor that evaluates expressions with vars.
// It may be used by several goroutines.
func (o *Ops) Processor(vars *Vars) core.ItemProcessor[record.Record, record.Record] {
	return core.ProcessorFunc[record.Record, record.Record](
		func(_ context.Context, in record.Record) (out record.Record, keep bool, err error) {
			return o.Apply(in, vars)
		})
}

// Apply returns what the ops make of a record, which is left as it is; keep is
// false when it is filtered. The error is a *core.ItemError.
func (o *Ops) Apply(in record.Record, vars *Vars) (out record.Record, keep bool, err error) {
	if in.Len() != o.in.Len() {
		return record.Record{}, false, fmt.Errorf("a record of %d values, the ops were compiled for %d", in.Len(), o.in.Len())
	}
	values := in.Values()
	for i, s := range o.steps {
		if i == o.copied {
			values = o.room(o.width)
			copy(values, in.Values())
		}
		if keep, err := s.run(o, in, values, vars); err != nil || !keep {
			return record.Record{}, false, err
		}
	}
	if o.order != nil {
		all := values
		values = o.room(len(o.order))
		for i, slot := range o.order {
			values[i] = all[slot]
		}
	}
	return record.New(o.out, values[:o.out.Len():o.out.Len()], in.Origin()), true, nil
}

// room returns room for n values.
func (o *Ops) room(n int) []record.Value {
	a, ok := o.rooms.Get().(*record.Allocator)
	if !ok {
		a = new(record.Allocator)
	}
	values := a.Values(n)
	o.rooms.Put(a)
	return values
}

// itemError says that an expression has no value for a record. column is the
// one that it was for; it may be empty.
func itemError(in record.Record, column string, err error) error {
	e := record.ErrorAt(in.Origin(), column, err.Error())
	e.Class, e.Err = core.ClassProcessExpression, err
	return e
}

type filterStep struct{ program *Program }

func (s filterStep) changes() bool { return false }

func (s filterStep) run(_ *Ops, in record.Record, values []record.Value, vars *Vars) (bool, error) {
	v, err := s.program.eval(values, vars)
	if err != nil {
		return false, itemError(in, "", err)
	}
	if v.IsNull() {
		return false, itemError(in, "", s.program.nullResult())
	}
	return v.Bool(), nil
}

type validateStep struct {
	program        *Program
	message, class string
}

func (s validateStep) changes() bool { return false }

func (s validateStep) run(_ *Ops, in record.Record, values []record.Value, vars *Vars) (bool, error) {
	v, err := s.program.eval(values, vars)
	if err == nil && v.IsNull() {
		err = s.program.nullResult()
	}
	if err != nil {
		return false, itemError(in, "", err)
	}
	if v.Bool() {
		return true, nil
	}
	e := record.ErrorAt(in.Origin(), "", s.message)
	e.Class = s.class
	// The value that the rule is about, where it is about one alone.
	if names := s.program.Columns(); len(names) == 1 {
		e.Column = names[0]
		if v := values[s.program.slots[0]]; !v.IsNull() {
			e.Value, e.HasValue = cut(v.Text(), 200), true
		}
	}
	return false, e
}

type setStep struct {
	program *Program
	name    string
	slot    int
}

func (s setStep) changes() bool { return true }

func (s setStep) run(_ *Ops, in record.Record, values []record.Value, vars *Vars) (bool, error) {
	v, err := s.program.eval(values, vars)
	if err != nil {
		return false, itemError(in, s.name, err)
	}
	values[s.slot] = v
	return true, nil
}

type lookupStep struct {
	table   *Table
	key     *Program
	from    []int // in a row of the table
	to      []int // among the values
	missing Missing
}

func (s lookupStep) changes() bool { return true }

func (s lookupStep) run(_ *Ops, in record.Record, values []record.Value, vars *Vars) (bool, error) {
	v, err := s.key.eval(values, vars)
	if err != nil {
		return false, itemError(in, "", err)
	}
	var row []record.Value
	var buf [64]byte
	ok := false
	if !v.IsNull() {
		row, ok = s.table.rows[string(v.AppendText(buf[:0]))]
	}
	if !ok {
		switch s.missing {
		case MissingFilters:
			return false, nil
		case MissingFails:
			e := record.ErrorAt(in.Origin(), "", "key "+show(v)+" is not in the table "+core.Quote(s.table.name))
			e.Class = ClassLookup
			return false, e
		case MissingNull:
		}
	}
	for i, slot := range s.to {
		values[slot] = record.Value{}
		if ok {
			values[slot] = row[s.from[i]]
		}
	}
	return true, nil
}

// slotsOf returns where the columns of a program are.
func slotsOf(names []string, cols columns) []int {
	slots := make([]int, len(names))
	for i, name := range names {
		slots[i], _, _ = cols.lookup(name)
	}
	return slots
}
