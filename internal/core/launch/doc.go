// Package launch turns a job and its parameters into an execution, and an
// execution's id back into a job: JobRegistry knows the jobs by name,
// JobLauncher runs one of them in this process, JobOperator does what a person
// types.
//
// # A launch
//
// Parameters are completed (defaults, absolute paths) and validated before
// anything is written; then one transaction of the repository decides whether
// the instance may run, and creates the execution. While it runs, its row is
// polled on a read connection, so that a stop that another process asks for is
// noticed within half a second even during a long tasklet call. Ownership ends
// when the end is recorded; where that could not be done it ends with the
// process, and the next launch recovers the execution.
//
// # Which execution is next
//
// StartNextInstance counts on from the job's newest instance, in the order of
// launching. It wants that instance COMPLETED: a day that failed is restarted,
// not stepped over. An instance that a person has ABANDONED was given up on
// purpose and is stepped over.
package launch
