// Package faultvfs makes SQLite's file system fail on purpose: it wraps the
// default VFS and returns an error from the n-th write, sync or truncate on,
// once or for good. Tests use it to prove that no fault below the database
// corrupts or tears anything, that every one of them surfaces, and that one that
// happened once leaves nothing that reads as running. It is built with the tag
// faultvfs only and is no part of the program.
package faultvfs
