package infile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/batchctl/batchctl/internal/core"
)

const (
	// DefaultMaxRecord is the length of the longest line where nobody says.
	DefaultMaxRecord = 16 << 20
	// maxRaw is how much of a record goes into an error, or comes out of Raw.
	maxRaw = 64 << 10
)

// LinesConfig says what a LineReader reads.
type LinesConfig struct {
	// Path is the file. It must be a regular file: a restart reads it again.
	Path string
	// Options say how it is packed and encoded. A line is handed on as it is in
	// the file, but UTF-16, which is UTF-8 by then.
	Options Options
	// MaxRecord is the length of the longest line, in bytes; DefaultMaxRecord
	// when 0.
	MaxRecord int
	// SkipLines are lines to pass over at the beginning.
	SkipLines int
	// Comment, unless it is empty, begins lines that are passed over.
	Comment string
	// AllowMissing takes a file that is not there for one without records.
	AllowMissing bool
	// Name is the prefix of the keys in the step's context. Two readers of one
	// step need two names.
	Name string
}

// Line is a line of a file, without its line end. It is valid until the function
// that got it returns.
type Line struct {
	Text   []byte
	Origin core.Origin
}

// Error returns an error about a column of the record in l, with its value; an
// empty column means the record as a whole, and a nil value none.
func (l Line) Error(column string, value []byte, msg string) *core.ItemError {
	const clipped = 512 // an error shows less
	e := &core.ItemError{
		File: l.Origin.File, Line: l.Origin.Line, Record: l.Origin.Record, Offset: l.Origin.Offset,
		Column: column, Class: core.ClassReadParse, Msg: msg,
		Raw: bytes.Clone(l.Text[:min(len(l.Text), maxRaw)]),
	}
	if value != nil {
		e.Value, e.HasValue = string(value[:min(len(value), clipped)]), true
	}
	return e
}

// LineReader reads a file whose records are lines. Lines end with LF or CRLF; a
// line without anything, or with blanks only, is passed over; the last one needs
// no end. It is not safe for concurrent use.
type LineReader[T any] struct {
	cfg     LinesConfig
	parse   func(line Line, item *T) error
	in      *Input
	record  int64
	line    int // on which the next record begins
	missing bool
	err     error // what every further Read returns
}

var (
	_ core.ItemReader[int] = (*LineReader[int])(nil)
	_ core.ItemStream      = (*LineReader[int])(nil)
	_ core.RawReader       = (*LineReader[int])(nil)
)

// NewLineReader returns a reader that calls parse to make an item, which is zero
// then, of each line. What parse returns stands for the one record, as an item
// error, and the next call goes on behind it.
func NewLineReader[T any](cfg LinesConfig, parse func(line Line, item *T) error) *LineReader[T] {
	if cfg.MaxRecord <= 0 {
		cfg.MaxRecord = DefaultMaxRecord
	}
	return &LineReader[T]{cfg: cfg, parse: parse}
}

// Open implements core.ItemStream. On a restart it compares what was read before
// with what the file holds now.
func (r *LineReader[T]) Open(ctx context.Context, ec core.ExecutionContext) error {
	at, err := Numbers(ec, r.cfg.Name, KeyOffset, KeyCRC, KeyRecord, KeyLine)
	if err != nil {
		return Damaged(OpenOp(r.cfg.Path), err)
	}
	in, err := Open(r.cfg.Path, r.cfg.Options)
	if r.cfg.AllowMissing && at == nil && errors.Is(err, fs.ErrNotExist) {
		r.missing, r.err = true, io.EOF
		return nil
	}
	if err != nil {
		return err
	}
	r.in, r.record, r.line, r.missing, r.err = in, 0, 1, false, nil
	if at != nil && at[0] > 0 {
		return r.resume(ctx, at)
	}
	if err := r.skipMark(); err != nil {
		return err
	}
	for range r.cfg.SkipLines {
		line, size, err := r.nextLine()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errTooLong):
			return &core.Error{Op: OpenOp(r.cfg.Path), Msg: fmt.Sprintf(
				"line %d, which is to be skipped, is longer than %d bytes", r.line, len(line))}
		case err != nil:
			return err
		}
		r.pass(size)
	}
	return nil
}

// skipMark drops a byte order mark, and refuses a file that is no text.
func (r *LineReader[T]) skipMark() error {
	for len(r.in.Window()) < 4 {
		if err := r.in.More(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
	}
	win := r.in.Window()
	refuse := func(msg, hint string) error {
		return &core.Error{Op: OpenOp(r.cfg.Path), Msg: msg, Hint: hint}
	}
	switch {
	case bytes.HasPrefix(win, []byte("\xef\xbb\xbf")) && !r.cfg.Options.Charset.Direct():
		return refuse("the file begins with the mark of UTF-8, and is to be read as "+r.cfg.Options.Charset.Name(), "set the encoding to utf-8")
	case bytes.HasPrefix(win, []byte("\xef\xbb\xbf")):
		r.in.Consume(3)
	case !r.cfg.Options.Charset.Direct():
	case bytes.HasPrefix(win, []byte("\xff\xfe")):
		return refuse("the file is UTF-16, and is to be read as UTF-8", UTF16Hint("UTF-16LE", r.cfg.Path))
	case bytes.HasPrefix(win, []byte("\xfe\xff")):
		return refuse("the file is UTF-16, and is to be read as UTF-8", UTF16Hint("UTF-16BE", r.cfg.Path))
	case PackedHint(win) != "":
		return refuse("the file is packed with "+PackedHint(win), "set the compression to "+PackedHint(win))
	}
	return nil
}

// resume goes to the position of an earlier attempt.
func (r *LineReader[T]) resume(ctx context.Context, at []int64) error {
	if err := r.in.Seek(ctx, 0, 0, at[0], uint32(at[1]), at[3]); err != nil { //nolint:gosec // Numbers checks
		return err
	}
	r.record, r.line = at[2], int(at[3])
	if r.in.LineEnded() || r.line == 1 { // in line 1 no more than a byte order mark was passed
		return nil
	}
	// The last line ended with the file. It must not have become longer.
	line, _, err := r.nextLine()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil && !errors.Is(err, errTooLong) {
		return err
	}
	if len(bytes.TrimRight(line, "\r")) > 0 {
		return r.in.Mismatch(fmt.Sprintf("line %d was read as the last one, and text was added to it at byte %d", r.line, at[0]))
	}
	return nil
}

// Checkpoint implements core.ItemStream: the position is behind the last record
// that Read returned or reported.
func (r *LineReader[T]) Checkpoint(ec core.ExecutionContext) error {
	switch {
	case r.missing:
		return nil
	case r.in == nil:
		return fmt.Errorf("checkpoint of input %s: not open", r.cfg.Path)
	}
	ec.Put(r.cfg.Name+KeyOffset, r.in.Offset())
	ec.Put(r.cfg.Name+KeyCRC, int64(r.in.Checksum()))
	ec.Put(r.cfg.Name+KeyRecord, r.record)
	ec.Put(r.cfg.Name+KeyLine, int64(r.line))
	return nil
}

// Close implements core.ItemStream.
func (r *LineReader[T]) Close() error {
	if r.in == nil {
		return nil
	}
	in := r.in
	r.in = nil
	return in.Close()
}

// Raw implements core.RawReader: the bytes of the record, its line end left out,
// cut to 64 KiB.
func (r *LineReader[T]) Raw(o core.Origin) ([]byte, error) {
	if r.in == nil {
		return nil, fmt.Errorf("read input %s: not open", r.cfg.Path)
	}
	return r.in.Raw(o, maxRaw)
}

// Read implements core.ItemReader. An error of the class core.ClassReadIO is the
// file system's, and the next call tries the same again; any other that is no
// *core.ItemError ends the reading. Neither of the two consumes anything.
func (r *LineReader[T]) Read(ctx context.Context, dst []T) (int, error) {
	switch {
	case r.err != nil:
		return 0, r.err
	case r.in == nil:
		return 0, core.Fatal(fmt.Errorf("read input %s: not open", core.EscapeControl(r.cfg.Path))) // of all items, not one
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case len(dst) == 0:
		return 0, io.ErrShortBuffer
	}
	for n := range dst {
		var zero T
		dst[n] = zero
		if err := r.next(&dst[n]); err != nil {
			if _, ok := errors.AsType[*core.ItemError](err); !ok && core.ClassOf(err, "") != core.ClassReadIO {
				r.err = err
			}
			return n, err
		}
	}
	return len(dst), nil
}

// next makes an item of the next line that has anything in it.
func (r *LineReader[T]) next(item *T) error {
	for {
		text, size, err := r.nextLine()
		if errors.Is(err, errTooLong) {
			return r.tooLong()
		}
		if err != nil {
			return err
		}
		text = bytes.TrimSuffix(text, []byte{'\r'})
		if len(bytes.Trim(text, " \t\r")) == 0 || r.cfg.Comment != "" && bytes.HasPrefix(text, []byte(r.cfg.Comment)) {
			r.pass(size)
			continue
		}
		line := Line{Text: text, Origin: core.Origin{
			File: r.cfg.Path, Line: r.line, Record: r.record + 1, Offset: r.in.Offset(), Length: int64(len(text)),
		}}
		r.pass(size)
		r.record++
		if err := r.parse(line, item); err != nil {
			if _, ok := errors.AsType[*core.ItemError](err); ok {
				return err
			}
			placed := line.Error("", nil, err.Error())
			placed.Class, placed.Err = core.ClassOf(err, core.ClassReadParse), err
			return placed
		}
		return nil
	}
}

// pass moves behind a line of that size, its end included.
func (r *LineReader[T]) pass(size int) {
	r.in.Consume(size)
	r.line++
}

// errTooLong is returned by nextLine for a line that is longer than it may be.
var errTooLong = errors.New("the line is too long")

// nextLine returns the line at the beginning of the window, and how many bytes it
// takes with its line feed. It consumes nothing.
func (r *LineReader[T]) nextLine() (text []byte, size int, err error) {
	from := 0
	for {
		win := r.in.Window()
		if i := bytes.IndexByte(win[from:], '\n'); i >= 0 {
			if from+i > r.cfg.MaxRecord+1 {
				return win[:r.cfg.MaxRecord], 0, errTooLong
			}
			return win[:from+i], from + i + 1, nil
		}
		if from = len(win); from > r.cfg.MaxRecord+1 {
			return win[:r.cfg.MaxRecord], 0, errTooLong
		}
		if err := r.in.More(); errors.Is(err, io.EOF) {
			if from == 0 {
				return nil, 0, io.EOF
			}
			return r.in.Window(), from, nil
		} else if err != nil {
			return nil, 0, err
		}
	}
}

// tooLong passes over a line without keeping it. When the file cannot be read so
// far, nothing is passed over.
func (r *LineReader[T]) tooLong() error {
	offset, crc := r.in.Offset(), r.in.Checksum()
	head := bytes.Clone(r.in.Window()[:min(maxRaw, r.cfg.MaxRecord)])
	passed := 0
	for {
		win := r.in.Window()
		i := bytes.IndexByte(win, '\n')
		if i >= 0 {
			win = win[:i+1]
		}
		passed += len(win)
		r.in.Consume(len(win))
		if i >= 0 {
			break
		}
		if err := r.in.More(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			r.in.Jump(offset, crc)
			return err
		}
	}
	r.record++
	line := Line{Text: head, Origin: core.Origin{File: r.cfg.Path, Line: r.line, Record: r.record, Offset: offset}}
	r.line++
	return line.Error("", head, fmt.Sprintf("the record is longer than %d bytes; passed over %d", r.cfg.MaxRecord, passed))
}
