// Package crashtest kills real processes at random instants and at every named
// failpoint, starts them again until the job completes, and compares what they
// leave behind with what an uninterrupted run leaves: rows, bytes, rejects and
// the counters of the repository. It has tests only, built with the tag crash:
//
//	make crash
//
// The flags -kills, -rows, -rounds, -launches and -shared make it longer or
// shorter, and -brief kills each definition and the end of a month ten times only,
// and definitions at no failpoint; -seed repeats the instants of a run. Every test prints its seed, and keeps the
// directory of a trial that went wrong.
//
// Every failpoint is died at by something, without exceptions: mostly by the
// pipelines; those of stop, abandon and recover by processes that do nothing
// else; those of the ledger and of db backup by batchctl.
//
// The pipelines move rows in chunks that also skip, retry, scan and use several
// threads, in the calls of a tasklet, in the branches of a split, in parts that
// are merged and in parts that skip, in jobs that job steps launch one below the
// other, by a command that outlives who started it, by the definitions of
// testdata, and by the statements of steps.
//
// What a pipeline asks on its way never says the same twice where that must not
// matter: a decision chooses another way each time, and the parameters of
// launched jobs are drawn. Whoever does not keep the first answer doubles rows.
// Commands tell of each call with its key, so that none is called more often than
// its way after a crash allows; hooks tell of each step. One flow stops on its
// way and is started again.
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
// dailySettlement, the compiled one and its definition, and of closeMonth, lets
// hundreds of processes launch one instance at once and dozens share one
// repository, kills whoever has won, and suspends owners: one that is suspended is
// never robbed, and one that was overruled by force commits nothing more.
//
// Two pipelines are broken on purpose, one that keeps its checkpoint away from
// its output and one that does not cut its file back. The harness has to find
// both; one that cannot fail proves nothing.
package crashtest
