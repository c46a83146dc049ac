package chunk_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
)

// lazy repeats a call, but not soon.
type lazy struct{ wait time.Duration }

func (l lazy) Retry(_ string, retries int) (time.Duration, bool) { return l.wait, retries < 3 }

func TestRetryWaits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		script script
		want   core.Counts
	}{
		{"in read", script{last: 10, read: map[int]int{5: always}}, core.Counts{Read: 3, Write: 3, Commit: 1}},
		{"in process", script{last: 10, process: map[int]int{5: always}}, core.Counts{Read: 3, Write: 3, Commit: 1}},
		{"in write", script{last: 10, write: map[int]int{5: always}}, core.Counts{Read: 3, Write: 3, Commit: 1, Rollback: 1}},
	} {
		for _, threads := range []int{1, 4} {
			o := chunk.Options{Size: 3, Retry: lazy{time.Hour}, Skip: skipping(10), Threads: threads}
			for when, wait := range map[string]time.Duration{"ends the wait": time.Hour, "is heard also without a wait": 0} {
				t.Run("a stop "+when+" "+tt.name+", and the chunk is left undone", func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, inTable, tt.script, o)
					w.options.Retry = lazy{wait}
					w.stop = core.NewStop()
					stop := w.stop
					w.listen.OnRetry = func(context.Context, string, int, error) error {
						if wait == 0 {
							stop.Request(core.ErrStopped)
						} else {
							go stop.Request(core.ErrStopped)
						}
						return nil
					}
					se, err := w.attempt(t.Context(), t)
					if se.Status != core.StatusStopped || !errors.Is(err, core.ErrStopped) || se.Counts != tt.want {
						t.Errorf("status %s, counts %+v, error %v, want %+v", se.Status, se.Counts, err, tt.want)
					}
					if len(w.rejects) > 0 {
						t.Errorf("rejects %v", w.rejected())
					}
				})
			}
			t.Run("an abort ends the wait "+tt.name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, inTable, tt.script, o)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				w.listen.OnRetry = func(context.Context, string, int, error) error {
					go cancel(core.ErrAborted)
					return nil
				}
				se, err := w.attempt(ctx, t)
				if !errors.Is(err, core.ErrAborted) || se.Counts != tt.want {
					t.Errorf("counts %+v, error %v, want %+v", se.Counts, err, tt.want)
				}
			})
		}
	}
}

// open counts the transactions that are open.
type open struct {
	void
	begun, ended, savepoints *int
}

func (o open) Begin(context.Context, *core.JobExecution) (core.Tx, error) { *o.begun++; return o, nil }
func (o open) Commit() error                                              { *o.ended++; return nil }
func (o open) Rollback() error                                            { *o.ended = *o.begun; return nil }

func (o open) Savepoint(context.Context) error { *o.savepoints++; return nil }

func TestRetryWaitsWithoutATransaction(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		repo := open{begun: new(int), ended: new(int), savepoints: new(int)}
		je := &core.JobExecution{ID: 1}
		s := &core.Scope{
			Run:  &core.Run{Job: &core.Job{Name: "bench"}, Execution: je, Repo: repo, Log: quiet()},
			Step: &core.StepExecution{ID: 1, JobExecution: je, StepName: stepName},
		}
		started := time.Now()
		var waits []time.Duration
		w := &scripted{write: func(calls int) error {
			waits = append(waits, time.Since(started))
			if *repo.begun != *repo.ended+1 {
				t.Errorf("%d transactions are open", *repo.begun-*repo.ended)
			}
			if calls <= 3 {
				return core.Classified(core.ClassWriteBusy, errBroken)
			}
			return nil
		}}
		l := chunk.Listener[int, int]{OnRetry: func(context.Context, string, int, error) error {
			if *repo.begun != *repo.ended {
				t.Error("a transaction is open during the wait")
			}
			return nil
		}}
		policy := core.BackoffRetryPolicy{
			ErrorClasses: core.ErrorClasses{Include: []string{core.ClassWriteBusy}}, Max: 3, Backoff: time.Second, Multiplier: 3,
		}
		body := chunk.New(core.ItemReader[int](&source{last: 2}), core.ItemProcessor[int, int](&middle{}), core.ItemWriter[int](w),
			chunk.Options{Retry: policy}).Listen(l)
		if _, err := body.Execute(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{0, time.Second, 4 * time.Second, 13 * time.Second}
		if !slices.Equal(waits, want) {
			t.Errorf("written at %v, want %v", waits, want)
		}
		if s.Step.Counts.Rollback != 3 || s.Uncommitted.Rollback != 0 || *repo.savepoints != 0 {
			t.Errorf("counts %+v, uncommitted %+v, %d savepoints", s.Step.Counts, s.Uncommitted, *repo.savepoints)
		}
	})
}

type scripted struct {
	calls int
	write func(calls int) error
}

func (w *scripted) Write(context.Context, *core.Chunk[int]) error {
	w.calls++
	return w.write(w.calls)
}

func TestRetryClasses(t *testing.T) {
	t.Parallel()
	t.Run("CHUNK-40 a policy without classes repeats nothing", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inTable, script{last: 3, write: map[int]int{2: 1}}, chunk.Options{Retry: core.BackoffRetryPolicy{Max: 3}})
		if _, err := w.attempt(t.Context(), t); err == nil || w.writes != 1 {
			t.Errorf("%d writes, error %v", w.writes, err)
		}
	})
	t.Run("CHUNK-41 only the declared classes are repeated", func(t *testing.T) {
		t.Parallel()
		policy := core.BackoffRetryPolicy{ErrorClasses: core.ErrorClasses{Include: []string{"process"}}, Max: 3}
		w := newWorld(t, inTable, script{last: 3, process: map[int]int{1: 3}, write: map[int]int{2: 1}}, chunk.Options{Retry: policy})
		if _, err := w.attempt(t.Context(), t); err == nil || w.writes != 1 || w.processes != 6 {
			t.Errorf("%d writes, %d processes, error %v", w.writes, w.processes, err)
		}
	})
	t.Run("CHUNK-42 a limit of 2 is 3 attempts", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inTable, script{last: 3, write: map[int]int{2: always}}, chunk.Options{Retry: retrying(2)})
		if _, err := w.attempt(t.Context(), t); err == nil || w.writes != 3 {
			t.Errorf("%d writes, error %v", w.writes, err)
		}
	})
	t.Run("retries of a read count anew behind an item that was read", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inTable, script{last: 10, read: map[int]int{2: 2, 3: 2, 4: 2}}, chunk.Options{Retry: retrying(2)})
		if se, err := w.attempt(t.Context(), t); err != nil || se.Counts.Read != 10 {
			t.Errorf("counts %+v, error %v", se.Counts, err)
		}
	})
	t.Run("each retry is logged", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inTable, script{last: 3, write: map[int]int{2: 2}}, chunk.Options{Retry: retrying(2)})
		if _, err := w.attempt(t.Context(), t); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(w.log.String(), "a call failed and is made again"); got != 2 {
			t.Errorf("logged %d times:\n%s", got, w.log.String())
		}
	})
}

// What a write that was undone has put into the job's context is undone too.
func TestUndoneWritesLeaveTheJobsContext(t *testing.T) {
	t.Parallel()
	f := setup(t)
	step := chunk.Step(stepName, func(s *core.Scope) (core.StepBody, error) {
		failed := 0
		sum := writing(func(_ context.Context, c *core.Chunk[int]) error {
			for _, n := range c.Items {
				old, _ := s.JobContext.Get("sum")
				total, _ := old.(int64)
				s.JobContext.Put("sum", total+int64(n))
				if n == 5 || n == 9 && failed < 2 {
					failed++
					return core.Classified("write", errBroken)
				}
			}
			return nil
		})
		return chunk.New(core.ItemReader[int](&source{last: 10}), chunk.PassThrough[int](), sum,
			chunk.Options{Size: 3, Skip: skipping(1), Retry: retrying(1)}), nil
	})
	if _, err := f.run(t.Context(), t, step); err != nil {
		t.Fatal(err)
	}
	je, err := f.store.JobExecution(t.Context(), f.execution)
	if err != nil {
		t.Fatal(err)
	}
	if sum, _, _ := je.Context.Int64("sum"); sum != 50 {
		t.Errorf("the sum is %d, want 50", sum)
	}
}

type writing func(context.Context, *core.Chunk[int]) error

func (w writing) Write(ctx context.Context, c *core.Chunk[int]) error { return w(ctx, c) }
