package scaffold

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/jobs/record"
)

// row is a record, with the first and the last of its lines.
type row struct {
	line, last int
	fields     []string
}

// parsed is a text as one delimiter splits it.
type parsed struct {
	rows     []row
	bad      []Bad
	unclosed int  // the line of the record with the quote that nothing closes
	behind   int  // how many bytes that record has
	whole    bool // nothing is behind the rows
}

// maxTitles bounds the lines before a header.
const maxTitles = 10

// cut is how many bytes a record may have for its end to be behind the sample
// rather than nowhere.
const cut = 64 << 10

// candidate is a text split at a delimiter, and how well that fits.
type candidate struct {
	parsed

	titles, width int
	share         float64 // of the records below the titles, those of that width
}

func candidateOf(text string, delimiter rune) (c candidate) {
	if c.parsed = parse(text, delimiter); len(c.rows) == 0 {
		return c
	}
	c.titles, c.width = c.parsed.titles()
	fit := 0
	for _, r := range c.rows[c.titles:] {
		if len(r.fields) == c.width {
			fit++
		}
	}
	c.share = float64(fit) / float64(len(c.rows)-c.titles+len(c.bad))
	return c
}

// better reports whether c is a better split than o: one of more than a field in
// which nearly all records are alike, from the first on, and more than in the other.
func (c candidate) better(o candidate) bool {
	good := func(x candidate) bool { return x.width > 1 && x.share >= 0.8 }
	switch {
	case good(c) != good(o):
		return good(c)
	case good(c) && c.titles != o.titles:
		return c.titles < o.titles
	case (c.width > 1) != (o.width > 1):
		return c.width > 1
	case c.share != o.share:
		return c.share > o.share
	}
	return c.width > o.width
}

// split finds the delimiter that fits best. It returns the records from the header
// on, and how many fields they have to have.
func (g *Guess) split(text string) ([]row, int) {
	var best candidate
	for i, delimiter := range delimiters {
		if c := candidateOf(text, delimiter); i == 0 || c.better(best) {
			best, g.Delimiter = c, string(delimiter)
		}
	}
	g.OneLine = len(best.rows) > 0 && !best.multiline(rune(g.Delimiter[0]))
	switch {
	case g.OneLine && best.spread():
		best.parsed = parseLines(text, rune(g.Delimiter[0]))
		best.titles, best.width = best.parsed.titles()
	case !g.OneLine && (g.All || best.behind > cut):
		g.Unclosed = best.unclosed
	}
	if len(best.rows) == 0 {
		return nil, 0
	}
	if best.titles > 0 {
		g.Skip = best.rows[best.titles].line - 1
	}
	for _, b := range best.bad {
		if b.Line > g.Skip {
			g.Bad = append(g.Bad, b)
		}
	}
	g.All = g.All && best.whole
	return best.rows[best.titles:], best.width
}

// titles returns how many records at the beginning stand above the header: those
// with fewer fields than nearly all that follow. width is how many fields a
// record has to have.
func (p *parsed) titles() (before, width int) {
	counts := map[int]int{}
	for _, r := range p.rows {
		counts[len(r.fields)]++
	}
	for w, n := range counts {
		if n > counts[width] || n == counts[width] && w > width {
			width = w
		}
	}
	first := len(p.rows[0].fields)
	for before < len(p.rows) && len(p.rows[before].fields) < width {
		before++
	}
	rest := len(p.rows) - before
	if before == 0 || before > maxTitles || counts[width]*100 < rest*80 {
		return 0, first
	}
	if width > 2 {
		return before, width
	}
	for i := range width { // a text with one comma in it is no two columns
		if lookAt(p.rows[before+1:], i).kind != record.String {
			return before, width
		}
	}
	return 0, first
}

// parse splits a text as the job will: behind a mistake with quotes a record ends
// with the line, and a quote that nothing closes is the end of all.
func parse(text string, delimiter rune) parsed {
	var p parsed
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord = delimiter, -1
	for len(p.rows) <= maxRecords {
		from := r.InputOffset()
		fields, err := r.Read()
		wrong, isWrong := errors.AsType[*csv.ParseError](err)
		switch {
		case errors.Is(err, io.EOF):
			p.whole = true
			return p
		case isWrong && isUnclosed(text[from:r.InputOffset()], delimiter):
			p.unclosed, p.behind = wrong.StartLine, len(text)-int(from)
			return p
		case isWrong:
			p.bad = append(p.bad, Bad{Line: wrong.StartLine, Last: wrong.Line, Problem: "has a quote where none can be"})
			continue
		case err != nil:
			return p
		}
		line, _ := r.FieldPos(0)
		last := line
		for _, field := range fields {
			last += strings.Count(field, "\n")
		}
		p.rows = append(p.rows, row{line: line, last: last, fields: fields})
	}
	return p
}

// multiline reports whether a value holds a line end, and is a value: one in which a
// line looks like a record is what stray quotes have made of several.
func (c candidate) multiline(delimiter rune) bool {
	for _, r := range c.rows {
		for _, field := range r.fields {
			if !strings.Contains(field, "\n") {
				continue
			}
			looksLikeRecord := func(line string) bool { return c.width > 1 && strings.Count(line, string(delimiter)) == c.width-1 }
			if !slices.ContainsFunc(strings.Split(field, "\n"), looksLikeRecord) {
				return true
			}
		}
	}
	return false
}

// spread reports whether a record has several lines, or has no end.
func (p *parsed) spread() bool {
	return p.unclosed > 0 || slices.ContainsFunc(p.rows, func(r row) bool { return r.last > r.line }) ||
		slices.ContainsFunc(p.bad, func(b Bad) bool { return b.Last > b.Line })
}

// parseLines is parse for a text in which every line is a record of its own.
func parseLines(text string, delimiter rune) parsed {
	var p parsed
	line := 0
	for record := range strings.Lines(text) {
		if line++; len(p.rows) > maxRecords {
			return p
		}
		one := parse(record, delimiter)
		for _, r := range one.rows {
			p.rows = append(p.rows, row{line: line, last: line, fields: r.fields})
		}
		if len(one.bad) > 0 || one.unclosed > 0 {
			p.bad = append(p.bad, Bad{Line: line, Last: line, Problem: "has a quote where none can be"})
		}
	}
	p.whole = true
	return p
}

// isUnclosed reports whether all that is wrong with a text is that a quote at its
// end is missing.
func isUnclosed(text string, delimiter rune) bool {
	r := csv.NewReader(strings.NewReader(text + `"`))
	r.Comma, r.FieldsPerRecord = delimiter, -1
	_, err := r.Read()
	if err != nil {
		return false
	}
	_, err = r.Read()
	return errors.Is(err, io.EOF)
}

// ragged takes the records of another width out, as bad ones.
func (g *Guess) ragged(rows []row, width int) []row {
	var even []row
	for _, r := range rows {
		if len(r.fields) == width {
			even = append(even, r)
			continue
		}
		noun := "fields"
		if len(r.fields) == 1 {
			noun = "field"
		}
		g.Bad = append(g.Bad, Bad{Line: r.line, Last: r.last, Problem: fmt.Sprintf("has %d %s, and not %d", len(r.fields), noun, width)})
	}
	return even
}
