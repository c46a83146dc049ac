package csvfile

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/outfile"
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
	// Scope is the step that writes: until the file is in place it belongs to
	// that step, in all of its attempts. nil leaves it to whoever comes.
	Scope *core.Scope
}

// Writer writes items to a CSV file that appears whole, at the end of the step.
// It is not safe for concurrent use.
type Writer[T any] struct {
	*outfile.Writer[T]

	cfg    WriterConfig
	encode func(item *T, dst []string) ([]string, error)
	enc    *encoder
	fields []string
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
	cfg = cfg.complete()
	w := &Writer[T]{cfg: cfg, encode: encode, enc: cfg.encoder()}
	out := cfg.out()
	out.Head = cfg.header
	out.Tail = cfg.footer
	w.Writer = outfile.New(out, w.record)
	return w
}

// Open implements core.ItemStream. What cannot be written is refused here.
func (w *Writer[T]) Open(ctx context.Context, ec core.ExecutionContext) error {
	if err := w.cfg.check(); err != nil {
		return err
	}
	return w.Writer.Open(ctx, ec)
}

// record appends the record of an item.
func (w *Writer[T]) record(dst []byte, item *T) ([]byte, error) {
	fields, err := w.encode(item, w.fields[:0])
	if err != nil {
		return dst, err
	}
	if len(fields) != len(w.cfg.Columns) {
		return dst, fmt.Errorf("%s, the header has %d", count(len(fields), "field"), len(w.cfg.Columns))
	}
	w.fields = fields
	return w.enc.record(dst, fields, w.cfg.FormulaGuard)
}

// complete returns c with its defaults filled in.
func (c WriterConfig) complete() WriterConfig {
	if c.Comma == 0 {
		c.Comma = ','
	}
	if c.Name == "" {
		c.Name = "csv.out"
	}
	return c
}

// out says where the file is, and what it is called in the step's context.
func (c WriterConfig) out() outfile.Config {
	return outfile.Config{Path: c.Path, Mode: c.Mode, KeepExisting: c.KeepExisting, Name: c.Name, Owner: partfile.OwnerOf(c.Scope)}
}

func (c WriterConfig) encoder() *encoder { return &encoder{comma: c.Comma, quote: '"', crlf: c.CRLF} }

// header returns what stands before the first record.
func (c WriterConfig) header() ([]byte, error) {
	if c.NoHeader {
		return nil, nil
	}
	return c.encoder().record(nil, c.Columns, false)
}

// footer returns what stands behind the last record.
func (c WriterConfig) footer(rows int64) ([]byte, error) {
	if c.Footer == nil {
		return nil, nil
	}
	fields := c.Footer(rows)
	if fields == nil {
		return nil, nil
	}
	return c.encoder().record(nil, fields, false)
}

func (c WriterConfig) check() error {
	op := "open output " + core.EscapeControl(c.Path)
	if !validComma(c.Comma) {
		return &core.Error{Op: op, Msg: quoteByte(c.Comma) + " cannot be the delimiter"}
	}
	if len(c.Columns) == 0 {
		return &core.Error{Op: op, Msg: "no columns are declared"}
	}
	return checkNames(op+": declared columns", c.Columns)
}

func validComma(c byte) bool { return c != '"' && c != '\r' && c != '\n' && c < 0x80 }
