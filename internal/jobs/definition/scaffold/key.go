package scaffold

import (
	"slices"
	"strings"
	"unicode"

	"github.com/batchctl/batchctl/internal/jobs/record"
)

// enough is how many records must differ in a column before that says something
// about one whose name says little.
const enough = 10

// keyWords are names of keys, and the last words of such names.
var keyWords = [...]string{
	"id", "key", "uuid", "guid", "nr", "no", "num", "number", "code", "sku", "ref", "reference",
	"nummer", "kennung", "schlüssel", "numéro", "numero", "número", "clave", "codigo", "código", "codice", "kod",
	"번호", "코드", "아이디", "番号", "編號", "编号", "コード",
}

// findKey takes a column whose values are all there and all different, and whose
// name or place says that it is a key: the first where it is called as keys are,
// one that is called that and nothing more, then, of many records, one that ends
// so, and the first if it has numbers or codes.
func (g *Guess) findKey(names []string, rows []row) {
	if len(rows) < 2 {
		return
	}
	best := 0
	for i, name := range names {
		kind := g.Columns[i].Kind
		if kind != record.Long && kind != record.String {
			continue
		}
		rank := keyRank(name, i, len(rows))
		if rank == 0 && i == 0 && len(rows) >= enough && (kind == record.Long || codes(rows, i)) {
			rank = 1
		}
		if rank > best && len(g.Columns[i].Odd) == 0 && unique(rows, i) {
			g.Key, best = name, rank
		}
	}
}

// keyRank says how much the name of a column speaks for a key: id anywhere, what
// ends with id first of all in the first column, for later it may be the key of
// something else.
func keyRank(name string, at, rows int) int {
	whole, ends := isKeyName(name)
	switch {
	case at == 0 && (whole || ends):
		return 4
	case whole:
		return 3
	case ends && rows >= enough:
		return 2
	}
	return 0
}

func isKeyName(name string) (whole, ends bool) {
	parts := words(name)
	if len(parts) == 0 {
		return false, false
	}
	last := parts[len(parts)-1]
	ends = slices.Contains(keyWords[:], last) ||
		slices.ContainsFunc([]string{"nummer", "번호", "코드", "番号", "编号"}, func(end string) bool { return strings.HasSuffix(last, end) })
	return ends && len(parts) == 1 && slices.Contains(keyWords[:], last), ends
}

// words splits a name, in small letters: also customerId and customer-ID.
func words(name string) []string {
	var b strings.Builder
	small := false
	for _, r := range name {
		if small && unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		small = unicode.IsLower(r)
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			r = ' '
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return strings.Fields(b.String())
}

// codes reports whether all values are words with a digit in them, as M-1001.
func codes(rows []row, at int) bool {
	return !slices.ContainsFunc(rows, func(r row) bool {
		return strings.ContainsFunc(r.fields[at], unicode.IsSpace) || !strings.ContainsFunc(r.fields[at], unicode.IsDigit)
	})
}

func unique(rows []row, at int) bool {
	seen := make(map[string]bool, len(rows))
	for _, r := range rows {
		if r.fields[at] == "" || seen[r.fields[at]] {
			return false
		}
		seen[r.fields[at]] = true
	}
	return true
}
