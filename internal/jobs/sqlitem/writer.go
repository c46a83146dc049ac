package sqlitem

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

const (
	// groupValues is about how many values one statement takes. Below it the
	// cost of a call weighs more, above it that of the driver's copy of the
	// arguments: 7 columns, 1,000 rows a chunk, CPU against groups of 16 rows:
	// 1.5 for single rows, 1.03 for 32, 1.1 for 64, 1.2 for 128 and 250.
	groupValues = 128
	// largestGroup bounds the rows of one statement.
	largestGroup = 64
	// maxColumns is SQLite's limit on the columns of a table.
	maxColumns = 2000
)

// WriterConfig says what a Writer inserts into.
type WriterConfig struct {
	// Querier describes the table when the step opens. It reads the database
	// that the chunk's transaction writes to.
	Querier Querier
	// Table and Columns are names as the database has them, without quotes.
	Table   string
	Columns []string
	// Key, unless it is empty, makes a row whose key is there already replace the
	// other columns of that row. These columns must be unique together.
	Key []string
	// Statement, unless it is empty, is run for every item instead of an insert;
	// Table is empty then. The values are as many as Columns, and may be
	// sql.Named.
	Statement string
	// MustChange makes it an error when Statement has changed no row.
	MustChange bool
}

// Writer inserts every item as one row, through the transaction of the chunk.
// It is for one execution of a step, and not safe for concurrent use.
type Writer[T any] struct {
	config WriterConfig
	values func(item *T, dst []any) []any
	groups []group
	args   []any // reused
	// inexact are the columns, by their places, that keep no number of more than 15
	// digits; empty when there are none, or when a statement says what is written.
	inexact []inexactColumn
	// counted says that every row changes one of the table, or is not there.
	counted bool
	// single says that rows are written one by one: the table may ignore one, and
	// nobody would know which of a group it was.
	single bool
}

// group is the statement that inserts a fixed number of rows.
type group struct {
	rows int
	sql  string
}

var (
	_ core.ItemWriter[int] = (*Writer[int])(nil)
	_ core.ItemStream      = (*Writer[int])(nil)
)

// NewWriter returns a writer whose values appends an item's values to dst, one
// for each column of cfg and in that order, and returns the extended slice. A
// value is nil, an int64, float64, string, []byte, bool or time.Time.
func NewWriter[T any](cfg WriterConfig, values func(item *T, dst []any) []any) *Writer[T] {
	return &Writer[T]{config: cfg, values: values}
}

// Open checks that the table is there, has the columns, and can take rows that
// consist of them only. It needs nothing of ec.
func (w *Writer[T]) Open(ctx context.Context, _ core.ExecutionContext) error { return w.look(ctx) }

// looked reports whether look has succeeded.
func (w *Writer[T]) looked() bool { return w.args != nil }

func (w *Writer[T]) look(ctx context.Context) error {
	err := w.check(ctx)
	if err == nil {
		w.groups = groupsFor(w.config)
		if w.single {
			w.groups = w.groups[len(w.groups)-1:]
		}
		err = w.explain(ctx)
	}
	if err == nil {
		w.args = make([]any, 0, w.groups[0].rows*len(w.config.Columns))
		return nil
	}
	op := "open " + w.config.what() + " for writing"
	if e, ok := errors.AsType[*core.Error](err); ok && e.Op == "" {
		return &core.Error{Kind: e.Kind, Op: op, Msg: e.Msg, Hint: e.Hint, Err: e.Err}
	}
	return fmt.Errorf("%s: %w", op, err)
}

func (w *Writer[T]) check(ctx context.Context) error {
	if w.config.Querier == nil {
		return errors.New("nothing is given to look at the table with")
	}
	if w.config.Statement != "" {
		return nil
	}
	if err := checkName("table", w.config.Table); err != nil {
		return err
	}
	if n := len(w.config.Columns); n == 0 || n > maxColumns {
		return fmt.Errorf("%d columns are to be written, want 1 to %d", n, maxColumns)
	}
	seen := map[string]bool{}
	for _, name := range w.config.Columns {
		if err := checkName("column", name); err != nil {
			return err
		}
		folded := strings.ToLower(name)
		if seen[folded] {
			return fmt.Errorf("column %s is to be written twice", core.Quote(name))
		}
		seen[folded] = true
	}
	for _, name := range w.config.Key {
		if !seen[strings.ToLower(name)] {
			return fmt.Errorf("column %s of the key is not written", core.Quote(name))
		}
	}
	t, err := describe(ctx, w.config.Querier, w.config.Table)
	if err != nil {
		return err
	}
	if err := t.check(w.config.Columns); err != nil {
		return err
	}
	w.inexact = t.inexact(w.config.Columns)
	w.counted = w.config.counted(t)
	w.single = w.counted && t.ignores
	return nil
}

// groupsFor returns the statements by falling number of rows, each half of the
// one before it, down to one row.
func groupsFor(cfg WriterConfig) []group {
	if cfg.Statement != "" {
		return []group{{rows: 1, sql: cfg.Statement}}
	}
	largest := 1
	for largest < largestGroup && 2*largest*len(cfg.Columns) <= groupValues {
		largest *= 2
	}
	head := "INSERT INTO " + quote(cfg.Table) + " (" + quoteAll(cfg.Columns) + ") VALUES "
	row := "(" + strings.Join(slices.Repeat([]string{"?"}, len(cfg.Columns)), ",") + ")"
	var groups []group
	for n := largest; n >= 1; n /= 2 {
		groups = append(groups, group{rows: n, sql: head + strings.Join(slices.Repeat([]string{row}, n), ",") + cfg.conflict()})
	}
	return groups
}

// Checkpoint does nothing: the rows commit with the chunk.
func (w *Writer[T]) Checkpoint(core.ExecutionContext) error { return nil }

// Close does nothing: the transaction is the chunk's.
func (w *Writer[T]) Close() error { return nil }

// Write inserts the items of c in their order. When the database refuses one of
// them the error is a *RowError.
func (w *Writer[T]) Write(ctx context.Context, c *core.Chunk[T]) error {
	tx, ok := c.Tx.(Execer)
	if !ok {
		return core.Fatal(fmt.Errorf("%s is to be written in the chunk's transaction, but a %T runs no SQL", w.config.what(), c.Tx))
	}
	return w.insert(ctx, tx, c.Items)
}

// insert inserts the items in their order.
func (w *Writer[T]) insert(ctx context.Context, tx Execer, items []T) error {
	if len(w.groups) == 0 {
		return core.Fatal(fmt.Errorf("%s is written to before it was opened", w.config.what()))
	}
	hot := ctx // a statement may take any time, and a timeout is kept
	if _, timed := ctx.Deadline(); !timed && w.config.Statement == "" {
		hot = context.WithoutCancel(ctx) // the driver starts a goroutine a statement otherwise
	}
	at := 0
	for _, g := range w.groups {
		for ; len(items)-at >= g.rows; at += g.rows {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := w.bind(items[at:at+g.rows], at); err != nil {
				return err
			}
			err := w.run(hot, tx, g)
			switch {
			case err == nil:
			case ctx.Err() != nil:
				return context.Cause(ctx) // no item is to blame
			default:
				return w.blame(hot, tx, items, at, g.rows, err)
			}
		}
	}
	return nil
}

// bind puts the values of items into w.args; at is the first one's index.
func (w *Writer[T]) bind(items []T, at int) error {
	w.args = w.args[:0]
	for i := range items {
		before := len(w.args)
		w.args = w.values(&items[i], w.args)
		if got := len(w.args) - before; got != len(w.config.Columns) {
			return &RowError{
				Table: w.config.Table, Index: at + i, Where: core.WhereOf(&items[i]),
				Err: fmt.Errorf("%d values for %d columns", got, len(w.config.Columns)),
			}
		}
		for _, c := range w.inexact {
			if err := c.check(w.args[before+c.at]); err != nil {
				return &RowError{Table: w.config.Table, Index: at + i, Where: core.WhereOf(&items[i]), Err: err}
			}
		}
	}
	return nil
}
