package scaffold

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

	lines []int // in which the records begin
}

// Column is a column of the file, and of the table.
type Column struct {
	Name string // in the file
	To   string // in the table, and in SQL
	Kind record.Kind
	// Odd are the values that are not of Kind, as most are.
	Odd []Odd
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
	records := g.split(text)
	if len(records) == 0 {
		return nil, &core.Error{
			Op: "look at " + core.EscapeControl(path), Msg: "the file has no records",
			Hint: "give a file that has a header and some records",
		}
	}
	names := records[0]
	g.Header, g.Unnamed = isHeader(records)
	switch {
	case g.Header:
	case g.Unnamed:
		names = distinct(names)
	default:
		names = distinct(make([]string, len(names)))
	}
	if g.Header || g.Unnamed {
		records, g.lines = records[1:], g.lines[1:]
	}
	g.Records = len(records)
	if err := g.columns(path, names, records); err != nil {
		return nil, err
	}
	g.findKey(names, records)
	return g, nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// split finds the delimiter: the one by which most records have as many fields
// as the first, and more than one.
func (g *Guess) split(text string) [][]string {
	best, bestFit, bestWidth, all := [][]string(nil), 0.0, 0, g.All
	for _, delimiter := range delimiters {
		records, lines, whole := read(text, delimiter)
		if len(records) == 0 {
			continue
		}
		width, fit := len(records[0]), 0
		for _, fields := range records {
			if len(fields) == width {
				fit++
			}
		}
		share := float64(fit) / float64(len(records))
		if best == nil || width > 1 && (bestWidth == 1 || share > bestFit || share == bestFit && width > bestWidth) {
			best, bestFit, bestWidth = records, share, width
			g.Delimiter, g.lines = string(delimiter), lines
			g.All = all && whole
		}
	}
	return best
}

// read reads records up to the first that is broken; that is left to the job,
// which can say more about it. lines are those in which they begin; whole is false
// when there are more than it takes.
func read(text string, delimiter rune) (records [][]string, lines []int, whole bool) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord = delimiter, -1
	for len(records) <= maxRecords {
		fields, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return records, lines, true
		case err != nil:
			return records, lines, false
		}
		line, _ := r.FieldPos(0)
		records, lines = append(records, fields), append(lines, line)
	}
	return records, lines, false
}

// isHeader reports whether the first record has names: all of them different,
// and none of them a value that has a type. One whose names are not all there, or
// not different, is odd, and still a header where a column below it has a type.
func isHeader(records [][]string) (header, odd bool) {
	seen := map[string]bool{}
	typed := false
	for i, name := range records[0] {
		if strings.TrimSpace(name) == "" || seen[name] {
			odd = true
			continue
		}
		if kindOf(name) != record.String {
			return false, false
		}
		seen[name] = true
		kind, _ := kindOfColumn(records[1:], i)
		typed = typed || kind != record.String
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

func (g *Guess) columns(path string, names []string, records [][]string) error {
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
		kind, odd := kindOfColumn(records, i)
		c := Column{Name: name, To: to[i], Kind: kind}
		for _, row := range odd {
			c.Odd = append(c.Odd, Odd{Line: g.lines[row], Text: records[row][i]})
		}
		g.Columns = append(g.Columns, c)
	}
	return nil
}

// findKey takes the first column that is called as keys are, and has a different
// value in every record.
func (g *Guess) findKey(names []string, records [][]string) {
	if len(records) < 2 {
		return
	}
	for i, name := range names {
		kind := g.Columns[i].Kind
		if isKeyName(name, i) && (kind == record.Long || kind == record.String) && unique(records, i) {
			g.Key = name
			return
		}
	}
}

// isKeyName reports whether a column is called as keys are: id anywhere, what
// ends with id only as the first, for later it is the key of something else.
func isKeyName(name string, at int) bool {
	lower := strings.ToLower(strings.TrimSpace(name))
	if slices.Contains([]string{"id", "key", "uuid", "guid"}, lower) {
		return true
	}
	ends := slices.ContainsFunc([]string{"_id", "-id", " id", "_no", "_key", " no"}, func(end string) bool { return strings.HasSuffix(lower, end) })
	return at == 0 && (ends || strings.HasSuffix(name, "Id") || strings.HasSuffix(name, "ID"))
}

func unique(records [][]string, at int) bool {
	seen := make(map[string]bool, len(records))
	for _, fields := range records {
		if at >= len(fields) || fields[at] == "" || seen[fields[at]] {
			return false
		}
		seen[fields[at]] = true
	}
	return true
}

// identifier makes of name one that SQL takes as it is, and that no other column
// has; taken are those that there are, in small letters.
func identifier(name, otherwise string, taken map[string]bool) string {
	var b strings.Builder
	for _, r := range strings.TrimSpace(name) {
		switch {
		case r == '_', 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	base := strings.Trim(b.String(), "_")
	if name == b.String() {
		base = name // also _id
	}
	switch {
	case base == "":
		base = otherwise
	case '0' <= base[0] && base[0] <= '9':
		base = otherwise + "_" + base
	}
	base = base[:min(len(base), 56)]
	unique := base
	for n := 2; taken[strings.ToLower(unique)]; n++ {
		unique = fmt.Sprintf("%s_%d", base, n)
	}
	taken[strings.ToLower(unique)] = true
	return unique
}
