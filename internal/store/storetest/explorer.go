package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
)

// seed writes n executions, one a minute, each of an instance of its own, as
// another program would: the statuses and the two jobs take turns.
func (s suite) seed(t *testing.T, n int) {
	t.Helper()
	tx := must2(s.DB.BeginTx(t.Context(), nil))(t)
	defer tx.Rollback() // after a commit there is nothing left to roll back
	for i := 1; i <= n; i++ {
		for _, q := range []struct {
			query string
			args  []any
		}{
			{"INSERT INTO BATCH_JOB_INSTANCE VALUES (?, 0, ?, ?)", []any{i, seedJob(i), fmt.Sprintf("%032d", i)}},
			{"INSERT INTO BATCH_JOB_EXECUTION (JOB_EXECUTION_ID, JOB_INSTANCE_ID, CREATE_TIME, STATUS) VALUES (?, ?, ?, 'STARTING')", []any{i, i, seedTime(i).UnixMilli()}},
			{"UPDATE BATCH_JOB_EXECUTION SET STATUS = ? WHERE JOB_EXECUTION_ID = ?", []any{seedStatus(i).String(), i}},
		} {
			if _, err := tx.ExecContext(t.Context(), q.query, q.args...); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

func seedJob(i int) string { return []string{"even", "odd"}[i%2] }

func seedTime(i int) time.Time { return time.Date(2021, 1, 1, 0, i, 0, 0, time.UTC) }

func seedStatus(i int) core.BatchStatus { return core.Statuses()[i%8] }

// filters are all combinations of what executions can be selected by.
func filters() []core.JobExecutionQuery {
	var all []core.JobExecutionQuery
	for bits := range 64 {
		q := core.JobExecutionQuery{Limit: 3}
		if bits&1 != 0 {
			q.JobName = "odd"
		}
		if bits&2 != 0 {
			q.InstanceID = 21
		}
		if bits&4 != 0 {
			q.Statuses = append(q.Statuses, core.StatusFailed)
		}
		if bits&8 != 0 {
			q.Statuses = append(q.Statuses, core.StatusStarted, core.StatusStarting, core.StatusStarted)
		}
		if bits&16 != 0 {
			q.Since = seedTime(11)
		}
		if bits&32 != 0 {
			q.Until = seedTime(33)
		}
		all = append(all, q)
	}
	return all
}

// selects is what the query means, said in Go.
func selects(q core.JobExecutionQuery, i int) bool {
	ok := q.JobName == "" || q.JobName == seedJob(i)
	ok = ok && (q.InstanceID == 0 || q.InstanceID == int64(i))
	ok = ok && (q.Since.IsZero() || !seedTime(i).Before(q.Since))
	ok = ok && (q.Until.IsZero() || seedTime(i).Before(q.Until))
	if len(q.Statuses) == 0 {
		return ok
	}
	for _, status := range q.Statuses {
		if status == seedStatus(i) {
			return ok
		}
	}
	return false
}

var explorerRules = []rule{
	{"every combination of filters, page by page", func(t *testing.T, s suite) {
		const n = 40
		s.seed(t, n)
		for _, q := range filters() {
			want := []int64{}
			for i := n; i > 0; i-- {
				if selects(q, i) {
					want = append(want, int64(i))
				}
			}
			name := fmt.Sprintf("%+v", q)
			got := []int64{}
			for {
				page := ids(must2(s.Repo.JobExecutions(t.Context(), q))(t))
				got = append(got, page...)
				if len(page) < q.Limit || len(got) > n {
					break
				}
				q.Before = page[len(page)-1]
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	}},
	{"EXP-01 EXP-02 a page of instances", func(t *testing.T, s suite) {
		s.seed(t, 25)
		instances := must2(s.Repo.JobInstances(t.Context(), core.JobInstanceQuery{Before: 6, Limit: 10}))(t)
		got := []int64{}
		for _, i := range instances {
			got = append(got, i.ID)
		}
		if diff := cmp.Diff([]int64{5, 4, 3, 2, 1}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		page := must2(s.Repo.JobInstances(t.Context(), core.JobInstanceQuery{JobName: "odd", Limit: 1}))(t)
		if len(page) != 1 || page[0].ID != 25 {
			t.Errorf("got %v, want instance 25", page)
		}
		if page := must2(s.Repo.JobInstances(t.Context(), core.JobInstanceQuery{Before: 1}))(t); len(page) != 0 {
			t.Errorf("got %v behind the last page", page)
		}
	}},
	{"EXP-03 a name is a name and no pattern", func(t *testing.T, s suite) {
		s.seed(t, 4)
		for _, name := range []string{"o_d", "od%", "ODD", "*"} {
			if got := must2(s.Repo.JobExecutions(t.Context(), core.JobExecutionQuery{JobName: name}))(t); len(got) != 0 {
				t.Errorf("%s: got %v", name, ids(got))
			}
		}
	}},
	{"EXP-04 executions are listed newest first", func(t *testing.T, s suite) {
		first := s.launch(t)
		s.end(t, first, core.StatusFailed)
		second := s.launch(t)
		got := ids(must2(s.Repo.JobExecutions(t.Context(), core.JobExecutionQuery{InstanceID: first.Instance.ID}))(t))
		if diff := cmp.Diff([]int64{second.ID, first.ID}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		last := must2(s.Repo.LastJobExecution(t.Context(), first.Instance.ID))(t)
		if last.ID != second.ID {
			t.Errorf("got last execution %d, want %d", last.ID, second.ID)
		}
	}},
	{"EXP-05 the number of instances", func(t *testing.T, s suite) {
		s.seed(t, 5)
		if n := must2(s.Repo.JobInstanceCount(t.Context(), "odd"))(t); n != 3 {
			t.Errorf("got %d instances, want 3", n)
		}
		_, err := s.Repo.JobInstanceCount(t.Context(), "none")
		wantError(t, err, core.ErrNoSuchJob, "batchctl jobs")
	}},
	{"EXP-06 running executions of a job", func(t *testing.T, s suite) {
		s.seed(t, 16)
		got := ids(must2(s.Repo.JobExecutions(t.Context(), core.JobExecutionQuery{
			JobName:  "odd",
			Statuses: []core.BatchStatus{core.StatusStarting, core.StatusStarted, core.StatusStopping},
		}))(t))
		if diff := cmp.Diff([]int64{11, 9, 3, 1}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}},
	{"EXP-07 OPR-17 what does not exist is not found", func(t *testing.T, s suite) {
		ctx := t.Context()
		_, err := s.Repo.JobExecution(ctx, 7)
		wantError(t, err, core.ErrNoSuchJobExecution, "batchctl executions")
		_, err = s.Repo.LastJobExecution(ctx, 7)
		wantError(t, err, core.ErrNoSuchJobExecution, "")
		_, err = s.Repo.JobInstance(ctx, 7)
		wantError(t, err, core.ErrNoSuchJobInstance, "batchctl instances")
		_, err = s.Repo.FindJobInstance(ctx, job, core.JobParameters{date(1)})
		wantError(t, err, core.ErrNoSuchJobInstance, "batchctl instances --job dailySettlement")
		_, err = s.Repo.StepExecution(ctx, 7)
		wantError(t, err, core.ErrNoSuchStepExecution, "")
		_, err = s.Repo.LastStepExecution(ctx, 7, "load")
		wantError(t, err, core.ErrNoSuchStepExecution, "")
		_, err = s.Repo.OwnerOf(ctx, 7)
		wantError(t, err, core.ErrNoSuchJobExecution, "")
		_, err = s.Repo.JobStatus(ctx, 7)
		wantError(t, err, core.ErrNoSuchJobExecution, "")
	}},
	{"EXP-08 job names ascend", func(t *testing.T, s suite) {
		if names := must2(s.Repo.JobNames(t.Context()))(t); len(names) != 0 {
			t.Errorf("got names %v of an empty repository", names)
		}
		s.seed(t, 6)
		if diff := cmp.Diff([]string{"even", "odd"}, must2(s.Repo.JobNames(t.Context()))(t)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}},
	{"EXP-09 EXE-03 EXE-04 the starts of a step", func(t *testing.T, s suite) {
		var last *core.StepExecution
		var je *core.JobExecution
		for i := range 3 {
			je = s.launch(t)
			last = s.step(t, je, "load", core.ExecutionContext{"attempt": int64(i)})
			if err := s.updateStep(t, je, last, func(next *core.StepExecution) { next.Status = core.StatusFailed }); err != nil {
				t.Fatal(err)
			}
			s.end(t, je, core.StatusFailed)
		}
		count := func() int { return must2(s.Repo.StepExecutionCount(t.Context(), je.Instance.ID, "load"))(t) }
		if n := count(); n != 3 {
			t.Errorf("got %d starts, want 3", n)
		}
		got := must2(s.Repo.LastStepExecution(t.Context(), je.Instance.ID, "load"))(t)
		if attempt, _, _ := got.Context.Int64("attempt"); got.ID != last.ID || attempt != 2 || got.JobExecution.ID != je.ID {
			t.Errorf("got step execution %d of attempt %d", got.ID, attempt)
		}
		s.exec(t, "UPDATE BATCH_STEP_EXECUTION SET EXIT_CODE = 'REFUSED' WHERE STEP_EXECUTION_ID = ?", last.ID)
		if n := count(); n != 2 {
			t.Errorf("got %d starts, want 2: a refused one does not count", n)
		}
	}},
	{"the steps of an execution come in the order of their ids", func(t *testing.T, s suite) {
		je := s.launch(t)
		for _, name := range []string{"z", "a", "m"} {
			s.step(t, je, name, core.ExecutionContext{"k": name})
		}
		got := must2(s.Repo.JobExecution(t.Context(), je.ID))(t)
		var names []string
		for _, se := range got.Steps {
			names = append(names, se.StepName)
		}
		if want := []string{"z", "a", "m"}; !slices.Equal(names, want) {
			t.Errorf("got %q, want %q", names, want)
		}
	}},
	{"an instance is found by its parameters", func(t *testing.T, s suite) {
		je := s.launch(t)
		got := must2(s.Repo.FindJobInstance(t.Context(), job, core.JobParameters{date(1), {Name: "note", Value: "x"}}))(t)
		if got != je.Instance || must2(s.Repo.JobInstance(t.Context(), got.ID))(t) != got {
			t.Errorf("got %v, want %v", got, je.Instance)
		}
	}},
	{"who owns an execution", func(t *testing.T, s suite) {
		je := s.launch(t)
		v := must2(s.Repo.OwnerOf(t.Context(), je.ID))(t)
		if diff := cmp.Diff(je.Owner, v.Owner); diff != "" || v.Liveness != core.OwnerAlive {
			t.Errorf("got %v (-want +got):\n%s", v.Liveness, diff)
		}
		s.kill(t, je)
		if v := must2(s.Repo.OwnerOf(t.Context(), je.ID))(t); v.Liveness != core.OwnerDead || v.Evidence == "" {
			t.Errorf("got %v, evidence %q; want dead", v.Liveness, v.Evidence)
		}
		s.exec(t, "DELETE FROM BATCHCTL_EXECUTION_OWNER")
		if v := must2(s.Repo.OwnerOf(t.Context(), je.ID))(t); v.Liveness != core.OwnerUnknown || !strings.Contains(v.Evidence, "no owner") {
			t.Errorf("got %v, evidence %q; want unknown", v.Liveness, v.Evidence)
		}
	}},
	{"the status alone", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.start(t, je)
		if got := must2(s.Repo.JobStatus(t.Context(), je.ID))(t); got != core.StatusStarted {
			t.Errorf("got %v", got)
		}
	}},
	{"the history of a job sees what other programs write", func(t *testing.T, s suite) {
		s.seed(t, 8)
		s.want(t, int64(8), "SELECT COUNT(*) FROM BATCHCTL_JOB_HISTORY")
		s.want(t, int64(0), `SELECT COUNT(*) FROM BATCHCTL_JOB_HISTORY H
JOIN BATCH_JOB_EXECUTION E USING (JOB_EXECUTION_ID) JOIN BATCH_JOB_INSTANCE I USING (JOB_INSTANCE_ID)
WHERE H.STATUS IS NOT E.STATUS OR H.JOB_NAME IS NOT I.JOB_NAME OR H.CREATE_TIME IS NOT E.CREATE_TIME`)
		s.exec(t, "DELETE FROM BATCH_JOB_EXECUTION WHERE JOB_EXECUTION_ID = 3")
		s.want(t, int64(7), "SELECT COUNT(*) FROM BATCHCTL_JOB_HISTORY")
	}},
}
