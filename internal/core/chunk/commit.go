package chunk

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
)

// commit writes what process has left of read items, and makes it durable
// together with the step's counters and position. When it fails, or panics, the
// chunk has left no trace but a rollback to be counted.
func (e *execution[I, O]) commit(ctx context.Context, read int) error {
	s := e.scope
	next := s.Step.Clone()
	next.Context = s.Context.Clone()
	next.Counts = next.Counts.Add(core.Counts{
		Commit: 1,
		Read:   int64(read),
		Filter: int64(read - len(e.out)),
		Write:  int64(len(e.out)),
	})
	seq := e.seq + 1
	to := e.commitToRepository
	if e.sink != nil {
		to = e.commitToSink
	}
	err := to(ctx, next, seq)
	// A commit that reports an error may be durable all the same; CommitStep
	// has adopted next exactly when it is.
	if s.Step.Counts.Commit != next.Counts.Commit {
		return err
	}
	e.seq = seq
	e.read += int64(read)
	s.Refresh()
	if s.AfterChunk != nil {
		s.AfterChunk(ctx, s)
	}
	return err
}

// commitToRepository commits a chunk whose output is in the repository's
// database, or in files that the checkpoint names.
func (e *execution[I, O]) commitToRepository(ctx context.Context, next *core.StepExecution, seq int64) error {
	s := e.scope
	tx, err := s.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin chunk %d: %w", seq, err)
	}
	committed := false
	defer func() {
		if !committed {
			e.rollback(ctx, tx)
			e.dropped()
		}
	}()
	if err := e.write(ctx, tx, seq); err != nil {
		return err
	}
	if err := e.mark(next, seq); err != nil {
		return err
	}
	fault.Point("chunk.before-commit")
	err = s.CommitStep(ctx, tx, s.Step, next, s.JobContext)
	committed = s.Step.Counts.Commit == next.Counts.Commit
	switch {
	case !committed:
		return fmt.Errorf("commit chunk %d: %w", seq, err)
	case err != nil:
		return fmt.Errorf("chunk %d is committed, but its commit reported: %w", seq, err)
	}
	fault.Point("chunk.after-commit")
	return nil
}

// mark puts the positions of all streams, and the chunk's number, into next.
func (e *execution[I, O]) mark(next *core.StepExecution, seq int64) error {
	if err := e.streams.checkpoint(next.Context); err != nil {
		return fmt.Errorf("checkpoint of chunk %d: %w", seq, err)
	}
	next.Context.Put(core.ContextKeyChunk, seq)
	return nil
}

// write hands the items to the writer; nothing to write is no call.
func (e *execution[I, O]) write(ctx context.Context, tx core.Tx, seq int64) error {
	if len(e.out) == 0 {
		return nil
	}
	if err := e.writer.Write(ctx, &core.Chunk[O]{Seq: seq, Items: e.out, Tx: tx}); err != nil {
		return fmt.Errorf("write chunk %d: %w", seq, err)
	}
	return nil
}

// rollback ends the transaction of a chunk that is not committed.
func (e *execution[I, O]) rollback(ctx context.Context, tx core.Tx) {
	if err := tx.Rollback(); err != nil {
		e.scope.Log.LogAttrs(ctx, slog.LevelError, "rollback failed",
			slog.String("step", e.scope.Step.StepName), slog.String("error", err.Error()))
	}
}

// dropped counts the rollback of a chunk, and discards what the chunk has put
// into the working copies.
func (e *execution[I, O]) dropped() {
	e.scope.Uncommitted.Rollback++
	e.scope.Refresh()
}
