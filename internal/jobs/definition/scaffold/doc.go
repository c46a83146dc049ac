// Package scaffold writes the first definition of a job for somebody who has a
// data file and nothing else.
//
// Look reads the beginning of a CSV file, and guesses its delimiter, whether it
// has a header, the types of its columns and its key. Definition makes of that a
// definition that runs at once: it makes a table in the repository's database
// and reads the file into it, in chunks that commit together with their position,
// with a limit for bad records and a file for those.
//
// A guess is strict: a column has a type when every value of it that was seen
// would be read as that type and written back as the same text. What has leading
// zeros stays a text, for nothing may be lost by an import that nobody has thought
// about yet. Numbers and days in another notation, as 1.234,50 and 31.12.2025, are
// read as texts and converted by the processor, behind a validate that takes that
// notation and no other; where the values leave open which of two it is, the
// definition asks. A few values that cannot be read as the type that nearly all
// others have do not make texts of those: the definition names them, and the job
// fails at the first of them unless it is told to reject it. Decimals are stored as
// texts: SQLite has no number that keeps them.
//
// A key is a column whose values are all there and all different and whose name or
// place suggests it; without one the definition says that a record may be imported
// twice. A title above the header is passed over. Where no value holds a line end,
// a quote that is open at the end of its line is a mistake of that line. Records
// that the job would reject are counted, as its reader counts them.
package scaffold
