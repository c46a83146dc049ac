package chunk

import (
	"context"
	"fmt"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

const (
	// DefaultSize is the number of items in a chunk when Options say nothing. A
	// commit costs a flush of the disk, so it is not small.
	DefaultSize = 1000
	// MaxSize is the largest size of a chunk that is accepted.
	MaxSize = 1_000_000
	// MaxThreads is the largest number of goroutines that is accepted.
	MaxThreads = 1024
	// leastReadSkips is how many records a chunk may skip in reading, however
	// small it is, before it is committed as it is.
	leastReadSkips = 100
)

// Options are what a chunk step can be told. The zero value is good.
type Options struct {
	// Size is the number of items that are read for one chunk; 0 means
	// DefaultSize.
	Size int
	// TimeLimit closes a chunk that has fewer items when reading them has taken so
	// long, so that what a slow input brings is not held back; 0 means no limit. It
	// is looked at after each call of the reader, which is asked for one item at a
	// time then: a call that waits is not interrupted, and a chunk without any item
	// or skip is not closed.
	TimeLimit time.Duration
	// Timeout is how long one attempt to write a chunk may take, a scan included; 0
	// means as long as it likes. The writer's context ends then, and the attempt is
	// rolled back with an error of the class "timeout", which a retry policy may
	// want to see again and a skip policy never passes over.
	Timeout time.Duration
	// Streams take part in the step in addition to reader, processor and writer,
	// which need not be named: they are opened, checkpointed and closed with it,
	// and one that is a core.Finisher or a core.Reverter finishes and goes back
	// with the writer. What a writer of your own writes through belongs here, but
	// for a core.Sink, which has to be embedded in it.
	Streams []core.ItemStream
	// Skip decides which bad items are passed over; nil passes over none. A
	// core.Sink must be a core.Reverter then, and so must a writer that keeps
	// anything outside of the chunk's transaction: a failed write is undone, and
	// its items are written again, one by one.
	Skip core.SkipPolicy
	// Retry decides which failed calls of reader, processor and writer are made
	// again; nil repeats none. For the writer the same holds as with Skip.
	Retry core.RetryPolicy
	// Rejects keeps the items that were skipped; nil keeps none. It takes part
	// like a writer: it is opened, checkpointed, finished and closed with the
	// step when it has methods for that. It is told in the attempt that commits
	// or fails the step, so it has nothing to undo. A method Location, if it has
	// one, says to people where the committed ones are, or "" when there are none.
	Rejects core.RejectWriter
	// Threads is how many goroutines process the items of a chunk; 0 and 1 mean
	// the step's own. With more, the processor must be safe for concurrent use
	// and must not touch the contexts of the scope. Reading, writing, decisions
	// and counters stay in the order of the input.
	Threads int
}

// Body is the body of a chunk step. It keeps nothing from one Execute to the
// next, but what it reads from and writes to may: bind a new one for every
// execution of the step.
type Body[I, O any] struct {
	reader    core.ItemReader[I]
	processor core.ItemProcessor[I, O]
	writer    core.ItemWriter[O]
	options   Options
	listener  Listener[I, O]
}

var _ core.StepBody = (*Body[int, int])(nil)

// New returns the body that moves items from r through p to w. All three are
// mandatory; PassThrough is the processor that does nothing.
func New[I, O any](
	r core.ItemReader[I], p core.ItemProcessor[I, O], w core.ItemWriter[O], o Options,
) *Body[I, O] {
	return &Body[I, O]{reader: r, processor: p, writer: w, options: o}
}

// Step returns a step whose body bind builds, one for each execution.
func Step(name string, bind func(*core.Scope) (core.StepBody, error)) *core.Step {
	return &core.Step{Name: name, Kind: "chunk", Bind: bind}
}

// PassThrough returns the processor that keeps every item as it is.
func PassThrough[T any]() core.ItemProcessor[T, T] { return passThrough[T]{} }

type passThrough[T any] struct{}

func (passThrough[T]) Process(_ context.Context, in T) (out T, keep bool, err error) {
	return in, true, nil
}

// check reports what is wrong with the composition (CHUNK-01).
func (b *Body[I, O]) check() error {
	fail := func(format string, args ...any) error {
		return &core.Error{Kind: core.ErrJobDefinition, Op: "chunk step", Msg: fmt.Sprintf(format, args...)}
	}
	switch {
	case b.reader == nil:
		return fail("it has no reader")
	case b.processor == nil:
		return fail("it has no processor; chunk.PassThrough does nothing")
	case b.writer == nil:
		return fail("it has no writer")
	case b.options.Size < 0 || b.options.Size > MaxSize:
		return fail("the chunk size is %d, want 1 to %d", b.options.Size, MaxSize)
	case b.options.TimeLimit < 0:
		return fail("the time limit %s is negative", b.options.TimeLimit)
	case b.options.Timeout < 0:
		return fail("the timeout %s is negative", b.options.Timeout)
	case b.options.Threads < 0 || b.options.Threads > MaxThreads:
		return fail("it has %d threads, want 1 to %d", b.options.Threads, MaxThreads)
	}
	if skip := b.options.Skip; skip != nil && skip.Limit() < core.NoSkipLimit {
		return fail("the skip limit is %d, want 0 or more, or %d for no limit", skip.Limit(), core.NoSkipLimit)
	}
	for _, stream := range b.options.Streams {
		if _, sink := stream.(core.Sink); sink && index(newGroup(b.writer).members, stream) < 0 {
			return fail("its stream %T is a sink, which commits with the chunk only as the writer: embed it in what wraps it", stream)
		}
	}
	if sink := irreversible(b.writer); sink != nil && b.options.Skip != nil {
		return fail("it may skip items, but its sink %T cannot undo the write of a single one", sink)
	}
	return nil
}

func (b *Body[I, O]) size() int {
	if b.options.Size == 0 {
		return DefaultSize
	}
	return b.options.Size
}
