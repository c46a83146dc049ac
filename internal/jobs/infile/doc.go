// Package infile reads input files that a job can be restarted on: one file or
// many, packed or not, in any encoding.
//
// # Positions
//
// A position is a number of bytes and the CRC-32C of all of them, counted from
// the beginning of a file behind its decompression and before its decoding: the
// bytes that gunzip or unzstd prints. In a file that is not packed these are the
// bytes of the file. UTF-16 alone is unpacked as well, to UTF-8: it is no
// encoding in which a byte is a line end, so its positions count the bytes of
// the UTF-8 text. Every other encoding is decoded record by record, after its
// records were told apart, and moves no position.
//
// A restart reads what stands before the position again, from the beginning, and
// refuses to go on when it has changed. In a packed file that means to unpack it
// again up to there.
//
// # Several files
//
// A [Sequence] reads the files that a pattern matches as one input, in the order
// of their names. Its position is the number of the file and the position in it,
// with checksums of the names of all the files and of what the finished ones
// held. A set of files that has changed is refused, also when only a file that
// was finished, or not begun, came, went, or has other bytes.
//
// # What is bounded
//
// An [Input] keeps a window of what was read and not consumed. Unpacking is a
// stream; what unpacks to too many times its size is refused, and so is a
// Zstandard window larger than 32 MiB. [Reader] bounds the length of a line.
package infile
