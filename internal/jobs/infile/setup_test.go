package infile_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unicode/utf16"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/korean"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// reader is what a source makes.
type reader interface {
	core.ItemReader[record.Record]
	core.ItemStream
	core.RawReader
}

// newReader returns a reader of a source with these options.
func newReader(tb testing.TB, source component.Source, given map[string]any) (reader, error) {
	tb.Helper()
	v, err := component.NewValues(source.Spec, given)
	if err != nil {
		tb.Fatal(err)
	}
	schema, err := source.Schema(v)
	if err != nil {
		return nil, err
	}
	r, err := source.New(nil, v, schema)
	if err != nil {
		return nil, err
	}
	return r.(reader), nil
}

// outcome is what one call for one record has led to.
type outcome struct {
	EC   core.ExecutionContext // before it
	Text string                // of the record, or of the error
	Raw  string
}

func textOf(r record.Record) string {
	var b []byte
	for _, v := range r.Values() {
		b = append(append(b, v.Kind().String()...), ':')
		b = append(v.AppendText(b), '|')
	}
	return string(b)
}

// readOut opens r at ec and reads to the end, one record at a time.
func readOut(tb testing.TB, r reader, ec core.ExecutionContext) (all []outcome, err error) {
	tb.Helper()
	defer func() {
		if err := r.Close(); err != nil {
			tb.Error(err)
		}
	}()
	if err := r.Open(tb.Context(), ec); err != nil {
		return nil, err
	}
	dst := make([]record.Record, 1)
	for {
		o := outcome{EC: ec.Clone()}
		if err := r.Checkpoint(o.EC); err != nil {
			return all, err
		}
		n, err := r.Read(tb.Context(), dst)
		bad, isBad := errors.AsType[*core.ItemError](err)
		switch {
		case n == 1:
			o.Text = textOf(dst[0])
			raw, err := r.Raw(dst[0].Origin())
			if err != nil {
				return all, err
			}
			o.Raw = string(raw)
		case isBad:
			o.Text, o.Raw = bad.Error(), string(bad.Raw)
		case errors.Is(err, io.EOF):
			o.Text = "EOF"
			return append(all, o), nil
		default:
			return all, err
		}
		all = append(all, o)
	}
}

func write(tb testing.TB, path string, data []byte) string {
	tb.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func temp(tb testing.TB, name string, data []byte) string {
	tb.Helper()
	return write(tb, filepath.Join(tb.TempDir(), name), data)
}

// The ways in which a text becomes a file.
var packings = map[string]struct {
	name, encoding string
	pack           func(text string) []byte
}{
	"plain": {"in.txt", "", func(text string) []byte { return []byte(text) }},
	"gzip":  {"in.txt.gz", "", func(text string) []byte { return gzipped([]byte(text)) }},
	"gzip in members": {"in.txt.GZ", "", func(text string) []byte {
		return slices.Concat(gzipped([]byte(text[:len(text)/2])), gzipped([]byte(text[len(text)/2:])))
	}},
	"zstd":         {"in.txt.zst", "", func(text string) []byte { return zstandard([]byte(text)) }},
	"UTF-16LE":     {"in.txt", "utf-16le", func(text string) []byte { return utf16le(text) }},
	"UTF-16LE zst": {"in.txt.zst", "utf-16", func(text string) []byte { return zstandard(utf16le("\ufeff" + text)) }},
	"EUC-KR": {"in.txt", "euc-kr", func(text string) []byte {
		b, err := korean.EUCKR.NewEncoder().Bytes([]byte(text))
		if err != nil {
			panic(err)
		}
		return b
	}},
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func zstandard(data []byte) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return w.EncodeAll(data, nil)
}

func utf16le(text string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}

func pairs(texts ...string) []component.Pair {
	var out []component.Pair
	for i := 0; i < len(texts); i += 2 {
		out = append(out, component.Pair{Name: texts[i], Value: texts[i+1]})
	}
	return out
}
