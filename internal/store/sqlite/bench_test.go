package sqlite_test

import (
	"database/sql"
	"testing"

	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// What a command pays before it can do anything: the open files, and for
// comparison the bare driver on the same file.
func BenchmarkOpen(b *testing.B) {
	path := b.TempDir() + "/batch.db"
	if err := sqlite.Init(b.Context(), path, options()); err != nil {
		b.Fatal(err)
	}
	b.Run("store", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s, err := sqlite.Open(b.Context(), path, options())
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("explorer", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			x, err := sqlite.OpenExplorer(b.Context(), path, options())
			if err != nil {
				b.Fatal(err)
			}
			if err := x.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare driver", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			db, err := sql.Open("sqlite3", "file:"+path+"?mode=ro")
			if err != nil {
				b.Fatal(err)
			}
			var n int
			if err := db.QueryRow("SELECT count(*) FROM sqlite_schema").Scan(&n); err != nil {
				b.Fatal(err)
			}
			if err := db.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("claim and release", func(b *testing.B) {
		b.ReportAllocs()
		w := sqlite.NewOwnership(path)
		for b.Loop() {
			o, err := w.Claim(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			if err := w.Release(o.Token); err != nil {
				b.Fatal(err)
			}
		}
	})
}
