package execstep

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// punch gives the storage of a part of f back and leaves its length.
func punch(f *os.File, from, length int64) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var punchErr error
	err = conn.Control(func(fd uintptr) {
		for {
			punchErr = unix.Fallocate(int(fd), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, from, length)
			if !errors.Is(punchErr, unix.EINTR) {
				return
			}
		}
	})
	return errors.Join(err, punchErr)
}
