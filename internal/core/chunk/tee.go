package chunk

import (
	"context"
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
)

// Tee returns a writer that hands every chunk to all of ws, which commit
// together: files are written and synced before the commit that names their
// lengths. Those of ws that are a core.Sink must write to one database: two do
// not commit together, and are refused as an ErrJobDefinition.
func Tee[T any](ws ...core.ItemWriter[T]) (core.ItemWriter[T], error) {
	all, g, _, sink, err := arrange(ws)
	if err != nil {
		return nil, err
	}
	t := tee[T]{group: g, writers: all}
	if sink == nil {
		return &t, nil
	}
	return &teeSink[T]{tee: t, Sink: sink}, nil
}

type tee[T any] struct {
	group
	writers []core.ItemWriter[T]
}

// teeSink is a tee one of whose writers is a sink.
type teeSink[T any] struct {
	tee[T]
	core.Sink
}

var (
	_ core.ItemWriter[int] = (*tee[int])(nil)
	_ core.Sink            = (*teeSink[int])(nil)
	_ core.Reverter        = (*teeSink[int])(nil)
)

// Write implements core.ItemWriter.
func (t *tee[T]) Write(ctx context.Context, c *core.Chunk[T]) error {
	for _, w := range t.writers {
		if err := w.Write(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// Route returns a writer that hands each item to the one of ws whose index rule
// returns, in the order of the items; several indices may lead to the same
// writer. A writer that gets nothing of a chunk is not called. An index that
// there is not is an error of the write. As with Tee, all commit together, and
// no two of ws may be a core.Sink of different databases.
func Route[T any](rule func(item *T) int, ws ...core.ItemWriter[T]) (core.ItemWriter[T], error) {
	all, g, at, sink, err := arrange(ws)
	if err != nil {
		return nil, err
	}
	r := route[T]{group: g, rule: rule, writers: all, to: at, items: make([][]T, len(all))}
	if sink == nil {
		return &r, nil
	}
	return &routeSink[T]{route: r, Sink: sink}, nil
}

type route[T any] struct {
	group
	rule    func(*T) int
	writers []core.ItemWriter[T]
	to      []int // for each index of the rule that of the writer
	items   [][]T // for each writer what it gets of the present chunk; reused
}

// routeSink is a route one of whose writers is a sink.
type routeSink[T any] struct {
	route[T]
	core.Sink
}

var (
	_ core.ItemWriter[int] = (*route[int])(nil)
	_ core.Sink            = (*routeSink[int])(nil)
	_ core.Reverter        = (*routeSink[int])(nil)
)

// Write implements core.ItemWriter. Every item has its way before the first is
// written.
func (r *route[T]) Write(ctx context.Context, c *core.Chunk[T]) error {
	for i := range r.items {
		r.items[i] = r.items[i][:0]
	}
	for i := range c.Items {
		item := &c.Items[i]
		way := r.rule(item)
		if way < 0 || way >= len(r.to) || r.to[way] < 0 {
			return fmt.Errorf("route %s: the rule chose writer %d, there are 0 to %d", named(item, i), way, len(r.to)-1)
		}
		r.items[r.to[way]] = append(r.items[r.to[way]], *item)
	}
	for i, items := range r.items {
		if len(items) == 0 {
			continue
		}
		if err := r.writers[i].Write(ctx, &core.Chunk[T]{Seq: c.Seq, Items: items, Tx: c.Tx}); err != nil {
			return err
		}
		clear(items)
	}
	return nil
}

func named[T any](item *T, i int) string {
	if where := core.WhereOf(item); where != "" {
		return core.EscapeControl(where)
	}
	return fmt.Sprintf("item %d of the chunk", i+1)
}
