package infile_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
	"github.com/batchctl/batchctl/internal/jobs/fixed"
	"github.com/batchctl/batchctl/internal/jobs/jsonl"
)

// format is a format with a bit of everything that moves positions.
type format struct {
	source func() component.Source
	text   string
	given  map[string]any
	want   []string
}

func formats() map[string]format {
	types := pairs("id", "long", "text", "string", "amount", "decimal(12,2)", "day", "date")
	return map[string]format{
		"csv": {
			csvfile.Source, "junk \"\n# first\r\nid;text;amount;day\r\n1;가나;1.50;2021-01-31\n\n# 'x\n2;'x\ny';;\r\n3;b;1,5;\n4;c\n5;d;-0.1;2021-02-30;more\n6;'''';7;2020-02-29",
			map[string]any{"types": types, "delimiter": ";", "quote": "'", "skip-lines": int64(1), "comment": "#", "ragged": "pad"},
			[]string{
				"long:1|string:가나|decimal:1.50|date:2021-01-31|", "long:2|string:x\ny|null:|null:|",
				`amount: "1,5": want a decimal number`, "long:4|string:c|null:|null:|", "the record has 5 fields, the header has 4",
				"long:6|string:'|decimal:7|date:2020-02-29|", "EOF",
			},
		},
		"jsonl": {
			jsonl.Source, "{\"id\":1,\"text\":\"가나\",\"o\":{\"a\":[0,1.50]},\"day\":\"2021-01-31\"}\r\n\n \t\n[1]\n{\"id\":9007199254740993,\"x\":{\"y\":[{}]},\"text\":\"\\ud83d\\ude00\"}\n{\"id\":1}{}\n{\"id\":2,\"o\":{\"a\":[]},\"day\":null}",
			map[string]any{"types": types, "paths": pairs("amount", "o.a[1]")},
			[]string{
				"long:1|string:가나|decimal:1.50|date:2021-01-31|", `"[1]": at column 1: want an object`,
				"long:9007199254740993|string:😀|null:|null:|", "there is something behind the object", "long:2|null:|null:|null:|", "EOF",
			},
		},
		"fixed": {
			fixed.Source, "head\n0001가나     1.502021-01-31\r\n\n*x\n0002x              \n0003y           1.50  2021-01\n0004z\n   5한    -12.342020-02-29",
			map[string]any{
				"types": types, "columns": pairs("id", "1-4", "text", "5", "amount", "10-15", "day", "10"), "skip-lines": int64(1), "comment": "*",
				"ragged": "pad", "pad": pairs("id", "0"),
			},
			[]string{
				"long:1|string:가나|decimal:1.50|date:2021-01-31|", "long:2|string:x|null:|null:|", "the record has 29 characters, want 25",
				"long:4|string:z|null:|null:|", "long:5|string:한|decimal:-12.34|date:2020-02-29|", "EOF",
			},
		},
	}
}

// TestRestart reads a file in every form, and goes on from each place in it.
func TestRestart(t *testing.T) {
	t.Parallel()
	for name, f := range formats() {
		for packed, p := range packings {
			text := f.text
			if p.encoding != "" {
				text = strings.ReplaceAll(text, "😀", "가")
			}
			t.Run(fmt.Sprintf("CHUNK-54 CHUNK-55 CHUNK-62 %s, %s", name, packed), func(t *testing.T) {
				t.Parallel()
				path := temp(t, p.name, p.pack(text))
				for _, option := range []string{"file", "files"} {
					given := map[string]any{option: path}
					if option == "files" {
						given[option] = filepath.Join(filepath.Dir(path), "in*")
					}
					maps.Copy(given, f.given)
					if p.encoding != "" {
						given["encoding"] = p.encoding
					}
					all := everyRestart(t, f.source(), given)
					if len(all) != len(f.want) {
						t.Fatalf("%d outcomes, want %d: %v", len(all), len(f.want), texts(all))
					}
					for i, want := range f.want {
						if !strings.Contains(all[i].Text, want) {
							t.Errorf("outcome %d is %q, want %q", i, all[i].Text, want)
						}
					}
				}
			})
		}
	}
}

// everyRestart reads to the end, and from behind each record once more.
func everyRestart(t *testing.T, source component.Source, given map[string]any) []outcome {
	t.Helper()
	open := func(ec core.ExecutionContext) []outcome {
		r, err := newReader(t, source, given)
		if err != nil {
			t.Fatal(err)
		}
		all, err := readOut(t, r, ec)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	all := open(core.ExecutionContext{})
	for i := range all {
		if err := all[i].EC.Check(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(texts(open(all[i].EC)), texts(all[i:])); diff != "" {
			t.Errorf("restart behind record %d (-got +want):\n%s", i, diff)
		}
	}
	return all
}

func texts(all []outcome) (out []string) {
	for _, o := range all {
		out = append(out, o.Text+" raw "+o.Raw)
	}
	return out
}

// TestRestartBehindTheMark goes on where nothing but a byte order mark was read.
func TestRestartBehindTheMark(t *testing.T) {
	t.Parallel()
	everyRestart(t, csvfile.Source(), map[string]any{"file": temp(t, "in", []byte("\ufeff1\n2")), "header": false, "columns": []string{"a"}})
	everyRestart(t, jsonl.Source(), map[string]any{"file": temp(t, "in", []byte("\ufeff{\"a\":\"1\"}\n{\"a\":null}")), "columns": []string{"a"}})
}

// TestChangedBetweenRuns changes what was read, and what was not.
func TestChangedBetweenRuns(t *testing.T) {
	t.Parallel()
	for name, f := range formats() {
		for _, packed := range []string{"plain", "gzip", "zstd"} {
			t.Run("83 "+name+" "+packed, func(t *testing.T) {
				t.Parallel()
				p := packings[packed]
				path := temp(t, p.name, p.pack(f.text))
				given := map[string]any{"file": path}
				maps.Copy(given, f.given)
				all := everyRestart(t, f.source(), given)
				at := all[len(all)-2].EC // before the last record
				for what, tt := range map[string]struct {
					text string
					ok   bool
				}{
					"before":  {strings.Replace(f.text, "가", "나", 1), false},
					"behind":  {f.text + "\n", true},
					"shorter": {f.text[:20], false},
				} {
					write(t, path, p.pack(tt.text))
					r, err := newReader(t, f.source(), given)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := readOut(t, r, at); (err == nil) != tt.ok || err != nil && !errors.Is(err, core.ErrCheckpointMismatch) {
						t.Errorf("%s: %v", what, err)
					}
				}
				write(t, path, p.pack(f.text+"x"))
				r, err := newReader(t, f.source(), given)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := readOut(t, r, all[len(all)-1].EC); !errors.Is(err, core.ErrCheckpointMismatch) || !strings.Contains(err.Error(), "was read as the last one") {
					t.Errorf("a last line that grew: %v", err)
				}
			})
		}
	}
}

// TestFiles reads several files as one input.
func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write(t, at("b.csv.gz"), gzipped([]byte("id\n3\nx\n")))
	write(t, at("a.csv"), []byte("id\n1\n2"))
	write(t, at("c.csv"), []byte("id\n"))
	write(t, at("d.csv"), nil)
	write(t, at("e.csv"), []byte("id\n4\n"))
	write(t, at("f.txt"), []byte("id\n5\n"))
	given := map[string]any{"files": at("*.csv*"), "types": pairs("id", "long"), "allow-empty": true}
	all := everyRestart(t, csvfile.Source(), given)
	want := []string{"long:1|", "long:2|", "long:3|", at("b.csv.gz") + `:3: id: "x": want a whole number such as -42`, "long:4|", "EOF"}
	var got []string
	for _, o := range all {
		got = append(got, o.Text)
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Fatalf("(-got +want):\n%s", diff)
	}
	for name, tt := range map[string]struct {
		change func() error
		want   string
	}{
		"83 a new one":            {func() error { return os.WriteFile(at("g.csv"), []byte("id\n6\n"), 0o600) }, "the set of files has changed: 5 matched at the first start"},
		"83 one less":             {func() error { return os.Remove(at("a.csv")) }, "the set of files has changed"},
		"83 a finished one":       {func() error { return os.WriteFile(at("a.csv"), []byte("id\n1\n7"), 0o600) }, "the first 1 files have been read, and one of them has changed since"},
		"83 the one that is read": {func() error { return os.WriteFile(at("b.csv.gz"), gzipped([]byte("id\n8\nx\n")), 0o600) }, "changed since the last commit"},
	} {
		before := map[string][]byte{}
		for _, file := range []string{"a.csv", "b.csv.gz"} {
			before[file], _ = os.ReadFile(at(file))
		}
		if err := tt.change(); err != nil {
			t.Fatal(err)
		}
		r, err := newReader(t, csvfile.Source(), given)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readOut(t, r, all[3].EC); !errors.Is(err, core.ErrCheckpointMismatch) || !strings.Contains(err.Error(), tt.want) || core.Hint(err) == "" {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
		for file, data := range before {
			write(t, at(file), data)
		}
		_ = os.Remove(at("g.csv"))
	}
	if again := everyRestart(t, csvfile.Source(), given); !slices.Equal(texts(again), texts(all)) {
		t.Error("put back, it is not what it was")
	}
	given["files"] = at("*.none")
	r, err := newReader(t, csvfile.Source(), given)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readOut(t, r, nil); err == nil || !strings.Contains(err.Error(), "no file matches") {
		t.Errorf("59 no file: %v", err)
	}
	given["allow-missing"] = true
	if all := everyRestart(t, csvfile.Source(), given); len(all) != 1 {
		t.Errorf("59 no file, allowed: %v", texts(all))
	}
}
