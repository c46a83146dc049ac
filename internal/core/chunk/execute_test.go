package chunk_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
)

// The traces: chunks of three.
func TestTraces(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		items     int
		middle    middle
		failWrite int
		status    core.BatchStatus
		want      core.Counts
		writes    int
		processes int
	}{
		{
			name: "CHUNK-02 CHUNK-04 clean", items: 10, status: core.StatusCompleted,
			want: core.Counts{Read: 10, Write: 10, Commit: 4}, writes: 4, processes: 10,
		},
		{
			name: "STEP-26 nine items have no empty last chunk", items: 9, status: core.StatusCompleted,
			want: core.Counts{Read: 9, Write: 9, Commit: 3}, writes: 3, processes: 9,
		},
		{name: "STEP-27 an empty input commits nothing", items: 0, status: core.StatusCompleted},
		{
			name: "CHUNK-06 item 5 filtered", items: 10, middle: middle{filter: []int{5}}, status: core.StatusCompleted,
			want: core.Counts{Read: 10, Write: 9, Filter: 1, Commit: 4}, writes: 4, processes: 10,
		},
		{
			name: "CHUNK-06 a chunk of filtered items commits without a write", items: 10,
			middle: middle{filter: []int{4, 5, 6}}, status: core.StatusCompleted,
			want: core.Counts{Read: 10, Write: 7, Filter: 3, Commit: 4}, writes: 3, processes: 10,
		},
		{
			name: "CHUNK-03 item 5 fails on write", items: 10, failWrite: 5, status: core.StatusFailed,
			want: core.Counts{Read: 3, Write: 3, Commit: 1, Rollback: 1}, writes: 2, processes: 6,
		},
		{
			name: "CHUNK-03 the first chunk fails on write", items: 10, failWrite: 1, status: core.StatusFailed,
			want: core.Counts{Rollback: 1}, writes: 1, processes: 3,
		},
		{
			name: "item 5 fails in process, and there is nothing to roll back", items: 10, middle: middle{failAt: 5},
			status: core.StatusFailed, want: core.Counts{Read: 3, Write: 3, Commit: 1}, writes: 1, processes: 5,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			r, p, w := &source{last: tt.items}, &tt.middle, &target{failAt: tt.failWrite}
			se, err := f.run(t.Context(), t, moving(r, p, w, chunk.Options{Size: 3}))
			if se.Status != tt.status || (err == nil) != (tt.status == core.StatusCompleted) {
				t.Errorf("status %s, error %v, want %s", se.Status, err, tt.status)
			}
			if err != nil && !errors.Is(err, errBroken) {
				t.Errorf("error %v hides its cause", err)
			}
			if diff := cmp.Diff(tt.want, se.Counts); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
			if w.calls != tt.writes || p.calls != tt.processes {
				t.Errorf("%d writes, %d processes, want %d and %d", w.calls, p.calls, tt.writes, tt.processes)
			}
			if numbers, _ := f.numbers(t); int64(len(numbers)) != tt.want.Write {
				t.Errorf("the table holds %v, want %d rows", numbers, tt.want.Write)
			}
			if position, _, _ := se.Context.Int64("source.position"); position != tt.want.Read {
				t.Errorf("the position is %d, want %d", position, tt.want.Read)
			}
			if r.afterEnd > 0 {
				t.Error("the reader was called again after the end")
			}
		})
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	t.Run("CHUNK-01 the default is 1000", func(t *testing.T) {
		t.Parallel()
		f, w := setup(t), &target{}
		se, err := f.run(t.Context(), t, moving(&source{last: 2500}, &middle{}, w, chunk.Options{}))
		if err != nil || se.Counts.Commit != 3 || w.calls != 3 {
			t.Errorf("%d commits, %d writes, error %v, want 3 and 3", se.Counts.Commit, w.calls, err)
		}
	})
	t.Run("a chunk may be larger than the first buffer", func(t *testing.T) {
		t.Parallel()
		f, w := setup(t), &target{}
		se, err := f.run(t.Context(), t, moving(&source{last: 5000}, &middle{}, w, chunk.Options{Size: 3000}))
		if err != nil || se.Counts.Commit != 2 || se.Counts.Write != 5000 {
			t.Errorf("counts %+v, error %v, want 2 commits of 5000", se.Counts, err)
		}
	})
	t.Run("a reader may return less than it is asked for", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		se, err := f.run(t.Context(), t, moving(&source{last: 10, most: 2}, &middle{}, &target{}, chunk.Options{Size: 5}))
		if err != nil || se.Counts.Commit != 2 {
			t.Errorf("%d commits, error %v, want 2", se.Counts.Commit, err)
		}
		if numbers, chunks := f.numbers(t); !cmp.Equal(numbers, upTo(10)) || chunks[4] != 1 || chunks[5] != 2 {
			t.Errorf("the table holds %v of chunks %v", numbers, chunks)
		}
	})
}

func TestComposition(t *testing.T) {
	t.Parallel()
	r, p, w := &source{last: 1}, chunk.PassThrough[int](), &target{}
	for name, tt := range map[string]struct {
		step *core.Step
		want string
	}{
		"CHUNK-01 no reader":      {moving(nil, p, w, chunk.Options{}), "no reader"},
		"CHUNK-01 no processor":   {moving(r, nil, w, chunk.Options{}), "no processor"},
		"CHUNK-01 no writer":      {moving(r, p, nil, chunk.Options{}), "no writer"},
		"CHUNK-01 size too small": {moving(r, p, w, chunk.Options{Size: -1}), "-1"},
		"CHUNK-01 negative limit": {moving(r, p, w, chunk.Options{Skip: skipping(-2)}), "the skip limit is -2, want 0 or more, or -1"},
		"negative time limit":     {moving(r, p, w, chunk.Options{TimeLimit: -time.Second}), "the time limit -1s is negative"},
		"CHUNK-01 size too large": {moving(r, p, w, chunk.Options{Size: 1_000_001}), "1000001"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			se, err := setup(t).run(t.Context(), t, tt.step)
			if se.Status != core.StatusFailed || !errors.Is(err, core.ErrJobDefinition) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("status %s, error %v, want %q", se.Status, err, tt.want)
			}
		})
	}
}

// liar breaks the reader's contract.
type liar int

func (n liar) Read(context.Context, []int) (int, error) { return int(n), nil }

func TestReadFailures(t *testing.T) {
	t.Parallel()
	t.Run("CHUNK-11 a read error fails the step and says which item", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		se, err := f.run(t.Context(), t, moving(&source{last: 10, failAt: 5}, &middle{}, &target{}, chunk.Options{Size: 3}))
		if se.Status != core.StatusFailed || !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "read item 5 ") {
			t.Errorf("status %s, error %v", se.Status, err)
		}
		if want := (core.Counts{Read: 3, Write: 3, Commit: 1}); se.Counts != want {
			t.Errorf("counts %+v, want %+v", se.Counts, want)
		}
	})
	t.Run("an item error is not explained twice", func(t *testing.T) {
		t.Parallel()
		bad := &core.ItemError{File: "in.csv", Line: 7, Msg: "is no number"}
		r := core.ReadOne(func(context.Context) (int, error) { return 0, bad })
		_, err := setup(t).run(t.Context(), t, moving(r, &middle{}, &target{}, chunk.Options{}))
		if !errors.Is(err, bad) || strings.Contains(err.Error(), "read item") {
			t.Errorf("error %v", err)
		}
	})
	for name, tt := range map[string]struct {
		n    liar
		want string
	}{
		"a reader that returns nothing at all is an error":    {0, io.ErrNoProgress.Error()},
		"a reader that returns more than fits is an error":    {9, "9 items for a buffer of 3"},
		"a reader that returns less than nothing is an error": {-1, "-1 items for a buffer of 3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			se, err := setup(t).run(t.Context(), t, moving(tt.n, &middle{}, &target{}, chunk.Options{Size: 3}))
			if se.Status != core.StatusFailed || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("status %s, error %v, want %q", se.Status, err, tt.want)
			}
		})
	}
}

type placed struct{ line string }

func (p placed) Where() string { return "in.csv:" + p.line }

func TestProcessErrorSaysWhere(t *testing.T) {
	t.Parallel()
	items := []placed{{"2"}, {"3\x1b"}}
	r := core.ReadOne(func(context.Context) (placed, error) {
		if len(items) == 0 {
			return placed{}, io.EOF
		}
		next := items[0]
		items = items[1:]
		return next, nil
	})
	p := core.ProcessorFunc[placed, int](func(_ context.Context, in placed) (int, bool, error) {
		if in.line != "2" {
			return 0, false, errBroken
		}
		return 1, true, nil
	})
	step := chunk.Step(stepName, func(*core.Scope) (core.StepBody, error) {
		return chunk.New(r, p, core.ItemWriter[int](&target{}), chunk.Options{}), nil
	})
	_, err := setup(t).run(t.Context(), t, step)
	if err == nil || !strings.Contains(err.Error(), `process in.csv:3\x1b: this one is broken`) {
		t.Errorf("error %v", err)
	}
}

// cluttered does not set what it leaves empty, as a reader of optional fields.
type cluttered struct{ n int }

func (r *cluttered) Read(_ context.Context, dst []string) (int, error) {
	r.n++
	switch r.n {
	case 1:
		dst[0] = "first"
		return 1, nil
	case 2:
		return 1, nil
	}
	return 0, io.EOF
}

type words struct{ got []string }

func (w *words) Write(_ context.Context, c *core.Chunk[string]) error {
	w.got = append(w.got, c.Items...)
	return nil
}

func TestBufferIsZeroed(t *testing.T) {
	t.Parallel()
	w := &words{}
	step := chunk.Step(stepName, func(*core.Scope) (core.StepBody, error) {
		return chunk.New(core.ItemReader[string](&cluttered{}), chunk.PassThrough[string](), core.ItemWriter[string](w),
			chunk.Options{Size: 1}), nil
	})
	if _, err := setup(t).run(t.Context(), t, step); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"first", ""}, w.got); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
}

func TestLedger(t *testing.T) {
	t.Parallel()
	for name, tamper := range map[string]func(*core.Counts){
		"CHUNK-47 an item too few fails the step":       func(c *core.Counts) { c.Write-- },
		"CHUNK-47 a chunk counted twice fails the step": func(c *core.Counts) { *c = c.Add(*c) },
		"CHUNK-47 a skip too many fails the step":       func(c *core.Counts) { c.ReadSkip++ },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			step := moving(&source{last: 3}, &middle{}, &target{}, chunk.Options{Size: 3})
			step.Listener.AfterChunk = func(_ context.Context, s *core.Scope) { tamper(&s.Step.Counts) }
			se, err := f.run(t.Context(), t, step)
			if se.Status != core.StatusFailed || err == nil || !strings.Contains(err.Error(), "3 items were read") {
				t.Errorf("status %s, error %v, want a ledger that does not balance", se.Status, err)
			}
		})
	}
}
