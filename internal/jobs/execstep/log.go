package execstep

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// bounds say how much of an output is kept.
type bounds struct {
	head, tail int64
	// slack is how much of the middle gathers before it is given back.
	slack int64
	// gather is the same on a file system that cannot give back the middle of a
	// file: then the tail has to be moved.
	gather int64
}

// page is what every file system's unit of storage is a multiple or a part of.
const page = 4096

func defaultBounds() bounds {
	return bounds{head: 1 << 20, tail: 1 << 20, slack: 1 << 20, gather: 64 << 20}
}

// logFile is the file that a command writes its output to. It is a plain file
// and no pipe, so nobody waits for a process that holds it open, and what is
// written after batchctl's death is kept.
type logFile struct {
	path    string
	child   *os.File // appends; the command has it as stdout and stderr
	own     *os.File
	keep    bounds
	freed   int64 // up to here the middle was given back
	dropped int64 // bytes that are left out
	atLeast bool  // some of them could not be counted
	moving  bool  // the file system cannot give back the middle

	mask func(string) string // takes secrets out; may be nil
}

// trimEvery is how often the log of a command that runs is looked at.
const trimEvery = 50 * time.Millisecond

// maxLogs bounds how many logs of one name are kept beside each other.
const maxLogs = 1000

// createLog makes the log of an execution of a step: JOB/EXECUTION-STEP.log
// below dir, with a number before the dot when there is one already, as there is
// when two repositories share the folder. It never touches one that is there.
func createLog(dir, job, step string, execution int64, keep bounds) (*logFile, error) {
	dir = filepath.Join(dir, plainName(job))
	if err := makeLogDir(dir); err != nil {
		return nil, err
	}
	base := filepath.Join(dir, strconv.FormatInt(execution, 10)+"-"+plainName(step))
	for n := 1; n <= maxLogs; n++ {
		path := base + ".log"
		if n > 1 {
			path = base + "." + strconv.Itoa(n) + ".log"
		}
		child, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the name is made plain above
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, logError(path, err)
		}
		own, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // it was made just now
		if err != nil {
			return nil, errors.Join(logError(path, err), child.Close())
		}
		return &logFile{path: path, child: child, own: own, keep: keep}, nil
	}
	return nil, &core.Error{
		Msg:  fmt.Sprintf("there are %d logs of the name %s already", maxLogs, core.QuotePath(base+".log")),
		Hint: core.ShellQuote("ls", "-l", dir),
	}
}

func makeLogDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return logError(dir, err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return logError(dir, err)
	}
	if info.Mode().Perm()&0o022 != 0 && info.Mode()&os.ModeSticky == 0 {
		return &core.Error{
			Msg:  "the folder for logs " + core.QuotePath(dir) + " can be written by others",
			Hint: core.ShellQuote("chmod", "go-w", dir),
		}
	}
	return nil
}

func logError(path string, err error) error {
	return &core.Error{
		Msg:  "the log " + core.QuotePath(path) + " cannot be written",
		Hint: "BATCHCTL_LOG_DIR names another folder", Err: withoutPath(err),
	}
}

// maxPlainName bounds a part of a file name, in bytes.
const maxPlainName = 100

// plainName makes a name that is a file name everywhere and none with a meaning.
func plainName(name string) string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '-', r == '_':
			return r
		}
		return '_'
	}, name)
	plain = plain[:min(len(plain), maxPlainName)]
	if strings.Trim(plain, ".") == "" || plain[0] == '.' {
		plain = "_" + plain
	}
	return plain
}

// trim gives the middle of a long output back to the file system. It is called
// again and again while the command runs: a command that writes without end
// costs what it writes between two calls, and 2 MiB.
func (l *logFile) trim() error {
	info, err := l.own.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	l.freed = min(l.freed, size/page*page) // the command may have truncated it
	from := max(l.freed, l.keep.head)
	until := (size - l.keep.tail) / page * page
	if !l.moving && until-from >= l.keep.slack {
		if err := punch(l.own, from, until-from); err == nil {
			l.freed = until
			return nil
		}
		l.moving = true
	}
	if l.moving && size >= l.keep.head+l.keep.tail+l.keep.gather {
		l.atLeast = true // what comes between the look and the cut is lost
		return l.cut("")
	}
	return nil
}

// finish leaves a file of the head, a line that says how much is left out, and
// the tail, without secrets. A process that still has the file goes on at its
// end.
func (l *logFile) finish() error { return errors.Join(l.fold(), l.hideSecrets()) }

func (l *logFile) fold() error {
	info, err := l.own.Stat()
	if err != nil {
		return err
	}
	over := info.Size() - l.keep.head - l.keep.tail
	if over <= 0 && l.dropped == 0 {
		return nil
	}
	atLeast := ""
	if l.atLeast {
		atLeast = "at least "
	}
	return l.cut(fmt.Sprintf("\n[... %s%d bytes are left out here ...]\n", atLeast, l.dropped+max(over, 0)))
}

// cut moves the tail behind the head and note.
func (l *logFile) cut(note string) error {
	info, err := l.own.Stat()
	if err != nil {
		return err
	}
	tail := make([]byte, max(0, min(l.keep.tail, info.Size()-l.keep.head)))
	start := info.Size() - int64(len(tail))
	if _, err := l.own.ReadAt(tail, start); err != nil {
		return err
	}
	l.dropped += max(0, start-l.keep.head)
	at := min(l.keep.head, start)
	if _, err := l.own.WriteAt(append([]byte(note), tail...), at); err != nil {
		return err
	}
	return l.own.Truncate(at + int64(len(note)+len(tail)))
}

// What a message shows of an output.
const (
	lastLines    = 8
	lastBytes    = 8 << 10
	maxLastLine  = 200 // characters
	lastLinesSep = " | "
)

// last returns the last lines that are not empty, on one line and harmless to a
// terminal; "" when there are none.
func (l *logFile) last() string {
	info, err := l.own.Stat()
	if err != nil {
		return ""
	}
	text := make([]byte, min(lastBytes, info.Size()))
	start := info.Size() - int64(len(text))
	if _, err := l.own.ReadAt(text, start); err != nil {
		return ""
	}
	if start > 0 { // the first line of a piece is not whole, unless it is all there is
		if _, rest, more := bytes.Cut(text, []byte("\n")); more && len(rest) > 0 {
			text = rest
		}
	}
	var lines []string
	for line := range bytes.Lines(text) {
		shown := strings.TrimSpace(string(line))
		if shown == "" {
			continue
		}
		lines = append(lines, shorten(core.EscapeControl(shown)))
	}
	return strings.Join(lines[max(0, len(lines)-lastLines):], lastLinesSep)
}

func shorten(line string) string {
	runes := []rune(line)
	if len(runes) <= maxLastLine {
		return line
	}
	return string(runes[:maxLastLine]) + "..."
}

func (l *logFile) close() error { return errors.Join(l.hideSecrets(), l.child.Close(), l.own.Close()) }

// LogDir returns the folder below which outputs are kept where Config does not
// say: $BATCHCTL_LOG_DIR, else $XDG_STATE_HOME/batchctl/logs, else
// ~/.local/state/batchctl/logs. env returns the value of a variable.
func LogDir(env func(name string) string) (string, error) {
	if dir := env("BATCHCTL_LOG_DIR"); dir != "" {
		return dir, nil
	}
	if state := env("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "batchctl", "logs"), nil
	}
	if home := env("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "batchctl", "logs"), nil
	}
	return "", &core.Error{
		Kind: core.ErrJobDefinition, Msg: "exec: there is no folder for the logs: HOME is not set",
		Hint: "set BATCHCTL_LOG_DIR",
	}
}
