//go:build faultvfs

package faultvfs

// #cgo LDFLAGS: -Wl,--unresolved-symbols=ignore-in-object-files
// #include "vfs.h"
import "C"

import (
	"errors"

	_ "github.com/mattn/go-sqlite3" // the SQLite that the wrapper is linked with
)

// Op is a kind of file operation.
type Op int

// The operations that can be made to fail.
const (
	Write Op = iota
	Sync
	Truncate
)

// String names the operation.
func (o Op) String() string { return [...]string{"write", "sync", "truncate"}[o] }

// Code is an SQLite result code.
type Code int

// The codes that a failing device produces.
const (
	Full       Code = 13
	IOErr      Code = 10 | 3<<8 // SQLITE_IOERR_WRITE
	IOFsync    Code = 10 | 4<<8 // SQLITE_IOERR_FSYNC
	IOTruncate Code = 10 | 6<<8 // SQLITE_IOERR_TRUNCATE
)

// Register makes the failing VFS the default one of this process. Until Arm it
// passes everything through.
func Register() error {
	if C.fault_register() != 0 {
		return errors.New("cannot register the failing VFS")
	}
	return nil
}

// Arm makes the n-th operation of that kind from now on fail with code. A
// sticky fault fails every write, sync and truncate from there on. The counters
// begin at zero again.
func Arm(op Op, n int, code Code, sticky bool) {
	s := C.int(0)
	if sticky {
		s = 1
	}
	C.fault_arm(C.int(op), C.int(n), C.int(code), s)
}

// Disarm lets everything pass and returns how often the fault was met.
func Disarm() int {
	hits := int(C.fault_hits())
	C.fault_arm(-1, 0, 0, 0)
	return hits
}

// Count returns the number of operations of that kind since the last Arm or
// Disarm.
func Count(op Op) int { return int(C.fault_count(C.int(op))) }
