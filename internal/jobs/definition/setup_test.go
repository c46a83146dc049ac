package definition_test

import (
	"testing"

	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/definition"
)

// catalog is what the tests may name: with every type of option.
func catalog() definition.Catalog {
	file := component.Option{Name: "file", Type: component.Path, Late: true, Required: true, Help: "The file."}
	resource := component.Option{Name: "resource", Type: component.Text, Default: "repository", Help: "The database."}
	csv := component.Spec{Name: "csv", Help: "Comma-separated values.", Options: []component.Option{
		file,
		{Name: "header", Type: component.Bool, Default: "true", Help: "Whether the first line names the columns."},
		{Name: "columns", Type: component.Names, Help: "The names of the columns."},
		{Name: "delimiter", Type: component.Char, Default: ",", Help: "What separates values."},
		{Name: "types", Type: component.Columns, Help: "Column to type."},
		{Name: "ragged", Type: component.Enum, Values: []string{"error", "pad"}, Default: "error", Help: "What a short line is."},
		{Name: "skip-lines", Type: component.Int, Max: 1000, Default: "0", Help: "Lines before the header."},
	}}
	jsonl := component.Spec{Name: "jsonl", Help: "JSON lines.", Options: []component.Option{
		file,
		{Name: "append", Type: component.Bool, Default: "false", Help: "Goes on behind what is there."},
		{Name: "types", Type: component.Columns, Help: "Path to type."},
	}}
	return definition.Catalog{
		Sources: []component.Source{{Spec: csv}, {Spec: jsonl}, {Spec: component.Spec{Name: "sql", Help: "A query.", Options: []component.Option{
			resource,
			{Name: "query", Type: component.Text, Required: true, Help: "A SELECT."},
			{Name: "params", Type: component.TextMap, Late: true, Help: "Values that are named as :name."},
			{Name: "key", Type: component.Text, Required: true, Help: "The unique column."},
			{Name: "types", Type: component.Columns, Help: "Column to type."},
			{Name: "wait", Type: component.Duration, Late: true, Default: "1s", Help: "How long a lock is waited for."},
		}}}},
		Targets: []component.Target{{Spec: csv}, {Spec: jsonl}, {Spec: component.Spec{Name: "sql", Help: "A table.", Options: []component.Option{
			resource,
			{Name: "table", Type: component.Text, Help: "The table."},
			{Name: "statement", Type: component.Text, Help: "A statement."},
			{Name: "mode", Type: component.Enum, Values: []string{"insert", "upsert"}, Default: "insert", Help: "How rows are written."},
			{Name: "key", Type: component.Names, Help: "The columns of the key."},
		}}}, {Spec: component.Spec{Name: "none", Help: "Writes nothing."}}},
	}
}

func parse(t *testing.T, text string) *definition.File {
	t.Helper()
	return definition.NewParser(catalog()).Parse("job.yaml", []byte(text))
}
