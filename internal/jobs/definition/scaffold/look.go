package scaffold

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// How much of a file is looked at.
const (
	maxSample  = 4 << 20
	maxRecords = 10_000
)

// delimiters are tried in this order.
const delimiters = ",;\t|"

// Guess is what a data file seems to be.
type Guess struct {
	// Encoding is empty for UTF-8.
	Encoding  string
	Delimiter string
	Header    bool
	// Unnamed tells that the first line is a header whose names cannot all be
	// those of columns: some are missing or there twice.
	Unnamed bool
	Columns []Column
	// Key is the column of Columns that is unique; empty: none seems to be.
	Key string
	// Records were looked at; All tells that there are no more.
	Records int
	All     bool
	// Bad are the lines of records that the job would reject, and Asked the
	// columns whose values have two meanings.
	Bad   []Bad
	Asked []Asked
	// Skip is how many lines stand before the header, or the first record.
	Skip int
	// OneLine tells that no value seems to hold a line end, so that a quote which is
	// open at the end of its line is a mistake.
	OneLine bool
	// Unclosed is the line of a record that has a quote which nothing closes; 0:
	// there is none. What is behind it was not looked at.
	Unclosed int

	header int // the line on which the header ends
}

// Bad is a record that cannot be read.
type Bad struct {
	Line, Last int
	Problem    string
}

// Asked is a column that was left a text because of a question, with the
// expression that it takes if the first answer is right.
type Asked struct{ Column, Question, Make string }

// Column is a column of the file, and of the table.
type Column struct {
	Name string // in the file
	To   string // in the table, and in SQL
	Kind record.Kind
	// Notation is how its values are written, if readers do not take them so.
	Notation *Notation
	// Odd are the values that are not of Kind, as most are.
	Odd []Odd

	ask *question
}

// Odd is a value that has another type than the others of its column.
type Odd struct {
	Line int
	Text string
}

// Look guesses what the file at path is. encoding is its encoding by the name of
// the WHATWG standard; empty: UTF-8, or UTF-16 where a byte order mark says so.
func Look(path, encoding string) (*Guess, error) {
	text, encoding, all, err := sample(path, encoding)
	if err != nil {
		return nil, err
	}
	if json.Valid([]byte(firstLine(text))) && strings.HasPrefix(text, "{") {
		return nil, &core.Error{
			Op: "look at " + core.EscapeControl(path), Msg: "the file has lines of JSON, and only CSV files are looked at",
			Hint: "write a definition with the reader jsonl: " + core.ShellQuote("batchctl", "docs", "components"),
		}
	}
	g := &Guess{Encoding: encoding, All: all}
	rows, width := g.split(text)
	if len(rows) == 0 {
		return nil, g.noRecords(path)
	}
	names := rows[0].fields
	g.Header, g.Unnamed = isHeader(rows)
	switch {
	case g.Header:
	case g.Unnamed:
		names = distinct(names)
	default:
		names = distinct(make([]string, len(names)))
	}
	if g.Header || g.Unnamed {
		g.header, rows = rows[0].last, rows[1:]
	}
	g.Records = len(rows) + len(g.Bad)
	rows = g.ragged(rows, width)
	if err := g.columns(path, names, rows); err != nil {
		return nil, err
	}
	g.findKey(names, rows)
	return g, nil
}

func (g *Guess) noRecords(path string) error {
	e := &core.Error{
		Op: "look at " + core.EscapeControl(path), Msg: "the file has no records",
		Hint: "give a file that has a header and some records",
	}
	if g.Unclosed > 0 {
		e.Msg, e.Hint = fmt.Sprintf("the quote that is opened in line %d is never closed", g.Unclosed), "close it, or double it if it belongs to the text"
	}
	return e
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// isHeader reports whether the first record has names: all of them different,
// and none of them a value that has a type. One whose names are not all there, or
// not different, is odd, and still a header where a column below it has a type.
func isHeader(rows []row) (header, odd bool) {
	seen := map[string]bool{}
	typed := false
	for i, name := range rows[0].fields {
		if strings.TrimSpace(name) == "" || seen[name] {
			odd = true
			continue
		}
		if isValue(name) {
			return false, false
		}
		seen[name] = true
		below := lookAt(rows[1:], i)
		typed = typed || below.kind != record.String
	}
	return !odd, odd && typed
}

// distinct returns names with those that are missing or there already made up.
func distinct(names []string) []string {
	taken := map[string]bool{}
	for _, name := range names {
		taken[name] = true
	}
	made, seen := make([]string, len(names)), map[string]bool{"": true}
	for i, name := range names {
		base := name
		if strings.TrimSpace(name) == "" {
			name, base = "", "column"+strconv.Itoa(i+1)
			if !taken[base] {
				name = base
			}
		}
		for n := 2; seen[name] || name != names[i] && taken[name]; n++ {
			name = base + "_" + strconv.Itoa(n)
		}
		made[i], seen[name] = name, true
	}
	return made
}

func (g *Guess) columns(path string, names []string, rows []row) error {
	taken := map[string]bool{}
	to := make([]string, len(names))
	for i, name := range names { // those that can stay do, so that no other takes their name
		if made := identifier(name, "column", map[string]bool{}); made == name && !taken[strings.ToLower(name)] {
			taken[strings.ToLower(name)], to[i] = true, name
		}
	}
	for i, name := range names {
		if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) || len(name) > 1000 || strings.Contains(name, "#{") {
			return &core.Error{
				Op: "look at " + core.EscapeControl(path), Msg: fmt.Sprintf("the name of column %d, %s, cannot be one", i+1, core.Quote(name)),
				Hint: "mend the header of the file",
			}
		}
		if to[i] == "" {
			to[i] = identifier(name, "column", taken)
		}
		c := Column{Name: name, To: to[i]}
		found := lookAt(rows, i)
		c.Kind, c.Notation = found.kind, found.notation
		for _, at := range found.odd {
			c.Odd = append(c.Odd, Odd{Line: rows[at].line, Text: rows[at].fields[i]})
		}
		c.ask = found.ask
		g.Columns = append(g.Columns, c)
	}
	g.commaEverywhere(rows)
	return nil
}

// commaEverywhere decides by the other columns of the file what the values of one
// leave open: where there is a comma before the fraction, 1,234 has one too, and in
// 1.234 and 2.500 the point is before thousands.
func (g *Guess) commaEverywhere(rows []row) {
	has := slices.ContainsFunc(g.Columns, func(c Column) bool { return c.Notation != nil && c.Notation.hasComma() })
	for i := range g.Columns {
		c := &g.Columns[i]
		switch {
		case has && c.ask != nil && c.ask.either.hasComma():
			c.Notation, c.Kind, c.ask = c.ask.either, record.Decimal, nil
		case has && c.Kind == record.Decimal && c.Notation == nil && len(c.Odd) == 0:
			notation := pointsAndComma()
			if fits := notation.fits(); !slices.ContainsFunc(rows, func(r row) bool { return r.fields[i] != "" && !fits(r.fields[i]) }) {
				c.Notation = notation
			}
		}
		if c.ask != nil {
			g.Asked = append(g.Asked, Asked{Column: c.Name, Question: c.ask.text, Make: strings.ReplaceAll(c.ask.either.make, "$", c.value())})
		}
	}
}
