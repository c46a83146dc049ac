package partfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
)

// MergePart is one of the files that are merged.
type MergePart struct {
	// Path is absolute.
	Path string
	// State is that of the whole file, as its writer has left it: what a
	// checkpoint says, and the tail that was appended when it was published.
	State State
}

// Merge publishes one file that consists of header and of the parts in their
// order, each without the header that it begins with, and removes the parts.
// header may be empty. It needs room for a second copy, and a constant amount of
// memory.
//
// It may be called again after a crash or an error at any point. That the target
// is right already follows from the parts' states alone, which give its length
// and checksum: then nothing is written, and what is left of the parts is
// removed. Otherwise all parts must be there as their states say, and begin with
// the header; a part that does not is a core.ErrCheckpointMismatch, and every
// part stays. So the states must come from where they survive a crash, which is
// the contexts of the steps that wrote the parts, never from the parts.
func Merge(ctx context.Context, cfg Config, parts []MergePart, header []byte) error {
	m := merge{cfg: cfg, parts: parts, header: header}
	if err := m.check(); err != nil {
		return err
	}
	whole := m.whole()
	merged, err := m.isMerged(ctx, whole)
	if err != nil {
		return err
	}
	if !merged {
		if err := m.present(); err != nil {
			return err
		}
		if err := m.write(ctx); err != nil {
			return err
		}
	} else if err := syncDir(filepath.Dir(cfg.Target)); err != nil { // it may have died before that
		return m.fail(err)
	}
	return m.removeParts(ctx)
}

type merge struct {
	cfg    Config
	parts  []MergePart
	header []byte
}

func (m merge) op() string { return "merge into " + core.EscapeControl(m.cfg.Target) }

func (m merge) fail(err error) error { return &core.Error{Op: m.op(), Err: err} }

func (m merge) mismatch(path, format string, args ...any) error {
	return &core.Error{
		Kind: core.ErrCheckpointMismatch, Op: m.op(),
		Msg: "part " + core.EscapeControl(path) + " " + fmt.Sprintf(format, args...), Hint: "put the file back as it was, then restart",
	}
}

func (m merge) check() error {
	if err := m.cfg.check(false); err != nil {
		return err
	}
	seen := map[string]bool{filepath.Clean(m.cfg.Target): true, filepath.Clean(m.cfg.part()): true}
	for _, p := range m.parts {
		path := filepath.Clean(p.Path)
		switch {
		case !filepath.IsAbs(path):
			return m.fail(fmt.Errorf("the path of part %s is not absolute", core.QuotePath(p.Path)))
		case seen[path]:
			return m.fail(fmt.Errorf("%s is named twice", core.QuotePath(p.Path)))
		case p.State.Length < int64(len(m.header)):
			return m.mismatch(p.Path, "has %s, which is less than the header of %d bytes", p.State, len(m.header))
		}
		seen[path] = true
	}
	return nil
}

// whole returns the state of the merged file, without reading anything.
func (m merge) whole() State {
	head := State{}.Add(m.header)
	whole := head
	for _, p := range m.parts {
		whole = whole.join(p.State.without(head))
	}
	return whole
}

// isMerged reports whether the target is what the merge would write.
func (m merge) isMerged(ctx context.Context, whole State) (bool, error) {
	found, err := stateOf(ctx, m.cfg.Target, whole.Length)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, m.fail(err)
	}
	return found == whole, nil
}

// present refuses to begin while a part is missing.
func (m merge) present() error {
	for _, p := range m.parts {
		_, err := os.Lstat(p.Path)
		if errors.Is(err, fs.ErrNotExist) {
			return m.mismatch(p.Path, "is missing, and the target is not the merged file")
		}
		if err != nil {
			return m.fail(err)
		}
	}
	return nil
}

// write makes the merged file and publishes it. What it has written is removed
// when it fails: the parts have all of it, and the disk may be full.
func (m merge) write(ctx context.Context) (err error) {
	file, err := Create(ctx, m.cfg)
	if err != nil {
		return err
	}
	defer func() {
		if !file.Published() {
			_ = file.Remove() // the next merge replaces it otherwise
		}
		err = errors.Join(err, file.Close())
	}()
	if err := file.Append(m.header); err != nil {
		return err
	}
	buf := make([]byte, checkBlock)
	for _, p := range m.parts {
		if err := m.append(ctx, file, p, buf); err != nil {
			return err
		}
	}
	return file.Publish(nil)
}

// append copies a part behind its header, and compares it with its state.
func (m merge) append(ctx context.Context, file *File, p MergePart, buf []byte) error {
	part, err := openRegular(p.Path)
	if err != nil {
		return m.fail(err)
	}
	defer part.Close() // it was only read
	head := make([]byte, len(m.header))
	if _, err := io.ReadFull(part, head); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return m.fail(err)
	}
	if !bytes.Equal(head, m.header) {
		return m.mismatch(p.Path, "begins with %s, not with the header %s", core.Quote(string(head)), core.Quote(string(m.header)))
	}
	found := State{}.Add(head)
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := part.Read(buf)
		found = found.Add(buf[:n])
		if found.Length > p.State.Length {
			break // it grows; do not follow it
		}
		if err := file.Append(buf[:n]); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return m.fail(err)
		}
	}
	if found != p.State {
		return m.mismatch(p.Path, "was altered: its checkpoint says %s, found %s", p.State, found)
	}
	return nil
}

// removeParts removes what is left of the parts. A file that is not the part is
// left, and is an error: nobody has merged it.
func (m merge) removeParts(ctx context.Context) error {
	var dirs []string
	for _, p := range m.parts {
		found, err := stateOf(ctx, p.Path, p.State.Length)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return m.fail(err)
		}
		if found != p.State {
			return m.mismatch(p.Path, "was altered after it was merged: its checkpoint says %s, found %s", p.State, found)
		}
		fault.Point("partfile.before-remove")
		if err := os.Remove(p.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return m.fail(err)
		}
		fault.Point("partfile.after-remove")
		if dir := filepath.Dir(p.Path); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	for _, dir := range dirs {
		if err := syncDir(dir); err != nil {
			return m.fail(err)
		}
	}
	return nil
}

// openRegular opens a file for reading, and nothing else that has a name.
func openRegular(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is %s, not a regular file", core.QuotePath(path), core.FileKind(info.Mode()))
	}
	return os.OpenFile(path, os.O_RDONLY|noFollow, 0) //nolint:gosec // the path of an output
}

// stateOf returns the state of a file. One of another length than expected is
// not read.
func stateOf(ctx context.Context, path string, length int64) (State, error) {
	f, err := openRegular(path)
	if err != nil {
		return State{}, err
	}
	defer f.Close() // it was only read
	info, err := f.Stat()
	if err != nil {
		return State{}, err
	}
	if info.Size() != length {
		return State{Length: info.Size()}, nil
	}
	return prefixState(ctx, f, length)
}
