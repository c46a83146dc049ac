package infile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/batchctl/batchctl/internal/core"
)

// Compressions of a file.
const (
	CompressionAuto = "auto" // by the end of the name: .gz, .zst; else none
	CompressionNone = "none"
	CompressionGzip = "gzip"
	CompressionZstd = "zstd"
)

// DefaultMaxRatio is how many bytes one byte of a packed file may unpack to where
// Options say nothing. Text with little in it packs to a hundredth.
const DefaultMaxRatio = 250

const (
	// freeOfRatio is how much may be unpacked before the ratio is looked at.
	freeOfRatio = 16 << 20
	// maxWindow bounds the memory that unpacking Zstandard takes.
	maxWindow = 32 << 20
)

// Options say how the bytes of a file become the bytes that positions count.
type Options struct {
	// Compression is one of the constants; CompressionAuto when empty.
	Compression string
	// Charset is the encoding of the text; UTF-8 when it is the zero value.
	Charset Charset
	// MaxRatio is how many bytes one byte of a packed file may unpack to;
	// DefaultMaxRatio when 0, and negative for no limit.
	MaxRatio int64
	// MaxUnpacked is how many bytes a packed file may unpack to in all; 0 means
	// no limit.
	MaxUnpacked int64
}

// CompressionOf returns how the file of that path is packed where how is said:
// CompressionAuto, which is the same as nothing, goes by the path.
func CompressionOf(how, path string) string {
	if how != "" && how != CompressionAuto {
		return how
	}
	lower := strings.ToLower(path)
	switch {
	case strings.HasSuffix(lower, ".gz"):
		return CompressionGzip
	case strings.HasSuffix(lower, ".zst"):
		return CompressionZstd
	}
	return CompressionNone
}

// unpacker reads what a file unpacks to, at any offset: forwards as a stream, and
// backwards by beginning again.
type unpacker struct {
	file     *os.File
	path     string
	size     int64 // of the file
	opts     Options
	how      string
	stream   io.Reader // nil before the first read, and after an error
	end      func()    // gives up what stream holds
	raw      *counted
	at       int64 // of stream
	unpacked int64 // bytes before the text is made UTF-8
}

// newUnpacker returns nil for a file that is read as it is.
func newUnpacker(file *os.File, path string, size int64, opts Options) (*unpacker, error) {
	u := &unpacker{file: file, path: path, size: size, opts: opts, how: CompressionOf(opts.Compression, path)}
	switch u.how {
	case CompressionNone:
		if opts.Charset.order == nil {
			return nil, nil
		}
	case CompressionGzip, CompressionZstd:
		if err := checkHead(file, path, u.how, size); err != nil {
			return nil, err
		}
	default:
		return nil, &core.Error{Op: OpenOp(path), Msg: core.Quote(u.how) + " is no compression: want auto, none, gzip or zstd"}
	}
	if opts.MaxRatio == 0 {
		u.opts.MaxRatio = DefaultMaxRatio
	}
	return u, nil
}

// counted counts the bytes of the file, and keeps its error apart from those of
// what unpacks it.
type counted struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// ReadAt implements io.ReaderAt.
func (u *unpacker) ReadAt(p []byte, offset int64) (n int, err error) {
	if u.stream == nil || offset < u.at {
		if err := u.rewind(); err != nil {
			return 0, u.failed(err)
		}
	}
	for u.at < offset {
		skipped, err := io.CopyN(io.Discard, readerFunc(u.read), offset-u.at)
		if err != nil && skipped == 0 {
			return 0, u.failed(err)
		}
	}
	for n < len(p) && err == nil {
		var m int
		m, err = u.read(p[n:])
		n += m
	}
	if n == len(p) {
		return n, nil
	}
	return n, u.failed(err)
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func (u *unpacker) read(p []byte) (int, error) {
	n, err := u.stream.Read(p)
	u.at += int64(n)
	return n, err
}

// rewind begins at the beginning.
func (u *unpacker) rewind() error {
	u.close()
	u.at, u.unpacked = 0, 0
	u.raw = &counted{r: io.NewSectionReader(u.file, 0, u.size)}
	stream := io.Reader(u.raw)
	switch u.how {
	case CompressionGzip:
		z, err := newMembers(u.raw, u.path, u.size)
		if err != nil {
			return err
		}
		stream = z
	case CompressionZstd:
		z, err := zstd.NewReader(stream, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return noEOF(err)
		}
		stream, u.end = z, z.Close
	}
	if u.how != CompressionNone {
		packed := stream
		stream = readerFunc(func(p []byte) (int, error) {
			n, err := packed.Read(p)
			u.unpacked += int64(n)
			if over := u.bounds(); over != nil {
				return 0, over
			}
			return n, err
		})
	}
	if order := u.opts.Charset.order; order != nil {
		stream = newUTF16(stream, order)
	}
	u.stream = stream
	return nil
}

// noEOF makes the end of a file that has not even a head an error.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// bounds refuses what unpacks to too much.
func (u *unpacker) bounds() error {
	most, ratio := u.opts.MaxUnpacked, u.opts.MaxRatio
	switch {
	case most > 0 && u.unpacked > most:
		return &core.Error{
			Op: u.op(), Msg: fmt.Sprintf("it unpacks to more than %d bytes, which is the limit", most),
			Hint: "look at the file; raise the limit if it is right",
		}
	case ratio > 0 && u.unpacked > freeOfRatio && u.unpacked/ratio > u.raw.n:
		return &core.Error{
			Op: u.op(), Msg: fmt.Sprintf("%d bytes of it unpack to %d: more than %d times as many, which is the limit", u.raw.n, u.unpacked, ratio),
			Hint: "look at the file; raise max-ratio if it is right",
		}
	}
	return nil
}

func (u *unpacker) op() string { return "read input " + core.EscapeControl(u.path) }

// failed says what an error means, and gives the stream up unless it has ended.
func (u *unpacker) failed(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	if u.raw.err != nil {
		err = u.raw.err
		u.close()
		return err
	}
	at := u.at
	u.close()
	var known *core.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &core.Error{
			Op: u.op(), Msg: fmt.Sprintf("the %s data ends too early, behind %d bytes unpacked: the file is cut off", u.how, at),
			Hint: "have the whole file sent again, then restart: it goes on at the last commit",
		}
	case errors.Is(err, zstd.ErrMagicMismatch): // not at the beginning: checkHead has looked there
		return &core.Error{
			Op: u.op(), Msg: fmt.Sprintf("behind the zstd data, %d bytes unpacked, something follows that is none", at), Err: err,
			Hint: "have the file sent again, then restart: it goes on at the last commit",
		}
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return &core.Error{
			Op: u.op(), Msg: fmt.Sprintf("to unpack it takes a window of more than %d bytes, which is the limit", maxWindow), Err: err,
			Hint: "have it packed without --long or --ultra",
		}
	}
	return &core.Error{
		Op: u.op(), Msg: fmt.Sprintf("it is no sound %s data, behind %d bytes unpacked", u.how, at), Err: err,
		Hint: "file " + core.ShellQuote(u.path) + " says what it is",
	}
}

func (u *unpacker) close() {
	if u == nil {
		return
	}
	if u.end != nil {
		u.end()
	}
	u.stream, u.end = nil, nil
}

// Magic numbers of packed files, for an error that says what a file is.
var (
	magicGzip = []byte{0x1f, 0x8b}
	magicZstd = []byte{0x28, 0xb5, 0x2f, 0xfd}
	magicSkip = []byte{0x2a, 0x4d, 0x18} // behind a byte 0x5?: a Zstandard frame to pass over
)

// PackedHint returns the compression that head, the beginning of a file, is of;
// "" when it is of none that is known.
func PackedHint(head []byte) string {
	switch {
	case bytes.HasPrefix(head, magicGzip):
		return CompressionGzip
	case bytes.HasPrefix(head, magicZstd), len(head) > 3 && head[0]&0xf0 == 0x50 && bytes.HasPrefix(head[1:], magicSkip):
		return CompressionZstd
	}
	return ""
}
