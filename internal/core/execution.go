package core

import (
	"strings"
	"time"
)

// JobInstance is one logical run of a job: its name and its identifying
// parameters. JobKey is the repository's digest of the latter.
type JobInstance struct {
	ID      int64
	JobName string
	JobKey  string
}

// JobExecution is one attempt at a JobInstance. It is a value at the commit
// edge: clone it, change and write the clone, adopt it after the commit. A zero
// time is a NULL column. All times are UTC.
type JobExecution struct {
	ID          int64
	Version     int64
	Instance    JobInstance
	Parameters  JobParameters
	Status      BatchStatus
	ExitStatus  ExitStatus
	CreateTime  time.Time
	StartTime   time.Time
	EndTime     time.Time
	LastUpdated time.Time
	Context     ExecutionContext
	// OpaqueContext is the stored text of a context that another program wrote
	// in a form that batchctl does not read. It is shown, never rewritten.
	OpaqueContext string
	// Steps holds the step executions in the order of their ids, where the
	// query that returned the execution says so; else nil.
	Steps []*StepExecution
	// Owner is the process that runs the execution; zero when none is recorded.
	Owner Owner
	// OpaqueStatus is the stored text of a status that is none of the eight;
	// Status is UNKNOWN then. It is shown, and nothing is started on top of it.
	OpaqueStatus string
	// Recovered names the executions whose owners were found dead, and which
	// the launch of this one ended as FAILED. It is not stored.
	Recovered []int64
}

// Clone returns a copy whose context may be changed without touching je's.
// Parameters and steps are shared.
func (je *JobExecution) Clone() *JobExecution {
	next := *je
	next.Context = je.Context.Clone()
	return &next
}

// Counts are the eight counters of a step execution. They count committed
// chunks only, but for RollbackCount, and belong to one attempt.
type Counts struct {
	Commit      int64
	Read        int64
	Filter      int64
	Write       int64
	ReadSkip    int64
	ProcessSkip int64
	WriteSkip   int64
	Rollback    int64
}

// Add returns the sum of both.
func (c Counts) Add(d Counts) Counts {
	return Counts{
		Commit:      c.Commit + d.Commit,
		Read:        c.Read + d.Read,
		Filter:      c.Filter + d.Filter,
		Write:       c.Write + d.Write,
		ReadSkip:    c.ReadSkip + d.ReadSkip,
		ProcessSkip: c.ProcessSkip + d.ProcessSkip,
		WriteSkip:   c.WriteSkip + d.WriteSkip,
		Rollback:    c.Rollback + d.Rollback,
	}
}

// Skip returns how many items were skipped, in whatever phase.
func (c Counts) Skip() int64 { return c.ReadSkip + c.ProcessSkip + c.WriteSkip }

// Balanced reports whether every item read is accounted for (CHUNK-47):
// read = written + filtered + skipped in process + skipped in write.
func (c Counts) Balanced() bool {
	return c.Read == c.Write+c.Filter+c.ProcessSkip+c.WriteSkip
}

// StepExecution is one attempt at a step within a job execution. Like
// JobExecution it is a value at the commit edge.
type StepExecution struct {
	ID            int64
	Version       int64
	JobExecution  *JobExecution
	StepName      string
	Status        BatchStatus
	ExitStatus    ExitStatus
	StartTime     time.Time
	EndTime       time.Time
	LastUpdated   time.Time
	Counts        Counts
	Context       ExecutionContext
	OpaqueContext string // see JobExecution.OpaqueContext
	OpaqueStatus  string // see JobExecution.OpaqueStatus
	// Failure is why the step did not complete, known to the process that ran
	// it only. It is not stored.
	Failure error
}

// Clone returns a copy whose context may be changed without touching se's.
func (se *StepExecution) Clone() *StepExecution {
	next := *se
	next.Context = se.Context.Clone()
	return &next
}

// partitionSeparator stands between the names of a step and of its part.
const partitionSeparator = ":"

// PartitionStepName returns the name of the executions of a part of a step.
func PartitionStepName(step, partition string) string { return step + partitionSeparator + partition }

// SplitStepName returns the name of the step and, when it is the execution of a
// part, that of the part.
func SplitStepName(name string) (step, partition string) {
	step, partition, _ = strings.Cut(name, partitionSeparator)
	return step, partition
}

// StepContribution collects what one call of a tasklet adds to its step. It
// takes effect when the call's transaction commits.
type StepContribution struct {
	Counts
	// ExitStatus is joined to the step's when it has a code.
	ExitStatus ExitStatus
}

// RepeatStatus tells whether a tasklet wants to be called again.
type RepeatStatus int8

// The zero value is Finished, so a tasklet that says nothing ends.
const (
	Finished RepeatStatus = iota
	Continuable
)

// Owner is the evidence of who runs an execution.
type Owner struct {
	// Token is unique to one ownership; every write of the owner is fenced by it.
	Token string
	// HostName is for people, HostID and BootID tell hosts and boots apart.
	HostName, HostID, BootID string
	PID                      int
	// PIDStart is the start time of the process in the kernel's own unit, which
	// tells a process from a later one of the same number.
	PIDStart string
	// LockFile is locked while the owner, or a child that it left behind, lives.
	LockFile string
	Since    time.Time
}

// Liveness is the verdict on an owner.
type Liveness int8

// The verdicts. Only OwnerDead permits recovery without force.
const (
	OwnerUnknown Liveness = iota
	OwnerAlive
	OwnerDead
)

// String returns "unknown", "alive" or "dead".
func (l Liveness) String() string {
	switch l {
	case OwnerAlive:
		return "alive"
	case OwnerDead:
		return "dead"
	case OwnerUnknown:
	}
	return "unknown"
}

// OwnerVerdict is a verdict with the evidence that it rests on, in words.
type OwnerVerdict struct {
	Owner    Owner
	Liveness Liveness
	Evidence string
	Orphaned bool // alive only in what its process has started, having ended
}
