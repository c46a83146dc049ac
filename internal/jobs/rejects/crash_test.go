//go:build linux && faults

package rejects_test

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
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
	"github.com/batchctl/batchctl/internal/jobs/rejects"
)

// crashEnv makes the test program the process that dies.
const crashEnv = "REJECTS_TEST_CRASH"

// chunks are the items that the chunks reject: some none, one of them after it
// was undone.
var chunks = [][]string{{}, {"a", "b"}, {}, {"c"}, {}}

// TestCrash dies at every failpoint of a file, as often as it is passed, and
// goes on: the file is the same as without a crash.
func TestCrash(t *testing.T) {
	if path := os.Getenv(crashEnv); path != "" {
		crashing(t, path)
		return
	}
	for _, point := range fault.Points() {
		if !strings.HasPrefix(point, "partfile.") || strings.HasSuffix(point, "-remove") {
			continue // only a merge removes
		}
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			hit := 1
			for ; ; hit++ {
				path := target(t)
				do(t, os.WriteFile(path, []byte("yesterday\n"), 0o600))
				if !dies(t, path, fmt.Sprintf("%s:%d=kill", point, hit)) {
					break
				}
				if dies(t, path, "") {
					t.Fatal("the second attempt died")
				}
				want(t, path, lines("a", "b", "c"))
				want(t, path+".part", "")
				want(t, path+".part.owner", "")
			}
			if hit == 1 {
				t.Error("it is never passed")
			}
		})
	}
}

// dies runs one attempt and reports whether it was killed.
func dies(t *testing.T, path, failpoint string) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrash$")
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

// repository is one that a step of it can be named after.
type repository struct{ core.JobRepository }

func (repository) RepositoryID() string { return "r" }

func (repository) Zone() *time.Location { return time.UTC }

// scope is a step that rejects can belong to.
func scope() *core.Scope {
	return &core.Scope{
		Run:  &core.Run{Repo: repository{}, Execution: &core.JobExecution{Instance: core.JobInstance{ID: 1, JobName: "job"}}},
		Step: &core.StepExecution{StepName: "s", Context: core.ExecutionContext{core.ContextKeyLineage: "a"}},
	}
}

// crashing goes through the chunks, with a commit behind each: a file with the
// number of chunks and the context. It begins behind the last commit.
func crashing(t *testing.T, path string) {
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
	a := begin(t, rejects.Config{Path: path, Scope: scope()}, ec)
	for ; at.Done < len(chunks); at.Done++ {
		a.commit(chunks[at.Done]...)
		next := at
		next.Done, next.Context = at.Done+1, a.ec
		text, err := json.Marshal(next)
		do(t, err, os.WriteFile(commit+".new", text, 0o600), os.Rename(commit+".new", commit))
	}
	a.finish().close()
}
