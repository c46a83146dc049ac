package sqlitem_test

import (
	"database/sql"
	"errors"
	"io"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
)

// sale is a row of seven columns, four of which repeat themselves.
type sale struct {
	id, amount, fee                int64
	merchant, currency, date, kind string
}

const createSale = `CREATE TABLE sale (id INTEGER PRIMARY KEY, merchant TEXT, currency TEXT, date TEXT, kind TEXT,
	amount INTEGER, fee INTEGER)`

func saleWriter(f *fixture) *sqlitem.Writer[sale] {
	in := sqlitem.NewInterner(1000)
	return sqlitem.NewWriter(sqlitem.WriterConfig{
		Querier: f.store, Table: "sale",
		Columns: []string{"id", "merchant", "currency", "date", "kind", "amount", "fee"},
	}, func(s *sale, dst []any) []any {
		return append(dst, s.id, in.String(s.merchant), in.String(s.currency), in.String(s.date), in.String(s.kind),
			s.amount, s.fee)
	})
}

// sales fills the next 1,000 rows.
type sales struct {
	items []sale
	last  int64
}

func (s *sales) next() []sale {
	merchants := [...]string{"Tosung Mart", "서울상회", "東京商店", "Pier 39"}
	if s.items == nil {
		s.items = make([]sale, 1000)
	}
	for i := range s.items {
		s.last++
		s.items[i] = sale{
			id: s.last, amount: 1000 + s.last, fee: 300 + s.last, merchant: merchants[i%len(merchants)],
			currency: "KRW", date: "2021-01-01", kind: "SALE",
		}
	}
	return s.items
}

func TestWriterAllocations(t *testing.T) { // not parallel: it counts allocations
	f := setup(t, createSale)
	w, rows := saleWriter(f), &sales{}
	if err := w.Open(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(5, func() {
		if err := write(t, f, w, rows.next()); err != nil {
			t.Fatal(err)
		}
	})
	// Three values of a row are new to the interner; the rest is a statement's.
	if perRow := n / 1000; perRow > 4 {
		t.Errorf("%.2f allocations a row, want 4 at most", perRow)
	}
}

func BenchmarkWriter(b *testing.B) {
	f := setup(b, createSale)
	w, rows := saleWriter(f), &sales{}
	if err := w.Open(b.Context(), nil); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := write(b, f, w, rows.next()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkReader(b *testing.B) {
	f := setup(b, createSale)
	w, rows := saleWriter(f), &sales{}
	if err := w.Open(b.Context(), nil); err != nil {
		b.Fatal(err)
	}
	for range 20 {
		if err := write(b, f, w, rows.next()); err != nil {
			b.Fatal(err)
		}
	}
	dst := make([]sale, 1000)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		r := sqlitem.NewReader(f.store, sqlitem.ReaderConfig{Query: "SELECT * FROM sale", Key: "id"},
			func(rows *sql.Rows, s *sale) error {
				return rows.Scan(&s.id, &s.merchant, &s.currency, &s.date, &s.kind, &s.amount, &s.fee)
			})
		if err := r.Open(b.Context(), core.ExecutionContext{}); err != nil {
			b.Fatal(err)
		}
		for {
			got, err := r.Read(b.Context(), dst)
			n += got
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}
