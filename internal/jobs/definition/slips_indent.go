package definition

import (
	"fmt"
	"slices"
	"strings"
)

// outdented finds a key that stands too far to the left: those around it are
// indented further, and all of them are keys of one block.
func (s *source) outdented(rows []row, at Pos) (slip, bool) {
	last := len(rows) - 1
	if last < 2 || rows[last].line != at.Line {
		return slip{}, false
	}
	want := rows[last].indent
	i := last - 1
	for i > 0 && rows[i].indent > want {
		i--
	}
	r := rows[i]
	if r.indent >= want || i < last-1 && rows[i+1].indent <= want {
		return slip{}, false
	}
	for j := i - 1; j >= 0 && rows[j].indent >= want; j-- {
		if rows[j].indent == want && s.inOneBlock(rows[j], r, rows[last]) && !s.fits(rows[:j], r) {
			name, _, _ := strings.Cut(r.text, ":")
			return slip{
				Pos{r.line, r.indent + 1},
				fmt.Sprintf("%s is indented by %d, and what follows by %d", name, r.indent, want),
				fmt.Sprintf("indent it by %d, as the keys in line %d and %d", want, rows[j].line, at.Line),
			}, true
		}
	}
	return slip{}, false
}

// fits reports whether a key may well be meant where it stands: beside another of
// the same block.
func (s *source) fits(above []row, r row) bool {
	for _, other := range slices.Backward(above) {
		if other.dashed() && other.indent+len("- ") == r.indent {
			other = row{other.line, r.indent, strings.TrimPrefix(other.text, "- ")}
		}
		if other.indent <= r.indent {
			return other.indent == r.indent && s.inOneBlock(other, r)
		}
	}
	return false
}

// inOneBlock reports whether some block has the keys of all the rows.
func (s *source) inOneBlock(rows ...row) bool {
	var names []string
	for _, r := range rows {
		name := rowKey().FindStringSubmatch(r.text)
		if name == nil || s.grammar == nil {
			return false
		}
		names = append(names, name[1])
	}
	for _, b := range s.grammar.blocks {
		if !slices.ContainsFunc(names, func(name string) bool { return b.index[name] == nil }) {
			return true
		}
	}
	return false
}

// isList reports whether a key has a list of maps.
func (s *source) isList(name string) bool {
	if s.grammar != nil {
		for _, b := range s.grammar.blocks {
			if k := b.index[name]; k != nil && k.shape == many {
				return true
			}
		}
	}
	return false
}

// noEntry finds a key among the entries of a list.
func (s *source) noEntry(rows []row, at Pos) (slip, bool) {
	last := len(rows) - 1
	if last < 1 || rows[last].line != at.Line {
		return slip{}, false
	}
	odd, above, entries := -1, -1, 0 // a key, the row of its indentation above it, and how many entries there are
	parent := last
	for ; parent >= 0 && rows[parent].indent >= rows[last].indent; parent-- {
		switch r := rows[parent]; {
		case r.indent > rows[last].indent:
		case r.dashed():
			if entries++; odd >= 0 && above < 0 {
				above = parent
			}
		default:
			odd, above = parent, -1
		}
	}
	if odd < 0 || entries == 0 || parent < 0 {
		return slip{}, false
	}
	name, list := rowKey().FindStringSubmatch(rows[odd].text), rowKey().FindStringSubmatch(rows[parent].text)
	if name == nil || list == nil || list[0] != rows[parent].text || !s.isList(list[1]) {
		return slip{}, false
	}
	place := Pos{rows[odd].line, rows[odd].indent + 1}
	entry := rowKey().FindStringSubmatch(strings.TrimPrefix(rows[max(above, 0)].text, "- "))
	if above >= 0 && entry != nil && s.inOneBlock(row{text: entry[0]}, row{text: name[0]}) {
		return slip{
			place, name[1] + " stands below the dash of the entry that it belongs to",
			fmt.Sprintf("indent it by %d, as %s in line %d", rows[above].indent+len("- "), entry[1], rows[above].line),
		}, true
	}
	if list[1] == "steps" && !slices.Contains([]string{"step", "flow", "split", "decision"}, name[1]) {
		return slip{place, `an entry of steps begins with "- step: NAME"`, "write - step: " + name[1] + ", and what it does below it"}, true
	}
	return slip{place, `an entry of a list begins with "- "`, "write - " + rows[odd].text}, true
}
