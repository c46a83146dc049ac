// Package outfile writes text files of any format, one record after the other,
// to a file that appears whole at the end of the step; see package partfile for
// what a crash, a full disk or an edited part leads to.
//
// A chunk is encoded as a whole before any of it is written, and can be taken
// back and written again, whole or item by item, until it commits. The head and
// the tail of a file are made anew when they are needed, on a restart too: the
// tail must depend on nothing but what the checkpoint holds, because it proves
// that the file was published.
package outfile
