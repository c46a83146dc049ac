package csvfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"

	"github.com/batchctl/batchctl/internal/core"
)

// blockSize is how much is read at a time.
const blockSize = 128 << 10

// crc32c continues a CRC-32C. The table is made at the first call, not at the
// start of every program that could read such a file.
func crc32c(crc uint32, p []byte) uint32 {
	return crc32.Update(crc, crc32.MakeTable(crc32.Castagnoli), p)
}

// input is a file seen through a window: buf[r:w] is what was read and not
// consumed yet, buf[0] stands at byte base of the file.
type input struct {
	path string
	file *os.File
	src  io.ReaderAt // file, or what a test puts before it
	info fs.FileInfo // as it was at open
	to   int64       // where reading ends; 0 means the end of the file
	buf  []byte
	r, w int
	base int64
	eof  bool

	crc    uint32 // of all bytes before buf[hashed]
	hashed int
	marks  [3]mark // where the next quote, CR and NUL are
}

// mark remembers where the next occurrence of a byte is, so that a stretch
// without it is searched once and not once a line. Its position is absolute.
type mark struct {
	b        byte
	at       int64 // the next occurrence at or behind from; -1 if none up to searched
	from     int64
	searched int64
}

const (
	markQuote = iota
	markCR
	markNUL
)

// openInput opens path for reading from its beginning.
func openInput(path string) (*input, error) {
	op := openOp(path)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &core.Error{Op: op, Err: err, Hint: "ls -l " + core.ShellQuote(path)}
	}
	if err != nil {
		return nil, &core.Error{Op: op, Err: err}
	}
	if !info.Mode().IsRegular() {
		return nil, &core.Error{
			Op: op, Msg: "is " + core.FileKind(info.Mode()) + ", not a regular file",
			Hint: "give a regular file: a restart has to read it again from the middle",
		}
	}
	f, err := os.Open(path) //nolint:gosec // the input that the job is told to read
	if err != nil {
		return nil, &core.Error{Op: op, Err: err}
	}
	opened, err := f.Stat()
	if err == nil && !os.SameFile(info, opened) {
		err = errors.New("replaced while it was opened")
	}
	if err != nil {
		return nil, &core.Error{Op: op, Err: errors.Join(err, f.Close())}
	}
	in := &input{path: path, file: f, src: f, info: opened, buf: make([]byte, blockSize)}
	in.marks = [3]mark{markQuote: {b: '"'}, markCR: {b: '\r'}, markNUL: {b: 0}}
	in.resetMarks()
	return in, nil
}

func openOp(path string) string { return "open input " + core.EscapeControl(path) }

// offset returns the position in the file of the next byte to consume.
func (in *input) offset() int64 { return in.base + int64(in.r) }

// window returns what was read and not consumed yet. It stays valid until the
// next more.
func (in *input) window() []byte { return in.buf[in.r:in.w] }

// consume moves past n bytes of the window.
func (in *input) consume(n int) { in.r += n }

// checksum returns the CRC-32C of everything before offset.
func (in *input) checksum() uint32 {
	if in.hashed < in.r {
		in.crc = crc32c(in.crc, in.buf[in.hashed:in.r])
		in.hashed = in.r
	}
	return in.crc
}

// more makes the window longer. It returns io.EOF at the end of what is to be
// read. After an error of the class core.ClassReadIO the next call tries again.
func (in *input) more() error {
	if in.eof {
		return io.EOF
	}
	if in.r > 0 && len(in.buf)-in.w < blockSize {
		in.checksum()
		copy(in.buf, in.buf[in.r:in.w])
		in.base, in.w = in.base+int64(in.r), in.w-in.r
		in.r, in.hashed = 0, 0
	}
	if in.w == len(in.buf) {
		in.buf = append(in.buf, make([]byte, len(in.buf))...)
	}
	end, at := len(in.buf), in.base+int64(in.w)
	if in.to > 0 {
		end = int(min(int64(end), in.to-in.base))
	}
	n, err := 0, io.EOF
	if in.w < end {
		n, err = in.src.ReadAt(in.buf[in.w:end], at)
		in.w += n
	}
	switch {
	case at+int64(n) > in.info.Size():
		return in.changed("it grew beyond the %d bytes that it had", in.info.Size())
	case n > 0:
		return nil
	case errors.Is(err, io.EOF):
		in.eof = true
		if err := in.checkUnchanged(); err != nil {
			return err
		}
		return io.EOF
	case err != nil:
		return in.failed(fmt.Sprintf("at byte %d", at), err)
	}
	return io.ErrNoProgress
}

// failed is an error of the file system.
func (in *input) failed(msg string, err error) error {
	return core.Classified(core.ClassReadIO, &core.Error{
		Op: "read input " + core.EscapeControl(in.path), Msg: msg, Err: err,
		Hint: "look for disk errors (dmesg), then restart: it goes on at the last commit",
	})
}

// checkUnchanged compares the file under the path with the one that was opened.
func (in *input) checkUnchanged() error {
	now, err := os.Stat(in.path)
	switch {
	case err != nil:
		return in.changed("%v", err)
	case !os.SameFile(now, in.info):
		return in.changed("another file has its name now")
	case now.Size() != in.info.Size() || in.to == 0 && in.base+int64(in.w) != now.Size():
		return in.changed("it had %d bytes and has %d now", in.info.Size(), now.Size())
	case !now.ModTime().Equal(in.info.ModTime()):
		return in.changed("it was modified at %s", now.ModTime().UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	return nil
}

func (in *input) changed(format string, args ...any) error {
	return &core.Error{
		Op:   "read input " + core.EscapeControl(in.path),
		Msg:  "the input changed while it was read: " + fmt.Sprintf(format, args...),
		Hint: "let the file be complete before the job starts, then restart",
	}
}

// next returns the offset in the window of the next byte of that mark before
// end, or -1.
func (in *input) next(which, end int) int {
	m := &in.marks[which]
	from, to := in.offset(), in.base+int64(in.r+end)
	if from < m.from || (m.at >= 0 && m.at < from) || (m.at < 0 && m.searched < to) {
		start := in.r
		if from >= m.from && m.at < 0 && m.searched > from {
			start = int(m.searched - in.base) // no occurrence up to here
		}
		m.from, m.at, m.searched = from, -1, in.base+int64(in.w)
		if i := bytes.IndexByte(in.buf[start:in.w], m.b); i >= 0 {
			m.at = in.base + int64(start+i)
		}
	}
	if m.at < 0 || m.at >= to {
		return -1
	}
	return int(m.at - from)
}

func (in *input) resetMarks() {
	for i := range in.marks {
		in.marks[i].at, in.marks[i].from, in.marks[i].searched = -1, 0, 0
	}
}

// seek verifies that the bytes between two offsets continue the checksum seed to
// the given one, and goes on behind them.
func (in *input) seek(ctx context.Context, from int64, seed uint32, offset int64, checksum uint32) error {
	if in.info.Size() < offset {
		return in.mismatch(fmt.Sprintf("the last commit read %d bytes, the file has %d now", offset, in.info.Size()))
	}
	crc := seed
	for at := from; at < offset; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := in.src.ReadAt(in.buf[:min(offset-at, int64(len(in.buf)))], at)
		crc, at = crc32c(crc, in.buf[:n]), at+int64(n)
		if err != nil && at < offset {
			return in.failed(fmt.Sprintf("compare the first %d bytes", offset), err)
		}
	}
	if crc != checksum {
		what := fmt.Sprintf("the first %d bytes", offset)
		if from > 0 {
			what = fmt.Sprintf("the header or the bytes %d to %d", from, offset)
		}
		return in.mismatch(fmt.Sprintf("%s changed since the last commit: crc32c %08x then, %08x now", what, checksum, crc))
	}
	in.jump(offset, crc)
	return nil
}

// jump goes to an offset, before which the checksum is crc.
func (in *input) jump(offset int64, crc uint32) {
	in.base, in.r, in.w, in.eof = offset, 0, 0, false
	in.crc, in.hashed = crc, 0
	in.resetMarks()
}

func (in *input) mismatch(msg string) error {
	return &core.Error{
		Kind: core.ErrCheckpointMismatch, Op: openOp(in.path), Msg: msg,
		Hint: "put the part that was read already back as it was, then restart",
	}
}

// close closes the file.
func (in *input) close() error {
	if err := in.file.Close(); err != nil {
		return fmt.Errorf("close input %s: %w", in.path, err)
	}
	return nil
}
