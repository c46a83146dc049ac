package launch_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// became renders what a recovery has done: "ID BEFORE>NOW, ...".
func became(result launch.RecoverResult) string {
	var lines []string
	for _, r := range result {
		lines = append(lines, fmt.Sprintf("%d %s>%s", r.Execution.ID, r.Before, r.Execution.Status))
	}
	return strings.Join(lines, ", ")
}

func wantRecovered(t *testing.T, want string, result launch.RecoverResult, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, became(result)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// launchedBy makes execution of jobName, owned by store, that is STARTED and
// whose step "close" has stored that it launches childName.
func (b *bundle) launchedBy(store *sqlite.Store, jobName, childName string) *core.JobExecution {
	b.t.Helper()
	je := b.hold(store, jobName, params(day(1)), core.StatusStarted)
	b.addStep(store, je, "close", core.StatusStarted, core.ExecutionContext{
		core.ContextKeyChildJob:        childName,
		core.ContextKeyChildParameters: `[{"name":"day","type":"date","value":"2021-01-01T00:00:00Z","identifying":true}]`,
	})
	return je
}

func (b *bundle) addStep(store *sqlite.Store, je *core.JobExecution, name string, status core.BatchStatus, ec core.ExecutionContext) {
	b.t.Helper()
	tx, err := store.Begin(b.t.Context(), je)
	if err != nil {
		b.t.Fatal(err)
	}
	defer tx.Rollback()
	if err := tx.CreateStepExecution(b.t.Context(), &core.StepExecution{
		JobExecution: je, StepName: name, Status: status, StartTime: b.now(), Context: ec,
	}); err != nil {
		b.t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		b.t.Fatal(err)
	}
}

func closeStore(t *testing.T, store *sqlite.Store) {
	t.Helper()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// elsewhere is a repository whose newest executions are of another process.
type elsewhere struct{ core.JobRepository }

func (r elsewhere) LastJobExecution(ctx context.Context, instanceID int64) (*core.JobExecution, error) {
	je, err := r.JobRepository.LastJobExecution(ctx, instanceID)
	if err == nil {
		je.Owner.PID++
	}
	return je, err
}

func TestRecover(t *testing.T) {
	t.Parallel()
	t.Run("an execution and what it has launched, down to the last, whose owner is dead", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		dying := b.open()
		b.launchedBy(dying, "yearly", "monthly")
		month := b.launchedBy(dying, "monthly", "daily")
		b.addStep(dying, month, "open", core.StatusCompleted, core.ExecutionContext{"n": int64(1)})
		b.hold(dying, "daily", params(day(1)), core.StatusStarting)
		b.hold(dying, "daily", params(day(2)), core.StatusStarted) // somebody else's
		closeStore(t, dying)
		result, err := b.Recover(t.Context(), 1, false)
		wantRecovered(t, "1 STARTED>FAILED, 2 STARTED>FAILED, 3 STARTING>FAILED", result, err)
		for _, r := range result {
			if r.Verdict.Liveness != core.OwnerDead || r.Verdict.Evidence == "" {
				t.Errorf("the verdict on execution %d is %+v", r.Execution.ID, r.Verdict)
			}
		}
		wantStates(t, b.of("monthly")[0], "FAILED/FAILED: close FAILED/FAILED open COMPLETED/UNKNOWN")
		if got := b.of("daily")[1].Status; got != core.StatusStarted {
			t.Errorf("the other execution is %s", got)
		}
		again, err := b.Recover(t.Context(), 1, false)
		wantRecovered(t, "1 FAILED>FAILED", again, err)
	})
	t.Run("what was launched by one that is FAILED already", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		dying := b.open()
		b.launchedBy(dying, "monthly", "daily")
		b.hold(dying, "daily", params(day(1)), core.StatusStopping)
		closeStore(t, dying)
		if _, _, err := b.store.Recover(t.Context(), 1, false); err != nil {
			t.Fatal(err)
		}
		result, err := b.Recover(t.Context(), 1, false)
		wantRecovered(t, "1 FAILED>FAILED, 2 STOPPING>FAILED", result, err)
	})
	t.Run("a process that lives is left alone with all that it has launched", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		alive := b.open()
		b.launchedBy(alive, "monthly", "daily")
		b.hold(alive, "daily", params(day(1)), core.StatusStarted)
		result, err := b.Recover(t.Context(), 1, false)
		wantError(t, err, core.ErrJobExecutionAlreadyRunning)
		if result != nil || b.of("daily")[0].Status != core.StatusStarted {
			t.Errorf("got %s", became(result))
		}
	})
	t.Run("force overrules it for all that it has launched", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		alive := b.open()
		b.launchedBy(alive, "monthly", "daily")
		b.hold(alive, "daily", params(day(1)), core.StatusStarted)
		result, err := b.Recover(t.Context(), 1, true)
		wantRecovered(t, "1 STARTED>FAILED, 2 STARTED>FAILED", result, err)
	})
	t.Run("a child that somebody has restarted apart keeps running, also under force", func(t *testing.T) {
		t.Parallel()
		for _, force := range []bool{false, true} {
			b := setup(t)
			dying := b.open()
			b.launchedBy(dying, "monthly", "daily")
			closeStore(t, dying)
			if _, _, err := b.store.Recover(t.Context(), 1, false); err != nil {
				t.Fatal(err)
			}
			b.hold(b.open(), "daily", params(day(1)), core.StatusStarted)
			result, err := b.Recover(t.Context(), 1, force)
			wantRecovered(t, "1 FAILED>FAILED, 2 STARTED>STARTED", result, err)
			if got := result[1].Verdict.Liveness; got != core.OwnerAlive {
				t.Errorf("the verdict on the child is %s", got)
			}
		}
	})
	t.Run("force overrules no other process than that of the execution itself", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		alive := b.open()
		b.launchedBy(alive, "monthly", "daily")
		b.hold(alive, "daily", params(day(1)), core.StatusStarted)
		b.JobOperator = b.operator(elsewhere{b.store})
		result, err := b.Recover(t.Context(), 1, true)
		wantRecovered(t, "1 STARTED>FAILED, 2 STARTED>STARTED", result, err)
	})
	t.Run("what was not launched any more, and what has ended", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		dying := b.open()
		b.launchedBy(dying, "monthly", "daily")
		ended := b.launchedBy(dying, "yearly", "weekly")
		b.addStep(dying, ended, "prepare", core.StatusFailed, nil)
		b.leave("weekly", params(day(1)), core.StatusFailed)
		closeStore(t, dying)
		result, err := b.Recover(t.Context(), 1, false)
		wantRecovered(t, "1 STARTED>FAILED", result, err)
		result, err = b.Recover(t.Context(), 2, false)
		wantRecovered(t, "2 STARTED>FAILED", result, err)
	})
	t.Run("two that name each other end", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		dying := b.open()
		b.launchedBy(dying, "monthly", "daily")
		b.launchedBy(dying, "daily", "monthly")
		closeStore(t, dying)
		result, err := b.Recover(t.Context(), 1, false)
		wantRecovered(t, "1 STARTED>FAILED, 2 STARTED>FAILED", result, err)
	})
	t.Run("a context that cannot be read is told, and what was done stands", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		dying := b.open()
		je := b.hold(dying, "monthly", params(day(1)), core.StatusStarted)
		b.addStep(dying, je, "close", core.StatusStarted, core.ExecutionContext{
			core.ContextKeyChildJob: "daily", core.ContextKeyChildParameters: "nonsense",
		})
		closeStore(t, dying)
		result, err := b.Recover(t.Context(), 1, false)
		if err == nil || !strings.Contains(err.Error(), `recover 1: what step close has launched: context key "batchctl.child.parameters"`) {
			t.Errorf("got error %v", err)
		}
		wantHint(t, err, "batchctl show 1")
		if got := became(result); got != "1 STARTED>FAILED" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("OPR-03 an unknown execution", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, err := b.Recover(t.Context(), 42, false)
		wantError(t, err, core.ErrNoSuchJobExecution)
		wantHint(t, err, "batchctl executions")
	})
}
