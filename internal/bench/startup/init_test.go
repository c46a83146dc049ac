package main_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What the packages of batchctl may allocate before main, all together and each
// of our own: every command pays for it, also one that only lists. They took
// 246,000 bytes and 1,730 allocations when this was written; ours took 2,800
// bytes and 18 allocations at most.
const (
	maxBytes     = 320_000
	maxAllocs    = 2_200
	maxOwnBytes  = 5_000
	maxOwnAllocs = 100
)

// initialisation is what a package did before main.
type initialisation struct {
	name          string
	bytes, allocs int
}

func (i initialisation) String() string {
	return fmt.Sprintf("%8d bytes in %5d allocations: %s", i.bytes, i.allocs, i.name)
}

// A table that is made before main, a pattern that is compiled or a pool that is
// filled costs as much at every start as all that "executions" does.
func TestNothingExpensiveIsDoneBeforeMain(t *testing.T) {
	t.Parallel()
	all := initialisations(t)
	var sum initialisation
	for _, i := range all {
		sum.bytes += i.bytes
		sum.allocs += i.allocs
		if strings.HasPrefix(i.name, "github.com/batchctl/") && (i.bytes > maxOwnBytes || i.allocs > maxOwnAllocs) {
			t.Errorf("%s; want at most %d bytes in %d: make it when it is first asked for, with sync.OnceValue", i, maxOwnBytes, maxOwnAllocs)
		}
	}
	if sum.bytes <= maxBytes && sum.allocs <= maxAllocs {
		return
	}
	slices.SortFunc(all, func(a, b initialisation) int { return b.bytes - a.bytes })
	t.Errorf("before main there are %d bytes in %d allocations, want at most %d in %d; most is of", sum.bytes, sum.allocs, maxBytes, maxAllocs)
	for _, i := range all[:min(12, len(all))] {
		t.Log(i)
	}
}

// initialisations builds batchctl and asks the runtime what each package does.
func initialisations(t *testing.T) []initialisation {
	t.Helper()
	program := filepath.Join(t.TempDir(), "batchctl")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-tags", "sqlite_omit_load_extension", "-o", program, "../../../cmd/batchctl")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build batchctl: %v\n%s", err, output)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, "version")
	cmd.Env, cmd.Stderr = append(os.Environ(), "GODEBUG=inittrace=1"), &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, stderr.String())
	}
	var all []initialisation
	for line := range strings.Lines(stderr.String()) {
		var i initialisation
		var at, clock float64
		if _, err := fmt.Sscanf(line, "init %s @%g ms, %g ms clock, %d bytes, %d allocs", &i.name, &at, &clock, &i.bytes, &i.allocs); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, i)
	}
	if !slices.ContainsFunc(all, func(i initialisation) bool { return i.name == "runtime" }) {
		t.Fatalf("the runtime says nothing of what it does before main:\n%s", stderr.String())
	}
	return all
}
