package storetest

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// Store is one fresh repository under test.
type Store struct {
	Repo core.JobRepository
	// DB reaches the same database past the repository, as another program
	// would. It reads and writes.
	DB *sql.DB
	// Another opens the repository once more, as another process would; the
	// caller need not close it.
	Another func(t *testing.T) core.JobRepository
}

// Run checks that a store keeps every rule of the repository. open returns a
// fresh and empty one whose zone is UTC; it closes it when t ends.
func Run(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	for _, group := range [][]rule{
		schemaRules, parameterRules, instanceRules, launchRules, writeRules, operateRules, explorerRules, contextRules,
		partRules,
	} {
		for _, r := range group {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				r.check(t, suite{Store: open(t)})
			})
		}
	}
}

// rule is one rule of the specification, named by its number.
type rule struct {
	name  string
	check func(t *testing.T, s suite)
}

// suite is a store with the verbs that the checks are written in.
type suite struct{ Store }

const job = "dailySettlement"

func date(day int) core.JobParameter {
	return core.JobParameter{
		Name: "requestDate", Identifying: true,
		Value: time.Date(2021, 1, day, 0, 0, 0, 0, time.UTC),
	}
}

func must[T any](t *testing.T, value T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// wantError checks kind and hint of a refusal.
func wantError(t *testing.T, err, kind error, hint string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got error %v, want %v", err, kind)
	}
	if got := core.Hint(err); !strings.Contains(got, hint) {
		t.Errorf("got hint %q, want one with %q", got, hint)
	}
}

// launch starts an execution of the job with a date.
func (s suite) launch(t *testing.T, ps ...core.JobParameter) *core.JobExecution {
	t.Helper()
	if len(ps) == 0 {
		ps = core.JobParameters{date(1)}
	}
	je, err := s.Repo.CreateJobExecution(t.Context(), core.Launch{JobName: job, Parameters: ps})
	return must(t, je, err)
}

// relaunch tries the same again and returns the error.
func (s suite) relaunch(t *testing.T) error {
	t.Helper()
	_, err := s.Repo.CreateJobExecution(t.Context(), core.Launch{JobName: job, Parameters: core.JobParameters{date(1)}})
	return err
}

// update commits a change to the execution, and adopts it.
func (s suite) update(t *testing.T, je *core.JobExecution, change func(next *core.JobExecution)) {
	t.Helper()
	tx := must2(s.Repo.Begin(t.Context(), je))(t)
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing left to roll back
	next := je.Clone()
	change(next)
	if err := tx.UpdateJobExecution(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	*je = *next
}

func must2[T any](value T, err error) func(t *testing.T) T {
	return func(t *testing.T) T { t.Helper(); return must(t, value, err) }
}

// start makes the execution STARTED.
func (s suite) start(t *testing.T, je *core.JobExecution) {
	t.Helper()
	s.update(t, je, func(next *core.JobExecution) {
		next.Status, next.StartTime = core.StatusStarted, next.CreateTime
	})
}

// end ends the execution and its ownership.
func (s suite) end(t *testing.T, je *core.JobExecution, status core.BatchStatus) {
	t.Helper()
	s.update(t, je, func(next *core.JobExecution) {
		next.Status, next.EndTime = status, next.CreateTime.Add(time.Second)
		next.ExitStatus.Code = status.String()
	})
	if err := s.Repo.Release(je); err != nil {
		t.Fatal(err)
	}
}

// step starts a step.
func (s suite) step(t *testing.T, je *core.JobExecution, name string, ec core.ExecutionContext) *core.StepExecution {
	t.Helper()
	se := &core.StepExecution{
		JobExecution: je, StepName: name, Status: core.StatusStarted, StartTime: je.CreateTime,
		ExitStatus: core.ExitStatus{Code: core.ExitCodeExecuting}, Context: ec,
	}
	tx := must2(s.Repo.Begin(t.Context(), je))(t)
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing left to roll back
	if err := tx.CreateStepExecution(t.Context(), se); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	return se
}

// updateStep commits a change to the step and adopts it, or returns the error.
func (s suite) updateStep(t *testing.T, je *core.JobExecution, se *core.StepExecution, change func(next *core.StepExecution)) error {
	t.Helper()
	tx := must2(s.Repo.Begin(t.Context(), je))(t)
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing left to roll back
	next := se.Clone()
	change(next)
	if err := tx.UpdateStepExecution(t.Context(), next); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	*se = *next
	return nil
}

// exec changes the database as another program would.
func (s suite) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	if _, err := s.DB.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// value reads one value past the repository.
func (s suite) value(t *testing.T, query string, args ...any) any {
	t.Helper()
	var v any
	if err := s.DB.QueryRowContext(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	if b, ok := v.([]byte); ok {
		return string(b)
	}
	return v
}

func (s suite) want(t *testing.T, want any, query string, args ...any) {
	t.Helper()
	if got := s.value(t, query, args...); got != want {
		t.Errorf("%s: got %v, want %v", query, got, want)
	}
}

// kill makes the owner of the execution provably dead: its host has booted
// since.
func (s suite) kill(t *testing.T, je *core.JobExecution) {
	t.Helper()
	s.exec(t, "UPDATE BATCHCTL_EXECUTION_OWNER SET BOOT_ID = 'an earlier boot' WHERE JOB_EXECUTION_ID = ?", je.ID)
}

// estrange moves the owner of the execution to a host of which nothing is
// known.
func (s suite) estrange(t *testing.T, je *core.JobExecution) {
	t.Helper()
	s.exec(t, `
UPDATE BATCHCTL_EXECUTION_OWNER
SET HOST_ID = 'another host', BOOT_ID = 'another boot'
WHERE JOB_EXECUTION_ID = ?`, je.ID)
}

func ids(executions []*core.JobExecution) []int64 {
	out := []int64{}
	for _, je := range executions {
		out = append(out, je.ID)
	}
	return out
}
