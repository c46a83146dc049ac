package csvfile

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/partfile"
)

// WriterConfig says what is written.
type WriterConfig struct {
	// Path is the absolute path of the finished file.
	Path string
	// Columns are the names in the header, and the number of fields.
	Columns []string
	// Comma is the delimiter, ',' when 0.
	Comma byte
	// CRLF ends records with CR LF instead of LF.
	CRLF bool
	// NoHeader leaves the header out.
	NoHeader bool
	// Footer, when set, returns the record to append at the end; it may have
	// any number of fields, and must depend on nothing but the number of rows.
	// nil returns leave it out.
	Footer func(rows int64) []string
	// FormulaGuard puts an apostrophe before fields that a spreadsheet would
	// take for a formula: those that begin with = + - @, tab, CR or LF. It
	// changes data, negative numbers among them.
	FormulaGuard bool
	// Mode is the mode of the file, 0600 when 0.
	Mode fs.FileMode
	// KeepExisting refuses to replace a file that exists.
	KeepExisting bool
	// Name is the prefix of the keys in the step's context, "csv.out" when
	// empty. Two writers of one step need two names.
	Name string
}

// Writer writes items to a CSV file that appears whole, at the end of the step.
// It is not safe for concurrent use.
type Writer[T any] struct {
	cfg    WriterConfig
	encode func(item *T, dst []string) ([]string, error)
	enc    encoder
	file   *partfile.File
	rows   int64
	buf    []byte
	fields []string
	marked saved // as of the last Mark, or of Open
}

// saved is the output as of a Checkpoint or a Mark.
type saved struct {
	state partfile.State
	rows  int64
}

var (
	_ core.ItemWriter[int] = (*Writer[int])(nil)
	_ core.ItemStream      = (*Writer[int])(nil)
	_ core.Finisher        = (*Writer[int])(nil)
	_ core.Reverter        = (*Writer[int])(nil)
)

// NewWriter returns a Writer that calls encode for each item: it appends the
// fields, one for each column, to dst and returns that. When it fails for one
// item, nothing of the chunk is written.
func NewWriter[T any](cfg WriterConfig, encode func(item *T, dst []string) ([]string, error)) *Writer[T] {
	if cfg.Comma == 0 {
		cfg.Comma = ','
	}
	if cfg.Name == "" {
		cfg.Name = "csv.out"
	}
	return &Writer[T]{cfg: cfg, encode: encode, enc: encoder{comma: cfg.Comma, crlf: cfg.CRLF}}
}

// Open implements core.ItemStream. What cannot be written is refused here.
func (w *Writer[T]) Open(ctx context.Context, ec core.ExecutionContext) error {
	if err := w.cfg.check(); err != nil {
		return err
	}
	file := partfile.Config{Target: filepath.Clean(w.cfg.Path), Mode: w.cfg.Mode, KeepExisting: w.cfg.KeepExisting}
	at, restart, err := w.cfg.saved(ec)
	if err != nil {
		return err
	}
	w.rows, w.marked = at.rows, at
	if !restart {
		w.file, err = partfile.Create(file)
		return err
	}
	tail, err := w.tail(at.state, at.rows)
	if err != nil {
		return err
	}
	w.file, err = partfile.Resume(ctx, file, at.state, tail)
	return err
}

// Write implements core.ItemWriter. The chunk is encoded, then written.
func (w *Writer[T]) Write(ctx context.Context, c *core.Chunk[T]) error {
	switch {
	case w.file == nil:
		return fmt.Errorf("write output %s: not open", w.cfg.Path)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case len(c.Items) == 0:
		return nil
	}
	if err := w.encodeChunk(c); err != nil {
		return err
	}
	if err := w.file.Append(w.buf); err != nil {
		return err
	}
	w.rows += int64(len(c.Items))
	return nil
}

// Mark implements core.Reverter.
func (w *Writer[T]) Mark(context.Context) error {
	if w.file == nil {
		return fmt.Errorf("mark output %s: not open", w.cfg.Path)
	}
	w.marked = saved{state: w.file.State(), rows: w.rows}
	return nil
}

// Revert implements core.Reverter: it cuts off what was written since. After a
// write that failed it fails too.
func (w *Writer[T]) Revert(context.Context) error {
	if w.file == nil {
		return fmt.Errorf("revert output %s: not open", w.cfg.Path)
	}
	if err := w.file.Rollback(w.marked.state); err != nil {
		return err
	}
	w.rows = w.marked.rows
	return nil
}

// Checkpoint implements core.ItemStream: it makes the output durable, and puts
// its length, its checksum, the number of rows and its path into ec.
func (w *Writer[T]) Checkpoint(ec core.ExecutionContext) error {
	if w.file == nil {
		return fmt.Errorf("checkpoint of output %s: not open", w.cfg.Path)
	}
	state, err := w.file.Sync()
	if err != nil {
		return err
	}
	ec.Put(w.cfg.Name+keyLength, state.Length)
	ec.Put(w.cfg.Name+keyCRC, int64(state.CRC))
	ec.Put(w.cfg.Name+keyRows, w.rows)
	ec.Put(w.cfg.Name+keyTarget, filepath.Clean(w.cfg.Path))
	return nil
}

// Finish implements core.Finisher: footer, sync, rename. A file without rows is
// published too.
func (w *Writer[T]) Finish(ctx context.Context) error {
	switch {
	case w.file == nil:
		return fmt.Errorf("publish output %s: not open", w.cfg.Path)
	case w.file.Published():
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	tail, err := w.tail(w.file.State(), w.rows)
	if err != nil {
		return err
	}
	return w.file.Publish(tail)
}

// Close implements core.ItemStream. It publishes nothing and removes nothing.
func (w *Writer[T]) Close() error {
	file := w.file
	w.file = nil
	return file.Close()
}

// encodeChunk fills buf with the chunk, behind the header if that is missing.
func (w *Writer[T]) encodeChunk(c *core.Chunk[T]) error {
	buf, err := w.header(w.buf[:0], w.file.State())
	if err != nil {
		return err
	}
	for i := range c.Items {
		fields, err := w.encode(&c.Items[i], w.fields[:0])
		if err == nil && len(fields) != len(w.cfg.Columns) {
			err = fmt.Errorf("%s, the header has %d", count(len(fields), "field"), len(w.cfg.Columns))
		}
		if err == nil {
			w.fields = fields
			buf, err = w.enc.record(buf, fields, w.cfg.FormulaGuard)
		}
		if err != nil {
			w.buf = buf[:0]
			return fmt.Errorf("write output %s: item %d of the chunk: %w", w.cfg.Path, i+1, err)
		}
	}
	w.buf = buf
	return nil
}

// header appends the header to dst when nothing has been written before.
func (w *Writer[T]) header(dst []byte, at partfile.State) ([]byte, error) {
	if w.cfg.NoHeader || at.Length > 0 {
		return dst, nil
	}
	dst, err := w.enc.record(dst, w.cfg.Columns, false)
	if err != nil {
		return dst, fmt.Errorf("write output %s: header: %w", w.cfg.Path, err)
	}
	return dst, nil
}

// tail returns what stands behind a body of that state: the header of an empty
// one, and the footer.
func (w *Writer[T]) tail(at partfile.State, rows int64) ([]byte, error) {
	tail, err := w.header(nil, at)
	if err != nil || w.cfg.Footer == nil {
		return tail, err
	}
	fields := w.cfg.Footer(rows)
	if fields == nil {
		return tail, nil
	}
	if tail, err = w.enc.record(tail, fields, false); err != nil {
		return nil, fmt.Errorf("write output %s: footer: %w", w.cfg.Path, err)
	}
	return tail, nil
}
