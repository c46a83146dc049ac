package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

func openDatabase(t *testing.T, path string) core.Database {
	t.Helper()
	db, err := sqlite.Databases{}.OpenDatabase(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// querier is what stores, explorers and databases have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// exhaust reads a query to its end and returns what went wrong on the way.
func exhaust(t *testing.T, q querier, query string) error {
	t.Helper()
	rows, err := q.QueryContext(t.Context(), query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

func oneValue(t *testing.T, db querier, query string) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var v string
	for rows.Next() {
		if err := rows.Scan(&v); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestOpenDatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	db := openDatabase(t, path)
	if got := oneValue(t, db, "PRAGMA journal_mode"); got != "wal" {
		t.Errorf("a new database is in mode %s, want wal", got)
	}
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if fi.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, want 0600", fi.Mode().Perm())
	}
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	var synchronous, foreignKeys int
	if err := tx.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&synchronous); err != nil {
		t.Fatal(err)
	}
	if err := tx.QueryRowContext(t.Context(), "PRAGMA foreign_keys").Scan(&foreignKeys); err != nil {
		t.Fatal(err)
	}
	if synchronous != 2 || foreignKeys != 1 {
		t.Errorf("synchronous is %d and foreign_keys %d, want 2 (FULL) and 1", synchronous, foreignKeys)
	}
	if _, err := tx.ExecContext(t.Context(), "CREATE TABLE t (a)"); err != nil {
		t.Fatal(err)
	}
	if got := oneValue(t, db, "SELECT count(*) FROM sqlite_schema"); got != "0" {
		t.Errorf("a reader sees %s tables before the commit", got)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := oneValue(t, db, "SELECT count(*) FROM sqlite_schema"); got != "1" {
		t.Errorf("a reader sees %s tables behind the commit, want 1", got)
	}
	if err := exhaust(t, db, "SELECT nothing FROM nowhere"); err == nil || !strings.Contains(err.Error(), "ledger.db") {
		t.Errorf("got %v, want an error that names the file", err)
	}
}

// A database that is there keeps its journal mode: it is somebody's.
func TestOpenDatabaseKeepsTheJournalMode(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	other, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.ExecContext(t.Context(), "CREATE TABLE t (a)"); err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if got := oneValue(t, openDatabase(t, path), "PRAGMA journal_mode"); got != "delete" {
		t.Errorf("the mode is %s, want delete", got)
	}
}

func TestOpenDatabaseRefusals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	content := strings.Repeat("this is no database\n", 100)
	if err := os.WriteFile(text, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, path, want string }{
		{"a file that is no database", text, "not an SQLite database"},
		{"a directory", dir, "is a directory"},
		{"in a directory that is not there", filepath.Join(dir, "no", "ledger.db"), "does not exist"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := sqlite.Databases{BusyTimeout: time.Second}.OpenDatabase(t.Context(), tt.path)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want it to say %q", err, tt.want)
			}
			if errors.Is(err, core.ErrRepository) {
				t.Errorf("%v is an ErrRepository, but it is not the repository's fault", err)
			}
		})
	}
	t.Cleanup(func() {
		if got, err := os.ReadFile(text); err != nil || string(got) != content {
			t.Errorf("the file that is no database was changed: %v", err)
		}
	})
}
