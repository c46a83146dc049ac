package csvfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/infile"
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
	// Quote is the character that quotes a field and is doubled in it, '"' when
	// 0. NoQuotes takes every character of a field as it is.
	Quote    byte
	NoQuotes bool
	// OneLine says that no field holds a line end: a quote that is open at the end
	// of its line is a mistake of that record alone.
	OneLine bool
	// NoHeader takes the fields of the file for Columns, in their order; there is
	// no header then.
	NoHeader bool
	// SkipLines are lines to pass over at the beginning, before the header.
	SkipLines int
	// Comment, unless it is empty, begins lines that are passed over. Inside of a
	// quoted field it means nothing.
	Comment string
	// Ragged says what becomes of records of another width than the header.
	Ragged Ragged
	// Source says how the file is packed and encoded.
	Source infile.Options
	// StrictColumns refuses a file with columns that are not declared.
	StrictColumns bool
	// AllowEmpty takes a file without a header for one without records, and
	// AllowMissing one that is not there. Otherwise they are errors.
	AllowEmpty, AllowMissing bool
	// MaxRecord and MaxField are in bytes, MaxColumns bounds the header.
	MaxRecord, MaxField, MaxColumns int
	// From and To bound the bytes of the file that are read, besides the header:
	// both are borders of records. To is the end of the file when 0. Ranges
	// finds such borders, and Part fills in what it says about one range.
	From, To int64
	// Size, unless it is 0, is how many bytes the file must have: it was cut
	// into ranges then.
	Size int64
	// Line is the number of the line at From, and Record that of the records
	// before it. They count from From when Line is 0.
	Line   int
	Record int64
	// Name is the prefix of the keys in the step's context, "csv.in" when
	// empty. Two readers of one step need two names.
	Name string

	// source, which tests set, stands before the file.
	source func(io.ReaderAt) io.ReaderAt
}

// Ragged says what becomes of records of another width than the header.
type Ragged uint8

// The policies for records of another width, which may be combined. None of them
// refuses every such record.
const (
	PadShort Ragged = 1 << iota // a short record gets empty fields
	CutLong                     // of a long one the last fields are dropped
)

// Stats counts what a Reader has passed in this attempt, the header included.
type Stats struct {
	Blank int64 // blank lines, and comments
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
	missing  bool  // there is no file, and need not be one
	err      error // what every further Read returns
}

var (
	_ core.ItemReader[int] = (*Reader[int])(nil)
	_ core.ItemStream      = (*Reader[int])(nil)
	_ core.RawReader       = (*Reader[int])(nil)
)

// NewReader returns a Reader that calls bind to turn each record into an item,
// which is the zero value when bind gets it. bind returns the error of the Row's
// method that found something wrong, or one of its own; both are reported as a
// *core.ItemError with file, line and the bytes of the record.
func NewReader[T any](cfg ReaderConfig, bind func(row *Row, item *T) error) *Reader[T] {
	if cfg.Comma == 0 {
		cfg.Comma = ','
	}
	if cfg.Quote == 0 {
		cfg.Quote = '"'
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
	in, err := infile.Open(r.cfg.Path, r.cfg.Source)
	if r.cfg.AllowMissing && !restart && errors.Is(err, fs.ErrNotExist) {
		r.missing, r.err = true, io.EOF
		return nil
	}
	if err != nil {
		return err
	}
	r.missing, r.err = false, nil
	r.s = r.cfg.scanner(in)
	r.row.s = r.s
	if err := r.s.checkSize(); err != nil {
		return err
	}
	switch err := r.s.readHeader(); {
	case errors.Is(err, io.EOF):
		r.err = io.EOF
		return nil
	case err != nil:
		// A file that lost its header is one whose read part has changed.
		if restart && at.offset > 0 && r.cfg.From == 0 {
			if changed := r.s.Seek(ctx, 0, 0, at.offset, at.crc, int64(at.line)); changed != nil {
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
	return r.s.start(ctx, at, restart && at.offset > 0)
}

// Checkpoint implements core.ItemStream: the position is behind the last record
// that Read returned or reported.
func (r *Reader[T]) Checkpoint(ec core.ExecutionContext) error {
	if r.missing {
		return nil
	}
	if r.s == nil {
		return fmt.Errorf("checkpoint of input %s: not open", r.cfg.Path)
	}
	if r.s.header == nil {
		return nil // an empty file has no position
	}
	ec.Put(r.cfg.Name+infile.KeyOffset, r.s.Offset())
	ec.Put(r.cfg.Name+infile.KeyCRC, int64(r.s.Checksum()))
	ec.Put(r.cfg.Name+infile.KeyRecord, r.s.record)
	ec.Put(r.cfg.Name+infile.KeyLine, int64(r.s.line))
	return nil
}

// Close implements core.ItemStream.
func (r *Reader[T]) Close() error {
	if r.s == nil {
		return nil
	}
	s := r.s
	r.s, r.row.s = nil, nil
	return s.Close()
}

// Stats returns what was passed in this attempt.
func (r *Reader[T]) Stats() Stats {
	if r.s == nil {
		return Stats{}
	}
	return r.s.stats
}

// Read implements core.ItemReader. A *core.ItemError stands for one record, and
// the next call goes on behind it; it has the class core.ClassReadParse unless
// bind's error has another. An error of the class core.ClassReadIO is the file
// system's, and the next call tries the same again; any other ends the reading.
// Neither of the two consumes anything.
func (r *Reader[T]) Read(ctx context.Context, dst []T) (int, error) {
	switch {
	case r.err != nil:
		return 0, r.err
	case r.s == nil:
		return 0, core.Fatal(fmt.Errorf("read input %s: not open", core.EscapeControl(r.cfg.Path))) // of all items, not one
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case len(dst) == 0:
		return 0, io.ErrShortBuffer
	}
	for n := range dst {
		if err := r.s.next(); err != nil {
			if _, ok := errors.AsType[*core.ItemError](err); !ok && core.ClassOf(err, "") != core.ClassReadIO {
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
	item, ok := errors.AsType[*core.ItemError](err)
	if !ok || item.File == "" {
		placed := r.s.itemError(-1, nil, err.Error())
		placed.Class, placed.Err = core.ClassOf(err, placed.Class), err
		if ok && error(item) == err { //nolint:errorlint // whether it is that very one, not wrapped
			placed.Column, placed.Value, placed.HasValue, placed.Msg, placed.Err = item.Column, item.Value, item.HasValue, item.Msg, item.Err
		}
		return placed
	}
	if item.Raw == nil {
		item.Offset, item.Raw = r.s.recStart, clip(r.s.raw())
	}
	item.Class = core.ClassOf(err, core.ClassReadParse)
	return err
}

// Raw implements core.RawReader: the bytes of the record, its line end left out,
// cut to 64 KiB. It returns nil for an Origin that has no Length.
func (r *Reader[T]) Raw(o core.Origin) ([]byte, error) {
	if r.s == nil {
		return nil, fmt.Errorf("read input %s: not open", r.cfg.Path)
	}
	return r.s.Raw(o, maxRaw)
}

func (c ReaderConfig) check() error {
	op := infile.OpenOp(c.Path)
	if err := c.checkOptions(op); err != nil {
		return err
	}
	if c.From < 0 || c.To < 0 || c.Line < 0 || c.Record < 0 || c.To > 0 && c.To < c.From {
		return &core.Error{Op: op, Msg: fmt.Sprintf("the bytes %d to %d, from line %d and behind record %d, are no range", c.From, c.To, c.Line, c.Record)}
	}
	names := make([]string, len(c.Columns))
	for i, column := range c.Columns {
		names[i] = column.Name
	}
	return checkNames(op+": declared columns", names)
}
