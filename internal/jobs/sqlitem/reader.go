package sqlitem

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// DefaultPageSize is the number of rows that a Reader holds at once when its
// configuration says nothing.
const DefaultPageSize = 1000

// ReaderConfig says what a Reader reads.
type ReaderConfig struct {
	// Query is one SELECT without ORDER BY and LIMIT. It becomes a subquery, so
	// its columns need names.
	Query string
	// Args are the values of the query's placeholders.
	Args []any
	// Key names a column of the query that identifies a row: an integer or a
	// text, never NULL, never twice. An index on it makes every page a search.
	Key string
	// PageSize is the number of rows read at once; 0 means DefaultPageSize.
	PageSize int
	// Prefix begins the keys of the reader's state in the step's context; empty
	// means "sqlitem.reader". Two readers in one step need different ones.
	Prefix string
}

// Reader reads the rows of a query in the order of a unique key, page by page.
// It is for one execution of a step, and not safe for concurrent use.
type Reader[T any] struct {
	querier Querier
	config  ReaderConfig
	scan    func(rows *sql.Rows, item *T) error

	from, by, order string // parts of statements: the query, its key, the order of a page
	keyColumn       int
	discard         []any // destinations that take the key and drop the rest
	key             any   // filled through discard

	page []T
	keys []any // of the rows in page
	at   int   // next row of page to hand out
	last any   // key of the last row handed out: int64, string, or nil
	upTo any   // key of the last row there was at the first read; nil while unknown
	end  bool  // no rows behind page

	bad    error // of the row behind page, which scan refused
	badKey any
}

var (
	_ core.ItemReader[int] = (*Reader[int])(nil)
	_ core.ItemStream      = (*Reader[int])(nil)
)

// NewReader returns a reader of cfg's query on q. scan fills item, which is
// zero, from the present row; it calls rows.Scan for all columns of the query.
func NewReader[T any](q Querier, cfg ReaderConfig, scan func(rows *sql.Rows, item *T) error) *Reader[T] {
	return &Reader[T]{querier: q, config: cfg, scan: scan}
}

// Open checks the query and its key, and returns to the position in ec.
func (r *Reader[T]) Open(ctx context.Context, ec core.ExecutionContext) error {
	if err := r.prepare(ctx); err != nil {
		return fmt.Errorf("open query by key %s: %w", core.Quote(r.config.Key), err)
	}
	r.reset()
	r.end = false
	var err error
	if r.last, err = keyIn(ec, r.stateKey("key")); err == nil {
		r.upTo, err = keyIn(ec, r.stateKey("upto"))
	}
	return err
}

// keyIn returns the key of a row that a context holds, or nil.
func keyIn(ec core.ExecutionContext, name string) (any, error) {
	switch key := ec[name].(type) {
	case nil, int64, string:
		return key, nil
	default:
		return nil, &core.Error{
			Kind: core.ErrCheckpointMismatch,
			Msg:  fmt.Sprintf("context key %s holds a %T, want the key of a row, an integer or a text", core.Quote(name), key),
		}
	}
}

func (r *Reader[T]) stateKey(name string) string {
	return cmp.Or(r.config.Prefix, "sqlitem.reader") + "." + name
}

func (r *Reader[T]) prepare(ctx context.Context) error {
	if err := checkName("key", r.config.Key); err != nil {
		return err
	}
	if r.config.PageSize < 0 {
		return fmt.Errorf("the page size is %d, want 1 or more", r.config.PageSize)
	}
	if r.config.PageSize == 0 {
		r.config.PageSize = DefaultPageSize
	}
	query := trimmed(r.config.Query)
	if query == "" {
		return errors.New("the query is empty")
	}
	// The line break ends a comment on the query's last line.
	from := "SELECT * FROM (" + query + "\n) AS q"
	key := "q." + quote(r.config.Key) + " COLLATE BINARY"
	// One row more than the page shows whether its last key is unique, and
	// whether there is another page.
	order := " ORDER BY " + key + " LIMIT " + strconv.Itoa(r.config.PageSize+1)
	r.from, r.by, r.order = from, key, order
	return r.findKey(ctx, from+" LIMIT 0")
}

// statement returns the query of the next page and its arguments. A row without
// a key is to be found by the first page, which is in the order of the key all the
// same: the plus keeps SQLite from searching for both conditions.
func (r *Reader[T]) statement() (query string, args []any) {
	args = slices.Clip(r.config.Args)
	switch {
	case r.last != nil && r.upTo != nil:
		return r.from + " WHERE " + r.by + " > ? AND " + r.by + " <= ?" + r.order, append(args, r.last, r.upTo)
	case r.last != nil:
		return r.from + " WHERE " + r.by + " > ?" + r.order, append(args, r.last)
	case r.upTo != nil:
		return r.from + " WHERE (+" + r.by + " <= ? OR " + r.by + " IS NULL)" + r.order, append(args, r.upTo)
	}
	return r.from + r.order, args
}

// findKey looks for the key among the columns of the query.
func (r *Reader[T]) findKey(ctx context.Context, query string) (err error) {
	rows, err := r.querier.QueryContext(ctx, query, r.config.Args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	r.keyColumn = slices.IndexFunc(columns, func(c string) bool { return strings.EqualFold(c, r.config.Key) })
	if r.keyColumn < 0 {
		return &core.Error{
			Msg:  fmt.Sprintf("the query has no column %s", core.Quote(r.config.Key)),
			Hint: didYouMean(r.config.Key, columns),
		}
	}
	r.discard = make([]any, len(columns))
	for i := range r.discard {
		r.discard[i] = discarded{}
	}
	r.discard[r.keyColumn] = &r.key
	return rows.Err()
}

// discarded takes any value and drops it.
type discarded struct{}

// Scan implements sql.Scanner.
func (discarded) Scan(any) error { return nil }

// Read implements core.ItemReader.
func (r *Reader[T]) Read(ctx context.Context, dst []T) (int, error) {
	if r.from == "" {
		return 0, errors.New("the query is read before it was opened")
	}
	if r.at == len(r.page) && !r.end && r.bad == nil {
		if err := r.load(ctx); err != nil {
			return 0, fmt.Errorf("query by key %s: %w", core.Quote(r.config.Key), readFailed(ctx, err))
		}
	}
	n := copy(dst, r.page[r.at:])
	if n > 0 {
		r.at += n
		r.last = r.keys[r.at-1]
	}
	switch {
	case r.at < len(r.page):
		return n, nil
	case r.bad != nil:
		err := r.bad
		r.last, r.bad = r.badKey, nil
		return n, err
	case r.end:
		return n, io.EOF
	}
	return n, nil
}

// load replaces the page by the one behind it. A row that scan refuses ends the
// page; any other error leaves the page empty.
func (r *Reader[T]) load(ctx context.Context) (err error) {
	if r.upTo == nil {
		if r.upTo, err = r.findHighest(ctx); err != nil {
			return err
		}
	}
	query, args := r.statement()
	rows, err := r.querier.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	page, keys := r.page[:0], r.keys[:0]
	clear(r.page)
	defer func() {
		err = errors.Join(err, rows.Close())
		if err != nil {
			page, keys = page[:0], keys[:0]
		}
		r.page, r.keys, r.at = page, keys, 0
	}()
	for rows.Next() {
		key, err := r.scanKey(rows, r.previous(keys))
		if err != nil {
			return err
		}
		if len(page) == r.config.PageSize {
			return rows.Err() // the row behind the page
		}
		var item T
		if err := r.scan(rows, &item); err != nil {
			r.bad, r.badKey = badRow(key, err), key
			return rows.Err()
		}
		page, keys = append(page, item), append(keys, key)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	r.end = true
	return nil
}

// findHighest returns the highest key that there is now; nil when there is none,
// or none that a page can end with, which the pages will tell.
func (r *Reader[T]) findHighest(ctx context.Context) (highest any, err error) {
	query := r.from + " ORDER BY " + r.by + " DESC LIMIT 1"
	r.key = nil
	err = each(ctx, r.querier, query, r.config.Args, func(rows *sql.Rows) error { return rows.Scan(r.discard...) })
	switch r.key.(type) {
	case int64, string:
		return r.key, err
	}
	return nil, err
}

// readFailed gives an error of the database the class of one that may pass. What
// a person has to mend, and the end of ctx, keep theirs.
func readFailed(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*core.Error](err); ok && core.ClassOf(err, "") == "" || ctx.Err() != nil {
		return err
	}
	return core.Classified(core.ClassReadIO, err)
}

// badRow is the error for a row that scan has refused.
func badRow(key any, err error) error {
	return &core.ItemError{
		Key: fmt.Sprint(key), Msg: err.Error(), Err: err, Class: core.ClassOf(err, core.ClassReadParse),
	}
}

func (r *Reader[T]) previous(keys []any) any {
	if len(keys) == 0 {
		return r.last
	}
	return keys[len(keys)-1]
}

// scanKey returns the present row's key, having made sure that it can be paged
// by.
func (r *Reader[T]) scanKey(rows *sql.Rows, previous any) (any, error) {
	if err := rows.Scan(r.discard...); err != nil {
		return nil, err
	}
	switch key := r.key.(type) {
	case int64, string:
		if key == previous {
			return nil, &core.Error{
				Msg:  fmt.Sprintf("two rows have the key %s: it must be unique, or rows would be lost", keyText(key)),
				Hint: "choose a unique column as key, or make one in the query",
			}
		}
		return key, nil
	case nil:
		return nil, &core.Error{
			Msg:  "a row has no key: it is NULL, and would be lost",
			Hint: "leave such rows out in the query, or choose a key that is NOT NULL",
		}
	default:
		return nil, &core.Error{
			Msg:  fmt.Sprintf("the key is a %T, want an integer or a text", key),
			Hint: "select it with CAST(... AS TEXT) or CAST(... AS INTEGER)",
		}
	}
}

func keyText(key any) string {
	if text, ok := key.(string); ok {
		return core.Quote(text)
	}
	return fmt.Sprint(key)
}

// Checkpoint stores the key of the last row handed out, and that of the last one
// to hand out.
func (r *Reader[T]) Checkpoint(ec core.ExecutionContext) error {
	ec.Put(r.stateKey("key"), r.last)
	ec.Put(r.stateKey("upto"), r.upTo)
	return nil
}

// Close drops the page; no cursor is open between two reads.
func (r *Reader[T]) Close() error {
	r.reset()
	return nil
}

func (r *Reader[T]) reset() {
	r.page, r.keys, r.at = nil, nil, 0
	r.bad, r.badKey = nil, nil
}
