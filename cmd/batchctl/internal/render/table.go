package render

import (
	"bytes"
	"io"
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
	ToneDim
)

var toneCodes = [...]string{ToneNone: "", ToneGood: "32", ToneBad: "31", ToneWarn: "33", ToneBusy: "36", ToneDim: "2"}

// Cell is one field of a table. Text comes as it is; it is escaped here.
type Cell struct {
	Text string
	Tone Tone
	// Indent is by how many columns the text is moved in, on every line of it.
	Indent int
}

// Column is the head of a column.
type Column struct {
	Title string
	// Right aligns numbers.
	Right bool
	// Wrap lets the column become narrow before others do.
	Wrap bool
}

// Table is text in columns.
type Table struct {
	Columns []Column
	Rows    [][]Cell
	// Notes are lines below a row, by its index: they begin in the column
	// NoteColumn and go across those behind it.
	Notes      map[int][]Cell
	NoteColumn int
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
	if style.Borders == streams.BordersNone || !t.fits(style) {
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

// texts returns the escaped cells, moved in.
func (t Table) texts() [][]string {
	rows := make([][]string, len(t.Rows))
	for i, row := range t.Rows {
		rows[i] = make([]string, len(row))
		for j, cell := range row {
			rows[i][j] = strings.Repeat(" ", cell.Indent) + core.EscapeControl(cell.Text)
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
		t.plainNotes(b, i, widths, style)
	}
}

func (t Table) plainLine(b *bytes.Buffer, texts []string, tones []Tone, widths []int) {
	var line strings.Builder
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
			line.WriteString("  ")
		}
		line.WriteString(text)
	}
	b.WriteString(strings.TrimRight(line.String(), " "))
	b.WriteByte('\n')
}

func (t Table) boxed(b *bytes.Buffer, style Style) error {
	rows := t.texts()
	widths := t.fit(rows, style)
	moveOut(rows, t.natural(rows), widths)
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
		tablewriter.WithEastAsian(false),
		tablewriter.WithSymbols(symbols),
	)
	if len(t.Notes) > 0 {
		t.widen(widths, style)
	}
	head := wrapRow(t.titles(), nil, widths)
	if len(t.Notes) > 0 {
		t.stretch(head, widths)
	}
	table.Header(head)
	line, notes := height(head)+2, map[int]string{} // the head stands between two borders
	for i, row := range rows {
		var tones []Tone
		if style.Color {
			for _, cell := range t.Rows[i] {
				tones = append(tones, cell.Tone)
			}
		}
		wrapped := wrapRow(row, tones, widths)
		if err := table.Append(wrapped); err != nil {
			return err
		}
		line += height(wrapped)
		for _, note := range t.boxedNotes(i, widths, style) {
			if err := table.Append(make([]string, len(t.Columns))); err != nil {
				return err
			}
			notes[line] = note
			line++
		}
	}
	if err := table.Render(); err != nil {
		return err
	}
	overwrite(b, notes)
	return nil
}

func wrapRow(texts []string, tones []Tone, widths []int) []string {
	wrapped := make([]string, len(texts))
	for j, text := range texts {
		lines := wrapIndented(text, widths[j])
		if tones != nil {
			for k := range lines {
				lines[k] = paint(lines[k], tones[j])
			}
		}
		wrapped[j] = strings.Join(lines, "\n")
	}
	return wrapped
}

// height is the number of lines of a wrapped row.
func height(wrapped []string) int {
	lines := 1
	for _, text := range wrapped {
		lines = max(lines, 1+strings.Count(text, "\n"))
	}
	return lines
}

func paint(text string, tone Tone) string {
	if tone == ToneNone || text == "" {
		return text
	}
	return "\x1b[" + toneCodes[tone] + "m" + text + "\x1b[0m"
}

// The least widths that columns are narrowed to: those that wrap, and the rest
// where that is not enough.
const (
	leastWrapped = 8
	leastOther   = 6
	decent       = 14
)

// fitsNaturally is fits without any narrowing.
func (t Table) fitsNaturally(style Style) bool {
	sum := 3*len(t.Columns) + 1
	for _, w := range t.natural(t.texts()) {
		sum += w
	}
	return style.Width == 0 || sum <= style.Width
}

// fitsDecently is fits without breaking what is no longer than a word: columns
// that wrap have decent columns at least.
func (t Table) fitsDecently(style Style) bool {
	sum := 3*len(t.Columns) + 1
	for j, w := range t.natural(t.texts()) {
		if t.Columns[j].Wrap {
			w = min(w, decent)
		}
		sum += w
	}
	return style.Width == 0 || sum <= style.Width
}

// fits reports whether the table with borders is at most as wide as the
// terminal.
func (t Table) fits(style Style) bool {
	if style.Width == 0 {
		return true
	}
	sum := 3*len(t.Columns) + 1
	for _, w := range t.fit(t.texts(), style) {
		sum += w
	}
	return sum <= style.Width
}

// fit returns the widths of the columns: as they come, or narrowed until the
// table fits, if it can.
func (t Table) fit(rows [][]string, style Style) []int {
	widths := t.natural(rows)
	if style.Width == 0 {
		return widths
	}
	excess := 3*len(t.Columns) + 1 - style.Width
	for _, w := range widths {
		excess += w
	}
	excess = t.narrow(widths, excess, leastWrapped, func(c Column) bool { return c.Wrap })
	t.narrow(widths, excess, leastOther, func(Column) bool { return true })
	return widths
}

// narrow takes excess from the widest of the columns that may give, and returns
// what is left of it.
func (t Table) narrow(widths []int, excess, least int, may func(Column) bool) int {
	for ; excess > 0; excess-- {
		widest := -1
		for j, w := range widths {
			if may(t.Columns[j]) && w > least && (widest < 0 || w > widths[widest]) {
				widest = j
			}
		}
		if widest < 0 {
			return excess
		}
		widths[widest]--
	}
	return 0
}

// moveOut takes back as much of what the texts of a narrowed column are moved in
// as it needs to leave half of the width for them, in proportion: levels stay
// apart.
func moveOut(rows [][]string, natural, widths []int) {
	for j, width := range widths {
		if width >= natural[j] {
			continue
		}
		deepest := 0
		for _, row := range rows {
			deepest = max(deepest, len(row[j])-len(strings.TrimLeft(row[j], " ")))
		}
		if most := width / 2; deepest > most {
			for _, row := range rows {
				bare := strings.TrimLeft(row[j], " ")
				row[j] = strings.Repeat(" ", (len(row[j])-len(bare))*most/deepest) + bare
			}
		}
	}
}

// wrapIndented is wrap for a text that begins with spaces: every line does, as
// far as that leaves half of the width for the text.
func wrapIndented(text string, width int) []string {
	bare := strings.TrimLeft(text, " ")
	if screen.StringWidth(text) <= width {
		return []string{text}
	}
	indent := min(len(text)-len(bare), width/2)
	lines := wrap(bare, width-indent)
	for i := range lines {
		lines[i] = strings.Repeat(" ", indent) + lines[i]
	}
	return lines
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
