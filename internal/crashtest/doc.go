// Package crashtest kills real processes at random instants and at every named
// failpoint, starts them again until the job completes, and compares what they
// leave behind with what an uninterrupted run leaves: rows, bytes and the
// counters of the repository. It has tests only, built with the tag crash:
//
//	make crash
//
// Two pipelines are broken on purpose, one that keeps its checkpoint away from
// its output and one that does not cut its file back. The harness has to find
// both; one that cannot fail proves nothing.
package crashtest
