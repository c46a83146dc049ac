package chunk

import (
	"context"
	"errors"

	"github.com/batchctl/batchctl/internal/core"
)

// Tee returns a writer that hands every chunk to all of ws, which commit
// together: files are written and synced before the commit that names their
// lengths. At most one of ws may be a core.Sink; two databases do not commit
// together, and are refused as an ErrJobDefinition.
func Tee[T any](ws ...core.ItemWriter[T]) (core.ItemWriter[T], error) {
	t := tee[T]{}
	var sink core.ItemWriter[T]
	for _, w := range ws {
		if _, ok := w.(core.Sink); !ok {
			t.writers = append(t.writers, w)
			continue
		}
		if sink != nil {
			return nil, &core.Error{
				Kind: core.ErrJobDefinition, Msg: "a step cannot write to two databases besides the repository's: they do not commit together",
				Hint: "write to the second one in a step of its own",
			}
		}
		sink = w
	}
	if sink == nil {
		return &t, nil
	}
	t.writers = append(t.writers, sink)                     // last: files first, then SQL
	return &teeSink[T]{tee: t, Sink: sink.(core.Sink)}, nil //nolint:errcheck,forcetypeassert // it was asked above
}

type tee[T any] struct {
	writers []core.ItemWriter[T]
	opened  []core.ItemStream
}

var (
	_ core.ItemWriter[int] = (*tee[int])(nil)
	_ core.ItemStream      = (*tee[int])(nil)
	_ core.Finisher        = (*tee[int])(nil)
	_ core.Sink            = (*teeSink[int])(nil)
)

// teeSink is a tee one of whose writers is a sink.
type teeSink[T any] struct {
	tee[T]
	core.Sink
}

// Write implements core.ItemWriter.
func (t *tee[T]) Write(ctx context.Context, c *core.Chunk[T]) error {
	for _, w := range t.writers {
		if err := w.Write(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// Open implements core.ItemStream.
func (t *tee[T]) Open(ctx context.Context, ec core.ExecutionContext) error {
	for _, w := range t.writers {
		stream, ok := w.(core.ItemStream)
		if !ok {
			continue
		}
		t.opened = append(t.opened, stream)
		if err := stream.Open(ctx, ec); err != nil {
			return err
		}
	}
	return nil
}

// Checkpoint implements core.ItemStream.
func (t *tee[T]) Checkpoint(ec core.ExecutionContext) error {
	for _, stream := range t.opened {
		if err := stream.Checkpoint(ec); err != nil {
			return err
		}
	}
	return nil
}

// Close implements core.ItemStream.
func (t *tee[T]) Close() error {
	var errs []error
	for _, stream := range t.opened {
		errs = append(errs, stream.Close())
	}
	t.opened = nil
	return errors.Join(errs...)
}

// Finish implements core.Finisher.
func (t *tee[T]) Finish(ctx context.Context) error {
	for _, w := range t.writers {
		if f, ok := w.(core.Finisher); ok {
			if err := f.Finish(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}
