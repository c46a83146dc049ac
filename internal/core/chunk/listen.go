package chunk

import (
	"context"
	"errors"
	"log/slog"

	"github.com/batchctl/batchctl/internal/core"
)

// Listener is told about the items of a step. Every function may be nil, and
// costs nothing then.
//
// An error of a Before or OnSkip function fails the step, whatever the policies
// say. An error of any other is logged, and the first one is shown in the exit
// message of a step that completes.
//
// The functions are called one at a time; with Options.Threads those about
// processing and retries come from several goroutines in no set order. What they
// are given is theirs to look at until they return, and not to change.
type Listener[I, O any] struct {
	// BeforeChunk runs before a chunk is read. AfterChunk runs when it has
	// committed, AfterChunkError when it has failed as a whole. A chunk that
	// finds the input at its end is followed by neither.
	BeforeChunk     func(ctx context.Context) error
	AfterChunk      func(ctx context.Context) error
	AfterChunkError func(ctx context.Context, err error) error

	// AfterRead runs for each item, OnReadError for each failed call of the
	// reader.
	AfterRead   func(ctx context.Context, in *I) error
	OnReadError func(ctx context.Context, err error) error

	// These surround each call of the processor; out is nil when the item was
	// filtered out.
	BeforeProcess  func(ctx context.Context, in *I) error
	AfterProcess   func(ctx context.Context, in *I, out *O) error
	OnProcessError func(ctx context.Context, in *I, err error) error

	// These surround each call of the writer, also those for a single item.
	// AfterWrite is inside the transaction, which may still fail.
	BeforeWrite  func(ctx context.Context, items []O) error
	AfterWrite   func(ctx context.Context, items []O) error
	OnWriteError func(ctx context.Context, items []O, err error) error

	// These run once for each skipped item, in the order of the items and just
	// before the chunk commits: never for a chunk that has failed before.
	OnSkipInRead    func(ctx context.Context, err error) error
	OnSkipInProcess func(ctx context.Context, in *I, err error) error
	OnSkipInWrite   func(ctx context.Context, out *O, err error) error

	// OnRetry runs before the wait for another attempt; retries is how many
	// were made before it.
	OnRetry func(ctx context.Context, phase string, retries int, err error) error
}

// Listen adds l to the listeners of b and returns b. Before and OnSkip functions
// are called in the order of adding, the others in reverse.
func (b *Body[I, O]) Listen(l Listener[I, O]) *Body[I, O] {
	b.listener = Join(b.listener, l)
	return b
}

// Join returns a listener that calls all of ls, as Body.Listen says.
func Join[I, O any](ls ...Listener[I, O]) Listener[I, O] {
	var j Listener[I, O]
	for _, l := range ls {
		j.BeforeChunk = join0(inOrder, j.BeforeChunk, l.BeforeChunk)
		j.AfterChunk = join0(everyone, l.AfterChunk, j.AfterChunk)
		j.AfterChunkError = join1(everyone, l.AfterChunkError, j.AfterChunkError)
		j.AfterRead = join1(everyone, l.AfterRead, j.AfterRead)
		j.OnReadError = join1(everyone, l.OnReadError, j.OnReadError)
		j.BeforeProcess = join1(inOrder, j.BeforeProcess, l.BeforeProcess)
		j.AfterProcess = join2(everyone, l.AfterProcess, j.AfterProcess)
		j.OnProcessError = join2(everyone, l.OnProcessError, j.OnProcessError)
		j.BeforeWrite = join1(inOrder, j.BeforeWrite, l.BeforeWrite)
		j.AfterWrite = join1(everyone, l.AfterWrite, j.AfterWrite)
		j.OnWriteError = join2(everyone, l.OnWriteError, j.OnWriteError)
		j.OnSkipInRead = join1(inOrder, j.OnSkipInRead, l.OnSkipInRead)
		j.OnSkipInProcess = join2(inOrder, j.OnSkipInProcess, l.OnSkipInProcess)
		j.OnSkipInWrite = join2(inOrder, j.OnSkipInWrite, l.OnSkipInWrite)
		j.OnRetry = join3(everyone, l.OnRetry, j.OnRetry)
	}
	return j
}

// inOrder calls second unless first failed.
func inOrder(first, second func() error) error {
	if err := first(); err != nil {
		return err
	}
	return second()
}

// everyone calls both.
func everyone(first, second func() error) error { return errors.Join(first(), second()) }

type combine func(first, second func() error) error

func join0(both combine, f, g func(context.Context) error) func(context.Context) error {
	if f == nil || g == nil {
		return either(f, g, f != nil)
	}
	return func(ctx context.Context) error {
		return both(func() error { return f(ctx) }, func() error { return g(ctx) })
	}
}

func join1[A any](both combine, f, g func(context.Context, A) error) func(context.Context, A) error {
	if f == nil || g == nil {
		return either(f, g, f != nil)
	}
	return func(ctx context.Context, a A) error {
		return both(func() error { return f(ctx, a) }, func() error { return g(ctx, a) })
	}
}

func join2[A, B any](both combine, f, g func(context.Context, A, B) error) func(context.Context, A, B) error {
	if f == nil || g == nil {
		return either(f, g, f != nil)
	}
	return func(ctx context.Context, a A, b B) error {
		return both(func() error { return f(ctx, a, b) }, func() error { return g(ctx, a, b) })
	}
}

func join3[A, B, C any](both combine, f, g func(context.Context, A, B, C) error) func(context.Context, A, B, C) error {
	if f == nil || g == nil {
		return either(f, g, f != nil)
	}
	return func(ctx context.Context, a A, b B, c C) error {
		return both(func() error { return f(ctx, a, b, c) }, func() error { return g(ctx, a, b, c) })
	}
}

func either[F any](f, g F, first bool) F {
	if first {
		return f
	}
	return g
}

// told takes the result of a listener that cannot fail the step any more: it is
// logged, and the first one is kept for the exit message.
func (e *execution[I, O]) told(ctx context.Context, which string, err error) {
	if err == nil {
		return
	}
	if e.unheard == "" {
		e.unheard = "the listener " + which + " failed: " + err.Error()
	}
	e.scope.Log.LogAttrs(ctx, slog.LevelError, "a listener of items failed",
		slog.String("step", e.scope.Step.StepName), slog.String("listener", which), slog.String("error", err.Error()))
}

// serially calls a listener that several goroutines may have to call.
func (e *execution[I, O]) serially(call func() error) error {
	e.hearing.Lock()
	defer e.hearing.Unlock()
	return call()
}

// tell is told for a listener that several goroutines may have to call.
func (e *execution[I, O]) tell(ctx context.Context, which string, call func() error) {
	_ = e.serially(func() error { // it returns nil
		e.told(ctx, which, call())
		return nil
	})
}

// fatalError is an error that no policy is asked about.
type fatalError struct{ error }

func (f fatalError) Unwrap() error { return f.error }

// deniable reports whether the policies may be asked about err.
func deniable(ctx context.Context, err error) bool {
	if ctx.Err() != nil || core.Undeniable(err) {
		return false
	}
	_, fatal := errors.AsType[fatalError](err)
	return !fatal
}
