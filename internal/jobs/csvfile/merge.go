package csvfile

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/partfile"
)

// MergePart is one of the files that Merge puts together.
type MergePart struct {
	// Path is the path of the file.
	Path string
	// Context is what the step that wrote the file has left in its context.
	Context core.ExecutionContext
}

// Merge publishes the file of cfg with the rows of parts in their order, under
// one header, and removes the parts. Each was written with cfg, but for its path,
// by a step that is complete. cfg has no footer.
//
// It may be called again after a crash or an error at any point: what the parts
// were is known from the contexts. A part that is not as it was left is an
// ErrCheckpointMismatch, and everything stays in its place.
func Merge(ctx context.Context, cfg WriterConfig, parts []MergePart) error {
	cfg = cfg.complete()
	if err := cfg.check(); err != nil {
		return err
	}
	if cfg.Footer != nil {
		return &core.Error{
			Kind: core.ErrJobDefinition, Op: "merge into " + core.EscapeControl(cfg.Path),
			Msg: "files with a footer cannot be merged",
		}
	}
	header, err := cfg.header()
	if err != nil {
		return fmt.Errorf("merge into %s: header: %w", core.EscapeControl(cfg.Path), err)
	}
	files := make([]partfile.MergePart, len(parts))
	for i, p := range parts {
		part := cfg
		part.Path = p.Path
		state, err := part.out().Saved(p.Context)
		if err != nil {
			return err
		}
		if state.Length == 0 { // nothing was written before the end, which has a header all the same
			state = state.Add(header)
		}
		files[i] = partfile.MergePart{Path: filepath.Clean(p.Path), State: state}
	}
	target := partfile.Config{Target: filepath.Clean(cfg.Path), Mode: cfg.Mode, KeepExisting: cfg.KeepExisting, Owner: partfile.OwnerOf(cfg.Scope)}
	return partfile.Merge(ctx, target, files, header)
}
