package main_test

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

// TestOneWinner launches one instance from many processes at once, on a
// repository that is not there yet: INS-03 with the real program.
func TestOneWinner(t *testing.T) {
	t.Parallel()
	const processes = 200
	dir := t.TempDir()
	args := []string{
		"--db", filepath.Join(dir, "r.db"), "run", "dailySettlement", "requestDate=2021-01-01",
		"inputDir=" + filepath.Join(root(t), "testdata", "transactions"), "outputDir=" + dir,
	}
	codes := map[int]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range processes {
		wg.Go(func() {
			var stderr bytes.Buffer
			cmd := exec.CommandContext(t.Context(), "batchctl", args...)
			cmd.Stderr = &stderr
			err := cmd.Run()
			code := cmd.ProcessState.ExitCode()
			mu.Lock()
			defer mu.Unlock()
			codes[code]++
			exit, ended := errors.AsType[*exec.ExitError](err)
			if err != nil && !ended || code != 0 && code != 5 && code != 6 {
				t.Errorf("a process ended with %v: %s", exit, stderr.String())
			}
		})
	}
	wg.Wait()
	if codes[0] != 1 {
		t.Errorf("%d of %d processes won, want exactly one: exit codes %v", codes[0], processes, codes)
	}
	if got := executions(t, args[1]); got != 1 {
		t.Errorf("the history holds %d executions, want 1", got)
	}
	t.Logf("exit codes of %s processes: %v", strconv.Itoa(processes), codes)
}

// executions counts the rows of the history.
func executions(t *testing.T, db string) int {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "batchctl", "--db", db, "executions", "-o", "jsonl").Output()
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(out, []byte("\n"))
}
