package chunk

import (
	"context"

	"github.com/batchctl/batchctl/internal/core"
)

// Chain returns the processor that passes each item through all of ps in order.
// One that filters the item out, or fails, is the last to see it. Those of ps
// that are streams are opened, checkpointed and closed with the step.
func Chain[T any](ps ...core.ItemProcessor[T, T]) core.ItemProcessor[T, T] {
	var parts []any
	for _, p := range ps {
		parts = append(parts, p)
	}
	return &chain[T]{group: newGroup(parts...), processors: ps}
}

type chain[T any] struct {
	group
	processors []core.ItemProcessor[T, T]
}

// Process implements core.ItemProcessor.
func (c *chain[T]) Process(ctx context.Context, in T) (out T, keep bool, err error) {
	out = in
	for _, p := range c.processors {
		out, keep, err = p.Process(ctx, out)
		if err != nil || !keep {
			var none T
			return none, false, err
		}
	}
	return out, true, nil
}

// Then returns the processor that passes each item through first and what comes
// out of it through second, as Chain does.
func Then[A, B, C any](first core.ItemProcessor[A, B], second core.ItemProcessor[B, C]) core.ItemProcessor[A, C] {
	return &then[A, B, C]{group: newGroup(first, second), first: first, second: second}
}

type then[A, B, C any] struct {
	group
	first  core.ItemProcessor[A, B]
	second core.ItemProcessor[B, C]
}

// Process implements core.ItemProcessor.
func (t *then[A, B, C]) Process(ctx context.Context, in A) (out C, keep bool, err error) {
	between, keep, err := t.first.Process(ctx, in)
	if err != nil || !keep {
		return out, false, err
	}
	return t.second.Process(ctx, between)
}
