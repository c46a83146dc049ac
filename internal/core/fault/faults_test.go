//go:build faults

package fault_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/batchctl/batchctl/internal/core/fault"
)

// TestPassPoint is no test: TestArming runs it in a process of its own.
func TestPassPoint(t *testing.T) {
	if os.Getenv(fault.Variable) == "" {
		t.Skip("for TestArming")
	}
	for range 2 {
		fault.Point("chunk.before-commit")
	}
}

// TestArming dies where it was asked to, and refuses what could never happen.
func TestArming(t *testing.T) {
	t.Parallel()
	const killed, refused, survived = -1, 64, 0
	for _, tt := range []struct {
		name, spec string
		want       int
		says       string
	}{
		{"kill", "chunk.before-commit=kill", killed, ""},
		{"kill is what it does when not told", "chunk.before-commit", killed, ""},
		{"the second hit", "chunk.before-commit:2=kill", killed, ""},
		{"a hit that does not come", "chunk.before-commit:3=kill", survived, ""},
		{"another point", "chunk.after-commit=kill", survived, ""},
		{"a point that there is not", "chunk.before-comit=kill", refused, `there is no failpoint "chunk.before-comit"`},
		{"no point", "=kill", refused, `there is no failpoint ""`},
		{"an action that there is not", "chunk.before-commit=die", refused, `the action "die" is neither kill nor sleep`},
		{"an empty action", "chunk.before-commit=", refused, `the action "" is neither`},
		{"hit 0", "chunk.before-commit:0=kill", refused, `the hit "0" is not a positive number`},
		{"a hit that is no number", "chunk.before-commit:x", refused, `the hit "x" is not a positive number`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, said := passPoint(t, tt.spec)
			if code != tt.want {
				t.Fatalf("the exit code is %d, want %d:\n%s", code, tt.want, said)
			}
			if tt.want == refused && (strings.Count(said, "\n") != 1 || !strings.Contains(said, tt.says) || !strings.Contains(said, fault.Variable)) {
				t.Errorf("it says %q, want one line with %s and %q", said, fault.Variable, tt.says)
			}
		})
	}
}

// passPoint returns how a process ended that passes a point with spec armed: -1
// when it was killed.
func passPoint(t *testing.T, spec string) (code int, said string) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run", "^TestPassPoint$")
	cmd.Env = append(os.Environ(), fault.Variable+"="+spec)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err = cmd.Run()
	if exit, failed := errors.AsType[*exec.ExitError](err); failed {
		status, ok := exit.Sys().(syscall.WaitStatus)
		if ok && status.Signaled() && status.Signal() != syscall.SIGKILL {
			t.Fatalf("ended by %s", status.Signal())
		}
		return exit.ExitCode(), stderr.String()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0, stderr.String()
}
