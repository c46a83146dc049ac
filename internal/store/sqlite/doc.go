// Package sqlite opens the job repository in an SQLite file, and is the only
// package that knows the driver. The SQL itself is sqlrepo's.
//
// # Opening
//
// [Open] looks before it touches. A file that exists and is not empty is first
// inspected on a read-only connection, and refused unchanged, byte for byte,
// unless it is a repository of this version. An absent or empty file is
// initialised: the schema in one transaction with a rollback journal, then the
// switch to WAL. Every process that wants to initialise holds a lock on
// PATH.locks/init meanwhile and looks again once it has it, so any number
// of first processes may race. Death at any instant leaves one of four states,
// and each of them is completed by the next Open: no file, an empty file, an
// empty file with a hot journal (its header says that the database had no
// pages, so nothing of anybody's is in it), and a repository that is not in WAL
// mode yet.
//
// Nothing here opens the database, its -wal or its -shm with package os: POSIX
// locks belong to the process, and closing any descriptor of the file drops
// those that SQLite holds on it. Size, mode and identity come from stat, all
// else from SQLite.
//
// # Connections
//
// One connection writes: WAL, synchronous=FULL (a commit that returned is on
// the disk), BEGIN IMMEDIATE, a busy timeout of 30 s. Up to four connections
// read, each of them read-only twice over (mode=ro and query_only). Readers
// never block the writer, nor it them.
//
// # Ownership
//
// An execution is owned by the process that holds the lock of
// PATH.locks/TOKEN.lock, taken with flock before the row that names it exists.
// The kernel drops the lock when the last descriptor of it is closed, and that
// is: never while the owner is suspended, at once when it is killed, and not
// before its last child when the descriptor was handed down. The owner row keeps
// host, boot, pid and start time as evidence, and for the case that somebody
// deleted the lock file. See [Store.OwnerOf] and the table at Verdict.
//
// Network file systems have neither the shared memory that WAL needs nor locks
// that can be trusted; a database on one of them is refused.
package sqlite
