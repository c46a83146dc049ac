package chunk

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"

	"github.com/batchctl/batchctl/internal/core"
)

// parts returns reader, processor, writer, the rejects and the streams of the
// options, each object once, in the order in which they are opened.
func (b *Body[I, O]) parts() []any {
	all := make([]any, 0, 4+len(b.options.Streams))
	all = append(all, b.reader, b.processor, b.writer, b.options.Rejects)
	for _, stream := range b.options.Streams {
		all = append(all, stream)
	}
	return distinct(all)
}

// distinct returns those of parts that are not nil, each once. It reuses parts.
func distinct(parts []any) []any {
	unique := parts[:0]
	for _, part := range parts {
		if part != nil && !contains(unique, part) {
			unique = append(unique, part)
		}
	}
	return unique
}

// contains reports whether part is in parts.
func contains(parts []any, part any) bool { return index(parts, part) >= 0 }

// index returns where part is in parts, or -1. Two values that Go cannot
// compare, such as functions, are never the same.
func index(parts []any, part any) int {
	if !reflect.ValueOf(part).Comparable() {
		return -1
	}
	return slices.IndexFunc(parts, func(p any) bool {
		return reflect.TypeOf(p) == reflect.TypeOf(part) && reflect.ValueOf(p).Comparable() && p == part
	})
}

// streams are the open streams of one execution.
type streams struct {
	opened []core.ItemStream
}

// open opens those parts that are streams. A stream counts as opened before its
// Open is called, so that close also reaches the one that failed (STEP-03).
func (ss *streams) open(ctx context.Context, parts []any, ec core.ExecutionContext) error {
	for _, part := range parts {
		stream, ok := part.(core.ItemStream)
		if !ok {
			continue
		}
		ss.opened = append(ss.opened, stream)
		if err := stream.Open(ctx, ec); err != nil {
			return err
		}
	}
	return nil
}

// checkpoint puts the positions of all streams into ec.
func (ss *streams) checkpoint(ec core.ExecutionContext) error {
	for _, stream := range ss.opened {
		if err := stream.Checkpoint(ec); err != nil {
			return err
		}
	}
	return nil
}

// close closes all streams that open has touched. What they report changes
// nothing any more and is logged (STEP-07).
func (ss *streams) close(ctx context.Context, s *core.Scope) {
	for _, stream := range ss.opened {
		if err := stream.Close(); err != nil {
			s.Log.LogAttrs(ctx, slog.LevelError, "closing a stream failed",
				slog.String("step", s.Step.StepName),
				slog.String("stream", fmt.Sprintf("%T", stream)),
				slog.String("error", err.Error()))
		}
	}
	ss.opened = nil
}
