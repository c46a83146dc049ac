//go:build linux && faults

package partfile_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
	"github.com/batchctl/batchctl/internal/jobs/partfile"
)

// They make the test program the process that dies.
const (
	crashEnv   = "PARTFILE_TEST_CRASH"
	rewriteEnv = "PARTFILE_TEST_REWRITE"
)

// TestCrash dies at every failpoint of the package, as often as it is passed,
// and goes on: the file is the same as without a crash.
//
// It goes before the other tests: a process that is being started holds the
// locks of all parts of this one until it has become the other program.
func TestCrash(t *testing.T) {
	if path := os.Getenv(crashEnv); path != "" {
		attempt(t, path)
		return
	}
	if !strings.Contains(strings.Join(fault.Points(), " "), "partfile.") {
		t.Fatal("the list of failpoints has none of the package")
	}
	for _, point := range fault.Points() {
		if !strings.HasPrefix(point, "partfile.") || strings.HasSuffix(point, "-remove") {
			continue // only a merge removes; see TestMergeCrash
		}
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			for hit := 1; ; hit++ {
				path := target(t)
				if !dies(t, "TestCrash", path, fmt.Sprintf("%s:%d=kill", point, hit)) {
					if hit == 1 {
						t.Error("it is never passed")
					}
					return
				}
				left := intrude(t, path)
				if dies(t, "TestCrash", path, "") {
					t.Fatal("the second attempt died")
				}
				want(t, path, "one\ntwo\nend\n")
				want(t, path+partfile.Suffix, left)
				want(t, path+ownerSuffix, "")
			}
		})
	}
}

// intrude begins the target of an attempt that has died in the name of another
// owner, and dies as well. It may where the attempt has committed nothing yet, or
// has published: it returns what is left of it in the end.
func intrude(t *testing.T, path string) string {
	t.Helper()
	_, committed := os.Stat(path + ".commit")
	_, part := os.Stat(path + partfile.Suffix)
	f, err := partfile.Create(t.Context(), partfile.Config{Target: path, Owner: owner(t, "intruder")})
	if _, claimed := os.Stat(path + ownerSuffix); claimed == nil && part == nil && err != nil {
		committed = nil // it would have in a moment, which cannot be told from outside
	}
	if committed == nil && part == nil {
		if !errors.Is(err, core.ErrCheckpointMismatch) || !strings.Contains(err.Error(), "belongs to job job") {
			t.Errorf("another takes the part of an attempt that has committed: %v", err)
		}
		return ""
	}
	do(t, err)
	do(t, f.Append([]byte("intruder\n")), f.Close())
	if committed == nil {
		return "intruder\n"
	}
	return "" // the attempt begins again, and may take what nobody has committed
}

// TestOwnerCost: an output of any number of checkpoints syncs its owner once, and
// the directory twice.
func TestOwnerCost(t *testing.T) {
	for point, passes := range map[string]int{
		"partfile.after-owner": 1, "partfile.after-disown": 1, "partfile.after-dirsync": 2, "partfile.after-fsync": 3,
	} {
		path := target(t)
		if !dies(t, "TestCrash", path, fmt.Sprintf("%s:%d=kill", point, passes)) || dies(t, "TestCrash", target(t), fmt.Sprintf("%s:%d=kill", point, passes+1)) {
			t.Errorf("%s is not passed %d times", point, passes)
		}
	}
}

// TestRewritten: bytes that take the place of equal ones, which were durable and
// have been cut off, are synced again.
func TestRewritten(t *testing.T) {
	if path := os.Getenv(rewriteEnv); path != "" {
		f, err := partfile.Create(t.Context(), partfile.Config{Target: path})
		do(t, err)
		for range 2 {
			do(t, f.Rollback(partfile.State{}), f.Append([]byte("one\n")))
			_, err := f.Sync()
			do(t, err)
		}
		do(t, f.Close())
		return
	}
	for hit, killed := range []bool{true, true, false} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRewritten$")
		cmd.Env = append(os.Environ(), rewriteEnv+"="+target(t), fmt.Sprintf("%s=partfile.before-fsync:%d=kill", fault.Variable, hit+1))
		if err := cmd.Run(); (err != nil) != killed {
			t.Errorf("fsync %d: %v, want it to be the last: %v", hit+1, err, killed)
		}
	}
}

// TestMergeCrash does the same with a merge.
func TestMergeCrash(t *testing.T) {
	if path := os.Getenv(crashEnv); path != "" {
		header, parts := pieces(path)
		do(t, partfile.Merge(t.Context(), partfile.Config{Target: path}, parts, []byte(header)))
		return
	}
	for _, point := range fault.Points() {
		if !strings.HasPrefix(point, "partfile.") || strings.HasSuffix(point, "owner") || strings.HasSuffix(point, "-disown") {
			continue // a merge has no checkpoint, and so no owner
		}
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			for hit := 1; ; hit++ {
				path := target(t)
				makePieces(t, path)
				if !dies(t, "TestMergeCrash", path, fmt.Sprintf("%s:%d=kill", point, hit)) {
					if hit == 1 {
						t.Error("it is never passed")
					}
					return
				}
				if dies(t, "TestMergeCrash", path, "") {
					t.Fatal("the second attempt died")
				}
				wantMerged(t, path)
			}
		})
	}
}

// dies runs one attempt and reports whether it was killed.
func dies(t *testing.T, test, path, failpoint string) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test+"$")
	cmd.Env = append(os.Environ(), crashEnv+"="+path, fault.Variable+"="+failpoint)
	out, err := cmd.CombinedOutput()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return false
}

// attempt writes two lines with a commit behind each, which is a file with the
// state, and publishes; it begins behind the last commit.
func attempt(t *testing.T, path string) {
	t.Helper()
	var state partfile.State
	cfg := partfile.Config{Target: path, Owner: owner(t, "a")}
	commit := path + ".commit"
	text, err := os.ReadFile(commit)
	var f *partfile.File
	if errors.Is(err, fs.ErrNotExist) {
		f, err = partfile.Create(t.Context(), cfg)
	} else {
		do(t, err, json.Unmarshal(text, &state))
		f, err = partfile.Resume(t.Context(), cfg, state, []byte("end\n"))
	}
	do(t, err)
	for _, line := range []string{"one\n", "two\n"}[state.Length/4:] {
		do(t, f.Append([]byte(line)))
		state, err = f.Sync()
		do(t, err)
		text, err := json.Marshal(state)
		do(t, err, os.WriteFile(commit+".new", text, 0o600), os.Rename(commit+".new", commit))
	}
	do(t, f.Publish([]byte("end\n")), f.Close())
}
