package csvfile

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/infile"
	"github.com/batchctl/batchctl/internal/jobs/outfile"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

const (
	optionNull = "null"
	quotingAll = "all"
)

var errNotText = errors.New("the text is not UTF-8 without NUL")

// Target returns the writer of CSV files that definitions name csv.
func Target() component.Target {
	return component.Target{
		Spec: component.Spec{
			Name: "csv", Help: "Records into a CSV file, quoted where that is needed.",
			Options: slices.Concat(outfile.FileOptions(), []component.Option{
				{Name: component.OptionColumns, Type: component.Names, Help: "The columns to write, in their order; all when it is absent."},
				{Name: "header", Type: component.Bool, Default: "true", Help: "Write the names of the columns first."},
				{Name: "delimiter", Type: component.Char, Default: ",", Help: "What separates fields."},
				{Name: "quote", Type: component.Char, Default: `"`, Help: "What quotes a field, and is doubled in it; empty: nothing does, and a value that would need it is a bad record."},
				{Name: "quoting", Type: component.Enum, Values: []string{"minimal", quotingAll}, Default: "minimal", Help: "minimal quotes what could not be read back otherwise, all every field but nulls."},
				{Name: optionNull, Type: component.Text, Help: "What stands, unquoted, for null; a text that is the same is quoted. Empty: null and an empty text are the same."},
				outfile.LineEndOption(),
				{Name: "formula-guard", Type: component.Bool, Default: "false", Help: "Put ' before texts that a spreadsheet would take for a formula; it changes data."},
			}),
			Example: "csv:\n  file: \"out/#{jobParameters['day']}.csv\"\n  columns: [id, name, amount]\n",
		},
		Check: func(v component.Values, schema *record.Schema) error {
			_, _, err := newTarget(nil, v, schema)
			return err
		},
		New: func(s *core.Scope, v component.Values, schema *record.Schema) (core.ItemWriter[record.Record], error) {
			t, cfg, err := newTarget(s, v, schema)
			if err != nil {
				return nil, err
			}
			return outfile.New(cfg, t.encode), nil
		},
	}
}

func newTarget(s *core.Scope, v component.Values, schema *record.Schema) (*target, outfile.Config, error) {
	cfg, err := outfile.FileConfig(s, v, "csv.out")
	if err != nil {
		return nil, cfg, err
	}
	cfg.CRLF = v.Text("line-end") == "crlf"
	t := &target{charset: cfg.Charset, guard: v.Bool("formula-guard")}
	if t.encoder, err = targetEncoder(v, cfg.Charset, cfg.CRLF); err != nil {
		return nil, cfg, err
	}
	if t.at, err = component.Pick(component.OptionColumns, v.List(component.OptionColumns), schema); err != nil {
		return nil, cfg, err
	}
	if !v.Bool("header") {
		return t, cfg, nil
	}
	names := make([]string, len(t.at))
	for i, k := range t.at {
		names[i] = schema.Column(k).Name
		if _, lacks, ok := t.coder.Measure(names[i]); !ok {
			return nil, cfg, component.Wrong("encoding", "the header has column %s, and %s", core.Quote(names[i]), outfile.Lacking(cfg.Charset, lacks))
		}
	}
	head := t.encoder
	head.null = "" // a name is never null
	if _, err = head.record(nil, names, false); err != nil {
		return nil, cfg, component.Wrong("quote", "header: %v", err)
	}
	cfg.Head = func() ([]byte, error) { return head.record(nil, names, false) }
	return t, cfg, nil
}

// targetEncoder reads the options of how fields stand in a line.
func targetEncoder(v component.Values, charset infile.Charset, crlf bool) (encoder, error) {
	e := encoder{
		crlf: crlf, all: v.Text("quoting") == quotingAll, null: v.Text(optionNull), coder: charset.NewEncoder(),
	}
	var err error
	if e.comma, err = oneByte(v, "delimiter"); err != nil {
		return e, err
	}
	if v.Text("quote") != "" {
		if e.quote, err = oneByte(v, "quote"); err != nil {
			return e, err
		}
	}
	probe := ReaderConfig{Comma: e.comma, Quote: e.quote, NoQuotes: e.quote == 0, Source: infile.Options{Charset: charset}}
	if err := probe.checkOptions("csv"); err != nil {
		return e, component.Wrong("delimiter", "%v", err)
	}
	if e.all && e.quote == 0 {
		return e, component.Wrong("quoting", "all fields are to be quoted, and quote is empty")
	}
	return e, e.checkNull(charset)
}

// checkNull refuses a null that reads as something else.
func (e *encoder) checkNull(charset infile.Charset) error {
	if e.null == "" {
		return nil
	}
	if !utf8.ValidString(e.null) || strings.ContainsAny(e.null, "\x00\ufeff") {
		return component.Wrong(optionNull, "%s is not text", core.Quote(e.null))
	}
	if _, lacks, ok := e.coder.Measure(e.null); !ok {
		return component.Wrong(optionNull, "%s cannot be it: %s", core.Quote(e.null), outfile.Lacking(charset, lacks))
	}
	plain := *e
	plain.null, plain.quote = "", 0
	if _, err := plain.field(nil, e.null, true, false); err != nil || e.quote != 0 && strings.IndexByte(e.null, e.quote) >= 0 {
		return component.Wrong(optionNull, "%s cannot be it: it would have to be quoted", core.Quote(e.null))
	}
	return nil
}

// target makes rows of records.
type target struct {
	encoder

	charset infile.Charset
	at      []int
	guard   bool
	text    []byte
}

func (t *target) encode(dst []byte, r *record.Record) (out []byte, err error) {
	for i, k := range t.at {
		v := r.Value(k)
		if i > 0 {
			dst = append(dst, t.comma)
		}
		if v.Kind() == record.Null && t.null != "" {
			dst = append(dst, t.null...)
			continue
		}
		if v.Kind() == record.Null && len(t.at) > 1 {
			continue
		}
		if v.Kind() == record.String {
			dst, err = t.string(dst, r, k, i == 0)
		} else {
			dst, err = t.plain(dst, v, i == 0)
		}
		if err != nil {
			return dst, core.Classified(core.ClassWriteData, r.Error(r.Schema().Column(k).Name, v, err.Error()))
		}
	}
	return t.end(dst), nil
}

// string appends column k, which is a text.
func (t *target) string(dst []byte, r *record.Record, k int, first bool) ([]byte, error) {
	text := r.Value(k).Str()
	if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
		return dst, errNotText
	}
	if t.coder != nil {
		if _, lacks, ok := t.coder.Measure(text); !ok {
			return dst, errors.New(outfile.Lacking(t.charset, lacks))
		}
	}
	if t.guard && isFormula(text) {
		text = "'" + text
	}
	return t.field(dst, text, first, len(t.at) == 1)
}

// plain appends a value whose text is ASCII without quotes and line ends.
func (t *target) plain(dst []byte, v record.Value, first bool) ([]byte, error) {
	t.text = v.AppendText(t.text[:0])
	if len(t.text) > 0 && !t.all && t.null == "" && bytes.IndexByte(t.text, t.comma) < 0 && bytes.IndexByte(t.text, t.quote) < 0 {
		return append(dst, t.text...), nil
	}
	return t.field(dst, string(t.text), first, len(t.at) == 1)
}
