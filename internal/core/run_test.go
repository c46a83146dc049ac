package core_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
)

// repo stands for a database whose commits can fail in ways that a real one
// cannot be told to.
type repo struct {
	core.JobRepository
	job  core.JobExecution
	step core.StepExecution

	failBegin, failJob, failStep, failCommit error
	durable                                  bool // a failing commit is durable all the same
	ended                                    []string
}

type tx struct {
	core.Tx
	repo  *repo
	job   *core.JobExecution
	step  *core.StepExecution
	token string
	done  bool
}

// Begin reads who owns the execution, as a store does.
func (r *repo) Begin(_ context.Context, je *core.JobExecution) (core.Tx, error) {
	if r.failBegin != nil {
		return nil, r.failBegin
	}
	return &tx{repo: r, token: je.Owner.Token}, nil
}

func (r *repo) JobExecution(ctx context.Context, _ int64) (*core.JobExecution, error) {
	return r.job.Clone(), ctx.Err()
}

func (r *repo) StepExecution(ctx context.Context, _ int64) (*core.StepExecution, error) {
	return r.step.Clone(), ctx.Err()
}

func (t *tx) UpdateJobExecution(_ context.Context, je *core.JobExecution) error {
	if je.Owner.Token != t.token {
		return core.ErrLeaseLost
	}
	je.Version++
	je.Status = je.Status.UpgradeTo(t.repo.job.Status)
	t.job = je.Clone()
	return t.repo.failJob
}

func (t *tx) UpdateStepExecution(_ context.Context, se *core.StepExecution) error {
	se.Version++
	t.step = se.Clone()
	return t.repo.failStep
}

func (t *tx) JobStatus(context.Context, int64) (core.BatchStatus, error) {
	return t.repo.job.Status, nil
}

func (t *tx) Commit() error {
	err := t.repo.failCommit
	if err == nil || t.repo.durable {
		if t.job != nil {
			t.repo.job = *t.job
		}
		if t.step != nil {
			t.repo.step = *t.step
		}
	}
	t.done = true
	t.repo.ended = append(t.repo.ended, "commit")
	return err
}

func (t *tx) Rollback() error {
	if !t.done {
		t.repo.ended = append(t.repo.ended, "rollback")
	}
	t.done = true
	return nil
}

func setup(t *testing.T) (*repo, *core.Run, *core.StepExecution) {
	t.Helper()
	je := core.JobExecution{ID: 7, Version: 1, Status: core.StatusStarted, Context: core.ExecutionContext{"k": "old"}}
	se := core.StepExecution{ID: 9, Version: 3, StepName: "load", Status: core.StatusStarted, Context: core.ExecutionContext{"pos": int64(10)}}
	r := &repo{job: *je.Clone(), step: *se.Clone()}
	run := &core.Run{Job: &core.Job{Name: "j"}, Execution: je.Clone(), Repo: r, Stop: core.NewStop()}
	return r, run, se.Clone()
}

var errDisk = errors.New("disk I/O error")

func TestCommitStep(t *testing.T) {
	t.Parallel()
	chunk := func(se *core.StepExecution) *core.StepExecution {
		next := se.Clone()
		next.Counts.Read, next.Counts.Write, next.Counts.Commit = 5, 5, 1
		next.Context.Put("pos", int64(20))
		return next
	}
	for _, tt := range []struct {
		name      string
		fail      func(*repo)
		ctx       func(context.Context) context.Context
		err       error
		moved     bool
		endedWith string
	}{
		{name: "all is well", fail: func(*repo) {}, moved: true, endedWith: "commit"},
		{name: "REPO-14 the row cannot be written", fail: func(r *repo) { r.failStep = core.ErrOptimisticLock }, err: core.ErrOptimisticLock, endedWith: "rollback"},
		{name: "REPO-14 the job's row cannot be written", fail: func(r *repo) { r.failJob = core.ErrLeaseLost }, err: core.ErrLeaseLost, endedWith: "rollback"},
		{name: "the commit fails and is not in", fail: func(r *repo) { r.failCommit = errDisk }, err: errDisk, endedWith: "commit"},
		{name: "the commit fails and is in", fail: func(r *repo) { r.failCommit, r.durable = errDisk, true }, err: errDisk, moved: true, endedWith: "commit"},
		{
			name: "the commit fails, is in, and the context is over", fail: func(r *repo) { r.failCommit, r.durable = errDisk, true },
			ctx: func(ctx context.Context) context.Context {
				ctx, cancel := context.WithCancel(ctx)
				cancel()
				return ctx
			}, err: errDisk, moved: true, endedWith: "commit",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, run, se := setup(t)
			tt.fail(r)
			ctx := t.Context()
			if tt.ctx != nil {
				ctx = tt.ctx(ctx)
			}
			before, jobBefore := *se.Clone(), run.State()
			changes := core.NewContextChanges(run.Execution.Context)
			changes.Put("k", "new")
			next := chunk(se)
			committed := *next.Clone()
			committed.Version++
			opened, err := run.Begin(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := run.CommitStep(ctx, opened, se, next, changes); !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
				t.Fatalf("CommitStep = %v, want %v", err, tt.err)
			}
			wantStep, wantJob := before, jobBefore.Context
			if tt.moved {
				wantStep, wantJob = committed, core.ExecutionContext{"k": "new"}
			}
			if diff := cmp.Diff(wantStep, *se); diff != "" {
				t.Errorf("the step in memory (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(wantJob, run.State().Context); diff != "" {
				t.Errorf("the job's context in memory (-want +got):\n%s", diff)
			}
			if tt.moved != (run.Execution.Version > jobBefore.Version) {
				t.Errorf("the job's VERSION in memory is %d", run.Execution.Version)
			}
			if diff := cmp.Diff([]string{tt.endedWith}, r.ended); diff != "" {
				t.Errorf("ends of the transaction (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCommitStepRefusesWhatCannotBeStored(t *testing.T) {
	t.Parallel()
	r, run, se := setup(t)
	next := se.Clone()
	next.Context["pos"] = 20 // an int
	opened, _ := run.Begin(t.Context())
	err := run.CommitStep(t.Context(), opened, se, next, nil)
	if err == nil || !strings.Contains(err.Error(), `step load: context key "pos" holds a int`) {
		t.Errorf("the step's context: %v", err)
	}
	changes := core.NewContextChanges(nil)
	changes.Put("list", []int{1})
	opened, _ = run.Begin(t.Context())
	err = run.CommitStep(t.Context(), opened, se, se.Clone(), changes)
	if err == nil || !strings.Contains(err.Error(), `job j: context key "list" holds a []int`) {
		t.Errorf("the job's context: %v", err)
	}
	if diff := cmp.Diff([]string{"rollback", "rollback"}, r.ended); diff != "" {
		t.Errorf("ends of the transactions (-want +got):\n%s", diff)
	}
	if _, kept := run.Execution.Context["list"]; kept || se.Version != 3 {
		t.Error("something moved in memory")
	}
}

func TestCommitStepNoticesStop(t *testing.T) {
	t.Parallel()
	for name, changes := range map[string]*core.ContextChanges{"LOCK-05 without": nil, "LOCK-05 with changes to the job": core.NewContextChanges(nil)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, run, se := setup(t)
			r.job.Status = core.StatusStopping
			if changes != nil {
				changes.Put("k", "v")
			}
			opened, _ := run.Begin(t.Context())
			if err := run.CommitStep(t.Context(), opened, se, se.Clone(), changes); err != nil {
				t.Fatal(err)
			}
			if !errors.Is(run.Stop.Cause(), core.ErrStopped) {
				t.Errorf("the stop was not noticed: %v", run.Stop.Cause())
			}
		})
	}
}

func TestCommitJob(t *testing.T) {
	t.Parallel()
	fail := func(je *core.JobExecution) { je.Status, je.ExitStatus.Code = core.StatusFailed, "FAILED" }
	for _, tt := range []struct {
		name  string
		fail  func(*repo)
		also  func(core.Tx) error
		err   error
		moved bool
	}{
		{"all is well", func(*repo) {}, nil, nil, true},
		{"with more in the transaction", func(*repo) {}, func(core.Tx) error { return nil }, nil, true},
		{"no transaction", func(r *repo) { r.failBegin = errDisk }, nil, errDisk, false},
		{"the row cannot be written", func(r *repo) { r.failJob = errDisk }, nil, errDisk, false},
		{"what is more cannot be written", func(*repo) {}, func(core.Tx) error { return errDisk }, errDisk, false},
		{"the commit fails and is not in", func(r *repo) { r.failCommit = errDisk }, nil, errDisk, false},
		{"the commit fails and is in", func(r *repo) { r.failCommit, r.durable = errDisk, true }, nil, errDisk, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, run, _ := setup(t)
			tt.fail(r)
			if err := run.CommitJob(t.Context(), fail, tt.also); !errors.Is(err, tt.err) {
				t.Fatalf("CommitJob = %v, want %v", err, tt.err)
			}
			state := run.State()
			if got := state.Status == core.StatusFailed && state.Version == 2; got != tt.moved {
				t.Errorf("in memory: %s version %d, want moved %v", state.Status, state.Version, tt.moved)
			}
		})
	}
	t.Run("LOCK-01 a stop that was written meanwhile is adopted", func(t *testing.T) {
		t.Parallel()
		r, run, _ := setup(t)
		r.job.Status = core.StatusStopping
		if err := run.CommitJob(t.Context(), func(*core.JobExecution) {}, nil); err != nil {
			t.Fatal(err)
		}
		if run.State().Status != core.StatusStopping || !run.Stop.Requested() {
			t.Errorf("status %s, stop requested %v", run.State().Status, run.Stop.Requested())
		}
	})
}

// Steps may commit side by side, and each commit may change the job's context.
// What a body reads of the job meanwhile must not be torn; run it with -race.
func TestCommitStepBesideReaders(t *testing.T) {
	t.Parallel()
	const commits = 200
	_, run, _ := setup(t)
	run.Execution.Parameters = core.JobParameters{param("a", "b")}
	run.Execution.Owner = core.Owner{Token: "token"}
	ctx := t.Context()
	commit := func(id int64, key string) {
		r, _, se := setup(t) // each a database of its own: the real one serialises writers
		se.ID = id
		for i := range int64(commits) {
			changes := core.NewContextChanges(nil)
			changes.Put(key, i)
			opened, err := r.Begin(ctx, run.Execution)
			if err == nil {
				err = run.CommitStep(ctx, opened, se, se.Clone(), changes)
			}
			if err != nil {
				t.Errorf("commit %d of %s: %v", i, key, err)
				return
			}
		}
	}
	read := func(until <-chan struct{}) {
		s := &core.Scope{Run: run}
		for {
			a, _, _ := s.Parameters().String("a")
			if id, token := s.Execution.ID, s.Execution.Owner.Token; id != 7 || token != "token" || a != "b" {
				t.Errorf("a reader sees execution %d, token %q, a=%q", id, token, a)
			}
			if state := s.State(); state.Version < 1 || state.Version > 1+2*commits {
				t.Errorf("a reader sees version %d", state.Version)
			}
			if opened, err := run.Begin(ctx); err != nil || opened == nil {
				t.Errorf("Begin: %v", err)
			}
			select {
			case <-until:
				return
			default:
			}
		}
	}
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	readers.Go(func() { read(done) })
	writers.Go(func() { commit(9, "left") })
	writers.Go(func() { commit(10, "right") })
	writers.Wait()
	close(done)
	readers.Wait()
	want := core.ExecutionContext{"k": "old", "left": int64(commits - 1), "right": int64(commits - 1)}
	state := run.State()
	if diff := cmp.Diff(want, state.Context); diff != "" {
		t.Errorf("the job's context (-want +got):\n%s", diff)
	}
	if state.Version != 1+2*commits {
		t.Errorf("version %d after %d commits of version 1", state.Version, 2*commits)
	}
}

func TestScope(t *testing.T) {
	t.Parallel()
	_, run, se := setup(t)
	run.Execution.Parameters = core.JobParameters{param("a", "b")}
	s := &core.Scope{Run: run, Step: se}
	s.Refresh()
	s.Context.Put("pos", int64(99))
	s.JobContext.Put("k", "undone")
	s.Refresh()
	if s.Context["pos"] != int64(10) || !s.JobContext.Empty() {
		t.Errorf("Refresh keeps %v, %v", s.Context, s.JobContext)
	}
	if v, _ := s.JobContext.Get("k"); v != "old" {
		t.Errorf("the job's context reads %v", v)
	}
	if _, err := s.Tx(t.Context()); err == nil {
		t.Error("a transaction where none is open")
	}
	s.OpenTx = func(context.Context) (core.Tx, error) { return &tx{}, nil }
	if got, err := s.Tx(t.Context()); got == nil || err != nil {
		t.Errorf("Tx = %v, %v", got, err)
	}
	if v, _, _ := s.Parameters().String("a"); v != "b" {
		t.Errorf("parameters %v", s.Parameters())
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	var none *core.Stop
	none.Request(core.ErrStopped)
	if none.Requested() || none.Done() != nil {
		t.Error("a nil Stop is never requested")
	}
	s := core.NewStop()
	select {
	case <-s.Done():
		t.Fatal("done before the request")
	default:
	}
	var wg sync.WaitGroup
	s.Request(core.ErrTimeout)
	for range 8 {
		wg.Go(func() { s.Request(core.ErrStopped) })
	}
	wg.Wait()
	<-s.Done()
	if !s.Requested() || !errors.Is(s.Cause(), core.ErrTimeout) {
		t.Errorf("the first cause is not kept: %v", s.Cause())
	}
}
