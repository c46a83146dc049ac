package expr

import (
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// Table is a table in memory, found by key. It is filled by one goroutine, and
// may then be read by several.
type Table struct {
	name        string
	schema      *record.Schema
	rows        map[string][]record.Value
	size, limit int64
}

// NewTable returns an empty table of at most limit bytes; the name is for
// messages.
func NewTable(name string, schema *record.Schema, limit int64) *Table {
	return &Table{name: name, schema: schema, rows: map[string][]record.Value{}, limit: limit}
}

// Sizes that a row has beside its texts: an entry of a map, and a value.
const (
	entrySize = 64
	valueSize = 32
)

// Add adds a row under a key, the text of a value. The row is kept. It refuses a
// key that is there already, and more than the table may hold.
func (t *Table) Add(key string, row []record.Value) error {
	if len(row) != t.schema.Len() {
		return fmt.Errorf("table %s: a row of %d values for %d columns", core.Quote(t.name), len(row), t.schema.Len())
	}
	if _, twice := t.rows[key]; twice {
		return &core.Error{Msg: fmt.Sprintf("table %s: the key %s is there twice", core.Quote(t.name), core.Quote(key))}
	}
	t.size += int64(entrySize + len(key) + valueSize*len(row))
	for _, v := range row {
		t.size += int64(len(v.Str()))
	}
	if t.size > t.limit {
		return &core.Error{
			Msg:  fmt.Sprintf("table %s: more than %d bytes, at row %d", core.Quote(t.name), t.limit, len(t.rows)+1),
			Hint: "join in the query of a SQL reader, or load fewer columns",
		}
	}
	t.rows[key] = row
	return nil
}

// Len returns the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// Schema returns the columns of the table.
func (t *Table) Schema() *record.Schema { return t.schema }
