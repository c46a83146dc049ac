package sqlitem

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/batchctl/batchctl/internal/core"
)

// RowError is one item that the database did not take.
type RowError struct {
	Table string
	// Index is the item's place in the chunk, from 0.
	Index int
	// Where is the place that the item comes from; empty when the item does not
	// know it. An item knows it when it has a method Where() string.
	Where string
	// Err is the database's reason.
	Err error
}

// Error returns "place: table name: reason".
func (e *RowError) Error() string {
	place := core.EscapeControl(e.Where)
	if place == "" {
		place = "item " + strconv.Itoa(e.Index+1) + " of the chunk"
	}
	return place + ": table " + core.Quote(e.Table) + ": " + e.Err.Error()
}

// Unwrap returns the database's reason.
func (e *RowError) Unwrap() error { return e.Err }

const savepoint = `"batchctl.blame"`

// blame finds the row that made the insert of n items from at fail with cause.
// It inserts them one by one under a savepoint that it undoes.
func (w *Writer[T]) blame(ctx context.Context, tx Execer, items []T, at, n int, cause error) error {
	if n == 1 {
		return w.rowError(items, at, cause)
	}
	whole := fmt.Errorf("items %d to %d of the chunk: table %s: %w", at+1, at+n, core.Quote(w.config.Table), cause)
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
		if _, err := tx.ExecContext(ctx, single.sql, w.args...); err != nil {
			found = w.rowError(items, i, err)
			break
		}
	}
	for _, undo := range []string{"ROLLBACK TO ", "RELEASE "} {
		if _, err := tx.ExecContext(ctx, undo+savepoint); err != nil {
			return errors.Join(found, err)
		}
	}
	return found
}

func (w *Writer[T]) rowError(items []T, i int, err error) error {
	return &RowError{Table: w.config.Table, Index: i, Where: core.WhereOf(&items[i]), Err: err}
}
