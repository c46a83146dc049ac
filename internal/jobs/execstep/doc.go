// Package execstep runs a command as a step.
//
// # The process
//
// A command leads a session of its own: it has no terminal to wait for, and what
// it starts is one process group. When its time is over, a stop is requested or
// the run is aborted, the group gets SIGTERM and, KillAfter later (at an abort
// half a second later), SIGKILL; the step has not ended before the last of it
// is gone. Every process also carries a random mark in its environment, by which
// one that has left the group is found and ended too, unless it has cleared its
// environment or belongs to another user.
//
// A command that was told to end and exits with a code that completes the step
// has said that its work is done, and the step is COMPLETED; with any other end
// it is STOPPED. One whose time was over is FAILED whatever it says, with the
// exit code TIMEOUT.
//
// The exit code of the command decides, not what it has left running. Processes
// that stay behind a command that went well are left alone, with a warning where
// one is in its group; those of one that failed are ended, wherever they went, or
// the next attempt would meet them.
//
// # When batchctl dies
//
// The kernel then kills the command, but not what the command has started. All
// of it has inherited the lock file of the execution, as descriptor 3, and for
// as long as one process keeps it open the execution counts as running: a
// restart is refused until the last of them has ended. Close descriptor 3 in a
// daemon that is meant to stay.
//
// The next restart does not know how far the command had come, and does what
// [OnCrash] says. A command has BATCH_IDEMPOTENCY_KEY to see for itself: it is
// the same in every restart of the step. Skip, Fail and Check need a mark in the
// step's context that the command was started, which is committed before it
// starts: one write transaction more. The commit that ends the step takes it
// away, whether the command completed or failed. Death between the commit and the
// start leaves the mark of a command that never ran, so Skip fits only what may
// be left out.
//
// # The output
//
// stdout and stderr go to one plain file, JOB/EXECUTION-STEP.log below the
// folder for logs, readable by its owner only. It is no pipe, so no process that
// holds it open can keep the step from ending. It has the bytes as they were
// written, what a terminal obeys too; messages show that escaped. Its first and
// last MiB are kept: the middle is given back to the file system while the command
// runs, and its length is said in its place at the end. Until then the file may
// look longer than it is. Where the file system cannot do that the tail is moved
// instead, and what is written in that moment is lost. A command that opens
// /dev/stdout anew, as "> /dev/stdout" does, truncates its own log; ">&1" does
// not. A failed command's last lines are in the message of the failure; [LogOf]
// and [FailedLog] say where the rest is.
//
// # What it is told and tells
//
// The command inherits the variables that [Config] lists, and gets those of
// [Variables] and one for each parameter, see [Variable].
//
// A parameter that is a secret has no variable of its own: what stands in for it,
// the place where it is found, would pass for a password. Its value goes into the
// variables that Env or SecretEnv name. When the command has ended, the
// secrets of the launch are taken out of its log, of the message of a failure and
// of the values that it wrote to BATCH_OUTPUT, whose keys and exit status must
// hold none; of one that the cut through a long log has gone through, a part
// stays. While the command runs, and where batchctl dies with it, the log holds
// what it wrote.
//
// What it writes to the file that BATCH_OUTPUT names, in lines of UTF-8, takes
// effect when the step completes, in the transaction that says so:
//
//	exit-status=NO_DATA      how the step ends, for a flow to branch on
//	context.KEY=VALUE        a string in the context of the step
//	job-context.KEY=VALUE    and in that of the job
//
// The file is beside the log and goes with the end of the command; where batchctl
// is killed first, the next attempt at the step removes it.
//
// # Beside a step
//
// A [Coprocess] is started with a step, asked about one item after the other, and
// ended with the step, in the same surroundings as a command that is a step. It
// has to be deterministic: the items of a chunk that was not committed are asked
// about again, by another process, in the next attempt. It is told nothing of
// commits; where it remembers earlier items, a restart makes other answers. An
// interpreter that holds back its output until a buffer is full has to be told
// not to (sed: -u, jq: --unbuffered, python: -u, awk: fflush(), and mawk -W interactive).
package execstep
