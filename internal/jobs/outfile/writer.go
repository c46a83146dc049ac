package outfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

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
	// KeyForm has how text became bytes; it is there only when that is not as it
	// is.
	KeyForm = ".form"
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
	// CRLF ends the lines of Frame with CR LF instead of LF.
	CRLF bool
	// Charset is the encoding of the file; UTF-8 when it is the zero value.
	Charset infile.Charset
	// Mark begins the file with a byte order mark.
	Mark bool
	// Compression is gzip or zstd as package infile names them; anything else is
	// none. Every Write is packed for itself.
	Compression string
	// RemoveEmpty leaves no file when there were no rows, not even an older one
	// unless KeepExisting is set. Otherwise a file without rows is published.
	RemoveEmpty bool
}

// Writer writes items to a text file. It is not safe for concurrent use.
type Writer[T any] struct {
	cfg    Config
	encode func(dst []byte, item *T) ([]byte, error)
	header func() (string, error)
	footer func(rows int64) (string, error)
	file   *partfile.File
	rows   int64
	buf    []byte // the text of a chunk
	out    []byte // the same encoded, where that is another
	packed []byte // the same packed
	marked saved  // as of the last Mark, or of Open
	coder  *infile.Encoder
	packer packer
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
// with its line end, to dst, as UTF-8 without a character that the charset lacks.
// When it fails for one item, nothing of the chunk is written.
func New[T any](cfg Config, encode func(dst []byte, item *T) ([]byte, error)) *Writer[T] {
	return &Writer[T]{cfg: cfg, encode: encode, coder: cfg.Charset.NewEncoder(), packer: packer{how: cfg.Compression}}
}

// Frame puts a line before what Head returns, and one behind what Tail returns;
// nil puts none. It is called before Open. The footer is asked for at the end, and
// when a restart has to find out whether the file was published.
func (w *Writer[T]) Frame(header func() (string, error), footer func(rows int64) (string, error)) {
	w.header, w.footer = header, footer
}

// Open implements core.ItemStream. What cannot be written is refused here.
func (w *Writer[T]) Open(ctx context.Context, ec core.ExecutionContext) error {
	file := w.cfg.part()
	at, restart, err := w.cfg.restore(ec)
	if err != nil {
		return err
	}
	w.rows, w.marked = at.rows, at
	if !restart || at.state.Length == 0 && w.cfg.RemoveEmpty { // no target can prove that it is not there
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

func (c Config) part() partfile.Config {
	return partfile.Config{Target: filepath.Clean(c.Path), Mode: c.Mode, KeepExisting: c.KeepExisting, Owner: c.Owner}
}

// form names how text becomes bytes; it is empty for UTF-8 that is not packed. A
// file is continued in no other form.
func (c Config) form() string {
	var words []string
	if c.Compression == infile.CompressionGzip || c.Compression == infile.CompressionZstd {
		words = append(words, c.Compression)
	}
	if name := c.Charset.Name(); name != "utf-8" {
		words = append(words, name)
	}
	return strings.Join(words, " ")
}

// formText is a form as messages show it.
func formText(form string) string {
	if form == "" {
		return "plain utf-8"
	}
	return core.EscapeControl(form)
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
	form, formed, formErr := ec.String(c.Name + KeyForm)
	if err = errors.Join(err, formErr); err == nil && formed && v == nil {
		err = fmt.Errorf("context key %s stands alone", core.Quote(c.Name+KeyForm))
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
	case form != c.form() && v[0] > 0:
		return at, false, &core.Error{
			Kind: core.ErrCheckpointMismatch, Op: op,
			Msg:  "the last attempt wrote " + formText(form) + ", and now it is to be " + formText(c.form()),
			Hint: "restart with the encoding and the compression of the last attempt",
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
	if buf, err = w.bytes(buf, w.packer.append); err != nil {
		return fmt.Errorf("write output %s: %w", core.EscapeControl(w.cfg.Path), err)
	}
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
	if form := w.cfg.form(); form != "" {
		ec.Put(w.cfg.Name+KeyForm, form)
	}
	return nil
}

// Finish implements core.Finisher: tail, sync, rename. A file without rows is
// published too, unless RemoveEmpty is set.
func (w *Writer[T]) Finish(ctx context.Context) error {
	switch {
	case w.file == nil:
		return w.notOpen("publish")
	case w.file.Published():
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case w.rows == 0 && w.cfg.RemoveEmpty:
		return w.clear(ctx)
	}
	tail, err := w.tail(w.file.State(), w.rows)
	if err != nil {
		return err
	}
	return w.file.Publish(tail)
}

// clear leaves no file. It may be repeated, by the next attempt too.
func (w *Writer[T]) clear(ctx context.Context) error {
	if err := w.file.Close(); err != nil { // and with it the lock
		return err
	}
	return partfile.Clear(ctx, w.cfg.part())
}

// Close implements core.ItemStream. It publishes nothing and removes nothing.
func (w *Writer[T]) Close() error {
	file := w.file
	w.file = nil
	return errors.Join(file.Close(), w.packer.close())
}

// notOpen is the error of a job that forgot to open the writer, and no item's.
func (w *Writer[T]) notOpen(verb string) error {
	return core.Fatal(fmt.Errorf("%s output %s: not open", verb, core.EscapeControl(w.cfg.Path)))
}

// bytes makes text into what stands in the file: encoded, and packed by pack.
func (w *Writer[T]) bytes(text []byte, pack func(dst, text []byte) ([]byte, error)) ([]byte, error) {
	if w.coder != nil {
		var lacks rune
		var ok bool
		if w.out, lacks, ok = w.coder.Append(w.out[:0], text); !ok {
			return nil, errors.New(Lacking(w.cfg.Charset, lacks))
		}
		if w.packer.isNone() {
			return w.out, nil
		}
		text = w.out
	} else if w.packer.isNone() {
		return text, nil
	}
	var err error
	w.packed, err = pack(w.packed[:0], text)
	return w.packed, err
}

// head appends what stands before the first record when nothing has been written
// before.
func (w *Writer[T]) head(dst []byte, at partfile.State) ([]byte, error) {
	if at.Length > 0 {
		return dst, nil
	}
	if w.cfg.Mark {
		dst = append(dst, "\ufeff"...)
	}
	if w.header != nil {
		line, err := w.header()
		if err != nil {
			return dst, fmt.Errorf("write output %s: header: %w", core.EscapeControl(w.cfg.Path), err)
		}
		if err := w.holds(line); err != nil {
			return dst, fmt.Errorf("write output %s: header: %w", core.EscapeControl(w.cfg.Path), err)
		}
		dst = w.line(dst, line)
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

// tail returns the bytes behind a body of that state: the head of an empty one,
// and the tail. They are valid until the next Write.
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
		if err := w.holds(line); err != nil {
			return nil, fmt.Errorf("write output %s: footer: %w", core.EscapeControl(w.cfg.Path), err)
		}
		tail = w.line(tail, line)
	}
	if len(tail) == 0 && at.Length > 0 {
		return nil, nil
	}
	return w.bytes(tail, func(dst, text []byte) ([]byte, error) { return w.packer.stored(dst, text), nil })
}

// line appends a line of Frame.
func (w *Writer[T]) line(dst []byte, line string) []byte {
	dst = append(dst, line...)
	if w.cfg.CRLF {
		dst = append(dst, '\r')
	}
	return append(dst, '\n')
}

// holds reports why the file cannot hold a line.
func (w *Writer[T]) holds(line string) error {
	if _, lacks, ok := w.coder.Measure(line); !ok {
		return errors.New(Lacking(w.cfg.Charset, lacks))
	}
	return nil
}
