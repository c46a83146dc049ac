package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/store/sqlite"
	"github.com/batchctl/batchctl/schema"
)

// halfway are the states in which an initialiser can die, as it makes them.
var halfway = map[string]func(db *sql.DB) error{
	"nothing written": func(*sql.DB) error { return nil },
	"journal begun":   func(db *sql.DB) error { return execAll(db, "BEGIN IMMEDIATE", "CREATE TABLE T (X)") },
	// A cache of one page makes SQLite write pages before the commit.
	"pages written": func(db *sql.DB) error {
		return execAll(db, "PRAGMA cache_size = 1", "PRAGMA synchronous = EXTRA", "BEGIN IMMEDIATE", schema.SQLite,
			"CREATE TABLE T (X)", "INSERT INTO T SELECT zeroblob(100000)")
	},
}

func execAll(db *sql.DB, statements ...string) error {
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			return err
		}
	}
	return nil
}

// roleHalf makes the state args[1] of the file args[0] and dies of SIGKILL.
func roleHalf(args []string) error {
	f, err := os.OpenFile(args[0], os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	db, err := sql.Open("sqlite3", args[0])
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	if err := halfway[args[1]](db); err != nil {
		return err
	}
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

func killed(err error) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

func TestKilledInitialiser(t *testing.T) {
	t.Parallel()
	for name := range halfway {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "batch.db")
			if out, err := command("half", path, name).CombinedOutput(); !killed(err) {
				t.Fatalf("child: %v: %s", err, out)
			}
			if _, err := sqlite.OpenExplorer(t.Context(), path, options()); err == nil {
				t.Fatal("an explorer opened half a repository")
			}
			wantRepository(t, path)
		})
	}
	t.Run("not in WAL yet", func(t *testing.T) {
		t.Parallel()
		path := made(t)
		db, err := sql.Open("sqlite3", path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(execAll(db, "PRAGMA journal_mode = DELETE"), db.Close()); err != nil {
			t.Fatal(err)
		}
		wantRepository(t, path)
	})
	t.Run("at any instant", func(t *testing.T) {
		t.Parallel()
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		kills := 0
		for i := 0; i < 40 || kills == 0 && i < 4000; i++ { // on a machine that is busy the child may always be first
			path := filepath.Join(t.TempDir(), fmt.Sprintf("batch%d.db", i))
			cmd := command("open", path)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// Begin at the moment at which the child begins, not at its start.
			deadline := time.Now().Add(2 * time.Minute)
			for !exists(path + ".locks") {
				if time.Now().After(deadline) {
					t.Fatal("the child did not begin")
				}
			}
			for end := time.Now().Add(time.Duration(random.IntN(3000)) * time.Microsecond); time.Now().Before(end); {
			}
			_ = cmd.Process.Kill()
			if killed(cmd.Wait()) {
				kills++
			}
			wantRepository(t, path)
		}
		if kills == 0 {
			t.Error("no child was killed before it had ended")
		}
	})
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// wantRepository opens the repository and checks that it is whole.
func wantRepository(t *testing.T, path string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, options())
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	mode, err := s.Pragma("journal_mode", true)
	if err != nil || mode != "wal" {
		t.Errorf("journal mode %q (%v), want wal", mode, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	report, err := sqlite.Check(t.Context(), path, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Problems) > 0 {
		t.Errorf("problems: %+v", report.Problems)
	}
}
