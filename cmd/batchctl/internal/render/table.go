package render

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"
	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/streams"
	"github.com/batchctl/batchctl/internal/core"
)

// Tone colours a cell.
type Tone int

// The tones; ToneNone is the default.
const (
	ToneNone Tone = iota
	ToneGood
	ToneBad
	ToneWarn
	ToneBusy
)

var toneCodes = [...]string{ToneNone: "", ToneGood: "32", ToneBad: "31", ToneWarn: "33", ToneBusy: "36"}

// Cell is one field of a table. Text comes as it is; it is escaped here.
type Cell struct {
	Text string
	Tone Tone
}

// Column is the head of a column.
type Column struct {
	Title string
	// Right aligns numbers.
	Right bool
}

// Table is text in columns.
type Table struct {
	Columns []Column
	Rows    [][]Cell
}

// Style says how tables are drawn.
type Style struct {
	Borders streams.Borders
	// Width is the number of columns of the terminal; 0 means no limit.
	Width int
	Color bool
}

// Write draws the table in one write. A table without rows draws its head.
func (t Table) Write(w io.Writer, style Style) error {
	var b bytes.Buffer
	if style.Borders == streams.BordersNone {
		t.plain(&b, style)
	} else if err := t.boxed(&b, style); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// screen measures text as a terminal shows it, whatever the locale.
var screen = &runewidth.Condition{StrictEmojiNeutral: true}

func (t Table) titles() []string {
	titles := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		titles[i] = c.Title
	}
	return titles
}

// texts returns the escaped cells.
func (t Table) texts() [][]string {
	rows := make([][]string, len(t.Rows))
	for i, row := range t.Rows {
		rows[i] = make([]string, len(row))
		for j, cell := range row {
			rows[i][j] = core.EscapeControl(cell.Text)
		}
	}
	return rows
}

func (t Table) natural(rows [][]string) []int {
	widths := make([]int, len(t.Columns))
	for _, row := range append([][]string{t.titles()}, rows...) {
		for j, text := range row {
			widths[j] = max(widths[j], screen.StringWidth(text))
		}
	}
	return widths
}

func (t Table) plain(b *bytes.Buffer, style Style) {
	rows := t.texts()
	widths := t.natural(rows)
	t.plainLine(b, t.titles(), nil, widths)
	for i, row := range rows {
		var tones []Tone
		if style.Color {
			for _, cell := range t.Rows[i] {
				tones = append(tones, cell.Tone)
			}
		}
		t.plainLine(b, row, tones, widths)
	}
}

func (t Table) plainLine(b *bytes.Buffer, texts []string, tones []Tone, widths []int) {
	line := ""
	for j, text := range texts {
		pad := strings.Repeat(" ", widths[j]-screen.StringWidth(text))
		if tones != nil {
			text = paint(text, tones[j])
		}
		if t.Columns[j].Right {
			text = pad + text
		} else {
			text += pad
		}
		if j > 0 {
			line += "  "
		}
		line += text
	}
	b.WriteString(strings.TrimRight(line, " "))
	b.WriteByte('\n')
}

func (t Table) boxed(b *bytes.Buffer, style Style) error {
	rows := t.texts()
	widths := fit(t.natural(rows), style.Width-3*len(t.Columns)-1)
	aligns := make([]tw.Align, len(t.Columns))
	for j, c := range t.Columns {
		aligns[j] = tw.AlignLeft
		if c.Right {
			aligns[j] = tw.AlignRight
		}
	}
	symbols := tw.NewSymbols(tw.StyleRounded)
	if style.Borders == streams.BordersASCII {
		symbols = tw.NewSymbols(tw.StyleASCII)
	}
	table := tablewriter.NewTable(b,
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAlignmentConfig(tw.CellAlignment{PerColumn: aligns}),
		tablewriter.WithRowAlignmentConfig(tw.CellAlignment{PerColumn: aligns}),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithEastAsian(tw.Off),
		tablewriter.WithSymbols(symbols),
	)
	table.Header(wrapRow(t.titles(), nil, widths))
	for i, row := range rows {
		var tones []Tone
		if style.Color {
			for _, cell := range t.Rows[i] {
				tones = append(tones, cell.Tone)
			}
		}
		if err := table.Append(wrapRow(row, tones, widths)); err != nil {
			return err
		}
	}
	return table.Render()
}

func wrapRow(texts []string, tones []Tone, widths []int) []string {
	wrapped := make([]string, len(texts))
	for j, text := range texts {
		lines := wrap(text, widths[j])
		if tones != nil {
			for k := range lines {
				lines[k] = paint(lines[k], tones[j])
			}
		}
		wrapped[j] = strings.Join(lines, "\n")
	}
	return wrapped
}

func paint(text string, tone Tone) string {
	if tone == ToneNone || text == "" {
		return text
	}
	return "\x1b[" + toneCodes[tone] + "m" + text + "\x1b[0m"
}

// fit narrows the widest columns until their sum is at most limit, but none
// below what a word needs to be readable.
func fit(natural []int, limit int) []int {
	const least = 6
	widths := slices.Clone(natural)
	sum := 0
	for _, w := range widths {
		sum += w
	}
	for sum > limit {
		widest := 0
		for j, w := range widths {
			if w > widths[widest] {
				widest = j
			}
		}
		if widths[widest] <= least {
			break
		}
		widths[widest]--
		sum--
	}
	return widths
}

// wrap breaks text into lines of at most width columns, at spaces where there
// are any, else between characters.
func wrap(text string, width int) []string {
	var lines []string
	for screen.StringWidth(text) > width {
		cut, space, used := 0, 0, 0
		for i, r := range text {
			w := screen.RuneWidth(r)
			if used+w > width && i > 0 {
				break
			}
			if r == ' ' && i > 0 {
				space = i
			}
			used += w
			cut = i + len(string(r))
		}
		if strings.HasPrefix(text[cut:], " ") {
			space = cut
		}
		if space > 0 {
			cut = space
		}
		lines = append(lines, strings.TrimRight(text[:cut], " "))
		text = strings.TrimLeft(text[cut:], " ")
	}
	return append(lines, text)
}
