package launch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// No poller may outlive its execution.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bundle is a real repository with an operator on it.
type bundle struct {
	*launch.JobOperator
	t     *testing.T
	path  string
	store *sqlite.Store
	logs  *logBuffer
	clock atomic.Int64
	token atomic.Int64
}

func setup(t *testing.T, jobs ...*core.Job) *bundle {
	t.Helper()
	b := &bundle{t: t, path: filepath.Join(t.TempDir(), "repo.db"), logs: &logBuffer{}}
	b.store = b.open()
	b.JobOperator = b.operator(b.store, jobs...)
	return b
}

func (b *bundle) operator(repo core.JobRepository, jobs ...*core.Job) *launch.JobOperator {
	b.t.Helper()
	registry, err := launch.NewRegistry(jobs...)
	if err != nil {
		b.t.Fatal(err)
	}
	return &launch.JobOperator{Registry: registry, Repo: repo, Launcher: &launch.JobLauncher{
		Repo: repo, Log: slog.New(slog.NewTextHandler(b.logs, nil)), Now: b.now, Dir: "/srv/batch",
		Token: func() string { return fmt.Sprintf("%032x", b.token.Add(1)) },
		Poll:  time.Millisecond,
	}}
}

// open opens the repository as another process would.
func (b *bundle) open() *sqlite.Store {
	b.t.Helper()
	store, err := sqlite.Open(context.Background(), b.path, sqlite.Options{Now: b.now})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := store.Close(); err != nil {
			b.t.Error(err)
		}
	})
	return store
}

// now is a clock that moves by a millisecond each time it is looked at.
func (b *bundle) now() time.Time {
	return time.Date(2021, 1, 1, 3, 0, 0, 0, time.UTC).Add(time.Duration(b.clock.Add(1)) * time.Millisecond)
}

// logBuffer collects the log of a run and its poller.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// executions returns how many executions there are.
func (b *bundle) executions() int {
	b.t.Helper()
	all, err := b.store.JobExecutions(b.t.Context(), core.JobExecutionQuery{})
	if err != nil {
		b.t.Fatal(err)
	}
	return len(all)
}

// leave makes an execution of the job that has ended with that status.
func (b *bundle) leave(jobName string, ps core.JobParameters, status core.BatchStatus) *core.JobExecution {
	b.t.Helper()
	je := b.hold(b.store, jobName, ps, status)
	if err := b.store.Release(je); err != nil {
		b.t.Fatal(err)
	}
	return je
}

// hold makes an execution of the job with that status, owned by store.
func (b *bundle) hold(store *sqlite.Store, jobName string, ps core.JobParameters, status core.BatchStatus) *core.JobExecution {
	b.t.Helper()
	ctx := b.t.Context()
	je, err := store.CreateJobExecution(ctx, core.Launch{JobName: jobName, Parameters: ps})
	if err != nil {
		b.t.Fatal(err)
	}
	tx, err := store.Begin(ctx, je)
	if err != nil {
		b.t.Fatal(err)
	}
	defer tx.Rollback()
	next := je.Clone()
	next.Status, next.StartTime = status, b.now()
	if !status.IsRunning() {
		next.EndTime, next.ExitStatus.Code = b.now(), status.String()
	}
	if err := tx.UpdateJobExecution(ctx, next); err != nil {
		b.t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		b.t.Fatal(err)
	}
	return next
}

// orphan makes an execution of that status whose owner is dead.
func (b *bundle) orphan(jobName string, ps core.JobParameters, status core.BatchStatus) *core.JobExecution {
	b.t.Helper()
	store := b.open()
	je := b.hold(store, jobName, ps, status)
	if err := store.Close(); err != nil {
		b.t.Fatal(err)
	}
	return je
}

func wantError(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got error %v, want one that is %q", err, kind)
	}
}

func wantHint(t *testing.T, err error, want string) {
	t.Helper()
	if got := core.Hint(err); got != want {
		t.Errorf("error %q hints %q, want %q", err, got, want)
	}
}

// wantRefusal checks the kind and the hint of a launch that must not have
// written anything.
func wantRefusal(t *testing.T, b *bundle, before int, je *core.JobExecution, err, kind error, hint string) {
	t.Helper()
	wantError(t, err, kind)
	wantHint(t, err, hint)
	if je != nil {
		t.Errorf("got execution %d besides the refusal", je.ID)
	}
	if after := b.executions(); after != before {
		t.Errorf("the refusal left %d executions", after-before)
	}
}

var errBoom = errors.New("boom")

type call = func(ctx context.Context, s *core.Scope) error

// job is a job of one tasklet step.
func job(name string, f call) *core.Job {
	return &core.Job{Name: name, Steps: []*core.Step{engine.TaskletStep("work", core.TaskletFunc(
		func(ctx context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			return core.Finished, f(ctx, s)
		}))}}
}

func succeed(context.Context, *core.Scope) error { return nil }

func fail(context.Context, *core.Scope) error { return errBoom }

// failFirst fails in the first n calls.
func failFirst(n int64) call {
	var calls atomic.Int64
	return func(context.Context, *core.Scope) error {
		if calls.Add(1) <= n {
			return errBoom
		}
		return nil
	}
}

// daily is a job that is run by day.
func daily(f call) *core.Job {
	j := job("daily", f)
	j.Parameters = core.ParameterSpecs{
		{Name: "day", Type: core.TypeDate, Required: true},
		{Name: "inputDir", Path: true, NonIdentifying: true, Default: "in"},
		{Name: "region", Default: "eu"},
	}
	j.Incrementer = core.DateIncrementer{Name: "day"}
	return j
}

func day(n int) core.JobParameter {
	return core.JobParameter{Name: "day", Value: time.Date(2021, 1, n, 0, 0, 0, 0, time.UTC), Identifying: true}
}

func params(ps ...core.JobParameter) core.JobParameters { return ps }

func text(name, value string) core.JobParameter { return core.JobParameter{Name: name, Value: value} }
