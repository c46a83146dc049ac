package jsonl

import (
	"time"

	"github.com/batchctl/batchctl/internal/jobs/infile"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// Encoder makes lines of records, as the writer does: all columns, nulls too.
type Encoder struct{ target target }

// NewEncoder returns an encoder of records of schema.
func NewEncoder(schema *record.Schema) *Encoder {
	e := &Encoder{}
	for i, name := range schema.Names() {
		e.target.members = append(e.target.members, newMember(i, name, nil))
	}
	return e
}

// Append appends the line of r to dst, its line feed included. The error is a
// *core.ItemError.
func (e *Encoder) Append(dst []byte, r *record.Record) ([]byte, error) {
	return e.target.encode(dst, r)
}

// Decoder makes records of lines, as the reader does, but for members that are
// not among the columns: it refuses them. It is for one goroutine.
type Decoder struct {
	parser parser
	seen   []bool
}

// NewDecoder returns a decoder of records of schema. zone says what the clocks
// showed where a datetime has no offset.
func NewDecoder(schema *record.Schema, zone *time.Location) *Decoder {
	root := newNode()
	root.members = make(map[string]*node, schema.Len())
	for i, name := range schema.Names() {
		root.members[name] = &node{column: i}
	}
	d := &Decoder{seen: make([]bool, schema.Len())}
	d.parser = parser{schema: schema, columns: schema.Columns(), root: root, zone: zone, seen: d.seen}
	return d
}

// Decode returns the record of a line, which has no line feed. Columns that are
// not there are null. The error is a *core.ItemError without a place; its Column
// is that whose value is wrong, or empty when the line is no object of such
// columns.
func (d *Decoder) Decode(line []byte) (record.Record, error) {
	clear(d.seen)
	var r record.Record
	err := d.parser.parse(infile.Line{Text: line}, &r)
	return r, err
}

// Has reports whether column i was in the line that Decode returned last.
func (d *Decoder) Has(i int) bool { return d.seen[i] }
