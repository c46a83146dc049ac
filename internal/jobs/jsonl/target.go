package jsonl

import (
	"slices"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/infile"
	"github.com/batchctl/batchctl/internal/jobs/outfile"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// writerName is the prefix of the keys in the step's context.
const writerName = "jsonl.out"

// Target returns the writer of JSON Lines that definitions name jsonl.
func Target() component.Target {
	return component.Target{
		Spec: component.Spec{
			Name: "jsonl", Help: "Records as JSON Lines: one object a line, its members in the order of the columns.",
			Options: slices.Concat(outfile.FileOptions(), []component.Option{
				{Name: component.OptionColumns, Type: component.Names, Help: "The columns to write, in their order; all when it is absent."},
				{Name: "omit-null", Type: component.Bool, Default: "false", Help: "Leave out members that are null."},
			}),
			Example: "jsonl:\n  file: \"stage/#{jobParameters['day']}.jsonl\"\n",
		},
		Check: func(v component.Values, schema *record.Schema) error {
			if _, err := outfile.FileConfig(nil, v, writerName); err != nil {
				return err
			}
			_, err := component.Pick(component.OptionColumns, v.List(component.OptionColumns), schema)
			return err
		},
		New: func(s *core.Scope, v component.Values, schema *record.Schema) (core.ItemWriter[record.Record], error) {
			at, err := component.Pick(component.OptionColumns, v.List(component.OptionColumns), schema)
			if err != nil {
				return nil, err
			}
			cfg, err := outfile.FileConfig(s, v, writerName)
			if err != nil {
				return nil, err
			}
			t := &target{omitNull: v.Bool("omit-null"), coder: cfg.Charset.NewEncoder()}
			for _, k := range at {
				t.members = append(t.members, newMember(k, schema.Column(k).Name, t.coder))
			}
			return outfile.New(cfg, t.encode), nil
		},
	}
}

// target makes lines of records.
type target struct {
	members  []member
	omitNull bool
	coder    *infile.Encoder
}

// member is a column with its name as it stands in the line.
type member struct {
	at   int
	name []byte
}

func newMember(at int, name string, coder *infile.Encoder) member {
	return member{at: at, name: append(appendString(nil, name, coder), ':')}
}

func (t *target) encode(dst []byte, r *record.Record) ([]byte, error) {
	dst = append(dst, '{')
	first := true
	for _, m := range t.members {
		v := r.Value(m.at)
		if v.IsNull() && t.omitNull {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, m.name...)
		switch v.Kind() {
		case record.Null:
			dst = append(dst, "null"...)
		case record.String:
			if !utf8.ValidString(v.Str()) {
				return dst, core.Classified(core.ClassWriteData, r.Error(r.Schema().Column(m.at).Name, v, "the text is not UTF-8"))
			}
			dst = appendString(dst, v.Str(), t.coder)
		case record.Date, record.DateTime:
			dst = append(v.AppendText(append(dst, '"')), '"')
		case record.Long, record.Double, record.Decimal, record.Bool:
			dst = v.AppendText(dst)
		}
	}
	return append(dst, '}', '\n'), nil
}

// appendString appends a text as JSON. What could steer a terminal is escaped,
// and what the encoding of the file lacks.
func appendString(dst []byte, text string, coder *infile.Encoder) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(text[i:])
			if r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || !coder.Has(r) {
				dst = appendEscape(append(dst, text[from:i]...), r)
				from = i + size
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
			i++
			continue
		}
		dst = append(dst, text[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = appendEscape(dst, rune(c))
		}
		i++
		from = i
	}
	return append(append(dst, text[from:]...), '"')
}

// appendEscape appends a character by its number, as JSON has it: one of a higher
// plane as a pair.
func appendEscape(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	if first, second := utf16.EncodeRune(r); first != utf8.RuneError {
		return appendEscape(appendEscape(dst, first), second)
	}
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}
