//go:build unix

package bench_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/bench"
)

// allocsPerRecord is the ceiling on the chunk step of dailySettlement: three
// values to bind that differ from record to record, and what a statement of 64
// rows and a commit of 1000 cost.
const allocsPerRecord = 4

// TestFloorAndProductAgree is what makes the comparison worth anything.
func TestFloorAndProductAgree(t *testing.T) {
	dir, d := t.TempDir(), bench.Day(20_500)
	if err := d.WriteFiles(dir); err != nil {
		t.Fatal(err)
	}
	product, floor, empty := filepath.Join(dir, "product.db"), filepath.Join(dir, "floor.db"), filepath.Join(dir, "empty")
	definition := filepath.Join(dir, "definition.db")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	u, err := bench.Product(t.Context(), product, dir, d, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defined, err := bench.Definition(t.Context(), definition, dir, d, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := bench.Prepare(t.Context(), floor, empty, d, time.Now); err != nil {
		t.Fatal(err)
	}
	records, err := bench.Floor(t.Context(), floor, filepath.Join(dir, d.Name()+".csv"))
	if err != nil {
		t.Fatal(err)
	}
	if records != int64(d.Records) || u.Records != records || defined.Records != records {
		t.Errorf("floor read %d, product %d, definition %d, want %d", records, u.Records, defined.Records, d.Records)
	}
	wantRows, want, err := bench.LedgerDigest(t.Context(), product)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{floor, definition} {
		gotRows, got, err := bench.LedgerDigest(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if gotRows != wantRows || got != want || gotRows == 0 {
			t.Errorf("%s has %d rows %s, product %d rows %s", filepath.Base(path), gotRows, got, wantRows, want)
		}
	}
}

func TestAllocationsPerRecord(t *testing.T) {
	dir, d := t.TempDir(), bench.Day(50_000)
	if err := d.WriteFiles(dir); err != nil {
		t.Fatal(err)
	}
	u, err := bench.Product(t.Context(), filepath.Join(dir, "product.db"), dir, d, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.2f allocations a record", u.AllocsPerRecord())
	if got := u.AllocsPerRecord(); got > allocsPerRecord {
		t.Errorf("%.2f allocations a record, the ceiling is %d", got, allocsPerRecord)
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		want   bench.Spread
	}{
		{[]float64{2}, bench.Spread{Min: 2, Median: 2, Max: 2}},
		{[]float64{3, 1, 2}, bench.Spread{Min: 1, Median: 2, Max: 3}},
		{[]float64{4, 1, 2, 3}, bench.Spread{Min: 1, Median: 2.5, Max: 4}},
	} {
		if got := bench.NewSpread(c.values); got != c.want {
			t.Errorf("%v: %v, want %v", c.values, got, c.want)
		}
	}
}
