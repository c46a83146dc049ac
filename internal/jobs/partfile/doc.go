// Package partfile writes a file that a reader sees whole or not at all, and
// that a restart continues byte for byte.
//
// The bytes go to NAME.part beside the target NAME. At every commit the caller
// syncs and stores a [State]: how long the part is and the CRC-32C of all of it.
// A restart compares the part with that state and cuts off what was written
// behind it; a part that is shorter, or whose bytes differ, is refused and left
// as it is. At the end the part is synced, renamed over the target, and the
// directory is synced.
//
// No state is kept about the rename itself. When a restart finds no part, the
// rename either happened or somebody removed the part: the target tells, for it
// must then hold exactly the bytes of the state and the tail (a footer, say)
// that [File.Publish] appends.
//
// After a failed write or sync nothing more is written through the same File:
// what the kernel still holds of it is unknown, and a second fsync may report
// success without having written anything. The next attempt starts again from
// the last state.
//
// [Merge] puts the published files of several writers together in the same way.
// It keeps no state either: from the lengths and checksums of the parts, which
// their writers' checkpoints hold, follow those of the whole, so the target
// itself tells whether it is the merged file, also when the parts are gone.
//
// An output never replaces an SQLite database, the repository least of all, and
// never takes the name of what is kept beside one: such a target is
// refused when it is opened and once more before the rename.
//
// While a File is open its part is locked, so that two processes with one
// target do not write into each other's part.
package partfile
