package render

import (
	"bytes"
	"strings"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/streams"
	"github.com/batchctl/batchctl/internal/core"
)

// comfortable is the width that a table with borders is given for its notes,
// where the terminal has it.
const comfortable = 72

// plainNotes writes the notes below row i, wrapped only where the terminal's
// width is known.
func (t Table) plainNotes(b *bytes.Buffer, i int, widths []int, style Style) {
	before := 0
	for _, w := range widths[:t.NoteColumn] {
		before += w + 2
	}
	for _, note := range t.Notes[i] {
		lines := []string{strings.Repeat(" ", note.Indent) + core.EscapeControl(note.Text)}
		if room := style.Width - before; room >= minValue {
			lines = wrapIndented(lines[0], room)
		}
		for _, line := range lines {
			b.WriteString(strings.Repeat(" ", before) + toned(line, note.Tone, style) + "\n")
		}
	}
}

// boxedNotes returns the lines of the notes below row i, borders included.
func (t Table) boxedNotes(i int, widths []int, style Style) []string {
	border := "│"
	if style.Borders == streams.BordersASCII {
		border = "|"
	}
	var left strings.Builder
	left.WriteString(border)
	for _, w := range widths[:t.NoteColumn] {
		left.WriteString(strings.Repeat(" ", w+2) + border)
	}
	room := t.noteRoom(widths)
	var drawn []string
	for _, note := range t.Notes[i] {
		text := strings.Repeat(" ", note.Indent) + core.EscapeControl(note.Text)
		for _, line := range wrapIndented(text, room) {
			pad := strings.Repeat(" ", room-screen.StringWidth(line))
			drawn = append(drawn, left.String()+" "+toned(line, note.Tone, style)+pad+" "+border)
		}
	}
	return drawn
}

// toned paints the text of a line, but not the spaces before it.
func toned(line string, tone Tone, style Style) string {
	if !style.Color {
		return line
	}
	bare := strings.TrimLeft(line, " ")
	return line[:len(line)-len(bare)] + paint(bare, tone)
}

// noteRoom is the width of a note in a table with borders.
func (t Table) noteRoom(widths []int) int {
	room := 3 * (len(widths) - t.NoteColumn - 1)
	for _, w := range widths[t.NoteColumn:] {
		room += w
	}
	return room
}

// widen gives the column of the notes more room where the notes need it and the
// terminal has it.
func (t Table) widen(widths []int, style Style) {
	needed := 0
	for _, notes := range t.Notes {
		for _, note := range notes {
			needed = max(needed, note.Indent+screen.StringWidth(core.EscapeControl(note.Text)))
		}
	}
	total := 3*len(widths) + 1
	for _, w := range widths {
		total += w
	}
	more := min(needed-t.noteRoom(widths), comfortable-total)
	if style.Width > 0 {
		more = min(more, style.Width-total)
	}
	widths[t.NoteColumn] += max(0, more)
}

// stretch fills the titles up to the widths of their columns: a column would
// else be as wide as what stands in it, and the notes wider than the table.
func (t Table) stretch(head []string, widths []int) {
	for j, title := range head {
		first, rest, _ := strings.Cut(title, "\n")
		pad := strings.Repeat(" ", max(0, widths[j]-screen.StringWidth(first)))
		if t.Columns[j].Right {
			first = pad + first
		} else {
			first += pad
		}
		if rest != "" {
			first += "\n" + rest
		}
		head[j] = first
	}
}

// overwrite replaces lines of b, counted from 0.
func overwrite(b *bytes.Buffer, with map[int]string) {
	if len(with) == 0 {
		return
	}
	lines := strings.Split(b.String(), "\n")
	for i, text := range with {
		lines[i] = text
	}
	b.Reset()
	b.WriteString(strings.Join(lines, "\n"))
}
