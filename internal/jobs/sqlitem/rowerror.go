package sqlitem

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// RowError is one item that the database did not take.
type RowError struct {
	Table string // empty for a statement
	// Index is the item's place in the chunk, from 0, or -1 when it was alone.
	Index int
	// Where is the place that the item comes from; empty when the item does not
	// know it. An item knows it when it has a method Where() string.
	Where string
	// Values are the columns that the reason names, with the item's values; empty
	// when it names none.
	Values string
	// Err is the database's reason.
	Err error
}

// Error returns "place: table name: reason (column value)".
func (e *RowError) Error() string {
	text := "statement: " + e.Err.Error()
	if e.Table != "" {
		text = "table " + core.Quote(e.Table) + ": " + e.Err.Error()
	}
	if e.Values != "" {
		text += " (" + e.Values + ")"
	}
	switch {
	case e.Where != "":
		return core.EscapeControl(e.Where) + ": " + text
	case e.Index >= 0:
		return "item " + strconv.Itoa(e.Index+1) + " of the chunk: " + text
	}
	return text
}

// Unwrap returns the database's reason.
func (e *RowError) Unwrap() error { return e.Err }

const savepoint = `"batchctl.blame"`

// blame finds the row that made the insert of n items from at fail with cause.
// It inserts them one by one under a savepoint that it undoes, unless no row can
// be to blame: SQLite has ended the transaction itself then, perhaps.
func (w *Writer[T]) blame(ctx context.Context, tx Execer, items []T, at, n int, cause error) error {
	if n == 1 {
		return w.rowError(items, at, cause)
	}
	whole := fmt.Errorf("items %d to %d of the chunk: table %s: %w", at+1, at+n, core.Quote(w.config.Table), cause)
	switch core.ClassOf(cause, "") {
	case core.ClassWriteIO, core.ClassWriteBusy:
		return whole
	}
	if errors.Is(cause, errIgnored) {
		return whole // the rows that it has not ignored are there, and would be in the way
	}
	if _, err := tx.ExecContext(ctx, "SAVEPOINT "+savepoint); err != nil {
		return whole
	}
	found := whole
	single := w.groups[len(w.groups)-1]
	for i := at; i < at+n; i++ {
		if err := w.bind(items[i:i+1], i); err != nil {
			found = err
			break
		}
		if err := w.run(ctx, tx, single); err != nil {
			if found = w.rowError(items, i, err); ctx.Err() != nil {
				found = context.Cause(ctx) // no item is to blame
			}
			break
		}
	}
	for _, undo := range []string{"ROLLBACK TO ", "RELEASE "} {
		if _, err := tx.ExecContext(context.WithoutCancel(ctx), undo+savepoint); err != nil {
			return errors.Join(found, err)
		}
	}
	return found
}

// rowError describes item i, whose values are in w.args.
func (w *Writer[T]) rowError(items []T, i int, err error) error {
	e := &RowError{Table: w.config.Table, Index: i, Where: core.WhereOf(&items[i]), Err: err}
	if len(items) == 1 {
		e.Index = -1
	}
	reason, named := err.Error(), []string{}
	for k, column := range w.config.Columns {
		if k < len(w.args) && names(reason, w.config.Table+"."+column) {
			named = append(named, column+" "+valueText(w.args[k]))
		}
	}
	e.Values = strings.Join(named, ", ")
	return e
}

// names reports whether a reason of SQLite's names a column.
func names(reason, column string) bool {
	reason, column = strings.ToLower(reason), strings.ToLower(column)
	for {
		_, rest, found := strings.Cut(reason, column)
		if !found {
			return false
		}
		if rest == "" || !isWordByte(rest[0]) {
			return true
		}
		reason = rest
	}
}

// isWordByte reports whether a byte may go on a name.
func isWordByte(c byte) bool {
	return c == '_' || c >= 0x80 || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
}

func valueText(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case string:
		return core.Quote(v)
	case []byte:
		return fmt.Sprintf("%d bytes", len(v))
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}
