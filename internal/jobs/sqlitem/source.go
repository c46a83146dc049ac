package sqlitem

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/record"
	"github.com/batchctl/batchctl/internal/jobs/sqlstep"
)

const (
	optionQuery  = "query"
	optionParams = "params"
	optionKey    = "key"
)

// ParamsHelp says how a value that is bound to a statement gets its type.
const ParamsHelp = "bound and never spliced. A reference alone has the type of what it refers to, a number, true, false and null without quotes their own, anything else is a text; value(long), (double), (bool), (string) and (null) say the type."

func resourceOption() component.Option {
	return component.Option{
		Name: component.OptionResource, Type: component.Text, Default: component.ResourceRepository,
		Help: "A declared database, whose file has to be there, or repository.",
	}
}

// Source returns the reader of queries that definitions name sql.
func Source() component.Source {
	return component.Source{
		Spec: component.Spec{
			Name: "sql", Help: "The rows of a query, page by page in the order of a unique key.",
			Options: []component.Option{
				resourceOption(),
				{Name: optionQuery, Type: component.Text, Required: true, Help: "One SELECT without ORDER BY and LIMIT; :name stands for a value of params."},
				{Name: optionParams, Type: component.TextMap, Late: true, Help: "The values of the query, " + ParamsHelp},
				{Name: optionKey, Type: component.Text, Required: true, Help: "A column of the query that is unique and never null, an integer or a text: the position of a restart. Two columns are made one as a || '/' || b AS id. Rows behind the highest key of the first attempt are not read."},
				{Name: component.OptionColumns, Type: component.Names, Help: "The columns to read, in the order of the record; those of types when it is absent. One of the two is required."},
				{Name: component.OptionTypes, Type: component.Columns, Help: "The types of columns: string, long, double, decimal, decimal(12,2), date, datetime, bool. string where none is given."},
				{Name: component.OptionRequired, Type: component.Names, Help: "Columns that must not be null."},
				{Name: "page", Type: component.Int, Default: "1000", Min: 1, Max: 100_000, Help: "How many rows are held at once."},
			},
			Example: "sql:\n  resource: ledger\n  query: \"SELECT id, account, amount FROM trade WHERE trade_date = :day\"\n  params: {day: \"#{jobParameters['day']}\"}\n  key: id\n  types: {id: long, account: string, amount: decimal}\n",
		},
		Schema: func(v component.Values) (*record.Schema, error) {
			schema, err := component.MakeSchema(v.List(component.OptionColumns), v.Pairs(component.OptionTypes), v.List(component.OptionRequired))
			return schema, errors.Join(checkQuery(v), err)
		},
		New: newSource,
	}
}

// checkQuery checks the query, its parameters and its key. The error joins all that
// is wrong.
func checkQuery(v component.Values) error {
	var wrong []error
	if err := checkName("key", v.Text(optionKey)); err != nil {
		wrong = append(wrong, component.Wrong(optionKey, "%v", err))
	}
	wanted, err := sqlstep.QueryParameters(v.Text(optionQuery))
	if err != nil {
		wrong = append(wrong, component.Wrong(optionQuery, "%v", err))
		if wanted == nil { // it could not be read
			return errors.Join(wrong...)
		}
	}
	var given []string
	for _, p := range v.Pairs(optionParams) {
		given = append(given, p.Name)
		if !slices.Contains(wanted, p.Name) {
			wrong = append(wrong, &component.OptionError{
				Option: optionParams, Entry: p.Name, Msg: "the query does not use :" + core.EscapeControl(p.Name), Hint: didYouMean(p.Name, wanted),
			})
		}
	}
	for _, name := range wanted {
		if !slices.Contains(given, name) {
			wrong = append(wrong, &component.OptionError{Option: optionParams, Msg: "there is no value for :" + name, Hint: didYouMean(name, given)})
		}
	}
	return errors.Join(wrong...)
}

func newSource(s *core.Scope, v component.Values, schema *record.Schema) (core.ItemReader[record.Record], error) {
	if err := checkQuery(v); err != nil {
		return nil, err
	}
	var args []any
	for _, p := range v.Pairs(optionParams) {
		value, err := Parameter(p.Value)
		if err != nil {
			return nil, component.Wrong(optionParams, ":%s: %v", p.Name, err)
		}
		args = append(args, sql.Named(p.Name, value))
	}
	key := v.Text(optionKey)
	cfg := ReaderConfig{
		Query: wrapped(v.Text(optionQuery), key, schema), Args: args, Key: key, PageSize: int(v.Int("page")), Prefix: "sql.in",
	}
	db, q, err := database(s, v.Text(component.OptionResource))
	if err != nil {
		return nil, err
	}
	return &source{
		Reader: NewReader(q, cfg, scanner(schema, key, s.Repo.Zone())), db: db,
		query: v.Text(optionQuery), columns: append([]string{key}, schema.Names()...),
	}, nil
}

// source is a reader that closes the database which it has opened.
type source struct {
	*Reader[record.Record]

	db      core.Database // nil for the repository's own
	query   string        // as it was given
	columns []string      // that it must have
}

// Open implements core.ItemStream. A column that the query lacks is told by its
// name and the nearest that there is, before anything is read.
func (s *source) Open(ctx context.Context, ec core.ExecutionContext) error {
	if err := s.check(ctx); err != nil {
		return fmt.Errorf("open the query: %w", err)
	}
	return s.Reader.Open(ctx, ec)
}

func (s *source) check(ctx context.Context) (err error) {
	rows, err := s.querier.QueryContext(ctx, "SELECT * FROM ("+trimmed(s.query)+"\n) LIMIT 0", s.config.Args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	found, err := rows.Columns()
	if err != nil {
		return err
	}
	for _, name := range s.columns {
		if !slices.ContainsFunc(found, func(c string) bool { return strings.EqualFold(c, name) }) {
			return &core.Error{Msg: "the query has no column " + core.Quote(name), Hint: didYouMean(name, found)}
		}
	}
	return rows.Err()
}

// trimmed is a query without what may stand at its end.
func trimmed(query string) string { return strings.TrimRight(strings.TrimSpace(query), "; \t\r\n") }

// Close implements core.ItemStream.
func (s *source) Close() error { return closeBoth(s.Reader.Close, s.db) }

// database returns the database of a resource, which is opened at its first use
// and has to be there then; db is nil for the repository's own.
func database(s *core.Scope, resource string) (db core.Database, q Querier, err error) {
	if resource == "" || resource == component.ResourceRepository {
		q, ok := s.Repo.(Querier)
		if !ok {
			return nil, nil, fmt.Errorf("a repository of type %T speaks no SQL", s.Repo)
		}
		return nil, q, nil
	}
	db = OpenExisting(s.Databases, resource)
	return db, db, nil
}

// Parameter reads the value of a parameter: a text, unless a type stands behind
// it in brackets, as HasType says.
func Parameter(text string) (any, error) {
	plain, kind, ok := cutType(text)
	switch {
	case !ok:
		return text, nil
	case kind == record.Null && plain == "":
		return nil, nil
	case kind == record.Null:
		return nil, fmt.Errorf("%s: nothing stands before (null)", core.Quote(plain))
	}
	v, err := record.Parse(kind, plain, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", core.Quote(plain), err)
	}
	return Bindable(v), nil
}

// HasType reports whether one of (long), (double), (bool), (string) and (null)
// stands behind text.
func HasType(text string) bool {
	_, _, ok := cutType(text)
	return ok
}

func cutType(text string) (plain string, kind record.Kind, ok bool) {
	i := strings.LastIndexByte(text, '(')
	if i < 0 {
		return text, record.Null, false
	}
	switch text[i:] {
	case "(long)":
		kind = record.Long
	case "(double)":
		kind = record.Double
	case "(bool)":
		kind = record.Bool
	case "(string)":
		kind = record.String
	case "(null)":
		kind = record.Null
	default:
		return text, record.Null, false
	}
	return text[:i], kind, true
}

// wrapped selects the columns of a query by their names, the key first. The plus
// keeps the driver from guessing at declared types.
func wrapped(query, key string, schema *record.Schema) string {
	columns := []string{"r." + quote(key) + " AS " + quote(key)}
	for _, name := range schema.Names() {
		if !strings.EqualFold(name, key) {
			columns = append(columns, "+r."+quote(name)+" AS "+quote(name))
		}
	}
	return "SELECT " + strings.Join(columns, ", ") + " FROM (" + trimmed(query) + "\n) AS r"
}

// scanner returns what makes records of the rows of a wrapped query.
func scanner(schema *record.Schema, key string, zone *time.Location) func(*sql.Rows, *record.Record) error {
	columns := schema.Columns()
	cells := make([]any, 1, len(columns)+1)
	at := make([]int, len(columns)) // of each column in the row
	for i := range columns {
		if !strings.EqualFold(columns[i].Name, key) {
			at[i] = len(cells)
			cells = append(cells, nil)
		}
	}
	targets := make([]any, len(cells))
	for i := range cells {
		targets[i] = &cells[i]
	}
	var room record.Allocator
	return func(rows *sql.Rows, item *record.Record) error {
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		values := room.Values(len(columns))
		for i := range columns {
			v, err := valueOf(&columns[i], cells[at[i]], zone)
			if err != nil {
				return fmt.Errorf("%s: %w", columns[i].Name, err)
			}
			values[i] = v
		}
		*item = record.New(schema, values, core.Origin{Key: keyOf(cells[0])})
		return nil
	}
}

func keyOf(cell any) string {
	if b, ok := cell.([]byte); ok {
		return string(b)
	}
	return fmt.Sprint(cell)
}

// valueOf returns what a database holds as a value of a column. Nothing is
// rounded: a number with a point counts as exact with the digits that read back
// as it, if they are no more than the 15 that the database keeps.
func valueOf(c *record.Column, cell any, zone *time.Location) (record.Value, error) {
	wrong := func() (record.Value, error) {
		return record.Value{}, fmt.Errorf("%s is a %s, want a %s", core.Quote(fmt.Sprint(cell)), kindOfCell(cell), c.Kind)
	}
	text := ""
	switch cell := cell.(type) {
	case nil:
		if c.Required {
			return record.Value{}, fmt.Errorf("a value is required")
		}
		return record.Value{}, nil
	case string:
		text = cell
	case []byte:
		if text = string(cell); !utf8.ValidString(text) {
			return wrong()
		}
	case bool:
		if c.Kind != record.Bool {
			return wrong()
		}
		return record.OfBool(cell), nil
	case int64:
		switch c.Kind {
		case record.Long:
			return record.OfLong(cell), nil
		case record.Bool:
			if cell != 0 && cell != 1 {
				return wrong()
			}
			return record.OfBool(cell == 1), nil
		case record.String, record.Decimal, record.Double:
			text = strconv.FormatInt(cell, 10)
		case record.Null, record.Date, record.DateTime:
			return wrong()
		}
	case float64:
		switch c.Kind {
		case record.Double:
			if v, ok := record.OfDouble(cell); ok {
				return v, nil
			}
			return wrong()
		case record.Decimal:
			const kept = 15
			if text = strconv.FormatFloat(cell, 'f', -1, 64); significant(text) > kept || math.IsInf(cell, 0) {
				return record.Value{}, fmt.Errorf("%s is a REAL of more than %d digits, which is not exact: keep amounts as integers or texts", text, kept)
			}
		case record.Null, record.String, record.Long, record.Date, record.DateTime, record.Bool:
			return wrong()
		}
	default:
		return wrong()
	}
	v, err := record.ParseIn(c, text, zone)
	if err != nil {
		return v, fmt.Errorf("%s: %w", core.Quote(text), err)
	}
	return v, nil
}

// significant counts the digits of a number from the first that is not zero.
func significant(text string) int {
	digits := strings.TrimLeft(strings.ReplaceAll(strings.TrimPrefix(text, "-"), ".", ""), "0")
	if !strings.Contains(text, ".") {
		digits = strings.TrimRight(digits, "0")
	}
	return len(digits)
}

func kindOfCell(cell any) string {
	switch cell.(type) {
	case int64:
		return "whole number"
	case float64:
		return "REAL"
	case []byte:
		return "BLOB"
	}
	return fmt.Sprintf("%T", cell)
}

// Bindable returns a value as it is bound: a decimal, a date and a datetime as
// text.
func Bindable(v record.Value) any {
	switch v.Kind() {
	case record.Null:
		return nil
	case record.Long:
		return v.Long()
	case record.Double:
		return v.Double()
	case record.Bool:
		if v.Bool() {
			return int64(1)
		}
		return int64(0)
	case record.String, record.Decimal, record.Date, record.DateTime:
	}
	return v.Text()
}

// closeBoth closes a stream, and the database if there is one.
func closeBoth(stream func() error, db core.Database) error {
	err := stream()
	if db == nil {
		return err
	}
	if closed := db.Close(); err == nil {
		err = closed
	}
	return err
}
