//go:build unix

package bench_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/bench"
)

// mostForAChunk is how many allocations a chunk may make besides those of a plain
// one. With skips, what was put into the job's context is kept for another
// attempt; a part has its index and its count in each checkpoint; the others are
// what the runtime and the poll for a stop allocate.
const mostForAChunk = 10

// TestUnusedFeatures counts what a day pays for what it does not need: nothing for
// a record, next to nothing for a chunk, and no write transaction.
func TestUnusedFeatures(t *testing.T) { // not parallel: it counts allocations
	const chunks = 20
	dir, d := t.TempDir(), bench.Day(chunks*1000)
	if err := d.WriteFiles(dir); err != nil {
		t.Fatal(err)
	}
	settle := func(f bench.Feature) (c bench.Cost, ledger string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "repository.db")
		c, err := f.Settle(t.Context(), path, dir, d, time.Now)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		rows, digest, err := bench.LedgerDigest(t.Context(), path)
		if err != nil || rows == 0 || c.Records != int64(d.Records) {
			t.Fatalf("%s: %d records, %d rows, %v", f.Name, c.Records, rows, err)
		}
		return c, digest
	}
	features := bench.Features()
	settle(features[0]) // to warm up
	plain, want := settle(features[0])
	// launch; verifyInput 2; settleTransactions 2 and its chunks; end
	if most := int64(1 + 2 + 2 + chunks + 1); plain.Transactions != most {
		t.Errorf("%d write transactions, want %d", plain.Transactions, most)
	}
	for _, f := range features[1:] {
		c, ledger := settle(f)
		if ledger != want {
			t.Errorf("%s: another ledger", f.Name)
		}
		if c.Transactions != plain.Transactions {
			t.Errorf("%s: %d write transactions, plain %d", f.Name, c.Transactions, plain.Transactions)
		}
		if more := int64(c.Allocs) - int64(plain.Allocs); more > chunks*mostForAChunk {
			t.Errorf("%s: %+d allocations in %d chunks", f.Name, more, chunks)
		}
	}
}

// TestUnusedMachinery counts the same where nothing but the machinery is at work,
// and what the structures around a step write for themselves. That every way
// leads to the same sum is seen to by Run.
func TestUnusedMachinery(t *testing.T) { // not parallel: it counts allocations
	const few, many = 10, 50
	add := func(b bench.Bare, chunks int64) bench.Cost {
		t.Helper()
		c, err := b.Run(t.Context(), filepath.Join(t.TempDir(), "repository.db"), chunks*bench.BareChunk, time.Now)
		if err != nil {
			t.Fatalf("%s: %v", b.Name, err)
		}
		// launch; addUp 2 and its chunks; end
		if want := 1 + 2 + chunks + 1 + int64(len(b.Adds)); c.Transactions != want {
			t.Errorf("%s: %d write transactions with %d chunks, want %d", b.Name, c.Transactions, chunks, want)
		}
		return c
	}
	perChunk := func(b bench.Bare) float64 {
		t.Helper()
		return (float64(add(b, many).Allocs) - float64(add(b, few).Allocs)) / (many - few)
	}
	bares := bench.Bares()
	add(bares[0], few) // to warm up
	plain := perChunk(bares[0])
	for _, b := range bares[1:] {
		got := perChunk(b)
		t.Logf("%s: %+.1f allocations a chunk", b.Name, got-plain)
		if got > plain+mostForAChunk {
			t.Errorf("%s: %.1f allocations a chunk, plain %.1f", b.Name, got, plain)
		}
	}
}
