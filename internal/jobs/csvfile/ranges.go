package csvfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/infile"
)

// Keys in the context of a part that Ranges has made.
const (
	KeyFile   = "file"   // the path, as the configuration had it
	KeyFrom   = "from"   // the byte at which the part's first record begins
	KeyTo     = "to"     // the byte behind its last record
	KeySize   = "size"   // the bytes of the whole file
	KeyLine   = "line"   // the number of the line at KeyFrom
	KeyRecord = "record" // how many records stand before KeyFrom
)

// Ranges returns a partitioner that cuts the file that config names, which knows
// the parameters by then, into ranges of about the same number of bytes, as many as
// are wanted or, where the records are too long for that, fewer. It reads the file
// once, in bounded memory, since only the quotes from its beginning on tell whether
// a line end is that of a record. A record belongs to one range, whatever is wrong
// with it, and the ranges together are the file.
func Ranges(config func(s *core.Scope) (ReaderConfig, error)) core.Partitioner {
	return core.PartitionerFunc(func(ctx context.Context, s *core.Scope, grid int) ([]core.Partition, error) {
		cfg, err := config(s)
		if err != nil {
			return nil, err
		}
		return NewReader(cfg, func(*Row, *struct{}) error { return nil }).cfg.cut(ctx, grid)
	})
}

// Part returns c for the range that ec, the context of a part, says.
func (c ReaderConfig) Part(ec core.ExecutionContext) (ReaderConfig, error) {
	op := "read a range of a CSV file"
	file, ok, err := ec.String(KeyFile)
	if err != nil || !ok {
		return c, &core.Error{Kind: core.ErrJobDefinition, Op: op, Msg: "the context of the part has no file", Err: err}
	}
	var v [5]int64
	for i, key := range [...]string{KeyFrom, KeyTo, KeySize, KeyLine, KeyRecord} {
		n, ok, err := ec.Int64(key)
		if err != nil || !ok || n < 0 || n > math.MaxInt {
			return c, &core.Error{
				Kind: core.ErrJobDefinition, Op: op, Err: err,
				Msg: fmt.Sprintf("the context of the part has no number under %s", core.Quote(key)),
			}
		}
		v[i] = n
	}
	c.Path, c.From, c.To, c.Size, c.Line, c.Record = file, v[0], v[1], v[2], int(v[3]), v[4]
	return c, nil
}

// cut returns the ranges.
func (c ReaderConfig) cut(ctx context.Context, grid int) (parts []core.Partition, err error) {
	c.From, c.To, c.Size, c.Line, c.Record = 0, 0, 0, 0, 0
	if err := c.check(); err != nil {
		return nil, err
	}
	in, err := infile.Open(c.Path, c.Source)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	s := c.scanner(in)
	if s.Packed() {
		return nil, s.noRanges()
	}
	if err := s.readHeader(); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	size, first := in.Size(), s.Offset()
	begin := s.bookmark()
	record := int64(0)
	add := func(to int64) {
		parts = append(parts, core.Partition{Context: core.ExecutionContext{
			KeyFile: c.Path, KeyFrom: begin.offset, KeyTo: to, KeySize: size, KeyLine: int64(begin.line), KeyRecord: record,
		}})
		begin, record = s.bookmark(), s.record
	}
	for k := 1; k < grid && s.Offset() < size; {
		if err := s.skip(ctx); err != nil {
			return nil, err
		}
		target := func() int64 { return first + int64(float64(size-first)*float64(k)/float64(grid)) }
		if s.Offset() < target() || s.Offset() == size {
			continue
		}
		add(s.Offset())
		for k++; k < grid && target() <= s.Offset(); {
			k++
		}
	}
	if begin.offset < size || parts == nil {
		add(size)
	}
	return parts, nil
}

// skip passes over a record, or a blank line, without looking at it.
func (s *scanner) skip(ctx context.Context) error {
	b, blank, comment := s.cfg.border(), true, false
	for {
		win := s.Window()
		var n int
		var ended bool
		if nl := bytes.IndexByte(win, '\n'); b.read == 0 && nl >= 0 && s.Next(infile.MarkQuote, nl) < 0 {
			n, ended = nl+1, true
			b.read, b.lines = int64(n), 1
			comment = s.isComment(win)
		} else if b.read == 0 && nl >= 0 && s.isComment(win) {
			n, ended, comment = nl+1, true, true
			b.read, b.lines = int64(n), 1
		} else {
			n, ended = b.scan(win)
		}
		blank = blank && len(bytes.Trim(win[:n], "\r\n")) == 0
		s.Consume(n)
		if ended {
			break
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := s.More(); errors.Is(err, io.EOF) {
			blank = b.read == 0
			break
		} else if err != nil {
			return err
		}
	}
	s.line += b.lines
	if !comment && (!blank || b.read > 2) {
		s.record++
	}
	return nil
}

// checkSize refuses a file that is not the one that was cut into ranges.
func (s *scanner) checkSize() error {
	size := s.Size()
	switch {
	case s.Packed() && (s.cfg.Size > 0 || s.cfg.To > 0 || s.cfg.From > 0):
		return s.noRanges()
	case s.cfg.Size > 0 && size != s.cfg.Size:
		return s.Mismatch(fmt.Sprintf("it had %d bytes when it was cut into ranges, and has %d now", s.cfg.Size, size))
	case s.cfg.To > size, s.cfg.From > size:
		return s.Mismatch(fmt.Sprintf("the range of the bytes %d to %d is not in its %d bytes", s.cfg.From, s.cfg.To, size))
	}
	return nil
}

// noRanges refuses a file that cannot be entered in the middle.
func (s *scanner) noRanges() error {
	return &core.Error{
		Kind: core.ErrJobDefinition, Op: infile.OpenOp(s.Path()), Msg: "a packed file, or one in UTF-16, cannot be cut into ranges",
		Hint: "unpack it first, or read it in one part",
	}
}

// start goes to where the reading begins, once the header has been read: to the
// position of an earlier attempt, or the beginning of the range.
func (s *scanner) start(ctx context.Context, at position, restart bool) error {
	from, to := s.cfg.From, s.cfg.To
	if from == 0 && to == 0 {
		if restart {
			return s.resume(ctx, 0, 0, at)
		}
		return nil
	}
	header, seed := s.Offset(), s.Checksum()
	for _, border := range [...]int64{from, to} {
		if border == 0 || border == header || border == s.Size() {
			continue
		}
		last, err := s.ByteAt(border - 1)
		if err != nil {
			return err
		}
		if last != '\n' || border < header {
			return s.Mismatch(fmt.Sprintf("byte %d, at which a range begins or ends, is not behind a record", border))
		}
	}
	if to < s.Size() {
		s.End(to)
	}
	if from == 0 {
		from, seed = header, s.Checksum()
	}
	if s.cfg.From > 0 && s.cfg.Line > 0 {
		s.line, s.record = s.cfg.Line, s.cfg.Record
	}
	if !restart {
		s.Jump(from, seed)
		return nil
	}
	if at.offset < from || to > 0 && at.offset > to {
		return s.Mismatch(fmt.Sprintf("the last commit read up to byte %d, which is not in the range %d to %d", at.offset, from, to))
	}
	return s.resume(ctx, from, seed, at)
}
