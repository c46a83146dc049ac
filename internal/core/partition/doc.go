// Package partition splits the work of one step into parts that run at the same
// time, each as a step execution of its own.
//
// # Life of a partitioned step
//
// The step itself, the manager, asks its partitioner once, and stores names and
// values of the parts in its own context before any part starts. From then on
// the plan is the truth: a restart never asks the partitioner again, whatever
// files have come or gone meanwhile. A partitioner that is a Reviewer, as Files
// is, looks at the plan first: it warns of what has come, in the log and the exit
// message, and refuses the restart for what has gone and is needed. There is no
// way to plan anew after a failure, because the output of the parts that are
// complete would be made twice; a manager that COMPLETED and may start again does
// plan anew.
//
// A part is run as the step STEP:PART, by the same rules as any other step: its
// row is written when it starts, together with its context, and a part that
// waits for its turn has no row. The context of a part's first start holds the
// values of the plan; a restart goes on from what the last execution has left.
// A part has reader, processor and writer of its own, and its own limits for
// skips and starts.
//
// # What runs again
//
// The plan holds the id of the manager's execution that made it. A part is done
// when its newest execution is younger and COMPLETED. Every other part runs,
// unless one was abandoned or is UNKNOWN: then nothing is started, because it
// cannot be known what is in its output. One query tells all that, for any
// number of parts, and one write stores the plan; a part costs something of its
// own only when it starts, as any step does.
//
// # How it ends
//
// One failed part keeps no other from running. A stop lets the running parts
// stop at the border of their chunk, and starts none of those that wait. When
// another process has taken the execution over, nothing more is started and the
// running parts are told to end.
//
// The manager ends as the worst of its parts did: COMPLETED, STOPPED or FAILED,
// with the status as its exit code whatever words the parts used. Its counters
// are the sum over the parts that ran in this attempt; after a crash they are
// missing in the manager's row and still in those of the parts, which are the
// record. A manager whose parts failed for nothing but a changed input or output
// is REFUSED, as they are: a restart alone will not help. As soon as one part
// failed for another reason it is FAILED, because then a restart does.
//
// When all parts are COMPLETED, Reduce is called, before that is recorded of the
// manager. A crash between the two, and a failure of Reduce, repeat Reduce and
// nothing else.
//
// # Limits
//
// Steps within a part would have the same names as those in the other parts, so
// a part can be neither a flow nor partitioned itself.
//
// SQLite has one writer. Several parts that write into one database take turns,
// chunk by chunk: that is correct, and no faster than one step. Partition where
// the work is in reading and processing, or let every part write a file of its
// own and merge them in Reduce.
package partition
