// Package history reads what all attempts at a job instance have done together.
//
// Every attempt counts from nothing, and committed chunks only, so the sum over
// the attempts is the truth: a record that was read before a failure is not read
// again by the restart. Two kinds of rows are not part of that sum: those of an
// attempt whose work was begun anew by a later one, as the lineage of the step
// tells, and those of a partitioned step itself, which have the sum of its parts
// when it has ended and nothing after a crash.
package history
