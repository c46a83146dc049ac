package core

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/batchctl/batchctl/internal/core/secret"
)

// Run is one job execution in progress.
type Run struct {
	Job *Job
	// Execution is the committed state. It moves in CommitJob and CommitStep
	// only. ID, Instance, Parameters and Owner never move and may be read from
	// everywhere; read the rest from other goroutines through State.
	Execution *JobExecution
	Repo      JobRepository
	// Body walks the steps of Job.
	Body  JobBody
	Steps StepRunner
	Stop  *Stop
	Log   *slog.Logger
	// Databases opens databases other than the repository's.
	Databases Databases
	// Now is the clock.
	Now func() time.Time
	// Token returns a new random token: 32 hexadecimal digits.
	Token func() string
	// Dir is the absolute directory of the launch, which relative paths in
	// parameters are relative to.
	Dir string
	// Secrets are the values of the secret parameters, by name; see Secret.
	Secrets map[string]secret.Secret
	// Masker takes the secrets out of what is shown and stored; nil knows none.
	Masker *secret.Masker
	// NewDefinition is that of the Launch, for the jobs that steps launch.
	NewDefinition bool

	base *Run       // of which this is a preview; else nil
	mu   sync.Mutex // guards Execution from the writing of its row to its adoption, and notes
	// notes are changes to the job's context that wait for the next write of it.
	notes map[string]any
}

// StepRunner runs one step of r: decides whether it has to be started, starts
// it, and records its end. It is safe for concurrent use with different steps.
type StepRunner interface {
	// RunStep returns the execution that stands for the step now: the new one,
	// or the old one when there was nothing to do (ran is false then). The
	// error is non-nil when no execution could be started or its end could not
	// be recorded; a step that failed is no error here. initial, which may be
	// nil, is what the context of a fresh start holds.
	RunStep(ctx context.Context, r *Run, step *Step, initial ExecutionContext) (se *StepExecution, ran bool, err error)
	// AbandonStep records a FAILED or STOPPED execution of r as ABANDONED: the
	// job has gone on without it, and no restart runs it again.
	AbandonStep(ctx context.Context, r *Run, se *StepExecution) error
}

// Note puts a value into the job's context with the next write of a step's
// start, a context or the job's end; nil removes the key. It costs no
// transaction of its own and is lost with a crash before that write. A value
// that a context cannot hold is a panic: it would keep everything after it from
// being written.
func (r *Run) Note(key string, value any) {
	if r.base != nil {
		r.base.Note(key, value)
		return
	}
	if value != nil {
		if err := (ExecutionContext{key: value}).Check(); err != nil {
			panic(fmt.Errorf("a note to the job: %w", err))
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.notes == nil {
		r.notes = map[string]any{}
	}
	r.notes[key] = value
}

// JobContextValue returns the value at key in the job's context, notes
// included.
func (r *Run) JobContextValue(key string) (value any, ok bool) {
	if r.base != nil {
		return r.base.JobContextValue(key)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if v, noted := r.notes[key]; noted {
		return v, v != nil
	}
	value, ok = r.Execution.Context[key]
	return value, ok
}

// HasNotes reports whether a Note waits to be written.
func (r *Run) HasNotes() bool {
	if r.base != nil {
		return r.base.HasNotes()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.notes) > 0
}

// applyNotes adds the notes to next; r.mu is held.
func (r *Run) applyNotes(next *JobExecution) {
	for key, value := range r.notes {
		next.Context.Put(key, value)
	}
}

// Preview returns r as it would be after a write of the execution as change
// leaves it, notes included. It is for those who look and note, not for commits;
// what is noted on it is noted on r.
func (r *Run) Preview(change func(next *JobExecution)) *Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.Execution.Clone()
	r.applyNotes(next)
	change(next)
	return &Run{
		Job: r.Job, Execution: next, Repo: r.Repo, Body: r.Body, Steps: r.Steps, Stop: r.Stop, Log: r.Log,
		Databases: r.Databases, Now: r.Now, Token: r.Token, Dir: r.Dir,
		Secrets: r.Secrets, Masker: r.Masker, NewDefinition: r.NewDefinition, base: r,
	}
}

// State returns a copy of the execution's committed state.
func (r *Run) State() JobExecution {
	r.mu.Lock()
	defer r.mu.Unlock()
	return *r.Execution.Clone()
}

// Begin opens a write transaction in the name of r's owner. Whoever begins it
// ends it.
func (r *Run) Begin(ctx context.Context) (Tx, error) { return r.Repo.Begin(ctx, r.Execution) }

// Owned returns ErrLeaseLost when another process has taken the execution over.
// It reads what is committed and waits for nobody, so it says nothing about the
// moment after; ask while holding the lock on whatever is about to be written.
func (r *Run) Owned(ctx context.Context) error {
	v, err := r.Repo.OwnerOf(ctx, r.Execution.ID)
	if err != nil {
		return err
	}
	if v.Owner.Token != r.Execution.Owner.Token {
		return &Error{
			Kind: ErrLeaseLost, Msg: fmt.Sprintf("execution %d is no longer owned by this process: another one has recovered it", r.Execution.ID),
			Hint: ShellQuote("batchctl", "show", fmt.Sprint(r.Execution.ID)),
		}
	}
	return nil
}

// CommitJob writes the execution as change leaves it, runs also in the same
// transaction (nil: nothing else) and commits; only then r.Execution moves. A
// status that somebody else has raised meanwhile is adopted.
func (r *Run) CommitJob(ctx context.Context, change func(next *JobExecution), also func(Tx) error) error {
	tx, err := r.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing left to roll back
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.Execution.Clone()
	r.applyNotes(next)
	change(next)
	next.ExitStatus.Message = r.Mask(next.ExitStatus.Message)
	if err := tx.UpdateJobExecution(ctx, next); err != nil {
		return err
	}
	if also != nil {
		if err := also(tx); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		if !r.jobCommitted(ctx, next) {
			return err
		}
		r.adoptJob(next)
		return err
	}
	r.adoptJob(next)
	return nil
}

// CommitStep writes next, the changes to the job's context if there are any,
// and commits tx; only then *se becomes *next and the job's context moves. It
// ends tx in every case.
//
// A commit that returns an error may be durable all the same: the row is read
// again, and if its VERSION has moved the state is adopted. The error is
// returned in either case, and fails the step.
func (r *Run) CommitStep(ctx context.Context, tx Tx, se, next *StepExecution, changes *ContextChanges) error {
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing left to roll back
	if err := next.Context.Check(); err != nil {
		return fmt.Errorf("step %s: %w", se.StepName, err)
	}
	next.ExitStatus.Message = r.Mask(next.ExitStatus.Message)
	if err := tx.UpdateStepExecution(ctx, next); err != nil {
		return err
	}
	var job *JobExecution
	if !changes.Empty() {
		r.mu.Lock()
		defer r.mu.Unlock()
		job = r.Execution.Clone()
		r.applyNotes(job)
		changes.Apply(job.Context)
		if err := job.Context.Check(); err != nil {
			return fmt.Errorf("job %s: %w", r.Job.Name, err)
		}
		if err := tx.UpdateJobExecution(ctx, job); err != nil {
			return err
		}
	} else if err := r.noticeStop(ctx, tx); err != nil {
		return err
	}
	err := tx.Commit()
	if err != nil && !r.stepCommitted(ctx, next) {
		return err
	}
	*se = *next
	if job != nil {
		r.adoptJob(job)
	}
	return err
}

// noticeStop reads the job's status in the transaction that is open anyway.
// Newer versions of Spring Batch ask for a stop with STOPPED, not STOPPING.
func (r *Run) noticeStop(ctx context.Context, tx Tx) error {
	status, err := tx.JobStatus(ctx, r.Execution.ID)
	if err == nil && status >= StatusStopping {
		r.Stop.Request(ErrStopped)
	}
	return err
}

// adoptJob makes next the committed state; r.mu is held. Only what a commit can
// change is written: other goroutines read the rest without the lock.
func (r *Run) adoptJob(next *JobExecution) {
	if next.Status >= StatusStopping && next.EndTime.IsZero() {
		r.Stop.Request(ErrStopped)
	}
	je := r.Execution
	je.Version, je.Status, je.ExitStatus = next.Version, next.Status, next.ExitStatus
	je.StartTime, je.EndTime, je.LastUpdated = next.StartTime, next.EndTime, next.LastUpdated
	je.Context = next.Context
	r.notes = nil // they were part of it
}

const rereadTimeout = 5 * time.Second

func (r *Run) stepCommitted(ctx context.Context, next *StepExecution) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rereadTimeout)
	defer cancel()
	stored, err := r.Repo.StepExecution(ctx, next.ID)
	return err == nil && stored.Version == next.Version
}

func (r *Run) jobCommitted(ctx context.Context, next *JobExecution) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rereadTimeout)
	defer cancel()
	stored, err := r.Repo.JobExecution(ctx, next.ID)
	return err == nil && stored.Version == next.Version
}

// Scope is what the body of a step sees.
type Scope struct {
	*Run
	// Step is the committed state of the step's execution. Read it only.
	Step *StepExecution
	// Context is the working copy of the step's context: what is put into it
	// commits with the current chunk or call, or is undone with it.
	Context ExecutionContext
	// JobContext collects changes to the job's context in the same way.
	JobContext *ContextChanges
	// OpenTx begins the transaction of the current call at its first use; the
	// engine sets it for tasklets and ends what it began.
	OpenTx func(ctx context.Context) (Tx, error)
	// Uncommitted are counts that no commit of the body has recorded, as those
	// of writes that were undone. The engine adds them to the step's when it
	// writes the step's end.
	Uncommitted Counts
	// BeforeChunk is asked before every chunk or call, and AfterChunk is told
	// about every one that has committed; the engine sets them to the listeners
	// of the job and the step. An error of BeforeChunk fails the step. nil asks
	// and tells nobody.
	BeforeChunk func(ctx context.Context, s *Scope) error
	AfterChunk  func(ctx context.Context, s *Scope)
}

// Tx returns the transaction of the current tasklet call, begun at its first
// use. A tasklet neither commits nor rolls it back. In a chunk step it is an
// error: there the transaction travels in the Chunk.
func (s *Scope) Tx(ctx context.Context) (Tx, error) {
	if s.OpenTx == nil {
		return nil, errors.New("no transaction is open here: a chunk's is in its Chunk")
	}
	return s.OpenTx(ctx)
}

// Refresh discards what was put into the working copies since the last commit.
func (s *Scope) Refresh() {
	s.Context = s.Step.Context.Clone()
	job := s.State()
	s.JobContext = NewContextChanges(job.Context)
}

// Partition returns the name of the part that the step execution stands for, or
// "" when the step is not partitioned.
func (s *Scope) Partition() string {
	_, partition := SplitStepName(s.Step.StepName)
	return partition
}

// Parameters returns the parameters of the job execution.
func (s *Scope) Parameters() JobParameters { return s.Execution.Parameters }

// Stop is the request to end at the next point that can be restarted from. A
// nil Stop is never requested. It is safe for concurrent use.
type Stop struct {
	mu    sync.Mutex
	done  chan struct{}
	cause error
}

// NewStop returns a Stop that has not been requested.
func NewStop() *Stop { return &Stop{done: make(chan struct{})} }

// Request asks for the stop; the first cause is kept. cause is ErrStopped,
// ErrTimeout, or wraps one of them.
func (s *Stop) Request(cause error) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause == nil {
		s.cause = cause
		close(s.done)
	}
}

// Requested reports whether a stop was asked for.
func (s *Stop) Requested() bool { return s.Cause() != nil }

// Cause returns why, or nil while no stop was asked for.
func (s *Stop) Cause() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
}

// Done returns a channel that is closed by the request.
func (s *Stop) Done() <-chan struct{} {
	if s == nil {
		return nil
	}
	return s.done
}
