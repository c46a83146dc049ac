package chunk

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
)

// maxMessage bounds the text of the error in a reject, in bytes.
const maxMessage = 2000

// skip is an item of the present chunk that is passed over.
type skip struct {
	phase string
	// in is the place of the item among those of the chunk; for one that could
	// not be read that of the item behind it.
	in    int
	out   int // of an item that could not be written: its place among those to write
	class string
	err   error
}

// skip passes over an item, or returns why that may not be: failure, which is
// the item's error in words, or that the limit is exceeded.
func (e *execution[I, O]) skip(ctx context.Context, s skip, failure error) error {
	policy := e.options.Skip
	if policy == nil || !deniable(ctx, s.err) {
		return failure
	}
	s.class = core.ClassOf(s.err, s.phase)
	if !policy.Skips(s.class) {
		return failure
	}
	if limit := policy.Limit(); limit >= 0 && e.skipped+int64(len(e.skips)) >= limit {
		return e.limitExceeded(limit, failure)
	}
	e.skips = append(e.skips, s)
	return nil
}

// skippable reports whether err may be passed over as far as its class goes.
func (e *execution[I, O]) skippable(ctx context.Context, phase string, err error) bool {
	policy := e.options.Skip
	return policy != nil && deniable(ctx, err) && policy.Skips(core.ClassOf(err, phase))
}

// skipCounts returns how many items the present chunk passes over.
func (e *execution[I, O]) skipCounts() (c core.Counts) {
	for i := range e.skips {
		switch e.skips[i].phase {
		case core.PhaseRead:
			c.ReadSkip++
		case core.PhaseProcess:
			c.ProcessSkip++
		case core.PhaseWrite:
			c.WriteSkip++
		}
	}
	return c
}

func (e *execution[I, O]) limitExceeded(limit int64, failure error) error {
	c, earlier := e.scope.Step.Counts.Add(e.skipCounts()), ""
	skipped := fmt.Sprintf("%d skipped in read", c.ReadSkip)
	if p, ok := e.options.Skip.(core.LimitSkipPolicy); ok && p.Earlier > 0 {
		limit, earlier = p.Max, fmt.Sprintf("%d skipped in earlier attempts, ", p.Earlier)
		skipped = fmt.Sprintf("%d in read", c.ReadSkip)
	}
	return &core.Error{
		Kind: core.ErrSkipLimitExceeded,
		Msg: fmt.Sprintf("the skip limit of %d is exceeded: %s%s, %d in process and %d in write, and one more is bad",
			limit, earlier, skipped, c.ProcessSkip, c.WriteSkip),
		Hint: e.skipHint("raise the limit"),
		Err:  failure,
	}
}

// skipHint says what to do about too many bad items.
func (e *execution[I, O]) skipHint(raise string) string {
	look := "correct the input or " + raise
	switch r := e.options.Rejects.(type) {
	case nil:
	case interface{ Location() string }:
		if where := r.Location(); where != "" {
			look = "see " + core.ShellQuote(where) + ", " + look
		}
	default:
		look = "see the rejects, " + look
	}
	return look + ", then " + core.ShellQuote("batchctl", "restart", fmt.Sprint(e.scope.Execution.ID))
}

// checkPercent judges the share of skipped items at the end of a chunk. c are
// the counts with the chunk in them.
func (e *execution[I, O]) checkPercent(c core.Counts) error {
	if len(e.skips) == 0 {
		return nil // the share has not grown
	}
	percent := e.options.Skip.Percent()
	records, bad := c.Read+c.ReadSkip, c.Skip()
	// The quotient is the number nearest to the share, as percent is to what was
	// written: the two are equal where the share is exactly the bound.
	if percent <= 0 || float64(bad)*100/float64(records) <= percent {
		return nil
	}
	last := e.skips[len(e.skips)-1]
	return &core.Error{
		Kind: core.ErrSkipLimitExceeded,
		Msg: fmt.Sprintf("%d of %d records would be skipped, which is more than %g %% (%d in read, %d in process, %d in write); the last one",
			bad, records, percent, c.ReadSkip, c.ProcessSkip, c.WriteSkip),
		Hint: e.skipHint("raise the percentage"),
		Err:  last.err,
	}
}

// tellSkips tells the listener and the rejects about the items that the chunk
// passes over, in the order of the items.
func (e *execution[I, O]) tellSkips(ctx context.Context) error {
	// A record that could not be read has the place of the item behind it, and was
	// passed over before that.
	slices.SortStableFunc(e.skips, func(a, b skip) int { return a.in - b.in })
	for i := range e.skips {
		s := &e.skips[i]
		if err := e.tellSkip(ctx, s); err != nil {
			return fmt.Errorf("the listener of a skip in %s failed: %w", s.phase, err)
		}
		if e.options.Rejects == nil {
			continue
		}
		r, err := e.reject(s)
		if err != nil {
			return err
		}
		if err := e.options.Rejects.Reject(ctx, r); err != nil {
			return fmt.Errorf("write to the rejects: %w", err)
		}
	}
	return nil
}

func (e *execution[I, O]) tellSkip(ctx context.Context, s *skip) error {
	l := &e.listener
	switch {
	case s.phase == core.PhaseRead && l.OnSkipInRead != nil:
		return l.OnSkipInRead(ctx, s.err)
	case s.phase == core.PhaseProcess && l.OnSkipInProcess != nil:
		return l.OnSkipInProcess(ctx, &e.in[s.in], s.err)
	case s.phase == core.PhaseWrite && l.OnSkipInWrite != nil:
		return l.OnSkipInWrite(ctx, &e.out[s.out], s.err)
	}
	return nil
}

// reject describes a skipped item. The bytes of one that was read well are asked
// of the reader.
func (e *execution[I, O]) reject(s *skip) (core.Reject, error) {
	r := core.Reject{Step: e.scope.Step.StepName, Phase: s.phase, Class: s.class, Message: cut(e.scope.Mask(s.err.Error()), maxMessage)}
	if s.phase == core.PhaseRead {
		if bad := itemError(s.err); bad != nil {
			r.Origin, r.Raw = bad.Origin(), bad.Raw
		}
		return r, nil
	}
	r.Origin = core.OriginOf(&e.in[s.in])
	shows, ok := e.reader.(core.RawReader)
	if !ok || r.Origin == (core.Origin{}) {
		return r, nil
	}
	var err error
	if r.Raw, err = shows.Raw(r.Origin); err != nil {
		return r, fmt.Errorf("show the skipped item %s again: %w", r.Origin, err)
	}
	return r, nil
}

// cut returns s with at most limit bytes of it, whole characters only.
func cut(s string, limit int) string {
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}

// logSkips says once for each chunk that items were passed over.
func (e *execution[I, O]) logSkips(ctx context.Context) {
	if len(e.skips) == 0 {
		return
	}
	c := e.skipCounts()
	e.scope.Log.LogAttrs(ctx, slog.LevelWarn, "bad items were skipped",
		slog.String("step", e.scope.Step.StepName), slog.Int64("chunk", e.seq), slog.Int64("read", c.ReadSkip),
		slog.Int64("process", c.ProcessSkip), slog.Int64("write", c.WriteSkip),
		slog.String("first", cut(e.skips[0].err.Error(), maxMessage)))
}
