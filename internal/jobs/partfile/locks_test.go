//go:build linux

package partfile_test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/batchctl/batchctl/internal/jobs/partfile"
)

// lockedEnv makes the test program the process that asks for a lock.
const lockedEnv = "PARTFILE_TEST_LOCKED"

// TestDatabaseKeepsItsLocks refuses a database that this process has open:
// SQLite's locks on it are the process's, and must still hold.
//
// It goes before the parallel tests, as TestDiskFull does.
func TestDatabaseKeepsItsLocks(t *testing.T) {
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Len: 1}
	if path := os.Getenv(lockedEnv); path != "" {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		do(t, err, syscall.FcntlFlock(f.Fd(), syscall.F_GETLK, &lock), f.Close())
		if lock.Type != syscall.F_WRLCK {
			t.Error("the lock is gone")
		}
		return
	}
	path := target(t)
	write(t, path, database)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	do(t, err, syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &lock))
	if _, err := partfile.Create(t.Context(), partfile.Config{Target: path}); err == nil {
		t.Error("a database is taken for an output")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDatabaseKeepsItsLocks$")
	cmd.Env = append(os.Environ(), lockedEnv+"="+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	do(t, f.Close())
}
