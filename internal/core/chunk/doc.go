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
// # What a failure leaves
//
// Any error fails the step, and its chunk is rolled back as a whole: the step's
// counters and context are those of the last committed chunk, so the next
// attempt reads the failed chunk again from its first item. A rolled-back chunk
// has no row in which to count itself; it is handed to the engine in
// core.Scope.Uncommitted. Streams are closed whatever happens, a panic included.
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
//   - Output in another database (core.Sink): the sink's transaction holds rows
//     and checkpoint; the repository is told afterwards. A start first claims
//     the checkpoint, so that an earlier attempt that still lives can commit no
//     more, and goes on from what the sink says: it may be one chunk ahead, and
//     then the counters of the attempt that wrote it are put right in the same
//     breath. A sink that is behind, or of another lineage, is refused.
//   - Output in a file (package partfile): the bytes are synced before the
//     commit that names their length and checksum, and cut back to it on
//     restart; the rename comes before COMPLETED is written.
//   - Several outputs of one step (Tee): the files first, then the one commit
//     that names them all.
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
// nothing.
package chunk
