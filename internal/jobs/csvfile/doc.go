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
// line on which the mistake was found, or the real end where a record or a field
// is only too long, so that what stands inside a quoted field is never taken for
// a record. The error carries the record's bytes, cut to 64 KiB, and says
// which lines the record spans where they are more than one: a quote that is open
// by mistake takes good records into a bad one, and to look for records in there
// would take what customers write for records.
//
// A quote that is never closed, or not within the length of the longest record,
// is no bad record but the end of the reading: whether what follows is text or
// records cannot be told, and to skip it as one record could lose a whole file
// for the price of one skip. The position stays before the record, so that the
// restart behind the mending goes on there. An error of the file system leaves
// the position where it was as well, and the next call tries the same again.
//
// Where it is known that no field holds a line end, [ReaderConfig] can say so: a
// quote that is open at the end of its line is then a bad record of that line
// alone, and takes nothing with it.
//
// The position is the byte offset of the next record together with a CRC-32C of
// everything before it, records that were passed over included. A restart reads
// that prefix again and refuses to go on when it has changed; what stands behind
// it may have been mended. A file that changes while it is being read is an error
// at its end.
//
// # Ranges
//
// [Ranges] cuts one file into byte ranges for the parts of a partitioned step.
// Only a scan from the beginning can tell a line end in quotes from that of a
// record, so it makes one, up to the last border; it agrees with the reader about
// every record, the bad ones included. A part reads the header and its range, and
// its checksum covers these two. Since borders are bytes, a file whose length has
// changed since is refused by all its parts: a record that is mended between two
// attempts has to keep its length.
//
// Lines without quotes, which is nearly all of them, are split in the read
// buffer; a record costs one allocation when a string of it is asked for, and
// none otherwise. Memory is bounded by the limits of [ReaderConfig] whatever the
// file holds.
//
// # Writing
//
// [Writer] writes through package outfile: to NAME.part, chunk by chunk, each of
// which can be taken back until it commits, and published at the end. Fields are
// quoted where RFC 4180 asks for it and nowhere else, unless a definition wants
// all of them quoted, and what is written reads back the same. Where a definition
// names a text for null, that stands bare for it, to the reader as well, and a
// value that looks like it is quoted.
package csvfile
