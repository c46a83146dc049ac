package partfile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/batchctl/batchctl/internal/core"
)

// Discard gets ready for an output of which nothing is committed and which may
// never have anything in it: it refuses what Create refuses, and removes what
// Create would replace. It makes no file.
func Discard(ctx context.Context, cfg Config) error {
	if err := cfg.check(true); err != nil {
		return err
	}
	return cfg.makeWay(ctx)
}

// Clear ends an output that turned out to have nothing in it: afterwards there
// is neither a part nor a target, also no older one unless that must be kept. It
// may be repeated.
func Clear(ctx context.Context, cfg Config) error {
	if err := cfg.check(false); err != nil {
		return err
	}
	if err := cfg.makeWay(ctx); err != nil {
		return err
	}
	if cfg.KeepExisting {
		return nil
	}
	if err := os.Remove(cfg.Target); err != nil {
		if absent(err) == nil {
			return nil
		}
		return &core.Error{Op: "remove output " + core.EscapeControl(cfg.Target), Err: err}
	}
	if err := syncDir(filepath.Dir(cfg.Target)); err != nil {
		return &core.Error{Op: "remove output " + core.EscapeControl(cfg.Target), Err: err}
	}
	return nil
}

// absent takes the error away that says that there is no such file.
func absent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
