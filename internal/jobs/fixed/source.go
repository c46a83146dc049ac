package fixed

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/infile"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

const readerName = "fixed.in"

// Source returns the reader of files with fixed columns that definitions name
// fixed.
func Source() component.Source {
	return component.Source{
		Spec: component.Spec{
			Name: "fixed", Help: "Records of a file with columns at fixed places.",
			Options: slices.Concat(infile.FileOptions(), layoutOptions(), []component.Option{
				{Name: component.OptionTypes, Type: component.Columns, Help: "The types of columns: string, long, double, decimal, decimal(12,2), date, datetime, bool. string where none is given."},
				{Name: component.OptionRequired, Type: component.Names, Help: "Columns that must not be empty."},
				{Name: "trim", Type: component.Enum, Values: []string{"pad", "both", "none"}, Default: "both", Help: "What is taken off a value: pad takes the padding off its side, both blanks on both sides as well, none nothing off texts."},
				{Name: "length", Type: component.Int, Default: "0", Min: 0, Max: maxPlace, Help: "The length of a record; 0: up to the end of its last column."},
				{Name: "ragged", Type: component.Enum, Values: []string{"error", "pad", "cut", "both"}, Default: "error", Help: "A record that is too short or too long: error refuses it, pad takes short ones as if blanks followed, cut ignores what is behind long ones, both does both."},
			}),
			Example: "fixed:\n  file: \"in/#{jobParameters['day']}.txt\"\n  columns: {id: 1-8, name: 9-28, amount: 29-40}\n  types: {id: long, amount: \"decimal(12,2)\"}\n",
		},
		Schema: func(v component.Values) (*record.Schema, error) {
			schema, err := schemaOf(v)
			if err != nil { // then of the places, as far as they do not depend on types
				texts, _ := textsOf(v)
				if texts != nil {
					_, wrong := newParser(v, texts)
					err = errors.Join(err, wrong)
				}
				return nil, err
			}
			_, err = newParser(v, schema)
			return schema, err
		},
		New: func(s *core.Scope, v component.Values, schema *record.Schema) (core.ItemReader[record.Record], error) {
			opts, err := infile.CheckFiles(v)
			if err != nil {
				return nil, err
			}
			if _, err := newParser(v, schema); err != nil {
				return nil, err
			}
			zone := time.UTC
			if s != nil && s.Run != nil && s.Repo != nil {
				zone = s.Repo.Zone()
			}
			return infile.OpenFiles(v, opts, readerName, func(path string) infile.Reader[record.Record] {
				p, _ := newParser(v, schema) // it was made before
				p.zone = zone
				return infile.NewLineReader(infile.LinesConfig{
					Path: path, Options: opts, MaxRecord: int(v.Int("max-record")), SkipLines: int(v.Int("skip-lines")),
					Comment: v.Text("comment"), AllowMissing: v.Bool("allow-missing"), Name: readerName,
				}, p.parse)
			}), nil
		},
	}
}

func schemaOf(v component.Values) (*record.Schema, error) {
	return component.MakeSchema(namesOf(v), v.Pairs(component.OptionTypes), v.List(component.OptionRequired))
}

// textsOf is schemaOf without types.
func textsOf(v component.Values) (*record.Schema, error) {
	return component.MakeSchema(namesOf(v), nil, nil)
}

func namesOf(v component.Values) (names []string) {
	for _, p := range v.Pairs(optionColumns) {
		names = append(names, p.Name)
	}
	return names
}

// parser makes records of lines.
type parser struct {
	schema     *record.Schema
	fields     []field
	charset    infile.Charset
	zone       *time.Location
	room       record.Allocator
	bytes      bool // places are bytes
	trim       string
	length     int
	short, cut bool

	decoded []byte
	scratch []byte
	starts  []int // where each character begins, and the end
}

func newParser(v component.Values, schema *record.Schema) (*parser, error) {
	opts, err := infile.CheckFiles(v)
	if err != nil {
		return nil, err
	}
	p := &parser{
		schema: schema, charset: opts.Charset, bytes: v.Text(optionUnit) == unitBytes, trim: v.Text("trim"), length: int(v.Int("length")),
	}
	if err := checkUnit(p.bytes, opts.Charset); err != nil {
		return nil, err
	}
	policy := v.Text("ragged")
	p.short, p.cut = policy == "pad" || policy == "both", policy == "cut" || policy == "both"
	p.fields, err = layout(v, func(name string) (record.Column, error) {
		i, ok := schema.Index(name)
		if !ok {
			return record.Column{}, component.Wrong(optionColumns, "there is no column %s", core.Quote(name))
		}
		return schema.Column(i), nil
	})
	if err != nil {
		return nil, err
	}
	last := p.fields[len(p.fields)-1].to
	if p.length == 0 {
		p.length = last
	}
	if p.length < last {
		return nil, component.Wrong("length", "%d is before the end of the last column, which is %d", p.length, last)
	}
	return p, nil
}

// parse implements the function of an infile.LineReader.
func (p *parser) parse(line infile.Line, item *record.Record) error {
	if i := bytes.IndexByte(line.Text, 0); i >= 0 {
		return line.Error("", nil, fmt.Sprintf("NUL byte at byte offset %d", line.Origin.Offset+int64(i)))
	}
	text := line.Text
	if !p.bytes || p.charset.Direct() {
		var bad int
		if p.decoded, bad = p.charset.Decode(p.decoded[:0], text); bad >= 0 {
			return line.Error("", nil, fmt.Sprintf("invalid %s, byte 0x%02x at byte offset %d", p.charset.Name(), text[bad], line.Origin.Offset+int64(bad)))
		}
		text = p.decoded
	}
	n := p.measure(text)
	if n < p.length && !p.short || n > p.length && !p.cut {
		return line.Error("", text, fmt.Sprintf("the record has %d %s, want %d", n, p.unit(), p.length))
	}
	values := p.room.Values(len(p.fields))
	for i := range p.fields {
		v, err := p.value(line, text, &p.fields[i], n)
		if err != nil {
			return err
		}
		values[i] = v
	}
	*item = record.New(p.schema, values, line.Origin)
	return nil
}

func (p *parser) unit() string {
	if p.bytes {
		return unitBytes
	}
	return "characters"
}

// measure returns the number of places of a text, and finds where they are.
func (p *parser) measure(text []byte) int {
	p.starts = p.starts[:0]
	if p.bytes || utf8.RuneCount(text) == len(text) {
		return len(text)
	}
	for i := 0; i < len(text); {
		p.starts = append(p.starts, i)
		_, size := utf8.DecodeRune(text[i:])
		i += size
	}
	p.starts = append(p.starts, len(text))
	return len(p.starts) - 1
}

// value reads a field of a text of n places.
func (p *parser) value(line infile.Line, text []byte, f *field, n int) (record.Value, error) {
	from, to := min(f.from, n), min(f.to, n)
	if len(p.starts) > 0 {
		from, to = p.starts[from], p.starts[to]
	}
	raw := text[from:to]
	if p.bytes {
		decoded, bad := p.charset.Decode(p.scratch[:0], raw)
		if bad >= 0 {
			return record.Value{}, line.Error(f.column.Name, raw, fmt.Sprintf("invalid %s at byte %d: does the range cut a letter?", p.charset.Name(), from+bad+1))
		}
		raw, p.scratch = decoded, decoded
	}
	v, err := record.ParseIn(&f.column, p.trimmed(raw, f), p.zone)
	if err != nil {
		return v, line.Error(f.column.Name, raw, err.Error())
	}
	return v, nil
}

// trimmed takes the padding off.
func (p *parser) trimmed(raw []byte, f *field) []byte {
	if p.trim == "none" && f.column.Kind == record.String {
		return raw
	}
	if p.trim != "pad" || f.numeric {
		raw = bytes.Trim(raw, " ")
	}
	isPad := func(r rune) bool { return r == f.pad }
	switch {
	case f.numeric && f.pad == '0': // zeros before a number are read with it
	case f.right:
		raw = bytes.TrimLeftFunc(raw, isPad)
	default:
		raw = bytes.TrimRightFunc(raw, isPad)
	}
	if f.column.Kind != record.String {
		raw = bytes.Trim(raw, " ")
	}
	return raw
}
