//go:build unix

package launch

import (
	"io/fs"
	"os"
	"syscall"
)

// openSecret opens a file for reading, and does not wait for the other end of
// what turns out to be a pipe.
func openSecret(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:gosec // it is the file that the parameter names
}

// isOurs reports whether the file belongs to the user that this process acts as.
func isOurs(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
