//go:build unix

package bench_test

import (
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
	dir, d := t.TempDir(), day(chunks*1000)
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
