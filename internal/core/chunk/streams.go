package chunk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/panics"
)

// all returns reader, processor, writer, the rejects and the streams of the
// options, each object once, in the order in which they are opened.
func (b *Body[I, O]) all() []any {
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
		if part != nil && index(unique, part) < 0 {
			unique = append(unique, part)
		}
	}
	return unique
}

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

// close closes all streams that were opened, also one that failed to. What they
// report changes nothing any more and is logged, and so is a panic (STEP-07).
func (e *execution[I, O]) close(ctx context.Context) {
	for _, stream := range e.parts.opened {
		err := closeStream(stream)
		if err == nil {
			continue
		}
		attrs := []slog.Attr{
			slog.String("step", e.scope.Step.StepName),
			slog.String("stream", fmt.Sprintf("%T", stream)),
			slog.String("error", err.Error()),
		}
		if p, ok := errors.AsType[*panics.Error](err); ok {
			attrs = append(attrs, slog.String("stack", p.Stack))
		}
		e.scope.Log.LogAttrs(ctx, slog.LevelError, "closing a stream failed", attrs...)
	}
	e.parts.opened = nil
}

// closeStream closes stream, and turns a panic in that into an error: those
// behind it are closed as well.
func closeStream(stream core.ItemStream) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panics.Recovered("closing a stream", v)
		}
	}()
	return stream.Close()
}
