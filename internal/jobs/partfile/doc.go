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
// never takes the name of what is kept beside one: such a target is refused when
// it is opened and once more before the rename.
//
// While a File is open its part is locked, so that two writers with one target,
// of one process or of two, do not write into each other's part.
//
// # Owner
//
// A part of which something is committed is its [Owner]'s until it is published:
// nobody else may take it, for he could then never resume. The file
// NAME.part.owner says whose it is. It is made durable in the first [File.Sync],
// before any checkpoint can name the part, and removed when the rename is
// durable. It counts only beside a part that is not empty, so that a crash, of
// the process or of the machine, leaves one of these:
//
//	NAME.part     NAME.part.owner
//	none or empty none             nothing was begun, or all is over
//	begun         none             no checkpoint: anybody may begin again
//	begun         torn             the same; its writer died in the first Sync
//	begun         complete         its owner's: there may be a checkpoint
//	none or empty any              published, or the part was removed by hand:
//	                               whoever comes next removes it
//
// The part of another is taken when the repository of both knows that no restart
// will ever ask for it: the step or the instance has completed or is ABANDONED.
// Otherwise it is refused, with the command that ends it. Where the repository
// knows nothing of it, because it is another one, a copy, or restored from an
// older backup, only a person can tell: the message names the files to remove.
// A part without an owner, as older versions have left them, is anybody's as long
// as nobody resumes it; who does, owns it.
//
// Before a new part is begun beside an owner file that says nothing any more,
// that one is removed and the directory synced: they must never be found
// together. Owner files are removed under a lock of their own, because the part
// that protects the rest has its new name by then.
//
// It costs one fsync a file and run that commits; the directory is synced in the
// first Sync instead of when the part is made.
package partfile
