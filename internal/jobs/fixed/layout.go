package fixed

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/infile"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// Options of reader and writer.
const (
	optionColumns = component.OptionColumns
	optionAlign   = "align"
	optionPad     = "pad"
	optionUnit    = "unit"
	unitBytes     = "bytes"
)

// maxPlace bounds the places of a record.
const maxPlace = 1 << 20

// field is a column and its places.
type field struct {
	column   record.Column
	from, to int // from is 0-based; to is behind the last place
	right    bool
	pad      rune
	numeric  bool
}

func (f *field) width() int { return f.to - f.from }

// layoutOptions are the options of both directions.
func layoutOptions() []component.Option {
	return []component.Option{
		{Name: optionColumns, Type: component.TextMap, Required: true, Help: "The columns and their places: FROM-TO from 1 on, or a width behind the column before, for example id: 1-8, name: 20."},
		{Name: optionUnit, Type: component.Enum, Values: []string{"characters", unitBytes}, Default: "characters", Help: "What places and widths count."},
		{Name: optionAlign, Type: component.TextMap, Help: "left or right for columns; numbers are right and all others left where nothing is said."},
		{Name: optionPad, Type: component.TextMap, Help: "The padding of columns, one character; a blank where nothing is said."},
	}
}

// checkUnit refuses to count the bytes of UTF-16: the places would be those of
// UTF-8, as which it is read.
func checkUnit(isBytes bool, charset infile.Charset) error {
	if isBytes && charset.Direct() && charset.Name() != "utf-8" {
		return component.Wrong(optionUnit, "places in %s cannot be bytes: it is read as UTF-8", charset.Name())
	}
	return nil
}

// kindOf returns the column of a name as far as it is known.
type kindOf func(name string) (record.Column, error)

// layout reads the options.
func layout(v component.Values, find kindOf) ([]field, error) {
	var fields []field
	var wrong []error
	end := 0
	for _, p := range v.Pairs(optionColumns) {
		c, err := find(p.Name)
		if err != nil {
			return nil, err
		}
		f := field{column: c, pad: ' '}
		switch c.Kind {
		case record.Long, record.Double, record.Decimal:
			f.right, f.numeric = true, true
		case record.Null, record.String, record.Date, record.DateTime, record.Bool:
		}
		if f.from, f.to, err = places(p.Value, end); err != nil {
			wrong = append(wrong, wrongColumn(optionColumns, p.Name, "column %s: %v", core.Quote(p.Name), err))
		} else if f.from < end {
			wrong = append(wrong, wrongColumn(optionColumns, p.Name, "column %s begins at %d, inside of the one before it, which ends at %d", core.Quote(p.Name), f.from+1, end))
		}
		end = max(end, f.to)
		fields = append(fields, f)
	}
	if len(fields) == 0 {
		return nil, component.Wrong(optionColumns, "no columns are declared")
	}
	return fields, errors.Join(append(wrong, decorate(v, fields)...)...)
}

// wrongColumn is component.Wrong about one of the columns that an option names.
func wrongColumn(option, column, format string, args ...any) error {
	return &component.OptionError{Option: option, Entry: column, Msg: fmt.Sprintf(format, args...)}
}

// decorate reads align and pad, and returns all that is wrong with them.
func decorate(v component.Values, fields []field) (wrong []error) {
	find := func(option, name string) (*field, error) {
		names := make([]string, len(fields))
		for i := range fields {
			if names[i] = fields[i].column.Name; names[i] == name {
				return &fields[i], nil
			}
		}
		e := &component.OptionError{Option: option, Entry: name, Msg: "there is no column " + core.Quote(name)}
		if near := core.Nearest(name, names); near != "" {
			e.Hint = "did you mean " + near + "?"
		}
		return nil, e
	}
	for _, p := range v.Pairs(optionAlign) {
		f, err := find(optionAlign, p.Name)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		if p.Value != "left" && p.Value != "right" {
			wrong = append(wrong, wrongColumn(optionAlign, p.Name, "column %s: %s is neither left nor right", core.Quote(p.Name), core.Quote(p.Value)))
		}
		f.right = p.Value == "right"
	}
	for _, p := range v.Pairs(optionPad) {
		f, err := find(optionPad, p.Name)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		r, size := utf8.DecodeRuneInString(p.Value)
		switch {
		case size == 0 || size < len(p.Value) || r == utf8.RuneError || r < ' ' || r == 0x7f:
			wrong = append(wrong, wrongColumn(optionPad, p.Name, "column %s: %s is not one character", core.Quote(p.Name), core.Quote(p.Value)))
		case v.Text(optionUnit) == unitBytes && size > 1:
			wrong = append(wrong, wrongColumn(optionPad, p.Name, "column %s: %s is more than one byte", core.Quote(p.Name), core.Quote(p.Value)))
		case f.numeric && r != '0' && strings.ContainsRune("123456789+-.eE", r):
			wrong = append(wrong, wrongColumn(optionPad, p.Name, "column %s: %s may be a part of the number", core.Quote(p.Name), core.Quote(p.Value)))
		case f.numeric && r == '0' && !f.right:
			wrong = append(wrong, wrongColumn(optionPad, p.Name, "column %s: zeros behind a number make it another", core.Quote(p.Name)))
		}
		f.pad = r
	}
	return wrong
}

// places reads 3-8 or 6; end is where the column before ends.
func places(text string, end int) (from, to int, err error) {
	number := func(s string) (int, error) {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 1 || n > maxPlace {
			return 0, fmt.Errorf("%s is no range: want FROM-TO from 1 on, or a width", core.Quote(text))
		}
		return n, nil
	}
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		n, err := number(text)
		if err == nil && end+n > maxPlace {
			err = fmt.Errorf("it ends behind place %d", maxPlace)
		}
		return end, end + n, err
	}
	if from, err = number(first); err != nil {
		return 0, 0, err
	}
	if to, err = number(last); err != nil {
		return 0, 0, err
	}
	if to < from {
		return 0, 0, fmt.Errorf("%s ends before it begins", core.Quote(text))
	}
	return from - 1, to, nil
}
