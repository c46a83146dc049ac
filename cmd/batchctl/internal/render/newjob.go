package render

import (
	"bytes"
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
)

// NewJob is a definition that was written, and what it was guessed from.
type NewJob struct {
	JobName   string      `json:"jobName"`
	Path      string      `json:"path"`
	Schema    string      `json:"schema"` // empty: it was there
	Table     string      `json:"table"`
	Delimiter string      `json:"delimiter"`
	Encoding  string      `json:"encoding"` // empty: UTF-8
	Header    bool        `json:"header"`
	Records   int         `json:"records"`   // that were looked at
	WholeFile bool        `json:"wholeFile"` // that they are all of them
	Columns   []NewColumn `json:"columns"`
	Next      []string    `json:"next"` // commands to type
}

// NewColumn is a column of the file, with that of the table.
type NewColumn struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Column string `json:"column"`
	Key    bool   `json:"key"`
}

// NewJob writes what was written and guessed, and what to type next.
func (p *Printer) NewJob(j NewJob) error {
	if p.Format != FormatTable {
		return p.document("definition", j)
	}
	looked := fmt.Sprintf("at %d records", j.Records)
	if j.Records == 1 {
		looked = "at 1 record"
	}
	if !j.WholeFile {
		looked += ", and not at the rest"
	}
	text := func(name, value string) fact { return fact{name: name, cell: Cell{Text: value}} }
	header := "the first line has the names"
	if !j.Header {
		header = "none; name the columns in the definition"
	}
	delimiter := ""
	if j.Delimiter != "," {
		delimiter = core.Quote(j.Delimiter)
	}
	var b bytes.Buffer
	if err := writeFacts(&b, []fact{
		text("wrote", j.Path), text("schema", j.Schema), text("looked", looked), text("delimiter", delimiter),
		text("encoding", j.Encoding), text("header", header), text("table", j.Table),
	}, p.Style); err != nil {
		return err
	}
	b.WriteByte('\n')
	type column = NewColumn
	fields := []field[column]{
		{title: "COLUMN", wrap: true, cell: func(c column) Cell { return Cell{Text: c.Name} }},
		{title: "TYPE", cell: func(c column) Cell { return Cell{Text: c.Type} }},
		{title: "KEY", cell: func(c column) Cell { return yes(c.Key) }},
		{title: "IN THE TABLE", cell: func(c column) Cell { return Cell{Text: c.Column} }},
	}
	if err := tabulate(j.Columns, fields).Write(&b, p.Style); err != nil {
		return err
	}
	b.WriteString("\nnext\n")
	for _, command := range j.Next {
		b.WriteString("  " + core.EscapeControl(command) + "\n")
	}
	return p.write(b.Bytes())
}
