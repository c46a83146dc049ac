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
// core.Scope.Rollbacks. Streams are closed whatever happens, a panic included.
//
// # Cost
//
// The body allocates its two buffers once and nothing per item. The buffers
// grow with what is read, up to Size, so a large Size costs a small input
// nothing.
package chunk
