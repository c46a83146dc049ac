package outfile

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/infile"
	"github.com/batchctl/batchctl/internal/jobs/partfile"
)

// Keys in the step's context, behind the name of a writer.
const (
	KeyLength = ".length"
	KeyCRC    = infile.KeyCRC
	KeyRows   = ".rows"
	KeyTarget = ".target"
)

// Config says what is written.
type Config struct {
	// Path is the absolute path of the finished file.
	Path string
	// Mode is the mode of the file, 0600 when 0.
	Mode fs.FileMode
	// KeepExisting refuses to replace a file that exists.
	KeepExisting bool
	// Name is the prefix of the keys in the step's context. Two writers of one
	// step need two names.
	Name string
	// Owner is whom the file belongs to until it is published.
	Owner partfile.Owner
	// Head returns what stands before the first record, and Tail what stands
	// behind the last one; nil is nothing.
	Head func() ([]byte, error)
	Tail func(rows int64) ([]byte, error)
}

// Writer writes items to a text file. It is not safe for concurrent use.
type Writer[T any] struct {
	cfg    Config
	encode func(dst []byte, item *T) ([]byte, error)
	header func() (string, error)
	footer func(rows int64) (string, error)
	file   *partfile.File
	rows   int64
	buf    []byte
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

// New returns a Writer that calls encode for each item: it appends the record,
// with its line end, to dst. When it fails for one item, nothing of the chunk is
// written.
func New[T any](cfg Config, encode func(dst []byte, item *T) ([]byte, error)) *Writer[T] {
	return &Writer[T]{cfg: cfg, encode: encode}
}

// Frame puts a line before what Head returns, and one behind what Tail returns;
// nil puts none. It is called before Open. The footer is asked for at the end, and
// when a restart has to find out whether the file was published.
func (w *Writer[T]) Frame(header func() (string, error), footer func(rows int64) (string, error)) {
	w.header, w.footer = header, footer
}

// Open implements core.ItemStream. What cannot be written is refused here.
func (w *Writer[T]) Open(ctx context.Context, ec core.ExecutionContext) error {
	file := partfile.Config{Target: filepath.Clean(w.cfg.Path), Mode: w.cfg.Mode, KeepExisting: w.cfg.KeepExisting, Owner: w.cfg.Owner}
	at, restart, err := w.cfg.restore(ec)
	if err != nil {
		return err
	}
	w.rows, w.marked = at.rows, at
	if !restart {
		w.file, err = partfile.Create(ctx, file)
		return err
	}
	tail, err := w.tail(at.state, at.rows)
	if err != nil {
		return err
	}
	w.file, err = partfile.Resume(ctx, file, at.state, tail)
	return err
}

// Saved returns the state of the file of c that Checkpoint has left in ec; it is
// the zero value when there is none. A checkpoint of another file is an
// ErrCheckpointMismatch.
func (c Config) Saved(ec core.ExecutionContext) (partfile.State, error) {
	at, _, err := c.restore(ec)
	return at.state, err
}

// restore reads what Checkpoint left; ok is false when there is nothing. A
// checkpoint of another file is refused.
func (c Config) restore(ec core.ExecutionContext) (at saved, ok bool, err error) {
	op := "open output " + core.EscapeControl(c.Path)
	v, err := infile.Numbers(ec, c.Name, KeyLength, KeyCRC, KeyRows)
	if err != nil {
		return at, false, infile.Damaged(op, err)
	}
	target, present, err := ec.String(c.Name + KeyTarget)
	if err == nil && present != (v != nil) {
		err = fmt.Errorf("context key %s stands alone or is missing", core.Quote(c.Name+KeyTarget))
	}
	switch {
	case err != nil:
		return at, false, infile.Damaged(op, err)
	case v == nil:
		return at, false, nil
	case target != filepath.Clean(c.Path):
		return at, false, &core.Error{
			Kind: core.ErrCheckpointMismatch, Op: op,
			Msg:  "the last attempt wrote to " + core.EscapeControl(target),
			Hint: "restart with the path of the last attempt",
		}
	}
	return saved{state: partfile.State{Length: v[0], CRC: uint32(v[1])}, rows: v[2]}, true, nil //nolint:gosec // Numbers checks
}

// Write implements core.ItemWriter. The chunk is encoded, then written.
func (w *Writer[T]) Write(ctx context.Context, c *core.Chunk[T]) error {
	switch {
	case w.file == nil:
		return w.notOpen("write")
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case len(c.Items) == 0:
		return nil
	}
	buf, err := w.head(w.buf[:0], w.file.State())
	if err != nil {
		return err
	}
	for i := range c.Items {
		if buf, err = w.encode(buf, &c.Items[i]); err != nil {
			w.buf = buf[:0]
			return fmt.Errorf("write output %s: item %d of the chunk: %w", core.EscapeControl(w.cfg.Path), i+1, err)
		}
	}
	w.buf = buf
	if err := w.file.Append(buf); err != nil {
		return err
	}
	w.rows += int64(len(c.Items))
	return nil
}

// Mark implements core.Reverter.
func (w *Writer[T]) Mark(context.Context) error {
	if w.file == nil {
		return w.notOpen("mark")
	}
	w.marked = saved{state: w.file.State(), rows: w.rows}
	return nil
}

// Revert implements core.Reverter: it cuts off what was written since. After a
// write that failed it fails too.
func (w *Writer[T]) Revert(context.Context) error {
	if w.file == nil {
		return w.notOpen("revert")
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
		return w.notOpen("checkpoint")
	}
	state, err := w.file.Sync()
	if err != nil {
		return err
	}
	ec.Put(w.cfg.Name+KeyLength, state.Length)
	ec.Put(w.cfg.Name+KeyCRC, int64(state.CRC))
	ec.Put(w.cfg.Name+KeyRows, w.rows)
	ec.Put(w.cfg.Name+KeyTarget, filepath.Clean(w.cfg.Path))
	return nil
}

// Finish implements core.Finisher: tail, sync, rename. A file without rows is
// published too.
func (w *Writer[T]) Finish(ctx context.Context) error {
	switch {
	case w.file == nil:
		return w.notOpen("publish")
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

func (w *Writer[T]) notOpen(verb string) error {
	return fmt.Errorf("%s output %s: not open", verb, core.EscapeControl(w.cfg.Path))
}

// head appends what stands before the first record when nothing has been written
// before.
func (w *Writer[T]) head(dst []byte, at partfile.State) ([]byte, error) {
	if at.Length > 0 {
		return dst, nil
	}
	if w.header != nil {
		line, err := w.header()
		if err != nil {
			return dst, fmt.Errorf("write output %s: header: %w", core.EscapeControl(w.cfg.Path), err)
		}
		dst = append(append(dst, line...), '\n')
	}
	if w.cfg.Head != nil {
		head, err := w.cfg.Head()
		if err != nil {
			return dst, fmt.Errorf("write output %s: header: %w", core.EscapeControl(w.cfg.Path), err)
		}
		dst = append(dst, head...)
	}
	return dst, nil
}

// tail returns what stands behind a body of that state: the head of an empty
// one, and the tail.
func (w *Writer[T]) tail(at partfile.State, rows int64) ([]byte, error) {
	tail, err := w.head(nil, at)
	if err != nil {
		return nil, err
	}
	if w.cfg.Tail != nil {
		more, err := w.cfg.Tail(rows)
		if err != nil {
			return nil, fmt.Errorf("write output %s: footer: %w", core.EscapeControl(w.cfg.Path), err)
		}
		tail = append(tail, more...)
	}
	if w.footer != nil {
		line, err := w.footer(rows)
		if err != nil {
			return nil, fmt.Errorf("write output %s: footer: %w", core.EscapeControl(w.cfg.Path), err)
		}
		tail = append(append(tail, line...), '\n')
	}
	return tail, nil
}
