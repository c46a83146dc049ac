//go:build linux

package partition_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/partition"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
)

// killEnv makes the test program the process that dies: it holds the path of
// the repository and the number at which it does.
const (
	killEnv   = "PARTITION_TEST_REPOSITORY"
	killAtEnv = "PARTITION_TEST_KILL_AT"
)

const (
	killParts = 6
	killEach  = 9 // numbers of a part: three chunks
)

// loading is the step that is killed at a number.
func loading(b *bundle, at int64) *core.Step {
	stop := func(n int64) error {
		if n == at {
			_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
			select {} // nothing runs after it
		}
		return nil
	}
	worker := moving(stop, func(*core.Scope) (core.ItemWriter[int64], error) {
		return sqlitem.NewWriter(sqlitem.WriterConfig{Querier: b.store, Table: "NUMBER", Columns: []string{"N"}}, oneColumn), nil
	})
	return partition.Step("load", worker, partition.FixedRange(1, killParts*killEach), partition.Options{Grid: killParts, Threads: 2})
}

// TestKillVictim is no test: TestKill runs it in a process of its own.
func TestKillVictim(t *testing.T) {
	path := os.Getenv(killEnv)
	if path == "" {
		t.Skip("for TestKill")
	}
	at, err := strconv.ParseInt(os.Getenv(killAtEnv), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	b := setupAt(t, path)
	b.complete(loading(b, at))
}

// TestKill kills the process in the middle of each part, and restarts.
func TestKill(t *testing.T) {
	t.Parallel()
	for part := range int64(killParts) {
		at := part*killEach + 5 // within its second chunk
		t.Run("PART-24 PART-30 killed in part "+strconv.FormatInt(part, 10), func(t *testing.T) {
			t.Parallel()
			b := setupAt(t, filepath.Join(t.TempDir(), "batch.db"))
			b.exec("CREATE TABLE NUMBER (N INTEGER PRIMARY KEY)")
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKillVictim$")
			cmd.Env = append(os.Environ(), killEnv+"="+b.path, killAtEnv+"="+strconv.FormatInt(at, 10))
			out, err := cmd.CombinedOutput()
			exit, ok := errors.AsType[*exec.ExitError](err)
			if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("it was not killed: %v\n%s", err, out)
			}
			complete := b.numbers("SELECT STEP_EXECUTION_ID FROM BATCH_STEP_EXECUTION WHERE STEP_NAME LIKE 'load:%' AND STATUS = 'COMPLETED'")

			je := b.complete(loading(b, 0))
			if got, want := len(je.Steps), 1+killParts-len(complete); got != want {
				t.Errorf("the restart ran %d rows, want %d: %d of %d parts were complete", got, want, len(complete), killParts)
			}
			// The dead process has lost the part, at once, and the next one has ended it.
			lives := b.numbers(`
				SELECT CASE STATUS WHEN 'FAILED' THEN 0 WHEN 'COMPLETED' THEN 1 ELSE 2 END
				FROM BATCH_STEP_EXECUTION
				WHERE STEP_NAME = 'load:partition` + strconv.FormatInt(part, 10) + `'
				ORDER BY STEP_EXECUTION_ID`)
			if diff := cmp.Diff([]int64{0, 1}, lives); diff != "" {
				t.Errorf("FAILED is 0, COMPLETED is 1 (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(upTo(killParts*killEach), b.numbers("SELECT N FROM NUMBER ORDER BY N")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			// The manager that died has no sum; the rows of the parts have.
			got := b.numbers("SELECT SUM(READ_COUNT) FROM BATCH_STEP_EXECUTION WHERE STEP_NAME LIKE 'load:%'" +
				" UNION ALL SELECT SUM(WRITE_COUNT) FROM BATCH_STEP_EXECUTION WHERE STEP_NAME LIKE 'load:%'")
			if diff := cmp.Diff([]int64{killParts * killEach, killParts * killEach}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
