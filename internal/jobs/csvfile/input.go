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
	info fs.FileInfo // as it was at open
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
	in := &input{path: path, file: f, info: opened, buf: make([]byte, blockSize)}
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

// more makes the window longer. It returns io.EOF at the end of the file.
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
	n, err := in.file.Read(in.buf[in.w:])
	in.w += n
	switch {
	case in.base+int64(in.w) > in.info.Size():
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
		return &core.Error{Op: "read input " + core.EscapeControl(in.path), Err: err}
	}
	return io.ErrNoProgress
}

// checkUnchanged compares the file under the path with the one that was opened.
func (in *input) checkUnchanged() error {
	now, err := os.Stat(in.path)
	switch {
	case err != nil:
		return in.changed("%v", err)
	case !os.SameFile(now, in.info):
		return in.changed("another file has its name now")
	case now.Size() != in.info.Size() || in.base+int64(in.w) != now.Size():
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

// seek verifies that the first offset bytes have that checksum, and goes on
// behind them. It is called before anything but a header was consumed.
func (in *input) seek(ctx context.Context, offset int64, checksum uint32) error {
	if in.info.Size() < offset {
		return in.mismatch(fmt.Sprintf("the last commit read %d bytes, the file has %d now", offset, in.info.Size()))
	}
	if _, err := in.file.Seek(0, io.SeekStart); err != nil {
		return &core.Error{Op: openOp(in.path), Err: err}
	}
	crc, left := uint32(0), offset
	for left > 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := in.file.Read(in.buf[:min(left, int64(len(in.buf)))])
		crc, left = crc32c(crc, in.buf[:n]), left-int64(n)
		if err != nil {
			return &core.Error{Op: openOp(in.path), Msg: fmt.Sprintf("compare the first %d bytes", offset), Err: err}
		}
	}
	if crc != checksum {
		return in.mismatch(fmt.Sprintf("the first %d bytes changed since the last commit: crc32c %08x then, %08x now", offset, checksum, crc))
	}
	in.base, in.r, in.w, in.eof = offset, 0, 0, false
	in.crc, in.hashed = crc, 0
	in.resetMarks()
	return nil
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
