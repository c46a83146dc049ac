package csvfile

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/batchctl/batchctl/internal/core"
)

// Limits of a ReaderConfig that leaves them 0.
const (
	DefaultMaxRecord  = 16 << 20
	DefaultMaxField   = 1 << 20
	DefaultMaxColumns = 4096
)

// ReaderConfig says what is read.
type ReaderConfig struct {
	// Path is the file. It must be a regular file: a restart reads it again.
	Path string
	// Columns are the columns that bind uses; the file may have more, and have
	// them in any order. None declared: all columns of the file, as strings.
	Columns []Column
	// Comma is the delimiter, ',' when 0.
	Comma byte
	// StrictColumns refuses a file with columns that are not declared.
	StrictColumns bool
	// AllowEmpty takes a file without a header for one without records.
	// Otherwise it is an error.
	AllowEmpty bool
	// MaxRecord and MaxField are in bytes, MaxColumns bounds the header.
	MaxRecord, MaxField, MaxColumns int
	// Name is the prefix of the keys in the step's context, "csv.in" when
	// empty. Two readers of one step need two names.
	Name string
}

// Stats counts what a Reader has passed in this attempt, the header included.
type Stats struct {
	Blank int64 // blank lines
	LF    int64 // records and blank lines that end with LF
	CRLF  int64 // records and blank lines that end with CRLF
}

// Reader reads the records of a CSV file into items. It is not safe for
// concurrent use.
type Reader[T any] struct {
	cfg      ReaderConfig
	bind     func(row *Row, item *T) error
	s        *scanner
	row      Row
	required []int
	err      error // what every further Read returns
}

var (
	_ core.ItemReader[int] = (*Reader[int])(nil)
	_ core.ItemStream      = (*Reader[int])(nil)
)

// NewReader returns a Reader that calls bind to turn each record into an item,
// which is the zero value when bind gets it. bind returns the error of the Row's
// method that found something wrong, or one of its own; both are reported as a
// *core.ItemError with file and line.
func NewReader[T any](cfg ReaderConfig, bind func(row *Row, item *T) error) *Reader[T] {
	if cfg.Comma == 0 {
		cfg.Comma = ','
	}
	if cfg.MaxRecord <= 0 {
		cfg.MaxRecord = DefaultMaxRecord
	}
	if cfg.MaxField <= 0 {
		cfg.MaxField = DefaultMaxField
	}
	if cfg.MaxColumns <= 0 {
		cfg.MaxColumns = DefaultMaxColumns
	}
	if cfg.Name == "" {
		cfg.Name = "csv.in"
	}
	return &Reader[T]{cfg: cfg, bind: bind}
}

// Open implements core.ItemStream. It reads the header, and on a restart
// compares what was read before with what the file holds now.
func (r *Reader[T]) Open(ctx context.Context, ec core.ExecutionContext) error {
	if err := r.cfg.check(); err != nil {
		return err
	}
	at, restart, err := r.cfg.position(ec)
	if err != nil {
		return err
	}
	in, err := openInput(r.cfg.Path)
	if err != nil {
		return err
	}
	r.s = &scanner{input: in, cfg: r.cfg, line: 1}
	r.row.s = r.s
	switch err := r.s.readHeader(); {
	case errors.Is(err, io.EOF):
		r.err = io.EOF
	case err != nil:
		// A file that lost its header is one whose read part has changed.
		if restart && at.offset > 0 {
			if changed := r.s.seek(ctx, at.offset, at.crc); changed != nil {
				return changed
			}
		}
		return err
	}
	r.required = r.required[:0]
	for i, c := range r.s.cfg.Columns {
		if c.Required {
			r.required = append(r.required, i)
		}
	}
	if !restart || at.offset == 0 {
		return nil
	}
	r.err = nil
	return r.s.resume(ctx, at)
}

// Checkpoint implements core.ItemStream: the position is behind the last record
// that Read returned or reported.
func (r *Reader[T]) Checkpoint(ec core.ExecutionContext) error {
	if r.s == nil {
		return fmt.Errorf("checkpoint of input %s: not open", r.cfg.Path)
	}
	if r.s.header == nil {
		return nil // an empty file has no position
	}
	ec.Put(r.cfg.Name+keyOffset, r.s.offset())
	ec.Put(r.cfg.Name+keyCRC, int64(r.s.checksum()))
	ec.Put(r.cfg.Name+keyRecord, r.s.record)
	ec.Put(r.cfg.Name+keyLine, int64(r.s.line))
	return nil
}

// Close implements core.ItemStream.
func (r *Reader[T]) Close() error {
	if r.s == nil {
		return nil
	}
	s := r.s
	r.s, r.row.s = nil, nil
	return s.close()
}

// Stats returns what was passed in this attempt.
func (r *Reader[T]) Stats() Stats {
	if r.s == nil {
		return Stats{}
	}
	return r.s.stats
}

// Read implements core.ItemReader. A *core.ItemError stands for one record, and
// the next call goes on behind it; any other error ends the reading.
func (r *Reader[T]) Read(ctx context.Context, dst []T) (int, error) {
	switch {
	case r.err != nil:
		return 0, r.err
	case r.s == nil:
		return 0, fmt.Errorf("read input %s: not open", r.cfg.Path)
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case len(dst) == 0:
		return 0, io.ErrShortBuffer
	}
	for n := range dst {
		if err := r.s.next(); err != nil {
			if _, ok := errors.AsType[*core.ItemError](err); !ok {
				r.err = err
			}
			return n, err
		}
		r.row.text, r.row.filled = "", false
		for _, i := range r.required {
			if r.row.Empty(i) {
				return n, r.row.Error(i, "empty, but the column is required")
			}
		}
		var zero T
		dst[n] = zero
		if err := r.bind(&r.row, &dst[n]); err != nil {
			return n, r.itemError(err)
		}
	}
	return len(dst), nil
}

// itemError places an error of bind that has no place yet.
func (r *Reader[T]) itemError(err error) error {
	var item *core.ItemError
	if errors.As(err, &item) {
		return err
	}
	item = r.s.itemError(-1, nil, err.Error())
	item.Err = err
	return item
}

func (c ReaderConfig) check() error {
	op := openOp(c.Path)
	if !validComma(c.Comma) {
		return &core.Error{Op: op, Msg: quoteByte(c.Comma) + " cannot be the delimiter"}
	}
	names := make([]string, len(c.Columns))
	for i, column := range c.Columns {
		names[i] = column.Name
	}
	return checkNames(op+": declared columns", names)
}
