package partfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

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

func (c Config) create() (*os.File, error) {
	f, err := os.OpenFile(c.part(), os.O_RDWR|os.O_CREATE|os.O_EXCL|noFollow, c.mode())
	if err != nil {
		return nil, &core.Error{Op: c.op(), Err: err}
	}
	return f, nil
}

// replaceLeftover puts a new part in the place of one that no checkpoint names.
// A new file rather than the old one emptied: whoever made the old one may have
// given it another mode, or hold it open.
func (c Config) replaceLeftover() (*os.File, error) {
	if err := c.removeLeftover(); err != nil {
		return nil, err
	}
	return c.create()
}

// removeLeftover removes a part that nobody is writing.
func (c Config) removeLeftover() error {
	old, err := c.open()
	if err != nil {
		return err
	}
	defer old.Close() // it was only held for its lock
	if err := c.lock(old); err != nil {
		return err
	}
	if err := os.Remove(c.part()); err != nil {
		return &core.Error{Op: c.op(), Err: err}
	}
	return nil
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
	taken, err := lock(f)
	if err != nil {
		return &core.Error{Op: c.op(), Err: err}
	}
	if taken {
		opened, err := f.Stat()
		if err != nil {
			return &core.Error{Op: c.op(), Err: err}
		}
		if named, err := os.Lstat(c.part()); err == nil && os.SameFile(opened, named) {
			return nil
		}
	}
	return c.refuse("another process is writing "+core.EscapeControl(c.part()),
		"wait for it to end; batchctl executions --status STARTED shows what is running")
}

// mismatch refuses a file that is not what the checkpoint says.
func (c Config) mismatch(path string, want, found State) error {
	msg := fmt.Sprintf("%s was altered: the checkpoint says %s, found %s", core.EscapeControl(path), want, found)
	if found.Length < want.Length {
		msg = fmt.Sprintf("%s is too short: the checkpoint says %s, found %s", core.EscapeControl(path), want, found)
	}
	return &core.Error{
		Kind: core.ErrCheckpointMismatch, Op: c.op(), Msg: msg,
		Hint: "put the file back as it was, then restart",
	}
}

// resumePublished decides what it means that there is no part.
func resumePublished(ctx context.Context, cfg Config, state State, tail []byte) (*File, error) {
	whole := state.Add(tail)
	target, err := os.OpenFile(cfg.Target, os.O_RDONLY|noFollow, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if state.Length == 0 {
			return Create(cfg)
		}
		return nil, &core.Error{
			Kind: core.ErrCheckpointMismatch, Op: cfg.op(),
			Msg:  fmt.Sprintf("%s is missing: the checkpoint says %s, and the file was not published", core.EscapeControl(cfg.part()), state),
			Hint: "put the file back as it was, then restart",
		}
	}
	if err != nil {
		return nil, &core.Error{Op: cfg.op(), Err: err}
	}
	defer target.Close() // it was only read
	info, err := target.Stat()
	if err != nil {
		return nil, &core.Error{Op: cfg.op(), Err: err}
	}
	found := State{Length: info.Size()}
	if found.Length == whole.Length {
		if found, err = prefixState(ctx, target, whole.Length); err != nil {
			return nil, &core.Error{Op: cfg.op(), Err: err}
		}
	}
	switch {
	case found == whole:
		// The directory may not have been synced after the rename.
		if err := syncDir(filepath.Dir(cfg.Target)); err != nil {
			return nil, &core.Error{Op: cfg.op(), Err: err}
		}
		return &File{cfg: cfg, state: state, synced: state, published: true}, nil
	case state.Length == 0:
		return Create(cfg) // nothing was committed, so nothing is lost
	case found.Length != whole.Length:
		if found, err = prefixState(ctx, target, found.Length); err != nil {
			return nil, &core.Error{Op: cfg.op(), Err: err}
		}
	}
	return nil, cfg.mismatch(cfg.Target, whole, found)
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
