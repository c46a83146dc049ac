package csvfile_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
)

// transaction is an item of the size that jobs have.
type transaction struct {
	ID       int64
	Merchant string
	Currency string
	Amount   decimal.Decimal
	Day      time.Time
}

func transactions(rows int) string {
	var b strings.Builder
	b.WriteString("id,merchant,type,amount,currency,day,reference\n")
	for i := range rows {
		fmt.Fprintf(&b, "%d,M-%05d,PURCHASE,%d.%02d,JPY,2021-01-%02d,ref-%08x\n", 1_000_000+i, i%997, i%5000, i%100, 1+i%28, i)
	}
	return b.String()
}

func transactionReader(path string) *csvfile.Reader[transaction] {
	cfg := csvfile.ReaderConfig{Path: path, Columns: []csvfile.Column{
		{Name: "id", Type: csvfile.Long, Required: true},
		{Name: "merchant", Required: true},
		{Name: "currency"},
		{Name: "amount", Type: csvfile.Decimal, Scale: 2},
		{Name: "day", Type: csvfile.Date},
	}}
	return csvfile.NewReader(cfg, func(row *csvfile.Row, tx *transaction) error {
		var errs [3]error
		tx.ID, errs[0] = row.Long(0)
		tx.Merchant, tx.Currency = row.String(1), row.String(2)
		tx.Amount, errs[1] = row.Decimal(3)
		tx.Day, errs[2] = row.Date(4)
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// drain reads to the end and returns the number of items.
func drain[T any](tb testing.TB, r *csvfile.Reader[T], dst []T) int {
	tb.Helper()
	total := 0
	for {
		n, err := r.Read(tb.Context(), dst)
		total += n
		if errors.Is(err, io.EOF) {
			return total
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
}

// mallocs returns what f allocates: objects and bytes.
func mallocs(f func()) (objects, size uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs, after.TotalAlloc - before.TotalAlloc
}

// TestAllocations is not parallel: it counts what the whole process allocates.
func TestAllocations(t *testing.T) {
	const rows = 20_000
	path := file(t, transactions(rows))
	quotedPath := file(t, strings.ReplaceAll(transactions(rows), ",PURCHASE,", `,"PURCHASE, ""new""",`))
	tests := map[string]struct {
		path   string
		bind   func(row *csvfile.Row, n *int64) error
		perRow float64
	}{
		"typed columns, no strings": {path, func(row *csvfile.Row, n *int64) (err error) {
			*n, err = row.Long(0)
			if _, err := row.Decimal(1); err != nil {
				return err
			}
			if _, err := row.Date(2); err != nil {
				return err
			}
			return err
		}, 0},
		"strings": {path, func(row *csvfile.Row, n *int64) error {
			*n = int64(len(row.String(3)) + len(row.String(0)) + len(row.String(1)))
			return nil
		}, 1},
		"quoted":    {quotedPath, func(row *csvfile.Row, n *int64) error { *n = int64(len(row.Bytes(3))); return nil }, 0},
		"the place": {path, func(row *csvfile.Row, n *int64) error { *n = row.Origin().Length; return nil }, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := csvfile.NewReader(csvfile.ReaderConfig{Path: tt.path, Columns: []csvfile.Column{
				{Name: "id", Type: csvfile.Long},
				{Name: "amount", Type: csvfile.Decimal, Scale: 2},
				{Name: "day", Type: csvfile.Date},
				{Name: "type"},
			}}, tt.bind)
			mustOpen(t, r, nil)
			dst := make([]int64, 1000)
			total := 0
			objects, _ := mallocs(func() { total = drain(t, r, dst) })
			if total != rows {
				t.Fatalf("read %d rows, want %d", total, rows)
			}
			if got, most := float64(objects)/rows, tt.perRow+0.01; got > most {
				t.Errorf("%.3f allocations a row, the ceiling is %.0f", got, tt.perRow)
			}
		})
	}
}

// TestMemoryIsBounded reads files that are far longer than a record may be. It
// is not parallel: it counts what the whole process allocates.
func TestMemoryIsBounded(t *testing.T) {
	const size, maxRecord = 64 << 20, 4 << 20
	for name, tt := range map[string]struct {
		head string
		size int64
	}{
		"66 73 unclosed quote":       {"a,b\n1,\"x", size},
		"73 one endless line":        {"a,b\n1,x", size},
		"73 millions of fields":      {"a,b\n1" + strings.Repeat(",", 15<<18) + "\n", 0},
		"73 millions of quotes":      {"a,b\n\"\"" + strings.Repeat(",\"\"", 5<<18) + "\n", 0},
		"73 millions behind a quote": {"a,b\n\"\"" + strings.Repeat(",", 15<<18) + "\n", 0},
		"73 millions behind a line":  {"a,b\n\"\n\"" + strings.Repeat(",", 15<<18) + "\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t, tt.head)
			if tt.size > 0 {
				if err := os.Truncate(path, tt.size); err != nil { // NUL bytes, no blocks on the disk
					t.Fatal(err)
				}
			}
			r := newFields(csvfile.ReaderConfig{Path: path, MaxRecord: maxRecord})
			mustOpen(t, r, nil)
			_, allocated := mallocs(func() {
				if _, errs := readAll(t, r); len(errs) != 1 {
					t.Errorf("got %v, want one error", errs)
				}
			})
			if most := uint64(5 * maxRecord); allocated > most {
				t.Errorf("allocated %d bytes, the ceiling is %d", allocated, most)
			}
		})
	}
}

// benchRows is the size of the file that the benchmarks read.
const benchRows = 50_000

// reads are the ways to read it.
var reads = map[string]func(b *testing.B, path string){
	"typed": func(b *testing.B, path string) {
		b.Helper()
		readOnce(b, transactionReader(path))
	},
	"split": func(b *testing.B, path string) {
		b.Helper()
		readOnce(b, csvfile.NewReader(csvfile.ReaderConfig{Path: path}, func(row *csvfile.Row, n *int) error {
			*n = len(row.String(0))
			return nil
		}))
	},
	"encoding-csv": func(b *testing.B, path string) {
		b.Helper()
		f, err := os.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		r := csv.NewReader(f)
		r.ReuseRecord = true
		for err == nil {
			_, err = r.Read()
		}
		if !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
	},
}

func readOnce[T any](b *testing.B, r *csvfile.Reader[T]) {
	b.Helper()
	defer r.Close()
	if err := r.Open(b.Context(), nil); err != nil {
		b.Fatal(err)
	}
	if n := drain(b, r, make([]T, 1000)); n != benchRows {
		b.Fatalf("read %d rows", n)
	}
}

func benchFiles(b *testing.B) map[string]string {
	b.Helper()
	text := transactions(benchRows)
	return map[string]string{
		"plain":  file(b, text),
		"quoted": file(b, strings.ReplaceAll(text, ",PURCHASE,", `,"PURCHASE, ""new""",`)),
	}
}

func BenchmarkReader(b *testing.B) {
	for content, path := range benchFiles(b) {
		for name, read := range reads {
			b.Run(name+"/"+content, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					read(b, path)
				}
				b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}

// BenchmarkReaderRatio reads by turns with ours and with encoding/csv, and
// reports how much of the latter's time ours takes, fastest against fastest.
func BenchmarkReaderRatio(b *testing.B) {
	for content, path := range benchFiles(b) {
		b.Run(content, func(b *testing.B) {
			fastest := map[string]time.Duration{}
			for b.Loop() {
				for name, read := range reads {
					start := time.Now()
					read(b, path)
					if took := time.Since(start); fastest[name] == 0 || took < fastest[name] {
						fastest[name] = took
					}
				}
			}
			for _, name := range []string{"split", "typed"} {
				b.ReportMetric(float64(fastest[name])/float64(fastest["encoding-csv"]), name+"/encoding-csv")
			}
		})
	}
}

func BenchmarkWriter(b *testing.B) {
	const rows = 50_000
	items := make([][]string, 1000)
	for i := range items {
		items[i] = []string{fmt.Sprint(1_000_000 + i), "merchant", "1234.56", "JPY", "with, comma"}
	}
	b.ReportAllocs()
	dir := b.TempDir()
	for b.Loop() {
		w := csvfile.NewWriter(csvfile.WriterConfig{Path: filepath.Join(dir, "out.csv"), Columns: []string{"a", "b", "c", "d", "e"}}, encodeFields)
		if err := w.Open(b.Context(), nil); err != nil {
			b.Fatal(err)
		}
		for seq := range int64(rows / len(items)) {
			if err := w.Write(b.Context(), &core.Chunk[[]string]{Seq: seq + 1, Items: items}); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Finish(b.Context()); err != nil {
			b.Fatal(err)
		}
		w.Close()
	}
	b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
}
