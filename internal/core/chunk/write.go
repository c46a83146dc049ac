package chunk

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
)

// writeError is the failed write of a whole chunk.
type writeError struct {
	seq int64
	err error
}

func (w *writeError) Error() string { return fmt.Sprintf("write chunk %d: %v", w.seq, w.err) }
func (w *writeError) Unwrap() error { return w.err }

// write hands the items to the writer, in the time that it has; nothing to write
// is no call. tx is nil where the writer has a transaction of its own.
func (e *execution[I, O]) write(ctx context.Context, tx core.Tx, c attempt) error {
	e.marked = false
	switch {
	case len(e.out) == 0:
		return nil
	case e.options.Timeout <= 0:
		return e.writeAll(ctx, tx, c)
	}
	timed, cancel := context.WithTimeout(ctx, e.options.Timeout)
	defer cancel()
	err := e.writeAll(timed, tx, c)
	if timed.Err() == nil || err != nil && !deniable(ctx, err) {
		return err
	}
	late := core.Classified(core.ClassTimeout, &core.Error{
		Msg:  fmt.Sprintf("it took longer than its timeout of %s, and was rolled back", e.options.Timeout),
		Hint: "see what holds the writer up, or give it more time",
	})
	if c.scan {
		return fmt.Errorf("write chunk %d item by item: %w", c.seq, late)
	}
	return &writeError{c.seq, late}
}

// writeAll writes the items at once, or in a scan one by one.
func (e *execution[I, O]) writeAll(ctx context.Context, tx core.Tx, c attempt) error {
	if c.scan {
		return e.scan(ctx, tx, c)
	}
	if e.tolerant {
		if err := e.parts.Mark(ctx); err != nil {
			return &writeError{c.seq, fmt.Errorf("prepare to undo it: %w", err)}
		}
		e.marked = true
	}
	if err := e.writeItems(ctx, tx, c.seq, e.out); err != nil {
		return &writeError{c.seq, err}
	}
	return nil
}

// writeItems calls the writer, with the listeners around it.
func (e *execution[I, O]) writeItems(ctx context.Context, tx core.Tx, seq int64, items []O) error {
	l := &e.listener
	if l.BeforeWrite != nil {
		if err := l.BeforeWrite(ctx, items); err != nil {
			return fatalError{fmt.Errorf("the listener before writing failed: %w", err)}
		}
	}
	err := e.writer.Write(ctx, &core.Chunk[O]{Seq: seq, Items: items, Tx: tx})
	switch {
	case err != nil && l.OnWriteError != nil:
		e.told(ctx, "OnWriteError", l.OnWriteError(ctx, items, err))
	case err == nil && l.AfterWrite != nil:
		e.told(ctx, "AfterWrite", l.AfterWrite(ctx, items))
	}
	return err
}

// scan writes the items one by one in the transaction of the chunk. What fails
// is undone alone and passed over, or fails the chunk. A stop does not end it:
// what it leaves is one commit, or nothing.
func (e *execution[I, O]) scan(ctx context.Context, tx core.Tx, c attempt) error {
	for k := range e.out {
		fault.Point("chunk.in-scan")
		if err := e.save(ctx, tx); err != nil {
			return fmt.Errorf("prepare to undo %s: %w", e.itemName(e.place(k)), err)
		}
		changes := e.keepChanges()
		err := e.writeItems(ctx, tx, c.seq, e.out[k:k+1:k+1])
		if err == nil {
			continue
		}
		e.scope.Uncommitted.Rollback++
		e.counted = true // should it be the end of the chunk
		failure := err
		if where := e.itemName(e.place(k)); itemError(err) == nil && !strings.HasPrefix(err.Error(), where+": ") {
			failure = fmt.Errorf("write %s: %w", where, err)
		}
		if err := e.skip(ctx, skip{phase: core.PhaseWrite, in: e.place(k), out: k, err: err}, failure); err != nil {
			return err
		}
		if err := e.restore(ctx, tx); err != nil {
			return fmt.Errorf("undo the failed write alone: %w", errors.Join(err, failure))
		}
		e.counted = false
		e.scope.JobContext = changes
	}
	fault.Point("chunk.in-scan")
	return nil
}

// place returns where the k-th item to write is among those read.
func (e *execution[I, O]) place(k int) int {
	if len(e.from) == 0 {
		return k
	}
	return e.from[k]
}

// save remembers the present state of the chunk's output, and restore goes back
// to it.
func (e *execution[I, O]) save(ctx context.Context, tx core.Tx) error {
	if tx != nil {
		if err := tx.Savepoint(ctx); err != nil {
			return err
		}
	}
	return e.parts.Mark(ctx)
}

func (e *execution[I, O]) restore(ctx context.Context, tx core.Tx) error {
	if tx != nil {
		if err := tx.RollbackToSavepoint(ctx); err != nil {
			return err
		}
	}
	return e.parts.Revert(ctx)
}
