// Package jsonl reads and writes JSON Lines: one object a line.
//
// The reader is strict. A line that is no object, has anything behind it, a name
// twice, half a surrogate pair, more than 64 levels, or bytes that are not of its
// encoding, is a bad record, and so is one that has none of the columns, unless
// that is allowed. The end of the line is the end of it. Blank lines are passed
// over. Numbers are read from their digits: a long and a decimal never pass
// through a float. Only the columns that are asked for are kept; the rest of the
// line is looked at for mistakes.
//
// A column is the member of its name, or what stands at a path such as a.b[0].c.
// What is not there, and null, is null. A date, a datetime, a long and a decimal
// may be a text as well, as package record reads it.
//
// The writer keeps the order of the columns, writes numbers with the digits that
// they have, dates as text, and null as null. What it writes reads back the same.
//
// Positions and restarts are those of package infile, files and crashes those of
// packages outfile and partfile.
package jsonl
