//go:build linux && faults

package partition_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
	"github.com/batchctl/batchctl/internal/core/partition"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
)

// crashEnv makes the test program the process that dies: it holds the directory
// of the repository and the files.
const crashEnv = "PARTITION_TEST_CRASH"

// exporting is a step whose parts write a file each, which are merged at the
// end.
func exporting(dir string) *core.Step {
	config := func(s *core.Scope, name string) csvfile.WriterConfig {
		return csvfile.WriterConfig{Path: filepath.Join(dir, name), Columns: []string{"n"}, Scope: s}
	}
	worker := moving(nil, func(s *core.Scope) (core.ItemWriter[int64], error) {
		return csvfile.NewWriter(config(s, s.Partition()+".csv"), func(n *int64, dst []string) ([]string, error) {
			return append(dst, strconv.FormatInt(*n, 10)), nil
		}), nil
	})
	return partition.Step("load", worker, partition.FixedRange(1, 12), partition.Options{
		Grid: 3, Threads: 1,
		Reduce: func(ctx context.Context, s *core.Scope, parts []core.Partition) error {
			files := make([]csvfile.MergePart, len(parts))
			for i, part := range parts {
				ec, err := partition.ContextOf(ctx, s, part)
				if err != nil {
					return err
				}
				files[i] = csvfile.MergePart{Path: config(s, part.Name+".csv").Path, Context: ec}
			}
			return csvfile.Merge(ctx, config(s, "all.csv"), files)
		},
	})
}

// TestCrash dies at every failpoint of the package and of the merge behind it,
// as often as it is passed, and restarts: no number is missing or there twice,
// and no part runs again that was complete.
func TestCrash(t *testing.T) {
	if dir := os.Getenv(crashEnv); dir != "" {
		b := setupAt(t, filepath.Join(dir, "batch.db"))
		b.complete(exporting(dir))
		return
	}
	t.Parallel()
	for _, point := range fault.Points() {
		if !strings.HasPrefix(point, "partition.") && !strings.HasSuffix(point, "-remove") && !strings.HasSuffix(point, "-rename") ||
			strings.HasPrefix(point, "sqlite.") {
			continue
		}
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			for hit := 1; ; hit++ {
				dir := t.TempDir()
				if !dies(t, dir, fmt.Sprintf("%s:%d=kill", point, hit)) {
					if hit == 1 {
						t.Error("it is never passed")
					}
					return
				}
				if dies(t, dir, "") {
					t.Fatal("the second attempt died")
				}
				wantExported(t, dir)
			}
		})
	}
}

func dies(t *testing.T, dir, failpoint string) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrash$")
	cmd.Env = append(os.Environ(), crashEnv+"="+dir, fault.Variable+"="+failpoint)
	out, err := cmd.CombinedOutput()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return false
}

func wantExported(t *testing.T, dir string) {
	t.Helper()
	lines := "n\n"
	for _, n := range upTo(12) {
		lines += fmt.Sprintln(n)
	}
	text, err := os.ReadFile(filepath.Join(dir, "all.csv"))
	if diff := cmp.Diff(lines, string(text)); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "partition*")); len(left) > 0 {
		t.Errorf("there is left: %v", left)
	}
	b := setupAt(t, filepath.Join(dir, "batch.db"))
	for query, want := range map[string]int64{
		"SELECT COUNT(*) FROM BATCH_STEP_EXECUTION WHERE STEP_NAME LIKE 'load:%' AND STATUS = 'COMPLETED'": 3,
		"SELECT SUM(WRITE_COUNT) FROM BATCH_STEP_EXECUTION WHERE STEP_NAME LIKE 'load:%'":                  12,
		"SELECT COUNT(*) FROM BATCH_STEP_EXECUTION WHERE STEP_NAME = 'load' AND STATUS = 'COMPLETED'":      1,
	} {
		if got := b.numbers(query); len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %v, want %d", query, got, want)
		}
	}
}
