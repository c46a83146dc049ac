package sqlitem

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// what names the output in messages.
func (c WriterConfig) what() string {
	if c.Statement != "" {
		return "a statement"
	}
	return "table " + core.Quote(c.Table)
}

// conflict is the end of an insert that replaces what is there.
func (c WriterConfig) conflict() string {
	if len(c.Key) == 0 {
		return ""
	}
	var set []string
	for _, name := range c.Columns {
		isKey := func(key string) bool { return strings.EqualFold(key, name) }
		if !slices.ContainsFunc(c.Key, isKey) {
			set = append(set, quote(name)+" = excluded."+quote(name))
		}
	}
	head := " ON CONFLICT (" + quoteAll(c.Key) + ") DO "
	if len(set) == 0 {
		return head + "NOTHING"
	}
	return head + "UPDATE SET " + strings.Join(set, ", ")
}

// explain lets the database look at a statement that check does not know enough
// about, before anything is read.
func (w *Writer[T]) explain(ctx context.Context) error {
	if len(w.config.Key) == 0 && w.config.Statement == "" {
		return nil
	}
	args := make([]any, len(w.config.Columns))
	if w.config.Statement != "" {
		for i, name := range w.config.Columns {
			args[i] = sql.Named(name, nil)
		}
	}
	single := w.groups[len(w.groups)-1].sql
	return each(ctx, w.config.Querier, "EXPLAIN "+single, args, func(*sql.Rows) error { return nil })
}

// errNoRow is the reason for which a statement is refused that must change one.
var errNoRow = errors.New("it has changed no row")

// errIgnored is the reason for which a row is refused that SQLite has not taken,
// and said nothing.
var errIgnored = errors.New("the table ignores the row: a constraint of it says ON CONFLICT IGNORE, or a trigger RAISE(IGNORE)")

// counted reports whether each row that is written to t has to change one. An
// upsert that has nothing to replace changes none when the row is there.
func (c WriterConfig) counted(t *table) bool {
	return t.kind == "table" && !strings.HasSuffix(c.conflict(), "DO NOTHING")
}

// run runs a statement with the present values, which are those of so many rows.
func (w *Writer[T]) run(ctx context.Context, tx Execer, g group) error {
	result, err := tx.ExecContext(ctx, g.sql, w.args...)
	if err != nil || !w.config.MustChange && !w.counted {
		return err
	}
	n, err := result.RowsAffected()
	switch {
	case err != nil:
		return fmt.Errorf("count what has changed: %w", err)
	case w.config.MustChange && n == 0:
		return core.Classified(core.ClassWriteData, errNoRow)
	case w.counted && n < int64(g.rows):
		return core.Classified(core.ClassWriteConstraint, errIgnored)
	}
	return nil
}
