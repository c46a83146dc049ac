package csvfile_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/govalues/decimal"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
)

func addCorpus(f *testing.F) {
	f.Helper()
	for _, text := range []string{
		"", "\n", "a", "a,b\n1,2\n", "a,b\r\n1,2\r\n", "a,b\n\"1\",\"2\"\n", tricky,
		"a\n\"x\ny\"\n", "a,b\n1,\"x\n", "a,b\n1,x\"y\n", "a,b\n\"1\"x,2\n", "a,b\n\"\",\"\"\"\"\n",
		"a\n\n\n1\n", "a,b\n1\n1,2,3\n", "a\n\x00\n\xff\n", "\xef\xbb\xbfa\n1\n", "a,b\n\"1\r\n\",2\r",
	} {
		f.Add(text)
	}
}

// FuzzReader: whatever a file holds, reading it ends, every record takes it
// further, and a restart behind any record reads the same rest.
func FuzzReader(f *testing.F) {
	addCorpus(f)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(dir, "in.csv")
		write(t, path, text)
		defer os.Remove(path)
		cfg := csvfile.ReaderConfig{Path: path, AllowEmpty: true, MaxRecord: 64, MaxField: 16, MaxColumns: 8}
		switch len(text) % 4 { // with other options by turns
		case 1:
			cfg.Comment, cfg.Quote, cfg.Ragged = "#", '\'', csvfile.PadShort
		case 2:
			cfg.NoQuotes, cfg.SkipLines, cfg.Ragged = true, 1, csvfile.CutLong
		case 3:
			cfg.NoHeader, cfg.Columns, cfg.Ragged = true, []csvfile.Column{{Name: "a"}, {Name: "b"}}, csvfile.PadShort|csvfile.CutLong
		}
		cfg.OneLine = len(text)/4%2 == 1
		r := newFields(cfg)
		defer r.Close()
		if err := r.Open(t.Context(), nil); err != nil {
			return
		}
		type step struct {
			ec   core.ExecutionContext
			text string
		}
		var steps []step
		dst := make([][]string, 1)
		last, ended := int64(-1), true
		for {
			ec := core.ExecutionContext{}
			if err := r.Checkpoint(ec); err != nil {
				t.Fatal(err)
			}
			n, err := r.Read(t.Context(), dst)
			if errors.Is(err, io.EOF) {
				steps = append(steps, step{ec, "EOF"})
				break
			}
			if err != nil && !errors.As(err, new(*core.ItemError)) {
				again := core.ExecutionContext{}
				if err := r.Checkpoint(again); err != nil || again["csv.in.record"] != ec["csv.in.record"] {
					t.Fatalf("the position moved from %v to %v (%v)", ec, again, err)
				}
				steps = append(steps, step{ec, outcome(nil, err)})
				ended = false
				break
			}
			offset, _, _ := ec.Int64("csv.in.offset")
			if offset <= last || offset > int64(len(text)) {
				t.Fatalf("record %d at byte %d follows one at byte %d", len(steps), offset, last)
			}
			last = offset
			steps = append(steps, step{ec, outcome(dst[:n], err)})
		}
		if ended && len(text) > 0 && steps[0].ec["csv.in.offset"] != nil {
			end := core.ExecutionContext{}
			if err := r.Checkpoint(end); err != nil || end["csv.in.offset"] != int64(len(text)) || end["csv.in.crc"] != int64(crc(t, text)) {
				t.Fatalf("at the end the position is %v, want %d bytes, crc %08x", end, len(text), crc(t, text))
			}
		}
		for i, s := range steps {
			again := newFields(cfg)
			if err := again.Open(t.Context(), s.ec); err != nil {
				t.Fatalf("restart behind record %d: %v", i, err)
			}
			n, err := again.Read(t.Context(), dst)
			got := "EOF"
			if !errors.Is(err, io.EOF) {
				got = outcome(dst[:n], err)
			}
			if got != s.text {
				t.Errorf("restart behind record %d reads %s, want %s", i, got, s.text)
			}
			again.Close()
		}
	})
}

func outcome(items [][]string, err error) string {
	if err != nil {
		return "error " + err.Error()
	}
	return strings.Join(items[0], "\x00")
}

// FuzzDifferential compares with encoding/csv where both are defined: that one
// takes CR, NUL, other bytes and a byte order mark for text, and we do not.
func FuzzDifferential(f *testing.F) {
	addCorpus(f)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "\r\x00") || !utf8.ValidString(text) || strings.HasPrefix(text, "\ufeff") {
			return
		}
		path := filepath.Join(dir, "in.csv")
		write(t, path, text)
		defer os.Remove(path)
		want, theirs := csv.NewReader(strings.NewReader(text)).ReadAll()
		r := newFields(csvfile.ReaderConfig{Path: path})
		defer r.Close()
		if err := r.Open(t.Context(), nil); err != nil {
			if theirs == nil && len(want) > 0 && distinct(want[0]) {
				t.Fatalf("Open: %v, encoding/csv reads %q", err, want)
			}
			return
		}
		got, errs := readAll(t, r)
		if (len(errs) > 0) != (theirs != nil) {
			t.Fatalf("we find %v, encoding/csv finds %v", errs, theirs)
		}
		if theirs != nil {
			return
		}
		if diff := cmp.Diff(got, want[1:], equateEmpty); diff != "" {
			t.Errorf("(-got +want):\n%s", diff)
		}
	})
}

var equateEmpty = cmp.Transformer("empty", func(records [][]string) [][]string {
	if len(records) == 0 {
		return nil
	}
	return records
})

func distinct(names []string) bool {
	seen := map[string]bool{"": true}
	for _, name := range names {
		if seen[name] {
			return false
		}
		seen[name] = true
	}
	return true
}

// FuzzDecimal: what is accepted is what the decimal library reads exactly.
func FuzzDecimal(f *testing.F) {
	for _, text := range []string{"0", "-1.50", "+.5", "1e3", "9999999999999999999", "0.00000000000000000001", "١", "-0.0", "1,5"} {
		f.Add(text)
	}
	dir := f.TempDir()
	cfg := csvfile.ReaderConfig{
		Path:    filepath.Join(dir, "in.csv"),
		Columns: []csvfile.Column{{Name: "v", Type: csvfile.Decimal, Scale: csvfile.AnyScale}},
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "\r\n\x00\",") || text == "" || !utf8.ValidString(text) {
			return
		}
		write(t, cfg.Path, "v\n"+text+"\n")
		r := csvfile.NewReader(cfg, func(row *csvfile.Row, d *decimal.Decimal) (err error) {
			*d, err = row.Decimal(0)
			return err
		})
		defer r.Close()
		if err := r.Open(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		got, errs := readAll(t, r)
		if len(errs) > 0 {
			return
		}
		_, fraction, _ := strings.Cut(text, ".")
		want, err := decimal.ParseExact(text, len(fraction))
		if err != nil || got[0].String() != want.String() || got[0].Scale() != len(fraction) {
			t.Errorf("%q is read as %s, the library says %s (%v)", text, got[0], want, err)
		}
	})
}

// FuzzRoundTrip: what the writer writes, our reader and encoding/csv read back.
func FuzzRoundTrip(f *testing.F) {
	f.Add("a", "b", byte(','), false)
	f.Add("", "", byte(';'), true)
	f.Add("x\r\ny", `"`, byte('\t'), false)
	f.Add("\ufeff", "=1+1", byte('|'), true)
	f.Add("a,b;c", " x ", byte(','), false)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, a, b string, comma byte, crlf bool) {
		if !validText(a) || !validText(b) || !strings.ContainsRune(",;\t|: ", rune(comma)) {
			return
		}
		records := [][]string{{a, b}, {b, a}, {"", ""}}
		path := filepath.Join(dir, "out.csv")
		w := csvfile.NewWriter(csvfile.WriterConfig{Path: path, Columns: []string{"x", "y"}, Comma: comma, CRLF: crlf}, encodeFields)
		defer w.Close()
		for _, err := range []error{
			w.Open(t.Context(), nil),
			w.Write(t.Context(), &core.Chunk[[]string]{Seq: 1, Items: records}),
			w.Finish(t.Context()),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		r := newFields(csvfile.ReaderConfig{Path: path, Comma: comma})
		defer r.Close()
		if err := r.Open(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		got, errs := readAll(t, r)
		if diff := cmp.Diff(got, records); diff != "" || errs != nil {
			t.Errorf("errors %v, (-got +want):\n%s", errs, diff)
		}
		if strings.Contains(a+b, "\r") {
			return // encoding/csv turns CR LF in quotes into LF
		}
		other := csv.NewReader(bytes.NewReader([]byte(content(t, path))))
		other.Comma = rune(comma)
		theirs, err := other.ReadAll()
		if diff := cmp.Diff(theirs[1:], records); diff != "" || err != nil {
			t.Errorf("encoding/csv: %v, (-got +want):\n%s", err, diff)
		}
	})
}

func validText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

func encodeFields(item *[]string, dst []string) ([]string, error) { return append(dst, *item...), nil }
