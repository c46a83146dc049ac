package chunk

import (
	"context"
	"errors"

	"github.com/batchctl/batchctl/internal/core"
)

// group passes on to its members what is asked of one part, or of all parts of a
// step.
type group struct {
	members []any // each once
	opened  []core.ItemStream
}

var (
	_ core.ItemStream = (*group)(nil)
	_ core.Reverter   = (*group)(nil)
	_ core.Finisher   = (*group)(nil)
)

// newGroup returns the group of parts. A part that is a group itself is replaced
// by its members, so that each object is in it once.
func newGroup(parts ...any) group {
	var members []any
	for _, part := range parts {
		if g, ok := part.(interface{ parts() []any }); ok {
			members = append(members, g.parts()...)
		} else {
			members = append(members, part)
		}
	}
	return group{members: distinct(members)}
}

func (g *group) parts() []any { return g.members }

// joiner is a sink that can write in the transaction of another one, when that
// has the same database. What Join returns is written to in place of the sink.
type joiner[T any] interface {
	Join(first core.Sink) (w core.ItemWriter[T], ok bool)
}

// arrange returns ws, each once and what writes to the sink last (files first,
// then SQL), the group of them, for each of ws its index among the result (-1
// where it is nil), and the sink. Two sinks are an ErrJobDefinition, unless the
// later one can join the first.
func arrange[T any](ws []core.ItemWriter[T]) (all []core.ItemWriter[T], g group, at []int, sink core.Sink, err error) {
	at = make([]int, len(ws))
	var parts []any
	for _, sinks := range []bool{false, true} {
		for i, w := range ws {
			s, isSink := w.(core.Sink)
			switch {
			case w == nil:
				at[i] = -1
			case isSink != sinks:
			case index(parts, w) >= 0:
				at[i] = index(parts, w)
			case sink != nil:
				guest, err := join(w, sink)
				if err != nil {
					return nil, group{}, nil, nil, err
				}
				at[i] = len(all)
				all, parts = append(all, guest), append(parts, guest)
			default:
				sink = s // nil when it is none
				at[i] = len(all)
				all, parts = append(all, w), append(parts, w)
			}
		}
	}
	return all, newGroup(parts...), at, sink, nil
}

func join[T any](w core.ItemWriter[T], sink core.Sink) (core.ItemWriter[T], error) {
	if j, ok := w.(joiner[T]); ok {
		if guest, ok := j.Join(sink); ok {
			return guest, nil
		}
	}
	return nil, &core.Error{
		Kind: core.ErrJobDefinition, Msg: "a step cannot write to two databases besides the repository's: they do not commit together",
		Hint: "write to the second one in a step of its own",
	}
}

// Open implements core.ItemStream. A stream counts as opened before its Open is
// called, so that Close also reaches the one that failed (STEP-03).
func (g *group) Open(ctx context.Context, ec core.ExecutionContext) error {
	for _, m := range g.members {
		stream, ok := m.(core.ItemStream)
		if !ok {
			continue
		}
		g.opened = append(g.opened, stream)
		if err := stream.Open(ctx, ec); err != nil {
			return err
		}
	}
	return nil
}

// Checkpoint implements core.ItemStream.
func (g *group) Checkpoint(ec core.ExecutionContext) error {
	for _, stream := range g.opened {
		if err := stream.Checkpoint(ec); err != nil {
			return err
		}
	}
	return nil
}

// Close implements core.ItemStream.
func (g *group) Close() error {
	var errs []error
	for _, stream := range g.opened {
		errs = append(errs, closeStream(stream))
	}
	g.opened = nil
	return errors.Join(errs...)
}

// Finish implements core.Finisher.
func (g *group) Finish(ctx context.Context) error {
	for _, m := range g.members {
		if f, ok := m.(core.Finisher); ok {
			if err := f.Finish(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// Mark implements core.Reverter.
func (g *group) Mark(ctx context.Context) error {
	for _, m := range g.members {
		if r, ok := m.(core.Reverter); ok {
			if err := r.Mark(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// Revert implements core.Reverter. It reverts all, whatever one of them says.
func (g *group) Revert(ctx context.Context) error {
	var errs []error
	for _, m := range g.members {
		if r, ok := m.(core.Reverter); ok {
			errs = append(errs, r.Revert(ctx))
		}
	}
	return errors.Join(errs...)
}

// irreversible returns the sink in w that cannot undo a single write; nil when
// there is none.
func irreversible(w any) any {
	if g, ok := w.(interface{ parts() []any }); ok {
		for _, m := range g.parts() {
			if found := irreversible(m); found != nil {
				return found
			}
		}
		return nil
	}
	_, sink := w.(core.Sink)
	if _, ok := w.(core.Reverter); sink && !ok {
		return w
	}
	return nil
}
