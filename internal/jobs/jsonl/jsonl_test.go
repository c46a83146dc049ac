package jsonl_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/jsonl"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

func pairs(texts ...string) []component.Pair {
	var out []component.Pair
	for i := 0; i < len(texts); i += 2 {
		out = append(out, component.Pair{Name: texts[i], Value: texts[i+1]})
	}
	return out
}

// read reads a text to its end: the texts of records and errors.
func read(tb testing.TB, text string, given map[string]any) []string {
	tb.Helper()
	path, ok := given["file"].(string)
	if !ok {
		path = filepath.Join(tb.TempDir(), "in.jsonl")
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	given["file"] = path
	source := jsonl.Source()
	v, err := component.NewValues(source.Spec, given)
	if err != nil {
		tb.Fatal(err)
	}
	schema, err := source.Schema(v)
	if err != nil {
		return []string{"schema: " + err.Error()}
	}
	r, err := source.New(nil, v, schema)
	if err != nil {
		tb.Fatal(err)
	}
	stream := r.(core.ItemStream)
	defer stream.Close()
	if err := stream.Open(tb.Context(), nil); err != nil {
		return []string{"open: " + err.Error()}
	}
	var out []string
	dst := make([]record.Record, 1)
	for {
		n, err := r.Read(tb.Context(), dst)
		bad, isBad := errors.AsType[*core.ItemError](err)
		switch {
		case n == 1:
			text := ""
			for _, v := range dst[0].Values() {
				text += v.Kind().String() + ":" + v.Text() + "|"
			}
			out = append(out, text)
		case errors.Is(err, io.EOF):
			return out
		case isBad && bad.Line > 0 && core.ClassOf(err, "") == core.ClassReadParse:
			out = append(out, strings.ReplaceAll(err.Error(), path, "in"))
		default:
			tb.Fatal(err)
		}
	}
}

func deep(open, inner, end string, n int) string {
	return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
}

func TestLines(t *testing.T) {
	t.Parallel()
	types := pairs("n", "long", "d", "decimal(6,2)", "f", "double", "s", "string", "day", "date", "b", "bool")
	for name, tt := range map[string]struct{ line, want string }{
		"77 no JSON":                 {"hello", `in:1: "hello": at column 1: want an object`},
		"77 a list":                  {"[1]", "want an object"},
		"77 a text":                  {`"x"`, "want an object"},
		"77 null":                    {"null", "want an object"},
		"78 a name twice":            {`{"n":1,"x":{"a":1,"a":2}}`, `the name "a" is there twice`},
		"78 twice by an escape":      {`{"n":1,"\u006e":2}`, `the name "n" is there twice`},
		"78 the same name elsewhere": {`{"n":1,"x":{"n":2},"y":{"n":3}}`, "long:1|"},
		"78 depth 64":                {`{"s":null,"x":` + deep("[", "1", "]", 63) + `}`, "null:|null:|null:|null:|null:|null:|"},
		"78 depth 65":                {`{"x":` + deep("[", "1", "]", 64) + `}`, "more than 64 levels"},
		"78 depth 10000":             {deep(`{"a":`, "1", "}", 10_000), "more than 64 levels"},
		"78 exact long":              {`{"n":9007199254740993}`, "long:9007199254740993|"},
		"78 exact decimal":           {`{"d":"0.10","n":-0}`, "long:0|decimal:0.10|"},
		"78 too large":               {`{"n":9223372036854775808}`, "does not fit into 64 bits"},
		"78 no whole number":         {`{"n":1.0}`, "want a whole number"},
		"78 no exponent in a long":   {`{"n":1e3}`, "want a whole number"},
		"76 too many digits":         {`{"d":1.234}`, "3 digits behind the point, the column has 2"},
		"double":                     {`{"f":1.5e-3}`, "double:0.0015|"},
		"79 lone surrogate":          {`{"s":"\ud800"}`, "half of a surrogate pair"},
		"79 lone low surrogate":      {`{"s":"\udc00x"}`, "half of a surrogate pair"},
		"79 surrogates reversed":     {`{"s":"\udc00\ud800"}`, "half of a surrogate pair"},
		"79 lone in a name":          {`{"\ud800":1}`, "half of a surrogate pair"},
		"79 NaN":                     {`{"f":NaN}`, "want a value"},
		"79 Infinity":                {`{"f":-Infinity}`, "want a number"},
		"79 a pair":                  {`{"s":"\ud83d\ude00\/\b\n"}`, "string:😀/\b\n|"},
		"80 concatenated":            {`{"n":1}{"n":2}`, "there is something behind the object"},
		"80 garbage behind":          {`{"n":1} x`, "there is something behind the object"},
		"80 a comma at the end":      {`{"n":1,}`, `want the name of a member`},
		"not closed":                 {`{"n":1`, "the line ends at column 7: want , or }"},
		"a leading zero":             {`{"n":01}`, "want a number"},
		"a plus":                     {`{"n":+1}`, "want a value"},
		"a point alone":              {`{"f":1.}`, "want a number"},
		"a single quote":             {`{'n':1}`, "want the name of a member"},
		"a control character":        {"{\"s\":\"a\tb\"}", "has to be escaped"},
		"a bad escape":               {`{"s":"\x41"}`, "there is no such escape"},
		"a short escape":             {`{"s":"\u12"}`, "there is no such escape"},
		"71 bad bytes":               {"{\"s\":\"\xff\"}", "invalid UTF-8, byte 0xff at byte offset 7"},
		"75 a number as text":        {`{"n":"1,234"}`, "want a whole number"},
		"a number for a text":        {`{"s":5}`, "it is a number, want a string"},
		"a text for a double":        {`{"f":"1"}`, "it is a text, want a double"},
		"a bool":                     {`{"b":true,"day":"2021-02-28"}`, "date:2021-02-28|bool:true|"},
		"a bool for a number":        {`{"n":true}`, "want a long"},
		"an object for a column":     {`{"s":{"x":1}}`, "s.x names what is in it"},
		"no such day":                {`{"day":"2021-02-30"}`, "there is no such day"},
		"an empty number":            {`{"n":""}`, "want a long or null"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := read(t, "\n"+tt.line+"\n"+`{"n":7}`+"\n \n", map[string]any{"types": types})
			want := strings.ReplaceAll(tt.want, "in:1", "in:2")
			if len(got) != 2 || !strings.Contains(got[0], want) || !strings.HasPrefix(got[1], "long:7|") {
				t.Errorf("got %q, want %q and the record behind it", got, want)
			}
		})
	}
}

func TestManyNames(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 100 {
		b.WriteString(`"k` + strings.Repeat("x", i) + `":0,`)
	}
	good, bad := "{"+b.String()+`"n":1}`, "{"+b.String()+`"kxxx":1}`
	got := read(t, good+"\n"+bad+"\n", map[string]any{"columns": []string{"n"}, "types": pairs("n", "long")})
	if len(got) != 2 || got[0] != "long:1|" || !strings.Contains(got[1], `the name "kxxx" is there twice`) {
		t.Errorf("78: got %q", got)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	got := read(t, `{"s":"`+strings.Repeat("x", 200)+"\"}\n{\"s\":\"y\"}\n"+strings.Repeat("z", 300), map[string]any{"columns": []string{"s"}, "max-record": int64(100)})
	if len(got) != 3 || !strings.Contains(got[0], "longer than 100 bytes; passed over 209") || got[1] != "string:y|" || !strings.Contains(got[2], "passed over 300") {
		t.Errorf("73: got %q", got)
	}
}

func TestRequired(t *testing.T) {
	t.Parallel()
	got := read(t, "{\"t\":\"\"}\n{\"s\":null}\n{\"s\":\"\"}\n{\"s\":\"x\"}\n", map[string]any{"columns": []string{"s", "t"}, "required": []string{"s"}})
	for i, text := range got[:3] {
		if !strings.Contains(text, "s: ") || !strings.Contains(text, "a value is required") {
			t.Errorf("70: record %d: %q", i, text)
		}
	}
	if got[3] != "string:x|null:|" {
		t.Errorf("got %q", got)
	}
}

// TestUnmatched: an object in which no column is found is not a record of nulls,
// unless somebody says that it may be.
func TestUnmatched(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		line string
		want string
	}{
		"other names":     {`{"ID":1,"Name":"x"}`, `in:1: none of the columns "id", "city" is in the object, which has "ID", "Name"`},
		"not at its path": {`{"address":{"City":"x"}}`, `none of the columns "id", "city" is in the object, which has "address"`},
		"nothing":         {`{}`, `none of the columns "id", "city" is in the object, which is empty`},
		"many":            {`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":{"id":1},"j":1}`, `which has "a", "b", "c", "d", "e", "f", "g", "h" and 2 more`},
		"a null":          {`{"id":null}`, "null:|null:|"},
		"one of two":      {`{"address":{"city":"x"}}`, "null:|string:x|"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			given := map[string]any{"columns": []string{"id", "city"}, "paths": pairs("city", "address.city")}
			got := read(t, tt.line+"\n", given)
			if len(got) != 1 || !strings.Contains(got[0], tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			given["allow-unmatched"] = true
			if got := read(t, tt.line+"\n", given); len(got) != 1 || strings.HasPrefix(got[0], "in:") {
				t.Errorf("with allow-unmatched: got %q", got)
			}
		})
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	columns := []string{"a", "b"}
	for name, tt := range map[string]struct {
		paths []component.Pair
		want  string
	}{
		"nested":         {pairs("a", "o.list[1].x", "b", "m[0][1]"), "string:1x|string:m01|"},
		"behind":         {pairs("a", "o", "b", "o.list"), `the path "o.list" goes on behind another column`},
		"before":         {pairs("a", "o.list", "b", "o"), `the path "o" is, or goes on in, that of another column`},
		"through a name": {pairs("a", "b.c"), "a path goes through the column"},
		"no such column": {pairs("c", "o"), `there is no column "c"`},
		"empty":          {pairs("a", ""), "has a place without a name"},
		"two points":     {pairs("a", "x..y"), "has a place without a name"},
		"no number":      {pairs("a", "x[y]"), "has a [ without a number"},
		"negative":       {pairs("a", "x[-1]"), "has a [ without a number"},
		"not closed":     {pairs("a", "x[1"), "has a [ without a number"},
		"behind a ]":     {pairs("a", "x[1]y"), "cannot be read at"},
		"a ]":            {pairs("a", "x]"), "cannot be read at"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := read(t, `{"o":{"list":[0,{"x":"1x"}]},"m":[["m00","m01"]]}`, map[string]any{"columns": columns, "paths": tt.paths})
			if len(got) != 1 || !strings.Contains(got[0], tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
