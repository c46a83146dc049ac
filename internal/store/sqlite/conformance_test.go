package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlite"
	"github.com/batchctl/batchctl/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Store {
		t.Helper()
		path := filepath.Join(t.TempDir(), "repository.db")
		open := func(t *testing.T) core.JobRepository {
			t.Helper()
			s, err := sqlite.Open(t.Context(), path, options())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			return s
		}
		repo := open(t)
		db, err := sql.Open("sqlite3", "file:"+path+"?_busy_timeout=10000&_foreign_keys=1&_txlock=immediate")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return storetest.Store{Repo: repo, DB: db, Another: open}
	})
}
