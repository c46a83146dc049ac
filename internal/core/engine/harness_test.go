package engine_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/flow"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bundle is a real repository and what a run needs beside it.
type bundle struct {
	t     *testing.T
	path  string
	store *sqlite.Store
	repo  *repository
	stop  *core.Stop
	logs  *bytes.Buffer
	body  core.JobBody
	clock atomic.Int64
	token atomic.Int64
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{t: t, path: filepath.Join(t.TempDir(), "repo.db"), stop: core.NewStop(), body: flow.Body{}, logs: &bytes.Buffer{}}
	b.store = b.open()
	b.repo = &repository{JobRepository: b.store}
	return b
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

var start = time.Date(2021, 1, 1, 3, 0, 0, 0, time.UTC)

// now is a clock that moves by a millisecond each time it is looked at.
func (b *bundle) now() time.Time {
	return start.Add(time.Duration(b.clock.Add(1)) * time.Millisecond)
}

// run launches job and runs it to its end; it returns what is stored then.
func (b *bundle) run(job *core.Job) (*core.JobExecution, error) {
	b.t.Helper()
	return b.runContext(b.t.Context(), job)
}

func (b *bundle) runContext(ctx context.Context, job *core.Job) (*core.JobExecution, error) {
	b.t.Helper()
	r := b.launch(job)
	err := engine.Run(ctx, r)
	if err := b.repo.Release(r.Execution); err != nil {
		b.t.Fatal(err)
	}
	return b.execution(r.Execution.ID), err
}

// launch creates an execution of job.
func (b *bundle) launch(job *core.Job) *core.Run {
	b.t.Helper()
	if err := job.Check(); err != nil {
		b.t.Fatal(err)
	}
	je, err := b.repo.CreateJobExecution(b.t.Context(), core.Launch{JobName: job.Name})
	if err != nil {
		b.t.Fatal(err)
	}
	return &core.Run{
		Job: job, Execution: je, Repo: b.repo, Body: b.body, Stop: b.stop,
		Log: slog.New(slog.NewTextHandler(b.logs, nil)), Now: b.now,
		Token: func() string { return fmt.Sprintf("%032x", b.token.Add(1)) },
	}
}

// execution reads an execution back.
func (b *bundle) execution(id int64) *core.JobExecution {
	b.t.Helper()
	je, err := b.store.JobExecution(context.Background(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return je
}

// last reads the newest execution of the step back, with its context.
func (b *bundle) last(instanceID int64, step string) *core.StepExecution {
	b.t.Helper()
	se, err := b.store.LastStepExecution(context.Background(), instanceID, step)
	if err != nil {
		b.t.Fatal(err)
	}
	return se
}

// states renders an execution as "STATUS/EXIT: step STATUS/EXIT, ...".
func states(je *core.JobExecution) string {
	text := je.Status.String() + "/" + je.ExitStatus.Code + ":"
	for _, se := range je.Steps {
		text += fmt.Sprintf(" %s %s/%s", se.StepName, se.Status, se.ExitStatus.Code)
	}
	return text
}

func wantStates(t *testing.T, je *core.JobExecution, want string) {
	t.Helper()
	if diff := cmp.Diff(want, states(je)); diff != "" {
		t.Errorf("job and steps (-want +got):\n%s", diff)
	}
	if je.Status.IsRunning() {
		return
	}
	for _, se := range je.Steps {
		if se.EndTime.Before(se.StartTime) || se.StartTime.Before(je.StartTime) || se.EndTime.After(je.EndTime) {
			t.Errorf("step %s ran from %v to %v, its job from %v to %v",
				se.StepName, se.StartTime, se.EndTime, je.StartTime, je.EndTime)
		}
	}
}

func wantError(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got error %v, want one that is %q", err, kind)
	}
}

// job is a simple job of these steps.
func job(steps ...*core.Step) *core.Job { return &core.Job{Name: "nightly", Steps: steps} }

// mostCalls is more than any test wants of one tasklet.
const mostCalls = 100

// tasklet is a step of one tasklet. It fails when it is called again and again:
// what should have ended it was not heard.
func tasklet(name string, f core.TaskletFunc) *core.Step {
	var calls atomic.Int64
	return engine.TaskletStep(name, core.TaskletFunc(
		func(ctx context.Context, s *core.Scope, c *core.StepContribution) (core.RepeatStatus, error) {
			if calls.Add(1) > mostCalls {
				return core.Finished, fmt.Errorf("step %s was called more than %d times", name, mostCalls)
			}
			return f(ctx, s, c)
		}))
}

// nothing is a step that completes at once.
func nothing(name string) *core.Step {
	return tasklet(name, func(context.Context, *core.Scope, *core.StepContribution) (core.RepeatStatus, error) {
		return core.Finished, nil
	})
}

// failing is a step that fails with err.
func failing(name string, err error) *core.Step {
	return tasklet(name, func(context.Context, *core.Scope, *core.StepContribution) (core.RepeatStatus, error) {
		return core.Finished, err
	})
}

// failingOnce is a step that fails the first time it is called.
func failingOnce(name string) *core.Step {
	var called atomic.Bool
	return tasklet(name, func(context.Context, *core.Scope, *core.StepContribution) (core.RepeatStatus, error) {
		if called.Swap(true) {
			return core.Finished, nil
		}
		return core.Finished, errBoom
	})
}

var errBoom = errors.New("boom")

// body is a StepBody made of a function.
type body func(ctx context.Context, s *core.Scope) (core.ExitStatus, error)

func (f body) Execute(ctx context.Context, s *core.Scope) (core.ExitStatus, error) { return f(ctx, s) }

func bodyStep(name string, f body) *core.Step {
	return &core.Step{Name: name, Bind: func(*core.Scope) (core.StepBody, error) { return f, nil }}
}

// jobBody is a JobBody made of a function.
type jobBody func(ctx context.Context, r *core.Run) (core.BatchStatus, core.ExitStatus, error)

func (f jobBody) Execute(ctx context.Context, r *core.Run) (core.BatchStatus, core.ExitStatus, error) {
	return f(ctx, r)
}

// repository counts the write transactions of the real one, and breaks those
// that a test wants broken.
type repository struct {
	core.JobRepository
	writes atomic.Int64

	mu     sync.Mutex
	commit func(tx *transaction) breakage // asked before each commit; nil: never broken
}

// breakage is how a commit is broken.
type breakage int

const (
	sound     breakage = iota
	undone             // rolled back, and reported as an error
	ambiguous          // durable, but reported as an error
	stuck              // undone, and every rollback reports an error as well
)

var errDisk = errors.New("disk I/O error")

func (r *repository) breakCommits(f func(tx *transaction) breakage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.commit = f
}

func (r *repository) CreateJobExecution(ctx context.Context, l core.Launch) (*core.JobExecution, error) {
	je, err := r.JobRepository.CreateJobExecution(ctx, l)
	if err == nil {
		r.writes.Add(1)
	}
	return je, err
}

func (r *repository) Begin(ctx context.Context, je *core.JobExecution) (core.Tx, error) {
	tx, err := r.JobRepository.Begin(ctx, je)
	if err != nil {
		return nil, err
	}
	return &transaction{Tx: tx, repo: r}, nil
}

// transaction notes what is written in it.
type transaction struct {
	core.Tx
	repo    *repository
	job     *core.JobExecution
	created *core.StepExecution
	updated []*core.StepExecution
	stuck   bool
}

type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (tx *transaction) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return tx.Tx.(execer).ExecContext(ctx, query, args...)
}

func (tx *transaction) UpdateJobExecution(ctx context.Context, je *core.JobExecution) error {
	tx.job = je
	return tx.Tx.UpdateJobExecution(ctx, je)
}

func (tx *transaction) CreateStepExecution(ctx context.Context, se *core.StepExecution) error {
	tx.created = se
	return tx.Tx.CreateStepExecution(ctx, se)
}

func (tx *transaction) UpdateStepExecution(ctx context.Context, se *core.StepExecution) error {
	tx.updated = append(tx.updated, se)
	return tx.Tx.UpdateStepExecution(ctx, se)
}

func (tx *transaction) Rollback() error {
	err := tx.Tx.Rollback()
	if tx.stuck {
		err = errors.Join(err, errDisk)
	}
	return err
}

func (tx *transaction) Commit() error {
	tx.repo.mu.Lock()
	broken := sound
	if tx.repo.commit != nil {
		broken = tx.repo.commit(tx)
	}
	tx.repo.mu.Unlock()
	tx.stuck = broken == stuck
	if broken == undone || broken == stuck {
		return errors.Join(errDisk, tx.Rollback())
	}
	if err := tx.Tx.Commit(); err != nil {
		return err
	}
	tx.repo.writes.Add(1)
	if broken == ambiguous {
		return errDisk
	}
	return nil
}
