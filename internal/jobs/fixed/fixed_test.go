package fixed_test

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/fixed"
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
		path = filepath.Join(tb.TempDir(), "in")
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	all := map[string]any{"file": path}
	maps.Copy(all, given)
	source := fixed.Source()
	v, err := component.NewValues(source.Spec, all)
	if err != nil {
		tb.Fatal(err)
	}
	schema, err := source.Schema(v)
	if err != nil {
		return []string{err.Error()}
	}
	r, err := source.New(nil, v, schema)
	if err != nil {
		tb.Fatal(err)
	}
	stream := r.(core.ItemStream)
	defer stream.Close()
	if err := stream.Open(tb.Context(), nil); err != nil {
		return []string{err.Error()}
	}
	var out []string
	dst := make([]record.Record, 1)
	for {
		n, err := r.Read(tb.Context(), dst)
		switch {
		case n == 1:
			text := ""
			for _, v := range dst[0].Values() {
				text += v.Text() + "|"
			}
			out = append(out, text)
		case errors.Is(err, io.EOF):
			return out
		case errors.As(err, new(*core.ItemError)):
			out = append(out, strings.ReplaceAll(err.Error(), path, "in"))
		default:
			tb.Fatal(err)
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	columns := pairs("id", "1-3", "name", "4-6", "n", "8-10")
	types := pairs("n", "long")
	for name, tt := range map[string]struct {
		text  string
		given map[string]any
		want  []string
	}{
		"ranges, with a gap":       {"001a b?  7\n002   ? -7\n", nil, []string{"001|a b|7|", "002||-7|"}},
		"68 short":                 {"001ab \n", nil, []string{`in:1: "001ab ": the record has 6 characters, want 10`}},
		"68 long":                  {"001ab ?  7x\n", nil, []string{`in:1: "001ab ?  7x": the record has 11 characters, want 10`}},
		"68 both allowed":          {"001ab\n001ab ?  7xyz\n", map[string]any{"ragged": "both"}, []string{"001|ab||", "001|ab|7|"}},
		"68 length":                {"001ab ?  7..\n", map[string]any{"length": int64(12)}, []string{"001|ab|7|"}},
		"characters":               {"가나다라 마?  7\n", nil, []string{"가나다|라 마|7|"}},
		"bytes":                    {"가a  ?  7\n", map[string]any{"unit": "bytes"}, []string{"가|a|7|"}},
		"bytes, whole letters":     {"가a  ? 7", map[string]any{"unit": "bytes"}, []string{"the record has 9 bytes, want 10"}},
		"bytes, a letter cut":      {"ab가c ? 7x\n", map[string]any{"unit": "bytes", "ragged": "both"}, []string{"does the range cut a letter?"}},
		"euc-kr bytes":             {"\xb0\xa1a\xb3\xaab?  7\n", map[string]any{"unit": "bytes", "encoding": "euc-kr"}, []string{"가a|나b|7|"}},
		"euc-kr characters":        {"\xb0\xa1\xb3\xaa\xb0\xa1abc?  7\n", map[string]any{"encoding": "euc-kr"}, []string{"가나가|abc|7|"}},
		"71 invalid UTF-8":         {"0\xff1ab ?  7\n", nil, []string{"invalid utf-8, byte 0xff at byte offset 1"}},
		"71 NUL":                   {"0\x001ab ?  7\n", nil, []string{"NUL byte at byte offset 1"}},
		"75 no number":             {"001ab ?1,5\n", nil, []string{`in:1: n: "1,5": want a whole number`}},
		"62 UTF-16":                {"\xff\xfe0\x00", nil, []string{"the file is UTF-16"}},
		"61 byte order mark":       {"\ufeff001ab ?  7\n", nil, []string{"001|ab|7|"}},
		"60 nothing":               {"", nil, nil},
		"72 blank lines":           {"\n   \n001ab ?  7\n\n", nil, []string{"001|ab|7|"}},
		"trim none":                {"0 1ab ?  7\n", map[string]any{"trim": "none"}, []string{"0 1|ab |7|"}},
		"trim pad":                 {" **ab ?  7\n", map[string]any{"trim": "pad", "pad": pairs("id", "*")}, []string{" |ab|7|"}},
		"pad left":                 {"**1ab ?  7\n", map[string]any{"align": pairs("id", "right"), "pad": pairs("id", "*")}, []string{"1|ab|7|"}},
		"zeros":                    {"001ab ?-07\n", map[string]any{"pad": pairs("n", "0")}, []string{"001|ab|-7|"}},
		"required":                 {"   ab ?  7\n", map[string]any{"required": []string{"id"}}, []string{"in:1: id: \"   \": a value is required"}},
		"overlap":                  {"", map[string]any{"columns": pairs("a", "1-5", "b", "5-6")}, []string{"inside of the one before it"}},
		"no range":                 {"", map[string]any{"columns": pairs("a", "x")}, []string{"is no range"}},
		"place 0":                  {"", map[string]any{"columns": pairs("a", "0-3")}, []string{"is no range"}},
		"backwards":                {"", map[string]any{"columns": pairs("a", "5-3")}, []string{"ends before it begins"}},
		"huge":                     {"", map[string]any{"columns": pairs("a", "1-9999999999")}, []string{"is no range"}},
		"align of nothing":         {"", map[string]any{"align": pairs("idd", "left")}, []string{`there is no column "idd"`}},
		"align to nothing":         {"", map[string]any{"align": pairs("id", "up")}, []string{"neither left nor right"}},
		"pad of two":               {"", map[string]any{"pad": pairs("id", "ab")}, []string{"is not one character"}},
		"pad in a number":          {"", map[string]any{"pad": pairs("n", "7")}, []string{"may be a part of the number"}},
		"zeros behind":             {"", map[string]any{"pad": pairs("n", "0"), "align": pairs("n", "left")}, []string{"make it another"}},
		"wide pad in bytes":        {"", map[string]any{"pad": pairs("id", "é"), "unit": "bytes"}, []string{"more than one byte"}},
		"length before the end":    {"", map[string]any{"length": int64(5)}, []string{"before the end of the last column"}},
		"bytes of UTF-16":          {"", map[string]any{"unit": "bytes", "encoding": "utf-16"}, []string{"cannot be bytes"}},
		"type of nothing":          {"", map[string]any{"types": pairs("m", "long")}, []string{`there is no column "m"`}},
		"73 a line beyond the end": {strings.Repeat("x", 100) + "\n001ab ?  7\n", map[string]any{"max-record": int64(50)}, []string{"longer than 50 bytes", "001|ab|7|"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			given := map[string]any{"columns": columns, "types": types}
			if tt.given["columns"] != nil {
				delete(given, "types")
			}
			maps.Copy(given, tt.given)
			got := read(t, tt.text, given)
			if len(got) != len(tt.want) {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
			for i, want := range tt.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("got %q, want %q", got[i], want)
				}
			}
		})
	}
}

func TestTargetChecks(t *testing.T) {
	t.Parallel()
	schema, err := component.MakeSchema(nil, pairs("id", "long", "name", "string"), nil)
	if err != nil {
		t.Fatal(err)
	}
	target := fixed.Target()
	for want, given := range map[string]map[string]any{
		`there is no column "nam"`:              {"columns": pairs("id", "5", "nam", "5")},
		"is no range":                           {"columns": pairs("id", "-5")},
		"before the end of the last column":     {"columns": pairs("id", "5"), "length": int64(4)},
		"no columns are declared":               {},
		"inside of the one before it":           {"columns": pairs("id", "3-5", "name", "1-2")},
		"":                                      {"columns": pairs("name", "5", "id", "5"), "length": int64(20)},
		"zeros behind a number make it another": {"columns": pairs("id", "5"), "pad": pairs("id", "0"), "align": pairs("id", "left")},
	} {
		given["file"] = "/tmp/x"
		v, err := component.NewValues(target.Spec, given)
		if err != nil {
			t.Fatal(err)
		}
		err = target.Check(v, schema)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if (want == "") != (err == nil) || !strings.Contains(got, want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// FuzzFixed: whatever a file holds, reading it ends, the same each time, and a
// record has a value for each column.
func FuzzFixed(f *testing.F) {
	for _, text := range []string{"", "001ab ?  7\n", "가나다라 마?  7\r\n", "\xff\xfe", "\x00", "001ab\n\n", "001ab ?  7xyz", "0\xff1ab ?  7\n"} {
		f.Add(text, true)
		f.Add(text, false)
	}
	path := filepath.Join(f.TempDir(), "in")
	f.Fuzz(func(t *testing.T, text string, bytes bool) {
		given := map[string]any{"file": path, "columns": pairs("id", "1-3", "name", "4-6", "n", "8-10"), "types": pairs("n", "decimal"), "max-record": int64(64), "ragged": "both"}
		if bytes {
			given["unit"], given["encoding"] = "bytes", "euc-kr"
		}
		first := read(t, text, given)
		if diff := cmp.Diff(read(t, text, given), first); diff != "" && !strings.Contains(diff, "open input") {
			t.Errorf("read again (-got +want):\n%s", diff)
		}
	})
}
