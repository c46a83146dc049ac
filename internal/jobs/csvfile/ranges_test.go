package csvfile_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
)

// tester is a testing.T or a rapid.T.
type tester interface {
	Helper()
	Context() context.Context
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// outcomes reads to the end, or to the first error that is of no item, and
// returns what every record was. Behind every record it opens the reader again.
func outcomes(tb tester, cfg csvfile.ReaderConfig, restart bool) (all []string) {
	tb.Helper()
	bind := func(row *csvfile.Row, item *string) error {
		o := row.Origin()
		*item = fmt.Sprintf("%d %d %d %q", o.Line, o.Record, o.Offset, row.String(0))
		return nil
	}
	r := csvfile.NewReader(cfg, bind)
	if err := r.Open(tb.Context(), nil); err != nil {
		tb.Fatal(err)
	}
	defer func() { r.Close() }()
	dst := make([]string, 1)
	for {
		n, err := r.Read(tb.Context(), dst)
		bad, ok := errors.AsType[*core.ItemError](err)
		switch {
		case errors.Is(err, io.EOF):
			return all
		case ok:
			all = append(all, fmt.Sprintf("%d %d %d %q %v", bad.Line, bad.Record, bad.Offset, bad.Raw, err))
		case err != nil:
			return append(all, err.Error())
		default:
			all = append(all, dst[:n]...)
		}
		if !restart {
			continue
		}
		ec := core.ExecutionContext{}
		if err := errors.Join(r.Checkpoint(ec), r.Close()); err != nil {
			tb.Fatal(err)
		}
		r = csvfile.NewReader(cfg, bind)
		if err := r.Open(tb.Context(), ec); err != nil {
			tb.Fatal(err)
		}
	}
}

// ranges is Ranges of one configuration, whoever asks.
func ranges(cfg csvfile.ReaderConfig) core.Partitioner {
	return csvfile.Ranges(func(*core.Scope) (csvfile.ReaderConfig, error) { return cfg, nil })
}

func cut(tb tester, cfg csvfile.ReaderConfig, grid int) []csvfile.ReaderConfig {
	tb.Helper()
	parts, err := ranges(cfg).Partition(tb.Context(), nil, grid)
	if err != nil {
		tb.Fatal(err)
	}
	cfgs := make([]csvfile.ReaderConfig, len(parts))
	for i, part := range parts {
		if err := part.Context.Check(); err != nil {
			tb.Fatal(err)
		}
		if cfgs[i], err = cfg.Part(part.Context); err != nil {
			tb.Fatal(err)
		}
	}
	return cfgs
}

// TestRangesAreTheFile: whatever a file holds, its ranges read one behind the
// other give what the file gives, with the same places, and also with a restart
// behind every record.
func TestRangesAreTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "in.csv")
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.SampledFrom([]string{
			"x", "x", "상", ",", ",", "\n", "\n", "\n", "\r\n", "\r", `"`, `""`, "\"x\n\"", "\"x,\"\"\r\n\",", "\x00", "\xff",
		})
		text := "a,b\n" + strings.Join(rapid.SliceOfN(piece, 0, 60).Draw(t, "text"), "")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := csvfile.ReaderConfig{Path: path, MaxField: 12, MaxRecord: 40, OneLine: rapid.Bool().Draw(t, "one line")}
		grid := rapid.IntRange(-1, 12).Draw(t, "grid")
		want := outcomes(t, cfg, false)
		cfgs := cut(t, cfg, grid)
		if len(cfgs) == 0 || len(cfgs) > max(grid, 1) || cfgs[0].From != int64(len("a,b\n")) || cfgs[len(cfgs)-1].To != int64(len(text)) {
			t.Fatalf("%q is cut into %+v", text, cfgs)
		}
		for _, restart := range []bool{false, true} {
			var got []string
			for i, part := range cfgs {
				if i > 0 && part.From != cfgs[i-1].To || part.From >= part.To && len(cfgs) > 1 {
					t.Fatalf("%q is cut into %+v", text, cfgs)
				}
				got = append(got, outcomes(t, part, restart)...)
			}
			if diff := cmp.Diff(got, want); diff != "" {
				t.Fatalf("%q in %d ranges, restarts %v (-got +want):\n%s", text, len(cfgs), restart, diff)
			}
		}
	})
}

func TestRangesAreEven(t *testing.T) {
	t.Parallel()
	text := transactions(20_000)
	cfg := csvfile.ReaderConfig{Path: file(t, text)}
	for _, grid := range []int{1, 2, 7, 64} {
		cfgs := cut(t, cfg, grid)
		if len(cfgs) != grid {
			t.Fatalf("%d ranges, want %d", len(cfgs), grid)
		}
		for _, part := range cfgs {
			if size, want := part.To-part.From, int64(len(text)/grid); size < want-300 || size > want+300 {
				t.Errorf("of %d ranges one has %d bytes, want about %d", grid, size, want)
			}
		}
	}
	if got := len(cut(t, csvfile.ReaderConfig{Path: file(t, "a\n1\n"+strings.Repeat("x", 1000)+"\n2\n")}, 50)); got != 2 {
		t.Errorf("three records, one of them long, are cut into %d ranges", got)
	}
}

func TestRangesOfNothing(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"header only": "a,b\n", "header without newline": "a,b", "empty": "", "blank lines": "a,b\n\n\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := csvfile.ReaderConfig{Path: file(t, text), AllowEmpty: true}
			var got []string
			for _, part := range cut(t, cfg, 1) {
				got = append(got, outcomes(t, part, false)...)
			}
			if got != nil {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestRangesRefuse(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		cfg  csvfile.ReaderConfig
		want string
	}{
		"no file":      {csvfile.ReaderConfig{Path: filepath.Join(t.TempDir(), "none.csv")}, "no such file"},
		"no header":    {csvfile.ReaderConfig{Path: file(t, "")}, "the file is empty"},
		"wrong header": {csvfile.ReaderConfig{Path: file(t, "a\n1\n"), Columns: []csvfile.Column{{Name: "b"}}}, `column "b" is missing`},
		"delimiter":    {csvfile.ReaderConfig{Path: file(t, "a\n1\n"), Comma: '"'}, "cannot be the delimiter"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := ranges(tt.cfg).Partition(t.Context(), nil, 2); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(core.ErrAborted)
		long := csvfile.ReaderConfig{Path: file(t, "a\n"+strings.Repeat("x", 1<<20))}
		if _, err := ranges(long).Partition(ctx, nil, 2); !errors.Is(err, core.ErrAborted) {
			t.Errorf("got %v", err)
		}
	})
	for name, ec := range map[string]core.ExecutionContext{
		"no file":  {"from": int64(1)},
		"no range": {"file": "in.csv", "from": int64(1), "to": int64(2), "size": int64(3), "line": int64(1)},
		"negative": {"file": "in.csv", "from": int64(-1), "to": int64(2), "size": int64(3), "line": int64(1), "record": int64(0)},
	} {
		t.Run("a context with "+name, func(t *testing.T) {
			t.Parallel()
			if _, err := (csvfile.ReaderConfig{}).Part(ec); !errors.Is(err, core.ErrJobDefinition) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestRangeChanged: a range is refused when the file is not the one that was cut.
func TestRangeChanged(t *testing.T) {
	t.Parallel()
	const before = "a,b\n1,2\n3,4\n5,6\n7,8\n"
	for name, tt := range map[string]struct {
		after  string
		change func(cfg *csvfile.ReaderConfig)
		want   string
	}{
		"unchanged":               {after: before},
		"changed before":          {after: "a,b\n1,9\n3,4\n5,6\n7,8\n"},
		"changed behind":          {after: "a,b\n1,2\n3,4\n5,6\n7,9\n"},
		"longer":                  {after: before + "9,9\n", want: "it had 20 bytes when it was cut into ranges, and has 24 now"},
		"shorter":                 {after: before[:16], want: "it had 20 bytes when it was cut into ranges, and has 16 now"},
		"header":                  {after: "b,a\n1,2\n3,4\n5,6\n7,8\n", want: "the header or the bytes 12 to 16 changed since the last commit"},
		"what was read":           {after: "a,b\n1,2\n3,4\n5,5\n7,8\n", want: "the header or the bytes 12 to 16 changed since the last commit"},
		"records shifted":         {after: "a,b\n1,2\n3,45\n,6\n7,8\n", want: "byte 12, at which a range begins or ends, is not behind a record"},
		"another range":           {after: before, change: func(cfg *csvfile.ReaderConfig) { cfg.From = 4; cfg.To = 12 }, want: "the last commit read up to byte 16, which is not in the range 4 to 12"},
		"a range in the header":   {after: before, change: func(cfg *csvfile.ReaderConfig) { cfg.From = 2 }, want: "byte 2, at which a range begins or ends, is not behind a record"},
		"a range behind the file": {after: before, change: func(cfg *csvfile.ReaderConfig) { cfg.To = 21 }, want: "the range of the bytes 12 to 21 is not in its 20 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := csvfile.ReaderConfig{Path: file(t, before)}
			part := cut(t, cfg, 2)[1]
			if part.From != 12 || part.To != 20 || part.Line != 4 || part.Record != 2 {
				t.Fatalf("the range is %+v", part)
			}
			r := newFields(part)
			mustOpen(t, r, nil)
			if n, err := r.Read(t.Context(), make([][]string, 1)); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			ec := core.ExecutionContext{}
			if err := r.Checkpoint(ec); err != nil {
				t.Fatal(err)
			}
			write(t, part.Path, tt.after)
			if tt.change != nil {
				tt.change(&part)
			}
			err := open(t, newFields(part), ec)
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
			} else if !errors.Is(err, core.ErrCheckpointMismatch) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want a mismatch with %q", err, tt.want)
			}
		})
	}
	t.Run("no range at all", func(t *testing.T) {
		t.Parallel()
		if err := open(t, newFields(csvfile.ReaderConfig{Path: file(t, before), From: 8, To: 4}), nil); err == nil {
			t.Error("no error")
		}
	})
	t.Run("the first bytes only", func(t *testing.T) {
		t.Parallel()
		r := newFields(csvfile.ReaderConfig{Path: file(t, before), To: 8})
		mustOpen(t, r, nil)
		if items, errs := readAll(t, r); len(items) != 1 || errs != nil {
			t.Errorf("got %v, %v", items, errs)
		}
	})
}

// Where no field holds a line end, every line is a record of its own, whatever
// quotes are in it.
func TestOneLineIsOneRecord(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "in.csv")
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.SampledFrom([]string{"x", ",", "\n", "\n", "\r\n", `"`, `"`, `""`, "\x00", "12345678901234567890"})
		text := "a,b\n" + strings.Join(rapid.SliceOfN(piece, 0, 60).Draw(t, "text"), "")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		want := 0
		for line := range strings.Lines(text[len("a,b\n"):]) {
			if strings.TrimRight(line, "\r\n") != "" {
				want++
			}
		}
		cfg := csvfile.ReaderConfig{Path: path, MaxField: 12, MaxRecord: 40, OneLine: true}
		if got := outcomes(t, cfg, false); len(got) != want {
			t.Fatalf("%q has %d records, want %d: %q", text, len(got), want, got)
		}
	})
}
