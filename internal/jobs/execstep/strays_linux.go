package execstep

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// stray is a process that belongs to a command and has left its group. Its
// descriptor stands for this very process, whoever gets its number later.
type stray struct{ fd int }

func (s stray) signal(sig syscall.Signal) {
	_ = unix.PidfdSendSignal(s.fd, sig, nil, 0) // that it has ended is what we want
}

func (s stray) close() { _ = unix.Close(s.fd) } // nothing can be lost

func (p *process) hasStrays() bool {
	strays := p.strays()
	for _, stray := range strays {
		stray.close()
	}
	return len(strays) > 0
}

// strays finds the processes that carry the command's mark in the environment
// that they were started with and are not in its group. One that has cleared its
// environment and left the group, or belongs to somebody else, is not found.
func (p *process) strays() []stray {
	mark := []byte("\x00" + callVariable + "=" + p.call + "\x00")
	folders, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []stray
	for _, folder := range folders {
		pid, err := strconv.Atoi(folder.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if group, err := unix.Getpgid(pid); err != nil || group == p.pid() {
			continue
		}
		// The descriptor comes first, then the look: so it is the one looked at.
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue
		}
		env, err := os.ReadFile(filepath.Join("/proc", folder.Name(), "environ"))
		if err != nil || !bytes.Contains(append([]byte{0}, env...), mark) {
			_ = unix.Close(fd) // nothing can be lost
			continue
		}
		found = append(found, stray{fd})
	}
	return found
}
