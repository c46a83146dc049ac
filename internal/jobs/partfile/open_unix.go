//go:build unix

package partfile

import (
	"errors"
	"os"
	"syscall"
)

// noFollow makes opening a symbolic link fail.
const noFollow = syscall.O_NOFOLLOW

// lock takes the exclusive lock on f, which ends with f. It does not wait.
func lock(f *os.File) (taken bool, err error) {
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, os.NewSyscallError("flock", err)
		}
	}
}

// beginsWith reports whether the file at path begins with text. If it does, the
// file stays open until the process ends: it may be a database that this
// process has open, the repository for one, and closing any descriptor of a file
// drops all POSIX locks that the process has on it.
func beginsWith(path, text string) (bool, error) {
	fd, err := uninterrupted(func() (int, error) {
		return syscall.Open(path, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	})
	if err != nil {
		return false, &os.PathError{Op: "open", Path: path, Err: err}
	}
	head := make([]byte, len(text))
	n, err := uninterrupted(func() (int, error) { return syscall.Pread(fd, head, 0) })
	if err == nil && string(head[:n]) == text {
		return true, nil
	}
	if closing := syscall.Close(fd); err == nil {
		err = closing
	}
	if err != nil {
		return false, &os.PathError{Op: "read", Path: path, Err: err}
	}
	return false, nil
}

// uninterrupted calls again what a signal has interrupted.
func uninterrupted(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}
