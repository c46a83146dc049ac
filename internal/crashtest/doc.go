// Package crashtest kills real processes at random instants and at every named
// failpoint, starts them again until the job completes, and compares what they
// leave behind with what an uninterrupted run leaves: rows, bytes, rejects and
// the counters of the repository. It has tests only, built with the tag crash:
//
//	make crash
//
// The flags -kills, -rows, -rounds, -launches and -shared make it longer or
// shorter, and -brief kills each definition ten times only and at no failpoint;
// -seed repeats the instants of a run. Every test prints its seed, and keeps the
// directory of a trial that went wrong.
//
// Every failpoint is died at by something, without exceptions: mostly by the
// pipelines; those of stop, abandon and recover by processes that do nothing
// else; those of the ledger and of db backup by batchctl.
//
// The pipelines move rows in chunks that also skip, retry and scan, in the calls
// of a tasklet, in the branches of a split, in parts, in the job of a job step,
// by a command that outlives who started it, by the definitions of testdata, and
// by the statements of steps in another database.
//
// Each definition has a row and kills of its own. The one that is named so goes
// through every format; the others are about one thing each: files of gzip and of
// zstd, another encoding, several files as one input, fixed columns, JSON Lines, a
// query with upsert and statement, several outputs, a route, a lookup, a command
// that is asked about each record, rejects, and parts. First and last lines of
// files and control totals go with them.
//
// Two runs that write the same files are let loose on each other, one of them
// killed: none takes what the other has committed.
//
// Besides the pipelines it kills batchctl itself in the middle of
// dailySettlement, the compiled one and its definition, lets hundreds of processes launch one instance at once and
// dozens share one repository, kills whoever has won, and suspends owners: one
// that is suspended is never robbed, and one that was overruled by force commits
// nothing more.
//
// Two pipelines are broken on purpose, one that keeps its checkpoint away from
// its output and one that does not cut its file back. The harness has to find
// both; one that cannot fail proves nothing.
package crashtest
