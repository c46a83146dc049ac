package infile

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

// Input is a file seen through a window: buf[r:w] is what was read and not
// consumed yet, buf[0] stands at byte base. It is not safe for concurrent use.
type Input struct {
	path   string
	opts   Options
	file   *os.File
	src    io.ReaderAt // file, what unpacks it, or what a test puts before it
	packed *unpacker   // nil for a file that is read as it is
	again  *unpacker   // of Raw
	info   fs.FileInfo // as it was at open
	to     int64       // where reading ends; 0 means the end of the file
	buf    []byte
	r, w   int
	base   int64
	eof    bool
	before byte // the byte before the offset to which Seek went

	crc    uint32 // of all bytes before buf[hashed]
	hashed int
	marks  [3]mark // where the next quote, CR and NUL are
}

// mark remembers where the next occurrence of a byte is, so that a stretch
// without it is searched once and not once a line. Its position is absolute.
type mark struct {
	b        byte
	off      bool
	at       int64 // the next occurrence at or behind from; -1 if none up to searched
	from     int64
	searched int64
}

// The marks that Next looks for.
const (
	MarkQuote = iota
	MarkCR
	MarkNUL
)

// Open opens path for reading from its beginning.
func Open(path string, opts Options) (*Input, error) {
	f, info, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	in := &Input{path: path, opts: opts, file: f, src: f, info: info, buf: make([]byte, blockSize)}
	in.marks = [3]mark{MarkQuote: {b: '"'}, MarkCR: {b: '\r'}, MarkNUL: {b: 0}}
	in.resetMarks()
	if in.packed, err = newUnpacker(f, path, info.Size(), opts); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if in.packed != nil {
		in.src = in.packed
	}
	return in, nil
}

func openRegular(path string) (*os.File, fs.FileInfo, error) {
	op := OpenOp(path)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, &core.Error{Op: op, Err: err, Hint: "ls -l " + core.ShellQuote(path)}
	}
	if err != nil {
		return nil, nil, &core.Error{Op: op, Err: err}
	}
	if !info.Mode().IsRegular() {
		return nil, nil, &core.Error{
			Op: op, Msg: "is " + core.FileKind(info.Mode()) + ", not a regular file",
			Hint: "give a regular file: a restart has to read it again from the middle",
		}
	}
	f, err := os.Open(path) //nolint:gosec // the input that the job is told to read
	if err != nil {
		return nil, nil, &core.Error{Op: op, Err: err}
	}
	opened, err := f.Stat()
	if err == nil && !os.SameFile(info, opened) {
		err = errors.New("replaced while it was opened")
	}
	if err != nil {
		return nil, nil, &core.Error{Op: op, Err: errors.Join(err, f.Close())}
	}
	return f, opened, nil
}

// OpenOp is the Op of an error at the opening of path.
func OpenOp(path string) string { return "open input " + core.EscapeControl(path) }

// Wrap puts something before the file, for a test; nil puts nothing.
func (in *Input) Wrap(source func(io.ReaderAt) io.ReaderAt) {
	if source != nil {
		in.src = source(in.src)
	}
}

// MarkAs makes MarkQuote look for b; off makes it find nothing.
func (in *Input) MarkAs(b byte, off bool) {
	in.marks[MarkQuote].b, in.marks[MarkQuote].off = b, off
}

// Packed reports whether positions are not those of the bytes of the file.
func (in *Input) Packed() bool { return in.packed != nil }

// Size returns the size of the file, as it was at open.
func (in *Input) Size() int64 { return in.info.Size() }

// Path returns the path, as it was given.
func (in *Input) Path() string { return in.path }

// End makes the reading end at an offset, which must not be behind the end.
func (in *Input) End(to int64) { in.to = to }

// Offset returns the position of the next byte to consume.
func (in *Input) Offset() int64 { return in.base + int64(in.r) }

// Window returns what was read and not consumed yet. It stays valid until the
// next More.
func (in *Input) Window() []byte { return in.buf[in.r:in.w] }

// Since returns what was consumed since offset, which the window must still
// hold: More has not been called since.
func (in *Input) Since(offset int64) []byte { return in.buf[offset-in.base : in.r] }

// Consume moves past n bytes of the window.
func (in *Input) Consume(n int) { in.r += n }

// Checksum returns the CRC-32C of everything before Offset.
func (in *Input) Checksum() uint32 {
	if in.hashed < in.r {
		in.crc = crc32c(in.crc, in.buf[in.hashed:in.r])
		in.hashed = in.r
	}
	return in.crc
}

// More makes the window longer. It returns io.EOF at the end of what is to be
// read. After an error of the class core.ClassReadIO the next call tries again.
func (in *Input) More() error {
	if in.eof {
		return io.EOF
	}
	if in.r > 0 && len(in.buf)-in.w < blockSize {
		in.Checksum()
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
	case in.packed == nil && at+int64(n) > in.info.Size():
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
		return in.Failed(fmt.Sprintf("at byte %d", at), err)
	}
	return io.ErrNoProgress
}

// Failed is an error of the file system, unless err says itself that it is
// another.
func (in *Input) Failed(msg string, err error) error {
	if e, ok := errors.AsType[*core.Error](err); ok {
		return e
	}
	return core.Classified(core.ClassReadIO, &core.Error{
		Op: "read input " + core.EscapeControl(in.path), Msg: msg, Err: err,
		Hint: "look for disk errors (dmesg), then restart: it goes on at the last commit",
	})
}

// checkUnchanged compares the file under the path with the one that was opened.
func (in *Input) checkUnchanged() error {
	now, err := os.Stat(in.path)
	switch {
	case err != nil:
		return in.changed("%v", err)
	case !os.SameFile(now, in.info):
		return in.changed("another file has its name now")
	case now.Size() != in.info.Size() || in.to == 0 && in.packed == nil && in.base+int64(in.w) != now.Size():
		return in.changed("it had %d bytes and has %d now", in.info.Size(), now.Size())
	case !now.ModTime().Equal(in.info.ModTime()):
		return in.changed("it was modified at %s", now.ModTime().UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	return nil
}

func (in *Input) changed(format string, args ...any) error {
	return &core.Error{
		Op:   "read input " + core.EscapeControl(in.path),
		Msg:  "the input changed while it was read: " + fmt.Sprintf(format, args...),
		Hint: "let the file be complete before the job starts, then restart",
	}
}

// Next returns the offset in the window of the next byte of that mark before
// end, or -1.
func (in *Input) Next(which, end int) int {
	m := &in.marks[which]
	from, to := in.Offset(), in.base+int64(in.r+end)
	if from < m.from || (m.at >= 0 && m.at < from) || (m.at < 0 && m.searched < to) {
		start := in.r
		if from >= m.from && m.at < 0 && m.searched > from {
			start = int(m.searched - in.base) // no occurrence up to here
		}
		m.from, m.at, m.searched = from, -1, in.base+int64(in.w)
		if i := bytes.IndexByte(in.buf[start:in.w], m.b); i >= 0 && !m.off {
			m.at = in.base + int64(start+i)
		}
	}
	if m.at < 0 || m.at >= to {
		return -1
	}
	return int(m.at - from)
}

func (in *Input) resetMarks() {
	for i := range in.marks {
		in.marks[i].at, in.marks[i].from, in.marks[i].searched = -1, 0, 0
	}
}

// Seek verifies that the bytes between two offsets continue the checksum seed to
// the given one, and goes on behind them. line is the one that stands there, of a
// file that is read from its beginning.
func (in *Input) Seek(ctx context.Context, from int64, seed uint32, offset int64, checksum uint32, line int64) error {
	if in.packed == nil && in.info.Size() < offset {
		return in.Mismatch(fmt.Sprintf("the last commit read %d bytes, the file has %d now", offset, in.info.Size()))
	}
	crc, last := seed, byte(0)
	for at := from; at < offset; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := in.src.ReadAt(in.buf[:min(offset-at, int64(len(in.buf)))], at)
		crc, at = crc32c(crc, in.buf[:n]), at+int64(n)
		if n > 0 {
			last = in.buf[n-1]
		}
		switch {
		case err == nil || at == offset:
		case in.packed != nil && errors.Is(err, io.EOF):
			return in.Mismatch(fmt.Sprintf("the last commit read %d bytes of what the file unpacks to, which has %d now", offset, at))
		default:
			return in.Failed(fmt.Sprintf("compare the first %d bytes", offset), err)
		}
	}
	if crc != checksum {
		what := fmt.Sprintf("what stands before line %d, the first %d bytes,", line, offset)
		if from > 0 {
			what = fmt.Sprintf("the header or the bytes %d to %d", from, offset)
		}
		return in.Mismatch(fmt.Sprintf("%s changed since the last commit: crc32c %08x then, %08x now", what, checksum, crc))
	}
	in.Jump(offset, crc)
	in.before = last
	return nil
}

// LineEnded reports whether a line feed stands before the offset to which Seek
// went.
func (in *Input) LineEnded() bool { return in.before == '\n' }

// ByteAt returns the byte at an offset, which must not be behind the end.
func (in *Input) ByteAt(offset int64) (byte, error) {
	var b [1]byte
	if _, err := in.src.ReadAt(b[:], offset); err != nil {
		return 0, in.Failed(fmt.Sprintf("at byte %d", offset), err)
	}
	return b[0], nil
}

// Jump goes to an offset, before which the checksum is crc.
func (in *Input) Jump(offset int64, crc uint32) {
	in.base, in.r, in.w, in.eof = offset, 0, 0, false
	in.crc, in.hashed, in.before = crc, 0, 0
	in.resetMarks()
}

// Mismatch is the error for a file that is not what a checkpoint says.
func (in *Input) Mismatch(msg string) error {
	return &core.Error{
		Kind: core.ErrCheckpointMismatch, Op: OpenOp(in.path), Msg: msg,
		Hint: "put the part that was read already back as it was, then restart; " +
			"if that is lost, the instance can only be abandoned, and what it has committed stays",
	}
}

// Raw returns up to limit bytes of those at an Origin, which is of this input. It
// returns nil for an Origin without Length, and does not move.
func (in *Input) Raw(o core.Origin, limit int64) ([]byte, error) {
	if o.File != in.path {
		return nil, fmt.Errorf("read input %s: the record is of %s", in.path, core.QuotePath(o.File))
	}
	if o.Length <= 0 || o.Offset < 0 {
		return nil, nil
	}
	src := in.src
	if in.packed != nil {
		if in.again == nil { // one of its own: going back and forth would unpack all of it each time
			var err error
			if in.again, err = newUnpacker(in.file, in.path, in.info.Size(), in.opts); err != nil {
				return nil, err
			}
		}
		src = in.again
	}
	raw := make([]byte, min(o.Length, limit))
	if _, err := src.ReadAt(raw, o.Offset); err != nil {
		return nil, in.Failed(fmt.Sprintf("%d bytes at byte %d", len(raw), o.Offset), err)
	}
	return raw, nil
}

// Close closes the file.
func (in *Input) Close() error {
	in.packed.close()
	in.again.close()
	if err := in.file.Close(); err != nil {
		return fmt.Errorf("close input %s: %w", in.path, err)
	}
	return nil
}
