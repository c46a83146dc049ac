package jsonl

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/infile"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// maxDepth is how many objects and arrays may stand in each other.
const maxDepth = 64

// manyNames is from how many names on an object's are kept in a map.
const manyNames = 24

// parser makes records of lines.
type parser struct {
	schema  *record.Schema
	columns []record.Column
	root    *node
	zone    *time.Location
	charset infile.Charset // of the lines; UTF-8 when it is the zero value
	room    record.Allocator

	// unmatched takes an object without any of the columns for a record.
	unmatched bool

	// seen, unless it is nil, gets which columns are there; members that are no
	// column are refused then.
	seen []bool

	line   infile.Line
	text   []byte
	at     int
	values []record.Value
	names  []string // of the objects that are open
	top    int      // how many names the outermost object has: they are the first of names
	found  bool     // whether a column was found
	buf    []byte

	decoded []byte // the line, unless it was UTF-8
}

// parse implements the function of an infile.LineReader.
func (p *parser) parse(line infile.Line, item *record.Record) error {
	p.line, p.text, p.at, p.names, p.top, p.found = line, line.Text, 0, p.names[:0], 0, false
	if err := p.decode(); err != nil {
		return err
	}
	p.values = p.room.Values(len(p.columns))
	p.blank()
	switch {
	case p.at < len(p.text) && p.text[p.at] == '[':
		return p.wrong(p.at, "want an object {...}, not a list: jq -c '.[]' makes lines of a list")
	case p.at == len(p.text) || p.text[p.at] != '{':
		return p.wrong(p.at, "want an object {...}")
	}
	if err := p.object(p.root, 1); err != nil {
		return err
	}
	if p.blank(); p.at < len(p.text) {
		return p.wrong(p.at, "there is something behind the object: one object a line")
	}
	if !p.found && !p.unmatched && p.seen == nil {
		return p.nothing()
	}
	for i := range p.columns {
		if p.values[i].IsNull() && p.columns[i].Required {
			return line.Error(p.columns[i].Name, nil, "a value is required")
		}
	}
	*item = record.New(p.schema, p.values, line.Origin)
	return nil
}

// decode makes the line UTF-8.
func (p *parser) decode() error {
	invalid := func(name string, bad int) error {
		return p.line.Error("", nil, fmt.Sprintf("invalid %s, byte 0x%02x at byte offset %d", name, p.text[bad], p.line.Origin.Offset+int64(bad)))
	}
	if p.charset.Direct() {
		if bad := infile.InvalidUTF8(p.text); bad >= 0 {
			return invalid("UTF-8", bad)
		}
		return nil
	}
	var bad int
	if p.decoded, bad = p.charset.Decode(p.decoded[:0], p.text); bad >= 0 {
		return invalid(p.charset.Name(), bad)
	}
	p.text = p.decoded
	return nil
}

// wrong is the error for what stands at an offset of the line.
func (p *parser) wrong(at int, msg string) error {
	const shown = 40
	rest := p.text[min(at, len(p.text)):]
	column := utf8.RuneCount(p.text[:min(at, len(p.text))]) + 1
	if len(rest) == 0 {
		return p.line.Error("", nil, fmt.Sprintf("the line ends at column %d: %s", column, msg))
	}
	return p.line.Error("", rest[:min(shown, len(rest))], fmt.Sprintf("at column %d: %s", column, msg))
}

// nothing is the error for an object in which no column was found: its names are
// other ones, probably.
func (p *parser) nothing() error {
	columns := make([]string, len(p.columns))
	for i := range p.columns {
		columns[i] = p.columns[i].Name
	}
	has := "is empty"
	if p.top > 0 {
		has = "has " + quoted(p.names[:min(p.top, manyNames)], p.top)
	}
	if len(columns) == 1 {
		return p.line.Error("", nil, "the column "+core.Quote(columns[0])+" is not in the object, which "+has)
	}
	return p.line.Error("", nil, "none of the columns "+quoted(columns, len(columns))+" is in the object, which "+has)
}

// quoted lists the first of n names.
func quoted(names []string, n int) string {
	const most = 8
	var b strings.Builder
	for i, name := range names[:min(len(names), most)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(core.Quote(name))
	}
	if more := n - most; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}

func (p *parser) blank() {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\t' || p.text[p.at] == '\r') {
		p.at++
	}
}

// peek returns the next byte behind blanks, 0 at the end.
func (p *parser) peek() byte {
	if p.blank(); p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

// object reads an object, of which n says what is wanted; a nil n wants nothing.
func (p *parser) object(n *node, depth int) error {
	if depth > maxDepth {
		return p.wrong(p.at, fmt.Sprintf("more than %d levels", maxDepth))
	}
	p.at++
	first := len(p.names)
	var many map[string]bool
	if p.peek() == '}' {
		p.at++
		return nil
	}
	for {
		at := p.at
		if p.peek() != '"' {
			return p.wrong(p.at, `want the name of a member in "..."`)
		}
		name, err := p.string()
		if err != nil {
			return err
		}
		twice := false
		if many != nil {
			twice = many[string(name)]
			many[string(name)] = true
		} else {
			for _, other := range p.names[first:] {
				twice = twice || other == string(name)
			}
			p.names = append(p.names, string(name))
			if len(p.names)-first == manyNames {
				many = make(map[string]bool, 2*manyNames)
				for _, other := range p.names[first:] {
					many[other] = true
				}
			}
		}
		if twice {
			return p.wrong(at, "the name "+core.Quote(string(name))+" is there twice")
		}
		var below *node
		if n != nil {
			below = n.members[string(name)]
		}
		if p.seen != nil && depth == 1 {
			if below == nil {
				return p.wrong(at, "there is no column "+core.Quote(string(name)))
			}
			p.seen[below.column] = true
		}
		if p.peek() != ':' {
			return p.wrong(p.at, "want a : behind the name")
		}
		p.at++
		if err := p.value(below, depth); err != nil {
			return err
		}
		switch p.peek() {
		case ',':
			p.at++
			p.blank()
		case '}':
			p.at++
			if depth == 1 {
				p.top = max(len(p.names), len(many))
			}
			p.names = p.names[:first]
			return nil
		default:
			return p.wrong(p.at, "want , or }")
		}
	}
}

// array reads an array.
func (p *parser) array(n *node, depth int) error {
	if depth > maxDepth {
		return p.wrong(p.at, fmt.Sprintf("more than %d levels", maxDepth))
	}
	p.at++
	if p.peek() == ']' {
		p.at++
		return nil
	}
	for i := 0; ; i++ {
		var below *node
		if n != nil {
			below = n.items[i]
		}
		if err := p.value(below, depth); err != nil {
			return err
		}
		switch p.peek() {
		case ',':
			p.at++
		case ']':
			p.at++
			return nil
		default:
			return p.wrong(p.at, "want , or ]")
		}
	}
}

// value reads any value, and keeps it if n is a column.
func (p *parser) value(n *node, depth int) error {
	c, start := p.peek(), p.at
	leaf := n != nil && n.column >= 0
	p.found = p.found || leaf
	switch {
	case c == '{', c == '[':
		if leaf {
			return p.refuse(n.column, p.text[start:min(start+40, len(p.text))], "it is an object or a list; a path such as "+p.columns[n.column].Name+".x names what is in it")
		}
		if c == '{' {
			return p.object(n, depth+1)
		}
		return p.array(n, depth+1)
	case c == '"':
		text, err := p.string()
		if err != nil || !leaf {
			return err
		}
		return p.keepText(n.column, text)
	case c == '-', '0' <= c && c <= '9':
		number, err := p.number()
		if err != nil || !leaf {
			return err
		}
		return p.keepNumber(n.column, number)
	}
	for _, w := range [...]string{"true", "false", "null"} {
		if bytes.HasPrefix(p.text[p.at:], []byte(w)) {
			p.at += len(w)
			if !leaf || w == "null" {
				return nil
			}
			if p.columns[n.column].Kind != record.Bool {
				return p.refuse(n.column, []byte(w), "want a "+p.columns[n.column].Kind.String())
			}
			p.values[n.column] = record.OfBool(w == "true")
			return nil
		}
	}
	return p.wrong(p.at, "want a value")
}

func (p *parser) refuse(column int, value []byte, msg string) error {
	return p.line.Error(p.columns[column].Name, value, msg)
}

// keepText keeps a text as the value of a column.
func (p *parser) keepText(i int, text []byte) error {
	c := &p.columns[i]
	switch c.Kind {
	case record.Bool, record.Double:
		return p.refuse(i, text, "it is a text, want a "+c.Kind.String())
	case record.Null, record.String, record.Long, record.Decimal, record.Date, record.DateTime:
	}
	if len(text) == 0 && c.Kind != record.String {
		return p.refuse(i, text, "empty, want a "+c.Kind.String()+" or null")
	}
	v, err := record.ParseIn(c, text, p.zone)
	if err != nil {
		return p.refuse(i, text, err.Error())
	}
	p.values[i] = v
	return nil
}

// keepNumber keeps a number, by its digits, as the value of a column.
func (p *parser) keepNumber(i int, number []byte) error {
	c := &p.columns[i]
	switch c.Kind {
	case record.Null, record.String, record.Date, record.DateTime, record.Bool:
		return p.refuse(i, number, "it is a number, want a "+c.Kind.String())
	case record.Long, record.Double, record.Decimal:
	}
	v, err := record.ParseIn(c, number, p.zone)
	if err != nil {
		return p.refuse(i, number, err.Error())
	}
	p.values[i] = v
	return nil
}
