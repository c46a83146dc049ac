package rejects

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/partfile"
)

// Config says where rejects go.
type Config struct {
	// Path is the absolute path of the finished file. It has a .part beside it
	// until the step has ended.
	Path string
	// Mode is the mode of the file, 0600 when 0: it holds data of the input.
	Mode fs.FileMode
	// KeepExisting refuses to replace a file that exists.
	KeepExisting bool
	// MaxRaw is how many bytes of an item are kept, DefaultMaxRaw when 0.
	MaxRaw int
	// Name is the prefix of the keys in the step's context, "rejects" when
	// empty. Two writers of one step need two names.
	Name string
	// Scope is the step that rejects: until the file is in place it belongs to
	// that step, in all of its attempts. nil leaves it to whoever comes.
	Scope *core.Scope
}

// KeyCount is the key in the step's context of the number of items that all
// attempts have rejected, where [Config] gives no other name.
const KeyCount = defaultName + keyCount

const defaultName = "rejects"

// Keys in the step's context, behind the name of the writer. Under keyCount is
// the number of items that all attempts have rejected.
const (
	keyLength = ".length"
	keyCRC    = ".crc"
	keyCount  = ".count"
	keyTarget = ".target"
)

// Writer writes rejects to a file that appears at the end of the step. It is not
// safe for concurrent use. It is no core.Reverter: a chunk that is written again,
// or item by item, has rejected nothing yet.
type Writer struct {
	cfg    Config
	opened bool
	file   *partfile.File // nil as long as nothing was rejected
	now    saved
	kept   saved // as of the last Checkpoint, or of Open
}

// saved is how much there is.
type saved struct {
	state partfile.State
	count int64
}

var (
	_ core.RejectWriter = (*Writer)(nil)
	_ core.ItemStream   = (*Writer)(nil)
	_ core.Finisher     = (*Writer)(nil)
)

// New returns a Writer for one execution of a step.
func New(cfg Config) *Writer {
	if cfg.Name == "" {
		cfg.Name = defaultName
	}
	if cfg.MaxRaw <= 0 {
		cfg.MaxRaw = DefaultMaxRaw
	}
	return &Writer{cfg: cfg}
}

func (w *Writer) part() partfile.Config {
	return partfile.Config{
		Target: filepath.Clean(w.cfg.Path), Mode: w.cfg.Mode, KeepExisting: w.cfg.KeepExisting, Owner: partfile.OwnerOf(w.cfg.Scope),
	}
}

// Open implements core.ItemStream. What cannot be written is refused here, but
// no file is made before there is something to write.
func (w *Writer) Open(ctx context.Context, ec core.ExecutionContext) error {
	at, err := w.restore(ec)
	if err != nil {
		return err
	}
	w.now, w.kept = at, at
	if at.state.Length > 0 {
		w.file, err = partfile.Resume(ctx, w.part(), at.state, nil)
	} else {
		err = partfile.Discard(ctx, w.part())
	}
	w.opened = err == nil
	return err
}

// Reject implements core.RejectWriter.
func (w *Writer) Reject(ctx context.Context, r core.Reject) error {
	if err := w.usable(ctx, "write"); err != nil {
		return err
	}
	line, err := encode(r, w.cfg.MaxRaw)
	if err != nil {
		return fmt.Errorf("write rejects %s: %w", w.cfg.Path, err)
	}
	if w.file == nil {
		if w.file, err = partfile.Create(ctx, w.part()); err != nil {
			return err
		}
	}
	if err := w.file.Append(line); err != nil {
		return err
	}
	w.now = saved{state: w.file.State(), count: w.now.count + 1}
	return nil
}

// Checkpoint implements core.ItemStream. It syncs the file when there is
// something new in it.
func (w *Writer) Checkpoint(ec core.ExecutionContext) error {
	if !w.opened {
		return fmt.Errorf("checkpoint of rejects %s: not open", w.cfg.Path)
	}
	if w.file == nil {
		return nil
	}
	if _, err := w.file.Sync(); err != nil {
		return err
	}
	w.kept = w.now
	ec.Put(w.cfg.Name+keyLength, w.now.state.Length)
	ec.Put(w.cfg.Name+keyCRC, int64(w.now.state.CRC))
	ec.Put(w.cfg.Name+keyCount, w.now.count)
	ec.Put(w.cfg.Name+keyTarget, filepath.Clean(w.cfg.Path))
	return nil
}

// Finish implements core.Finisher: it puts the file in place, or makes sure that
// there is none when nothing was rejected.
func (w *Writer) Finish(ctx context.Context) error {
	if err := w.usable(ctx, "publish"); err != nil {
		return err
	}
	if w.file != nil {
		return w.file.Publish(nil)
	}
	return partfile.Clear(ctx, w.part())
}

// Close implements core.ItemStream. It cuts off what no Checkpoint has named, so
// that whoever looks into the part of a failed step finds what was committed.
func (w *Writer) Close() error {
	file := w.file
	w.file, w.opened = nil, false
	if file == nil || file.Published() {
		return file.Close()
	}
	_ = file.Rollback(w.kept.state) // after a failed write the next attempt does it
	if w.kept.count == 0 {
		return file.Remove()
	}
	return file.Close()
}

// Location returns where the rejects that a checkpoint has named are to be found
// now, or "" when there are none and so no file.
func (w *Writer) Location() string {
	if w.kept.count == 0 {
		return ""
	}
	target := filepath.Clean(w.cfg.Path)
	if w.file != nil && w.file.Published() {
		return target
	}
	return target + partfile.Suffix
}

func (w *Writer) usable(ctx context.Context, verb string) error {
	if !w.opened {
		return fmt.Errorf("%s rejects %s: not open", verb, w.cfg.Path)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// restore reads what Checkpoint left. A checkpoint of another file is refused.
func (w *Writer) restore(ec core.ExecutionContext) (at saved, err error) {
	op := "open rejects " + core.EscapeControl(w.cfg.Path)
	var v [3]int64
	found := 0
	for i, key := range [...]string{keyLength, keyCRC, keyCount} {
		n, present, err := ec.Int64(w.cfg.Name + key)
		if err == nil && (n < 0 || key == keyCRC && n > math.MaxUint32) {
			err = fmt.Errorf("context key %s holds %d", core.Quote(w.cfg.Name+key), n)
		}
		if err != nil {
			return at, damaged(op, err)
		}
		if v[i] = n; present {
			found++
		}
	}
	target, present, err := ec.String(w.cfg.Name + keyTarget)
	switch {
	case err != nil:
		return at, damaged(op, err)
	case found == 0 && !present:
		return at, nil
	case found < len(v) || !present || (v[0] == 0) != (v[2] == 0):
		return at, damaged(op, fmt.Errorf("the context keys %s do not fit together", core.Quote(w.cfg.Name+".*")))
	case target != filepath.Clean(w.cfg.Path):
		return at, &core.Error{
			Kind: core.ErrCheckpointMismatch, Op: op, Msg: "the last attempt wrote to " + core.EscapeControl(target),
			Hint: "restart with the path of the last attempt",
		}
	}
	return saved{state: partfile.State{Length: v[0], CRC: uint32(v[1])}, count: v[2]}, nil //nolint:gosec // its range was checked
}

func damaged(op string, err error) error {
	return &core.Error{
		Kind: core.ErrCheckpointMismatch, Op: op, Msg: "the step's context is damaged", Err: err,
		Hint: "batchctl abandon gives up the instance for good; nothing else helps",
	}
}
