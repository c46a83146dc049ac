package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// seed fills the repository with an instance that has these executions, by
// status.
func seed(t *testing.T, s *sqlite.Store, statuses ...string) {
	t.Helper()
	if err := s.Exec("INSERT INTO BATCH_JOB_INSTANCE (JOB_INSTANCE_ID, VERSION, JOB_NAME, JOB_KEY) VALUES (1, 0, 'a', 'k')"); err != nil {
		t.Fatal(err)
	}
	for i, status := range statuses {
		err := s.Exec("INSERT INTO BATCH_JOB_EXECUTION (JOB_EXECUTION_ID, VERSION, JOB_INSTANCE_ID, CREATE_TIME, STATUS) VALUES (?, 0, 1, 0, ?)", i+1, status)
		if err != nil {
			t.Fatal(err)
		}
	}
}

func own(t *testing.T, s *sqlite.Store, id int, o core.Owner) {
	t.Helper()
	err := s.Exec(`INSERT INTO BATCHCTL_EXECUTION_OWNER
(JOB_EXECUTION_ID, TOKEN, HOST_NAME, HOST_ID, BOOT_ID, PID, PID_START, LOCK_FILE, SINCE) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)`,
		id, o.Token, o.HostName, o.HostID, o.BootID, o.PID, o.PIDStart, o.LockFile)
	if err != nil {
		t.Fatal(err)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	path := made(t)
	s := open(t, path)
	seed(t, s, "COMPLETED", "STARTED", "STOPPING", "STARTING", "UNKNOWN")
	got, err := sqlite.Status(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if got.Size == 0 || got.WALSize == 0 || got.RepositoryID == "" || !strings.HasPrefix(got.SQLiteVersion, "3.") {
		t.Errorf("status %+v", got)
	}
	got.Size, got.WALSize, got.RepositoryID, got.SQLiteVersion = 0, 0, "", ""
	want := sqlite.StatusReport{
		Path: path, SchemaVersion: 1, Layout: "4.x", Zone: "UTC", JournalMode: "wal",
		Instances: 1, Executions: 5, Running: 3,
	}
	if got != want {
		t.Errorf("status %+v, want %+v", got, want)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	// check returns what is found, as "code: message".
	check := func(t *testing.T, path string, full bool) []string {
		t.Helper()
		r, err := sqlite.Check(t.Context(), path, full)
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, p := range r.Problems {
			if p.Hint == "" {
				t.Errorf("%s has no hint", p.Msg)
			}
			found = append(found, p.Code+": "+p.Msg)
		}
		return found
	}
	want := func(t *testing.T, got []string, want ...string) {
		t.Helper()
		ok := len(got) == len(want)
		for i := range min(len(got), len(want)) {
			ok = ok && strings.Contains(got[i], want[i])
		}
		if !ok {
			t.Errorf("found %q, want %q", got, want)
		}
	}
	t.Run("nothing wrong", func(t *testing.T) {
		t.Parallel()
		path := made(t)
		s := open(t, path)
		seed(t, s, "COMPLETED", "STARTED")
		o, err := s.Ownership().Claim(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		own(t, s, 2, o)
		want(t, check(t, path, false))
		want(t, check(t, path, true))
	})
	t.Run("owners", func(t *testing.T) {
		t.Parallel()
		path := made(t)
		s := open(t, path)
		seed(t, s, "STARTED", "STARTED", "COMPLETED")
		p, o := ownerProcess(t, path)
		p.kill(t)
		own(t, s, 2, o.Owner)
		stray := o.Owner
		stray.Token = "stray"
		own(t, s, 3, stray)
		lock := filepath.Join(path+".locks", "nobody.lock")
		if err := os.WriteFile(lock, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		want(t, check(t, path, false),
			"no-owner: execution 1 of a is STARTED, and no owner is recorded",
			"dead-owner: execution 2 of a is STARTED, and its lock file",
			"stray-owner: execution 3 has ended",
			fmt.Sprintf("stray-lock: the lock file %q belongs to no execution", lock))
	})
	t.Run("modes", func(t *testing.T) {
		t.Parallel()
		path := made(t)
		lock := filepath.Join(path+".locks", "x.txt")
		if err := errors.Join(os.WriteFile(lock, nil, 0o600), os.Chmod(lock, 0o604),
			os.Chmod(path, 0o640), os.Chmod(path+".locks", 0o755)); err != nil {
			t.Fatal(err)
		}
		got := check(t, path, false)
		got = slices.DeleteFunc(got, func(s string) bool { return strings.Contains(s, "-wal") || strings.Contains(s, "-shm") })
		want(t, got, `batch.db" has mode 0640`, `batch.db.locks" has mode 0755`, `x.txt" has mode 0604`)
	})
	t.Run("reference to nothing", func(t *testing.T) {
		t.Parallel()
		path := made(t)
		run(t, path, "PRAGMA foreign_keys = OFF",
			"INSERT INTO BATCH_STEP_EXECUTION (STEP_EXECUTION_ID, VERSION, STEP_NAME, JOB_EXECUTION_ID, START_TIME) VALUES (9, 0, 's', 77, 0)")
		want(t, check(t, path, false), "foreign-key: row 9 of BATCH_STEP_EXECUTION belongs to a row of BATCH_JOB_EXECUTION")
	})
	t.Run("91 garbage in a page", func(t *testing.T) {
		t.Parallel()
		path := made(t)
		s := open(t, path)
		seed(t, s, "COMPLETED")
		for range 500 {
			if err := s.Exec("INSERT INTO BATCH_JOB_SEQ DEFAULT VALUES"); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		fi, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := int64(4096); at < fi.Size(); at += 4096 {
			patch(t, path, at, strings.Repeat("\xa5", 23))
		}
		got := check(t, path, false)
		if len(got) == 0 || !strings.HasPrefix(got[0], "damaged: ") {
			t.Errorf("found %q, want damage", got)
		}
	})
	t.Run("91 damaged schema", func(t *testing.T) {
		t.Parallel()
		path := made(t)
		patch(t, path, 100, strings.Repeat("\xff", 200))
		want(t, check(t, path, false), "damaged: ")
	})
	t.Run("what cannot be opened", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "batch.db")
		if _, err := sqlite.Check(t.Context(), path, false); !errors.Is(err, core.ErrRepositoryMissing) {
			t.Errorf("absent: %v", err)
		}
		if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := sqlite.Check(t.Context(), path, false); !errors.Is(err, core.ErrRepository) {
			t.Errorf("text: %v", err)
		}
	})
}

func TestBackup(t *testing.T) {
	t.Parallel()
	t.Run("while jobs write", func(t *testing.T) {
		t.Parallel()
		path := made(t)
		s := open(t, path)
		seed(t, s)
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := 1; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				// Both or neither: a torn copy would show one without the other.
				err := errors.Join(s.Exec("BEGIN IMMEDIATE"),
					s.Exec("INSERT INTO BATCH_JOB_SEQ (ID) VALUES (?)", i), s.Exec("INSERT INTO BATCH_JOB_EXECUTION_SEQ (ID) VALUES (?)", i),
					s.Exec("COMMIT"))
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
		dir := t.TempDir()
		for i := range 10 {
			dest := filepath.Join(dir, fmt.Sprintf("copy%d.db", i))
			if err := sqlite.Backup(t.Context(), path, dest); err != nil {
				t.Fatal(err)
			}
			c := open(t, dest)
			if equal := oneValue(t, c, "SELECT (SELECT max(ID) FROM BATCH_JOB_SEQ) IS (SELECT max(ID) FROM BATCH_JOB_EXECUTION_SEQ)"); equal != "1" {
				t.Errorf("the copy is torn: equal is %s", equal)
			}
		}
		close(stop)
		wg.Wait()
		original, err := sqlite.Status(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		copied, err := sqlite.Status(t.Context(), filepath.Join(dir, "copy0.db"))
		if err != nil {
			t.Fatal(err)
		}
		if copied.RepositoryID != original.RepositoryID || copied.JournalMode != "wal" || copied.Instances != 1 {
			t.Errorf("copy %+v of %+v", copied, original)
		}
		wantRepository(t, filepath.Join(dir, "copy3.db"))
		if left, err := filepath.Glob(dir + "/.batchctl-backup*"); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v (%v)", left, err)
		}
		if fi, err := os.Stat(filepath.Join(dir, "copy0.db")); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("mode of the copy: %v (%v)", fi.Mode(), err)
		}
	})
	t.Run("overwrites nothing", func(t *testing.T) {
		t.Parallel()
		path := made(t)
		dest := filepath.Join(t.TempDir(), "taken")
		if err := os.WriteFile(dest, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, dest := range []string{dest, path} {
			err := sqlite.Backup(t.Context(), path, dest)
			if !errors.Is(err, core.ErrRepository) || !strings.Contains(err.Error(), "exists already") {
				t.Errorf("%v, want a refusal", err)
			}
		}
		if fi, err := os.Stat(dest); err != nil || fi.Size() != 0 {
			t.Error("the file was overwritten")
		}
	})
	t.Run("one of many to one name", func(t *testing.T) {
		t.Parallel()
		path := made(t)
		dest := filepath.Join(t.TempDir(), "copy.db")
		results := make(chan error, 8)
		for range cap(results) {
			go func() { results <- sqlite.Backup(t.Context(), path, dest) }()
		}
		won := 0
		for range cap(results) {
			if err := <-results; err == nil {
				won++
			} else if !strings.Contains(err.Error(), "exists already") {
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d backups won, want 1", won)
		}
	})
	t.Run("refusals", func(t *testing.T) {
		t.Parallel()
		path := made(t)
		dir := t.TempDir()
		if err := sqlite.Backup(t.Context(), filepath.Join(dir, "no.db"), filepath.Join(dir, "copy.db")); !errors.Is(err, core.ErrRepositoryMissing) {
			t.Errorf("nothing to copy: %v", err)
		}
		if err := sqlite.Backup(t.Context(), path, filepath.Join(dir, "no", "copy.db")); !errors.Is(err, core.ErrRepository) {
			t.Errorf("nowhere to copy to: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := sqlite.Backup(ctx, path, filepath.Join(dir, "copy.db")); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v (%v)", left, err)
		}
	})
	t.Run("in two steps where renaming cannot refuse", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
		if err := os.WriteFile(from, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := sqlite.LinkNew(from, to); err != nil || exists(from) || !exists(to) {
			t.Errorf("rename: %v", err)
		}
		if err := os.WriteFile(from, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := sqlite.LinkNew(from, to); !errors.Is(err, os.ErrExist) {
			t.Errorf("rename to a name that is taken: %v", err)
		}
	})
}

func TestTranslate(t *testing.T) {
	t.Parallel()
	plain := errors.New("plain")
	given := &core.Error{Kind: core.ErrOptimisticLock, Msg: "moved"}
	for _, tc := range []struct {
		name, op string
		err      error
		kind     error
		want     string
		hint     string
	}{
		{"busy", "begin", sqlite3.Error{Code: sqlite3.ErrBusy}, core.ErrRepository, `begin: the repository "/r/batch.db" is locked by another program for longer than 30s`, "fuser -v /r/batch.db"},
		{"protocol", "", sqlite3.Error{Code: sqlite3.ErrProtocol}, core.ErrRepository, "is locked", "fuser"},
		{"not a database", "", sqlite3.Error{Code: sqlite3.ErrNotADB}, core.ErrRepository, "is not an SQLite database", "backup"},
		{"corrupt", "", sqlite3.Error{Code: sqlite3.ErrCorrupt}, core.ErrRepository, "is damaged", "batchctl db check --db /r/batch.db, then restore"},
		{"full", "commit", sqlite3.Error{Code: sqlite3.ErrFull}, core.ErrRepository, "commit: the disk is full", "df -h /r/batch.db"},
		{"read-only", "", sqlite3.Error{Code: sqlite3.ErrReadonly}, core.ErrRepository, "read-only", "ls -la"},
		{"hot journal", "", sqlite3.Error{Code: sqlite3.ErrReadonly, ExtendedCode: sqlite3.ErrReadonlyRollback}, core.ErrRepository, "died in the middle of a transaction", "open it once"},
		{"permission", "", sqlite3.Error{Code: sqlite3.ErrPerm}, core.ErrRepository, "no permission", "ls -la"},
		{"cannot open", "", sqlite3.Error{Code: sqlite3.ErrCantOpen}, core.ErrRepository, "cannot be opened", "ls -la"},
		{"I/O", "", sqlite3.Error{Code: sqlite3.ErrIoErr}, core.ErrRepository, "failed", "dmesg"},
		{"file size limit", "commit", sqlite3.Error{Code: sqlite3.ErrIoErr, SystemErrno: syscall.EFBIG}, core.ErrRepository, `commit: a file of the repository "/r/batch.db" would be larger than the limit on`, "ulimit -f"},
		{"memory", "", sqlite3.Error{Code: sqlite3.ErrNomem}, core.ErrRepository, "out of memory", "memory"},
		{"format", "", sqlite3.Error{Code: sqlite3.ErrFormat}, core.ErrRepository, "cannot be used", "check"},
		{"constraint", "insert", sqlite3.Error{Code: sqlite3.ErrConstraint}, nil, "insert: ", ""},
		{"wrapped", "", fmt.Errorf("outer: %w", sqlite3.Error{Code: sqlite3.ErrFull}), core.ErrRepository, "outer", "df"},
		{"ours already", "x", given, core.ErrOptimisticLock, "moved", ""},
		{"of nobody", "read", plain, plain, "read: plain", ""},
		{"of nobody, without op", "", plain, plain, "plain", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := sqlite.Translate("/r/batch.db", tc.op, tc.err)
			if !errors.Is(got, tc.err) {
				t.Errorf("%v has lost its cause", got)
			}
			if tc.kind != nil && !errors.Is(got, tc.kind) || tc.kind == nil && errors.Is(got, core.ErrRepository) {
				t.Errorf("%v is of the wrong kind, want %v", got, tc.kind)
			}
			if !strings.Contains(got.Error(), tc.want) || !strings.Contains(core.Hint(got), tc.hint) {
				t.Errorf("%q, hint %q; want %q, hint %q", got, core.Hint(got), tc.want, tc.hint)
			}
		})
	}
	if sqlite.Translate("/r/batch.db", "x", nil) != nil {
		t.Error("an error of nothing")
	}
}

// TestFileSizeLimit writes under ulimit -f, in a process of its own.
func TestFileSizeLimit(t *testing.T) {
	t.Parallel()
	p := start(t, "outgrow", made(t))
	if got, want := p.line(t), "would be larger than the limit on the size of files allows: disk I/O error: file too large | ulimit -f"; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q in it", got, want)
	}
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	path := made(t)
	s := open(t, path)
	pages, err := s.Pragma("page_count", true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Pragma("max_page_count = "+pages, true); err != nil {
		t.Fatal(err)
	}
	err = s.Exec("CREATE TABLE BIG AS SELECT zeroblob(100000) AS X")
	if !errors.Is(err, core.ErrRepository) || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("%v, want disk full", err)
	}
	if err := s.Exec("DELETE FROM BATCH_JOB_SEQ"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestNetworkFileSystems(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		magic int64
		fuse  string
		want  string
	}{
		{0x6969, "", "NFS"},
		{0x517B, "", "SMB"},
		{0xFF534D42, "", "CIFS"},
		{-0xACB2BE, "", "CIFS"}, // the same where the field is an int32
		{0xFE534D42, "", "SMB2"},
		{0x01021997, "", "9p"},
		{0x65735546, "fuse.sshfs", "sshfs"},
		{0x65735546, "virtiofs", "virtiofs"},
		{0x65735546, "fuse.s3fs", "s3fs"},
		{0x65735546, "fuseblk", ""},
		{0x65735546, "fuse.bindfs", ""},
		{0x65735546, "", ""},
		{0xEF53, "", ""},     // ext4
		{0x58465342, "", ""}, // XFS
		{0x9123683E, "", ""}, // Btrfs
		{0x01021994, "", ""}, // tmpfs
		{0x794C7630, "", ""}, // overlayfs
	} {
		got, network := sqlite.NetworkType(tc.magic, func() string { return tc.fuse })
		if got != tc.want || network != (tc.want != "") {
			t.Errorf("%#x %s: %q, %t, want %q", tc.magic, tc.fuse, got, network, tc.want)
		}
	}
	if got := sqlite.MountType("/proc/self"); got != "proc" {
		t.Errorf("/proc/self is on %q, want proc", got)
	}
	if got := sqlite.UnescapeMount(`/mnt/a\040b\134`); got != `/mnt/a b\` {
		t.Errorf("unescaped %q", got)
	}
}

func TestLinkedVersion(t *testing.T) {
	t.Parallel()
	for number, ok := range map[int]bool{
		3040001: false, 3051002: false, 3051003: true, 3051009: true, 3052000: false, 3053000: true, 4000000: true,
	} {
		if err := sqlite.CheckVersion("3.x", number); (err == nil) != ok {
			t.Errorf("%d: %v, want ok %t", number, err, ok)
		}
	}
}

func TestParseLock(t *testing.T) {
	t.Parallel()
	pid, inode, first, last, ok := sqlite.ParseLock("1: POSIX  ADVISORY  WRITE 4711 08:01:123456 120 120\n")
	if pid != 4711 || inode != 123456 || first != 120 || last != 120 || !ok {
		t.Error(pid, inode, first, last, ok)
	}
	if _, _, _, last, ok := sqlite.ParseLock("1: POSIX  ADVISORY  WRITE 4711 08:01:123456 0 EOF"); !ok || last < 1<<40 {
		t.Error(last, ok)
	}
	for _, line := range []string{
		"", "1: FLOCK  ADVISORY  WRITE 1 08:01:1 0 EOF", "1: POSIX  ADVISORY  READ 1 08:01:1 0 EOF",
		"1: -> POSIX  ADVISORY  WRITE 1 08:01:1 0 EOF", "1: POSIX  ADVISORY  WRITE x 08:01:1 0 EOF", "1: POSIX  ADVISORY  WRITE 1 08:01:1 a b",
	} {
		if _, _, _, _, ok := sqlite.ParseLock(line); ok {
			t.Errorf("%q was read", line)
		}
	}
}

// A process that has the lock of the initialisation and does not go on keeps
// others waiting for as long as a writer would, and no longer.
func TestSuspendedInitialiser(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "batch.db")
	o := options()
	o.BusyTimeout = 30 * time.Millisecond
	unlock := sqlite.HoldInitLock(t, path)
	_, err := sqlite.Open(t.Context(), path, o)
	if !errors.Is(err, core.ErrRepository) || !strings.Contains(err.Error(), "another process has been initialising") {
		t.Errorf("%v, want a refusal", err)
	}
	o.BusyTimeout = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := sqlite.Open(ctx, path, o); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want it cancelled", err)
	}
	if exists(path) {
		t.Error("the file was made without the lock")
	}
	unlock()
	wantRepository(t, path)
}
