package chunk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
)

// commit writes what process has left of read items, and makes it durable
// together with the step's counters and position. When it fails, or panics, the
// chunk has left no trace but rollbacks to be counted.
func (e *execution[I, O]) commit(ctx context.Context, read int) error {
	s := e.scope
	next := s.Step.Clone()
	next.Context = s.Context.Clone()
	next.Counts.Commit++
	err := e.attempts(ctx, next, attempt{seq: e.seq + 1, read: read})
	// A commit that reports an error may be durable all the same; CommitStep
	// has adopted next exactly when it is.
	if s.Step.Counts.Commit != next.Counts.Commit {
		s.Refresh() // discards what the chunk has put into the working copies
		return err
	}
	s.Uncommitted.Rollback -= e.taken
	e.seq++
	e.read += int64(read)
	e.skipped += int64(len(e.skips))
	e.logSkips(ctx)
	e.skips = e.skips[:0]
	s.Refresh()
	if s.AfterChunk != nil {
		s.AfterChunk(ctx, s)
	}
	if e.listener.AfterChunk != nil {
		e.told(ctx, "AfterChunk", e.listener.AfterChunk(ctx))
	}
	return err
}

// attempt is one way through the commit of a chunk.
type attempt struct {
	seq  int64
	read int  // items
	scan bool // item by item
}

// attempts commits the chunk: as a whole, again when the retry policy wants
// that, and at last item by item when the skip policy may let bad ones pass.
func (e *execution[I, O]) attempts(ctx context.Context, next *core.StepExecution, c attempt) error {
	changes := e.keepChanges()
	for retries := 0; ; retries++ {
		var err error
		if e.sink != nil {
			err = e.commitToSink(ctx, next, c)
		} else {
			err = e.commitToRepository(ctx, next, c)
		}
		failed, isWrite := errors.AsType[*writeError](err)
		if !isWrite || !e.tolerant || c.scan {
			return err
		}
		again, interrupted := e.again(ctx, core.PhaseWrite, retries, failed.err)
		switch {
		case interrupted != nil:
			return interrupted
		case again:
			fault.Point("chunk.before-retry")
		case e.marked && e.skippable(ctx, core.PhaseWrite, failed.err):
			fault.Point("chunk.before-scan")
			c.scan = true
		default:
			return err
		}
		if !e.marked { // nothing was written, and the marks may be older
			continue
		}
		if err := e.parts.Revert(ctx); err != nil {
			return fmt.Errorf("undo the failed write of chunk %d: %w", c.seq, errors.Join(err, failed.err))
		}
		e.scope.JobContext = changes
		changes = e.keepChanges()
	}
}

// keepChanges returns a copy of the changes to the job's context for the case
// that a write must be undone, nil when that cannot be.
func (e *execution[I, O]) keepChanges() *core.ContextChanges {
	if !e.tolerant {
		return nil
	}
	return e.scope.JobContext.Clone()
}

// commitToRepository makes one attempt to commit a chunk whose output is in the
// repository's database, or in files that the checkpoint names.
func (e *execution[I, O]) commitToRepository(ctx context.Context, next *core.StepExecution, c attempt) error {
	s := e.scope
	tx, err := s.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin chunk %d: %w", c.seq, err)
	}
	committed := false
	defer func() {
		if !committed {
			e.rollback(ctx, tx)
			e.dropped()
		}
	}()
	if err := e.write(ctx, tx, c); err != nil {
		return err
	}
	if err := e.seal(ctx, next, c); err != nil {
		return err
	}
	fault.Point("chunk.before-commit")
	err = s.CommitStep(ctx, tx, s.Step, next, s.JobContext)
	committed = s.Step.Counts.Commit == next.Counts.Commit
	switch {
	case !committed:
		return fmt.Errorf("commit chunk %d: %w", c.seq, err)
	case err != nil:
		return fmt.Errorf("chunk %d is committed, but its commit reported: %w", c.seq, err)
	}
	fault.Point("chunk.after-commit")
	return nil
}

// seal puts what the chunk has come to into next: counters, the positions of all
// streams, the chunk's number. It is the place for everybody who has to know
// which items were skipped.
func (e *execution[I, O]) seal(ctx context.Context, next *core.StepExecution, c attempt) error {
	counts := e.skipCounts()
	counts.Read = int64(c.read)
	counts.Filter = int64(c.read-len(e.out)) - counts.ProcessSkip
	counts.Write = int64(len(e.out)) - counts.WriteSkip
	counts.Rollback = e.scope.Uncommitted.Rollback
	e.taken = counts.Rollback
	next.Counts = next.Counts.Add(counts)
	if err := e.checkPercent(next.Counts); err != nil {
		return err
	}
	if err := e.tellSkips(ctx); err != nil {
		return err
	}
	if err := e.parts.Checkpoint(next.Context); err != nil {
		return fmt.Errorf("checkpoint of chunk %d: %w", c.seq, err)
	}
	next.Context.Put(core.ContextKeyChunk, c.seq)
	return nil
}

// rollback ends the transaction of a chunk that is not committed.
func (e *execution[I, O]) rollback(ctx context.Context, tx core.Tx) {
	if err := tx.Rollback(); err != nil {
		e.scope.Log.LogAttrs(ctx, slog.LevelError, "rollback failed",
			slog.String("step", e.scope.Step.StepName), slog.String("error", err.Error()))
	}
}

// dropped counts the rollback of an attempt, unless it is that of the item that
// the attempt has failed with.
func (e *execution[I, O]) dropped() {
	if !e.counted {
		e.scope.Uncommitted.Rollback++
	}
	e.counted = false
}
