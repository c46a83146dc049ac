package csvfile_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
	"github.com/batchctl/batchctl/internal/jobs/infile"
)

func charset(tb testing.TB, name string) infile.Options {
	tb.Helper()
	c, err := infile.FindCharset(name)
	if err != nil {
		tb.Fatal(err)
	}
	return infile.Options{Charset: c}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	ab := []csvfile.Column{{Name: "a"}, {Name: "b"}}
	for name, tt := range map[string]struct {
		text  string
		cfg   csvfile.ReaderConfig
		items [][]string
		errs  []string // parts
	}{
		"no quotes":             {"a|b\n\"x|y\"\nit's|5\" pipe\n", csvfile.ReaderConfig{Comma: '|', NoQuotes: true}, [][]string{{`"x`, `y"`}, {"it's", `5" pipe`}}, nil},
		"no quotes, lone CR":    {"a,b\n\"x\ry,z\n1,2\n", csvfile.ReaderConfig{NoQuotes: true}, [][]string{{"1", "2"}}, []string{"carriage return without line feed"}},
		"another quote":         {"a,b\n'x,''y','\"'\n\"1,2\"\n", csvfile.ReaderConfig{Quote: '\''}, [][]string{{"x,'y", `"`}, {`"1`, `2"`}}, nil},
		"another quote, bare":   {"a,b\nx'y,1\n2,3\n", csvfile.ReaderConfig{Quote: '\''}, [][]string{{"2", "3"}}, []string{"quote in a field that is not quoted, at 2:2"}},
		"no header":             {"1,2\n3,4\n", csvfile.ReaderConfig{NoHeader: true, Columns: ab}, [][]string{{"1", "2"}, {"3", "4"}}, nil},
		"68 no header, width":   {"1,2\n3\n", csvfile.ReaderConfig{NoHeader: true, Columns: ab}, [][]string{{"1", "2"}}, []string{"the record has 1 field, want 2"}},
		"60 no header, nothing": {"", csvfile.ReaderConfig{NoHeader: true, Columns: ab, AllowEmpty: true}, nil, nil},
		"skip lines":            {"\"x\n,\na,b\n1,2\n", csvfile.ReaderConfig{SkipLines: 2}, [][]string{{"1", "2"}}, nil},
		"skip all lines":        {"x", csvfile.ReaderConfig{SkipLines: 5, AllowEmpty: true}, nil, nil},
		"comments":              {"# a\na,b\n#\"x\n1,\"\n#y\"\n #,2\n#", csvfile.ReaderConfig{Comment: "#"}, [][]string{{"1", "\n#y"}, {" #", "2"}}, nil},
		"68 pad":                {"a,b\n1\n2,3,4\n\"5\"\n\"\n\"\n", csvfile.ReaderConfig{Ragged: csvfile.PadShort}, [][]string{{"1", ""}, {"5", ""}, {"\n", ""}}, []string{"the record has 3 fields, the header has 2"}},
		"68 cut":                {"a,b\n1\n2,3,4\n\"5\",6,\"7\"\n", csvfile.ReaderConfig{Ragged: csvfile.CutLong}, [][]string{{"2", "3"}, {"5", "6"}}, []string{"the record has 1 field, the header has 2"}},
		"68 pad and cut":        {"a,b\n1\n2,3,4\n", csvfile.ReaderConfig{Ragged: csvfile.CutLong | csvfile.PadShort}, [][]string{{"1", ""}, {"2", "3"}}, nil},
		"euc-kr":                {"a,\xb0\xa1\n\xb3\xaa,\"\xb0\xa1\"\n1,\xff\n\"\xb0\xa1\"x,1\n", csvfile.ReaderConfig{Source: charset(t, "euc-kr")}, [][]string{{"나", "가"}}, []string{"invalid euc-kr, byte 0xff at byte 0 of the field", `"\"가\"x,1": text behind the closing quote`}},
		"windows-1252":          {"a;b\n\x80;caf\xe9\n", csvfile.ReaderConfig{Comma: ';', Source: charset(t, "windows-1252")}, [][]string{{"€", "café"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.cfg.Path = file(t, tt.text)
			r := newFields(tt.cfg)
			mustOpen(t, r, nil)
			items, errs := readAll(t, r)
			if diff := cmp.Diff(items, tt.items); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
			if len(errs) != len(tt.errs) {
				t.Fatalf("errors %v, want %q", errs, tt.errs)
			}
			for i, want := range tt.errs {
				if !strings.Contains(errs[i].Error(), want) {
					t.Errorf("got %v, want %q", errs[i], want)
				}
			}
		})
	}
}

func TestOptionsRefused(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]csvfile.ReaderConfig{
		`';' cannot be the quote beside the delimiter`:       {Comma: ';', Quote: ';'},
		"needs the names of its columns":                     {NoHeader: true},
		"'|' cannot be the delimiter of a file in shift_jis": {Comma: '|', Source: charset(t, "shift_jis")},
		"cannot begin a comment":                             {Comment: `"x`},
		"-1 lines cannot be skipped":                         {SkipLines: -1},
		"mark of UTF-8":                                      {Source: charset(t, "euc-kr")},
		"cannot be cut into ranges":                          {Source: charset(t, "utf-16le"), Size: 5},
	} {
		cfg.Path = file(t, "\ufeffa,b\n1,2\n")
		if err := open(t, newFields(cfg), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestSourceRefuses(t *testing.T) {
	t.Parallel()
	types := []component.Pair{{Name: "a", Value: "long"}}
	for option, given := range map[string]map[string]any{
		"file":      {"types": types},
		"files":     {"types": types, "file": "x", "files": "y*"},
		"types":     {"file": "x"},
		"columns":   {"file": "x", "types": types, "header": false},
		"delimiter": {"file": "x", "types": types, "delimiter": "é"},
		"quote":     {"file": "x", "types": types, "quote": "é"},
		"encoding":  {"file": "x", "types": types, "encoding": "utf-9"},
		"required":  {"file": "x", "types": types, "required": []string{"b"}},
	} {
		source := csvfile.Source()
		v, err := component.NewValues(source.Spec, given)
		if err != nil {
			t.Fatal(err)
		}
		_, err = source.Schema(v)
		wrong, ok := errors.AsType[*component.OptionError](err)
		if !ok || wrong.Option != option || !errors.Is(err, core.ErrJobDefinition) {
			t.Errorf("%s: got %v", option, err)
		}
	}
}
