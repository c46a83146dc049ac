package csvfile

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/infile"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// ragged are the policies by the names that a definition gives them.
var ragged = map[string]Ragged{"error": 0, "pad": PadShort, "cut": CutLong, "both": PadShort | CutLong}

// Source returns the reader of CSV files that definitions name csv.
func Source() component.Source {
	return component.Source{Spec: sourceSpec(), Schema: func(v component.Values) (*record.Schema, error) {
		_, err := sourceConfig(v)
		if !v.Bool("header") && len(v.List(component.OptionColumns)) == 0 {
			wrong := component.Wrong(component.OptionColumns, "a file without a header needs the names of all its fields, in their order")
			return nil, errors.Join(err, wrong)
		}
		schema, wrong := component.MakeSchema(v.List(component.OptionColumns), v.Pairs(component.OptionTypes), v.List(component.OptionRequired))
		return schema, errors.Join(err, wrong)
	}, New: newSource}
}

func sourceSpec() component.Spec {
	return component.Spec{
		Name: "csv", Help: "Records of a CSV file.",
		Options: slices.Concat(infile.FileOptions(), []component.Option{
			{Name: "header", Type: component.Bool, Default: "true", Help: "The first line has the names of the columns; false: columns names all of them, in order."},
			{Name: component.OptionColumns, Type: component.Names, Help: "The columns to read, in the order of the record; those of types when it is absent. One of the two is required."},
			{Name: component.OptionTypes, Type: component.Columns, Help: "The types of columns: string, long, double, decimal, decimal(12,2), date, datetime, bool. string where none is given."},
			{Name: component.OptionRequired, Type: component.Names, Help: "Columns that must not be empty."},
			{Name: "delimiter", Type: component.Char, Default: ",", Help: "What separates fields."},
			{Name: "quote", Type: component.Char, Default: `"`, Help: "What quotes a field; empty: nothing does."},
			{Name: "multiline", Type: component.Bool, Default: "true", Help: "Fields in quotes may hold line ends; false: a quote that is open at the end of its line is a bad record of that line alone."},
			{Name: optionNull, Type: component.Text, Help: "What stands for null where it is not quoted. An empty field is null too, unless its column is a string."},
			{Name: "ragged", Type: component.Enum, Values: []string{"error", "pad", "cut", "both"}, Default: "error", Help: "A record that is too short or too long: error refuses it, pad fills up short ones, cut cuts long ones, both does both."},
			{Name: "strict-columns", Type: component.Bool, Default: "false", Help: "Refuse a file with columns that are not declared."},
			{Name: "allow-empty", Type: component.Bool, Default: "false", Help: "Take a file of 0 bytes for one without records."},
			{Name: "max-field", Type: component.Int, Default: "1048576", Min: 1, Max: 1 << 30, Help: "The most bytes of a field."},
		}),
		Example: "csv:\n  file: \"#{jobParameters['file']}\"\n  delimiter: \";\"\n  types: {id: long, name: string, amount: \"decimal(12,2)\", day: date}\n",
	}
}

// sourceConfig is what can be said before the names of files and the columns are
// known.
func sourceConfig(v component.Values) (ReaderConfig, error) {
	opts, wrong := infile.CheckFiles(v)
	if wrong != nil { // what else there is to say goes for the usual one
		opts.Charset, _ = infile.FindCharset("utf-8")
	}
	cfg := ReaderConfig{
		StrictColumns: v.Bool("strict-columns"), AllowEmpty: v.Bool("allow-empty"), AllowMissing: v.Bool("allow-missing"),
		MaxRecord: int(v.Int("max-record")), MaxField: int(v.Int("max-field")), Name: "csv.in",
		NoHeader: !v.Bool("header"), SkipLines: int(v.Int("skip-lines")), Comment: v.Text("comment"),
		Ragged: ragged[v.Text("ragged")], Source: opts, NoQuotes: v.Text("quote") == "", OneLine: !v.Bool("multiline"),
	}
	var badComma, badQuote error
	cfg.Comma, badComma = oneByte(v, "delimiter")
	cfg.Quote = '"'
	if !cfg.NoQuotes {
		cfg.Quote, badQuote = oneByte(v, "quote")
	}
	if badComma != nil || badQuote != nil {
		return cfg, errors.Join(wrong, badComma, badQuote)
	}
	probe := cfg
	probe.NoHeader = false // of its columns Schema says more
	if err := probe.checkOptions("csv"); err != nil {
		option := "delimiter"
		if !cfg.NoQuotes && cfg.Comma != '"' && (cfg.Quote == cfg.Comma || !cfg.Source.Charset.Splits(cfg.Quote)) {
			option = "quote"
		}
		if strings.HasSuffix(err.Error(), "begin a comment") {
			option = "comment"
		}
		return cfg, errors.Join(wrong, component.Wrong(option, "%v", err))
	}
	return cfg, wrong
}

// oneByte returns the byte of an option that is one character.
func oneByte(v component.Values, option string) (byte, error) {
	text := v.Text(option)
	if len(text) != 1 || text[0] == 0 {
		return 0, component.Wrong(option, "%s cannot be it: want one ASCII character", core.Quote(text))
	}
	return text[0], nil
}

func newSource(s *core.Scope, v component.Values, schema *record.Schema) (core.ItemReader[record.Record], error) {
	cfg, err := sourceConfig(v)
	if err != nil {
		return nil, err
	}
	for _, c := range schema.Columns() {
		cfg.Columns = append(cfg.Columns, Column{Name: c.Name, Required: c.Required})
	}
	zone := time.UTC
	if s != nil && s.Run != nil && s.Repo != nil {
		zone = s.Repo.Zone()
	}
	return infile.OpenFiles(v, cfg.Source, cfg.Name, func(path string) infile.Reader[record.Record] {
		one := cfg
		one.Path = path
		return NewReader(one, records(schema, zone, v.Text(optionNull)))
	}), nil
}

// records returns what makes records of rows. null, when there is one, is what
// stands for null.
func records(schema *record.Schema, zone *time.Location, null string) func(row *Row, item *record.Record) error {
	columns := schema.Columns()
	var room record.Allocator
	return func(row *Row, item *record.Record) error {
		values := room.Values(len(columns))
		for i := range columns {
			if null != "" && string(row.Bytes(i)) == null && !row.Quoted(i) {
				if columns[i].Required {
					return row.Error(i, "a value is required, and this stands for null")
				}
				continue
			}
			if columns[i].Kind == record.String {
				values[i] = record.OfString(row.String(i))
				continue
			}
			v, err := record.ParseIn(&columns[i], row.Bytes(i), zone)
			if err != nil {
				return row.Error(i, err.Error())
			}
			values[i] = v
		}
		*item = record.New(schema, values, row.Origin())
		return nil
	}
}
