// Package sqlrepo is the job repository and the job explorer in SQL: the six
// tables of Spring Batch 4.x and what batchctl keeps beside them. It knows
// database/sql and no driver; a package such as store/sqlite opens the database
// and supplies the two pools, the proof of ownership and the translation of
// driver errors.
//
// # Two pools
//
// The writer pool has one connection, whose BEGIN takes the write lock at once;
// every write goes through it. The reader pool has connections of its own that
// cannot write, so that reading never waits. A write through the repository
// while the same goroutine holds a [Tx] would wait for itself: it ends with its
// context, and the rule is that whatever belongs to a transaction goes through
// that transaction.
//
// # Fencing
//
// An execution is owned from its launch to its end by one process, which is
// recorded in BATCHCTL_EXECUTION_OWNER under a random token. Every write of the
// owner names the token in its WHERE clause, next to VERSION, and a commit of
// statements that batchctl did not write itself checks it too. Recovery deletes
// the row, so that a process that was only asleep finds no row changed, rolls
// back and writes nothing more.
//
// # Reading a long history
//
// Every query is an index search, and a page is fetched by the key of the page
// before it. The test of the query plans asserts it for every combination of
// filters. What cannot be answered by one index is bounded by what was asked
// for: a page of one status within a time reads that time.
package sqlrepo
