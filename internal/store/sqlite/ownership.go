package sqlite

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlrepo"
)

const (
	locksSuffix = ".locks"
	lockSuffix  = ".lock"
	// claimAttempts bounds how often Claim tries another token.
	claimAttempts = 8
)

// ownership proves with lock files who runs an execution. It is safe for
// concurrent use.
type ownership struct {
	dir   string // PATH.locks
	now   func() time.Time
	token func() string
	host  func() host // asked at first use: explorers seldom do

	mu    sync.Mutex
	files map[string]*os.File // by token, locked
}

var _ sqlrepo.Ownership = (*ownership)(nil)

// host is what tells this machine and boot from others.
type host struct {
	name, id, boot string
}

func thisHost() host {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	h := host{name: name, id: "name:" + name, boot: bootID()}
	if id := machineID(); id != "" {
		// The machine id is confidential by its own manual page: keep a digest.
		mac := hmac.New(sha256.New, []byte(id))
		mac.Write([]byte("batchctl host"))
		h.id = hex.EncodeToString(mac.Sum(nil)[:16])
	}
	return h
}

func newOwnership(path string, o Options) *ownership {
	return &ownership{
		dir:   path + locksSuffix,
		now:   o.Now,
		token: o.Token,
		host:  sync.OnceValue(thisHost),
		files: map[string]*os.File{},
	}
}

// Claim creates a lock file of a new token and locks it. The lock is held until
// Release or Close, or until the last process that inherited the descriptor has
// ended.
func (w *ownership) Claim(ctx context.Context) (core.Owner, error) {
	if err := ctx.Err(); err != nil {
		return core.Owner{}, err
	}
	if err := makeLocksDir(w.dir); err != nil {
		return core.Owner{}, err
	}
	for range claimAttempts {
		token := w.token()
		if !validToken(token) {
			return core.Owner{}, refuse(fmt.Sprintf("the token %s cannot name a lock file", core.Quote(token)), "", nil)
		}
		path := filepath.Join(w.dir, token+lockSuffix)
		f, err := openLock(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return core.Owner{}, lockError(path, err)
		}
		got, err := lockNow(f, true)
		if err != nil || !got {
			// Not got: somebody who lists the folder probes the new file just
			// now. Nobody knows its token, so leave it to them.
			err = errors.Join(err, os.Remove(path), f.Close())
			if !got && err == nil {
				continue
			}
			return core.Owner{}, lockError(path, err)
		}
		w.mu.Lock()
		w.files[token] = f
		w.mu.Unlock()
		return w.owner(token, path), nil
	}
	return core.Owner{}, refuse(fmt.Sprintf("no free lock file found in %s", core.QuotePath(w.dir)), core.ShellQuote("ls", "-la", w.dir), nil)
}

func (w *ownership) owner(token, path string) core.Owner {
	pid, here := os.Getpid(), w.host()
	return core.Owner{
		Token:    token,
		HostName: here.name,
		HostID:   here.id,
		BootID:   here.boot,
		PID:      pid,
		PIDStart: processStart(pid),
		LockFile: path,
		Since:    w.now().UTC(),
	}
}

// Release ends the ownership of token and removes its lock file. A token that a
// dead owner left behind is cleared away; one whose lock another process holds
// is left alone.
//
// The file is removed before the lock goes. Whoever opened it just before gets
// the lock of a file without a name, and calls its owner dead: true enough,
// since an owner releases only after its last write. Whoever comes later finds
// no file and asks for the process, and calls a living one alive: no harm, since
// the row that he asks about says in the same transaction that it has ended.
func (w *ownership) Release(token string) error {
	w.mu.Lock()
	f := w.files[token]
	delete(w.files, token)
	w.mu.Unlock()
	if f == nil {
		return w.clear(token)
	}
	err := removeIfThere(f.Name())
	if closeErr := f.Close(); closeErr != nil {
		err = errors.Join(err, closeErr)
	}
	if err != nil {
		return lockError(f.Name(), err)
	}
	return nil
}

// clear removes the lock file of a dead owner.
func (w *ownership) clear(token string) error {
	if !validToken(token) {
		return nil
	}
	path := filepath.Join(w.dir, token+lockSuffix)
	f, err := openLock(path, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return lockError(path, err)
	}
	got, err := lockNow(f, true)
	if got {
		err = removeIfThere(path)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return lockError(path, err)
	}
	return nil
}

// File returns the locked file of a token that this process owns, for a child
// to inherit, or nil. It stays ours: do not close it.
func (w *ownership) File(token string) *os.File {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.files[token]
}

// close drops every lock and leaves the files as the trace of an unclean end.
func (w *ownership) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for token, f := range w.files {
		errs = append(errs, f.Close())
		delete(w.files, token)
	}
	return errors.Join(errs...)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// validToken keeps what a database says from naming any other file.
func validToken(token string) bool {
	return token != "" && len(token) <= 100 && strings.Trim(token,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

// makeLocksDir makes the folder of the lock files when it is not there.
func makeLocksDir(dir string) error {
	err := os.Mkdir(dir, dirMode)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return lockError(dir, err)
	}
	fi, err := os.Lstat(dir)
	if err != nil {
		return lockError(dir, err)
	}
	if !fi.IsDir() {
		return refuse(fmt.Sprintf("%s is in the way of the folder for lock files", core.QuotePath(dir)),
			core.ShellQuote("ls", "-ld", dir), nil)
	}
	return nil
}

func lockError(path string, err error) error {
	return refuse(fmt.Sprintf("the lock file %s cannot be used", core.QuotePath(path)),
		core.ShellQuote("ls", "-ld", filepath.Dir(path)), err)
}
