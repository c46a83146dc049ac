package csvfile_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
)

// file writes text to a new file and returns its path.
func file(tb testing.TB, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "in.csv")
	write(tb, path, text)
	return path
}

func write(tb testing.TB, path, text string) {
	tb.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
}

func content(tb testing.TB, path string) string {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// fields binds a record to the slice of its columns.
func fields(row *csvfile.Row, item *[]string) error {
	for i := range row.Len() {
		*item = append(*item, row.String(i))
	}
	return nil
}

func newFields(cfg csvfile.ReaderConfig) *csvfile.Reader[[]string] {
	return csvfile.NewReader(cfg, fields)
}

// readAll reads to the end, in chunks of three, passing over bad records.
func readAll[T any](tb testing.TB, r *csvfile.Reader[T]) (items []T, errs []error) {
	tb.Helper()
	dst := make([]T, 3)
	for {
		n, err := r.Read(tb.Context(), dst)
		items = append(items, slices.Clone(dst[:n])...)
		var item *core.ItemError
		switch {
		case err == nil && n == len(dst):
		case errors.Is(err, io.EOF):
			return items, errs
		case errors.As(err, &item):
			errs = append(errs, err)
		case err != nil:
			return items, append(errs, err)
		default:
			tb.Fatalf("Read returned %d items of %d and no error", n, len(dst))
		}
	}
}

// texts returns the texts of errs, the file shown by its base name.
func texts(path string, errs ...error) []string {
	var out []string
	for _, err := range errs {
		text := strings.ReplaceAll(err.Error(), path, filepath.Base(path))
		if hint := core.Hint(err); hint != "" {
			text += " | " + strings.ReplaceAll(hint, path, filepath.Base(path))
		}
		out = append(out, text)
	}
	return out
}

// open opens r and closes it at the end of the test.
func open(tb testing.TB, r core.ItemStream, ec core.ExecutionContext) error {
	tb.Helper()
	tb.Cleanup(func() {
		if err := r.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return r.Open(tb.Context(), ec)
}

func mustOpen(tb testing.TB, r core.ItemStream, ec core.ExecutionContext) {
	tb.Helper()
	if err := open(tb, r, ec); err != nil {
		tb.Fatalf("open: %v", err)
	}
}

// crc is CRC-32C bit by bit, as the standard defines it.
func crc(tb testing.TB, text string) uint32 {
	tb.Helper()
	c := ^uint32(0)
	for _, b := range []byte(text) {
		c ^= uint32(b)
		for range 8 {
			c = c>>1 ^ 0x82f63b78&-(c&1)
		}
	}
	return ^c
}
