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
// zeros, a thousands separator or another notation of dates stays a text, for
// nothing may be lost by an import that nobody has thought about yet. A few values
// that cannot be read as the type that nearly all others have do not make texts of
// those: the definition names them, and the job fails at the first of them unless
// it is told to reject it. Decimals are stored as texts: SQLite has no number that
// keeps them.
package scaffold
