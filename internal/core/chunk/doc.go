// Package chunk is the data plane: it moves items from a reader through a
// processor to a writer, and commits them in chunks.
//
// # One chunk
//
//	read up to Size items, process them        no transaction is open
//	begin
//	    write
//	    checkpoint the streams into a copy of the step's context
//	    write counters, context and VERSION    core.Run.CommitStep
//	commit
//	adopt the copy, tell the listeners
//
// Rows, counters and position become visible together or not at all, and
// nothing in memory moves before the commit has returned. A chunk whose items
// were all filtered out commits too, without a call of the writer: its counters
// and its position are news. An input that ends at a chunk's border has no
// empty chunk behind it, and an empty input has none at all.
//
// # Bad items
//
// Without policies any error fails the step. With them:
//
//	read      an ItemError has passed its record: skipped or not, never retried.
//	          Any other error has passed nothing: retried in place or not, never
//	          skipped. Records that are skipped take no place in the chunk;
//	          max(Size, 100) of them end it.
//	process   retried in place, then skipped or not; nothing is rolled back.
//	write     rolled back. Retried from the buffered items, after a wait in which
//	          no transaction is open, without processing again. When the retries
//	          are exhausted and the class may be skipped: the scan. An attempt that
//	          takes longer than Timeout is undone as if it had failed.
//
// The scan writes the items one by one, each behind a savepoint, in one
// transaction, without retries. An item that fails is undone alone and skipped,
// or fails the chunk. Position and data still move together, in one commit, so a
// crash at any instant loses and doubles nothing. A stop lets the scan end first;
// one that comes during a wait leaves the chunk rolled back.
//
//	what happens                              counters of the chunk's commit
//	----------------------------------------  -------------------------------------
//	a bad record is skipped                   readSkip 1
//	an item is skipped in process             processSkip 1
//	a write fails k times and then succeeds   rollback k
//	k items are skipped by the scan after     writeSkip k, rollback n + k
//	n failed attempts at the whole chunk
//
// What no policy is asked about: panics, errors that are core.Undeniable, errors
// of Before and OnSkip listeners, of Mark, of a savepoint (the transaction is
// gone, as after a full disk), of a checkpoint, of a commit. A Mark that fails is
// retried like the write that it precedes.
//
// The limit of a skip policy is shared by all phases and counts per execution of the
// step, the chunk at work included. The percentage is judged before each commit,
// over all records that this execution has read. Skip listeners and rejects are
// told just before the commit and in the order of the items, so only of chunks that
// nothing else stops.
//
// With Threads the items of a chunk are processed, and retried, by several
// goroutines; everything is decided afterwards in the order of the items, so
// output, counters and rejects are those of one goroutine.
//
// # What a failure leaves
//
// A chunk that fails is rolled back as a whole: the step's counters and context
// are those of the last committed chunk, so the next attempt reads the failed
// chunk again from its first item. Its rollbacks have no row in which to be
// counted; they stay in core.Scope.Uncommitted, from which the next commit, or
// the engine at the step's end, takes them. Streams are closed whatever happens,
// a panic included.
//
// # Exactly once
//
// This is what batchctl promises about the output of a step, and where the
// promise is kept. After any sequence of kills, full disks, I/O errors, stops
// and restarts, an execution that is COMPLETED has left what one uninterrupted
// run leaves, byte for byte and row for row, and the counters of all attempts
// add up to the truth.
//
// The checkpoint lives where the output lives:
//
//   - Output in the repository's database: the chunk's transaction holds rows,
//     counters, position and VERSION.
//   - Output in another database (core.Sink): the sink's transaction holds rows and
//     checkpoint; the repository is told afterwards. A start first claims the
//     checkpoint, so that an earlier attempt that still lives can commit no more,
//     and goes on from what the sink says: it may be one chunk ahead, and then the
//     counters of the attempt that wrote it are put right in the same breath, but
//     for the rollbacks, which no sink keeps. A sink that is behind, or of another
//     lineage, is refused.
//   - Output in a file (package partfile): the bytes are synced before the
//     commit that names their length and checksum, and cut back to it on
//     restart; the rename comes before COMPLETED is written.
//   - Several outputs of one step (Tee, Route), and the rejects: the files
//     first, then the one commit that names them all.
//
// Every write of an owner is fenced by its token and by VERSION, so that a
// process that was taken over changes nothing more.
//
// The premises are checked where that is possible, and a start that finds one
// broken is refused and touches nothing: the consumed part of the input is
// unchanged, the output is what the checkpoint describes, keys are unique. It
// is taken on trust that the processor is deterministic and that the disk keeps
// what it has synced. Not promised are two outputs that change in the same
// instant, and what a step does to the world outside its transaction; changes
// to the job's context made in a chunk whose output is in another database
// commit with the repository, and are lost with a crash between the two.
//
// # Cost
//
// The body allocates its two buffers once and nothing per item. The buffers
// grow with what is read, up to Size, so a large Size costs a small input
// nothing. Policies that are not needed cost one allocation a chunk, and neither
// a transaction nor a savepoint; a listener's functions that are nil are looked
// at once a chunk, and those around the processor once a step.
package chunk
