package sqlite

import (
	"errors"

	"github.com/mattn/go-sqlite3"

	"github.com/batchctl/batchctl/internal/core"
)

// constraintDatatype is the extended code for a value that a column of a STRICT
// table does not take; the driver has no name for it.
const constraintDatatype = 12

// classify gives an error of a statement that writes its class. The cause stays
// visible to errors.As, and an error that is not the driver's is returned as it
// is.
func classify(err error) error {
	cause, ok := errors.AsType[sqlite3.Error](err)
	if !ok {
		return err
	}
	if class := classOf(cause); class != "" {
		return core.Classified(class, err)
	}
	return err
}

// classOf returns "" for an error that says nothing about the data or the file,
// such as one in the SQL.
func classOf(cause sqlite3.Error) string {
	switch cause.Code {
	case sqlite3.ErrConstraint:
		if cause.ExtendedCode == sqlite3.ErrConstraint.Extend(constraintDatatype) {
			return core.ClassWriteData
		}
		return core.ClassWriteConstraint
	case sqlite3.ErrMismatch, sqlite3.ErrTooBig:
		return core.ClassWriteData
	case sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrProtocol:
		return core.ClassWriteBusy
	case sqlite3.ErrIoErr, sqlite3.ErrFull, sqlite3.ErrReadonly, sqlite3.ErrCorrupt, sqlite3.ErrNotADB,
		sqlite3.ErrCantOpen, sqlite3.ErrPerm:
		return core.ClassWriteIO
	}
	return ""
}
