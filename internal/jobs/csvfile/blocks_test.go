package csvfile_test

import (
	"encoding/csv"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
)

// randomRecords makes records whose fields need quotes or not, span lines, and
// now and then are longer than what is read at a time.
func randomRecords(rng *rand.Rand, n int) [][]string {
	alphabet := []string{"a", "b", "7", " ", "상", ",", `"`, "\n", "'", ";"}
	records := make([][]string, n)
	for i := range records {
		records[i] = make([]string, 4)
		kinds := len(alphabet)
		if rng.IntN(2) == 0 {
			kinds = 5 // a record without quotes
		}
		for k := range records[i] {
			length := rng.IntN(30)
			if rng.IntN(2000) == 0 {
				length = rng.IntN(300_000)
			}
			var b strings.Builder
			for range length {
				b.WriteString(alphabet[rng.IntN(kinds)])
			}
			records[i][k] = b.String()
		}
	}
	return records
}

// TestAcrossBlocks reads a file of many blocks as encoding/csv does, and goes on
// from positions all over it.
func TestAcrossBlocks(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	records := append([][]string{{"a", "b", "c", "d"}}, randomRecords(rng, 20_000)...)
	var b strings.Builder
	w := csv.NewWriter(&b)
	if err := w.WriteAll(records); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	cfg := csvfile.ReaderConfig{Path: file(t, text)}
	r := newFields(cfg)
	mustOpen(t, r, nil)
	dst := make([][]string, 997)
	for at := 1; at < len(records); {
		n, err := r.Read(t.Context(), dst)
		if n == 0 {
			t.Fatalf("behind record %d: %v", at, err)
		}
		if diff := cmp.Diff(dst[:n], records[at:at+n]); diff != "" {
			t.Fatalf("behind record %d (-got +want):\n%s", at, diff)
		}
		at += n
		ec := core.ExecutionContext{}
		if err := r.Checkpoint(ec); err != nil {
			t.Fatal(err)
		}
		offset, _, _ := ec.Int64("csv.in.offset")
		if got, want := ec["csv.in.crc"], int64(crc32.Checksum([]byte(text[:offset]), crc32.MakeTable(crc32.Castagnoli))); got != want {
			t.Fatalf("behind record %d the checksum is %x, want %x", at, got, want)
		}
		if line := int64(1 + strings.Count(text[:offset], "\n")); ec["csv.in.line"] != line {
			t.Fatalf("behind record %d the line is %d, want %d", at, ec["csv.in.line"], line)
		}
		if at == len(records) {
			break
		}
		again := newFields(cfg)
		if err := again.Open(t.Context(), ec); err != nil {
			t.Fatal(err)
		}
		next := make([][]string, 1)
		if n, err := again.Read(t.Context(), next); n != 1 || !cmp.Equal(next[0], records[at]) {
			t.Fatalf("a restart behind record %d reads %q (%v), want %q", at, next[0], err, records[at])
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBadBytesAcrossBlocks finds what is wrong wherever the window stands.
func TestBadBytesAcrossBlocks(t *testing.T) {
	t.Parallel()
	const rows = 60_000
	lines := strings.Split(strings.TrimSuffix(transactions(rows), "\n"), "\n")
	var want []int
	for i, bad := range []string{"\x00", "\xff", "\r", `"`, ",extra"} {
		for k := i + 100; k < len(lines); k += 7919 {
			lines[k] += bad + "x"
			want = append(want, k+1)
		}
	}
	r := newFields(csvfile.ReaderConfig{Path: file(t, strings.Join(lines, "\n")+"\n")})
	mustOpen(t, r, nil)
	items, errs := readAll(t, r)
	if len(items)+len(errs) != rows || len(errs) != len(want) {
		t.Fatalf("read %d records and %d errors, want %d in all and %d errors", len(items), len(errs), rows, len(want))
	}
	found := map[int]bool{}
	for _, err := range errs {
		item, ok := errors.AsType[*core.ItemError](err)
		if !ok || item.Record != int64(item.Line-1) {
			t.Fatalf("got %v (%+v)", err, item)
		}
		found[item.Line] = true
	}
	for _, line := range want {
		if !found[line] {
			t.Errorf("nothing is found on line %d", line)
		}
	}
}
