package render

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// Format is how a result is written.
type Format string

// The formats. Those for lists only are FormatCSV.
const (
	FormatTable Format = "table"
	FormatJSON  Format = "json"
	FormatJSONL Format = "jsonl"
	FormatCSV   Format = "csv"
)

// Formats returns all formats in the order in which they are shown.
func Formats() []Format { return []Format{FormatTable, FormatJSON, FormatJSONL, FormatCSV} }

// Printer writes results. Every method writes once.
type Printer struct {
	Out    io.Writer
	Format Format
	Style  Style
	// Zone is the repository's: dates of parameters are local there.
	Zone *time.Location
	// Display is the zone in which people are shown times.
	Display *time.Location
	// Now is the time until which what is running has been running.
	Now time.Time
}

const schemaVersion = 1

// document writes one JSON document, indented or on one line.
func (p *Printer) document(key string, value any) error {
	if p.Format == FormatCSV {
		return fmt.Errorf("format csv is for lists: use table or json")
	}
	// The version stands first, so the object is put together by hand.
	raw, err := encode(value)
	if err != nil {
		return err
	}
	text := fmt.Sprintf(`{"schemaVersion":%d,%q:%s}`, schemaVersion, key, raw)
	if p.Format == FormatJSONL {
		return p.write([]byte(text + "\n"))
	}
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(text), "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	return p.write(b.Bytes())
}

func (p *Printer) write(text []byte) error {
	_, err := p.Out.Write(text)
	return err
}

// encode is json.Marshal without HTML escapes, and with escapes for what could
// steer a terminal: encoding/json leaves DEL, C1 and bidirectional controls as
// they are. None of them can stand outside of a string.
func encode(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	text := strings.TrimSuffix(b.String(), "\n")
	if !strings.ContainsFunc(text, steers) {
		return []byte(text), nil
	}
	var safe strings.Builder
	for _, r := range text {
		if steers(r) {
			fmt.Fprintf(&safe, `\u%04x`, r)
		} else {
			safe.WriteRune(r)
		}
	}
	return []byte(safe.String()), nil
}

func steers(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
}

// field is one column of a list of T, for people and for programs.
type field[T any] struct {
	title string // of the table; empty: not shown there
	name  string // of the CSV; empty: not written there
	right bool
	wrap  bool
	cell  func(T) Cell
	text  func(T) string // for CSV; nil: the text of cell
	usual string         // a column that says nothing else may be left out
}

// list writes items in the printer's format; key names the array in JSON.
func list[T any](p *Printer, key string, items []T, fields []field[T], object func(T) any) error {
	switch p.Format {
	case FormatJSON:
		objects := make([]any, len(items))
		for i, item := range items {
			objects[i] = object(item)
		}
		return p.document(key, objects)
	case FormatJSONL:
		var b bytes.Buffer
		for _, item := range items {
			raw, err := encode(object(item))
			if err != nil {
				return err
			}
			b.Write(raw)
			b.WriteByte('\n')
		}
		return p.write(b.Bytes())
	case FormatCSV:
		return writeCSV(p, items, fields)
	case FormatTable:
	}
	return tabulate(items, fields).Write(p.Out, p.Style)
}

func tabulate[T any](items []T, fields []field[T]) Table {
	var t Table
	for _, f := range fields {
		if f.title != "" {
			t.Columns = append(t.Columns, Column{Title: f.title, Right: f.right, Wrap: f.wrap})
		}
	}
	for _, item := range items {
		var row []Cell
		for _, f := range fields {
			if f.title != "" {
				row = append(row, f.cell(item))
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func writeCSV[T any](p *Printer, items []T, fields []field[T]) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	record := func(text func(field[T]) string) error {
		var words []string
		for _, f := range fields {
			if f.name != "" {
				words = append(words, text(f))
			}
		}
		return w.Write(words)
	}
	if err := record(func(f field[T]) string { return f.name }); err != nil {
		return err
	}
	for _, item := range items {
		err := record(func(f field[T]) string {
			if f.text != nil {
				return f.text(item)
			}
			return f.cell(item).Text
		})
		if err != nil {
			return err
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return err
	}
	return p.write(b.Bytes())
}
