// Package record is the item of jobs that are written as definitions: rows of
// typed values whose columns are known when the step starts and not when the
// program is compiled.
//
// A [Schema] names the columns and their kinds. A [Value] is one of seven kinds
// or null, in 32 bytes and without a pointer but that of its text, so that a
// column of numbers costs the garbage collector nothing. A [Record] is a row of
// values with the place that it comes from. Values do not change: whoever makes a
// row out of another takes room from an [Allocator] and copies.
//
// # Text
//
// [Parse] takes a whole text or refuses it; nothing is trimmed, rounded, or
// understood by a locale:
//
//	string    any text
//	long      -42               64 bits; an optional sign, digits
//	double    -1.5e-3           finite, no leading or trailing point
//	decimal   -1234.56          exact: up to 19 digits, as many of them behind
//	                            the point as there are; more are refused
//	date      2021-01-31        a day of the years 0001 to 9999
//	datetime  2021-01-31T13:30:00.5+09:00
//	                            an instant; without an offset it is what clocks
//	                            in a zone that is given show, the earlier one
//	                            of two, and an error where clocks were put
//	                            forward over it
//	bool      true, false
//
// [Value.AppendText] is the way back. Each value has one text, and Parse makes
// the same value of it: a datetime is written in UTC, a double with the fewest
// digits that read back as itself, and a decimal keeps the zeros behind its point,
// because the person who wrote 1.50 wants to see 1.50. As numbers 1.5 and 1.50
// are equal; as values, as texts and as keys they are two.
package record
