package core

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
)

// ItemReader fills dst with items. It has io.Reader's contract: n items are
// good whatever err is, io.EOF ends the input and may come with the last items,
// and an *ItemError belongs to the record after the n good ones; the next call
// goes on behind that record. After any other error the next call tries the same
// again. n is 0 only together with an error. No later Read changes what an item
// refers to.
type ItemReader[T any] interface {
	Read(ctx context.Context, dst []T) (n int, err error)
}

// ItemProcessor turns one item into another. keep is false to filter the item
// out. It must be deterministic: after a crash the same items are processed
// again.
type ItemProcessor[I, O any] interface {
	Process(ctx context.Context, in I) (out O, keep bool, err error)
}

// ProcessorFunc is an ItemProcessor made of a function.
type ProcessorFunc[I, O any] func(ctx context.Context, in I) (out O, keep bool, err error)

// Process implements ItemProcessor.
func (f ProcessorFunc[I, O]) Process(ctx context.Context, in I) (out O, keep bool, err error) {
	return f(ctx, in)
}

// ItemWriter writes one chunk. What it writes must become visible when the
// chunk commits and never otherwise: either through c.Tx, or by a position in
// the step's context that a restart returns to.
type ItemWriter[T any] interface {
	Write(ctx context.Context, c *Chunk[T]) error
}

// Chunk is what commits together.
type Chunk[T any] struct {
	// Seq counts the chunks of a step from 1, over all its attempts.
	Seq int64
	// Items are the items to write, in the order of reading. They are the
	// writer's to look at until Write returns, and not to change: after a
	// failure it may be given them again, together or one by one.
	Items []T
	// Tx is the transaction that also holds the step's counters and position.
	Tx Tx
}

// ItemStream is implemented by readers, processors and writers that keep state
// from one attempt to the next.
type ItemStream interface {
	// Open restores the state that Checkpoint left in ec; a fresh start finds
	// nothing there. A state that does not fit what is found outside is an
	// ErrCheckpointMismatch that says both values, and leaves everything
	// untouched.
	Open(ctx context.Context, ec ExecutionContext) error
	// Checkpoint puts the present state into ec, after a chunk was written and
	// before it commits. What the state names outside the repository must be
	// durable when it returns.
	Checkpoint(ec ExecutionContext) error
	// Close releases what Open acquired. It is called once after Open, also
	// when Open failed, and must not publish anything.
	Close() error
}

// Reverter is implemented by writers that keep what they were given outside of
// Chunk.Tx until the chunk commits: in a buffer, a file, a transaction of their
// own. A chunk in which a write failed can then be tried again, or item by item.
//
// Mark is called before each attempt to write a chunk, and before each item
// when items are written alone; Revert after a failed one, also when the write
// itself has undone some of it. A Sink is reverted after RollbackSink too, when
// there is nothing left to undo, and its Mark need not begin a transaction: to
// revert to a state in which none was open is to roll it back.
type Reverter interface {
	// Mark remembers the present state; it replaces an earlier mark.
	Mark(ctx context.Context) error
	// Revert undoes everything since Mark. The mark stays. An error says that
	// the state is unknown, and fails the step.
	Revert(ctx context.Context) error
}

// Finisher is implemented by writers that have something to do after the last
// chunk: a footer, a rename. It runs before the step is recorded as COMPLETED
// and must be safe to run again after a crash.
type Finisher interface {
	Finish(ctx context.Context) error
}

// ReadOne adapts a function that returns one item at a time, io.EOF at the end,
// to an ItemReader.
func ReadOne[T any](next func(ctx context.Context) (T, error)) ItemReader[T] {
	return readOne[T](next)
}

type readOne[T any] func(ctx context.Context) (T, error)

func (next readOne[T]) Read(ctx context.Context, dst []T) (int, error) {
	for n := range dst {
		item, err := next(ctx)
		if err != nil {
			return n, err
		}
		dst[n] = item
	}
	if len(dst) == 0 {
		return 0, io.ErrShortBuffer
	}
	return len(dst), nil
}

// IsEOF reports whether err is the end of an input.
func IsEOF(err error) bool { return errors.Is(err, io.EOF) }

// Origin says where an item comes from. The zero value says nothing.
type Origin struct {
	File   string // as the reader was given it
	Line   int    // 1-based; 0 if there are no lines
	Record int64  // 1-based; 0 if unknown
	// Offset and Length are the bytes of the record in File; Length is 0 if
	// they are not known.
	Offset, Length int64
	Key            string // of a row; empty if there is none
}

// String returns "file:line", "file: record 7", "key K" or "".
func (o Origin) String() string {
	place := EscapeControl(o.File)
	switch {
	case o.Line > 0:
		return place + ":" + strconv.Itoa(o.Line)
	case o.Record > 0:
		return strings.TrimPrefix(place+": record "+strconv.FormatInt(o.Record, 10), ": ")
	case o.Key != "":
		return "key " + Quote(o.Key)
	}
	return place
}

// OriginOf returns where an item comes from: the result of its method Origin,
// if it has one.
func OriginOf[T any](item *T) Origin {
	type placed interface{ Origin() Origin }
	if p, ok := any(item).(placed); ok {
		return p.Origin()
	}
	if p, ok := any(*item).(placed); ok {
		return p.Origin()
	}
	return Origin{}
}

// WhereOf returns the place that an item comes from, as "in.csv:7", or "" when
// it does not know: its Origin in words, else the result of its method Where.
func WhereOf[T any](item *T) string {
	if where := OriginOf(item).String(); where != "" {
		return where
	}
	type placed interface{ Where() string }
	if p, ok := any(item).(placed); ok {
		return p.Where()
	}
	if p, ok := any(*item).(placed); ok {
		return p.Where()
	}
	return ""
}

// RawReader is implemented by readers that can show the bytes of an item again.
type RawReader interface {
	// Raw returns the bytes of an item that this reader has returned, in a slice
	// of their own; nil when they cannot be had again. It does not move the
	// reader. An error fails the step.
	Raw(o Origin) ([]byte, error)
}
