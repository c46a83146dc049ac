// Package engine runs one job execution from its launch to its end: the life
// of the job, the life of each of its steps, the restart table, and tasklets.
//
// # What is written when
//
// A running step is always visible to other processes, and nothing more is
// written than that needs. Beside the launch itself, which belongs to the
// repository, the write transactions are:
//
//   - the start of a step, 1: its row as STARTED, with its inherited context.
//     The first one also writes the job's STARTED and START_TIME;
//   - each call of a tasklet that wants to be called again, 1;
//   - a tasklet's finishing call, 1, which also writes the step's end;
//   - the end of any other step, 1;
//   - the end of the job, 1.
//
// An AfterStep listener must see the end before it is written, and so costs one
// transaction more for a tasklet step; a BeforeJob listener must see the job
// STARTED, and costs one more as well.
//
// Where the end is a transaction of its own, as it also is for a tasklet whose
// body somebody wraps, the finishing call leaves its exit status in the step's
// context. An attempt that finds it there does not call the tasklet again: what
// the call has committed stands, the listeners hear of the end, and the exit
// status is the step's. The end of a step that completes removes it, and a fresh
// start does not inherit it.
//
// # How a run ends
//
// A step that returns an error or panics is FAILED, one that says ErrStopped or
// ErrTimeout is STOPPED, and so is one whose context ended with ErrAborted. A
// step that found its input or output changed is FAILED with the exit code
// REFUSED, which does not count towards its start limit. UNKNOWN is never
// written.
//
// When a process finds that its execution was taken over (ErrLeaseLost,
// ErrOptimisticLock) it writes nothing more, not even the end of the job. When
// the end of a step cannot be written, it is tried again together with the end
// of the job, in one transaction; when that fails too the rows stay as they
// were, the error says so, and the next launch recovers them.
//
// The exit status that a body returns is joined to the step's whether it failed
// or not. An error of a listener before a job, a step or a chunk fails it. One
// of a listener after them comes too late for that: it is logged and stands in
// the exit message, and changes neither status nor exit code.
//
// A tasklet that finished its work is COMPLETED even when a stop was requested
// meanwhile; the job then stops before its next step, and is COMPLETED when it
// has none.
package engine
