package chunk

import (
	"context"
	"log/slog"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// again decides whether a failed call is made again, and waits before that. The
// error, which is an interruption, ends the chunk.
func (e *execution[I, O]) again(ctx context.Context, phase string, retries int, err error) (bool, error) {
	if e.options.Retry == nil || !deniable(ctx, err) {
		return false, nil
	}
	class := core.ClassOf(err, phase)
	wait, again := e.options.Retry.Retry(class, retries)
	if !again {
		return false, nil
	}
	e.scope.Log.LogAttrs(ctx, slog.LevelWarn, "a call failed and is made again",
		slog.String("step", e.scope.Step.StepName), slog.String("phase", phase), slog.String("class", class),
		slog.Int("retry", retries+1), slog.Duration("wait", wait), slog.String("error", err.Error()))
	if e.listener.OnRetry != nil {
		e.tell(ctx, "OnRetry", func() error { return e.listener.OnRetry(ctx, phase, retries, err) })
	}
	if err := e.pause(ctx, wait); err != nil {
		return false, fatalError{err}
	}
	return true, nil
}

// pause waits, and returns the cause when the run is told to end meanwhile.
func (e *execution[I, O]) pause(ctx context.Context, wait time.Duration) error {
	if err := e.interrupted(ctx); err != nil || wait <= 0 {
		return err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-e.scope.Stop.Done():
	}
	return e.interrupted(ctx)
}
