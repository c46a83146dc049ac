package fixed

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/infile"
	"github.com/batchctl/batchctl/internal/jobs/outfile"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// Target returns the writer of files with fixed columns that definitions name
// fixed.
func Target() component.Target {
	return component.Target{
		Spec: component.Spec{
			Name: "fixed", Help: "Records with columns at fixed places; a value that is too wide is a bad record, never cut.",
			Options: slices.Concat(outfile.FileOptions(), layoutOptions(), []component.Option{
				outfile.LineEndOption(),
				{Name: "length", Type: component.Int, Default: "0", Min: 0, Max: maxPlace, Help: "The length of a record, filled up with blanks; 0: up to the end of its last column."},
			}),
			Example: "fixed:\n  file: out.txt\n  columns: {id: 1-8, name: 9-28, amount: 29-40}\n  pad: {id: \"0\"}\n",
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

// target makes lines of records.
type target struct {
	fields []field
	at     []int // of each field in the record
	bytes  bool
	crlf   bool
	length int
	text   []byte

	charset infile.Charset
	coder   *infile.Encoder
}

func newTarget(s *core.Scope, v component.Values, schema *record.Schema) (*target, outfile.Config, error) {
	cfg, err := outfile.FileConfig(s, v, "fixed.out")
	if err != nil {
		return nil, cfg, err
	}
	cfg.CRLF = v.Text("line-end") == "crlf"
	t := &target{
		bytes: v.Text(optionUnit) == unitBytes, crlf: cfg.CRLF, length: int(v.Int("length")),
		charset: cfg.Charset, coder: cfg.Charset.NewEncoder(),
	}
	if err := checkUnit(t.bytes, t.charset); err != nil {
		return nil, cfg, err
	}
	t.fields, err = layout(v, func(name string) (record.Column, error) {
		at, err := component.Pick(optionColumns, []string{name}, schema)
		if err != nil {
			return record.Column{}, err
		}
		t.at = append(t.at, at[0])
		return schema.Column(at[0]), nil
	})
	if err != nil {
		return nil, cfg, err
	}
	for i := range t.fields {
		if f := &t.fields[i]; !t.coder.Has(f.pad) {
			return nil, cfg, component.Wrong(optionPad, "column %s: %s", core.Quote(f.column.Name), outfile.Lacking(t.charset, f.pad))
		}
	}
	last := t.fields[len(t.fields)-1].to
	if t.length != 0 && t.length < last {
		return nil, cfg, component.Wrong("length", "%d is before the end of the last column, which is %d", t.length, last)
	}
	t.length = max(t.length, last)
	return t, cfg, nil
}

func (t *target) encode(dst []byte, r *record.Record) ([]byte, error) {
	place := 0
	for i := range t.fields {
		f := &t.fields[i]
		dst = fill(dst, ' ', f.from-place)
		v := r.Value(t.at[i])
		t.text = v.AppendText(t.text[:0])
		width, msg := t.measure(v)
		if msg == "" && f.from == 0 && v.Kind() == record.String && t.coder.Misleads(v.Str()) {
			msg = "a file that begins with the text is taken for one of another encoding"
		}
		if msg == "" && width > f.width() {
			msg = fmt.Sprintf("the value has %d %s, the column has %d", width, t.unit(), f.width())
		}
		if msg != "" {
			return dst, core.Classified(core.ClassWriteData, r.Error(f.column.Name, v, msg))
		}
		dst = f.place(dst, t.text, width)
		place = f.to
	}
	dst = fill(dst, ' ', t.length-place)
	if t.crlf {
		dst = append(dst, '\r')
	}
	return append(dst, '\n'), nil
}

func (t *target) unit() string {
	if t.bytes {
		return unitBytes
	}
	return "characters"
}

// measure returns how many places the present text takes, or why it cannot stand
// in a line.
func (t *target) measure(v record.Value) (width int, msg string) {
	if v.Kind() != record.String {
		return len(t.text), ""
	}
	switch text := v.Str(); {
	case !utf8.ValidString(text):
		return 0, "the text is not UTF-8"
	case strings.ContainsAny(text, "\n\r\x00\ufeff"):
		return 0, "the text has a line end, a NUL or a byte order mark, and a record is a line"
	}
	width, lacks, ok := t.coder.Measure(v.Str())
	switch {
	case !ok:
		return 0, outfile.Lacking(t.charset, lacks)
	case t.bytes:
		return width, ""
	}
	return utf8.RuneCountInString(v.Str()), ""
}

// place appends a text of a width, padded.
func (f *field) place(dst, text []byte, width int) []byte {
	gap, pad := f.width()-width, f.pad
	if len(text) == 0 && f.column.Kind != record.String {
		pad = ' '
	}
	switch {
	case !f.right:
		return fill(append(dst, text...), pad, gap)
	case pad == '0' && f.numeric && len(text) > 0 && text[0] == '-':
		return append(fill(append(dst, '-'), pad, gap), text[1:]...)
	}
	return append(fill(dst, pad, gap), text...)
}

func fill(dst []byte, pad rune, n int) []byte {
	for range n {
		dst = utf8.AppendRune(dst, pad)
	}
	return dst
}
