package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

func TestOpenInitialises(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(path string) error{
		"absent": func(string) error { return nil },
		"empty":  func(path string) error { return os.WriteFile(path, nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "batch.db")
			if err := prepare(path); err != nil {
				t.Fatal(err)
			}
			o := options()
			zone, err := time.LoadLocation("Asia/Seoul")
			if err != nil {
				t.Fatal(err)
			}
			o.Zone = zone
			s, err := sqlite.Open(t.Context(), path, o)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Exec("INSERT INTO BATCH_JOB_SEQ (ID) VALUES (1)"); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Ownership().Claim(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantModes(t, filepath.Dir(path), 3) // with -wal and -shm
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			// The zone is the repository's, whatever a later opener prefers.
			o.Zone = time.UTC
			s, err = sqlite.Open(t.Context(), path, o)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if got := s.Zone().String(); got != "Asia/Seoul" {
				t.Errorf("zone %s, want Asia/Seoul", got)
			}
		})
	}
}

// wantModes checks that nothing under dir is open to anybody but the owner, and
// that there are as many files of the database as expected.
func wantModes(t *testing.T, dir string, files int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		want := os.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		} else if filepath.Dir(path) == dir {
			files--
		}
		if fi.Mode().Perm() != want {
			t.Errorf("%s has mode %#o, want %#o", path, fi.Mode().Perm(), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files != 0 {
		t.Errorf("%d files of the database missing", files)
	}
}

func TestConnectionSettings(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "batch.db"))
	for _, tc := range []struct {
		pragma         string
		writer, reader string
	}{
		{"journal_mode", "wal", "wal"},
		{"synchronous", "2", ""}, // FULL: the driver alone would leave 1
		{"busy_timeout", "30000", "5000"},
		{"foreign_keys", "1", "1"},
		{"trusted_schema", "0", "0"},
		{"cell_size_check", "1", "1"},
		{"wal_autocheckpoint", "1000", ""},
		{"journal_size_limit", "67108864", ""},
		{"mmap_size", "0", "0"},
		{"query_only", "0", "1"},
		{"application_id", "1650685036", "1650685036"},
	} {
		for _, writer := range []bool{true, false} {
			want := tc.reader
			if writer {
				want = tc.writer
			}
			if want == "" {
				continue
			}
			got, err := s.Pragma(tc.pragma, writer)
			if err != nil || got != want {
				t.Errorf("%s = %q (%v), want %q, writer %t", tc.pragma, got, err, want, writer)
			}
		}
	}
}

func TestReadersCannotWrite(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "batch.db"))
	for _, statement := range []string{
		"INSERT INTO BATCH_JOB_SEQ (ID) VALUES (1) RETURNING ID",
		"PRAGMA user_version = 5",
	} {
		err := exhaust(t, s, statement)
		if !errors.Is(err, core.ErrRepository) && (err == nil || !strings.Contains(err.Error(), "readonly")) {
			t.Errorf("%s: %v, want a refusal", statement, err)
		}
	}
}

// The write lock is taken when a transaction begins: one that only read first
// could not be sure to get it.
func TestTransactionsAreImmediate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "batch.db")
	o := options()
	o.BusyTimeout = 20 * time.Millisecond
	s, err := sqlite.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := start(t, "write", path)
	p.line(t)
	err = s.Begun(t.Context())
	if !errors.Is(err, core.ErrRepository) {
		t.Fatalf("begin: %v, want it locked", err)
	}
	holder := fmt.Sprintf("by process %d (", p.Process.Pid)
	if !strings.Contains(err.Error(), holder) || !strings.Contains(err.Error(), "longer than 20ms") {
		t.Errorf("error %q does not say %q and how long", err, holder)
	}
	if hint := core.Hint(err); !strings.Contains(hint, fmt.Sprint("ps -fp ", p.Process.Pid)) {
		t.Errorf("hint %q", hint)
	}
	if err := p.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	waitForState(t, p.Process.Pid, "T")
	err = s.Begun(t.Context())
	if err == nil || !strings.Contains(err.Error(), "which is suspended") || !strings.Contains(core.Hint(err), fmt.Sprint("kill -CONT ", p.Process.Pid)) {
		t.Errorf("of a suspended holder it says %v; %s", err, core.Hint(err))
	}
	p.kill(t)
	if err := s.Begun(t.Context()); err != nil {
		t.Errorf("after the other's death: %v", err)
	}
}

// A lock on a file belongs to the process: whoever opens the file beside SQLite
// and closes it drops the lock.
func TestLocksSurviveOtherLooks(t *testing.T) {
	t.Parallel()
	path := made(t)
	s := open(t, path)
	if err := s.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	for name, look := range map[string]func() error{
		"same file": func() error { _, err := s.SameFile(path); return err },
		"status":    func() error { _, err := sqlite.Status(t.Context(), path); return err },
		"check":     func() error { _, err := sqlite.Check(t.Context(), path, true); return err },
		"backup":    func() error { return sqlite.Backup(t.Context(), path, path+".copy") },
		"explorer": func() error {
			x, err := sqlite.OpenExplorer(t.Context(), path, options())
			if err != nil {
				return err
			}
			return x.Close()
		},
		"open": func() error {
			s, err := sqlite.Open(t.Context(), path, options())
			if err != nil {
				return err
			}
			return s.Close()
		},
	} {
		if err := look(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		wantLocked(t, path)
	}
	if err := s.Exec("COMMIT"); err != nil {
		t.Error(err)
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	t.Run("names that a URI or a pattern would take apart", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"a b.db", "a?mode=memory.db", "a#b.db", "100%.db", "%41.db", "결제.db", "a[1]*.db", ":memory:", "file:x", "a;b&c.db"} {
			path := filepath.Join(t.TempDir(), name)
			s := open(t, path)
			if s.Path() != path {
				t.Errorf("path %q, want %q", s.Path(), path)
			}
			if fi, err := os.Stat(path); err != nil || fi.Size() == 0 {
				t.Errorf("%q is not where it should be: %v", path, err)
			}
			if _, err := sqlite.Status(t.Context(), path); err != nil {
				t.Errorf("status: %v", err)
			}
		}
	})
	t.Run("symbolic links lead to one repository", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		target := filepath.Join(dir, "real")
		if err := os.Mkdir(target, 0o700); err != nil {
			t.Fatal(err)
		}
		for from, to := range map[string]string{
			"dirlink":      "real",
			"dangling.db":  "real/batch.db", // before the file is there
			"twice.db":     "dangling.db",
			"absolute.db":  filepath.Join(target, "batch.db"),
			"loop.db":      "loop.db",
			"nowhere.db":   "missing/batch.db",
			"real/self.db": "../dirlink/batch.db",
		} {
			if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
				t.Fatal(err)
			}
		}
		want := filepath.Join(target, "batch.db")
		for _, path := range []string{"twice.db", "dangling.db", "absolute.db", "dirlink/batch.db", "dirlink/self.db"} {
			s := open(t, filepath.Join(dir, path))
			if s.Path() != want {
				t.Errorf("%s: path %s, want %s", path, s.Path(), want)
			}
			for other, same := range map[string]bool{path: true, "real/batch.db": true, "missing.db": false, "real": false} {
				if got, err := s.SameFile(filepath.Join(dir, other)); err != nil || got != same {
					t.Errorf("SameFile(%s) = %t, %v, want %t", other, got, err, same)
				}
			}
			if _, err := s.SameFile(filepath.Join(dir, "real/batch.db/x")); err == nil {
				t.Error("SameFile below a file: no error")
			}
		}
		for _, path := range []string{"loop.db", "nowhere.db"} {
			if _, err := sqlite.Open(t.Context(), filepath.Join(dir, path), options()); !errors.Is(err, core.ErrRepository) {
				t.Errorf("%s: %v, want ErrRepository", path, err)
			}
		}
		if exists(filepath.Join(dir, "missing")) {
			t.Error("a directory was made")
		}
	})
}

func TestOpenRefusesWhatIsNoFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, path, want, hint string }{
		{"90 missing directory", dir + "/no/batch.db", `the directory "` + dir + `/no" does not exist`, "mkdir -p " + dir + "/no"},
		{"90 directory", dir, `"` + dir + `" is a directory, want a file`, "--db " + dir + "/batchctl.db"},
		{"90 directory of a file", dir + "/file/batch.db", "cannot be looked at: not a directory", "ls -l"},
		{"90 named pipe", dir + "/fifo", "is not a regular file but a FIFO", "--db"},
		{"90 device", "/dev/null", "is not a regular file but a device", "--db"},
		{"90 empty path", "", "is empty", "--db"},
		{"90 NUL", dir + "/a\x00b", `a\x00b`, "ls"},
		{"90 control characters", dir + "/a\x1b[31m\n/b", `\x1b[31m\n`, "mkdir"},
		{"90 path too long", dir + "/" + strings.Repeat("n", 600), "SQLite opens at most 503", "shorter"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, openErr := sqlite.Open(t.Context(), tc.path, options())
			_, explorerErr := sqlite.OpenExplorer(t.Context(), tc.path, options())
			initErr := sqlite.Init(t.Context(), tc.path, options())
			for verb, err := range map[string]error{"open": openErr, "init": initErr, "explore": explorerErr} {
				if !errors.Is(err, core.ErrRepository) {
					t.Errorf("%s: %v is no ErrRepository", verb, err)
					continue
				}
				if !strings.Contains(err.Error(), tc.want) {
					t.Errorf("%s: %q does not say %q", verb, err, tc.want)
				}
				if strings.ContainsAny(err.Error(), "\x00\x1b\n") {
					t.Errorf("%s: control characters in %q", verb, err)
				}
				if verb != "explore" && !strings.Contains(core.Hint(err), tc.hint) {
					t.Errorf("%s: hint %q does not say %q", verb, core.Hint(err), tc.hint)
				}
			}
		})
	}
}

func TestInit(t *testing.T) {
	t.Parallel()
	path := made(t)
	err := sqlite.Init(t.Context(), path, options())
	if !errors.Is(err, core.ErrRepository) || !strings.Contains(err.Error(), "is a repository already") {
		t.Errorf("second init: %v", err)
	}
	for _, zone := range []*time.Location{time.FixedZone("", 3600), time.FixedZone("Mars", 0), time.Local} {
		o := options()
		o.Zone = zone
		path := filepath.Join(t.TempDir(), "batch.db")
		if err := sqlite.Init(t.Context(), path, o); !errors.Is(err, core.ErrRepository) {
			t.Errorf("zone %q: %v, want a refusal", zone, err)
		}
	}
}

func TestRaceOfFirstOpeners(t *testing.T) {
	t.Parallel()
	t.Run("200 processes", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "batch.db")
		gate, release, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer gate.Close()
		var wg sync.WaitGroup
		for range 200 {
			cmd := command("open", path, "10m") // that each gets its turn, on any machine
			cmd.Stdin = gate
			var out strings.Builder
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				if err := cmd.Wait(); err != nil {
					t.Errorf("%v: %s", err, &out)
				}
			})
		}
		if err := release.Close(); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		wantRepository(t, path)
	})
	t.Run("100 goroutines", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "batch.db")
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				s, err := sqlite.Open(t.Context(), path, options())
				if err != nil {
					t.Error(err)
					return
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		wantRepository(t, path)
	})
	t.Run("one Init wins", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "batch.db")
		results := make(chan error, 20)
		for range cap(results) {
			go func() { results <- sqlite.Init(t.Context(), path, options()) }()
		}
		won := 0
		for range cap(results) {
			if err := <-results; err == nil {
				won++
			} else if !strings.Contains(err.Error(), "is a repository already") {
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d winners, want 1", won)
		}
	})
}
