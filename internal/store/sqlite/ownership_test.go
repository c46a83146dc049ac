package sqlite_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// ownerProcess starts a process that owns an execution of the repository.
func ownerProcess(t *testing.T, path string, child ...string) (*process, owned) {
	t.Helper()
	p := start(t, "own", append([]string{path}, child...)...)
	var o owned
	if err := json.Unmarshal([]byte(p.line(t)), &o); err != nil {
		t.Fatal(err)
	}
	return p, o
}

// wantVerdict asks a third party about the owner.
func wantVerdict(t *testing.T, path string, o core.Owner, want core.Liveness, evidence string) {
	t.Helper()
	got := sqlite.NewOwnership(path).Verdict(o)
	if got.Liveness != want || !strings.Contains(got.Evidence, evidence) || got.Owner != o {
		t.Errorf("verdict %+v; want %s because %q", got, want, evidence)
	}
	if orphaned := strings.Contains(evidence, "something that it started"); got.Orphaned != orphaned {
		t.Errorf("orphaned %v, want %v: %s", got.Orphaned, orphaned, got.Evidence)
	}
}

func TestOwnerProcess(t *testing.T) {
	t.Parallel()
	t.Run("recorded as it is", func(t *testing.T) {
		t.Parallel()
		path := made(t)
		p, o := ownerProcess(t, path)
		host := sqlite.ThisHost()
		if o.Owner.PID != p.Process.Pid || o.Owner.HostName != host.HostName || o.Owner.HostID != host.HostID ||
			o.Owner.BootID != host.BootID || o.Owner.PIDStart != sqlite.Process(p.Process.Pid) || o.Owner.PIDStart == "" {
			t.Errorf("owner %+v", o.Owner)
		}
		if want := filepath.Join(path+".locks", o.Owner.Token+".lock"); o.Owner.LockFile != want {
			t.Errorf("lock file %s, want %s", o.Owner.LockFile, want)
		}
		if want := options().Now(); !o.Owner.Since.Equal(want) {
			t.Errorf("since %s, want %s", o.Owner.Since, want)
		}
	})
	t.Run("running is alive", func(t *testing.T) {
		t.Parallel()
		path := made(t)
		p, o := ownerProcess(t, path)
		wantVerdict(t, path, o.Owner, core.OwnerAlive, fmt.Sprintf("is held by process %d on host", p.Process.Pid))
	})
	t.Run("suspended is alive", func(t *testing.T) {
		t.Parallel()
		path := made(t)
		p, o := ownerProcess(t, path)
		if err := p.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		waitForState(t, p.Process.Pid, "T")
		wantVerdict(t, path, o.Owner, core.OwnerAlive, "is held")
		if err := sqlite.NewOwnership(path).Release(o.Owner.Token); err != nil {
			t.Error(err)
		}
		if !exists(o.Owner.LockFile) {
			t.Error("another process cleared away the lock file of a living owner")
		}
	})
	t.Run("killed is dead", func(t *testing.T) {
		t.Parallel()
		path := made(t)
		p, o := ownerProcess(t, path)
		p.kill(t)
		wantVerdict(t, path, o.Owner, core.OwnerDead, "is free")
		if err := sqlite.NewOwnership(path).Release(o.Owner.Token); err != nil {
			t.Error(err)
		}
		if exists(o.Owner.LockFile) {
			t.Error("the lock file of a dead owner was not cleared away")
		}
		wantVerdict(t, path, o.Owner, core.OwnerDead, fmt.Sprintf("missing and there is no process %d", o.Owner.PID))
	})
	t.Run("killed with a child that inherited the lock is alive", func(t *testing.T) {
		t.Parallel()
		path := made(t)
		p, o := ownerProcess(t, path, "sleep", "600")
		child, err := os.FindProcess(o.Child)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = child.Kill() })
		wantVerdict(t, path, o.Owner, core.OwnerAlive, "is held by process")
		orphan := fmt.Sprintf("process %d has ended; something that it started still holds its lock file %q", o.Owner.PID, o.Owner.LockFile)
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		waitForState(t, p.Process.Pid, "Z")
		wantVerdict(t, path, o.Owner, core.OwnerAlive, orphan)
		_ = p.Wait()
		wantVerdict(t, path, o.Owner, core.OwnerAlive, orphan)
		reused := o.Owner // by this process
		reused.PID = os.Getpid()
		wantVerdict(t, path, reused, core.OwnerAlive, fmt.Sprintf("process %d has ended; something that it started", reused.PID))
		if err := child.Kill(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the lock to go with the child", func() bool {
			return sqlite.NewOwnership(path).Verdict(o.Owner).Liveness == core.OwnerDead
		})
	})
	t.Run("without its lock file the process decides", func(t *testing.T) {
		t.Parallel()
		path := made(t)
		p, o := ownerProcess(t, path)
		if err := os.Remove(o.Owner.LockFile); err != nil {
			t.Fatal(err)
		}
		wantVerdict(t, path, o.Owner, core.OwnerAlive, "missing, but process")
		later := o.Owner
		later.PIDStart = "1" + later.PIDStart
		wantVerdict(t, path, later, core.OwnerDead, "is a later one")
		elsewhere := o.Owner
		elsewhere.PIDStart = strings.Fields(elsewhere.PIDStart)[0] + " pid:[1]"
		wantVerdict(t, path, elsewhere, core.OwnerUnknown, "cannot be looked at from here")
		// A zombie: dead, and not yet waited for.
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		waitForState(t, p.Process.Pid, "Z")
		wantVerdict(t, path, o.Owner, core.OwnerDead, "has ended")
		_ = p.Wait()
		wantVerdict(t, path, o.Owner, core.OwnerDead, "there is no process")
	})
	t.Run("in a repository that was moved", func(t *testing.T) {
		t.Parallel()
		path := made(t)
		p, o := ownerProcess(t, path)
		moved := filepath.Join(t.TempDir(), "moved.db")
		if err := os.Rename(path+".locks", moved+".locks"); err != nil {
			t.Fatal(err)
		}
		wantVerdict(t, moved, o.Owner, core.OwnerAlive, "is held")
		p.kill(t)
		wantVerdict(t, moved, o.Owner, core.OwnerDead, "is free")
	})
}

func TestVerdictByRecord(t *testing.T) {
	t.Parallel()
	path := made(t)
	here := sqlite.ThisHost()
	free := filepath.Join(path+".locks", "free.lock")
	if err := os.MkdirAll(filepath.Dir(free), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(free, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("free.lock", filepath.Join(path+".locks", "link.lock")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(path+".locks", "fifo.lock"), 0o600); err != nil {
		t.Fatal(err)
	}
	owner := func(token, hostID, bootID string) core.Owner {
		return core.Owner{Token: token, HostName: "web1", HostID: hostID, BootID: bootID, PID: 4711, PIDStart: "1 pid:[2]"}
	}
	for _, tc := range []struct {
		name  string
		owner core.Owner
		want  core.Liveness
		why   string
	}{
		{"no owner row", core.Owner{}, core.OwnerUnknown, "no owner is recorded"},
		{"same boot, free", owner("free", here.HostID, here.BootID), core.OwnerDead, "is free"},
		{"same boot under another host's name", owner("free", "container", here.BootID), core.OwnerDead, "is free"},
		{"other boot", owner("free", here.HostID, "b"), core.OwnerDead, `host "web1" was restarted since process 4711`},
		{"other host", owner("free", "h", "b"), core.OwnerUnknown, `process 4711 ran on host "web1"`},
		{"boot not recorded", owner("free", here.HostID, ""), core.OwnerDead, "is free"},
		{"host and boot not recorded", owner("free", "", ""), core.OwnerUnknown, "ran on host"},
		{"symbolic link", owner("link", here.HostID, here.BootID), core.OwnerUnknown, "cannot be looked at"},
		{"missing, pid of another container", owner("gone", here.HostID, here.BootID), core.OwnerUnknown, "missing, and process 4711 cannot"},
		{"token with a path", owner("../free", here.HostID, here.BootID), core.OwnerUnknown, "is not one of ours"},
		{"token too long", owner(strings.Repeat("a", 101), here.HostID, here.BootID), core.OwnerUnknown, "is not one of ours"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			wantVerdict(t, path, tc.owner, tc.want, tc.why)
		})
	}
	t.Run("a lock file named elsewhere is not opened", func(t *testing.T) {
		t.Parallel()
		s := open(t, made(t))
		if err := s.Exec("BEGIN IMMEDIATE"); err != nil {
			t.Fatal(err)
		}
		o := owner("gone", here.HostID, here.BootID)
		for _, o.LockFile = range []string{s.Path(), s.Path() + "-shm", "/dev/null", "relative.lock"} {
			wantVerdict(t, s.Path(), o, core.OwnerUnknown, "missing")
		}
		wantLocked(t, s.Path()) // by us, still
		if err := s.Exec("COMMIT"); err != nil {
			t.Fatal(err)
		}
	})
}

func TestClaim(t *testing.T) {
	t.Parallel()
	t.Run("of many at once", func(t *testing.T) {
		t.Parallel()
		s := open(t, filepath.Join(t.TempDir(), "batch.db"))
		var mu sync.Mutex
		var owners []core.Owner
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				o, err := s.Ownership().Claim(t.Context())
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				owners = append(owners, o)
			})
		}
		wg.Wait()
		for _, o := range owners {
			if v := s.Ownership().Verdict(o); v.Liveness != core.OwnerAlive || !strings.Contains(v.Evidence, "by this process") {
				t.Errorf("verdict %+v", v)
			}
			if s.File(o.Token) == nil {
				t.Error("no file to inherit")
			}
			if err := s.Ownership().Release(o.Token); err != nil {
				t.Error(err)
			}
			if exists(o.LockFile) || s.File(o.Token) != nil {
				t.Error("still there after Release")
			}
			if err := s.Ownership().Release(o.Token); err != nil {
				t.Errorf("second Release: %v", err)
			}
		}
	})
	t.Run("does not take what is there", func(t *testing.T) {
		t.Parallel()
		path := made(t)
		w := sqlite.OwnershipWithTokens(path, "one", "one", "two", "bad/token")
		first, err := w.Claim(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		second, err := w.Claim(t.Context())
		if err != nil || first.Token != "one" || second.Token != "two" {
			t.Errorf("tokens %q, %q (%v)", first.Token, second.Token, err)
		}
		if _, err := w.Claim(t.Context()); err == nil {
			t.Error("claimed with a path for a token")
		}
		if _, err := sqlite.OwnershipWithTokens(path, "one").Claim(t.Context()); err == nil {
			t.Error("claimed the same token twice")
		}
		if err := w.Release("bad/token"); err != nil {
			t.Errorf("release of what was never claimed: %v", err)
		}
	})
	t.Run("folder in the way", func(t *testing.T) {
		t.Parallel()
		for name, put := range map[string]func(string) error{
			"file":   func(p string) error { return os.WriteFile(p, nil, 0o600) },
			"link":   func(p string) error { return os.Symlink(t.TempDir(), p) },
			"orphan": func(p string) error { return os.Symlink("nowhere", p) },
		} {
			path := filepath.Join(t.TempDir(), "batch.db")
			if err := put(path + ".locks"); err != nil {
				t.Fatal(err)
			}
			if _, err := sqlite.NewOwnership(path).Claim(t.Context()); err == nil || core.Hint(err) == "" {
				t.Errorf("%s: %v, want a refusal with a hint", name, err)
			}
		}
	})
	t.Run("survives a probe of all lock files", func(t *testing.T) {
		t.Parallel()
		s := open(t, filepath.Join(t.TempDir(), "batch.db"))
		done := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := sqlite.Check(t.Context(), s.Path(), false); err != nil {
					t.Error(err)
				}
			}
		})
		for range 300 {
			o, err := s.Ownership().Claim(t.Context())
			if err != nil {
				t.Error(err)
				continue
			}
			if err := s.Ownership().Release(o.Token); err != nil {
				t.Error(err)
			}
		}
		close(done)
		wg.Wait()
	})
}

// waitFor waits until the condition holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// waitForState waits until the kernel shows the process in that state.
func waitForState(t *testing.T, pid int, state string) {
	t.Helper()
	waitFor(t, "state "+state, func() bool {
		out, err := exec.Command("cat", fmt.Sprintf("/proc/%d/stat", pid)).Output()
		_, rest, _ := strings.Cut(string(out), ") ")
		return err == nil && strings.HasPrefix(rest, state)
	})
}
