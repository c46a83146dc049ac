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
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
)

func itoa(n int64) string { return fmt.Sprint(n) }

// tricky holds a bit of everything that moves positions.
const tricky = "\ufeffid,text\r\n1,a\n\n2,\"x\ny\"\r\n3\n4,상점\n\n5,\"\"\"\"\n6,last"

// checkpointAfter reads n items and returns the context and what is left.
func checkpointAfter(t *testing.T, path string, n int) (ec core.ExecutionContext, rest [][]string, errs []string) {
	t.Helper()
	r := newFields(csvfile.ReaderConfig{Path: path})
	mustOpen(t, r, core.ExecutionContext{})
	dst := make([][]string, 1)
	for range n {
		var item *core.ItemError
		if _, err := r.Read(t.Context(), dst); err != nil && !errors.As(err, &item) {
			t.Fatal(err)
		}
	}
	ec = core.ExecutionContext{}
	if err := r.Checkpoint(ec); err != nil {
		t.Fatal(err)
	}
	if err := ec.Check(); err != nil {
		t.Fatal(err)
	}
	rest, all := readAll(t, r)
	return ec, rest, texts(path, all...)
}

func TestRestart(t *testing.T) {
	t.Parallel()
	path := file(t, tricky)
	for n := range 7 {
		t.Run(fmt.Sprintf("CHUNK-54 CHUNK-55 CHUNK-62 behind %d records", n), func(t *testing.T) {
			t.Parallel()
			ec, wantItems, wantErrs := checkpointAfter(t, path, n)
			r := newFields(csvfile.ReaderConfig{Path: path})
			mustOpen(t, r, ec)
			again := core.ExecutionContext{}
			if err := r.Checkpoint(again); err != nil || !again.Equal(ec) {
				t.Errorf("checkpoint after open is %v (%v), want %v", again, err, ec)
			}
			items, errs := readAll(t, r)
			if diff := cmp.Diff(items, wantItems); diff != "" {
				t.Errorf("items (-got +want):\n%s", diff)
			}
			if diff := cmp.Diff(texts(path, errs...), wantErrs); diff != "" {
				t.Errorf("errors (-got +want):\n%s", diff)
			}
		})
	}
}

func TestRestartKeys(t *testing.T) {
	t.Parallel()
	path := file(t, "a,b\n1,2\n3,4\n")
	r := newFields(csvfile.ReaderConfig{Path: path, Name: "ledger"})
	mustOpen(t, r, nil)
	if n, err := r.Read(t.Context(), make([][]string, 1)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	got := core.ExecutionContext{}
	if err := r.Checkpoint(got); err != nil {
		t.Fatal(err)
	}
	// The checksum is that of the header and the first record.
	want := core.ExecutionContext{"ledger.offset": int64(8), "ledger.record": int64(1), "ledger.line": int64(3), "ledger.crc": int64(crc(t, "a,b\n1,2\n"))}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

func TestInputChangedBetweenRuns(t *testing.T) {
	t.Parallel()
	const before = "a,b\n1,2\n3,4\n5,6\n"
	tests := map[string]struct {
		after string
		want  string // part of the error; empty: accepted
		rest  [][]string
	}{
		"83 nothing changed":            {after: before, rest: [][]string{{"5", "6"}}},
		"83 changed behind":             {after: "a,b\n1,2\n3,4\n5,7\n8,9\n", rest: [][]string{{"5", "7"}, {"8", "9"}}},
		"83 cut behind":                 {after: "a,b\n1,2\n3,4\n"},
		"83 changed before":             {after: "a,b\n1,2\n3,5\n5,6\n", want: "what stands before line 4, the first 12 bytes, changed since the last commit: crc32c "},
		"83 header changed":             {after: "b,a\n1,2\n3,4\n5,6\n", want: "what stands before line 4, the first 12 bytes, changed since the last commit: crc32c "},
		"83 header broken":              {after: "a,a\n1,2\n3,4\n5,6\n", want: "what stands before line 4, the first 12 bytes, changed since the last commit: crc32c "},
		"83 shorter than what was read": {after: "a,b\n1,2\n", want: "the last commit read 12 bytes, the file has 8 now"},
		"83 empty":                      {after: "", want: "the last commit read 12 bytes, the file has 0 now"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := file(t, before)
			ec, _, _ := checkpointAfter(t, path, 2)
			write(t, path, tt.after)
			r := newFields(csvfile.ReaderConfig{Path: path})
			err := open(t, r, ec)
			if tt.want != "" {
				if !errors.Is(err, core.ErrCheckpointMismatch) || !strings.Contains(err.Error(), tt.want) || core.Hint(err) == "" {
					t.Fatalf("got %v, want a checkpoint mismatch with %q and a hint", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			rest, errs := readAll(t, r)
			if diff := cmp.Diff(rest, tt.rest); diff != "" || errs != nil {
				t.Errorf("errors %v, items (-got +want):\n%s", errs, diff)
			}
		})
	}
}

func TestLastRecordContinued(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		added string
		bad   bool
		rest  [][]string
	}{
		"nothing":            {added: ""},
		"a newline":          {added: "\n"},
		"CRLF and a record":  {added: "\r\n5,6\n", rest: [][]string{{"5", "6"}}},
		"more of the record": {added: "56\n7,8\n", bad: true},
		"a comma":            {added: ",9", bad: true},
	}
	for name, tt := range tests {
		t.Run("83 "+name, func(t *testing.T) {
			t.Parallel()
			path := file(t, "a,b\n1,2\n3,4")
			ec, _, _ := checkpointAfter(t, path, 2)
			write(t, path, "a,b\n1,2\n3,4"+tt.added)
			r := newFields(csvfile.ReaderConfig{Path: path})
			err := open(t, r, ec)
			if tt.bad {
				if !errors.Is(err, core.ErrCheckpointMismatch) || !strings.Contains(err.Error(), "line 3 was read as the last one") {
					t.Fatalf("got %v, want a checkpoint mismatch", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			rest, errs := readAll(t, r)
			if diff := cmp.Diff(rest, tt.rest); diff != "" || errs != nil {
				t.Errorf("errors %v, items (-got +want):\n%s", errs, diff)
			}
		})
	}
}

func TestDamagedContext(t *testing.T) {
	t.Parallel()
	path := file(t, "a\n1\n")
	for name, ec := range map[string]core.ExecutionContext{
		"one key":  {"csv.in.offset": int64(2)},
		"type":     {"csv.in.offset": "2"},
		"negative": {"csv.in.offset": int64(-2), "csv.in.crc": int64(0), "csv.in.record": int64(0), "csv.in.line": int64(1)},
		"crc":      {"csv.in.offset": int64(2), "csv.in.crc": int64(1) << 32, "csv.in.record": int64(0), "csv.in.line": int64(1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := open(t, newFields(csvfile.ReaderConfig{Path: path}), ec); !errors.Is(err, core.ErrCheckpointMismatch) {
				t.Errorf("got %v, want a checkpoint mismatch", err)
			}
		})
	}
}

func TestInputChangedDuringRun(t *testing.T) {
	t.Parallel()
	// More than one read ahead, so that the end has not been seen yet.
	text := "a,b\n" + strings.Repeat("1,22222222\n", 50_000)
	tests := map[string]struct {
		change func(t *testing.T, path string)
		want   string
	}{
		"82 grows": {func(t *testing.T, path string) {
			t.Helper()
			write(t, path, text+"3,4\n")
		}, "it grew beyond the 550004 bytes that it had"},
		"82 shrinks": {func(t *testing.T, path string) {
			t.Helper()
			if err := os.Truncate(path, 400_000); err != nil {
				t.Fatal(err)
			}
		}, "it had 550004 bytes and has 400000 now"},
		"82 replaced": {func(t *testing.T, path string) {
			t.Helper()
			write(t, path+".new", text)
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		}, "another file has its name now"},
		"82 removed": {func(t *testing.T, path string) {
			t.Helper()
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, "no such file or directory"},
		"82 modified": {func(t *testing.T, path string) {
			t.Helper()
			if err := os.Chtimes(path, time.Time{}, time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
				t.Fatal(err)
			}
		}, "it was modified at 2021-01-01T00:00:00.000Z"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := file(t, text)
			r := newFields(csvfile.ReaderConfig{Path: path})
			mustOpen(t, r, nil)
			if n, err := r.Read(t.Context(), make([][]string, 10)); n != 10 || err != nil {
				t.Fatal(n, err)
			}
			tt.change(t, path)
			dst := make([][]string, 1000)
			var err error
			for err == nil || errors.As(err, new(*core.ItemError)) {
				_, err = r.Read(t.Context(), dst)
			}
			if !strings.Contains(err.Error(), "the input changed while it was read: ") || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if core.Hint(err) == "" {
				t.Error("the error has no hint")
			}
			if _, again := r.Read(t.Context(), dst); !errors.Is(again, err) {
				t.Errorf("a further Read returns %v, want the same error", again)
			}
		})
	}
}

func TestReadContract(t *testing.T) {
	t.Parallel()
	path := file(t, "a,b\n1,2\n3\n5,6\n")
	r := newFields(csvfile.ReaderConfig{Path: path})
	dst := make([][]string, 5)
	if _, err := r.Read(t.Context(), dst); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("Read before Open returns %v", err)
	}
	if err := r.Checkpoint(core.ExecutionContext{}); err == nil {
		t.Error("Checkpoint before Open succeeded")
	}
	mustOpen(t, r, nil)
	if n, err := r.Read(t.Context(), nil); n != 0 || !errors.Is(err, io.ErrShortBuffer) {
		t.Errorf("Read into nothing returns %d, %v", n, err)
	}
	cause := errors.New("aborted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if n, err := r.Read(ctx, dst); n != 0 || !errors.Is(err, cause) {
		t.Errorf("Read with a cancelled context returns %d, %v", n, err)
	}
	if n, err := r.Read(t.Context(), dst); n != 1 || !errors.As(err, new(*core.ItemError)) {
		t.Errorf("got %d, %v: want the good record with the error of the next", n, err)
	}
	if n, err := r.Read(t.Context(), dst); n != 1 || !errors.Is(err, io.EOF) || dst[0][0] != "5" {
		t.Errorf("got %d, %v, %v: want the last record with io.EOF", n, err, dst[0])
	}
	if n, err := r.Read(t.Context(), dst); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("got %d, %v: want io.EOF again", n, err)
	}
	if got, want := r.Stats(), (csvfile.Stats{LF: 4}); got != want {
		t.Errorf("stats are %+v, want %+v", got, want)
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	r := newFields(csvfile.ReaderConfig{Path: file(t, "a,b\r\n\n1,2\n\r\n\"3\",\"4\"\r\n\"\n\",\"\"\n")})
	mustOpen(t, r, nil)
	if items, errs := readAll(t, r); len(items) != 3 || errs != nil {
		t.Fatal(items, errs)
	}
	if got, want := r.Stats(), (csvfile.Stats{Blank: 2, LF: 3, CRLF: 3}); got != want {
		t.Errorf("63 72: stats are %+v, want %+v", got, want)
	}
}

// TestEmptyThenFilled: an attempt on an empty file leaves no position behind.
func TestEmptyThenFilled(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "in.csv")
	write(t, path, "")
	cfg := csvfile.ReaderConfig{Path: path, AllowEmpty: true}
	r := newFields(cfg)
	mustOpen(t, r, nil)
	ec := core.ExecutionContext{}
	if err := r.Checkpoint(ec); err != nil || len(ec) != 0 {
		t.Fatalf("checkpoint of an empty file: %v, %v", ec, err)
	}
	write(t, path, "a\n1\n")
	again := newFields(cfg)
	mustOpen(t, again, ec)
	if items, errs := readAll(t, again); len(items) != 1 || errs != nil {
		t.Errorf("got %v, %v, want one record", items, errs)
	}
}
