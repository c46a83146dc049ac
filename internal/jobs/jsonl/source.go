package jsonl

import (
	"errors"
	"slices"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/infile"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

const readerName = "jsonl.in"

// Source returns the reader of JSON Lines that definitions name jsonl.
func Source() component.Source {
	return component.Source{
		Spec: component.Spec{
			Name: "jsonl", Help: "Records of a file of JSON Lines: one object a line.",
			Options: slices.Concat(infile.FileOptions(), []component.Option{
				{Name: component.OptionColumns, Type: component.Names, Help: "The columns to read, in the order of the record; those of types when it is absent. One of the two is required."},
				{Name: component.OptionTypes, Type: component.Columns, Help: "The types of columns: string, long, double, decimal, decimal(12,2), date, datetime, bool. string where none is given."},
				{Name: component.OptionRequired, Type: component.Names, Help: "Columns that must be there, and neither null nor empty."},
				{Name: "paths", Type: component.TextMap, Help: "Where columns stand that are not members of the same name, for example city: address.city, first: lines[0].sku."},
				{Name: "allow-unmatched", Type: component.Bool, Default: "false", Help: "Take an object that has none of the columns for a record of nulls; otherwise it is a bad record."},
			}),
			Example: "jsonl:\n  file: in.jsonl\n  types: {id: long, sku: string, price: decimal}\n  paths: {price: \"offer.prices[0]\"}\n",
		},
		Schema: func(v component.Values) (*record.Schema, error) {
			_, wrong := infile.CheckFiles(v)
			schema, err := component.MakeSchema(v.List(component.OptionColumns), v.Pairs(component.OptionTypes), v.List(component.OptionRequired))
			if err != nil {
				return nil, errors.Join(wrong, err)
			}
			_, err = places(v, schema)
			return schema, errors.Join(wrong, err)
		},
		New: newSource,
	}
}

func newSource(s *core.Scope, v component.Values, schema *record.Schema) (core.ItemReader[record.Record], error) {
	opts, err := infile.CheckFiles(v)
	if err != nil {
		return nil, err
	}
	root, err := places(v, schema)
	if err != nil {
		return nil, err
	}
	zone := time.UTC
	if s != nil && s.Run != nil && s.Repo != nil {
		zone = s.Repo.Zone()
	}
	return infile.OpenFiles(v, opts, readerName, func(path string) infile.Reader[record.Record] {
		p := &parser{schema: schema, columns: schema.Columns(), root: root, zone: zone, charset: opts.Charset, unmatched: v.Bool("allow-unmatched")}
		return infile.NewLineReader(infile.LinesConfig{
			Path: path, Options: opts, MaxRecord: int(v.Int("max-record")), SkipLines: int(v.Int("skip-lines")),
			Comment: v.Text("comment"), AllowMissing: v.Bool("allow-missing"), Name: readerName,
		}, p.parse)
	}), nil
}

// places returns where the columns stand.
func places(v component.Values, schema *record.Schema) (*node, error) {
	paths := map[string]string{}
	for _, p := range v.Pairs("paths") {
		if _, err := component.Pick("paths", []string{p.Name}, schema); err != nil {
			return nil, err
		}
		paths[p.Name] = p.Value
	}
	root := newNode()
	for i, name := range schema.Names() {
		path, ok := paths[name]
		if !ok { // the name is that of a member, whatever is in it
			if root.members == nil {
				root.members = map[string]*node{}
			}
			if root.members[name] != nil {
				return nil, component.Wrong("paths", "a path goes through the column %s", core.Quote(name))
			}
			root.members[name] = &node{column: i}
			continue
		}
		if err := root.add(path, i); err != nil {
			return nil, component.Wrong("paths", "column %s: %v", core.Quote(name), err)
		}
	}
	return root, nil
}
