//go:build linux

package execstep_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/jobs/execstep"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// envRole makes the test binary batchctl, as far as a step needs one.
const (
	envRole    = "EXECSTEP_ROLE"
	envDir     = "EXECSTEP_DIR"
	envScript  = "EXECSTEP_SCRIPT"
	envOnCrash = "EXECSTEP_ON_CRASH"
	envHeard   = "EXECSTEP_HEARD" // not empty: there is a listener after the step
)

// play launches the script once.
func play(ctx context.Context, role string) int {
	dir := os.Getenv(envDir)
	store, err := sqlite.Open(ctx, filepath.Join(dir, "repo.db"), sqlite.Options{Now: time.Now, Token: rand.Text})
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		return 1
	}
	onCrash, err := strconv.Atoi(os.Getenv(envOnCrash))
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		return 1
	}
	cfg := execstep.Config{
		Script: os.Getenv(envScript), Dir: dir, LogDir: filepath.Join(dir, "logs"), OnCrash: execstep.OnCrash(onCrash),
	}
	if cfg.OnCrash == execstep.Check {
		cfg.CheckCommand = []string{"test", "-s", "runs"} // one that was killed may have made it and written nothing
	}
	job := &core.Job{Name: "nightly", Steps: []*core.Step{
		execstep.Step("work", func(*core.Scope) (execstep.Config, error) { return cfg, nil }),
	}}
	if os.Getenv(envHeard) != "" {
		job.Listener.AfterStep = engine.PromoteContext(engine.Promotion{Keys: []string{execstep.ContextKeyLog}}).AfterStep
	}
	_, err = newLauncher(store, &logBuffer{}).Run(ctx, job, nil, launch.Options{})
	err = errors.Join(err, store.Close())
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", role, err)
		return 1
	}
	return 0
}

// other is a process of its own that runs a script as a step.
func (b *bundle) other(script string, onCrash execstep.OnCrash, env ...string) *exec.Cmd {
	b.t.Helper()
	program, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(append(os.Environ(), envRole+"=run", envDir+"="+b.dir, envScript+"="+script,
		envOnCrash+"="+strconv.Itoa(int(onCrash))), env...)
	cmd.Stderr = os.Stderr
	return cmd
}

// die runs a script in a process of its own, which is killed when the script has
// written the file "ready".
func (b *bundle) die(script string, onCrash execstep.OnCrash) {
	b.t.Helper()
	cmd := b.other(script, onCrash)
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.await("ready")
	if err := cmd.Process.Kill(); err != nil {
		b.t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		b.t.Fatalf("it ended with %v", err)
	}
	if err := os.Remove(filepath.Join(b.dir, "ready")); err != nil {
		b.t.Fatal(err)
	}
}

// dieAlone is die, and waits until nothing of the script is left.
func (b *bundle) dieAlone(script string, onCrash execstep.OnCrash) {
	b.t.Helper()
	b.die(script, onCrash)
	b.awaitDead()
}

// awaitDead waits until nothing holds the lock of execution 1.
func (b *bundle) awaitDead() {
	b.t.Helper()
	eventually(b.t, "the end of everything that the owner started", func() bool {
		v, err := b.store.OwnerOf(b.t.Context(), 1)
		return err == nil && v.Liveness == core.OwnerDead
	})
}

func isRunning(pid string) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return false
	}
	_, rest, ok := strings.Cut(string(stat), ") ")
	return ok && rest[0] != 'Z' && rest[0] != 'X'
}

func TestOwnerIsKilled(t *testing.T) {
	t.Parallel()
	t.Run("the command dies with it, and the next run recovers", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.dieAlone("echo $$ > pid; echo > ready; exec sleep 600", execstep.Rerun)
		if pid := b.await("pid"); isRunning(pid) {
			t.Errorf("the command runs on as process %s", pid)
		}
		je := b.must(sh("echo $BATCH_ATTEMPT $BATCH_RESTART"))
		if got := b.log(je); got != "2 true\n" {
			t.Errorf("the second attempt said %q", got)
		}
	})
	t.Run("what the command has started keeps the instance locked until it ends", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.die("sh -c 'until test -e go; do sleep 0.02; done' & echo $! > pid; echo > ready; wait", execstep.Rerun)
		pid := b.await("pid")
		job := &core.Job{Name: "nightly", Steps: []*core.Step{b.step(sh("echo again"))}}
		for range 3 {
			je, err := b.Run(t.Context(), job, nil, launch.Options{})
			wantError(t, err, core.ErrJobExecutionAlreadyRunning)
			if je != nil {
				t.Fatalf("execution %d was started beside the orphan", je.ID)
			}
		}
		if !isRunning(pid) {
			t.Fatal("the orphan has ended too early for the test to say anything")
		}
		_, err := b.Run(t.Context(), job, nil, launch.Options{})
		verdict, ownerErr := b.store.OwnerOf(t.Context(), 1)
		if ownerErr != nil || !verdict.Orphaned {
			t.Fatalf("the verdict is %+v, %v beside %v", verdict, ownerErr, err)
		}
		wantError(t, err, core.ErrJobExecutionAlreadyRunning, fmt.Sprintf(
			"execution 1 is STARTED: process %d has ended; something that it started still holds its lock file", verdict.Owner.PID))
		if hint := core.Hint(err); !strings.Contains(hint, "fuser -v "+core.ShellQuote(verdict.Owner.LockFile)+" shows what") {
			t.Errorf("the hint is %q", hint)
		}
		if err := os.WriteFile(filepath.Join(b.dir, "go"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		// The script itself has been killed too, and dies when it is given a processor.
		b.awaitDead()
		je := b.must(sh("echo again"))
		if got := b.log(je); got != "again\n" {
			t.Errorf("got log %q", got)
		}
	})
	t.Run("the next attempt removes the file for results that is left, and no other", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.dieAlone("echo ${BATCH_OUTPUT##*/} > name; echo > ready; exec sleep 600", execstep.Rerun)
		left := strings.TrimSpace(b.await("name"))
		at := strings.Index(left, ".output-") + len(".output-")
		others := []string{
			"2-work.log" + left[at-len(".output-"):at] + "OTHER-17",  // of another instance or repository
			"1-work.before.log" + left[at-len(".output-"):],          // of a hook
			"1-work.log.output-17", "x-work.log.output-" + left[at:], // of nobody that we know
		}
		for _, name := range others {
			if err := os.WriteFile(filepath.Join(b.dir, "logs/nightly", name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if !b.exists("logs/nightly/" + left) {
			t.Fatal("nothing was left: the test says nothing")
		}
		b.must(sh("true"))
		if b.exists("logs/nightly/" + left) {
			t.Errorf("%s is still there", left)
		}
		for _, name := range others {
			if !b.exists("logs/nightly/" + name) {
				t.Errorf("%s was removed", name)
			}
		}
	})
	t.Run("nothing else is open in the command", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je := b.must(execstep.Config{Command: []string{"ls", "-l", "/proc/self/fd"}})
		var got []string
		for line := range strings.Lines(b.log(je)) {
			fd, target, ok := strings.Cut(strings.TrimSpace(line), " -> ")
			fd = fd[strings.LastIndexByte(fd, ' ')+1:]
			if ok && !strings.HasPrefix(target, "/proc/") && !isInherited(fd) {
				got = append(got, fd+" "+filepath.Ext(target))
			}
		}
		if want := []string{"0 ", "1 .log", "2 .log", "3 .lock"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q:\n%s", got, want, b.log(je))
		}
	})
}

// isInherited reports whether this process was started with a descriptor above
// those that the command is given: it has no close-on-exec flag.
func isInherited(fd string) bool {
	n, err := strconv.Atoi(fd)
	if err != nil || n <= 3 {
		return false
	}
	flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0
}

// killGroup ends what a test has started and has not seen to end.
func killGroup(t *testing.T, pid string) {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err == nil && isRunning(pid) {
		_ = syscall.Kill(n, syscall.SIGKILL)
	}
}
