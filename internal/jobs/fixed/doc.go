// Package fixed reads and writes files whose records are lines with columns at
// fixed places.
//
// A column has a range of places, from 1 on, as 1-8, or a width, as 8, behind the
// column before it. Places are characters, whatever the encoding: in a file for
// people a name of five letters takes five. Where they are bytes, as in many
// files of banks in encodings with letters of two, unit: bytes says so; a range
// that cuts a letter in two is a bad record then.
//
// The reader takes the padding off, and reads what is left as package record
// does: nothing left is null, but in a column of strings. A line of another length
// than its columns is a bad record unless ragged allows it. A line of blanks only
// is passed over.
//
// The writer never cuts: a value that is wider than its column is a bad record.
// Numbers stand at the right and texts at the left unless align says otherwise. A
// text that begins or ends with the padding loses it when it is read again. A null
// is blank, also in a column that is padded with zeros, so that it is no 0. The
// sign of a number stands before zeros that pad it.
package fixed
