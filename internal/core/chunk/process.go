package chunk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/panics"
)

// process turns the first n items read into those to write.
func (e *execution[I, O]) process(ctx context.Context, n int) error {
	e.out = slices.Grow(e.out[:0], n)
	e.from = e.from[:0]
	if e.options.Threads > 1 && n > 1 {
		return e.processParallel(ctx, n)
	}
	for i := range e.in[:n] {
		if i%maxBlock == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if e.hearsProcess {
			out, keep, err := e.processHeard(ctx, i)
			if err := e.accept(ctx, i, out, keep, err); err != nil {
				return err
			}
			continue
		}
		// The way of most items: no call that costs a copy of them.
		out, keep, err := e.processor.Process(ctx, e.in[i])
		switch {
		case err != nil:
			if err := e.accept(ctx, i, out, keep, err); err != nil {
				return err
			}
		case keep:
			e.keep(i, out)
		}
	}
	return nil
}

// accept takes the first result for item i, and has the call repeated where it
// has failed.
func (e *execution[I, O]) accept(ctx context.Context, i int, out O, keep bool, err error) error {
	if err != nil {
		out, keep, err = e.processAgain(ctx, i, err)
	}
	return e.decide(ctx, i, out, keep, err)
}

// decide takes the last result for item i.
func (e *execution[I, O]) decide(ctx context.Context, i int, out O, keep bool, err error) error {
	switch {
	case err != nil:
		return e.skip(ctx, skip{phase: core.PhaseProcess, in: i, err: err}, e.processError(i, err))
	case !keep:
		return nil
	}
	e.keep(i, out)
	return nil
}

// keep takes out, which item i was made into. Where it came from is noted from the
// first item on that has not the place that it had.
func (e *execution[I, O]) keep(i int, out O) {
	k := len(e.out)
	e.out = append(e.out, out)
	if e.options.Skip == nil || i == k && len(e.from) == 0 {
		return
	}
	for len(e.from) < k {
		e.from = append(e.from, len(e.from))
	}
	e.from = append(e.from, i)
}

// processAgain repeats the call for item i, which has failed with err, in place
// for as long as the policy wants it.
func (e *execution[I, O]) processAgain(ctx context.Context, i int, err error) (out O, keep bool, _ error) {
	for retries := 0; err != nil; retries++ {
		again, interrupted := e.again(ctx, core.PhaseProcess, retries, err)
		if interrupted != nil {
			return out, false, interrupted
		}
		if !again {
			return out, false, err
		}
		out, keep, err = e.processOnce(ctx, i)
	}
	return out, keep, nil
}

// processOnce calls the processor for item i.
func (e *execution[I, O]) processOnce(ctx context.Context, i int) (out O, keep bool, err error) {
	if e.hearsProcess {
		return e.processHeard(ctx, i)
	}
	return e.processor.Process(ctx, e.in[i])
}

// processHeard calls the processor for item i, with the listeners around it.
func (e *execution[I, O]) processHeard(ctx context.Context, i int) (out O, keep bool, err error) {
	l, in := &e.listener, &e.in[i]
	if l.BeforeProcess != nil {
		if err := e.serially(func() error { return l.BeforeProcess(ctx, in) }); err != nil {
			return out, false, fatalError{fmt.Errorf("the listener before processing failed: %w", err)}
		}
	}
	out, keep, err = e.processor.Process(ctx, *in)
	switch {
	case err != nil && l.OnProcessError != nil:
		e.tell(ctx, "OnProcessError", func() error { return l.OnProcessError(ctx, in, err) })
	case err == nil && l.AfterProcess != nil:
		var result *O
		if keep {
			result = &[]O{out}[0] // out itself would live on the heap for everybody
		}
		e.tell(ctx, "AfterProcess", func() error { return l.AfterProcess(ctx, in, result) })
	}
	return out, keep, err
}

// processError says which item of the current chunk failed, unless err says it
// better.
func (e *execution[I, O]) processError(i int, err error) error {
	if itemError(err) != nil {
		return err
	}
	return fmt.Errorf("process %s: %w", e.itemName(i), err)
}

// itemName says in words which item the i-th of the chunk is.
func (e *execution[I, O]) itemName(i int) string {
	if where := core.WhereOf(&e.in[i]); where != "" {
		return core.EscapeControl(where)
	}
	return fmt.Sprintf("item %d of this attempt", e.read+int64(i)+1)
}

// result is what one goroutine hands to another.
type result[O any] struct {
	out  O
	keep bool
	err  error
}

// maxBlock is the largest number of items that a goroutine takes at once, without
// a look at whether the run has been told to end.
const maxBlock = 64

// processParallel lets several goroutines process the items. The decisions are
// made afterwards, in order, and so are what they are with one.
func (e *execution[I, O]) processParallel(ctx context.Context, n int) error {
	threads := min(e.options.Threads, n)
	block := max(1, min(maxBlock, n/(4*threads)))
	e.results = slices.Grow(e.results[:0], n)[:n]
	var taken, last atomic.Int64 // last is the first item behind which nothing counts
	last.Store(int64(n) - 1)
	var wg sync.WaitGroup
	for range threads {
		wg.Go(func() {
			for {
				from := int(taken.Add(int64(block))) - block
				if from > int(last.Load()) || ctx.Err() != nil {
					return
				}
				for i := from; i < min(from+block, n) && i <= int(last.Load()); i++ {
					r := e.processSafely(ctx, i)
					e.results[i] = r
					if r.err != nil && e.ends(ctx, r.err) {
						lower(&last, int64(i))
					}
				}
			}
		})
	}
	wg.Wait()
	for i := range e.results {
		r := &e.results[i]
		if p, ok := errors.AsType[*panics.Error](r.err); ok {
			panic(p) // as it would have without the goroutine
		}
		if err := e.decide(ctx, i, r.out, r.keep, r.err); err != nil {
			return err
		}
	}
	clear(e.results)
	if ctx.Err() != nil { // some may have had no turn
		return context.Cause(ctx)
	}
	return nil
}

// lower sets v to n unless it is lower.
func lower(v *atomic.Int64, n int64) {
	for {
		old := v.Load()
		if n >= old || v.CompareAndSwap(old, n) {
			return
		}
	}
}

// ends reports whether an error ends the chunk for certain.
func (e *execution[I, O]) ends(ctx context.Context, err error) bool {
	return e.options.Skip == nil || !deniable(ctx, err)
}

// processSafely processes item i; a panic becomes an error.
func (e *execution[I, O]) processSafely(ctx context.Context, i int) (r result[O]) {
	defer func() {
		if v := recover(); v != nil {
			r = result[O]{err: fatalError{panics.Recovered("", v)}}
		}
	}()
	r.out, r.keep, r.err = e.processOnce(ctx, i)
	if r.err != nil {
		r.out, r.keep, r.err = e.processAgain(ctx, i, r.err)
	}
	return r
}
