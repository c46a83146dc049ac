package sqlite_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

func TestExplorerOfNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "empty.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, dir)
	for _, name := range []string{"absent.db", "empty.db", "no/such/dir/batch.db"} {
		_, err := sqlite.OpenExplorer(t.Context(), filepath.Join(dir, name), options())
		_, statusErr := sqlite.Status(t.Context(), filepath.Join(dir, name))
		for _, err := range []error{err, statusErr} {
			if !errors.Is(err, core.ErrRepositoryMissing) || !errors.Is(err, core.ErrRepository) {
				t.Errorf("%s: %v, want ErrRepositoryMissing and ErrRepository", name, err)
			}
			if !strings.Contains(core.Hint(err), "batchctl run JOB") {
				t.Errorf("%s: hint %q", name, core.Hint(err))
			}
		}
	}
	if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" || exists(filepath.Join(dir, "no")) {
		t.Errorf("files changed (-before +after):\n%s", diff)
	}
}

func TestExplorerWhileAnotherWrites(t *testing.T) {
	t.Parallel()
	path := made(t)
	s := open(t, path)
	if err := s.Exec("INSERT INTO BATCH_JOB_INSTANCE (VERSION, JOB_NAME, JOB_KEY) VALUES (0, 'a', 'k')"); err != nil {
		t.Fatal(err)
	}
	p := start(t, "write", path) // holds the write lock
	p.line(t)
	out, err := command("explore", path).Output()
	if err != nil || string(out) != "1 1\n" {
		t.Errorf("explore: %v: %s, want 1 1", err, out)
	}
	p.kill(t)
	// What was committed and never checkpointed is seen as well.
	out, err = command("explore", path).Output()
	if err != nil || string(out) != "1 1\n" {
		t.Errorf("explore after the writer's death: %v: %s, want 1 1", err, out)
	}
}

func TestExplorerChangesNothing(t *testing.T) {
	t.Parallel()
	t.Run("EXP-10 the database is unchanged by any query", func(t *testing.T) {
		t.Parallel()
		path := made(t)
		p, _ := ownerProcess(t, path)
		s := open(t, path)
		if err := s.Exec("INSERT INTO BATCH_JOB_SEQ (ID) VALUES (7)"); err != nil {
			t.Fatal(err)
		}
		p.kill(t)
		before := snapshot(t, filepath.Dir(path))
		x, err := sqlite.OpenExplorer(t.Context(), path, options())
		if err != nil {
			t.Fatal(err)
		}
		if x.Path() != path {
			t.Errorf("path %s, want %s", x.Path(), path)
		}
		for _, query := range []string{
			"SELECT count(*) FROM BATCH_JOB_SEQ",
			"INSERT INTO BATCH_JOB_SEQ (ID) VALUES (8) RETURNING ID",
			"PRAGMA wal_checkpoint(TRUNCATE)",
			"PRAGMA journal_mode = DELETE",
			"VACUUM",
		} {
			_ = exhaust(t, x, query) // refused or not: the files tell
		}
		if err := exhaust(t, x, "SELECT * FROM NOWHERE"); err == nil || errors.Is(err, core.ErrRepository) {
			t.Errorf("a query that is wrong: %v", err)
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := sqlite.Check(t.Context(), path, true); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, snapshot(t, filepath.Dir(path))); diff != "" {
			t.Errorf("files changed (-before +after):\n%s", diff)
		}
	})
}

// nobody returns a folder that everybody may enter, and a function that plays a
// role as a user who owns nothing in it and returns the first line said.
func nobody(t *testing.T) (top string, play func(role string, args ...string) (string, error)) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, to become somebody else than the owner")
	}
	// The test's own folders are closed to others.
	top, err := os.MkdirTemp("/var/tmp", "batchctl-nobody-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(top) })
	program := filepath.Join(top, "program")
	b, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(top, 0o755), os.WriteFile(program, b, 0o755)); err != nil {
		t.Fatal(err)
	}
	return top, func(role string, args ...string) (string, error) {
		cmd := command(role, args...)
		cmd.Path = program
		cmd.Dir = top
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		first, _, _ := strings.Cut(string(out), "\n") // a binary with coverage has more to say
		return first, err
	}
}

func TestNotPermitted(t *testing.T) {
	t.Parallel()
	top, asNobody := nobody(t)
	closed := filepath.Join(top, "closed")
	path := filepath.Join(top, "batch.db")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sqlite.Init(t.Context(), path, options()), os.Chmod(path, 0o644)); err != nil {
		t.Fatal(err)
	}
	_, o := ownerProcess(t, path)
	owner, err := json.Marshal(o.Owner)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, want string
		ok         bool
		play       []string
	}{
		{"90 file in a folder that may not be entered", `cannot be looked at: permission denied`, false, []string{"open", filepath.Join(closed, "batch.db")}},
		{"90 folder in a folder that may not be entered", `may not be entered: permission denied`, false, []string{"open", filepath.Join(closed, "x", "batch.db")}},
		{"backup to a folder that may not be written", "cannot be written", false, []string{"backup", path, filepath.Join(top, "copy.db")}},
		{"lock file in a folder that may not be written", "cannot be used: permission denied", false, []string{"claim", path}},
		{"folder of lock files in a folder that may not be written", "cannot be used: permission denied", false, []string{"claim", filepath.Join(top, "other.db")}},
		// Not missing: unknown, and so as good as alive.
		{"lock file that may not be looked at", "unknown its lock file", true, []string{"verdict", path, string(owner)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, err := asNobody(tc.play[0], tc.play[1:]...)
			if !strings.Contains(out, tc.want) || (err == nil) != tc.ok {
				t.Errorf("%v: %s, want %q", err, out, tc.want)
			}
		})
	}
}

// As nobody, in a folder that only its owner may write to.
func TestReadOnlyDirectory(t *testing.T) {
	t.Parallel()
	top, asNobody := nobody(t)
	dir := filepath.Join(top, "repository")
	path := filepath.Join(dir, "batch.db")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), path, options())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Exec("INSERT INTO BATCH_JOB_INSTANCE (VERSION, JOB_NAME, JOB_KEY) VALUES (0, 'a', 'k')"); err != nil {
		t.Fatal(err)
	}
	if out, err := asNobody("explore", path); err == nil || !strings.Contains(out, "permission denied") {
		t.Errorf("database of mode 0600: %v: %s, want permission denied", err, out)
	}
	if err := errors.Join(s.Close(), os.Chmod(path, 0o644)); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, dir)
	if len(before) != 2 { // the database and locks/init
		t.Fatalf("files %v, want no -wal", before)
	}
	if out, err := asNobody("explore", path); err != nil || out != "1 1" {
		t.Errorf("explore: %v: %s, want 1 1", err, out)
	}
	if out, err := asNobody("open", path); err == nil || !strings.Contains(out, "is not writable (permission denied), and a run makes files beside") {
		t.Errorf("94 open for writing: %v: %s, want a refusal that names the directory", err, out)
	}
	if out, err := asNobody("open", filepath.Join(dir, "new.db")); err == nil || !strings.Contains(out, "permission denied") {
		t.Errorf("90 make a new one: %v: %s, want permission denied", err, out)
	}
	if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
		t.Errorf("files changed (-before +after):\n%s", diff)
	}
	// With a -wal somebody may be writing: reading without it would show less
	// than was committed.
	if err := os.WriteFile(path+"-wal", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := asNobody("explore", path); err == nil {
		t.Errorf("explore with a -wal that cannot be read: %s, want a refusal", out)
	}
}

// The look at a file is taken at every start: it makes no tables of its own,
// which would have a cache each.
func TestTheLookMakesNoTables(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "batchctl.db"))
	rows, err := s.QueryContext(t.Context(), "EXPLAIN "+sqlite.SelectTables)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	steps := 0
	for rows.Next() {
		var addr, p1, p2, p3, p5 int
		var opcode string
		var p4, comment sql.NullString
		if err := rows.Scan(&addr, &opcode, &p1, &p2, &p3, &p4, &p5, &comment); err != nil {
			t.Fatal(err)
		}
		steps++
		if slices.Contains([]string{"OpenEphemeral", "OpenAutoindex", "SorterOpen"}, opcode) {
			t.Errorf("step %d is %s", addr, opcode)
		}
	}
	if err := rows.Err(); err != nil || steps == 0 {
		t.Errorf("%d steps are explained, %v", steps, err)
	}
}
