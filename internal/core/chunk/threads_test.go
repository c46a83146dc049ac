package chunk_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/core/panics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// meeting returns a processor that lets nobody through before all have come.
func meeting(size int) core.ProcessorFunc[int, int] {
	var all sync.WaitGroup
	all.Add(size)
	return func(_ context.Context, n int) (int, bool, error) {
		all.Done()
		all.Wait()
		return n, n%2 == 0, nil
	}
}

func TestThreads(t *testing.T) {
	t.Parallel()
	t.Run("CHUNK-52 CHUNK-07 items are processed at once, and written in the order of reading", func(t *testing.T) {
		t.Parallel()
		var written []int
		w := writing(func(_ context.Context, c *core.Chunk[int]) error {
			written = append(written, c.Items...)
			return nil
		})
		se, err := setup(t).run(t.Context(), t, moving(&source{last: 4}, meeting(4), w, chunk.Options{Threads: 4}))
		if want := (core.Counts{Read: 4, Write: 2, Filter: 2, Commit: 1}); err != nil || se.Counts != want {
			t.Errorf("counts %+v, error %v, want %+v", se.Counts, err, want)
		}
		if !slices.Equal(written, []int{2, 4}) {
			t.Errorf("written %v", written)
		}
	})
	t.Run("CHUNK-52 CHUNK-07 many items in many blocks", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		var busy, most atomic.Int64
		p := core.ProcessorFunc[int, int](func(_ context.Context, n int) (int, bool, error) {
			most.Store(max(most.Load(), busy.Add(1)))
			defer busy.Add(-1)
			return n, n%7 != 0, nil
		})
		var written []int
		w := writing(func(_ context.Context, c *core.Chunk[int]) error {
			written = append(written, c.Items...)
			return nil
		})
		se, err := f.run(t.Context(), t, moving(&source{last: 2500}, p, w, chunk.Options{Threads: 3}))
		if want := (core.Counts{Read: 2500, Write: 2143, Filter: 357, Commit: 3}); err != nil || se.Counts != want {
			t.Errorf("counts %+v, error %v, want %+v", se.Counts, err, want)
		}
		if !slices.IsSorted(written) || len(written) != 2143 {
			t.Errorf("%d written, sorted %v", len(written), slices.IsSorted(written))
		}
		if most.Load() > 3 {
			t.Errorf("%d at once", most.Load())
		}
	})
	t.Run("the first error of the input is the one that counts", func(t *testing.T) {
		t.Parallel()
		p := core.ProcessorFunc[int, int](func(_ context.Context, n int) (int, bool, error) {
			if n >= 400 {
				return 0, false, fmt.Errorf("%d: %w", n, errBroken)
			}
			return n, true, nil
		})
		_, err := setup(t).run(t.Context(), t, moving(&source{last: 1000}, p, &target{}, chunk.Options{Threads: 4}))
		if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "item 400 of") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("CHUNK-51 streams are opened and closed", func(t *testing.T) {
		t.Parallel()
		r := &source{last: 10}
		if _, err := setup(t).run(t.Context(), t, moving(r, &locked{}, &target{}, chunk.Options{Size: 5, Threads: 2})); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(r.events, " "); got != "open checkpoint checkpoint close" {
			t.Errorf("events %s", got)
		}
	})
	for name, threads := range map[string]int{"too few": -1, "too many": chunk.MaxThreads + 1} {
		t.Run("CHUNK-01 "+name+" are refused", func(t *testing.T) {
			t.Parallel()
			_, err := setup(t).run(t.Context(), t, moving(&source{last: 1}, &middle{}, &target{}, chunk.Options{Threads: threads}))
			if !errors.Is(err, core.ErrJobDefinition) || !strings.Contains(err.Error(), fmt.Sprint(threads)) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// brokenRetries is a retry policy that cannot decide.
type brokenRetries struct{}

func (brokenRetries) Retry(string, int) (time.Duration, bool) { panic(errBroken) }

// A panic anywhere around a processor is that of the step, and holds up none of
// the goroutines.
func TestPanicsAroundProcessors(t *testing.T) {
	t.Parallel()
	bad := script{last: 100, process: map[int]int{50: always}}
	for name, tt := range map[string]struct {
		listen chunk.Listener[num, num]
		retry  core.RetryPolicy
	}{
		"BeforeProcess":  {chunk.Listener[num, num]{BeforeProcess: func(context.Context, *num) error { panic(errBroken) }}, nil},
		"AfterProcess":   {chunk.Listener[num, num]{AfterProcess: func(context.Context, *num, *num) error { panic(errBroken) }}, nil},
		"OnProcessError": {chunk.Listener[num, num]{OnProcessError: func(context.Context, *num, error) error { panic(errBroken) }}, nil},
		"OnRetry": {
			chunk.Listener[num, num]{OnRetry: func(context.Context, string, int, error) error { panic(errBroken) }}, retrying(1),
		},
		"the retry policy": {chunk.Listener[num, num]{}, brokenRetries{}},
	} {
		for _, threads := range []int{1, 4} {
			t.Run(fmt.Sprintf("CHUNK-26 in %s, %d threads", name, threads), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, inTable, bad, chunk.Options{Threads: threads, Skip: skipping(10), Retry: tt.retry})
				w.listen = tt.listen
				se, err := w.attempt(t.Context(), t)
				if _, ok := errors.AsType[*panics.Error](err); !ok || !errors.Is(err, errBroken) || se.Counts != (core.Counts{}) {
					t.Errorf("counts %+v, error %v", se.Counts, err)
				}
			})
		}
	}
}

// However many goroutines process, a listener is called by one at a time.
func TestListenersAreCalledOneAtATime(t *testing.T) {
	t.Parallel()
	const threads = 4
	var busy atomic.Int64
	alone := func() {
		if n := busy.Add(1); n > 1 {
			t.Errorf("%d calls at once", n)
		}
		for range 100 {
			runtime.Gosched()
		}
		busy.Add(-1)
	}
	together := meeting(threads) // so that all are done at the same time
	step := chunk.Step(stepName, func(*core.Scope) (core.StepBody, error) {
		return chunk.New(core.ItemReader[int](&source{last: threads}), core.ItemProcessor[int, int](together), core.ItemWriter[int](&target{}),
			chunk.Options{Threads: threads}).Listen(chunk.Listener[int, int]{
			BeforeProcess: func(context.Context, *int) error { alone(); return nil },
			AfterProcess:  func(context.Context, *int, *int) error { alone(); return nil },
		}), nil
	})
	if _, err := setup(t).run(t.Context(), t, step); err != nil {
		t.Fatal(err)
	}
}

// locked is a processor that is safe for concurrent use.
type locked struct {
	mu sync.Mutex
	middle
}

func (p *locked) Process(ctx context.Context, n int) (int, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.middle.Process(ctx, n)
}
