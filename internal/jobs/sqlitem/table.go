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

// column is what SQLite says about one column of a table.
type column struct {
	name       string
	declared   string // type
	notNull    bool
	hasDefault bool
	key        int // place in the primary key, from 1; 0 if none
	hidden     int // 0 ordinary, 1 hidden, 2 and 3 generated
}

// table is what SQLite says about a table.
type table struct {
	name         string
	kind         string // table or virtual
	columns      []column
	withoutRowid bool
	// ignores reports whether the table may ignore a row without a word, as far
	// as its statements tell, and those of its triggers.
	ignores bool
}

// describe reads the table's description; an absent one is an error with the
// nearest name as its hint.
func describe(ctx context.Context, q Querier, name string) (*table, error) {
	const query = `
		SELECT
			name,
			type,
			wr
		FROM pragma_table_list
		WHERE schema = 'main'
			AND type IN ('table', 'view', 'virtual')`
	t := &table{}
	var names []string
	err := each(ctx, q, query, nil, func(rows *sql.Rows) error {
		var found, kind string
		var withoutRowid bool
		if err := rows.Scan(&found, &kind, &withoutRowid); err != nil {
			return err
		}
		if strings.EqualFold(found, name) && kind != "view" {
			t.name, t.kind, t.withoutRowid = found, kind, withoutRowid
		}
		own := strings.HasPrefix(found, "sqlite_") || strings.HasPrefix(found, "BATCH_") || strings.HasPrefix(found, "BATCHCTL_")
		if kind == "table" && !own {
			names = append(names, found)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if t.name == "" {
		slices.Sort(names)
		return nil, &core.Error{
			Msg:  fmt.Sprintf("the database has no table %s", core.Quote(name)),
			Hint: didYouMean(name, names),
		}
	}
	if t.columns, err = describeColumns(ctx, q, t.name); err != nil {
		return nil, err
	}
	t.ignores, err = mayIgnore(ctx, q, t.name)
	return t, err
}

// mayIgnore reports whether the word is anywhere in what made a table and its
// triggers: too often rather than not.
func mayIgnore(ctx context.Context, q Querier, name string) (found bool, err error) {
	const query = `
		SELECT 1
		FROM main.sqlite_schema
		WHERE tbl_name = ? COLLATE NOCASE
			AND type IN ('table', 'trigger')
			AND instr(upper(sql), 'IGNORE') > 0
		LIMIT 1`
	err = each(ctx, q, query, []any{name}, func(*sql.Rows) error {
		found = true
		return nil
	})
	return found, err
}

func describeColumns(ctx context.Context, q Querier, name string) ([]column, error) {
	const query = `
		SELECT
			name,
			type,
			"notnull",
			coalesce(upper(dflt_value), 'NULL') <> 'NULL',
			pk,
			hidden
		FROM pragma_table_xinfo(?)`
	var columns []column
	err := each(ctx, q, query, []any{name}, func(rows *sql.Rows) error {
		var c column
		err := rows.Scan(&c.name, &c.declared, &c.notNull, &c.hasDefault, &c.key, &c.hidden)
		columns = append(columns, c)
		return err
	})
	return columns, err
}

// each calls f for every row of a query.
func each(ctx context.Context, q Querier, query string, args []any, f func(*sql.Rows) error) (err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// check reports the first reason why rows of these columns cannot be inserted.
func (t *table) check(columns []string) error {
	for _, name := range columns {
		i := slices.IndexFunc(t.columns, func(c column) bool { return strings.EqualFold(c.name, name) })
		switch {
		case i < 0 || t.columns[i].hidden == 1:
			return &core.Error{
				Msg:  fmt.Sprintf("table %s has no column %s", core.Quote(t.name), core.Quote(name)),
				Hint: didYouMean(name, t.names()),
			}
		case t.columns[i].hidden != 0:
			return &core.Error{
				Msg:  fmt.Sprintf("column %s of table %s is generated", core.Quote(name), core.Quote(t.name)),
				Hint: "SQLite computes it; leave it out of the columns to write",
			}
		}
	}
	for _, c := range t.columns {
		written := slices.ContainsFunc(columns, func(name string) bool { return strings.EqualFold(c.name, name) })
		if !written && t.needs(c) {
			return &core.Error{
				Msg: fmt.Sprintf("column %s of table %s is NOT NULL without a default, and is not written",
					core.Quote(c.name), core.Quote(t.name)),
				Hint: "write it, or give it a default",
			}
		}
	}
	return nil
}

// needs reports whether an insert without c must fail.
func (t *table) needs(c column) bool {
	return c.notNull && !c.hasDefault && c.hidden == 0 && !t.isRowid(c)
}

// isRowid reports whether c stands for the rowid, which SQLite fills in.
func (t *table) isRowid(c column) bool {
	keys := 0
	for _, other := range t.columns {
		if other.key > 0 {
			keys++
		}
	}
	return c.key == 1 && keys == 1 && !t.withoutRowid && strings.EqualFold(c.declared, "INTEGER")
}

func (t *table) names() []string {
	var names []string
	for _, c := range t.columns {
		if c.hidden == 0 {
			names = append(names, c.name)
		}
	}
	return names
}
