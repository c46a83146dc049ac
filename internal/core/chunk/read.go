package chunk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// fill reads until the chunk is full or the input has ended. Records that are
// skipped take no place in the chunk; so many that nothing else is read end it.
func (e *execution[I, O]) fill(ctx context.Context) (n int, err error) {
	clear(e.in) // no reader may find what an earlier item has left
	retries := 0
	limit := e.timeLimit()
	for n < e.size() && !e.eof && len(e.skips) < max(e.size(), leastReadSkips) {
		if n == len(e.in) {
			e.grow()
		}
		room := e.in[n:]
		if limit.set() {
			room = room[:1]
		}
		got, err := e.reader.Read(ctx, room)
		if got < 0 || got > len(room) {
			return n, fmt.Errorf("reader %T returned %d items for a buffer of %d", e.reader, got, len(room))
		}
		if got > 0 {
			e.afterRead(ctx, room[:got])
			retries = 0
		}
		n += got
		switch {
		case core.IsEOF(err):
			e.eof = true
		case err != nil:
			if retries, err = e.readFailed(ctx, n, retries, err); err != nil {
				return n, err
			}
			clear(e.in[n:])
		case got == 0:
			return n, fmt.Errorf("reader %T: %w", e.reader, io.ErrNoProgress)
		}
		if (n > 0 || len(e.skips) > 0) && limit.over() {
			break
		}
	}
	return n, nil
}

// deadline is when a chunk is closed however few items it has; the zero value is
// never.
type deadline struct {
	now   func() time.Time
	began time.Time
	limit time.Duration
}

// timeLimit returns the deadline of a chunk that begins now.
func (e *execution[I, O]) timeLimit() deadline {
	if e.options.TimeLimit <= 0 {
		return deadline{}
	}
	return deadline{now: e.scope.Now, began: e.scope.Now(), limit: e.options.TimeLimit}
}

func (d deadline) set() bool { return d.limit > 0 }

func (d deadline) over() bool { return d.set() && d.now().Sub(d.began) >= d.limit }

func (e *execution[I, O]) afterRead(ctx context.Context, items []I) {
	if e.listener.AfterRead == nil {
		return
	}
	for i := range items {
		e.told(ctx, "AfterRead", e.listener.AfterRead(ctx, &items[i]))
	}
}

// readFailed decides about a failed read behind n items: a bad record is
// consumed, and skipped or not; anything else has consumed nothing, and is tried
// again or not. It returns the number of retries that were made of what is read
// next.
func (e *execution[I, O]) readFailed(ctx context.Context, n, retries int, err error) (int, error) {
	if e.listener.OnReadError != nil {
		e.told(ctx, "OnReadError", e.listener.OnReadError(ctx, err))
	}
	failure := e.readError(n, err)
	if itemError(err) != nil {
		return 0, e.skip(ctx, skip{phase: core.PhaseRead, in: n, err: err}, failure)
	}
	again, interrupted := e.again(ctx, core.PhaseRead, retries, err)
	switch {
	case interrupted != nil:
		return 0, interrupted
	case !again:
		return 0, failure
	}
	return retries + 1, nil
}

// grow makes room for more items, up to the size of a chunk.
func (e *execution[I, O]) grow() {
	length := min(2*len(e.in), e.size())
	e.in = slices.Grow(e.in, length-len(e.in))[:length]
}

// readError says where a read failed, unless err says it better.
func (e *execution[I, O]) readError(n int, err error) error {
	if itemError(err) != nil {
		return err
	}
	return fmt.Errorf("read item %d of this attempt: %w", e.read+int64(n)+1, err)
}

// itemError returns the error of a record in err's tree, nil when there is none.
func itemError(err error) *core.ItemError {
	bad, _ := errors.AsType[*core.ItemError](err)
	return bad
}
