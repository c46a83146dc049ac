package csvfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
)

// mistakes is a file in which every other record is wrong in a way of its own.
var mistakes = "a,b\r\n" +
	"1,good\n" +
	"2\n" + // ragged
	"3,good\r\n" +
	"4,\xff\r\n" + // not UTF-8
	"5,good\n\n" +
	"6,\"x\ny\" z\r\n" + // text behind the quote
	"7,\"go\nod\"\n" +
	"8,x\"y\n" + // bare quote
	"9,good\n" +
	"10,\"" + strings.Repeat("long\n", 30) + "\"\n" + // field too long
	"11,good\n" +
	"12,\"\x00\"\n" +
	"13,good\n" +
	"14,\r15\n" + // carriage return alone
	"15,good\n" +
	"16," + strings.Repeat("long,", 60) + "\n" + // record too long
	"17,good\n" +
	"18,\"a\n\",\"b\"\n" + // ragged, in quotes
	"19,bind\n" +
	"20,good"

func mistakesConfig(t *testing.T) csvfile.ReaderConfig {
	t.Helper()
	return csvfile.ReaderConfig{Path: file(t, mistakes), MaxField: 100, MaxRecord: 200}
}

// placed is an item that knows where it is from.
type placed struct {
	id     string
	origin core.Origin
}

func (p placed) Origin() core.Origin { return p.origin }

func bindPlaced(row *csvfile.Row, item *placed) error {
	item.id, item.origin = row.String(0), row.Origin()
	if row.String(1) == "bind" {
		return row.Error(1, "not wanted")
	}
	return nil
}

func TestPassedOver(t *testing.T) {
	t.Parallel()
	cfg := mistakesConfig(t)
	r := csvfile.NewReader(cfg, bindPlaced)
	mustOpen(t, r, nil)
	items, errs := readAll(t, r)
	found := map[int64]core.Origin{}
	raws := map[int64]string{}
	for _, item := range items {
		o := core.OriginOf(&item)
		raw, err := r.Raw(o)
		if err != nil {
			t.Fatal(err)
		}
		found[o.Record], raws[o.Record] = o, string(raw)
	}
	t.Run("CHUNK-58 a bad record carries its class, its line, its place and its bytes", func(t *testing.T) {
		if len(errs) != 10 {
			t.Errorf("%d errors, want 10: %v", len(errs), errs)
		}
		for _, err := range errs {
			bad, ok := errors.AsType[*core.ItemError](err)
			if !ok || core.ClassOf(err, core.PhaseRead) != core.ClassReadParse {
				t.Fatalf("%v has the class %s", err, core.ClassOf(err, core.PhaseRead))
			}
			o := bad.Origin()
			if again, err := r.Raw(o); err != nil || !bytes.Equal(again, bad.Raw) {
				t.Errorf("%v: Raw returns %q, %v, and the error has %q", bad, again, err, bad.Raw)
			}
			found[o.Record], raws[o.Record] = o, string(bad.Raw)
		}
	})
	t.Run("what was read and what was passed over is the whole file", func(t *testing.T) {
		whole := "a,b\r\n"
		for record := int64(1); record <= 20; record++ {
			o := found[record]
			if o.Offset != int64(len(whole)) || o.Line != 1+strings.Count(whole, "\n") || o.File != cfg.Path {
				t.Fatalf("record %d is at %+v, want offset %d", record, o, len(whole))
			}
			whole += raws[record]
			for len(whole) < len(mistakes) && strings.ContainsRune("\r\n", rune(mistakes[len(whole)])) {
				whole += mistakes[len(whole) : len(whole)+1]
			}
		}
		if diff := cmp.Diff(whole, mistakes); diff != "" {
			t.Errorf("(-got +want):\n%s", diff)
		}
	})
	t.Run("the bytes of what is not known", func(t *testing.T) {
		if raw, err := r.Raw(core.Origin{File: cfg.Path, Offset: 5}); raw != nil || err != nil {
			t.Errorf("without a length: %q, %v", raw, err)
		}
		if _, err := r.Raw(core.Origin{File: "other.csv", Offset: 5, Length: 1}); err == nil {
			t.Error("of another file: no error")
		}
		if _, err := r.Raw(core.Origin{File: cfg.Path, Offset: 1 << 20, Length: 1}); core.ClassOf(err, "") != core.ClassReadIO {
			t.Errorf("behind the end: %v", err)
		}
		if _, err := csvfile.NewReader(cfg, fields).Raw(found[1]); err == nil {
			t.Error("before it was opened: no error")
		}
	})
}

func TestRawIsBounded(t *testing.T) {
	t.Parallel()
	const most = 64 << 10
	long := strings.Repeat("x", 200_000)
	for name, record := range map[string]string{
		"ragged": "1,2," + long, "not UTF-8": "1," + long + "\xff", "too long": "1," + long + long, "quoted": "1,\"\n" + long + "\" x",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newFields(csvfile.ReaderConfig{Path: file(t, "a,b\n"+record+"\n3,4\n"), MaxRecord: 300_000})
			mustOpen(t, r, nil)
			items, errs := readAll(t, r)
			if len(items) != 1 || len(errs) != 1 {
				t.Fatalf("%d items and %v", len(items), errs)
			}
			bad, _ := errors.AsType[*core.ItemError](errs[0])
			if string(bad.Raw) != record[:most] {
				t.Errorf("the error has %d bytes of the record, want its first %d", len(bad.Raw), most)
			}
			raw, err := r.Raw(core.Origin{File: bad.File, Offset: bad.Offset, Length: int64(len(record))})
			if err != nil || string(raw) != record[:most] {
				t.Errorf("Raw returns %d bytes, %v", len(raw), err)
			}
		})
	}
}

// classy is an error that says its class.
type classy struct{ error }

func (classy) ErrorClass() string { return "process.validation.limit" }

func TestBindErrorsArePlaced(t *testing.T) {
	t.Parallel()
	own := errors.New("own")
	for name, tt := range map[string]struct {
		bind  func(row *csvfile.Row) error
		class string
		text  string
		is    error
	}{
		"of the row":         {func(row *csvfile.Row) error { return row.Error(1, "odd") }, core.ClassReadParse, `in.csv:3: b: "x": odd`, nil},
		"of the whole row":   {func(row *csvfile.Row) error { return row.Error(-1, "odd") }, core.ClassReadParse, `in.csv:3: odd`, nil},
		"of a typed column":  {func(row *csvfile.Row) error { _, err := row.Long(1); return err }, core.ClassReadParse, `in.csv:3: b: "x": the column is declared as string and read as long`, nil},
		"its own":            {func(*csvfile.Row) error { return own }, core.ClassReadParse, "in.csv:3: own", own},
		"its own with class": {func(*csvfile.Row) error { return classy{own} }, "process.validation.limit", "in.csv:3: own", nil},
		"an ItemError without a place": {func(*csvfile.Row) error {
			return &core.ItemError{Column: "c", Value: "d", HasValue: true, Msg: "odd", Class: "read.parse.odd", Err: own}
		}, "read.parse.odd", `in.csv:3: c: "d": odd`, own},
		"a wrapped ItemError without a place": {func(*csvfile.Row) error {
			return fmt.Errorf("check: %w", &core.ItemError{Msg: "odd", Class: "read.parse.odd"})
		}, "read.parse.odd", "in.csv:3: check: odd", nil},
		"an ItemError without bytes": {func(row *csvfile.Row) error {
			o := row.Origin()
			return &core.ItemError{File: o.File, Line: o.Line, Record: o.Record, Msg: "odd", Class: core.ClassProcessValidation}
		}, core.ClassProcessValidation, "in.csv:3: odd", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := csvfile.ReaderConfig{Path: file(t, "a,b\n1,2\n\"3\",x\r\n4,5\n")}
			r := csvfile.NewReader(cfg, func(row *csvfile.Row, id *string) error {
				if *id = row.String(0); *id == "3" {
					return tt.bind(row)
				}
				return nil
			})
			mustOpen(t, r, nil)
			items, errs := readAll(t, r)
			if diff := cmp.Diff(items, []string{"1", "4"}); diff != "" || len(errs) != 1 {
				t.Fatalf("errors %v, items (-got +want):\n%s", errs, diff)
			}
			if got := texts(cfg.Path, errs...)[0]; got != tt.text || core.ClassOf(errs[0], "") != tt.class || tt.is != nil && !errors.Is(errs[0], tt.is) {
				t.Errorf("got %s of the class %s, want %s of %s", got, core.ClassOf(errs[0], ""), tt.text, tt.class)
			}
			bad, _ := errors.AsType[*core.ItemError](errs[0])
			want := core.Origin{File: cfg.Path, Line: 3, Record: 2, Offset: 8, Length: 5}
			if string(bad.Raw) != `"3",x` || bad.Origin() != want {
				t.Errorf("got %+v with %q, want %+v", bad.Origin(), bad.Raw, want)
			}
		})
	}
}

// flaky fails at one of its reads.
type flaky struct {
	io.ReaderAt
	fails *int
}

var errDisk = errors.New("input/output error")

func (f flaky) ReadAt(p []byte, at int64) (int, error) {
	*f.fails--
	if *f.fails == 0 {
		n, _ := f.ReaderAt.ReadAt(p[:len(p)/3], at) // what it got before it failed
		return min(n, int(at)%2), errDisk
	}
	return f.ReaderAt.ReadAt(p, at)
}

// TestReadFails fails at every single read of a file: nothing is consumed, and
// the next call goes on as if nothing had been.
func TestReadFails(t *testing.T) {
	t.Parallel()
	blocks := strings.Repeat("1,22222222\n", 20_000)
	text := "a,b\n" + blocks + "bad" + strings.Repeat("\x00", 300_000) + "\n" + blocks +
		"3,\"" + strings.Repeat("long\n", 100_000) + "\"\n" + blocks + "4,5"
	path := file(t, text)
	read := func(fails *int) (items int, errs, failures []string) {
		cfg := csvfile.ReaderConfig{Path: path, MaxField: 250_000}.WithSource(func(src io.ReaderAt) io.ReaderAt { return flaky{src, fails} })
		r := newFields(cfg)
		defer r.Close()
		if err := r.Open(t.Context(), nil); err != nil {
			failures = append(failures, err.Error())
			*fails = 0
			mustOpen(t, r, nil)
		}
		dst := make([][]string, 1000)
		for {
			n, err := r.Read(t.Context(), dst)
			items += n
			switch {
			case errors.Is(err, io.EOF):
				ec := core.ExecutionContext{}
				if err := r.Checkpoint(ec); err != nil || ec["csv.in.offset"] != int64(len(text)) || ec["csv.in.record"] != int64(60_003) {
					t.Errorf("the position at the end is %v, %v", ec, err)
				}
				return items, errs, failures
			case errors.As(err, new(*core.ItemError)):
				errs = append(errs, err.Error())
			case err != nil:
				if !errors.Is(err, errDisk) || core.ClassOf(err, "") != core.ClassReadIO || core.Hint(err) == "" {
					t.Fatalf("got %v of the class %s", err, core.ClassOf(err, ""))
				}
				failures = append(failures, err.Error())
			}
		}
	}
	calls := 0
	wantItems, wantErrs, _ := read(&calls)
	if wantItems != 60_001 || len(wantErrs) != 2 {
		t.Fatalf("%d items and %q", wantItems, wantErrs)
	}
	for at := 1; at <= -calls; at++ {
		fails := at
		items, errs, failures := read(&fails)
		if items != wantItems || !cmp.Equal(errs, wantErrs) || len(failures) > 1 {
			t.Errorf("failed at read %d: %d items, %q, %q", at, items, errs, failures)
		}
	}
}

func TestUnclosedQuote(t *testing.T) {
	t.Parallel()
	path := file(t, "a,b\n1,2\n3,\"4\n5,6\n")
	r := newFields(csvfile.ReaderConfig{Path: path})
	mustOpen(t, r, nil)
	items, errs := readAll(t, r)
	if len(items) != 1 || len(errs) != 1 || errors.As(errs[0], new(*core.ItemError)) {
		t.Fatalf("got %v and %v, want one item and an error that is of no item", items, errs)
	}
	if _, err := r.Read(t.Context(), make([][]string, 1)); !errors.Is(err, errs[0]) {
		t.Errorf("the next Read returns %v", err)
	}
	ec := core.ExecutionContext{}
	if err := r.Checkpoint(ec); err != nil || ec["csv.in.offset"] != int64(8) || ec["csv.in.line"] != int64(3) {
		t.Errorf("the position is %v, %v: want it before the record", ec, err)
	}
	write(t, path, "a,b\n1,2\n3,\"4\"\n5,6\n")
	again := newFields(csvfile.ReaderConfig{Path: path})
	mustOpen(t, again, ec)
	if items, errs := readAll(t, again); len(items) != 2 || errs != nil {
		t.Errorf("mended, it reads %v, %v", items, errs)
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "in.csv")
	cfg := csvfile.ReaderConfig{Path: path}
	t.Run("CHUNK-57 an input that is not there is an error, or has no records", func(t *testing.T) {
		if err := open(t, newFields(cfg), nil); !errors.Is(err, fs.ErrNotExist) || core.Hint(err) == "" {
			t.Errorf("got %v", err)
		}
		cfg.AllowMissing = true
		r := newFields(cfg)
		mustOpen(t, r, nil)
		ec := core.ExecutionContext{}
		if items, errs := readAll(t, r); items != nil || errs != nil || r.Checkpoint(ec) != nil || len(ec) != 0 {
			t.Errorf("got %v, %v, %v", items, errs, ec)
		}
		write(t, path, "a,b\n1,2\n3,4\n")
		again := newFields(cfg)
		mustOpen(t, again, ec)
		if items, errs := readAll(t, again); len(items) != 2 || errs != nil || again.Checkpoint(ec) != nil {
			t.Errorf("once it is there: %v, %v", items, errs)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := open(t, newFields(cfg), ec); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("behind a part that was read: %v", err)
		}
	})
}
