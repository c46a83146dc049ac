//go:build faults

package main_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core/fault"
)

// A program built with failpoints lists them.
func TestFailpoints(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "batchctl", "failpoints").Output()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fault.Points(), strings.Fields(string(out))); diff != "" {
		t.Error(diff)
	}
	if os.Getenv(fault.Variable) != "" {
		t.Errorf("%s is set for the tests", fault.Variable)
	}
}
