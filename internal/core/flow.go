package core

import "context"

// Element is a node of a flow: exactly one of Step, Flow, Split and Decider is
// set.
//
// When no element of a level has Next or Transitions, the level is a sequence.
// Otherwise every way is written down, and an element that has neither ends its
// level: a nested flow, a branch of a split, or the job.
type Element struct {
	// Name is unique among the elements and steps of the job. It may be left
	// empty where Step is set, and is the step's name then.
	Name string
	// Step runs as a step of the job.
	Step *Step
	// Flow is a nested flow. Its exit code is that of its last element; it
	// completes when that does.
	Flow []Element
	// Split are branches that run at the same time, each a Step or a Flow
	// without Next and Transitions. All run to their end; the exit code is the
	// name of the worst status among them.
	Split []Element
	// Threads bounds how many branches run at once; 0 means all.
	Threads int
	// Decider chooses a way. Its element has Transitions.
	Decider JobExecutionDecider
	// Next is the element that follows when the element COMPLETED and no
	// transition matched.
	Next string
	// Transitions are looked at in order; the first that matches is taken. An
	// element that FAILED and matches none fails its level, one that COMPLETED
	// and matches none goes to Next, or fails the job without one.
	Transitions []Transition
}

// ID returns the name by which transitions mean e.
func (e *Element) ID() string {
	if e.Name == "" && e.Step != nil {
		return e.Step.Name
	}
	return e.Name
}

// Words that end the job where a transition leads to them, also from within a
// nested flow or a split. No element may have them as its name.
const (
	// ToEnd ends the job COMPLETED.
	ToEnd = "end"
	// ToFail ends the job FAILED. A restart runs the step that led here again if it
	// failed; one that COMPLETED is passed over and leads here once more.
	ToFail = "fail"
	// ToStop ends the job STOPPED. A restart goes on at Restart.
	ToStop = "stop"
)

// Transition leads from an element to another of its level, or ends the job.
type Transition struct {
	// On is matched against the whole exit code of the element: * stands for
	// any characters, ? for one, everything else for itself. Empty is *.
	On string
	// To is the name of an element of the same level, ToEnd, ToFail or ToStop.
	To string
	// ExitCode is the exit code of a job that is ended; empty means the name of
	// its status.
	ExitCode string
	// Restart, with ToStop, is the element of the job's outermost level at which
	// a restart begins. Without it a restart goes through the flow again and
	// passes the stop, unless the element that led to it ran again.
	Restart string
}

// JobExecutionDecider chooses the way after an element.
type JobExecutionDecider interface {
	// Decide returns the exit code to match the transitions with. last is the
	// step that ended last, nil before the first; it may be of an earlier
	// execution. The result is kept with the job, and used again by a restart
	// once a step of the element that it chose was started; until then a
	// restart asks again.
	Decide(ctx context.Context, r *Run, last *StepExecution) (exitCode string, err error)
}

// DeciderFunc is a JobExecutionDecider made of a function.
type DeciderFunc func(ctx context.Context, r *Run, last *StepExecution) (exitCode string, err error)

// Decide implements JobExecutionDecider.
func (f DeciderFunc) Decide(ctx context.Context, r *Run, last *StepExecution) (exitCode string, err error) {
	return f(ctx, r, last)
}

// Partition is one part of the work of a partitioned step.
type Partition struct {
	// Name is unique within the step; the part's executions are named
	// STEP:NAME. Empty means partitionN, counted from 0.
	Name string `json:"name"`
	// Context is what the part's context holds at its first start.
	Context ExecutionContext `json:"context"`
}

// Partitioner splits the work of a step into parts.
type Partitioner interface {
	// Partition returns the parts in the order in which they are started. It is
	// called once for a fresh start; a restart keeps the stored parts. grid is
	// how many parts are wanted; a partitioner that has its own idea ignores it.
	Partition(ctx context.Context, s *Scope, grid int) ([]Partition, error)
}

// PartitionerFunc is a Partitioner made of a function.
type PartitionerFunc func(ctx context.Context, s *Scope, grid int) ([]Partition, error)

// Partition implements Partitioner.
func (f PartitionerFunc) Partition(ctx context.Context, s *Scope, grid int) ([]Partition, error) {
	return f(ctx, s, grid)
}
