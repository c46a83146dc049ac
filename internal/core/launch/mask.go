package launch

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/batchctl/batchctl/internal/core/secret"
)

// masked is log with what masker hides taken out of every line.
func masked(log *slog.Logger, masker *secret.Masker) *slog.Logger {
	if h, ok := log.Handler().(maskedHandler); ok && h.masker == masker {
		return log
	}
	return slog.New(maskedHandler{log.Handler(), masker})
}

// maskedHandler is a handler that is told no secret.
type maskedHandler struct {
	slog.Handler

	masker *secret.Masker
}

// Handle implements slog.Handler.
func (h maskedHandler) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, h.masker.Mask(r.Message), r.PC)
	r.Attrs(func(attr slog.Attr) bool {
		clean.AddAttrs(h.mask(attr))
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

// WithAttrs implements slog.Handler.
func (h maskedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, attr := range attrs {
		clean[i] = h.mask(attr)
	}
	return maskedHandler{h.Handler.WithAttrs(clean), h.masker}
}

// WithGroup implements slog.Handler.
func (h maskedHandler) WithGroup(name string) slog.Handler {
	return maskedHandler{h.Handler.WithGroup(name), h.masker}
}

func (h maskedHandler) mask(attr slog.Attr) slog.Attr {
	value := attr.Value.Resolve()
	switch value.Kind() {
	case slog.KindString:
		return slog.String(attr.Key, h.masker.Mask(value.String()))
	case slog.KindGroup:
		members := value.Group()
		clean := make([]slog.Attr, len(members))
		for i, member := range members {
			clean[i] = h.mask(member)
		}
		return slog.Attr{Key: attr.Key, Value: slog.GroupValue(clean...)}
	case slog.KindAny:
		text := fmt.Sprint(value.Any())
		if clean := h.masker.Mask(text); clean != text {
			return slog.String(attr.Key, clean)
		}
	case slog.KindBool, slog.KindDuration, slog.KindFloat64, slog.KindInt64, slog.KindTime, slog.KindUint64, slog.KindLogValuer:
	}
	return slog.Attr{Key: attr.Key, Value: value}
}
