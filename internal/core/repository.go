package core

import (
	"context"
	"os"
	"time"
)

// JobExplorer reads what is known about jobs. Every method is safe for
// concurrent use, takes a consistent snapshot, and costs an index search
// however long the history is. None of them creates or changes anything.
type JobExplorer interface {
	// Zone is the zone in which dates of parameters are local.
	Zone() *time.Location
	// RepositoryID is the random id that the repository was given when it was
	// made; databases of sinks know it by this id.
	RepositoryID() string
	// JobNames returns the names that have instances, ascending.
	JobNames(ctx context.Context) ([]string, error)
	// JobInstance returns the instance, or ErrNoSuchJobInstance.
	JobInstance(ctx context.Context, id int64) (JobInstance, error)
	// FindJobInstance returns the instance of these identifying parameters, or
	// ErrNoSuchJobInstance.
	FindJobInstance(ctx context.Context, jobName string, ps JobParameters) (JobInstance, error)
	// JobInstances returns a page of instances, newest first.
	JobInstances(ctx context.Context, q JobInstanceQuery) ([]JobInstance, error)
	// JobInstanceCount returns how many instances a job has; a job without any
	// is ErrNoSuchJob.
	JobInstanceCount(ctx context.Context, jobName string) (int64, error)
	// JobExecution returns the execution with parameters, context, owner and
	// steps (without the steps' contexts), or ErrNoSuchJobExecution.
	JobExecution(ctx context.Context, id int64) (*JobExecution, error)
	// JobExecutions returns a page of executions with their parameters, newest
	// first, without contexts and steps.
	JobExecutions(ctx context.Context, q JobExecutionQuery) ([]*JobExecution, error)
	// LastJobExecution returns the newest execution of an instance as
	// JobExecution does, or ErrNoSuchJobExecution.
	LastJobExecution(ctx context.Context, instanceID int64) (*JobExecution, error)
	// StepExecution returns the step execution with its context. Its
	// JobExecution is nil.
	StepExecution(ctx context.Context, id int64) (*StepExecution, error)
	// LastStepExecution returns the newest execution of the step over all
	// executions of the instance, with its context, or ErrNoSuchStepExecution.
	// Its JobExecution has an ID only.
	LastStepExecution(ctx context.Context, instanceID int64, stepName string) (*StepExecution, error)
	// PartitionExecutions returns the newest execution of every part of the
	// step over all executions of the instance, by name, without contexts.
	// Their JobExecutions have an ID only. It is one query for any number of
	// parts.
	PartitionExecutions(ctx context.Context, instanceID int64, stepName string) (map[string]*StepExecution, error)
	// StepExecutionCount returns how often the step was started within the
	// instance; executions that were refused at open do not count.
	StepExecutionCount(ctx context.Context, instanceID int64, stepName string) (int, error)
	// JobStatus returns the status of the execution alone, or
	// ErrNoSuchJobExecution. It is one row by its key, cheap enough to poll.
	JobStatus(ctx context.Context, jobExecutionID int64) (BatchStatus, error)
	// OwnerOf tells who owns the execution and whether the owner lives.
	OwnerOf(ctx context.Context, jobExecutionID int64) (OwnerVerdict, error)
	// Close releases the connections.
	Close() error
}

// JobInstanceQuery selects a page of instances.
type JobInstanceQuery struct {
	// JobName is the exact name; empty means every job.
	JobName string
	// Before is an exclusive upper bound on the id, the last id of the page
	// before; 0 begins at the newest.
	Before int64
	// Limit bounds the page; 0 means 100.
	Limit int
}

// JobExecutionQuery selects a page of executions. The zero value is the newest
// 100 of all. The newest is the one with the highest id; where Since or Until
// is given without an instance, the one with the latest CREATE_TIME, and then
// the highest id.
type JobExecutionQuery struct {
	JobName    string
	InstanceID int64
	// Statuses restricts to these; empty means any.
	Statuses []BatchStatus
	// Since and Until bound CREATE_TIME: Since <= t < Until. Zero: no bound.
	Since, Until time.Time
	// Before and Limit page as in JobInstanceQuery.
	Before int64
	Limit  int
}

// JobRepository is a JobExplorer that also writes. It is safe for concurrent
// use; writers wait for each other.
type JobRepository interface {
	JobExplorer

	// CreateJobExecution finds or makes the instance, decides by all of its
	// executions whether another is allowed, and inserts it with parameters,
	// context and owner: one transaction, of which exactly one of any number of
	// concurrent launches wins. The returned execution is STARTING and owned by
	// this process until Release.
	//
	// Refusals: ErrJobInstanceAlreadyComplete, ErrJobExecutionAlreadyRunning,
	// ErrJobRestart, ErrNoSuchJobExecution.
	CreateJobExecution(ctx context.Context, l Launch) (*JobExecution, error)
	// Release ends this process's ownership of je.
	Release(je *JobExecution) error
	// LockFile returns the open file whose lock proves that this process owns
	// je, to be inherited by a child process; nil where ownership is proven
	// otherwise. Do not close it.
	LockFile(je *JobExecution) *os.File
	// Begin opens a write transaction fenced by je's owner: when another
	// process has taken je over, every write in it is ErrLeaseLost.
	Begin(ctx context.Context, je *JobExecution) (Tx, error)
	// RequestStop sets a STARTING or STARTED execution to STOPPING; one that is
	// STOPPING already is left so. Otherwise ErrJobExecutionNotRunning. It
	// returns the execution as it is now.
	RequestStop(ctx context.Context, id int64) (*JobExecution, error)
	// Abandon sets a STOPPING, STOPPED or FAILED execution to ABANDONED and
	// ends it; UNKNOWN stays UNKNOWN. A running one is
	// ErrJobExecutionAlreadyRunning, a complete one
	// ErrJobInstanceAlreadyComplete, one that is not the newest of its instance
	// ErrJobRestart.
	Abandon(ctx context.Context, id int64) (*JobExecution, error)
	// Recover ends an execution whose owner is dead as FAILED, with its running
	// steps, and returns it as it is then, with the verdict on its owner. One
	// that has ended is returned unchanged, and so are COMPLETED, ABANDONED and
	// UNKNOWN. An owner that lives, or may live, is
	// ErrJobExecutionAlreadyRunning unless force is set; a process that is
	// overruled by force finds ErrLeaseLost at its next write.
	Recover(ctx context.Context, id int64, force bool) (OwnerVerdict, *JobExecution, error)
	// DeleteJobInstance removes the instance and everything that belongs to it
	// in one transaction. ErrJobExecutionAlreadyRunning when an execution of it
	// is running.
	DeleteJobInstance(ctx context.Context, id int64) error
}

// Launch is what CreateJobExecution needs to know.
type Launch struct {
	JobName    string
	Parameters JobParameters
	// PreventRestart refuses an instance that has an execution already.
	PreventRestart bool
	// RestartOf, when not 0, is the execution that is meant to be restarted: it
	// must be the newest of its instance.
	RestartOf int64
	// Definition is kept with the execution; nil when the job has none.
	Definition *JobDefinition
	// NewDefinition allows to go on under another definition than the last
	// execution had.
	NewDefinition bool
}

// Tx is one write transaction of the repository: everything in it commits or
// nothing does. It is not safe for concurrent use. The versions in what it is
// given move as it writes, so give it clones.
type Tx interface {
	// UpdateJobExecution writes je's row and context. A VERSION that somebody
	// else has moved is adopted and the statuses are joined; STOPPING with an
	// end time becomes STOPPED.
	UpdateJobExecution(ctx context.Context, je *JobExecution) error
	// CreateStepExecution inserts se with its context and sets its ID.
	CreateStepExecution(ctx context.Context, se *StepExecution) error
	// UpdateStepExecution writes se's row and context where VERSION still is
	// se's; otherwise ErrOptimisticLock, or ErrLeaseLost when the owner has
	// changed.
	UpdateStepExecution(ctx context.Context, se *StepExecution) error
	// Savepoint remembers the state of the transaction, in place of an earlier
	// one. RollbackToSavepoint undoes everything since; it fails when the
	// transaction has ended by itself, as after a full disk.
	Savepoint(ctx context.Context) error
	RollbackToSavepoint(ctx context.Context) error
	// JobStatus reads the job's status within the transaction.
	JobStatus(ctx context.Context, jobExecutionID int64) (BatchStatus, error)
	// Commit makes everything durable. After an error it may be durable or not.
	Commit() error
	// Rollback undoes everything; after Commit it does nothing.
	Rollback() error
}
