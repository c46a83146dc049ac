package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// bootID returns the kernel's random name of this boot, or "".
func bootID() string { return readLine("/proc/sys/kernel/random/boot_id") }

// machineID returns the installation's id, or "".
func machineID() string { return readLine("/etc/machine-id") }

func readLine(path string) string {
	b, err := os.ReadFile(path) //nolint:gosec // one of the names above
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// processStart returns when the process began, in clock ticks since boot,
// followed by its pid namespace: a number alone means nothing in another
// container. "" when it cannot be told.
func processStart(pid int) string {
	_, ticks, ok := processStat(pid)
	if !ok {
		return ""
	}
	return ticks + " " + pidNamespace()
}

// pidNamespace names the namespace in which this process sees pids, or "".
func pidNamespace() string {
	ns, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return ns
}

// processStat returns the state letter and the start time of a process.
func processStat(pid int) (state, ticks string, ok bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", "", false
	}
	// The name, in parentheses, may hold anything, also spaces and parentheses.
	_, rest, found := bytes.Cut(b[max(0, bytes.LastIndexByte(b, ')')):], []byte(") "))
	fields := strings.Fields(string(rest))
	const start = 22 - 3 // fields are numbered from 1, and the state is the third
	if !found || len(fields) <= start {
		return "", "", false
	}
	return fields[0], fields[start], true
}

// networkMagics are the file systems that are shared between hosts.
var networkMagics = map[int64]string{
	0x6969:     "NFS",
	0x517B:     "SMB",
	0xFF534D42: "CIFS",
	0xFE534D42: "SMB2",
	0x01021997: "9p",
	0x5346414F: "AFS",
	0x6B414653: "AFS",
	0x73757245: "Coda",
	0x00C36400: "Ceph",
	0x0BD00BD0: "Lustre",
	0x47504653: "GPFS",
	0x01161970: "GFS2",
	0x7461636F: "OCFS2",
	0x19830326: "BeeGFS",
}

// fuseMagic is that of every file system in user space, near or far.
const fuseMagic = 0x65735546

// networkType returns the name of a file system that does not do for WAL.
// fuseType is asked for the kind only where the magic number is FUSE's.
func networkType(magic int64, fuseType func() string) (name string, network bool) {
	if name, network = networkMagics[magic&0xFFFFFFFF]; network {
		return name, true
	}
	if magic&0xFFFFFFFF != fuseMagic {
		return "", false
	}
	kind := strings.TrimPrefix(fuseType(), "fuse.")
	for _, remote := range []string{
		"virtiofs", "sshfs", "glusterfs", "ceph", "s3fs", "rclone", "gcsfuse", "goofys", "mount-s3",
		"davfs", "curlftpfs", "nfs", "smb", "moosefs", "mfs", "juicefs", "seaweedfs", "blobfuse", "vmhgfs", "grpcfuse",
	} {
		if strings.HasPrefix(strings.ToLower(kind), remote) {
			return kind, true
		}
	}
	return "", false
}

// networkFileSystem tells whether the directory is on a file system that is
// shared between hosts.
func networkFileSystem(dir string) (name string, network bool) {
	var st unix.Statfs_t
	if err := ignoringEINTR(func() error { return unix.Statfs(dir, &st) }); err != nil {
		return "", false // opening will say what is wrong
	}
	return networkType(int64(st.Type), func() string { return mountType(dir) }) //nolint:unconvert // int32 on some platforms
}

// mountType returns the type of the file system that holds dir, as the mount
// table calls it, or "".
func mountType(dir string) string {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	kind, longest := "", -1
	for line := range strings.Lines(string(table)) {
		// 36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw
		before, after, ok := strings.Cut(line, " - ")
		fields, types := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(types) == 0 {
			continue
		}
		point := unescapeMount(fields[4])
		rel, err := filepath.Rel(point, dir)
		if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
			continue
		}
		if len(point) >= longest { // a later mount covers an earlier one
			kind, longest = types[0], len(point)
		}
	}
	return kind
}

// unescapeMount undoes the octal escapes of the mount table.
func unescapeMount(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// renameNew renames a file and fails when the new name is taken.
func renameNew(from, to string) error {
	err := ignoringEINTR(func() error {
		return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	})
	switch {
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS): // the file system cannot do it
		return linkNew(from, to)
	case err != nil:
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// Where SQLite puts its write locks: byte 120 of the -shm in WAL mode, the
// pending, reserved and shared bytes of the database itself otherwise.
const (
	walWriteLock = 120
	pendingByte  = 0x40000000
	sharedEnd    = pendingByte + 2 + 510
)

// lockHolders returns the other processes that hold a write lock on the
// database, as far as the kernel tells. The kernel's table is read in pieces
// and misses an entry when others come and go meanwhile, so look again.
func lockHolders(path string) []holder {
	const looks = 5
	for range looks {
		if found := lookForHolders(path); len(found) > 0 {
			return found
		}
	}
	return nil
}

func lookForHolders(path string) []holder {
	table, err := os.ReadFile("/proc/locks")
	if err != nil {
		return nil
	}
	shm, main := inodeOf(path+"-shm"), inodeOf(path)
	var found []holder
	for line := range strings.Lines(string(table)) {
		pid, inode, first, last, ok := parseLock(line)
		if !ok || pid <= 0 || pid == os.Getpid() {
			continue
		}
		inWAL := inode == shm && first <= walWriteLock && last >= walWriteLock
		inMain := inode == main && first <= sharedEnd && last >= pendingByte
		seen := slices.ContainsFunc(found, func(h holder) bool { return h.pid == pid })
		if (inWAL || inMain) && inode != 0 && !seen {
			found = append(found, holder{pid: pid, name: readLine(fmt.Sprintf("/proc/%d/comm", pid))})
		}
	}
	return found
}

// parseLock reads one line of /proc/locks that describes a POSIX write lock:
//
//	1: POSIX  ADVISORY  WRITE 4711 08:01:123456 120 120
func parseLock(line string) (pid int, inode uint64, first, last int64, ok bool) {
	f := strings.Fields(line)
	if len(f) != 8 || f[1] != "POSIX" || f[3] != "WRITE" {
		return 0, 0, 0, 0, false
	}
	file := strings.Split(f[5], ":")
	pid, errPID := strconv.Atoi(f[4])
	inode, errInode := strconv.ParseUint(file[len(file)-1], 10, 64)
	first, errFirst := strconv.ParseInt(f[6], 10, 64)
	last, errLast := strconv.ParseInt(strings.Replace(f[7], "EOF", "9223372036854775807", 1), 10, 64)
	if errPID != nil || errInode != nil || errFirst != nil || errLast != nil {
		return 0, 0, 0, 0, false
	}
	return pid, inode, first, last, true
}

func inodeOf(path string) uint64 {
	fi, err := os.Stat(path)
	if err != nil {
		return 0
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return st.Ino
}
