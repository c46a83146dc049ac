package partfile

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
)

// ownerMode is that of an owner file: parameters are nobody else's business.
const ownerMode = 0o600

// claim is an owner file as it was read.
type claim struct {
	deed

	torn bool
	text []byte
}

// isOf reports whether the claim is made by o.
func (cl *claim) isOf(o Owner) bool { return cl != nil && !cl.torn && cl.Lineage == o.Lineage }

// isOfAnother reports whether the claim is made, and not by o.
func (cl *claim) isOfAnother(o Owner) bool { return cl != nil && !cl.torn && cl.Lineage != o.Lineage }

func (c Config) ownerPath() string { return c.part() + OwnerSuffix }

// readClaim reads the owner file; nil when there is none. What batchctl has not
// written is an error: it is not known what it protects, and it is not removed.
func (c Config) readClaim() (*claim, error) {
	f, err := openRegular(c.ownerPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // there is no claim, and that is no error
	}
	if err != nil {
		return nil, &core.Error{Op: c.op(), Err: err}
	}
	defer f.Close() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxDeed))
	if err != nil {
		return nil, &core.Error{Op: c.op(), Err: err}
	}
	cl := &claim{text: text}
	if cl.deed, cl.torn, err = parseDeed(text); err != nil {
		return nil, &core.Error{
			Kind: core.ErrCheckpointMismatch, Op: c.op(), Msg: "cannot use " + core.EscapeControl(c.ownerPath()), Err: err,
			Hint: "look at it; if nobody needs the unfinished output: " + core.ShellQuote("rm", c.part(), c.ownerPath()),
		}
	}
	return cl, nil
}

// writeClaim makes the owner file durable, its name apart. The part is locked,
// and there was no owner file when it was begun.
func (c Config) writeClaim() (err error) {
	text, err := c.Owner.text()
	if err != nil {
		return err
	}
	fault.Point("partfile.before-owner")
	f, err := os.OpenFile(c.ownerPath(), os.O_WRONLY|os.O_CREATE|os.O_EXCL|noFollow, ownerMode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		fault.Point("partfile.in-owner")
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(c.ownerPath())) // no checkpoint has relied on it
	}
	fault.Point("partfile.after-owner")
	return nil
}

// dropClaim removes the owner file if it still is the one that was read; else
// somebody has begun an output of his own meanwhile. The lock keeps two from
// removing it, of which the later would take the claim of a third.
func (c Config) dropClaim(text []byte) (dropped bool, err error) {
	f, err := openRegular(c.ownerPath())
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, &core.Error{Op: c.op(), Err: err}
	}
	defer f.Close() // it was only read
	if held, err := hold(f, c.ownerPath()); err != nil || !held {
		return false, err
	}
	now, err := io.ReadAll(io.LimitReader(f, maxDeed))
	if err != nil || !bytes.Equal(now, text) {
		return false, err
	}
	fault.Point("partfile.before-disown")
	if err := os.Remove(c.ownerPath()); err != nil {
		return false, &core.Error{Op: c.op(), Err: err}
	}
	fault.Point("partfile.after-disown")
	return true, nil
}

// dropOwn removes the owner file if it is c's.
func (c Config) dropOwn() error {
	if c.Owner.isNobody() {
		return nil
	}
	cl, err := c.readClaim()
	if err != nil || !cl.isOf(c.Owner) {
		return err
	}
	_, err = c.dropClaim(cl.text)
	return err
}

// makeWay removes what is left of an earlier output: a part of c's own, one that
// nobody has committed anything of, or one whose owner has given it up. The part
// of anybody else is refused.
func (c Config) makeWay(ctx context.Context) error {
	cl, err := c.readClaim() // before the part: a claim that counts has one
	if err != nil {
		return err
	}
	old, err := c.open()
	if errors.Is(err, fs.ErrNotExist) {
		return c.dropStale(cl)
	}
	if err != nil {
		return err
	}
	defer old.Close() // it was only held for its lock
	if err := c.lock(old); err != nil {
		return err
	}
	if cl, err = c.readClaim(); err != nil {
		return err
	}
	info, err := old.Stat()
	if err != nil {
		return &core.Error{Op: c.op(), Err: err}
	}
	if info.Size() > 0 && cl.isOfAnother(c.Owner) {
		if err := c.mayTake(ctx, cl.deed); err != nil {
			return err
		}
	}
	if err := c.dropStale(cl); err != nil {
		return err
	}
	if err := os.Remove(c.part()); err != nil {
		return &core.Error{Op: c.op(), Err: err}
	}
	return nil
}

// dropStale removes a claim that says nothing any more, durably: the part that
// comes next must not be found beside it.
func (c Config) dropStale(cl *claim) error {
	if cl == nil {
		return nil
	}
	dropped, err := c.dropClaim(cl.text)
	if err != nil {
		return err
	}
	if !dropped {
		return c.busy()
	}
	if err := syncDir(filepath.Dir(c.Target)); err != nil {
		return &core.Error{Op: c.op(), Err: err}
	}
	return nil
}
