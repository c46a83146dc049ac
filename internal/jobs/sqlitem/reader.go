package sqlitem

import (
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

	first, next string // statements of the first and the later pages
	keyColumn   int
	discard     []any // destinations that take the key and drop the rest
	key         any   // filled through discard

	page []T
	keys []any // of the rows in page
	at   int   // next row of page to hand out
	last any   // key of the last row handed out: int64, string, or nil
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
	r.last, r.end = nil, false
	switch key := ec[r.stateKey()].(type) {
	case nil:
	case int64, string:
		r.last = key
	default:
		return &core.Error{
			Kind: core.ErrCheckpointMismatch,
			Msg: fmt.Sprintf("context key %s holds a %T, want the key of the last row read, an integer or a text",
				core.Quote(r.stateKey()), key),
		}
	}
	return nil
}

func (r *Reader[T]) stateKey() string {
	if r.config.Prefix == "" {
		return "sqlitem.reader.key"
	}
	return r.config.Prefix + ".key"
}

func (r *Reader[T]) prepare(ctx context.Context) error {
	if err := checkIdentifier("key", r.config.Key); err != nil {
		return err
	}
	if r.config.PageSize < 0 {
		return fmt.Errorf("the page size is %d, want 1 or more", r.config.PageSize)
	}
	if r.config.PageSize == 0 {
		r.config.PageSize = DefaultPageSize
	}
	query := strings.TrimRight(strings.TrimSpace(r.config.Query), "; \t\r\n")
	if query == "" {
		return errors.New("the query is empty")
	}
	// The line break ends a comment on the query's last line.
	from := "SELECT * FROM (" + query + "\n) AS q"
	key := "q." + quote(r.config.Key) + " COLLATE BINARY"
	// One row more than the page shows whether its last key is unique, and
	// whether there is another page.
	order := " ORDER BY " + key + " LIMIT " + strconv.Itoa(r.config.PageSize+1)
	r.first = from + order
	r.next = from + " WHERE " + key + " > ?" + order
	return r.findKey(ctx, from+" LIMIT 0")
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
	if r.first == "" {
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
	query, args := r.first, r.config.Args
	if r.last != nil {
		query, args = r.next, append(slices.Clip(args), r.last)
	}
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

// Checkpoint stores the key of the last row handed out.
func (r *Reader[T]) Checkpoint(ec core.ExecutionContext) error {
	ec.Put(r.stateKey(), r.last)
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
