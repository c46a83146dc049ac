package chunk

import (
	"context"
	"fmt"
	"sync"

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
	defer e.close(ctx)
	if err := e.claim(ctx); err != nil {
		return core.ExitStatus{}, err
	}
	if err := e.parts.Open(ctx, s.Context); err != nil {
		return core.ExitStatus{}, err
	}
	err = e.run(ctx)
	if err == nil {
		err = finish(ctx, e.parts.members)
	}
	return core.ExitStatus{Code: core.ExitCodeCompleted, Message: e.unheard}, err
}

// execution is the state of one Execute.
type execution[I, O any] struct {
	*Body[I, O]
	scope   *core.Scope
	parts   group
	sink    core.Sink // the writer, when it keeps its own checkpoint; else nil
	in      []I       // as long as it may be filled at present
	out     []O       // reused
	seq     int64     // of the last committed chunk
	eof     bool
	read    int64 // items of committed chunks, counted apart from the row
	skipped int64 // skips of committed chunks, counted apart from the row

	tolerant bool  // a failed write may be tried again, or item by item
	marked   bool  // all parts know where the present attempt began
	from     []int // for each of out its place in in; empty where it is the same
	skips    []skip
	results  []result[O] // of the goroutines that process
	counted  bool        // the rollback that comes next was counted with its item
	taken    int64       // rollbacks that the commit at work records

	hearsProcess bool       // there is a listener around the processor
	hearing      sync.Mutex // held while goroutines call a listener
	unheard      string     // the first error of a listener that could not fail the step
}

func (b *Body[I, O]) newExecution(s *core.Scope) (*execution[I, O], error) {
	seq, _, err := s.Context.Int64(core.ContextKeyChunk)
	if err != nil {
		return nil, err
	}
	fill := min(b.size(), firstFill)
	e := &execution[I, O]{
		Body: b, scope: s, parts: newGroup(b.all()...), in: make([]I, fill), out: make([]O, 0, fill), seq: seq,
		read: s.Step.Counts.Read, skipped: s.Step.Counts.Skip(),
		tolerant: b.options.Skip != nil || b.options.Retry != nil,
	}
	e.sink, _ = any(b.writer).(core.Sink) // nil when the writer is none
	l := &b.listener
	e.hearsProcess = l.BeforeProcess != nil || l.AfterProcess != nil || l.OnProcessError != nil
	return e, nil
}

// run moves chunks until the input ends.
func (e *execution[I, O]) run(ctx context.Context) error {
	for !e.eof {
		if err := e.interrupted(ctx); err != nil {
			return err
		}
		if err := e.chunk(ctx); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return e.balance()
}

// chunk moves one chunk, with the listeners around it.
func (e *execution[I, O]) chunk(ctx context.Context) error {
	s, l, seq := e.scope, &e.listener, e.seq
	if s.BeforeChunk != nil {
		if err := s.BeforeChunk(ctx, s); err != nil {
			return fmt.Errorf("before chunk %d: %w", seq+1, err)
		}
	}
	if l.BeforeChunk != nil {
		if err := l.BeforeChunk(ctx); err != nil {
			return fmt.Errorf("before chunk %d: %w", seq+1, err)
		}
	}
	err := e.move(ctx)
	if err != nil && e.seq == seq && l.AfterChunkError != nil {
		e.told(ctx, "AfterChunkError", l.AfterChunkError(ctx, err))
	}
	return err
}

// move reads, processes and commits one chunk. One that only skips commits too.
func (e *execution[I, O]) move(ctx context.Context) error {
	n, err := e.fill(ctx)
	if err != nil {
		return err
	}
	if n == 0 && len(e.skips) == 0 {
		return nil
	}
	if err := e.process(ctx, n); err != nil {
		return err
	}
	return e.commit(ctx, n)
}

// interrupted is asked between chunks, where a restart can go on.
func (e *execution[I, O]) interrupted(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return e.scope.Stop.Cause()
}

// balance checks the row ledger: every record that the reader has returned or
// refused is accounted for in the step's row (CHUNK-47).
func (e *execution[I, O]) balance() error {
	c := e.scope.Step.Counts
	if c.Read == e.read && c.Skip() == e.skipped && c.Balanced() {
		return nil
	}
	return fmt.Errorf("the row ledger does not balance: %d items were read and %d skipped; the step counts %d read, "+
		"%d written, %d filtered, and %d skipped in read, %d in process and %d in write",
		e.read, e.skipped, c.Read, c.Write, c.Filter, c.ReadSkip, c.ProcessSkip, c.WriteSkip)
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
