//go:build unix

package bench_test

import (
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/bench"
)

// TestUnusedFeatures counts what a day pays for what it does not need: nothing for
// a record, next to nothing for a chunk, and no write transaction.
func TestUnusedFeatures(t *testing.T) { // not parallel: it counts allocations
	const chunks = 20
	// With skips, what was put into the job's context is kept for another attempt;
	// what remains is what the runtime allocates besides.
	const mostForAChunk = 10
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
	most := map[string]float64{ // allocations of a chunk besides those of a plain one
		"skip, retry and rejects": 1, // the changes to the job's context are kept
		"partition of one part":   4, // its index and the number of parts are in each checkpoint
		"job step":                2, // the child has a context below that of its parent
	}
	const besides, tries = 2, 5 // what the runtime and the poll for a stop allocate is not the chunk's
	bares := bench.Bares()
	add(bares[0], few) // to warm up
	for _, b := range bares[1:] {
		more := math.Inf(1)
		for range tries {
			if more = min(more, perChunk(b)-perChunk(bares[0])); more <= most[b.Name]+besides {
				break
			}
		}
		t.Logf("%s: %+.1f allocations a chunk", b.Name, more)
		if more > most[b.Name]+besides {
			t.Errorf("%s: a chunk allocates %.1f times more than a plain one, want %.0f", b.Name, more, most[b.Name])
		}
	}
}
