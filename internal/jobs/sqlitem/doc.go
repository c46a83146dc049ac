// Package sqlitem reads items from a query and writes items to a table.
//
// It speaks SQLite. The seam for PostgreSQL is where it does so:
// [Querier], [Execer] and core.Database carry every statement, and nothing here
// opens a file. What would have to be told apart is the description of a table and
// what its columns make of numbers (table.go, exact.go), placeholders and quotes
// (quote, groupsFor), the order of keys (Reader) and the table of checkpoints
// (checkpoint.go); the classes of errors come from the database itself.
//
// # Writer
//
// A [Writer] inserts into one table through the transaction that the chunk
// carries, so rows, counters and position commit together. It compares the
// table with its columns when the step opens, before anything is read. Rows go
// out several to a statement, because what an insert costs is mostly the number
// of calls into SQLite: a power of two of them that makes about a hundred
// values, and what is left of a chunk in groups of half that size, a quarter,
// down to one row. So there are seven statements at most, and a driver that
// caches statements parses each of them once. An upsert goes out in the same way,
// a statement of one's own once for every item.
//
// Names are quoted, so a table or a column may be called anything. A number with
// more digits than SQLite keeps in a column of its type is an error of its row: a
// decimal of more than 15 digits belongs into a column that is declared TEXT.
//
// When a statement is refused, the writer finds the row that is to blame by
// inserting the group again one by one under a savepoint, which it rolls back;
// the [RowError] names the item, and the values of the columns that the reason
// names. Where no row can be to blame, as on a full disk, it does not look.
// A row that the table ignores, by ON CONFLICT IGNORE or RAISE(IGNORE), counts as
// refused; where either may be, rows are inserted one by one.
//
// The writer keeps nothing of a chunk: after a rollback, to a savepoint or of
// the whole, it is as it was.
//
// A [Sink] writes to another database, in a transaction of its own that holds the
// step's checkpoint too; Mark sets a savepoint in it and Revert goes back to it.
// It looks at the table before it makes anything in that database. [Statements]
// is the same for the statements of a step. A database that is read or written
// has to be there ([OpenExisting]): a path that is misspelt is an error, and makes
// no empty file.
//
// A value in an any costs an allocation, unless it is a small integer or nil.
// An [Interner] keeps the values that come again and again boxed.
//
// # Reader
//
// A [Reader] pages through a query by a unique key, always behind the last key
// that it has seen. It holds no cursor from one page to the next, so a commit
// between two pages disturbs nothing, and a restart continues behind the last
// key that a committed chunk has read. It sees committed data only.
//
// The first attempt at a step notes the highest key that there is, and no attempt
// reads rows behind it. So a step that adds rows to the table that it reads comes
// to an end, and one that is restarted reads what was there when it began. Rows
// that change meanwhile are read as they are then, and one that appears with a key
// below the position is not read: what is read must not change under the job.
//
// The key is compared as bytes or as integers, whatever the column's collation,
// so that different keys never count as equal. A key that is NULL, or that two
// rows share, would lose rows at the border of a page: both are errors. A key of
// several columns is made one by the query, as a || '/' || b AS id. A row
// that cannot be made an item is a *core.ItemError, and passed; a query that
// fails has the class core.ClassReadIO, and the next call makes it again.
package sqlitem
