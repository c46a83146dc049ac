package partfile

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
)

// Suffix is appended to the name of the target to name the part.
const Suffix = ".part"

// DefaultMode is the mode of a new file.
const DefaultMode fs.FileMode = 0o600

// crc32c continues a CRC-32C. The table is made at the first call, not at the
// start of every program that could write such a file.
func crc32c(crc uint32, p []byte) uint32 {
	return crc32.Update(crc, crc32.MakeTable(crc32.Castagnoli), p)
}

// Config says what is written.
type Config struct {
	// Target is the absolute path of the finished file.
	Target string
	// Mode is the mode of the file, less the umask; DefaultMode when 0.
	Mode fs.FileMode
	// KeepExisting refuses to replace a target that exists.
	KeepExisting bool
	// Owner is whom the file belongs to until it is published.
	Owner Owner
}

// State is what a checkpoint keeps of a part: its length and the CRC-32C of all
// its bytes.
type State struct {
	Length int64
	CRC    uint32
}

// Add returns the state after p was appended.
func (s State) Add(p []byte) State {
	return State{Length: s.Length + int64(len(p)), CRC: crc32c(s.CRC, p)}
}

// String returns the state as messages show it.
func (s State) String() string { return fmt.Sprintf("%d bytes, crc32c %08x", s.Length, s.CRC) }

// File is an output in progress. It is not safe for concurrent use.
type File struct {
	cfg       Config
	part      *os.File // nil once published or closed
	state     State
	synced    State
	recorded  bool // the names are durable, and so is whose they are
	published bool
	failed    error
}

// Create starts a new part. What is left of an earlier one is replaced, unless it
// belongs to another owner, who has committed some of it and may yet ask for it:
// that is a core.ErrCheckpointMismatch. It fails, having touched nothing, then,
// and when the directory is missing or cannot be written, when the target is no
// regular file, when it exists and must be kept, when somebody is writing the
// part, and when an SQLite database would be replaced or damaged.
func Create(ctx context.Context, cfg Config) (*File, error) {
	if err := cfg.check(true); err != nil {
		return nil, err
	}
	if err := cfg.makeWay(ctx); err != nil {
		return nil, err
	}
	part, err := cfg.create()
	if err != nil {
		return nil, err
	}
	f := &File{cfg: cfg, part: part}
	if err := cfg.lock(part); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Resume continues a part at the state of its last checkpoint; what was written
// behind it is cut off. When the part is missing, or is another's, the target
// must hold the state's bytes followed by tail, which proves that it was
// published; the File is then Published. Anything else is a
// core.ErrCheckpointMismatch that says both values, or whose the part is, and
// leaves every file as it was.
func Resume(ctx context.Context, cfg Config, state State, tail []byte) (*File, error) {
	if err := cfg.check(false); err != nil {
		return nil, err
	}
	part, err := cfg.open()
	if errors.Is(err, fs.ErrNotExist) {
		return cfg.resumeMissing(ctx, state, tail)
	}
	if err != nil {
		return nil, err
	}
	f := &File{cfg: cfg, part: part, state: state, synced: state}
	if cfg.KeepExisting {
		if err := cfg.refuseExisting(); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	mine, err := f.resume(ctx)
	if err == nil {
		return f, nil
	}
	closed := f.Close()
	if mine || !errors.Is(err, core.ErrCheckpointMismatch) {
		return nil, errors.Join(err, closed)
	}
	f, proof := cfg.findPublished(ctx, state, tail)
	switch {
	case f != nil:
		return f, nil
	case proof != nil && !errors.Is(proof, core.ErrCheckpointMismatch):
		return nil, proof
	case state.Length == 0: // nothing was committed, so nothing is lost
		return Create(ctx, cfg)
	}
	return nil, errors.Join(err, closed)
}

// Published reports whether the target is in place and nothing is left to do.
func (f *File) Published() bool { return f.published }

// State returns the length and CRC of all that was appended so far, the tail
// left out.
func (f *File) State() State { return f.state }

// Append writes p at the end of the part. A File that failed once refuses.
func (f *File) Append(p []byte) error {
	if err := f.usable(); err != nil {
		return err
	}
	if len(p) == 0 {
		return nil
	}
	if _, err := f.part.Write(p); err != nil {
		return f.fail("write", err)
	}
	fault.Point("partfile.after-write")
	f.state = f.state.Add(p)
	return nil
}

// Sync makes what was appended durable and returns its state, which a
// checkpoint may then name. From the first one on the part is its owner's.
func (f *File) Sync() (State, error) {
	if f.published {
		return f.state, nil
	}
	if err := f.usable(); err != nil {
		return State{}, err
	}
	if f.state == f.synced {
		return f.state, nil
	}
	if f.recorded {
		return f.state, f.sync()
	}
	if err := f.claim(); err != nil {
		return State{}, err
	}
	err := f.sync()
	if err == nil {
		err = f.record()
	}
	if err != nil { // no checkpoint will name the part: it keeps nobody out
		return State{}, errors.Join(err, f.cfg.dropOwn())
	}
	return f.state, nil
}

// claim says durably whose the part is, its name apart.
func (f *File) claim() error {
	if f.cfg.Owner.isNobody() {
		return nil
	}
	if err := f.cfg.writeClaim(); err != nil {
		return f.fail("claim", err)
	}
	return nil
}

// record makes the names of the part and of its owner durable.
func (f *File) record() error {
	if err := syncDir(filepath.Dir(f.cfg.Target)); err != nil {
		return f.fail("sync", err)
	}
	f.recorded = true
	return nil
}

// Rollback cuts the part back to an earlier state of this File.
func (f *File) Rollback(state State) error {
	if f.published || f.state == state {
		return nil
	}
	if err := f.usable(); err != nil {
		return err
	}
	if err := f.truncate(state); err != nil {
		return f.fail("truncate", err)
	}
	f.state = state
	if state.Length < f.synced.Length {
		f.synced = state // bytes that come again are not the durable ones
	}
	return nil
}

// Publish appends tail, makes the file durable and puts it in the target's
// place. A second call does nothing. A target that has become an SQLite database
// meanwhile is refused, and the part stays as it was before the call.
func (f *File) Publish(tail []byte) error {
	if f.published {
		return nil
	}
	if err := f.usable(); err != nil {
		return err
	}
	if f.cfg.KeepExisting {
		if err := f.cfg.refuseExisting(); err != nil {
			return err
		}
	}
	body := f.state
	if err := f.Append(tail); err != nil {
		return err
	}
	if err := f.sync(); err != nil {
		return err
	}
	if err := f.cfg.refuseDatabase(); err != nil {
		return errors.Join(err, f.Rollback(body)) // the tail is appended again
	}
	fault.Point("partfile.before-rename")
	if err := os.Rename(f.cfg.part(), f.cfg.Target); err != nil {
		return f.fail("publish", err)
	}
	fault.Point("partfile.after-rename")
	if err := syncDir(filepath.Dir(f.cfg.Target)); err != nil {
		return f.fail("publish", err)
	}
	if err := f.cfg.dropOwn(); err != nil {
		return f.fail("publish", err)
	}
	f.published, f.state = true, body
	return f.Close()
}

// Remove gives the part up, of which no checkpoint may hold anything. A File that
// is published stays so.
func (f *File) Remove() error {
	if f == nil || f.part == nil {
		return nil
	}
	err := f.cfg.dropOwn()
	if err == nil {
		err = os.Remove(f.cfg.part())
	}
	return errors.Join(err, f.Close())
}

// Close releases the part and its lock; it publishes and removes nothing.
func (f *File) Close() error {
	if f == nil || f.part == nil {
		return nil
	}
	part := f.part
	f.part = nil
	if err := part.Close(); err != nil {
		return f.fail("close", err)
	}
	return nil
}

func (f *File) usable() error {
	switch {
	case f.failed != nil:
		return fmt.Errorf("nothing more is written after: %w", f.failed)
	case f.published:
		return &core.Error{
			Kind: core.ErrCheckpointMismatch, Op: "write " + f.cfg.Target,
			Msg:  "the file was published by an earlier attempt with " + f.state.String() + ", and there is more to write now",
			Hint: "put the input back as it was, then restart",
		}
	case f.part == nil:
		return fmt.Errorf("write %s: %w", f.cfg.part(), fs.ErrClosed)
	}
	return nil
}

func (f *File) fail(op string, err error) error {
	f.failed = &core.Error{
		Op: op + " output " + f.cfg.Target, Err: err,
		Hint: "mend the cause and restart: the file is continued at its last checkpoint",
	}
	return f.failed
}

func (f *File) sync() error {
	fault.Point("partfile.before-fsync")
	if err := f.part.Sync(); err != nil {
		return f.fail("sync", err)
	}
	fault.Point("partfile.after-fsync")
	f.synced = f.state
	return nil
}

// truncate cuts the part to state and stands at its end.
func (f *File) truncate(state State) error {
	if err := f.part.Truncate(state.Length); err != nil {
		return err
	}
	_, err := f.part.Seek(state.Length, io.SeekStart)
	return err
}

// resume goes on at the state, and says whether the part is known to be this
// owner's. Only a part that is not may be an error without consequence.
func (f *File) resume(ctx context.Context) (mine bool, err error) {
	if err := f.cfg.lock(f.part); err != nil {
		return false, err
	}
	cl, err := f.cfg.readClaim()
	if err != nil {
		return true, err
	}
	if cl.isOfAnother(f.cfg.Owner) {
		return false, f.cfg.refuseForeign(ctx, cl.deed, f.state)
	}
	mine = cl.isOf(f.cfg.Owner)
	found, err := prefixState(ctx, f.part, f.state.Length)
	if err != nil {
		return true, fmt.Errorf("check output %s: %w", f.cfg.part(), err)
	}
	if found != f.state {
		return mine, f.cfg.mismatch(f.cfg.part(), f.state, found)
	}
	if err := f.truncate(f.state); err != nil {
		return true, f.fail("truncate", err)
	}
	return true, f.adopt(cl)
}

// adopt makes sure that a part with something committed in it is its owner's,
// also one that was begun when nobody wrote down whose it is.
func (f *File) adopt(cl *claim) error {
	if f.recorded = f.state.Length > 0 && cl.isOf(f.cfg.Owner); f.recorded {
		return nil
	}
	if cl != nil { // no checkpoint relies on it
		if err := f.cfg.dropStale(cl); err != nil {
			return err
		}
	}
	if f.state.Length == 0 {
		return nil // as for Create
	}
	if err := f.claim(); err != nil {
		return err
	}
	return f.record()
}
