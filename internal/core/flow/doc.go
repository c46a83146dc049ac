// Package flow walks the steps of a job: one interpreter for simple jobs, flow
// jobs, nested flows, splits and flow steps.
//
// # For those who know Spring Batch
//
// A simple job (Job.Steps) is what SimpleJob is: steps in order up to the first
// that does not complete, the job ends as its last step did, and NOOP when no
// step had to be started. A step that was given up is passed over. A flow job
// (Job.Flow) differs from FlowJob in these points.
//
// The flow:
//
//   - Transitions match exit codes in the order in which they are written down,
//     not by how specific they are. A pattern that repeats an earlier one, or
//     that an earlier one leaves nothing for, is an error of the definition.
//   - Next is the way of an element that COMPLETED, whatever its exit code, when
//     no transition matched. A failed element that no transition catches fails
//     its level. A completed one with transitions, none of which matches, and
//     without a Next fails the job; no transition further out catches that.
//   - end, fail and stop end the job, also within a nested flow or a branch. To
//     leave a nested flow early, lead to an element without a way on.
//   - A nested flow has the exit code of its last element, and FAILED when it
//     failed; a split has the name of the worst status among its branches.
//     Transitions are allowed on both.
//   - A step that is STOPPED or UNKNOWN ends the job so; no transition is asked.
//   - The job's exit code is the name of its status, or what the transition that
//     ended it says. What was caught on the way leaves no trace in it.
//   - A circle is an error of the definition, and so are an element that nothing
//     leads to, a target in another level and a name that is used twice; see
//     Check.
//
// A split runs all branches to their end, also when one fails. A stop keeps each
// of them from starting another step or asking another decision, whether somebody
// asked for it or one branch ended STOPPED by itself; that reaches the branches
// of all splits above and below, also across flow steps. When a transition of one
// ends the job, it ends after the others have, and with the worst status of all:
// a stop is not taken while another branch has failed or was interrupted, because
// its work is not done. Where several transitions say so, the exit code is that of
// the first branch. The stops of different branches must have the same Restart, if
// they have any: one place is all that a restart can begin at.
//
// # Restart
//
// As in Spring Batch, a restart walks the flow from its beginning. Steps that
// are complete are not run again, and lead on by their stored exit codes. What
// differs:
//
//   - A step that failed and that the flow has gone on past is ABANDONED, right
//     before the next step is started: wherever it stands, also within a nested
//     flow or a branch that was caught. It leads on as FAILED does, by its exit
//     code. One whose failure ended the job, also by way of fail, runs again.
//   - The result of a decision is kept in the job's context. It stands once a
//     step of the element that it chose (through a stop: of the stop's Restart;
//     through another decision: of what that one chose) has an execution in the
//     instance; until then, and when a restart jumps to the decision, it is asked
//     again. Its last step is the one that ended last, also after a nested flow;
//     after a split it is the last one of the last branch that has any, and for
//     a decision that a restart jumps to the newest of the instance.
//   - A stop with Restart makes the next execution begin at that element of the
//     outermost level; nothing before it is visited. The mark for that lasts
//     until the execution has started a step, or has ended by way of the flow, so
//     that one which dies or fails before jumps again. Failed steps that the
//     target does not lead to are ABANDONED. Executions after that begin at the
//     first element again and pass the stop: they go on at its target.
//   - A stop without Restart is passed too: its level ends COMPLETED. Neither is
//     passed when the element that led to it did something in this execution: a
//     step below it was started, or it is a decision that was asked. Nor is a
//     stop passed whose Restart was walked already: it stops again, where Spring
//     Batch might go round for ever.
//
// # What it costs
//
// Nothing but the steps: what the flow keeps goes into the job's context with
// the start of the next step or the end of the job (Run.Note), and is lost with
// a crash before; then the question is asked again. Each failed step that is
// given up costs a write transaction of its own.
//
// Errors of branches are joined in the order of the branches, and can be asked
// for with errors.Is. Two are told in the text only: the stop of a branch in a
// split that has failed; and that a branch was refused, or is at a start limit,
// when another one has failed in a way that a restart may cure. The job can be
// restarted then, and the restart decides.
package flow
