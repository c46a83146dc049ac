// Package crashtest kills real processes at random instants and at every named
// failpoint, starts them again until the job completes, and compares what they
// leave behind with what an uninterrupted run leaves: rows, bytes, rejects and
// the counters of the repository. It has tests only, built with the tag crash:
//
//	make crash
//
// The flags -kills, -rows, -rounds, -launches and -shared make it longer or
// shorter, -seed repeats the instants of a run. Every test prints its seed, and
// keeps the directory of a trial that went wrong.
//
// Every failpoint is died at by something, without exceptions: mostly by the
// pipelines; those of stop, abandon and recover by processes that do nothing
// else; those of the ledger and of db backup by batchctl.
//
// The pipelines move rows in chunks that also skip, retry and scan, in the calls
// of a tasklet, in the branches of a split, in parts, in the job of a job step,
// by a command that outlives who started it, by a definition file, and by the
// statements of steps in another database.
//
// Besides the pipelines it kills batchctl itself in the middle of
// dailySettlement, lets hundreds of processes launch one instance at once and
// dozens share one repository, kills whoever has won, and suspends owners: one
// that is suspended is never robbed, and one that was overruled by force commits
// nothing more.
//
// Two pipelines are broken on purpose, one that keeps its checkpoint away from
// its output and one that does not cut its file back. The harness has to find
// both; one that cannot fail proves nothing.
package crashtest
