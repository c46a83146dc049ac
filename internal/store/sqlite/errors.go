package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/mattn/go-sqlite3"
	"golang.org/x/sys/unix"

	"github.com/batchctl/batchctl/internal/core"
)

// refuse makes an ErrRepository.
func refuse(msg, hint string, cause error) *core.Error {
	return &core.Error{Kind: core.ErrRepository, Msg: msg, Hint: hint, Err: withoutPath(cause)}
}

// withoutPath takes the operation and the path off an error of package os: the
// message names the path already, and quotes it.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}

// missing makes the error for a repository that is not there.
func missing(msg, hint string) *core.Error {
	return &core.Error{Kind: missingKind{}, Msg: msg, Hint: hint}
}

// missingKind is both an ErrRepositoryMissing and an ErrRepository.
type missingKind struct{}

func (missingKind) Error() string { return core.ErrRepositoryMissing.Error() }

func (missingKind) Unwrap() []error {
	return []error{core.ErrRepositoryMissing, core.ErrRepository}
}

// translator turns what the driver says about one database into what a person
// can act on.
type translator struct {
	path string
	busy time.Duration
}

// translate returns err as a *core.Error of the kind ErrRepository where the
// repository itself is the trouble: locked, damaged, full, not permitted. Any
// other error keeps its meaning. The cause stays visible to errors.As.
func (t translator) translate(op string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*core.Error](err); ok {
		return err
	}
	cause, ok := errors.AsType[sqlite3.Error](err)
	if !ok {
		return wrap(op, err)
	}
	msg, hint := t.explain(cause)
	if msg == "" {
		return wrap(op, err)
	}
	return &core.Error{Kind: core.ErrRepository, Op: op, Msg: msg, Hint: hint, Err: err}
}

func wrap(op string, err error) error {
	if op == "" {
		return err
	}
	return fmt.Errorf("%s: %w", op, err)
}

// explain returns "" for an error that is not the repository's fault.
func (t translator) explain(cause sqlite3.Error) (msg, hint string) {
	path := core.QuotePath(t.path)
	check := core.ShellQuote("batchctl", "db", "check", "--db", t.path)
	list := core.ShellQuote("ls", "-la", t.path) + "*"
	switch cause.Code {
	case sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrProtocol:
		return t.explainBusy()
	case sqlite3.ErrNotADB:
		return "the repository " + path + " is not an SQLite database, or its first page is damaged; nothing was changed",
			"check --db; if it is the right file, restore it from a backup"
	case sqlite3.ErrCorrupt:
		return "the repository " + path + " is damaged", check + ", then restore it from a backup"
	case sqlite3.ErrFull:
		return "the disk is full under the repository " + path, "df -h " + core.ShellQuote(t.path) + ", make room, then restart the job"
	case sqlite3.ErrReadonly:
		if cause.ExtendedCode == sqlite3.ErrReadonlyRollback {
			return "a program died in the middle of a transaction on " + path + ", and it has to be rolled back first",
				"open it once with a program that may write to it"
		}
		if msg, hint := t.explainDirectory(); msg != "" {
			return msg, hint
		}
		return "the repository " + path + " or its directory is read-only", list
	case sqlite3.ErrPerm, sqlite3.ErrAuth:
		return "no permission for the repository " + path, list
	case sqlite3.ErrCantOpen:
		if msg, hint := t.explainDirectory(); msg != "" {
			return msg, hint
		}
		return "the repository " + path + " cannot be opened", list
	case sqlite3.ErrIoErr:
		if cause.SystemErrno == syscall.EFBIG {
			return "a file of the repository " + path + " would be larger than the limit on the size of files allows",
				"ulimit -f shows the limit; raise it, then restart the job"
		}
		return "reading or writing the repository " + path + " failed", "look for disk errors (dmesg), then run " + check
	case sqlite3.ErrNomem:
		return "out of memory while using the repository " + path, "free memory, then restart the job"
	case sqlite3.ErrFormat, sqlite3.ErrNoLFS:
		return "the repository " + path + " cannot be used by this SQLite", check
	}
	return "", ""
}

// explainDirectory returns "" where files can be made beside the repository.
func (t translator) explainDirectory() (msg, hint string) {
	dir := filepath.Dir(t.path)
	err := unix.Access(dir, unix.W_OK)
	if !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.EROFS) && !errors.Is(err, unix.EPERM) {
		return "", ""
	}
	return fmt.Sprintf("the directory %s is not writable (%v), and a run makes files beside the repository %s", core.QuotePath(dir), err, core.QuotePath(t.path)),
		core.ShellQuote("ls", "-ld", dir) + "; make it writable, or name another repository with --db"
}

func (t translator) explainBusy() (msg, hint string) {
	path := core.QuotePath(t.path)
	pids := lockHolders(t.path)
	if len(pids) == 0 {
		return fmt.Sprintf("the repository %s is locked by another program for longer than %s", path, t.busy),
			core.ShellQuote("fuser", "-v", t.path) + " shows who has it open"
	}
	msg = fmt.Sprintf("the repository %s is locked for longer than %s by process %d%s", path, t.busy, pids[0].pid, pids[0].label())
	if state, _, _ := processStat(pids[0].pid); state == "T" {
		return msg + ", which is suspended", fmt.Sprintf("let it go on with kill -CONT %d, or end it, and try again", pids[0].pid)
	}
	return msg, fmt.Sprintf("ps -fp %d, then wait for it or end it, and try again", pids[0].pid)
}

// holder is a process that holds a lock on the database.
type holder struct {
	pid  int
	name string
}

func (h holder) label() string {
	if h.name == "" {
		return ""
	}
	return " (" + core.EscapeControl(h.name) + ")"
}
