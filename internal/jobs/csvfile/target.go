package csvfile

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/outfile"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// Target returns the writer of CSV files that definitions name csv.
func Target() component.Target {
	return component.Target{
		Spec: component.Spec{
			Name: "csv", Help: "Records into a CSV file, quoted where that is needed.",
			Options: slices.Concat(outfile.FileOptions(), []component.Option{
				{Name: component.OptionColumns, Type: component.Names, Help: "The columns to write, in their order; all when it is absent."},
				{Name: "header", Type: component.Bool, Default: "true", Help: "Write the names of the columns first."},
				{Name: "delimiter", Type: component.Char, Default: ",", Help: "What separates fields."},
				outfile.LineEndOption(),
				{Name: "formula-guard", Type: component.Bool, Default: "false", Help: "Put ' before texts that a spreadsheet would take for a formula; it changes data."},
			}),
			Example: "csv:\n  file: \"out/#{jobParameters['day']}.csv\"\n  columns: [id, name, amount]\n",
		},
		Check: func(v component.Values, schema *record.Schema) error {
			_, _, err := targetEncoder(v, schema)
			return err
		},
		New: func(s *core.Scope, v component.Values, schema *record.Schema) (core.ItemWriter[record.Record], error) {
			enc, at, err := targetEncoder(v, schema)
			if err != nil {
				return nil, err
			}
			cfg := outfile.FileConfig(s, v, "csv.out")
			if v.Bool("header") {
				names := make([]string, len(at))
				for i, k := range at {
					names[i] = schema.Column(k).Name
				}
				cfg.Head = func() ([]byte, error) { return enc.record(nil, names, false) }
			}
			t := &target{encoder: enc, at: at, guard: v.Bool("formula-guard")}
			return outfile.New(cfg, t.encode), nil
		},
	}
}

func targetEncoder(v component.Values, schema *record.Schema) (encoder, []int, error) {
	comma, err := oneByte(v, "delimiter")
	if err == nil && !validComma(comma) {
		err = component.Wrong("delimiter", "%s cannot be the delimiter", quoteByte(comma))
	}
	if err != nil {
		return encoder{}, nil, err
	}
	at, err := component.Pick(component.OptionColumns, v.List(component.OptionColumns), schema)
	return encoder{comma: comma, crlf: v.Text("line-end") == "crlf"}, at, err
}

// target makes rows of records.
type target struct {
	encoder

	at    []int
	guard bool
	text  []byte
}

func (t *target) encode(dst []byte, r *record.Record) ([]byte, error) {
	for i, k := range t.at {
		v := r.Value(k)
		if i > 0 {
			dst = append(dst, t.comma)
		}
		if v.Kind() == record.String {
			text := v.Str()
			if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
				return dst, core.Classified(core.ClassWriteData, r.Error(r.Schema().Column(k).Name, v, "the text is not UTF-8 without NUL"))
			}
			if t.guard && isFormula(text) {
				text = "'" + text
			}
			dst = t.field(dst, text, i == 0, len(t.at) == 1)
			continue
		}
		t.text = v.AppendText(t.text[:0])
		if len(t.text) > 0 && bytes.IndexByte(t.text, t.comma) < 0 {
			dst = append(dst, t.text...)
			continue
		}
		dst = t.field(dst, string(t.text), i == 0, len(t.at) == 1)
	}
	if t.crlf {
		dst = append(dst, '\r')
	}
	return append(dst, '\n'), nil
}
