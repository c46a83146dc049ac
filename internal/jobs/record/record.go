package record

import (
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
)

// Record is a row: a value for each column of its schema, and where it comes
// from. The zero Record has no columns. It is handed around by value; its values
// are not to be changed by anybody but the one who made it, before it is handed
// on.
type Record struct {
	schema *Schema
	values []Value
	origin core.Origin
}

// New returns the record of these values, which it keeps. It panics if they are
// not as many as the columns of schema; that they are of the right kinds is the
// caller's to know, and Check's to find out.
func New(schema *Schema, values []Value, origin core.Origin) Record {
	if len(values) != schema.Len() {
		panic(fmt.Sprintf("record: %d values for %d columns", len(values), schema.Len()))
	}
	return Record{schema: schema, values: values, origin: origin}
}

// Schema returns the columns of r; nil for the zero Record.
func (r Record) Schema() *Schema { return r.schema }

// Len returns the number of values.
func (r Record) Len() int { return len(r.values) }

// Value returns value i.
func (r Record) Value(i int) Value { return r.values[i] }

// Get returns the value of the column of that name.
func (r Record) Get(name string) (v Value, ok bool) {
	if r.schema == nil {
		return Value{}, false
	}
	i, ok := r.schema.Index(name)
	if !ok {
		return Value{}, false
	}
	return r.values[i], true
}

// Values returns all values, in order. They are the record's: not to be changed.
func (r Record) Values() []Value { return r.values }

// Origin returns where r comes from.
func (r Record) Origin() core.Origin { return r.origin }

// Check refuses a record with a value that its column does not hold: of another
// kind, null where one is required, a decimal beyond the bounds.
func (r Record) Check() error {
	for i, v := range r.values {
		if err := r.schema.columns[i].check(v); err != nil {
			return r.Error(r.schema.columns[i].Name, v, err.Error())
		}
	}
	return nil
}

// Error returns an error about one value of r. Column may be empty, for the
// record as a whole, and a null is no value that is shown.
func (r Record) Error(column string, v Value, msg string) *core.ItemError {
	e := ErrorAt(r.origin, column, msg)
	if !v.IsNull() {
		e.Value, e.HasValue = v.Text(), true
	}
	return e
}

// ErrorAt returns an error about a column of the record at a place; readers have
// no record yet.
func ErrorAt(o core.Origin, column, msg string) *core.ItemError {
	return &core.ItemError{
		File: o.File, Line: o.Line, Record: o.Record, Key: o.Key, Offset: o.Offset, Column: column, Msg: msg,
	}
}

// Allocator hands out room for values from blocks, so that a row costs no
// allocation of its own. What it has handed out it never hands out again; a block
// goes when the last of its rows does. It is for one goroutine; the zero value is
// ready.
type Allocator struct{ block []Value }

// blockValues is the size of a block: 32 KiB, small enough that a row that is
// kept for long does not hold much.
const blockValues = 1024

// Values returns room for n values, all null.
func (a *Allocator) Values(n int) []Value {
	if n > len(a.block) {
		if n >= blockValues/4 {
			return make([]Value, n)
		}
		a.block = make([]Value, blockValues)
	}
	values := a.block[:n:n]
	a.block = a.block[n:]
	return values
}
