//go:build linux && faults

package outfile_test

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
)

// crashEnv makes the test program the process that dies: FORMAT=PATH.
const crashEnv = "OUTFILE_TEST_CRASH"

// nothing is the format of a file that has no records and is to go.
const nothing = "nothing"

// crashed are the formats, one packed in either way among them.
func crashed() map[string]format {
	some := formats()
	for _, name := range []string{"csv in windows-1252, quoted, gzip", "jsonl in shift_jis, zstd"} {
		some[name] = shapes()[name]
	}
	empty := formats()["csv"]
	empty.write = map[string]any{"when-empty": "remove"}
	some[nothing] = empty
	return some
}

// TestCrash dies at every failpoint of a file, as often as it is passed, and goes
// on: the file is the same as without a crash.
func TestCrash(t *testing.T) {
	if format, path, ok := strings.Cut(os.Getenv(crashEnv), "="); ok {
		crashing(t, format, path)
		return
	}
	for name := range crashed() {
		whole := target(t)
		if dies(t, name, whole, "") {
			t.Fatal("died without a failpoint")
		}
		want := text(t, whole)
		for _, point := range fault.Points() {
			if name == nothing && !strings.HasSuffix(point, "-dirsync") {
				continue
			}
			if !strings.HasPrefix(point, "partfile.") || strings.HasSuffix(point, "-remove") {
				continue // only a merge removes
			}
			t.Run(name+" "+point, func(t *testing.T) {
				t.Parallel()
				hit := 1
				for ; ; hit++ {
					path := target(t)
					do(t, os.WriteFile(path, []byte("yesterday\n"), 0o600))
					if !dies(t, name, path, fmt.Sprintf("%s:%d=kill", point, hit)) {
						break
					}
					if dies(t, name, path, "") {
						t.Fatal("the second attempt died")
					}
					if got := text(t, path); got != want {
						t.Errorf("hit %d: got\n%s, want\n%s", hit, got, want)
					}
					if content(t, path+".part") != "" {
						t.Error("the part is still there")
					}
					if name == nothing {
						none(t, path)
					}
					if content(t, path+".part.owner") != "" {
						t.Error("the part that is not there has an owner")
					}
				}
				if hit == 1 {
					t.Error("it is never passed")
				}
			})
		}
	}
}

// dies runs one attempt and reports whether it was killed.
func dies(t *testing.T, format, path, failpoint string) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrash$")
	cmd.Env = append(os.Environ(), crashEnv+"="+format+"="+path, fault.Variable+"="+failpoint)
	out, err := cmd.CombinedOutput()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return false
}

// crashing writes the chunks behind the last commit: a file with the number of
// chunks and the context.
func crashing(t *testing.T, format, path string) {
	t.Helper()
	var at struct {
		Done    int
		Context map[string]any
	}
	commit := path + ".commit"
	if text, err := os.ReadFile(commit); !errors.Is(err, fs.ErrNotExist) {
		do(t, err, json.Unmarshal(text, &at))
	}
	ec := core.ExecutionContext{}
	for key, v := range at.Context {
		if n, ok := v.(float64); ok { // a length, a checksum: less than 2^53
			v = int64(n)
		}
		ec.Put(key, v)
	}
	items := rows(t, 3)
	if format == nothing {
		items = nil
	}
	w := newWriterOf(t, scope(), crashed()[format], path, nil)
	frame(w)
	do(t, w.Open(t.Context(), ec))
	for ; at.Done < len(items); at.Done++ {
		do(t, chunk(t.Context(), w, ec, items[at.Done:at.Done+1]))
		next := at
		next.Done, next.Context = at.Done+1, ec
		text, err := json.Marshal(next)
		do(t, err, os.WriteFile(commit+".new", text, 0o600), os.Rename(commit+".new", commit))
	}
	do(t, w.Finish(t.Context()), w.Close())
}
