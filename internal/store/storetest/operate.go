package storetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
)

var operateRules = []rule{
	{"OPR-03 an execution that does not exist", func(t *testing.T, s suite) {
		_, err := s.Repo.RequestStop(t.Context(), 7)
		wantError(t, err, core.ErrNoSuchJobExecution, "")
		_, err = s.Repo.Abandon(t.Context(), 7)
		wantError(t, err, core.ErrNoSuchJobExecution, "")
		_, _, err = s.Repo.Recover(t.Context(), 7, true)
		wantError(t, err, core.ErrNoSuchJobExecution, "")
	}},
	{"OPR-06 a running execution is asked to stop", func(t *testing.T, s suite) {
		je := s.launch(t)
		for _, want := range []int64{1, 1} { // asking again changes nothing
			got := must2(s.Repo.RequestStop(t.Context(), je.ID))(t)
			if got.Status != core.StatusStopping || got.Version != want || !got.EndTime.IsZero() {
				t.Errorf("got %v, version %d, end %v", got.Status, got.Version, got.EndTime)
			}
		}
	}},
	{"OPR-07 an ended execution cannot be stopped", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.end(t, je, core.StatusStopped)
		_, err := s.Repo.RequestStop(t.Context(), je.ID)
		wantError(t, err, core.ErrJobExecutionNotRunning, "batchctl show")
		s.want(t, je.Version, "SELECT VERSION FROM BATCH_JOB_EXECUTION")
	}},
	{"OPR-08 a stopping execution is abandoned", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.start(t, je)
		must2(s.Repo.RequestStop(t.Context(), je.ID))(t)
		got := must2(s.Repo.Abandon(t.Context(), je.ID))(t)
		if got.Status != core.StatusAbandoned || got.EndTime.IsZero() {
			t.Errorf("got %v, end %v", got.Status, got.EndTime)
		}
		s.end(t, je, core.StatusFailed) // its owner comes to its end later
		s.want(t, "ABANDONED", "SELECT STATUS FROM BATCH_JOB_EXECUTION")
	}},
	{"OPR-08 what a dead owner left running is recovered when it is abandoned", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.step(t, je, "load", nil)
		must2(s.Repo.RequestStop(t.Context(), je.ID))(t)
		s.kill(t, je)
		must2(s.Repo.Abandon(t.Context(), je.ID))(t)
		s.want(t, "FAILED", "SELECT STATUS FROM BATCH_STEP_EXECUTION")
		s.want(t, int64(0), "SELECT COUNT(*) FROM BATCHCTL_EXECUTION_OWNER")
	}},
	{"OPR-09 a running or complete execution is not abandoned", func(t *testing.T, s suite) {
		je := s.launch(t)
		_, err := s.Repo.Abandon(t.Context(), je.ID)
		wantError(t, err, core.ErrJobExecutionAlreadyRunning, fmt.Sprintf("batchctl stop %d", je.ID))
		s.kill(t, je)
		_, err = s.Repo.Abandon(t.Context(), je.ID)
		wantError(t, err, core.ErrJobExecutionAlreadyRunning, fmt.Sprintf("batchctl recover %d", je.ID))
		s.want(t, "STARTING 0", "SELECT STATUS || ' ' || VERSION FROM BATCH_JOB_EXECUTION")
		s.exec(t, "UPDATE BATCH_JOB_EXECUTION SET STATUS = 'COMPLETED'")
		_, err = s.Repo.Abandon(t.Context(), je.ID)
		wantError(t, err, core.ErrJobInstanceAlreadyComplete, "batchctl show")
	}},
	{"OPR-10 UNKNOWN stays UNKNOWN", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.end(t, je, core.StatusFailed)
		s.exec(t, "UPDATE BATCH_JOB_EXECUTION SET STATUS = 'UNKNOWN'")
		if got := must2(s.Repo.Abandon(t.Context(), je.ID))(t); got.Status != core.StatusUnknown || got.Version != je.Version {
			t.Errorf("got %v, version %d", got.Status, got.Version)
		}
	}},
	{"OPR-11 what a dead process left is recovered", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.start(t, je)
		done := s.step(t, je, "load", nil)
		if err := s.updateStep(t, je, done, func(next *core.StepExecution) { next.Status = core.StatusCompleted }); err != nil {
			t.Fatal(err)
		}
		running := s.step(t, je, "settle", core.ExecutionContext{"position": int64(3)})
		s.kill(t, je)
		v, got, err := s.Repo.Recover(t.Context(), je.ID, false)
		must(t, got, err)
		if v.Liveness != core.OwnerDead || v.Owner.Token != je.Owner.Token || v.Evidence == "" {
			t.Errorf("got verdict %+v", v)
		}
		if got.Status != core.StatusFailed || got.EndTime.IsZero() || got.ExitStatus.Code != core.ExitCodeFailed || got.Version != je.Version+1 {
			t.Errorf("got %v, end %v, exit %q, version %d", got.Status, got.EndTime, got.ExitStatus.Code, got.Version)
		}
		for _, part := range []string{"owner died", fmt.Sprint("pid ", je.Owner.PID), je.Owner.HostName, v.Evidence} {
			if !strings.Contains(got.ExitStatus.Message, part) {
				t.Errorf("exit message %q does not say %q", got.ExitStatus.Message, part)
			}
		}
		if got.Steps[0].Status != core.StatusCompleted || got.Steps[1].Status != core.StatusFailed || got.Steps[1].EndTime.IsZero() {
			t.Errorf("got steps %v and %v", got.Steps[0].Status, got.Steps[1].Status)
		}
		last := must2(s.Repo.LastStepExecution(t.Context(), je.Instance.ID, "settle"))(t)
		if position, _, _ := last.Context.Int64("position"); last.ID != running.ID || position != 3 {
			t.Errorf("got position %d of step execution %d", position, last.ID)
		}
		s.want(t, int64(0), "SELECT COUNT(*) FROM BATCHCTL_EXECUTION_OWNER")
	}},
	{"OPR-12 an execution that has ended is left as it is", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.end(t, je, core.StatusFailed)
		for _, status := range []string{"COMPLETED", "ABANDONED", "UNKNOWN", "FAILED", "STOPPED"} {
			s.exec(t, "UPDATE BATCH_JOB_EXECUTION SET STATUS = ?", status)
			_, got, err := s.Repo.Recover(t.Context(), je.ID, false)
			if must(t, got, err); got.Status.String() != status || got.Version != je.Version {
				t.Errorf("%s: got %v, version %d", status, got.Status, got.Version)
			}
		}
	}},
	{"OPR-13 a living owner is not recovered without force", func(t *testing.T, s suite) {
		je := s.launch(t)
		v, _, err := s.Repo.Recover(t.Context(), je.ID, false)
		wantError(t, err, core.ErrJobExecutionAlreadyRunning, fmt.Sprintf("batchctl stop %d", je.ID))
		if v.Liveness != core.OwnerAlive {
			t.Errorf("got verdict %v", v.Liveness)
		}
		s.want(t, "STARTING 0", "SELECT STATUS || ' ' || VERSION FROM BATCH_JOB_EXECUTION")
		_, got, err := s.Repo.Recover(t.Context(), je.ID, true)
		if must(t, got, err); got.Status != core.StatusFailed || !strings.Contains(got.ExitStatus.Message, "by force") {
			t.Errorf("got %v: %s", got.Status, got.ExitStatus.Message)
		}
	}},
	{"OPR-13 nor is one of whom nothing is known", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.estrange(t, je)
		_, _, err := s.Repo.Recover(t.Context(), je.ID, false)
		wantError(t, err, core.ErrJobExecutionAlreadyRunning, fmt.Sprintf("batchctl recover %d --force --yes", je.ID))
	}},
	{"OPR-14 a launch recovers and goes on", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.start(t, je)
		s.step(t, je, "load", core.ExecutionContext{"position": int64(3)})
		s.update(t, je, func(next *core.JobExecution) { next.Context.Put("k", "v") })
		s.kill(t, je)
		next := s.launch(t)
		if diff := cmp.Diff([]int64{je.ID}, next.Recovered); diff != "" {
			t.Errorf("recovered (-want +got):\n%s", diff)
		}
		if k, _, _ := next.Context.String("k"); k != "v" {
			t.Errorf("got context %v", next.Context)
		}
		s.want(t, "FAILED", "SELECT STATUS FROM BATCH_JOB_EXECUTION WHERE JOB_EXECUTION_ID = ?", je.ID)
		s.want(t, "FAILED", "SELECT STATUS FROM BATCH_STEP_EXECUTION")
		s.want(t, next.Owner.Token, "SELECT TOKEN FROM BATCHCTL_EXECUTION_OWNER")
	}},
	{"OPR-14 a launch that is refused recovers nothing", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.kill(t, je)
		_, err := s.Repo.CreateJobExecution(t.Context(), core.Launch{
			JobName: job, Parameters: core.JobParameters{date(1)}, PreventRestart: true,
		})
		wantError(t, err, core.ErrJobRestart, "")
		s.want(t, "STARTING", "SELECT STATUS FROM BATCH_JOB_EXECUTION")
	}},
	{"REPO-16 REPO-17 a deleted instance leaves nothing behind", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.step(t, je, "load", nil)
		keep := s.launch(t, date(2))
		s.step(t, keep, "load", nil)
		wantError(t, s.Repo.DeleteJobInstance(t.Context(), je.Instance.ID), core.ErrJobExecutionAlreadyRunning, "batchctl show")
		s.end(t, je, core.StatusFailed)
		if err := s.Repo.DeleteJobInstance(t.Context(), je.Instance.ID); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{
			"BATCH_JOB_INSTANCE", "BATCH_JOB_EXECUTION", "BATCH_JOB_EXECUTION_PARAMS", "BATCH_JOB_EXECUTION_CONTEXT",
			"BATCH_STEP_EXECUTION", "BATCH_STEP_EXECUTION_CONTEXT", "BATCHCTL_JOB_HISTORY", "BATCHCTL_EXECUTION_OWNER",
		} {
			s.want(t, int64(1), "SELECT COUNT(*) FROM "+table)
		}
		wantError(t, s.Repo.DeleteJobInstance(t.Context(), je.Instance.ID), core.ErrNoSuchJobInstance, "batchctl instances")
	}},
}
