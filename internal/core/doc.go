// Package core is the domain of batchctl: what a job is and what became of
// it. It holds the nouns (Job, JobInstance, JobExecution, StepExecution,
// ExecutionContext), the pure rules on them (status lattice, parameter
// notation, policies, sinks) and the ports that other packages fill
// (JobRepository, JobExplorer, ItemReader, ItemWriter, Tasklet). It imports the
// standard library, and civil and secret below it, which do the same; it touches
// no file, clock or process.
//
// # Three rules
//
// Everything that batchctl promises about restart rests on three rules, which
// the types of this package make easy to keep:
//
//  1. Nothing in memory moves before the commit. An execution that is to be
//     written is cloned, the clone is changed and written, and only when the
//     commit has returned is the clone adopted ([Run.CommitStep]).
//  2. A chunk carries its transaction, its sequence number and its restart mark
//     ([Chunk]). No transaction hides in a context.Context.
//  3. The checkpoint lives where the output lives: rows and position commit in
//     one transaction, files are truncated to the committed length on restart.
//
// # Names
//
// Types keep the names that Spring Batch gave to the field, and persisted
// strings are Spring's, in capitals. A variable that holds an ExecutionContext
// is called ec, never ctx.
package core
