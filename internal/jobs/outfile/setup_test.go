package outfile_test

import (
	"compress/gzip"
	"context"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
	"github.com/batchctl/batchctl/internal/jobs/fixed"
	"github.com/batchctl/batchctl/internal/jobs/infile"
	"github.com/batchctl/batchctl/internal/jobs/jsonl"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// writer is what the target of a file makes.
type writer interface {
	core.ItemWriter[record.Record]
	core.ItemStream
	core.Reverter
	core.Finisher
	component.Framer
}

// format is a format with both of its directions.
type format struct {
	target component.Target
	source component.Source
	write  map[string]any
	read   map[string]any
	// charset is what texts are cut to; all can be written when it is empty.
	charset string
	// nulls reports whether null and an empty text are told apart.
	nulls bool
}

func pairs(texts ...string) []component.Pair {
	var out []component.Pair
	for i := 0; i < len(texts); i += 2 {
		out = append(out, component.Pair{Name: texts[i], Value: texts[i+1]})
	}
	return out
}

var types = pairs("s", "string", "l", "long", "f", "double", "d", "decimal", "day", "date", "at", "datetime", "ok", "bool")

func formats() map[string]format {
	typed := map[string]any{"types": types}
	places := pairs("s", "40", "l", "41-60", "f", "30", "d", "25", "day", "10", "at", "32", "ok", "5")
	padded := pairs("l", "0", "d", "*", "ok", "#")
	return map[string]format{
		"csv":   {target: csvfile.Target(), source: csvfile.Source(), read: typed},
		"jsonl": {target: jsonl.Target(), source: jsonl.Source(), read: typed},
		"fixed": {
			target: fixed.Target(), source: fixed.Source(),
			write: map[string]any{"columns": places, "pad": padded, "line-end": "crlf"},
			read:  map[string]any{"columns": places, "pad": padded, "types": types},
		},
	}
}

// shapes are formats with options that reader and writer share, by which the
// bytes of a file are others.
func shapes() map[string]format {
	shape := func(name, charset string, write, both map[string]any) format {
		f := formats()[name]
		f.charset = charset
		f.write, f.read = joined(f.write, write, both), joined(f.read, both)
		return f
	}
	nulls := shape("csv", "windows-1252", map[string]any{"quoting": "all"}, map[string]any{"encoding": "windows-1252", "compression": "gzip", "null": "0", "quote": "'"})
	nulls.nulls = true
	plain := shape("csv", "utf-16be", map[string]any{"byte-order-mark": true}, map[string]any{"encoding": "utf-16be", "delimiter": "\t", "null": "a"})
	plain.nulls = true
	return map[string]format{
		"csv in windows-1252, quoted, gzip": nulls,
		"csv in utf-16be":                   plain,
		"csv in gb18030":                    shape("csv", "gb18030", map[string]any{"line-end": "crlf"}, map[string]any{"encoding": "gb18030"}),
		"jsonl in shift_jis, zstd":          shape("jsonl", "", nil, map[string]any{"encoding": "shift_jis", "compression": "zstd"}),
		"jsonl in utf-16le":                 shape("jsonl", "", map[string]any{"byte-order-mark": true}, map[string]any{"encoding": "utf-16le"}),
		"fixed in windows-1252 by bytes":    shape("fixed", "windows-1252", nil, map[string]any{"encoding": "windows-1252", "unit": "bytes", "compression": "zstd"}),
		"fixed in utf-16le, gzip":           shape("fixed", "utf-16le", nil, map[string]any{"encoding": "utf-16le", "compression": "gzip"}),
	}
}

func joined(all ...map[string]any) map[string]any {
	out := map[string]any{}
	for _, m := range all {
		maps.Copy(out, m)
	}
	return out
}

// all are the formats and their shapes.
func all() map[string]format {
	both := formats()
	maps.Copy(both, shapes())
	return both
}

func schema(tb testing.TB) *record.Schema {
	tb.Helper()
	s, err := component.MakeSchema(nil, types, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// repository is one that a step of it can be named after.
type repository struct{ core.JobRepository }

func (repository) RepositoryID() string { return "r" }

func (repository) Zone() *time.Location { return time.UTC }

// scope is a step that an output can belong to.
func scope() *core.Scope {
	return &core.Scope{
		Run:  &core.Run{Repo: repository{}, Execution: &core.JobExecution{Instance: core.JobInstance{ID: 1, JobName: "job"}}},
		Step: &core.StepExecution{StepName: "write", Context: core.ExecutionContext{core.ContextKeyLineage: "a"}},
	}
}

// with returns given with the file.
func with(given map[string]any, path string) map[string]any {
	all := map[string]any{"file": path}
	maps.Copy(all, given)
	return all
}

func newWriter(tb testing.TB, f format, path string, more map[string]any) writer {
	tb.Helper()
	return newWriterOf(tb, nil, f, path, more)
}

func newWriterOf(tb testing.TB, s *core.Scope, f format, path string, more map[string]any) writer {
	tb.Helper()
	given := with(f.write, path)
	maps.Copy(given, more)
	v, err := component.NewValues(f.target.Spec, given)
	if err != nil {
		tb.Fatal(err)
	}
	if err := f.target.Check(v, schema(tb)); err != nil {
		tb.Fatal(err)
	}
	w, err := f.target.New(s, v, schema(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return w.(writer)
}

// parse makes a record of the texts of its values; "-" is null.
func parse(tb testing.TB, texts ...string) record.Record {
	tb.Helper()
	s := schema(tb)
	values := make([]record.Value, s.Len())
	for i, text := range texts {
		if text == "-" {
			continue
		}
		v, err := record.Parse(s.Column(i).Kind, text, nil)
		if err != nil {
			tb.Fatal(err)
		}
		values[i] = v
	}
	return record.New(s, values, core.Origin{File: "in", Line: 7})
}

func rows(tb testing.TB, n int) []record.Record {
	tb.Helper()
	var all []record.Record
	for i := range n {
		all = append(all, parse(tb, string(rune('a'+i))+` "x,é`, "-12", "1.5", "-0.10", "2021-01-31", "2021-01-31T01:02:03.5Z", "true"))
	}
	return all
}

func do(tb testing.TB, errs ...error) {
	tb.Helper()
	for _, err := range errs {
		if err != nil {
			tb.Fatal(err)
		}
	}
}

func content(tb testing.TB, path string) string {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		tb.Fatal(err)
	}
	return string(b)
}

// text is what a file holds, unpacked as any program would.
func text(tb testing.TB, path string) string {
	tb.Helper()
	data := content(tb, path)
	var in io.Reader = strings.NewReader(data)
	switch infile.PackedHint([]byte(data)) {
	case "gzip":
		r, err := gzip.NewReader(in)
		do(tb, err)
		in = r
	case "zstd":
		r, err := zstd.NewReader(in)
		do(tb, err)
		defer r.Close()
		in = r
	}
	out, err := io.ReadAll(in)
	do(tb, err)
	return string(out)
}

func target(tb testing.TB) string {
	tb.Helper()
	return filepath.Join(tb.TempDir(), "out.txt")
}

// chunk writes items as a chunk, and puts the state into ec.
func chunk(ctx context.Context, w writer, ec core.ExecutionContext, items []record.Record) error {
	if err := w.Mark(ctx); err != nil {
		return err
	}
	if err := w.Write(ctx, &core.Chunk[record.Record]{Items: items}); err != nil {
		return err
	}
	return w.Checkpoint(ec)
}
