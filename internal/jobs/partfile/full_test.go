//go:build linux

package partfile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/batchctl/batchctl/internal/jobs/partfile"
)

// limitEnv makes the test program the process that runs out of space.
const limitEnv = "PARTFILE_TEST_TARGET"

// TestDiskFull writes under ulimit -f in a process of its own: the write that
// does not fit names the file, nothing is written after it, and an attempt with
// space ends with the same bytes as one that never failed.
//
// It goes before the parallel tests: a process that is being started holds the
// locks of all parts of this one until it has become the other program.
func TestDiskFull(t *testing.T) {
	if path := os.Getenv(limitEnv); path != "" {
		runOutOfSpace(t, path)
		return
	}
	path := target(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDiskFull$", "-test.v")
	cmd.Env = append(os.Environ(), limitEnv+"="+path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, line, found := strings.Cut(string(out), "state: ")
	var state partfile.State
	if err := json.NewDecoder(strings.NewReader(line)).Decode(&state); err != nil || !found {
		t.Fatalf("no state in the output: %v\n%s", err, out)
	}
	if info, err := os.Stat(path + partfile.Suffix); err != nil || info.Size() <= state.Length {
		t.Fatalf("87: the part has %d bytes (%v), want more than the %d of the checkpoint", info.Size(), err, state.Length)
	}
	t.Run("CHUNK-72 with space again, a restart loses nothing", func(t *testing.T) {
		f, err := partfile.Resume(t.Context(), partfile.Config{Target: path}, state, nil)
		do(t, err, f.Append(block('b')), f.Publish(nil))
		want(t, path, string(block('a'))+string(block('b')))
	})
}

func block(b byte) []byte { return bytes.Repeat([]byte{b}, 10_000) }

func runOutOfSpace(t *testing.T, path string) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	do(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 15_000, Max: 15_000}))
	f, err := partfile.Create(t.Context(), partfile.Config{Target: path})
	do(t, err, f.Append(block('a')))
	state, err := f.Sync()
	do(t, err)
	first := f.Append(block('b'))
	if !errors.Is(first, syscall.EFBIG) || !strings.Contains(first.Error(), "write output "+path+": write "+path+".part: file too large") {
		t.Fatalf("87: got %v", first)
	}
	_, synced := f.Sync()
	for name, err := range map[string]error{
		"append": f.Append([]byte("x")), "sync": synced, "publish": f.Publish(nil), "rollback": f.Rollback(partfile.State{}),
	} {
		if !errors.Is(err, syscall.EFBIG) || !strings.Contains(err.Error(), "nothing more is written after: ") {
			t.Errorf("%s after a failed write: %v", name, err)
		}
	}
	text, err := json.Marshal(state)
	do(t, err, f.Close())
	os.Stdout.WriteString("state: " + string(text) + "\n")
}

// mergeLimitEnv makes the test program the process that runs out of space in a
// merge.
const mergeLimitEnv = "PARTFILE_TEST_MERGE"

// TestMergeDiskFull leaves every part, and frees what it has taken of the disk.
func TestMergeDiskFull(t *testing.T) {
	const name, limit = "TestMergeDiskFull", 15_000
	parts := func(path string) []partfile.MergePart {
		return []partfile.MergePart{
			{Path: path + ".a", State: partfile.State{}.Add(block('a'))}, {Path: path + ".b", State: partfile.State{}.Add(block('b'))},
		}
	}
	if path := os.Getenv(mergeLimitEnv); path != "" {
		signal.Ignore(syscall.SIGXFSZ)
		do(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}))
		err := partfile.Merge(t.Context(), partfile.Config{Target: path}, parts(path), nil)
		if !errors.Is(err, syscall.EFBIG) || !strings.Contains(err.Error(), "write output "+path) {
			t.Errorf("got error %v", err)
		}
		return
	}
	path := target(t)
	write(t, path+".a", string(block('a')))
	write(t, path+".b", string(block('b')))
	write(t, path, "yesterday")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+name+"$")
	cmd.Env = append(os.Environ(), mergeLimitEnv+"="+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want(t, path, "yesterday")
	want(t, path+partfile.Suffix, "")
	want(t, path+".a", string(block('a')))
	want(t, path+".b", string(block('b')))
	do(t, partfile.Merge(t.Context(), partfile.Config{Target: path}, parts(path), nil))
	want(t, path, string(block('a'))+string(block('b')))
	want(t, path+".a", "")
}
