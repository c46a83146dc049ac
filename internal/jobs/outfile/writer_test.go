package outfile_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
	"github.com/batchctl/batchctl/internal/jobs/infile"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// frame gives w a first and a last line.
func frame(w writer) {
	w.Frame(func() (string, error) { return "H", nil }, func(rows int64) (string, error) { return fmt.Sprintf("T%d", rows), nil })
}

// TestText compares what is written, byte for byte.
func TestText(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"csv":   "H\ns,l,f,d,day,at,ok\n\"a \"\"x,é\",-12,1.5,-0.10,2021-01-31,2021-01-31T01:02:03.5Z,true\n,,,,,,\nT2\n",
		"jsonl": "H\n{\"s\":\"a \\\"x,é\",\"l\":-12,\"f\":1.5,\"d\":-0.10,\"day\":\"2021-01-31\",\"at\":\"2021-01-31T01:02:03.5Z\",\"ok\":true}\n{\"s\":null,\"l\":null,\"f\":null,\"d\":null,\"day\":null,\"at\":null,\"ok\":null}\nT2\n",
		"fixed": "H\r\n" + fmt.Sprintf("%-40s-%019d%30s%s%s%-32s%s\r\n", `a "x,é`, 12, "1.5", strings.Repeat("*", 20)+"-0.10", "2021-01-31", "2021-01-31T01:02:03.5Z", "true#") +
			strings.Repeat(" ", 40+20+30+25+10+32+5) + "\r\nT2\r\n",
	}
	for name, f := range formats() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := target(t)
			w := newWriter(t, f, path, nil)
			frame(w)
			do(t, w.Open(t.Context(), nil), chunk(t.Context(), w, core.ExecutionContext{}, append(rows(t, 1), parse(t, "-", "-", "-", "-", "-", "-", "-"))))
			if content(t, path) != "" {
				t.Error("the file is there before the end")
			}
			do(t, w.Finish(t.Context()), w.Finish(t.Context()), w.Close())
			if got := content(t, path); got != want[name] {
				t.Errorf("got\n%q, want\n%q", got, want[name])
			}
		})
	}
}

// TestRestartOfWriters ends after every chunk, with bytes behind it that no
// commit names, and goes on.
func TestRestartOfWriters(t *testing.T) {
	t.Parallel()
	items := rows(t, 4)
	for name, f := range all() {
		t.Run("CHUNK-62 "+name, func(t *testing.T) {
			t.Parallel()
			path := target(t)
			run := func(w writer) {
				frame(w)
				do(t, w.Open(t.Context(), nil), chunk(t.Context(), w, core.ExecutionContext{}, items), w.Finish(t.Context()), w.Close())
			}
			run(newWriter(t, f, path, nil))
			want := text(t, path)
			for stop := range len(items) + 1 {
				for _, published := range []bool{false, true} {
					path := target(t)
					ec := core.ExecutionContext{}
					w := newWriter(t, f, path, nil)
					frame(w)
					do(t, w.Open(t.Context(), nil), w.Checkpoint(ec))
					for i := range stop {
						do(t, chunk(t.Context(), w, ec, items[i:i+1]))
					}
					if published = published && stop == len(items); published {
						do(t, w.Finish(t.Context()))
					} else {
						do(t, w.Mark(t.Context()), w.Write(t.Context(), &core.Chunk[record.Record]{Items: items}), w.Revert(t.Context()))
						do(t, w.Write(t.Context(), &core.Chunk[record.Record]{Items: items[:1]})) // and no commit
					}
					do(t, w.Close())
					w = newWriter(t, f, path, nil)
					frame(w)
					do(t, w.Open(t.Context(), ec))
					if !published {
						do(t, w.Mark(t.Context()), w.Write(t.Context(), &core.Chunk[record.Record]{Items: items[stop:]}))
					}
					do(t, w.Finish(t.Context()), w.Close())
					if got := text(t, path); got != want {
						t.Errorf("behind %d chunks, published %v: got\n%s, want\n%s", stop, published, got, want)
					}
				}
			}
		})
	}
}

func TestWritersRefuse(t *testing.T) {
	t.Parallel()
	for name, f := range formats() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := target(t)
			ec := core.ExecutionContext{}
			w := newWriter(t, f, path, nil)
			do(t, w.Open(t.Context(), nil), chunk(t.Context(), w, ec, rows(t, 2)), w.Close())
			part := content(t, path+".part")
			refused := func(what, want string, ec core.ExecutionContext, path string, more map[string]any, mismatch bool) {
				t.Helper()
				w := newWriter(t, f, path, more)
				err := w.Open(t.Context(), ec)
				if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, core.ErrCheckpointMismatch) != mismatch {
					t.Errorf("%s: got %v, want %q", what, err, want)
				}
				do(t, w.Close())
			}
			do(t, os.WriteFile(path+".part", []byte(strings.Replace(part, "a", "b", 1)), 0o600))
			refused("89 part edited", "was altered", ec, path, nil, true)
			refused("another target", "the last attempt wrote to "+path, ec, path+"2", nil, true)
			damaged := ec.Clone()
			for key := range damaged {
				if strings.HasSuffix(key, ".rows") {
					delete(damaged, key)
				}
			}
			refused("damaged context", "the step's context is damaged", damaged, path, nil, true)
			do(t, os.WriteFile(path, []byte("old"), 0o600))
			refused("86 target exists", "must not be replaced", nil, path, map[string]any{"overwrite": false}, false)
			refused("86 no directory", "does not exist", nil, filepath.Join(path+"dir", "x"), nil, false)
		})
	}
}

// TestBadItems: a record that cannot be written is an item error, and nothing of
// its chunk is left.
func TestBadItems(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ format, text, want string }{
		"too wide":     {"fixed", strings.Repeat("가", 41), "the value has 41 characters, the column has 40"},
		"a line end":   {"fixed", "a\nb", "a record is a line"},
		"not UTF-8":    {"fixed", "\xff", "not UTF-8"},
		"csv, NUL":     {"csv", "\x00", "without NUL"},
		"jsonl, bytes": {"jsonl", "\xff", "not UTF-8"},

		"lacking":        {"csv in windows-1252, quoted, gzip", "x가y", "windows-1252 has no \"가\" (U+AC00)"},
		"lacking, fixed": {"fixed in windows-1252 by bytes", "Łódź", "windows-1252 has no \"Ł\" (U+0141)"},
		"a mark":         {"fixed in windows-1252 by bytes", "ÿþ", "taken for one of another encoding"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := target(t)
			w := newWriter(t, all()[tt.format], path, nil)
			ec := core.ExecutionContext{}
			do(t, w.Open(t.Context(), nil), chunk(t.Context(), w, ec, rows(t, 1)))
			before := content(t, path+".part")
			bad := parse(t, tt.text, "-", "-", "-", "-", "-", "-")
			err := chunk(t.Context(), w, ec, []record.Record{rows(t, 1)[0], bad})
			item, ok := errors.AsType[*core.ItemError](err)
			if !ok || item.Column != "s" || item.Line != 7 || !strings.Contains(err.Error(), tt.want) || core.ClassOf(err, "") != core.ClassWriteData {
				t.Fatalf("got %v (%s)", err, core.ClassOf(err, ""))
			}
			do(t, w.Revert(t.Context()))
			if got := content(t, path+".part"); got != before {
				t.Errorf("left is %q, want %q", got, before)
			}
			do(t, w.Close())
		})
	}
}

// TestRoundTrip: what is written reads back the same.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for name, f := range all() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			rapid.Check(t, func(rt *rapid.T) {
				items := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) record.Record { return anyRecord(t, rt, f) }), 0, 5).Draw(rt, "records")
				path := filepath.Join(dir, "out")
				w := newWriter(t, f, path, nil)
				do(t, w.Open(t.Context(), nil), chunk(t.Context(), w, core.ExecutionContext{}, items), w.Finish(t.Context()), w.Close())
				got := readBack(t, f, path)
				if len(got) != len(items) {
					rt.Fatalf("%d records, want %d, of\n%s", len(got), len(items), content(t, path))
				}
				for i := range items {
					for k, want := range items[i].Values() {
						if got := got[i].Value(k); got != want && (f.nulls || want.Text() != "" || got.Text() != "") {
							rt.Fatalf("record %d, column %d is %#v, want %#v, of\n%s", i, k, got, want, content(t, path))
						}
					}
				}
			})
		})
	}
}

// anyRecord draws a record that the format can hold.
func anyRecord(tb testing.TB, rt *rapid.T, f format) record.Record {
	tb.Helper()
	text := rapid.StringOfN(rapid.RuneFrom([]rune("ab0 \t\"'\\,;#é가😀\u2028\ufeff\n\r\u0001")), 0, 12, -1).Draw(rt, "s")
	if f.charset != "" {
		charset, err := infile.FindCharset(f.charset)
		do(tb, err)
		coder := charset.NewEncoder()
		text = strings.Map(func(r rune) rune {
			if !coder.Has(r) {
				return 'x'
			}
			return r
		}, text)
	}
	if f.target.Spec.Name == "fixed" {
		text = strings.Trim(strings.NewReplacer("\n", "n", "\r", "r", "\ufeff", "f").Replace(text), " ")
		if strings.Trim(text, " \t") == "" { // a line without anything in it is none
			text = "x"
		}
	}
	s := schema(tb)
	values := make([]record.Value, s.Len())
	values[0] = record.OfString(text)
	if f.nulls && rapid.IntRange(0, 4).Draw(rt, "null") == 0 {
		values[0] = record.Value{}
	}
	maybe := func(i int, v record.Value, ok bool) {
		if ok && rapid.IntRange(0, 4).Draw(rt, "null") > 0 {
			values[i] = v
		}
	}
	maybe(1, record.OfLong(rapid.Int64().Draw(rt, "l")), true)
	double, ok := record.OfDouble(rapid.Float64().Draw(rt, "f"))
	maybe(2, double, ok && len(double.Text()) <= 30)
	d, ok := record.OfCoefficient(rapid.Bool().Draw(rt, "neg"), rapid.Uint64Max(record.MaxCoefficient).Draw(rt, "d"), rapid.IntRange(0, 19).Draw(rt, "scale"))
	maybe(3, d, ok)
	day, ok := record.OfDays(rapid.Int64Range(record.MinDays, record.MaxDays).Draw(rt, "day"))
	maybe(4, day, ok)
	at, err := record.Parse(record.DateTime, "2021-01-31T01:02:03.123456789Z", nil)
	maybe(5, at, err == nil)
	maybe(6, record.OfBool(rapid.Bool().Draw(rt, "ok")), true)
	return record.New(s, values, core.Origin{})
}

func readBack(tb testing.TB, f format, path string) []record.Record {
	tb.Helper()
	v, err := component.NewValues(f.source.Spec, with(f.read, path))
	do(tb, err)
	s, err := f.source.Schema(v)
	do(tb, err)
	r, err := f.source.New(nil, v, s)
	do(tb, err)
	stream := r.(core.ItemStream)
	defer stream.Close()
	do(tb, stream.Open(tb.Context(), nil))
	var all []record.Record
	dst := make([]record.Record, 2)
	for {
		n, err := r.Read(tb.Context(), dst)
		all = append(all, dst[:n]...)
		if errors.Is(err, io.EOF) {
			return all
		}
		do(tb, err)
	}
}

func TestWriterNotOpen(t *testing.T) {
	t.Parallel()
	w := newWriter(t, formats()["csv"], target(t), nil)
	for name, err := range map[string]error{
		"write": w.Write(t.Context(), &core.Chunk[record.Record]{}), "checkpoint": w.Checkpoint(core.ExecutionContext{}),
		"finish": w.Finish(t.Context()), "revert": w.Revert(t.Context()), "mark": w.Mark(t.Context()),
	} {
		if err == nil || !strings.Contains(err.Error(), "not open") || !core.Undeniable(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	do(t, w.Close())
	if csvfile.Target().Spec.Name != "csv" {
		t.Error("the name of a target is not that of its source")
	}
}
