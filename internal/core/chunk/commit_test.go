package chunk_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
)

func TestRestart(t *testing.T) {
	t.Parallel()
	t.Run("CHUNK-44 a failed chunk is read again, and none is skipped", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		first, err := f.run(t.Context(), t, moving(&source{last: 10}, &middle{}, &target{failAt: 5}, chunk.Options{Size: 3}))
		if !errors.Is(err, errBroken) {
			t.Fatalf("error %v", err)
		}
		second, err := f.run(t.Context(), t, moving(&source{last: 10}, &middle{}, &target{}, chunk.Options{Size: 3}))
		if err != nil || second.Status != core.StatusCompleted {
			t.Fatalf("status %s, error %v", second.Status, err)
		}
		if got := first.Counts.Add(second.Counts); got.Write != 10 || got.Commit != 4 || got.Rollback != 1 {
			t.Errorf("both attempts together count %+v", got)
		}
		numbers, chunks := f.numbers(t)
		if diff := cmp.Diff(upTo(10), numbers); diff != "" {
			t.Errorf("numbers (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]int{1, 1, 1, 2, 2, 2, 3, 3, 3, 4}, chunks); diff != "" {
			t.Errorf("chunks are numbered through (-want +got):\n%s", diff)
		}
	})
	t.Run("CHUNK-05 a body that is executed again starts clean", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		p, w := &middle{failAt: 5}, &target{}
		body := chunk.New(core.ItemReader[int](&source{last: 10}), core.ItemProcessor[int, int](p),
			core.ItemWriter[int](w), chunk.Options{Size: 3})
		step := chunk.Step(stepName, func(*core.Scope) (core.StepBody, error) { return body, nil })
		if _, err := f.run(t.Context(), t, step); !errors.Is(err, errBroken) {
			t.Fatalf("error %v", err)
		}
		p.failAt = 0
		se, err := f.run(t.Context(), t, step)
		if want := (core.Counts{Read: 7, Write: 7, Commit: 3}); err != nil || se.Counts != want {
			t.Errorf("counts %+v, error %v, want %+v", se.Counts, err, want)
		}
		if numbers, _ := f.numbers(t); !cmp.Equal(numbers, upTo(10)) {
			t.Errorf("the table holds %v", numbers)
		}
	})
	t.Run("a chunk number of another type fails the step before anything is opened", func(t *testing.T) {
		t.Parallel()
		f, r := setup(t), &source{last: 10}
		step := moving(r, &middle{}, &target{}, chunk.Options{})
		bind := step.Bind
		step.Bind = func(s *core.Scope) (core.StepBody, error) {
			s.Context.Put(core.ContextKeyChunk, "one")
			return bind(s)
		}
		se, err := f.run(t.Context(), t, step)
		if se.Status != core.StatusFailed || err == nil || !strings.Contains(err.Error(), core.ContextKeyChunk) || len(r.events) > 0 {
			t.Errorf("status %s, error %v, events %v", se.Status, err, r.events)
		}
	})
}

// commits is a repository of which one commit fails: before it has committed, or
// after it when durable is set.
type commits struct {
	core.JobRepository
	armed   bool // only a chunk's write arms it
	durable bool
}

func (r *commits) Begin(ctx context.Context, je *core.JobExecution) (core.Tx, error) {
	tx, err := r.JobRepository.Begin(ctx, je)
	return &failingTx{Tx: tx, repo: r}, err
}

type failingTx struct {
	core.Tx
	repo *commits
}

func (tx *failingTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return tx.Tx.(execer).ExecContext(ctx, query, args...)
}

func (tx *failingTx) Commit() error {
	if !tx.repo.armed {
		return tx.Tx.Commit()
	}
	tx.repo.armed = false
	if !tx.repo.durable {
		return errBroken
	}
	return errors.Join(errBroken, tx.Tx.Commit())
}

func TestCommitFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		durable bool
		want    core.Counts
		told    int64 // chunks that the listener was told about
	}{
		{
			name: "STEP-20 a failed commit leaves counts and context untouched",
			want: core.Counts{Read: 3, Write: 3, Commit: 1, Rollback: 1}, told: 1,
		},
		{
			name: "a commit that is durable in spite of its error is adopted", durable: true,
			want: core.Counts{Read: 6, Write: 6, Commit: 2}, told: 2,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			repo := &commits{JobRepository: f.store, durable: tt.durable}
			f.repo = repo
			w := &target{}
			w.onWrite = func() { repo.armed = w.calls == 2 }
			step := moving(&source{last: 10}, &middle{}, w, chunk.Options{Size: 3})
			var told []core.Counts
			step.Listener.AfterChunk = func(_ context.Context, s *core.Scope) { told = append(told, s.Step.Counts) }
			se, err := f.run(t.Context(), t, step)
			if se.Status != core.StatusFailed || !errors.Is(err, errBroken) {
				t.Errorf("status %s, error %v", se.Status, err)
			}
			if diff := cmp.Diff(tt.want, se.Counts); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
			if numbers, _ := f.numbers(t); int64(len(numbers)) != tt.want.Write {
				t.Errorf("the table holds %v", numbers)
			}
			if position, _, _ := se.Context.Int64("source.position"); position != tt.want.Read {
				t.Errorf("the position is %d, want %d", position, tt.want.Read)
			}
			if seq, _, _ := se.Context.Int64(core.ContextKeyChunk); seq != tt.want.Commit {
				t.Errorf("the chunk is %d, want %d", seq, tt.want.Commit)
			}
			if int64(len(told)) != tt.told {
				t.Errorf("the listener was told about %v, want %d chunks", told, tt.told)
			}
			if _, err := f.run(t.Context(), t, moving(&source{last: 10}, &middle{}, &target{}, chunk.Options{Size: 3})); err != nil {
				t.Errorf("restart: %v", err)
			}
			if numbers, _ := f.numbers(t); !cmp.Equal(numbers, upTo(10)) {
				t.Errorf("after the restart the table holds %v", numbers)
			}
		})
	}
}

// undoable is a database that can undo a write.
type undoable struct{ database }

func (u *undoable) Mark(context.Context) error   { return nil }
func (u *undoable) Revert(context.Context) error { return nil }

// What fails behind the write of a chunk is no matter of its items: it is neither
// retried nor skipped.
func TestNoPolicyIsAskedBehindTheWrite(t *testing.T) {
	t.Parallel()
	all := chunk.Options{Size: 3, Skip: skipping(core.NoSkipLimit), Retry: retrying(3)}
	for name, tt := range map[string]func(f *fixture, events *[]string) *core.Step{
		"the commit": func(f *fixture, events *[]string) *core.Step {
			repo := &commits{JobRepository: f.store}
			f.repo = repo
			w := &target{onWrite: func() { repo.armed = true; *events = append(*events, "write") }}
			return moving(&source{last: 10}, &middle{}, w, all)
		},
		"the commit of a sink": func(_ *fixture, events *[]string) *core.Step {
			w := &undoable{database{station{name: "db", events: events, fails: "commit"}}}
			return moving(&source{last: 10}, &middle{}, w, all)
		},
		"a checkpoint": func(_ *fixture, events *[]string) *core.Step {
			w := &station{name: "file", events: events, fails: "checkpoint"}
			return moving(&source{last: 10}, &middle{}, w, all)
		},
		"a checkpoint of a sink": func(_ *fixture, events *[]string) *core.Step {
			w := &undoable{database{station{name: "db", events: events, fails: "checkpoint"}}}
			return moving(&source{last: 10}, &middle{}, w, all)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			var events []string
			step := tt(f, &events)
			se, err := f.run(t.Context(), t, step)
			if want := (core.Counts{Rollback: 1}); !errors.Is(err, errBroken) || se.Status != core.StatusFailed || se.Counts != want {
				t.Errorf("status %s, counts %+v, error %v, want %+v", se.Status, se.Counts, err, want)
			}
			writes := 0
			for _, event := range events {
				if strings.HasSuffix(event, "write") {
					writes++
				}
			}
			if writes != 1 {
				t.Errorf("%d writes: %v", writes, events)
			}
		})
	}
}

// stuck is a repository whose transactions roll back, and say that they did not.
type stuck struct{ commits }

func (r *stuck) Begin(ctx context.Context, je *core.JobExecution) (core.Tx, error) {
	tx, err := r.commits.Begin(ctx, je)
	return &stuckTx{tx.(*failingTx)}, err
}

type stuckTx struct{ *failingTx }

func (tx *stuckTx) Rollback() error {
	return errors.Join(tx.failingTx.Rollback(), errors.New("it will not roll back"))
}

func TestRollbackFails(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.repo = &stuck{commits{JobRepository: f.store}}
	se, err := f.run(t.Context(), t, moving(&source{last: 3}, &middle{}, &target{failAt: 2}, chunk.Options{}))
	if se.Counts.Rollback != 1 || !errors.Is(err, errBroken) {
		t.Errorf("counts %+v, error %v", se.Counts, err)
	}
	if !strings.Contains(f.log.String(), "it will not roll back") {
		t.Errorf("the log does not say so:\n%s", f.log.String())
	}
}

func TestPanic(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		middle   middle
		target   target
		rollback int64
	}{
		"in the processor": {middle: middle{panicAt: 5}},
		"in the writer":    {target: target{panicAt: 5}, rollback: 1},
	} {
		t.Run("a panic "+name+" leaves no transaction and no stream open", func(t *testing.T) {
			t.Parallel()
			f, r := setup(t), &source{last: 10}
			se, err := f.run(t.Context(), t, moving(r, &tt.middle, &tt.target, chunk.Options{Size: 3}))
			if err == nil || !strings.Contains(err.Error(), "no such number") {
				t.Errorf("error %v", err)
			}
			want := core.Counts{Read: 3, Write: 3, Commit: 1, Rollback: tt.rollback}
			if se.Status != core.StatusFailed || se.Counts != want {
				t.Errorf("status %s, counts %+v, want %+v", se.Status, se.Counts, want)
			}
			if last := r.events[len(r.events)-1]; last != "close" {
				t.Errorf("stream events %v", r.events)
			}
			if _, err := f.run(t.Context(), t, moving(&source{last: 10}, &middle{}, &target{}, chunk.Options{Size: 3})); err != nil {
				t.Errorf("restart: %v", err)
			}
		})
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	t.Run("a stop ends the step behind the chunk that commits", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		f.stop = core.NewStop()
		stop, w := f.stop, &target{}
		w.onWrite = func() {
			if w.calls == 2 {
				stop.Request(core.ErrStopped)
			}
		}
		se, err := f.run(t.Context(), t, moving(&source{last: 10}, &middle{}, w, chunk.Options{Size: 3}))
		if want := (core.Counts{Read: 6, Write: 6, Commit: 2}); se.Status != core.StatusStopped || se.Counts != want {
			t.Errorf("status %s, counts %+v, want %+v", se.Status, se.Counts, want)
		}
		if !errors.Is(err, core.ErrStopped) {
			t.Errorf("error %v", err)
		}
		se, err = f.run(t.Context(), t, moving(&source{last: 10}, &middle{}, &target{}, chunk.Options{Size: 3}))
		if err != nil || se.Counts.Write != 4 {
			t.Errorf("the restart wrote %d, error %v, want 4", se.Counts.Write, err)
		}
	})
	t.Run("a stop that finds the work done stops nothing", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		f.stop = core.NewStop()
		stop, w := f.stop, &target{}
		w.onWrite = func() { stop.Request(core.ErrStopped) }
		se, _ := f.run(t.Context(), t, moving(&source{last: 2}, &middle{}, w, chunk.Options{Size: 3}))
		if se.Status != core.StatusCompleted {
			t.Errorf("status %s, want COMPLETED", se.Status)
		}
	})
	t.Run("an abort rolls the chunk back", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		w := &target{}
		w.onWrite = func() {
			if w.calls == 2 {
				cancel(core.ErrAborted)
			}
		}
		se, err := f.run(ctx, t, moving(&source{last: 10}, &middle{}, w, chunk.Options{Size: 3}))
		if !errors.Is(err, core.ErrAborted) || se.Counts.Commit != 1 || se.Counts.Rollback != 1 {
			t.Errorf("counts %+v, error %v", se.Counts, err)
		}
		if numbers, _ := f.numbers(t); !cmp.Equal(numbers, upTo(3)) {
			t.Errorf("the table holds %v", numbers)
		}
	})
	t.Run("an abort between two chunks ends the step there", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		step := moving(&source{last: 10}, &middle{}, &target{}, chunk.Options{Size: 3})
		step.Listener.AfterChunk = func(context.Context, *core.Scope) { cancel(core.ErrAborted) }
		se, err := f.run(ctx, t, step)
		if want := (core.Counts{Read: 3, Write: 3, Commit: 1}); !errors.Is(err, core.ErrAborted) || se.Counts != want {
			t.Errorf("counts %+v, error %v, want %+v", se.Counts, err, want)
		}
	})
	for _, threads := range []int{1, 4} {
		t.Run(fmt.Sprintf("an abort is heard among the items, %d threads", threads), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			var calls atomic.Int64
			p := core.ProcessorFunc[int, int](func(_ context.Context, n int) (int, bool, error) {
				if calls.Add(1) == 1 {
					cancel(core.ErrAborted)
				}
				return n, true, nil
			})
			w := &target{}
			se, err := setup(t).run(ctx, t, moving(&source{last: 1000}, p, w, chunk.Options{Threads: threads}))
			if !errors.Is(err, core.ErrAborted) || se.Counts != (core.Counts{}) || w.calls > 0 {
				t.Errorf("counts %+v, %d writes, error %v", se.Counts, w.calls, err)
			}
			if calls.Load() >= 1000 {
				t.Error("all items were processed")
			}
		})
	}
	t.Run("an abort between reading and finishing publishes nothing", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		w := &file{}
		step := moving(&source{last: 3}, &middle{}, w, chunk.Options{Size: 5})
		step.Listener.AfterChunk = func(context.Context, *core.Scope) { cancel(core.ErrAborted) }
		if _, err := f.run(ctx, t, step); !errors.Is(err, core.ErrAborted) || w.finished != 0 {
			t.Errorf("error %v, finished %d times", err, w.finished)
		}
	})
}

func TestContextChanges(t *testing.T) {
	t.Parallel()
	t.Run("what a processor puts into the contexts commits with the chunk", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		var job core.JobExecution
		step := chunk.Step(stepName, func(s *core.Scope) (core.StepBody, error) {
			p := core.ProcessorFunc[int, int](func(_ context.Context, n int) (int, bool, error) {
				s.Context.Put("largest", int64(n))
				s.JobContext.Put("largest", int64(n))
				job = s.State()
				return n, true, nil
			})
			return chunk.New(core.ItemReader[int](&source{last: 6}), p, core.ItemWriter[int](&target{failAt: 4}),
				chunk.Options{Size: 3}), nil
		})
		se, err := f.run(t.Context(), t, step)
		if !errors.Is(err, errBroken) {
			t.Fatalf("error %v", err)
		}
		if largest, _, _ := se.Context.Int64("largest"); largest != 3 {
			t.Errorf("the step's context holds %d, want 3 of the committed chunk", largest)
		}
		stored, err := f.store.JobExecution(t.Context(), job.ID)
		if err != nil {
			t.Fatal(err)
		}
		if largest, _, _ := stored.Context.Int64("largest"); largest != 3 {
			t.Errorf("the job's context holds %d, want 3 of the committed chunk", largest)
		}
	})
}
