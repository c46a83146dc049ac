//go:build linux

package samples_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/samples"
	"github.com/batchctl/batchctl/internal/jobs/settlement"
)

// killEnv makes the test program the process that dies: it holds its folder, the
// step at whose start it does, and at which of its starts.
const killEnv = "SAMPLES_TEST_KILL"

// TestKillVictim is no test: TestCloseMonthIsKilled runs it in a process of its
// own.
func TestKillVictim(t *testing.T) {
	dir, step, found := strings.Cut(os.Getenv(killEnv), "|")
	if !found {
		t.Skip("for TestCloseMonthIsKilled")
	}
	step, text, _ := strings.Cut(step, "|")
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	b := setupAt(t, dir, nil)
	b.atStart(step, n, func() {
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		select {} // nothing runs after it
	})
	b.mustRun(t, samples.CloseMonth(), february)
}

// The process dies in the tenth day, whose transactions are settled, and between
// the days and the end of the month. The next run takes over: it restarts the day
// that died, runs those that are left, and no transaction is lost or counted
// twice.
func TestCloseMonthIsKilled(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		step     string
		nth      int
		from     int // the first day that runs again
		executed int // how often dailySettlement is, in the end
	}{
		{settlement.StepReport, 10, 10, 29},
		{samples.StepCloseBooks, 1, 29, 28},
	} {
		t.Run(tt.step, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			b := setupAt(t, dir, nil)
			b.february(t, false)
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKillVictim$")
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s|%s|%d", killEnv, dir, tt.step, tt.nth))
			out, err := cmd.CombinedOutput()
			exit, ok := errors.AsType[*exec.ExitError](err)
			if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("it was not killed: %v\n%s", err, out)
			}

			je := b.mustRun(t, samples.CloseMonth(), february)
			want := []string{"openMonth COMPLETED"}
			if tt.from <= 28 {
				want = append(want, "settleDays COMPLETED")
			}
			for day := tt.from; day <= 28; day++ {
				want = append(want, fmt.Sprintf("settleDays:2021-02-%02d COMPLETED", day))
			}
			if d := diff(append(want, "closeBooks COMPLETED"), ran(je)); d != "" {
				t.Errorf("the next run (-want +got):\n%s", d)
			}
			if got := b.settled(t); got != tt.executed {
				t.Errorf("dailySettlement was executed %d times, want %d", got, tt.executed)
			}
			failed, err := b.store.JobExecutions(t.Context(), core.JobExecutionQuery{
				JobName: settlement.Name, Statuses: []core.BatchStatus{core.StatusFailed},
			})
			if err != nil || len(failed) != tt.executed-28 {
				t.Errorf("%d executions are FAILED, %v; want that of the day that died", len(failed), err)
			}
			b.checkMonth(t, b.store.Path())
			if left, err := filepath.Glob(filepath.Join(b.out, "*.part*")); len(left) > 0 || err != nil {
				t.Errorf("there is left: %v, %v", left, err)
			}
		})
	}
}
