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
// # Secrets
//
// What secret parameters refer to is read between the validation and that
// transaction, and lives in this process only. A Masker takes it out of exit
// messages, rejects and log lines, wherever it stands as it is, quoted or escaped
// as an URL; values of fewer than six characters are not looked for. What a job's
// own code puts into contexts, tables and files is its own affair, as is the
// error that Run returns: whoever shows it has the Masker.
//
// # A job as a step
//
// JobStep launches a job from within another. The name and the parameters of the
// child are committed with the step before the launch, so a restart of the
// parent launches the same instance, wherever the process died: the child is
// recovered and goes on where it was, and one that is complete, by this step or
// run apart, makes the step complete. What does not identify the child is made
// anew by a restart, so that what the parent is given reaches it; what identifies
// it never is. Where the parent's would mean another instance now, the stored
// parameters are used, all of them, and the log warns.
//
// Parent and child share the request to stop: a stop of either ends both, each
// at its next commit, STOPPED and restartable. Whatever else is wrong with the
// child, also that it runs elsewhere, fails the step, and its text names the
// child's execution; the kind of the error does not pass from the child to its
// parent. Only where a restart cannot help, because nothing launches the child
// again (ABANDONED, UNKNOWN, another definition, one that must not be restarted),
// or would only meet what is wrong in it again (a start limit, an input that has
// changed), the step fails with ErrJobRestart, for that is true of the parent as
// well. Whoever restarts the parent under a new definition says so for all that
// it launches. Exit codes do pass, joined by severity, for the parent's flow to
// branch on; a NOOP only where the child has never started a step. Where it says
// that an earlier attempt had done all and died before it could say so, the step
// ends with what that attempt would have said: how the last step of a simple job
// ended, and COMPLETED for a flow job.
//
// # Which execution is next
//
// StartNextInstance counts on from the job's newest instance, in the order of
// launching. It wants that instance COMPLETED: a day that failed is restarted,
// not stepped over. An instance that a person has ABANDONED was given up on
// purpose and is stepped over.
package launch
