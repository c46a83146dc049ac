package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/batchctl/batchctl/internal/core"
)

// Verdict tells whether the owner lives, and on what evidence:
//
//	no owner recorded                                     unknown
//	same host, other boot                                 dead
//	other host and other boot                             unknown
//	same boot, lock file held                             alive
//	same boot, lock file free                             dead
//	same boot, lock file not to be looked at              unknown
//	same boot, no lock file, process runs since then      alive
//	same boot, no lock file, no such process              dead
//	same boot, no lock file, process not to be looked at  unknown
//
// The same boot id is the same kernel, whatever a container calls its host, and
// the database is on a local file system: the lock then decides alone, also over
// a pid from another container. Only ENOENT means that the lock file is missing.
//
// A lock that is held although the process has ended is held by what it has
// started: the kernel names the one that took it, so nobody can tell which.
func (w *ownership) Verdict(o core.Owner) core.OwnerVerdict {
	v := core.OwnerVerdict{Owner: o}
	v.Liveness, v.Evidence = w.judge(o, &v)
	return v
}

func (w *ownership) judge(o core.Owner, v *core.OwnerVerdict) (core.Liveness, string) {
	if o.Token == "" {
		return core.OwnerUnknown, "no owner is recorded: another program started it"
	}
	if !validToken(o.Token) {
		return core.OwnerUnknown, fmt.Sprintf("the owner's token %s is not one of ours", core.Quote(o.Token))
	}
	here := w.host()
	sameBoot := o.BootID != "" && o.BootID == here.boot
	switch {
	case sameBoot:
	case o.HostID != here.id:
		return core.OwnerUnknown, fmt.Sprintf("process %d ran on host %s, which cannot be looked at from %s",
			o.PID, core.Quote(o.HostName), core.Quote(here.name))
	case o.BootID != "" && here.boot != "":
		return core.OwnerDead, fmt.Sprintf("host %s was restarted since process %d ran on it", core.Quote(o.HostName), o.PID)
	}
	return w.byLock(o, v)
}

// lockState is what a look at a lock file tells.
type lockState int8

const (
	lockMissing lockState = iota
	lockFree
	lockHeld
	lockUnreadable
)

// byLock asks the lock file: the one that was recorded and, when the database
// has been moved, the one beside it now.
func (w *ownership) byLock(o core.Owner, v *core.OwnerVerdict) (core.Liveness, string) {
	best, where, why := lockMissing, "", error(nil)
	for _, path := range w.lockPaths(o) {
		state, err := probe(path)
		if state == lockHeld {
			v.Orphaned = w.hasEnded(o)
			return core.OwnerAlive, heldEvidence(o, path, v.Orphaned)
		}
		if state > best {
			best, where, why = state, path, err
		}
	}
	switch best {
	case lockFree:
		return core.OwnerDead, fmt.Sprintf("its lock file %s is free: process %d has ended", core.QuotePath(where), o.PID)
	case lockUnreadable:
		return core.OwnerUnknown, fmt.Sprintf("its lock file %s cannot be looked at: %v", core.QuotePath(where), withoutPath(why))
	case lockMissing, lockHeld: // held has returned
	}
	return byProcess(o)
}

func (w *ownership) lockPaths(o core.Owner) []string {
	name := o.Token + lockSuffix
	here := filepath.Join(w.dir, name)
	// The path comes from a table that anybody may have written: follow it only
	// where it can be a lock file. Opening and closing the database itself would
	// drop our own locks on it.
	recorded := filepath.Clean(o.LockFile)
	if recorded == here || !filepath.IsAbs(recorded) || filepath.Base(recorded) != name ||
		filepath.Ext(filepath.Dir(recorded)) != locksSuffix {
		return []string{here}
	}
	return []string{recorded, here}
}

// probe looks whether the lock of a file is held, by asking for a shared one
// and giving it back at once. Claim copes with being hit by it.
func probe(path string) (lockState, error) {
	f, err := openLock(path, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return lockMissing, nil
	}
	if err != nil {
		return lockUnreadable, err
	}
	defer func() { _ = f.Close() }() // opened for reading; nothing can be lost
	got, err := lockNow(f, false)
	switch {
	case err != nil:
		return lockUnreadable, err
	case got:
		return lockFree, nil
	}
	return lockHeld, nil
}

// hasEnded reports whether it is certain that the owner's own process runs no
// more; its pid may be another's by now.
func (w *ownership) hasEnded(o core.Owner) bool {
	if o.HostName != w.host().name || !samePIDNamespace(o) {
		return false
	}
	state, _, ok := processStat(o.PID)
	if !ok {
		return processGone(o.PID)
	}
	start := processStart(o.PID)
	return start != "" && start != o.PIDStart || state == "Z" || state == "X"
}

func heldEvidence(o core.Owner, path string, orphaned bool) string {
	switch {
	case orphaned:
		return fmt.Sprintf("process %d has ended; something that it started still holds its lock file %s", o.PID, core.QuotePath(path))
	case o.PID == os.Getpid() && o.PIDStart == processStart(o.PID):
		return fmt.Sprintf("its lock file %s is held by this process", core.QuotePath(path))
	}
	return fmt.Sprintf("its lock file %s is held by process %d on host %s", core.QuotePath(path), o.PID, core.Quote(o.HostName))
}

func samePIDNamespace(o core.Owner) bool {
	ns := pidNamespace()
	return ns != "" && len(o.PIDStart) > len(ns) && o.PIDStart[len(o.PIDStart)-len(ns):] == ns
}

// byProcess decides without a lock file.
func byProcess(o core.Owner) (core.Liveness, string) {
	const gone = "its lock file is missing"
	switch {
	case o.PID <= 0 || !samePIDNamespace(o):
		return core.OwnerUnknown, fmt.Sprintf("%s, and process %d cannot be looked at from here", gone, o.PID)
	case processGone(o.PID):
		return core.OwnerDead, fmt.Sprintf("%s and there is no process %d", gone, o.PID)
	}
	state, _, ok := processStat(o.PID)
	switch {
	case !ok && processGone(o.PID):
		return core.OwnerDead, fmt.Sprintf("%s and there is no process %d", gone, o.PID)
	case !ok:
		return core.OwnerUnknown, fmt.Sprintf("%s, and process %d cannot be looked at", gone, o.PID)
	case processStart(o.PID) != o.PIDStart:
		return core.OwnerDead, fmt.Sprintf("%s and process %d is a later one", gone, o.PID)
	case state == "Z" || state == "X":
		return core.OwnerDead, fmt.Sprintf("%s and process %d has ended", gone, o.PID)
	}
	return core.OwnerAlive, fmt.Sprintf("%s, but process %d is still running", gone, o.PID)
}
