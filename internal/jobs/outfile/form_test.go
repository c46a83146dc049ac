package outfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// TestPackedByOthers has packed files unpacked by the programs that everybody
// has: many pieces, none, and a footer larger than a block of stored bytes.
func TestPackedByOthers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		program string
		chunks  int
		footer  int
	}{
		"chunks.gz": {"gzip", 5, 3}, "none.gz": {"gzip", 0, 0}, "long.gz": {"gzip", 1, 3<<16 + 1},
		"chunks.zst": {"zstd", 5, 3}, "none.zst": {"zstd", 0, 0}, "long.zst": {"zstd", 1, 3<<17 + 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program, err := exec.LookPath(tt.program)
			if err != nil {
				t.Skipf("%v", err)
			}
			path := filepath.Join(t.TempDir(), name)
			f := formats()["csv"]
			w := newWriter(t, f, path, map[string]any{"header": false})
			if tt.footer > 0 {
				w.Frame(nil, func(int64) (string, error) { return strings.Repeat("x", tt.footer), nil })
			}
			do(t, w.Open(t.Context(), nil))
			var want strings.Builder
			for _, r := range rows(t, tt.chunks) {
				do(t, chunk(t.Context(), w, core.ExecutionContext{}, []record.Record{r}))
				want.WriteString(`"` + strings.ReplaceAll(r.Value(0).Str(), `"`, `""`) + `",-12,1.5,-0.10,2021-01-31,2021-01-31T01:02:03.5Z,true` + "\n")
			}
			if tt.footer > 0 {
				want.WriteString(strings.Repeat("x", tt.footer) + "\n")
			}
			do(t, w.Finish(t.Context()), w.Close())
			var stderr bytes.Buffer
			cmd := exec.CommandContext(t.Context(), program, "-d", "-c", path)
			cmd.Stderr = &stderr
			got, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, stderr.String())
			}
			if string(got) != want.String() {
				t.Errorf("got %d bytes, want %d:\n%.300s", len(got), want.Len(), got)
			}
			if mine := text(t, path); mine != want.String() {
				t.Errorf("our reader has %d bytes, want %d", len(mine), want.Len())
			}
		})
	}
}

// TestForm compares the bytes of files, which no reader of ours has seen.
func TestForm(t *testing.T) {
	t.Parallel()
	bad := parse(t, "né;'", "-", "-", "-", "-", "-", "-")
	for name, tt := range map[string]struct {
		format string
		more   map[string]any
		want   string
	}{
		"latin":     {"csv", map[string]any{"encoding": "iso-8859-1"}, "H\xe9\ns\nn\xe9;'\n"},
		"mark":      {"csv", map[string]any{"byte-order-mark": true}, "\ufeffHé\ns\nné;'\n"},
		"wide":      {"csv", map[string]any{"encoding": "utf-16le", "byte-order-mark": true, "header": false}, "\xff\xfeH\x00\xe9\x00\n\x00n\x00\xe9\x00;\x00'\x00\n\x00"},
		"wide, be":  {"csv", map[string]any{"encoding": "utf-16be", "header": false}, "\x00H\x00\xe9\x00\n\x00n\x00\xe9\x00;\x00'\x00\n"},
		"euro":      {"jsonl", map[string]any{"encoding": "shift_jis"}, "H\n{\"s\":\"n\\u00e9;'\"}\n"},
		"quote":     {"csv", map[string]any{"quote": "'", "delimiter": ";"}, "Hé\ns\n'né;'''\n"},
		"all":       {"csv", map[string]any{"quoting": "all"}, "Hé\n\"s\"\n\"né;'\"\n"},
		"no quotes": {"csv", map[string]any{"quote": "", "line-end": "crlf"}, "Hé\r\ns\r\nné;'\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := target(t)
			w := newWriter(t, formats()[tt.format], path, joined(tt.more, map[string]any{"columns": []string{"s"}}))
			header := "Hé"
			if tt.format == "jsonl" {
				header = "H"
			}
			w.Frame(func() (string, error) { return header, nil }, nil)
			do(t, w.Open(t.Context(), nil), chunk(t.Context(), w, core.ExecutionContext{}, []record.Record{bad}), w.Finish(t.Context()), w.Close())
			if got := content(t, path); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestNulls tells null from texts and numbers that look like it.
func TestNulls(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		more map[string]any
		want string
	}{
		"empty":      {map[string]any{}, ",\n,\nNULL,7\n"},
		"all":        {map[string]any{"quoting": "all"}, ",\n\"\",\n\"NULL\",\"7\"\n"},
		"text":       {map[string]any{"null": "NULL"}, "NULL,NULL\n,NULL\n\"NULL\",7\n"},
		"number":     {map[string]any{"null": "7", "quoting": "all"}, "7,7\n\"\",7\n\"NULL\",\"7\"\n"},
		"one column": {map[string]any{"columns": []string{"s"}}, "\"\"\n\"\"\nNULL\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := target(t)
			w := newWriter(t, formats()["csv"], path, joined(map[string]any{"columns": []string{"s", "l"}, "header": false}, tt.more))
			items := []record.Record{parse(t, "-", "-"), parse(t, "", "-"), parse(t, "NULL", "7")}
			do(t, w.Open(t.Context(), nil), chunk(t.Context(), w, core.ExecutionContext{}, items), w.Finish(t.Context()), w.Close())
			if got := content(t, path); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	path := target(t)
	w := newWriter(t, formats()["csv"], path, map[string]any{"quote": "", "null": "NULL"})
	do(t, w.Open(t.Context(), nil))
	for _, s := range []string{"NULL", "a,b", "a\nb"} {
		err := chunk(t.Context(), w, core.ExecutionContext{}, []record.Record{parse(t, s, "1", "-", "-", "-", "-", "-")})
		if item, ok := errors.AsType[*core.ItemError](err); !ok || item.Column != "s" || !strings.Contains(err.Error(), "has to be quoted") || core.ClassOf(err, "") != core.ClassWriteData {
			t.Errorf("%q: %v", s, err)
		}
	}
	do(t, w.Close())
}

// TestFormRefused: what cannot work is said of its option, before anything runs.
func TestFormRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		format string
		more   map[string]any
		option string
		want   string
	}{
		"stateful":        {"csv", map[string]any{"encoding": "iso-2022-jp"}, "encoding", "cannot be continued"},
		"replacement":     {"jsonl", map[string]any{"encoding": "hz-gb-2312"}, "encoding", "cannot be continued"},
		"unknown":         {"fixed", map[string]any{"encoding": "eucr-kr"}, "encoding", "no encoding"},
		"mark":            {"csv", map[string]any{"encoding": "euc-kr", "byte-order-mark": true}, "byte-order-mark", "euc-kr has none"},
		"delimiter":       {"csv", map[string]any{"encoding": "gbk", "delimiter": "|"}, "delimiter", "part of a letter"},
		"quote":           {"csv", map[string]any{"quote": ","}, "delimiter", "cannot be the quote"},
		"nothing to all":  {"csv", map[string]any{"quote": "", "quoting": "all"}, "quoting", "quote is empty"},
		"null, delimiter": {"csv", map[string]any{"null": "a,b"}, "null", "would have to be quoted"},
		"null, quote":     {"csv", map[string]any{"null": `"`}, "null", "would have to be quoted"},
		"null, lacking":   {"csv", map[string]any{"null": "가", "encoding": "windows-1252"}, "null", "U+AC00"},
		"header":          {"csv", map[string]any{"quote": "", "delimiter": "d"}, "quote", "has to be quoted"},
		"places of wide":  {"fixed", map[string]any{"encoding": "utf-16le", "unit": "bytes"}, "unit", "cannot be bytes"},
		"pad":             {"fixed", map[string]any{"encoding": "windows-1252", "pad": pairs("s", "가")}, "pad", "U+AC00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := formats()[tt.format]
			v, err := component.NewValues(f.target.Spec, joined(with(f.write, "/x"), tt.more))
			do(t, err)
			err = f.target.Check(v, schema(t))
			wrong, ok := errors.AsType[*component.OptionError](err)
			if !ok || wrong.Option != tt.option || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s: %s", err, tt.option, tt.want)
			}
			if strings.HasPrefix(tt.want, "cannot be continued") && !strings.Contains(wrong.Hint, "iconv -f UTF-8 -t") {
				t.Errorf("the hint is %q", wrong.Hint)
			}
		})
	}
}

// TestLackingInTheFrame: a header that cannot be written fails the step, and says
// which character.
func TestLackingInTheFrame(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"header", "footer"} {
		w := newWriter(t, formats()["csv"], target(t), map[string]any{"encoding": "windows-1252"})
		lines := map[string]string{at: "합계"}
		w.Frame(func() (string, error) { return lines["header"], nil }, func(int64) (string, error) { return lines["footer"], nil })
		do(t, w.Open(t.Context(), nil))
		err := w.Finish(t.Context())
		if want := at + `: windows-1252 has no "합" (U+D569)`; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		do(t, w.Close())
	}
}

// TestAnotherForm: no file is continued in another encoding or packing than it
// was begun in, which an edited definition may ask for.
func TestAnotherForm(t *testing.T) {
	t.Parallel()
	path := target(t)
	begun := map[string]any{"encoding": "euc-kr", "compression": "gzip"}
	row := []record.Record{parse(t, "가", "-", "-", "-", "-", "-", "-")}
	ec := core.ExecutionContext{}
	w := newWriter(t, formats()["csv"], path, begun)
	do(t, w.Open(t.Context(), nil), chunk(t.Context(), w, ec, row), w.Close())
	part := content(t, path+".part")
	for want, more := range map[string]map[string]any{
		"wrote gzip euc-kr, and now it is to be plain utf-8": nil,
		"now it is to be gzip utf-16le":                      {"encoding": "utf-16le", "compression": "gzip"},
		"now it is to be zstd euc-kr":                        {"encoding": "euc-kr", "compression": "zstd"},
	} {
		w := newWriter(t, formats()["csv"], path, more)
		if err := w.Open(t.Context(), ec); !errors.Is(err, core.ErrCheckpointMismatch) || !strings.Contains(err.Error(), want) || core.Hint(err) == "" {
			t.Errorf("got %v, want %s", err, want)
		}
		do(t, w.Close())
	}
	if content(t, path+".part") != part {
		t.Error("the part was touched")
	}
	w = newWriter(t, formats()["csv"], path, begun)
	do(t, w.Open(t.Context(), ec), w.Finish(t.Context()), w.Close())
	if got, want := text(t, path), "s,l,f,d,day,at,ok\n\xb0\xa1,,,,,,\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestWhenEmpty: a file without records is not there, and neither is an older
// one, however often the end is come to.
func TestWhenEmpty(t *testing.T) {
	t.Parallel()
	remove := map[string]any{"when-empty": "remove"}
	for name, f := range all() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := target(t)
			do(t, os.WriteFile(path, []byte("yesterday\n"), 0o600))
			ec := core.ExecutionContext{}
			w := newWriterOf(t, scope(), f, path, remove)
			frame(w)
			do(t, w.Open(t.Context(), nil), w.Mark(t.Context()), w.Write(t.Context(), &core.Chunk[record.Record]{Items: rows(t, 1)}), w.Revert(t.Context()), w.Checkpoint(ec))
			if content(t, path) != "yesterday\n" {
				t.Error("the older file went before the end")
			}
			do(t, w.Finish(t.Context()), w.Finish(t.Context()), w.Close())
			none(t, path)
			// The process died behind that, and the step was not marked complete.
			w = newWriterOf(t, scope(), f, path, remove)
			frame(w)
			do(t, w.Open(t.Context(), ec), w.Finish(t.Context()), w.Close())
			none(t, path)
			// One record, and the file is there.
			w = newWriterOf(t, scope(), f, path, remove)
			do(t, w.Open(t.Context(), ec), chunk(t.Context(), w, ec, rows(t, 1)), w.Finish(t.Context()), w.Close())
			if got := len(readBack(t, f, path)); got != 1 {
				t.Errorf("%d records", got)
			}
			if got := w.Finish(t.Context()); got == nil {
				t.Error("a closed writer ends")
			}
		})
	}
	t.Run("no proof by an older file", func(t *testing.T) {
		t.Parallel()
		path := target(t)
		ec := core.ExecutionContext{}
		empty := newWriter(t, formats()["csv"], path, nil)
		do(t, empty.Open(t.Context(), nil), empty.Finish(t.Context()), empty.Close())
		w := newWriter(t, formats()["csv"], path, remove)
		do(t, w.Open(t.Context(), nil), w.Checkpoint(ec), w.Close())
		w = newWriter(t, formats()["csv"], path, remove)
		do(t, w.Open(t.Context(), ec), w.Finish(t.Context()), w.Close())
		none(t, path)
	})
	t.Run("kept", func(t *testing.T) {
		t.Parallel()
		path := target(t)
		w := newWriter(t, formats()["csv"], path, map[string]any{"when-empty": "remove", "overwrite": false})
		do(t, w.Open(t.Context(), nil), os.WriteFile(path, []byte("of somebody"), 0o600), w.Finish(t.Context()), w.Close())
		if got := content(t, path); got != "of somebody" {
			t.Errorf("it is %q", got)
		}
	})
}

// none checks that nothing is left of an output.
func none(tb testing.TB, path string) {
	tb.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	do(tb, err)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(path)) && !strings.HasSuffix(e.Name(), ".commit") {
			tb.Errorf("%s is there", e.Name())
		}
	}
}

// TestLongPieces packs more than a window at once, with one writer for many
// files.
func TestLongPieces(t *testing.T) {
	t.Parallel()
	for _, end := range []string{".gz", ".zst"} {
		path := filepath.Join(t.TempDir(), "out"+end)
		w := newWriter(t, formats()["csv"], path, map[string]any{"columns": []string{"s"}, "header": false})
		do(t, w.Open(t.Context(), nil))
		var want strings.Builder
		for i := range 3 {
			long := strings.Repeat(fmt.Sprintf("%d-%s ", i, end), 200_000)
			want.WriteString(long + "\n")
			do(t, chunk(t.Context(), w, core.ExecutionContext{}, []record.Record{parse(t, long)}))
		}
		do(t, w.Finish(t.Context()), w.Close())
		if got := text(t, path); got != want.String() {
			t.Errorf("%s: %d bytes, want %d", end, len(got), want.Len())
		}
		info, err := os.Stat(path)
		do(t, err)
		if info.Size() > int64(want.Len()/50) {
			t.Errorf("%s: %d bytes of %d are left", end, info.Size(), want.Len())
		}
	}
}

// TestRoundTripOfAnyOptions draws options that reader and writer share, and
// records that they may not be able to hold: what is not refused, of its option or
// of the record, reads back as it was.
func TestRoundTripOfAnyOptions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(label string, texts ...string) string { return rapid.SampledFrom(texts).Draw(rt, label) }
		f := formats()["csv"]
		f.nulls = true
		both := map[string]any{
			"encoding":    draw("encoding", "utf-8", "windows-1252", "shift_jis", "gb18030", "big5", "euc-kr", "utf-16le", "utf-16be"),
			"compression": draw("compression", "none", "gzip", "zstd"),
			"delimiter":   draw("delimiter", ",", ";", "\t", "|", "-", "1", "a", " "),
			"quote":       draw("quote", `"`, `"`, "'", "", "a", "-", "0"),
			"null":        draw("null", "NULL", "-", "0", "a", "true", `"`, "é"),
			"header":      rapid.Bool().Draw(rt, "header"),
		}
		f.read = joined(f.read, both, map[string]any{"columns": schema(t).Names()})
		f.write = joined(both, map[string]any{
			"quoting": draw("quoting", "minimal", "all"), "line-end": draw("line-end", "lf", "crlf"),
			"byte-order-mark": rapid.Bool().Draw(rt, "mark"),
		})
		path := filepath.Join(dir, "out")
		v, err := component.NewValues(f.target.Spec, with(f.write, path))
		do(t, err)
		if err := f.target.Check(v, schema(t)); err != nil {
			if _, ok := errors.AsType[*component.OptionError](err); !ok {
				rt.Fatalf("refused by %v", err)
			}
			rt.Skip(err)
		}
		w := newWriter(t, f, path, nil)
		do(t, w.Open(t.Context(), nil))
		var kept []record.Record
		for _, r := range rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) record.Record { return anyRecord(t, rt, f) }), 0, 5).Draw(rt, "records") {
			err := chunk(t.Context(), w, core.ExecutionContext{}, []record.Record{r})
			switch item, ok := errors.AsType[*core.ItemError](err); {
			case err == nil:
				kept = append(kept, r)
			case !ok || item.Column == "" || core.ClassOf(err, "") != core.ClassWriteData:
				rt.Fatalf("got %v", err)
			default:
				do(t, w.Revert(t.Context()))
			}
		}
		do(t, w.Finish(t.Context()), w.Close())
		if len(kept) == 0 && !f.write["header"].(bool) {
			return // a file of 0 bytes is refused by the reader
		}
		got := readBack(t, f, path)
		if len(got) != len(kept) {
			rt.Fatalf("%d records, want %d, of\n%q", len(got), len(kept), text(t, path))
		}
		for i := range kept {
			for k, want := range kept[i].Values() {
				if got := got[i].Value(k); got != want {
					rt.Fatalf("record %d, column %d is %#v, want %#v, of\n%q", i, k, got, want, text(t, path))
				}
			}
		}
	})
}
