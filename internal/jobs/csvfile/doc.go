// Package csvfile reads and writes CSV files that a job can be restarted on.
//
// # Reading
//
// [Reader] is strict where a lenient reader would guess: a quote inside an
// unquoted field, a carriage return on its own, a byte that is not UTF-8, a NUL,
// a row of another width than the header, a number with grouping all are errors
// that name file, line, column and value. Quoted fields are as in RFC 4180 and
// keep line ends inside them byte for byte; LF and CRLF may be mixed; a byte
// order mark is dropped; blank lines are skipped. Columns are found by the names
// in the header, in any order.
//
// After a bad record the reader goes on behind it. Its end is the end of the
// line on which the mistake was found, so that what stands inside a quoted field
// is never taken for a record. Only a quote that is never closed gives up the
// line on which it was opened and no more, as there is no other place to go on.
//
// The position is the byte offset of the next record together with a CRC-32C of
// everything before it. A restart reads that prefix again and refuses to go on
// when it has changed; what stands behind it may have been mended. A file that
// changes while it is being read is an error at its end.
//
// Lines without quotes, which is nearly all of them, are split in the read
// buffer; a record costs one allocation when a string of it is asked for, and
// none otherwise. Memory is bounded by the limits of [ReaderConfig] whatever the
// file holds.
//
// # Writing
//
// [Writer] writes to NAME.part and publishes it at the end; see package
// partfile for what a crash, a full disk or an edited part leads to. A chunk is
// encoded as a whole before any of it is written. Fields are quoted where RFC
// 4180 asks for it and nowhere else, and what is written reads back the same.
package csvfile
