package partfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
)

// checkBlock is how much is read at a time when a prefix is compared.
const checkBlock = 256 << 10

func (c Config) part() string { return c.Target + Suffix }

func (c Config) mode() fs.FileMode {
	if c.Mode == 0 {
		return DefaultMode
	}
	return c.Mode
}

// check refuses what cannot become an output, before anything is read.
func (c Config) check(fresh bool) error {
	if !filepath.IsAbs(c.Target) {
		return c.refuse("the path is not absolute", "")
	}
	dir := filepath.Dir(c.Target)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c.refuse("the directory "+core.EscapeControl(dir)+" does not exist", "mkdir -p "+core.ShellQuote(dir))
	case err != nil:
		return &core.Error{Op: c.op(), Err: err}
	case !info.IsDir():
		return c.refuse(core.EscapeControl(dir)+" is not a directory", "")
	}
	if err := c.checkName(); err != nil {
		return err
	}
	if err := c.checkTarget(); err != nil {
		return err
	}
	if err := c.refuseDatabase(); err != nil {
		return err
	}
	if err := c.refuseDatabasePart(); err != nil {
		return err
	}
	if fresh && c.KeepExisting {
		return c.refuseExisting()
	}
	return nil
}

// maxName is how many bytes most file systems let a name have.
const maxName = 255

// checkName refuses a name that leaves no room for those of the files beside it.
func (c Config) checkName() error {
	name, longest := filepath.Base(c.Target), maxName-len(Suffix+OwnerSuffix)
	if _, err := os.Lstat(c.ownerPath()); !errors.Is(err, syscall.ENAMETOOLONG) || len(name) <= longest {
		return nil // what else is wrong shows below
	}
	return c.refuse(fmt.Sprintf("the name has %d bytes, too many for the files that are written beside it: their names end in %s and %s",
		len(name), Suffix, Suffix+OwnerSuffix), fmt.Sprintf("give a name of at most %d bytes", longest))
}

func (c Config) checkTarget() error {
	info, err := os.Lstat(c.Target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return &core.Error{Op: c.op(), Err: err}
	case info.Mode()&fs.ModeSymlink != 0:
		return c.refuse("is a symbolic link, which publishing would replace", "give the path that it points to")
	case !info.Mode().IsRegular():
		return c.refuse("is "+core.FileKind(info.Mode())+", not a regular file", "give the path of a file: it is replaced in one step at the end")
	}
	return nil
}

func (c Config) refuseExisting() error {
	if _, err := os.Lstat(c.Target); err == nil {
		return c.refuse("the file exists and must not be replaced", "mv "+core.ShellQuote(c.Target, c.Target+".old"))
	}
	return nil
}

func (c Config) op() string { return "open output " + core.EscapeControl(c.Target) }

func (c Config) refuse(msg, hint string) error { return &core.Error{Op: c.op(), Msg: msg, Hint: hint} }

// create makes a new part. A new file rather than an old one emptied: whoever
// made that may have given it another mode, or hold it open.
func (c Config) create() (*os.File, error) {
	f, err := os.OpenFile(c.part(), os.O_RDWR|os.O_CREATE|os.O_EXCL|noFollow, c.mode())
	if errors.Is(err, fs.ErrExist) {
		return nil, c.busy() // it was not there a moment ago
	}
	if err != nil {
		return nil, &core.Error{Op: c.op(), Err: err}
	}
	return f, nil
}

// open opens the part that is there. It never opens what is no regular file.
func (c Config) open() (*os.File, error) {
	info, err := os.Lstat(c.part())
	if err != nil {
		return nil, &core.Error{Op: c.op(), Err: err}
	}
	if !info.Mode().IsRegular() {
		return nil, c.refuse(core.EscapeControl(c.part())+" is "+core.FileKind(info.Mode())+", not a regular file", "rm "+core.ShellQuote(c.part()))
	}
	f, err := os.OpenFile(c.part(), os.O_RDWR|noFollow, 0)
	if err != nil {
		return nil, &core.Error{Op: c.op(), Err: err}
	}
	return f, nil
}

// lock makes sure that f is the part and nobody else writes it.
func (c Config) lock(f *os.File) error {
	held, err := hold(f, c.part())
	if err != nil {
		return &core.Error{Op: c.op(), Err: err}
	}
	if !held {
		return c.busy()
	}
	return nil
}

// hold takes the lock on f, and reports whether it has it and f still is what
// path names.
func hold(f *os.File, path string) (bool, error) {
	taken, err := lock(f)
	if err != nil || !taken {
		return false, err
	}
	opened, err := f.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Lstat(path)
	return err == nil && os.SameFile(opened, named), nil
}

func (c Config) busy() error {
	return c.refuse("somebody else is writing "+core.EscapeControl(c.part()),
		"wait for it to end, or give one of the two another path; batchctl executions --status STARTED shows what is running")
}

// refuseForeign refuses to go on with the part of another owner.
func (c Config) refuseForeign(ctx context.Context, d deed, want State) error {
	if err := c.mayTake(ctx, d); err != nil {
		return err
	}
	return &core.Error{
		Kind: core.ErrCheckpointMismatch, Op: c.op(),
		Msg:  fmt.Sprintf("%s was begun by %s: the checkpoint says %s, which is not there any more", core.EscapeControl(c.part()), d, want),
		Hint: "put the file back as it was, then restart",
	}
}

// mismatch refuses a file that is not what the checkpoint says.
func (c Config) mismatch(path string, want, found State) error {
	msg := fmt.Sprintf("%s was altered: the checkpoint says %s, found %s", core.EscapeControl(path), want, found)
	if found.Length < want.Length {
		msg = fmt.Sprintf("%s is too short: the checkpoint says %s, found %s", core.EscapeControl(path), want, found)
	}
	hint := "put the file back as it was, then restart"
	if id := c.Owner.execution; path == c.Target && id != 0 {
		hint += "; or, if another run has replaced it since it was published: " + core.ShellQuote("batchctl", "abandon", fmt.Sprint(id))
	}
	return &core.Error{Kind: core.ErrCheckpointMismatch, Op: c.op(), Msg: msg, Hint: hint}
}

// resumeMissing decides what it means that there is no part.
func (c Config) resumeMissing(ctx context.Context, state State, tail []byte) (*File, error) {
	f, err := c.findPublished(ctx, state, tail)
	switch {
	case f != nil:
		return f, nil
	case err != nil && !errors.Is(err, core.ErrCheckpointMismatch):
		return nil, err
	case state.Length == 0: // nothing was committed, so nothing is lost
		return Create(ctx, c)
	case err != nil:
		return nil, err
	}
	hint := "put the file back as it was, then restart"
	if id := c.Owner.execution; id != 0 {
		hint += "; if it is lost, this instance can never be completed: " + core.ShellQuote("batchctl", "abandon", fmt.Sprint(id))
	}
	return nil, &core.Error{
		Kind: core.ErrCheckpointMismatch, Op: c.op(),
		Msg:  fmt.Sprintf("%s is missing: the checkpoint says %s, and the file was not published", core.EscapeControl(c.part()), state),
		Hint: hint,
	}
}

// findPublished returns a File when the target is the finished one, and neither
// that nor an error when there is no target. Another target is a mismatch.
func (c Config) findPublished(ctx context.Context, state State, tail []byte) (*File, error) {
	whole := state.Add(tail)
	target, err := os.OpenFile(c.Target, os.O_RDONLY|noFollow, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // nothing was found, and that is no error
	}
	if err != nil {
		return nil, &core.Error{Op: c.op(), Err: err}
	}
	defer target.Close() // it was only read
	info, err := target.Stat()
	if err != nil {
		return nil, &core.Error{Op: c.op(), Err: err}
	}
	found := State{Length: info.Size()}
	if found.Length == whole.Length || state.Length > 0 { // else nobody is told the checksum
		if found, err = prefixState(ctx, target, found.Length); err != nil {
			return nil, &core.Error{Op: c.op(), Err: err}
		}
	}
	if found != whole {
		return nil, c.mismatch(c.Target, whole, found)
	}
	// The directory may not have been synced after the rename.
	if err := syncDir(filepath.Dir(c.Target)); err != nil {
		return nil, &core.Error{Op: c.op(), Err: err}
	}
	if err := c.dropOwn(); err != nil {
		return nil, err
	}
	return &File{cfg: c, state: state, synced: state, published: true}, nil
}

// prefixState reads the first length bytes of r, or what there is of them.
func prefixState(ctx context.Context, r io.ReaderAt, length int64) (State, error) {
	section := io.NewSectionReader(r, 0, length)
	buf := make([]byte, checkBlock)
	var s State
	for {
		if err := ctx.Err(); err != nil {
			return s, context.Cause(ctx)
		}
		n, err := section.Read(buf)
		s = State{Length: s.Length + int64(n), CRC: crc32c(s.CRC, buf[:n])}
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return s, err
		}
	}
}

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	fault.Point("partfile.before-dirsync")
	d, err := os.Open(dir) //nolint:gosec // the directory of a configured path
	if err != nil {
		return err
	}
	defer d.Close() // it was only synced
	if err := d.Sync(); err != nil {
		return err
	}
	fault.Point("partfile.after-dirsync")
	return nil
}
