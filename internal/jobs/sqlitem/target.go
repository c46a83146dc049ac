package sqlitem

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/record"
	"github.com/batchctl/batchctl/internal/jobs/sqlstep"
)

// Modes of a target with a table.
const (
	modeInsert = "insert"
	modeUpsert = "upsert"
)

// Target returns the writer to databases that definitions name sql.
func Target() component.Target {
	return component.Target{
		Spec: component.Spec{
			Name: "sql", Help: "Records into a table, or through a statement for each; rows and position commit together.",
			Options: []component.Option{
				resourceOption(),
				{Name: "table", Type: component.Text, Help: "The table to write to; either this or statement."},
				{Name: component.OptionColumns, Type: component.Names, Help: "The columns to write; all of the record when it is absent. A decimal of more than 15 digits needs a column declared TEXT: SQLite would round it in any other, and that is a bad record."},
				{Name: "mode", Type: component.Enum, Values: []string{modeInsert, modeUpsert}, Default: modeInsert, Help: "upsert replaces the other columns of a row whose key is there."},
				{Name: optionKey, Type: component.Names, Help: "The columns that are unique together, for upsert."},
				{Name: "statement", Type: component.Text, Help: "One INSERT, REPLACE, UPDATE or DELETE; :name stands for the column of that name."},
				{Name: "must-change", Type: component.Bool, Default: "true", Help: "A statement that changes no row makes a bad record."},
			},
			Example: "sql:\n  resource: ledger\n  table: settlement\n  mode: upsert\n  key: [id]\n",
		},
		Check: func(v component.Values, schema *record.Schema) error {
			_, _, err := targetConfig(v, schema)
			return err
		},
		New: func(s *core.Scope, v component.Values, schema *record.Schema) (core.ItemWriter[record.Record], error) {
			cfg, at, err := targetConfig(v, schema)
			if err != nil {
				return nil, err
			}
			values := func(r *record.Record, dst []any) []any {
				for _, k := range at {
					dst = append(dst, Bindable(r.Value(k)))
				}
				return dst
			}
			if cfg.Statement != "" {
				values = func(r *record.Record, dst []any) []any {
					for i, k := range at {
						dst = append(dst, sql.Named(cfg.Columns[i], Bindable(r.Value(k))))
					}
					return dst
				}
			}
			db, q, err := database(s, v.Text(component.OptionResource))
			if err != nil {
				return nil, err
			}
			if db == nil {
				cfg.Querier = q
				return NewWriter(cfg, values), nil
			}
			return &target{Sink: NewSink(db, cfg, values), db: db}, nil
		},
	}
}

// target is a sink that closes the database which it has opened.
type target struct {
	*Sink[record.Record]

	db core.Database
}

var (
	_ core.Sink       = (*target)(nil)
	_ core.Reverter   = (*target)(nil)
	_ core.ItemStream = (*target)(nil)
)

// Close implements core.ItemStream.
func (t *target) Close() error { return closeBoth(t.Sink.Close, t.db) }

// Join is the sink's, but closes the database.
func (t *target) Join(first core.Sink) (core.ItemWriter[record.Record], bool) {
	w, ok := t.Sink.Join(first)
	if !ok {
		return nil, false
	}
	return &joined{guest: w.(*guest[record.Record]), db: t.db}, true //nolint:errcheck,forcetypeassert // what it returns
}

// joined is a guest that closes the database which it has opened.
type joined struct {
	*guest[record.Record]

	db core.Database
}

var _ core.ItemStream = (*joined)(nil)

// Close implements core.ItemStream.
func (j *joined) Close() error { return closeBoth(j.guest.Close, j.db) }

// targetConfig returns what is written, and where in a record the values are.
func targetConfig(v component.Values, schema *record.Schema) (cfg WriterConfig, at []int, err error) {
	statement, table := v.Text("statement"), v.Text("table")
	switch {
	case statement == "" && table == "":
		return cfg, nil, component.Wrong("table", "neither a table nor a statement is given")
	case statement != "" && table != "":
		return cfg, nil, component.Wrong("statement", "there is a table already")
	case statement != "":
		return statementConfig(v, statement, schema)
	}
	if err := checkName("table", table); err != nil {
		return cfg, nil, component.Wrong("table", "%v", err)
	}
	if upper := strings.ToUpper(table); strings.HasPrefix(upper, "BATCH_") || strings.HasPrefix(upper, "BATCHCTL_") {
		return cfg, nil, component.Wrong("table", "%s belongs to batchctl", upper)
	}
	if at, err = component.Pick(component.OptionColumns, v.List(component.OptionColumns), schema); err != nil {
		return cfg, nil, err
	}
	cfg.Table = table
	for _, k := range at {
		name := schema.Column(k).Name
		if err := checkName("column", name); err != nil {
			return cfg, nil, component.Wrong(component.OptionColumns, "%v", err)
		}
		cfg.Columns = append(cfg.Columns, name)
	}
	key := v.List(optionKey)
	switch upsert := v.Text("mode") == modeUpsert; {
	case upsert && len(key) == 0:
		return cfg, nil, component.Wrong(optionKey, "upsert needs the columns that are unique together")
	case !upsert && len(key) > 0:
		return cfg, nil, component.Wrong(optionKey, "only upsert has a key")
	}
	for _, name := range key {
		if !slices.Contains(cfg.Columns, name) {
			return cfg, nil, &component.OptionError{
				Option: optionKey, Msg: "column " + core.Quote(name) + " is not written", Hint: didYouMean(name, cfg.Columns),
			}
		}
	}
	cfg.Key = key
	return cfg, at, nil
}

func statementConfig(v component.Values, statement string, schema *record.Schema) (cfg WriterConfig, at []int, err error) {
	cfg = WriterConfig{Statement: statement, MustChange: v.Bool("must-change")}
	if cfg.Columns, err = sqlstep.ChangeParameters(statement); err != nil {
		return cfg, nil, component.Wrong("statement", "%v", err)
	}
	for _, o := range [...]string{component.OptionColumns, optionKey} {
		if len(v.List(o)) > 0 {
			return cfg, nil, component.Wrong(o, "a statement names its columns itself")
		}
	}
	if len(cfg.Columns) == 0 {
		return cfg, nil, component.Wrong("statement", "it uses no column of the record, such as :%s", schema.Names()[0])
	}
	at, err = component.Pick("statement", cfg.Columns, schema)
	return cfg, at, err
}

// None returns the writer that writes nothing, which definitions name none.
func None() component.Target {
	return component.Target{
		Spec:  component.Spec{Name: "none", Help: "Nothing is written; the records are counted.", Example: "none: {}\n"},
		Check: func(component.Values, *record.Schema) error { return nil },
		New: func(*core.Scope, component.Values, *record.Schema) (core.ItemWriter[record.Record], error) {
			return none{}, nil
		},
	}
}

type none struct{}

// Write implements core.ItemWriter.
func (none) Write(context.Context, *core.Chunk[record.Record]) error { return nil }
