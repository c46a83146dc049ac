// Package sqlitem reads items from a query and writes items to a table.
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
// caches statements parses each of them once.
//
// When a statement is refused, the writer finds the row that is to blame by
// inserting the group again one by one under a savepoint, which it rolls back;
// the [RowError] names the item, and the values of the columns that the reason
// names. Where no row can be to blame, as on a full disk, it does not look.
//
// The writer keeps nothing of a chunk: after a rollback, to a savepoint or of
// the whole, it is as it was. A [Sink] has a transaction of its own, in which
// Mark sets a savepoint and Revert goes back to it.
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
// The key is compared as bytes or as integers, whatever the column's collation,
// so that different keys never count as equal. A key that is NULL, or that two
// rows share, would lose rows at the border of a page: both are errors. A row
// that cannot be made an item is a *core.ItemError, and passed; a query that
// fails has the class core.ClassReadIO, and the next call makes it again.
package sqlitem
