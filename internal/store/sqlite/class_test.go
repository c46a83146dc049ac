package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// execer is a transaction that a job's own statements run in.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// TestErrorClasses makes every trouble of a statement in a transaction of the
// repository and of another database: it has its class, and is still the
// driver's error.
func TestErrorClasses(t *testing.T) {
	t.Parallel()
	const tables = `
		CREATE TABLE parent (id INTEGER PRIMARY KEY);
		CREATE TABLE child (
			id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, age INTEGER CHECK (age > 0), parent REFERENCES parent);
		CREATE TABLE exact (n INTEGER) STRICT;
		CREATE TRIGGER no_zero BEFORE INSERT ON parent WHEN new.id = 0 BEGIN SELECT RAISE(ABORT, 'no zero'); END;
		INSERT INTO child (id, name) VALUES (1, 'a')`
	tests := map[string]struct {
		statement string
		code      sqlite3.ErrNo
		class     string
	}{
		"a key twice":          {"INSERT INTO child (id, name) VALUES (1, 'b')", sqlite3.ErrConstraint, core.ClassWriteConstraint},
		"a unique value twice": {"INSERT INTO child (id, name) VALUES (2, 'a')", sqlite3.ErrConstraint, core.ClassWriteConstraint},
		"no value":             {"INSERT INTO child (id) VALUES (2)", sqlite3.ErrConstraint, core.ClassWriteConstraint},
		"a check":              {"INSERT INTO child (id, name, age) VALUES (2, 'b', 0)", sqlite3.ErrConstraint, core.ClassWriteConstraint},
		"no parent":            {"INSERT INTO child (id, name, parent) VALUES (2, 'b', 9)", sqlite3.ErrConstraint, core.ClassWriteConstraint},
		"a trigger":            {"INSERT INTO parent VALUES (0)", sqlite3.ErrConstraint, core.ClassWriteConstraint},
		"a text as a number":   {"INSERT INTO exact VALUES ('x')", sqlite3.ErrConstraint, core.ClassWriteData},
		"a text as a rowid":    {"INSERT INTO parent VALUES ('x')", sqlite3.ErrMismatch, core.ClassWriteData},
		"too long":             {"INSERT INTO child (id, name) VALUES (2, zeroblob(2000000000))", sqlite3.ErrTooBig, core.ClassWriteData},
		"wrong SQL":            {"INSERT INTO nowhere VALUES (1)", sqlite3.ErrError, ""},
	}
	check := func(t *testing.T, tx execer, classify func(error) error) {
		t.Helper()
		for _, statement := range strings.SplitAfter(tables, ";\n") {
			if _, err := tx.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		for name, tt := range tests {
			_, err := tx.ExecContext(t.Context(), tt.statement)
			err = classify(err)
			cause, ok := errors.AsType[sqlite3.Error](err)
			if got := core.ClassOf(err, ""); got != tt.class || !ok || cause.Code != tt.code {
				t.Errorf("%s: %v has the class %q, want %q", name, err, got, tt.class)
			}
		}
		if _, err := tx.ExecContext(t.Context(), "PRAGMA max_page_count = 1"); err != nil {
			t.Fatal(err)
		}
		_, err := tx.ExecContext(t.Context(), "INSERT INTO child (id, name) VALUES (3, zeroblob(10000000))")
		if got := core.ClassOf(classify(err), ""); got != core.ClassWriteIO {
			t.Errorf("no room: %v has the class %q", err, got)
		}
	}
	t.Run("in the repository", func(t *testing.T) {
		t.Parallel()
		s := open(t, made(t))
		je, err := s.CreateJobExecution(t.Context(), core.Launch{JobName: "job"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Release(je) })
		tx, err := s.Begin(t.Context(), je)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		check(t, tx.(execer), func(err error) error { return err })
	})
	t.Run("in another database", func(t *testing.T) {
		t.Parallel()
		db := openDatabase(t, filepath.Join(t.TempDir(), "ledger.db"))
		tx, err := db.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		check(t, tx, db.(interface{ Classify(error) error }).Classify)
	})
	t.Run("another database that is locked", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "ledger.db")
		tx, err := openDatabase(t, path).Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		other, err := sqlite.Databases{BusyTimeout: time.Millisecond}.OpenDatabase(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		_, err = other.Begin(t.Context())
		if core.ClassOf(err, "") != core.ClassWriteBusy || core.Hint(err) == "" || core.Undeniable(err) {
			t.Errorf("got %v of the class %q", err, core.ClassOf(err, ""))
		}
	})
	t.Run("an error that is not the driver's", func(t *testing.T) {
		t.Parallel()
		db := openDatabase(t, filepath.Join(t.TempDir(), "ledger.db"))
		if err := db.(interface{ Classify(error) error }).Classify(sql.ErrTxDone); core.ClassOf(err, "") != "" || !errors.Is(err, sql.ErrTxDone) {
			t.Errorf("got %v of the class %q", err, core.ClassOf(err, ""))
		}
	})
}
