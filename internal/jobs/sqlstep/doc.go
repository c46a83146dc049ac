// Package sqlstep runs SQL statements as a step, in the repository's database or
// in another one.
//
// All statements run in one transaction. In the repository's database it is that
// of the step's end: their changes, the count of affected rows and the step's
// COMPLETED commit together, and a crash at any instant leaves all of them or
// none. The database is locked for other writers from the first statement on, so
// what takes long keeps every other job waiting.
//
// # Another database
//
// Another database has another transaction. The step's checkpoint is kept in it,
// as that of a sink is, and moves in the transaction of the statements: so it is
// there exactly when they have run. The repository is told behind that. A restart
// first claims the checkpoint. When it finds that the statements have run, it
// gives the attempt that ran them the rows and the context that it committed
// there, runs nothing, and completes. Whoever does not hold the claim any more
// commits nothing. It costs the other database a transaction for the claim, and
// the repository one more than a step of its own.
//
// Statements of [Run] and [RunIn] have no checkpoint: they stand beside the work
// of a step, and must be safe to repeat.
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
// something on it are refused, and so are those that return rows: nobody would
// see them. The repository's own tables are not for jobs, whatever the
// statement does with them.
package sqlstep
