package flow

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/batchctl/batchctl/internal/core"
)

// brake keeps the branches of a split, and of all splits below it, from starting
// anything more once one of them was stopped. A nil brake never holds.
type brake struct {
	mu sync.Mutex
	by string // the branch that was stopped first; empty as long as none was
}

// held returns the reason for which nothing more is started, or nil. what was
// kept from happening is "started" or "asked".
func (b *brake) held(what string) error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.by == "" {
		return nil
	}
	return &core.Error{Kind: core.ErrStopped, Msg: "was not " + what + ": branch " + core.Quote(b.by) + " was stopped"}
}

// pull makes b hold, when the branch n ended as o because it was interrupted. A
// transition to a stop is the end of a branch that has done its work: it keeps
// nothing back.
func (w *walker) pull(ctx context.Context, b *brake, n *node, o outcome) {
	if o.status != core.StatusStopped || len(o.endings) > 0 {
		return
	}
	b.mu.Lock()
	first := b.by == ""
	if first {
		b.by = n.id
	}
	b.mu.Unlock()
	if first {
		w.r.Log.LogAttrs(ctx, slog.LevelInfo, "A branch was stopped, and the others of its split start nothing more",
			slog.String("job", w.r.Job.Name), slog.Int64("jobExecutionId", w.r.Execution.ID),
			slog.String("branch", n.id), slog.Any("error", o.err))
	}
}

// IsFinal reports whether a restart alone cannot cure the error that ended a job
// or a branch.
func IsFinal(err error) bool {
	return errors.Is(err, core.ErrCheckpointMismatch) || errors.Is(err, core.ErrStartLimitExceeded) ||
		errors.Is(err, core.ErrJobRestart)
}
