package chunk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
)

// firstFill is how many items the buffers hold at first; they grow from there.
const firstFill = 1024

// Execute implements core.StepBody. It returns the stop's cause when s.Stop was
// requested between two chunks, and the context's when that has ended.
func (b *Body[I, O]) Execute(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
	if err := b.check(); err != nil {
		return core.ExitStatus{}, err
	}
	e, err := b.newExecution(s)
	if err != nil {
		return core.ExitStatus{}, err
	}
	parts := b.parts()
	defer e.streams.close(ctx, s)
	if e.sink != nil {
		if err := e.claimSink(ctx); err != nil {
			return core.ExitStatus{}, err
		}
	}
	if err := e.streams.open(ctx, parts, s.Context); err != nil {
		return core.ExitStatus{}, err
	}
	if err := e.run(ctx); err != nil {
		return core.ExitStatus{}, err
	}
	if err := finish(ctx, parts); err != nil {
		return core.ExitStatus{}, err
	}
	return core.ExitStatus{Code: core.ExitCodeCompleted}, nil
}

// execution is the state of one Execute.
type execution[I, O any] struct {
	*Body[I, O]
	scope   *core.Scope
	streams streams
	sink    core.Sink // the writer, when it keeps its own checkpoint; else nil
	in      []I       // as long as it may be filled at present
	out     []O       // reused
	seq     int64     // of the last committed chunk
	eof     bool
	read    int64 // items of committed chunks, counted apart from the row
}

func (b *Body[I, O]) newExecution(s *core.Scope) (*execution[I, O], error) {
	seq, _, err := s.Context.Int64(core.ContextKeyChunk)
	if err != nil {
		return nil, err
	}
	fill := min(b.size(), firstFill)
	sink, _ := any(b.writer).(core.Sink) // nil when the writer is none
	return &execution[I, O]{
		Body: b, scope: s, sink: sink, in: make([]I, fill), out: make([]O, 0, fill), seq: seq, read: s.Step.Counts.Read,
	}, nil
}

// run moves chunks until the input ends.
func (e *execution[I, O]) run(ctx context.Context) error {
	for !e.eof {
		if err := e.interrupted(ctx); err != nil {
			return err
		}
		n, err := e.fill(ctx)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		if err := e.process(ctx, n); err != nil {
			return err
		}
		if err := e.commit(ctx, n); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return e.balance()
}

// interrupted is asked between chunks, where a restart can go on.
func (e *execution[I, O]) interrupted(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return e.scope.Stop.Cause()
}

// fill reads until the chunk is full or the input has ended.
func (e *execution[I, O]) fill(ctx context.Context) (n int, err error) {
	clear(e.in) // no reader may find what an earlier item has left
	for n < e.size() && !e.eof {
		if n == len(e.in) {
			e.grow()
		}
		room := e.in[n:]
		got, err := e.reader.Read(ctx, room)
		if got < 0 || got > len(room) {
			return n, fmt.Errorf("reader %T returned %d items for a buffer of %d", e.reader, got, len(room))
		}
		n += got
		switch {
		case core.IsEOF(err):
			e.eof = true
		case err != nil:
			return n, e.readError(n, err)
		case got == 0:
			return n, fmt.Errorf("reader %T: %w", e.reader, io.ErrNoProgress)
		}
	}
	return n, nil
}

// grow makes room for more items, up to the size of a chunk.
func (e *execution[I, O]) grow() {
	length := min(2*len(e.in), e.size())
	e.in = slices.Grow(e.in, length-len(e.in))[:length]
}

// process turns the first n items read into those to write.
func (e *execution[I, O]) process(ctx context.Context, n int) error {
	e.out = slices.Grow(e.out[:0], n)
	for i := range e.in[:n] {
		out, keep, err := e.processor.Process(ctx, e.in[i])
		if err != nil {
			return e.processError(i, err)
		}
		if keep {
			e.out = append(e.out, out)
		}
	}
	return nil
}

// balance checks the row ledger: every item that the reader has returned is
// accounted for in the step's row (CHUNK-47).
func (e *execution[I, O]) balance() error {
	c := e.scope.Step.Counts
	if c.Read == e.read && c.Balanced() {
		return nil
	}
	return fmt.Errorf("the row ledger does not balance: %d items were read; the step counts %d read, "+
		"%d written, %d filtered, %d skipped in process and %d in write",
		e.read, c.Read, c.Write, c.Filter, c.ProcessSkip, c.WriteSkip)
}

// finish lets the parts do what comes after the last chunk.
func finish(ctx context.Context, parts []any) error {
	for _, part := range parts {
		finisher, ok := part.(core.Finisher)
		if !ok {
			continue
		}
		fault.Point("chunk.before-finish")
		if err := finisher.Finish(ctx); err != nil {
			return fmt.Errorf("finish after the last chunk: %w", err)
		}
		fault.Point("chunk.after-finish")
	}
	return nil
}

// readError says where a read failed, unless err says it better.
func (e *execution[I, O]) readError(n int, err error) error {
	if saysWhere(err) {
		return err
	}
	return fmt.Errorf("read item %d of this attempt: %w", e.read+int64(n)+1, err)
}

// processError says which item of the current chunk failed, unless err says it
// better.
func (e *execution[I, O]) processError(i int, err error) error {
	if saysWhere(err) {
		return err
	}
	if where := core.WhereOf(&e.in[i]); where != "" {
		return fmt.Errorf("process %s: %w", core.EscapeControl(where), err)
	}
	return fmt.Errorf("process item %d of this attempt: %w", e.read+int64(i)+1, err)
}

func saysWhere(err error) bool {
	_, ok := errors.AsType[*core.ItemError](err)
	return ok
}
