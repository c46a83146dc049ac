package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
)

var instanceRules = []rule{
	{"INS-01 instance and execution are made together", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.want(t, int64(0), "SELECT VERSION FROM BATCH_JOB_INSTANCE WHERE JOB_INSTANCE_ID = ?", je.Instance.ID)
		s.want(t, je.Instance.ID, "SELECT JOB_INSTANCE_ID FROM BATCH_JOB_EXECUTION WHERE JOB_EXECUTION_ID = ?", je.ID)
	}},
	{"INS-02 an instance exists once", func(t *testing.T, s suite) {
		first := s.launch(t)
		s.end(t, first, core.StatusFailed)
		if second := s.launch(t); second.Instance != first.Instance {
			t.Errorf("got instance %v, want %v", second.Instance, first.Instance)
		}
		s.want(t, int64(1), "SELECT COUNT(*) FROM BATCH_JOB_INSTANCE")
	}},
	{"INS-03 of many launches of a fresh instance one wins", func(t *testing.T, s suite) { s.race(t, 1) }},
	{"INS-04 of many restarts of a failed instance one wins", func(t *testing.T, s suite) {
		s.end(t, s.launch(t), core.StatusFailed)
		s.race(t, 2)
	}},
	{"INS-05 an instance without executions is fresh", func(t *testing.T, s suite) {
		s.exec(t, "INSERT INTO BATCH_JOB_INSTANCE VALUES (77, 0, ?, '79f063a3b4c3343eb432877757667686')", job)
		if je := s.launch(t); je.Instance.ID != 77 || len(je.Recovered) != 0 {
			t.Errorf("got instance %d, recovered %v", je.Instance.ID, je.Recovered)
		}
	}},
}

// race launches one instance from several processes at once.
func (s suite) race(t *testing.T, wantRows int64) {
	t.Helper()
	const racers = 8
	results := make(chan error, racers)
	var wg sync.WaitGroup
	for range racers {
		repo := s.Another(t)
		wg.Go(func() {
			_, err := repo.CreateJobExecution(t.Context(), core.Launch{JobName: job, Parameters: core.JobParameters{date(1)}})
			results <- err
		})
	}
	wg.Wait()
	close(results)
	won := 0
	for err := range results {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, core.ErrJobExecutionAlreadyRunning):
			t.Errorf("got error %v, want ErrJobExecutionAlreadyRunning", err)
		}
	}
	if won != 1 {
		t.Errorf("got %d winners, want 1", won)
	}
	s.want(t, wantRows, "SELECT COUNT(*) FROM BATCH_JOB_EXECUTION")
	s.want(t, int64(1), "SELECT COUNT(*) FROM BATCHCTL_EXECUTION_OWNER")
}

var launchRules = []rule{
	{"REPO-01 a running execution refuses the launch and names its owner", func(t *testing.T, s suite) {
		je := s.launch(t)
		for _, status := range []core.BatchStatus{core.StatusStarting, core.StatusStarted, core.StatusStopping} {
			s.exec(t, "UPDATE BATCH_JOB_EXECUTION SET STATUS = ?", status.String())
			err := s.relaunch(t)
			wantError(t, err, core.ErrJobExecutionAlreadyRunning, fmt.Sprintf("batchctl show %d", je.ID))
			for _, part := range []string{status.String(), fmt.Sprint("pid ", je.Owner.PID), je.Owner.HostName, "since " + je.Owner.Since.Format(time.RFC3339)} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
		}
		s.want(t, int64(1), "SELECT COUNT(*) FROM BATCH_JOB_EXECUTION")
	}},
	{"REPO-01 another process is refused as well", func(t *testing.T, s suite) {
		s.launch(t)
		wantError(t, suite{Store{Repo: s.Another(t)}}.relaunch(t), core.ErrJobExecutionAlreadyRunning, "batchctl show")
	}},
	{"REPO-01 an owner that may live refuses the launch", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.estrange(t, je)
		wantError(t, s.relaunch(t), core.ErrJobExecutionAlreadyRunning, fmt.Sprintf("batchctl recover %d", je.ID))
	}},
	{"REPO-01 an execution without an owner refuses the launch", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.exec(t, "DELETE FROM BATCHCTL_EXECUTION_OWNER")
		err := s.relaunch(t)
		wantError(t, err, core.ErrJobExecutionAlreadyRunning, fmt.Sprintf("batchctl recover %d", je.ID))
		if !strings.Contains(err.Error(), "no owner is recorded") {
			t.Errorf("error %q does not say that no owner is recorded", err)
		}
	}},
	{"REPO-01 an end that another program wrote does not end a living owner", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.start(t, je)
		s.exec(t, "UPDATE BATCH_JOB_EXECUTION SET STATUS = 'STOPPED', END_TIME = 1, VERSION = VERSION + 1")
		wantError(t, s.relaunch(t), core.ErrJobExecutionAlreadyRunning, "batchctl show")
	}},
	{"REPO-02 UNKNOWN anywhere in the history refuses the launch", func(t *testing.T, s suite) {
		first := s.launch(t)
		s.end(t, first, core.StatusFailed)
		s.end(t, s.launch(t), core.StatusFailed)
		s.exec(t, "UPDATE BATCH_JOB_EXECUTION SET STATUS = 'UNKNOWN' WHERE JOB_EXECUTION_ID = ?", first.ID)
		wantError(t, s.relaunch(t), core.ErrJobRestart, fmt.Sprintf("batchctl show %d", first.ID))
	}},
	{"REPO-03 a complete instance refuses the launch", func(t *testing.T, s suite) {
		s.end(t, s.launch(t), core.StatusCompleted)
		wantError(t, s.relaunch(t), core.ErrJobInstanceAlreadyComplete, "batchctl show")
	}},
	{"REPO-04 so does one without identifying parameters", func(t *testing.T, s suite) {
		l := core.Launch{JobName: job}
		je, err := s.Repo.CreateJobExecution(t.Context(), l)
		s.end(t, must(t, je, err), core.StatusCompleted)
		_, err = s.Repo.CreateJobExecution(t.Context(), l)
		wantError(t, err, core.ErrJobInstanceAlreadyComplete, "")
	}},
	{"REPO-05 an abandoned execution refuses the launch", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.end(t, je, core.StatusFailed)
		must2(s.Repo.Abandon(t.Context(), je.ID))(t)
		wantError(t, s.relaunch(t), core.ErrJobRestart, "run the job with another identifying parameter: batchctl run "+job+" ")
	}},
	{"REPO-06 FAILED and STOPPED restart with the job's context", func(t *testing.T, s suite) {
		for _, status := range []core.BatchStatus{core.StatusFailed, core.StatusStopped} {
			je := s.launch(t)
			s.update(t, je, func(next *core.JobExecution) { next.Context.Put("seen", status.String()) })
			s.end(t, je, status)
			next := s.launch(t)
			if next.ID == je.ID || next.Instance != je.Instance {
				t.Errorf("got execution %d of %v after %d of %v", next.ID, next.Instance, je.ID, je.Instance)
			}
			stored := must2(s.Repo.JobExecution(t.Context(), next.ID))(t)
			if diff := cmp.Diff(core.ExecutionContext{"seen": status.String()}, stored.Context); diff != "" {
				t.Errorf("context (-want +got):\n%s", diff)
			}
			s.end(t, next, core.StatusFailed)
		}
	}},
	{"REPO-07 the exit code decides nothing", func(t *testing.T, s suite) {
		s.end(t, s.launch(t), core.StatusFailed)
		s.exec(t, "UPDATE BATCH_JOB_EXECUTION SET EXIT_CODE = 'COMPLETED'")
		s.launch(t)
	}},
	{"REPO-08 a job that may not be restarted runs once", func(t *testing.T, s suite) {
		l := core.Launch{JobName: job, Parameters: core.JobParameters{date(1)}, PreventRestart: true}
		je, err := s.Repo.CreateJobExecution(t.Context(), l)
		s.end(t, must(t, je, err), core.StatusFailed)
		_, err = s.Repo.CreateJobExecution(t.Context(), l)
		wantError(t, err, core.ErrJobRestart, "batchctl show")
	}},
	{"REPO-09 a step that still runs refuses the launch", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.step(t, je, "load", nil)
		s.end(t, je, core.StatusFailed)
		err := s.relaunch(t)
		wantError(t, err, core.ErrJobExecutionAlreadyRunning, fmt.Sprintf("batchctl recover %d", je.ID))
		if !strings.Contains(err.Error(), `"load"`) {
			t.Errorf("error %q does not name the step", err)
		}
		_, _, err = s.Repo.Recover(t.Context(), je.ID, false)
		wantError(t, err, core.ErrJobExecutionAlreadyRunning, fmt.Sprintf("batchctl recover %d --force --yes", je.ID))
		if _, _, err = s.Repo.Recover(t.Context(), je.ID, true); err != nil {
			t.Fatal(err)
		}
		s.launch(t)
	}},
	{"REPO-10 a step that is UNKNOWN refuses the launch and is named", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.step(t, je, "load", nil)
		s.end(t, je, core.StatusFailed)
		s.exec(t, "UPDATE BATCH_STEP_EXECUTION SET STATUS = 'UNKNOWN'")
		err := s.relaunch(t)
		wantError(t, err, core.ErrJobRestart, "batchctl show")
		if !strings.Contains(err.Error(), `"load"`) {
			t.Errorf("error %q does not name the step", err)
		}
	}},
	{"REPO-11 a new execution", func(t *testing.T, s suite) {
		je := s.launch(t)
		if je.Status != core.StatusStarting || je.Version != 0 || je.Owner.Token == "" {
			t.Errorf("got %v, version %d, owner %v", je.Status, je.Version, je.Owner)
		}
		s.want(t, "STARTING UNKNOWN [] 0 null null null", `
SELECT STATUS || ' ' || EXIT_CODE || ' [' || EXIT_MESSAGE || '] ' || VERSION || ' ' || TYPEOF(START_TIME) || ' ' || TYPEOF(END_TIME) || ' ' || TYPEOF(JOB_CONFIGURATION_LOCATION)
FROM BATCH_JOB_EXECUTION`)
		s.want(t, `{"@class":"java.util.HashMap"}`, "SELECT SHORT_CONTEXT FROM BATCH_JOB_EXECUTION_CONTEXT")
		got := must2(s.Repo.JobExecution(t.Context(), je.ID))(t)
		got.Steps = nil
		if diff := cmp.Diff(je, got); diff != "" {
			t.Errorf("stored otherwise than returned (-returned +stored):\n%s", diff)
		}
	}},
	{"a restart names the newest execution of its instance", func(t *testing.T, s suite) {
		first := s.launch(t)
		s.end(t, first, core.StatusFailed)
		second := s.launch(t)
		s.end(t, second, core.StatusFailed)
		l := core.Launch{JobName: job, Parameters: core.JobParameters{date(1)}, RestartOf: first.ID}
		_, err := s.Repo.CreateJobExecution(t.Context(), l)
		wantError(t, err, core.ErrJobRestart, fmt.Sprintf("batchctl restart %d", second.ID))
		l.RestartOf = second.ID
		third, err := s.Repo.CreateJobExecution(t.Context(), l)
		must(t, third, err)
		l.RestartOf = 4711
		_, err = s.Repo.CreateJobExecution(t.Context(), l)
		wantError(t, err, core.ErrNoSuchJobExecution, "batchctl executions")
		l.RestartOf, l.Parameters = third.ID, core.JobParameters{date(9)}
		_, err = s.Repo.CreateJobExecution(t.Context(), l)
		wantError(t, err, core.ErrJobRestart, "batchctl show")
		s.want(t, int64(1), "SELECT COUNT(*) FROM BATCH_JOB_INSTANCE")
	}},
	{"a status that is none of the eight is shown and refuses the launch", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.end(t, je, core.StatusFailed)
		s.exec(t, "UPDATE BATCH_JOB_EXECUTION SET STATUS = 'PAUSED'")
		got := must2(s.Repo.JobExecution(t.Context(), je.ID))(t)
		if got.Status != core.StatusUnknown || got.OpaqueStatus != "PAUSED" {
			t.Errorf("got status %v, opaque %q", got.Status, got.OpaqueStatus)
		}
		err := s.relaunch(t)
		wantError(t, err, core.ErrJobRestart, "batchctl show")
		if !strings.Contains(err.Error(), `"PAUSED"`) {
			t.Errorf("error %q does not show the status", err)
		}
	}},
	{"a refused launch leaves no owner behind", func(t *testing.T, s suite) {
		je := s.launch(t)
		wantError(t, s.relaunch(t), core.ErrJobExecutionAlreadyRunning, "")
		s.want(t, je.Owner.Token, "SELECT TOKEN FROM BATCHCTL_EXECUTION_OWNER")
		v := must2(s.Repo.OwnerOf(t.Context(), je.ID))(t)
		if v.Liveness != core.OwnerAlive {
			t.Errorf("got owner %v (%s), want alive", v.Liveness, v.Evidence)
		}
	}},
}
