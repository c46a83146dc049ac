// Package sqlstep runs SQL statements as a step, in the repository's database.
//
// All statements run in one call and so in one transaction: that of the step's
// end. Their changes, the count of affected rows and the step's COMPLETED commit
// together, and a crash at any instant leaves all of them or none. The database
// is locked for other writers from the first statement on, so what takes long
// keeps every other job waiting.
//
// # Values
//
// Values reach a statement only as bound parameters, written :name. A name that
// nobody gave a value, and a value that no statement uses, are errors: both are
// misspellings as a rule.
//
// # What is refused
//
// A statement is read before anything runs. One string holds one statement, so
// that an error can name it by its number, and so that no value that was spliced
// in against all advice can add another. Statements that end or open
// transactions, attach databases, change how the connection works or leave
// something on it are refused, and so are those that only return rows: nobody
// would see them. The repository's own tables are not for jobs, whatever the
// statement does with them.
//
// Another database has another transaction, and a crash between the two commits
// would run the statements twice. Use a chunk step with a sink, which keeps a
// checkpoint beside its rows.
package sqlstep
