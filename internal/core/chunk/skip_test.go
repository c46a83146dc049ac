package chunk_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/core/panics"
)

func TestSkipLimit(t *testing.T) {
	t.Parallel()
	broken := func(k int) script { return script{last: 40, broken: upTo(k)} }
	t.Run("CHUNK-27 as many as the limit pass", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inTable, broken(10), chunk.Options{Skip: skipping(core.DefaultSkipLimit)})
		se, err := w.attempt(t.Context(), t)
		if want := (core.Counts{Read: 30, Write: 30, ReadSkip: 10, Commit: 1}); err != nil || se.Counts != want {
			t.Errorf("counts %+v, error %v, want %+v", se.Counts, err, want)
		}
	})
	t.Run("CHUNK-27 one more fails the step, and says what to do", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inTable, broken(11), chunk.Options{Skip: skipping(core.DefaultSkipLimit)})
		se, err := w.attempt(t.Context(), t)
		if se.Status != core.StatusFailed || !errors.Is(err, core.ErrSkipLimitExceeded) || se.Counts != (core.Counts{}) {
			t.Errorf("status %s, counts %+v, error %v", se.Status, se.Counts, err)
		}
		for _, want := range []string{
			"the skip limit of 10 is exceeded: 10 skipped in read, 0 in process and 0 in write", "in.csv:11: is no number",
		} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error %q does not say %q", err, want)
			}
		}
		want := "correct the input or raise the limit, then batchctl restart 1" // no chunk has committed a reject
		if hint := core.Hint(err); hint != want {
			t.Errorf("hint %q, want %q", hint, want)
		}
	})
	t.Run("CHUNK-30 a limit that nobody has set is 0, and nothing is skipped", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inTable, script{last: 10, broken: []int{5}}, chunk.Options{Size: 3, Skip: core.LimitSkipPolicy{ErrorClasses: everything}})
		se, err := w.attempt(t.Context(), t)
		if want := (core.Counts{Read: 3, Write: 3, Commit: 1}); !errors.Is(err, core.ErrSkipLimitExceeded) || se.Counts != want {
			t.Errorf("counts %+v, error %v, want %+v", se.Counts, err, want)
		}
	})
	t.Run("the limit counts what earlier chunks have skipped", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inTable, script{last: 10, broken: []int{2, 8}}, chunk.Options{Size: 3, Skip: skipping(1)})
		se, err := w.attempt(t.Context(), t)
		want := core.Counts{Read: 6, Write: 6, ReadSkip: 1, Commit: 2}
		if !errors.Is(err, core.ErrSkipLimitExceeded) || se.Counts != want || !strings.Contains(err.Error(), "1 skipped in read") {
			t.Errorf("counts %+v, error %v, want %+v", se.Counts, err, want)
		}
		hint := "see /srv/rejects.jsonl, correct the input or raise the limit, then batchctl restart 1"
		if got := core.Hint(err); got != hint {
			t.Errorf("hint %q, want %q: one reject is committed", got, hint)
		}
	})
	t.Run("each execution has the limit for itself", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inTable, script{last: 10, broken: []int{2, 8}}, chunk.Options{Size: 3, Skip: skipping(1)})
		if _, err := w.attempt(t.Context(), t); !errors.Is(err, core.ErrSkipLimitExceeded) {
			t.Fatal(err)
		}
		if se, err := w.attempt(t.Context(), t); err != nil || se.Counts.ReadSkip != 1 {
			t.Errorf("counts %+v, error %v", se.Counts, err)
		}
	})
	t.Run("CHUNK-29 a read skip of a chunk that was rolled back is counted once", func(t *testing.T) {
		t.Parallel()
		s := script{last: 10, broken: []int{5}, write: map[int]int{6: 2}}
		w := newWorld(t, inTable, s, chunk.Options{Size: 3, Skip: skipping(1), Retry: retrying(2)})
		se, err := w.attempt(t.Context(), t)
		if want := (core.Counts{Read: 9, Write: 9, ReadSkip: 1, Commit: 3, Rollback: 2}); err != nil || se.Counts != want {
			t.Errorf("counts %+v, error %v, want %+v", se.Counts, err, want)
		}
		if !slices.Equal(w.rejected(), []string{"5 read"}) {
			t.Errorf("rejects %v", w.rejected())
		}
	})
	t.Run("without a limit nothing ends it", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inTable, script{last: 300, broken: upTo(300)}, chunk.Options{Size: 3, Skip: skipping(core.NoSkipLimit)})
		se, err := w.attempt(t.Context(), t)
		if want := (core.Counts{ReadSkip: 300, Commit: 3}); err != nil || se.Counts != want || len(w.rejects) != 300 {
			t.Errorf("counts %+v, %d rejects, error %v, want %+v", se.Counts, len(w.rejects), err, want)
		}
	})
}

func TestReadSkipsEndAChunk(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		size   int
		broken int
		want   core.Counts
	}{
		{"CHUNK-12 a hundred read skips end a small chunk", 3, 150, core.Counts{Read: 10, Write: 10, ReadSkip: 150, Commit: 5}},
		{"CHUNK-12 as many as its size end a large one", 120, 130, core.Counts{Read: 10, Write: 10, ReadSkip: 130, Commit: 2}},
		{"CHUNK-10 fewer take no place in the chunk", 5, 99, core.Counts{Read: 10, Write: 10, ReadSkip: 99, Commit: 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, inTable, script{last: tt.broken + 10, broken: upTo(tt.broken)},
				chunk.Options{Size: tt.size, Skip: skipping(core.NoSkipLimit)})
			se, err := w.attempt(t.Context(), t)
			if err != nil || se.Counts != tt.want {
				t.Errorf("counts %+v, error %v, want %+v", se.Counts, err, tt.want)
			}
		})
	}
	t.Run("a chunk that only skips moves the position", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inTable, script{last: 150, broken: upTo(100), process: map[int]int{101: always}},
			chunk.Options{Size: 3, Skip: skipping(100)})
		se, err := w.attempt(t.Context(), t)
		if want := (core.Counts{ReadSkip: 100, Commit: 1}); !errors.Is(err, core.ErrSkipLimitExceeded) || se.Counts != want {
			t.Fatalf("counts %+v, error %v", se.Counts, err)
		}
		if position, _, _ := se.Context.Int64("reader.position"); position != 100 {
			t.Errorf("position %d, want 100", position)
		}
	})
}

func TestSkipPercent(t *testing.T) {
	t.Parallel()
	policy := func(percent float64) core.SkipPolicy {
		return core.LimitSkipPolicy{ErrorClasses: everything, Max: core.NoSkipLimit, MaxPercent: percent}
	}
	t.Run("a share up to the bound passes", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inTable, script{last: 10, broken: []int{2}, write: map[int]int{3: always}}, chunk.Options{Skip: policy(20)})
		if se, err := w.attempt(t.Context(), t); err != nil || se.Counts.WriteSkip != 1 {
			t.Errorf("counts %+v, error %v", se.Counts, err)
		}
	})
	t.Run("a larger one fails the chunk that brings it about", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inTable, script{last: 30, broken: []int{12, 14, 16}}, chunk.Options{Size: 10, Skip: policy(10)})
		se, err := w.attempt(t.Context(), t)
		want := core.Counts{Read: 10, Write: 10, Commit: 1, Rollback: 1}
		if !errors.Is(err, core.ErrSkipLimitExceeded) || se.Counts != want {
			t.Errorf("counts %+v, error %v, want %+v", se.Counts, err, want)
		}
		for _, said := range []string{"3 of 23 records", "more than 10 %", "in.csv:16"} {
			if !strings.Contains(err.Error(), said) {
				t.Errorf("error %q does not say %q", err, said)
			}
		}
		if len(w.rejects) > 0 || len(w.output(t)) != 10 {
			t.Errorf("output %v, rejects %v", w.output(t), w.rejected())
		}
	})
	t.Run("it is judged over all chunks", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inTable, script{last: 30, broken: []int{25, 26, 27}}, chunk.Options{Size: 10, Skip: policy(10)})
		if se, err := w.attempt(t.Context(), t); err != nil || se.Counts.ReadSkip != 3 {
			t.Errorf("counts %+v, error %v", se.Counts, err)
		}
	})
	for _, tt := range []struct {
		percent    float64
		last, skip int
		exceeded   bool
	}{
		{0.57, 10_000, 57, false}, // 0.57 times 10,000 is less than 5,700 in floating point
		{0.57, 10_000, 58, true},
		{0.7, 11_000, 77, false},
		{0.7, 11_000, 78, true},
	} {
		t.Run(fmt.Sprintf("exactly %g %% of %d records are not more: %d", tt.percent, tt.last, tt.skip), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, inFile, script{last: tt.last, broken: upTo(tt.skip)}, chunk.Options{Size: 20_000, Skip: policy(tt.percent)})
			if _, err := w.attempt(t.Context(), t); errors.Is(err, core.ErrSkipLimitExceeded) != tt.exceeded || (err != nil) != tt.exceeded {
				t.Errorf("error %v, want one: %v", err, tt.exceeded)
			}
		})
	}
	t.Run("each execution has the share for itself", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inTable, script{last: 30, broken: []int{21}, process: map[int]int{15: 1}}, chunk.Options{Size: 10})
		w.options.Skip = core.LimitSkipPolicy{
			ErrorClasses: core.ErrorClasses{Include: []string{"read"}}, Max: core.NoSkipLimit, MaxPercent: 4,
		}
		if _, err := w.attempt(t.Context(), t); err == nil || errors.Is(err, core.ErrSkipLimitExceeded) {
			t.Fatal(err)
		}
		se, err := w.attempt(t.Context(), t) // one of all 30 is less, one of its own 20 is more
		if want := (core.Counts{Read: 10, Write: 10, Commit: 1, Rollback: 1}); !errors.Is(err, core.ErrSkipLimitExceeded) || se.Counts != want {
			t.Errorf("counts %+v, error %v, want %+v", se.Counts, err, want)
		}
	})
}

// refusing is a policy that cannot decide.
type refusing struct{ core.LimitSkipPolicy }

func (refusing) Skips(string) bool { panic("the policy is broken") }

func TestWhatIsNeverSkipped(t *testing.T) {
	t.Parallel()
	t.Run("CHUNK-17 a class that the policy refuses", func(t *testing.T) {
		t.Parallel()
		policy := core.LimitSkipPolicy{ErrorClasses: core.ErrorClasses{Include: []string{"process.validation"}}, Max: 10}
		w := newWorld(t, inTable, script{last: 10, process: map[int]int{5: always}}, chunk.Options{Size: 3, Skip: policy})
		se, err := w.attempt(t.Context(), t)
		want := core.Counts{Read: 3, Write: 3, Commit: 1}
		if se.Status != core.StatusFailed || se.Counts != want || !strings.Contains(err.Error(), "process in.csv:5: number 5 cannot") {
			t.Errorf("counts %+v, error %v, want %+v", se.Counts, err, want)
		}
	})
	t.Run("CHUNK-33 nothing, when the policy panics", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inTable, script{last: 10, broken: []int{5}}, chunk.Options{Size: 3, Skip: refusing{}})
		se, err := w.attempt(t.Context(), t)
		if se.Status != core.StatusFailed || err == nil || !strings.Contains(err.Error(), "the policy is broken") {
			t.Errorf("status %s, error %v", se.Status, err)
		}
	})
	for _, threads := range []int{1, 4} {
		t.Run(fmt.Sprintf("CHUNK-26 a panic in the processor, %d threads", threads), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, inTable, script{last: 10, panicAt: 5},
				chunk.Options{Size: 3, Skip: skipping(10), Retry: retrying(3), Threads: threads})
			se, err := w.attempt(t.Context(), t)
			want := core.Counts{Read: 3, Write: 3, Commit: 1}
			if se.Status != core.StatusFailed || se.Counts != want || !strings.Contains(err.Error(), "no such number") {
				t.Errorf("counts %+v, error %v, want %+v", se.Counts, err, want)
			}
			if p, ok := errors.AsType[*panics.Error](err); !ok || !strings.Contains(p.Stack, "world_test.go:") {
				t.Errorf("error %+v does not say where", err)
			}
		})
	}
	t.Run("CHUNK-26 a panic in the writer", func(t *testing.T) {
		t.Parallel()
		f, w := setup(t), &target{panicAt: 5}
		se, err := f.run(t.Context(), t, moving(&source{last: 10}, &middle{}, w,
			chunk.Options{Size: 3, Skip: skipping(10), Retry: retrying(3)}))
		want := core.Counts{Read: 3, Write: 3, Commit: 1, Rollback: 1}
		if err == nil || se.Counts != want || w.calls != 2 {
			t.Errorf("counts %+v, %d writes, error %v, want %+v", se.Counts, w.calls, err, want)
		}
	})
	for name, err := range map[string]error{
		"a lost lease":          &core.Error{Kind: core.ErrLeaseLost},
		"a broken repository":   &core.Error{Kind: core.ErrRepository},
		"the end of the run":    context.Canceled,
		"a checkpoint gone bad": &core.Error{Kind: core.ErrCheckpointMismatch},
	} {
		t.Run(name+" in the writer is neither skipped nor retried", func(t *testing.T) {
			t.Parallel()
			w := &failing{err: err}
			f := setup(t)
			_, got := f.run(t.Context(), t, moving(&source{last: 10}, &middle{}, w,
				chunk.Options{Skip: skipping(10), Retry: retrying(3)}))
			if !errors.Is(got, err) || w.calls != 1 {
				t.Errorf("%d calls, error %v", w.calls, got)
			}
		})
	}
	t.Run("CHUNK-32 a class that a cause says is found", func(t *testing.T) {
		t.Parallel()
		w := &failing{err: fmt.Errorf("outer: %w", core.Classified("write.constraint", errBroken))}
		policy := core.LimitSkipPolicy{ErrorClasses: core.ErrorClasses{Include: []string{"write.constraint"}}, Max: 10}
		se, err := setup(t).run(t.Context(), t, moving(&source{last: 2}, &middle{}, w, chunk.Options{Skip: policy}))
		if err != nil || se.Counts.WriteSkip != 2 {
			t.Errorf("counts %+v, error %v", se.Counts, err)
		}
	})
	t.Run("CHUNK-31 the longest prefix decides", func(t *testing.T) {
		t.Parallel()
		w := &failing{err: core.Classified("write.constraint.key", errBroken)}
		policy := core.LimitSkipPolicy{
			ErrorClasses: core.ErrorClasses{Include: []string{"write"}, Exclude: []string{"write.constraint"}}, Max: 10,
		}
		if _, err := setup(t).run(t.Context(), t, moving(&source{last: 2}, &middle{}, w, chunk.Options{Skip: policy})); !errors.Is(err, errBroken) {
			t.Errorf("error %v", err)
		}
	})
}

// failing is a writer that always fails.
type failing struct {
	err   error
	calls int
}

func (w *failing) Write(context.Context, *core.Chunk[int]) error {
	w.calls++
	return w.err
}

func TestRejects(t *testing.T) {
	t.Parallel()
	t.Run("each says where it is from, what it was, and why", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inTable, script{last: 6, broken: []int{4}, process: map[int]int{2: always}, write: map[int]int{6: always}},
			chunk.Options{Size: 10, Skip: skipping(3)})
		if _, err := w.attempt(t.Context(), t); err != nil {
			t.Fatal(err)
		}
		want := []core.Reject{
			{Step: stepName, Phase: "process", Class: "process.bad", Message: "number 2 cannot be processed", Origin: num(2).Origin(), Raw: raw(2)},
			{
				Step: stepName, Phase: "read", Class: "read.parse", Message: "in.csv:4: is no number",
				Origin: core.Origin{File: "in.csv", Line: 4, Length: 6}, Raw: raw(4),
			},
			{Step: stepName, Phase: "write", Class: "write.bad", Message: "number 6 cannot be written", Origin: num(6).Origin(), Raw: raw(6)},
		}
		if diff := cmp.Diff(want, w.rejects); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if !strings.Contains(w.log.String(), "bad items were skipped") {
			t.Errorf("the log does not say so:\n%s", w.log.String())
		}
	})
	t.Run("a message is cut between two characters", func(t *testing.T) {
		t.Parallel()
		w := &failing{err: core.Classified("write", errors.New(strings.Repeat("ä", 1500)+"\xff"))}
		var got []core.Reject
		keep := rejecting(func(r core.Reject) error { got = append(got, r); return nil })
		if _, err := setup(t).run(t.Context(), t, moving(&source{last: 1}, &middle{}, w,
			chunk.Options{Skip: skipping(1), Rejects: keep})); err != nil {
			t.Fatal(err)
		}
		if want := strings.Repeat("ä", 1000) + "…"; len(got) != 1 || got[0].Message != want {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("a reject that cannot be kept fails the chunk", func(t *testing.T) {
		t.Parallel()
		keep := rejecting(func(core.Reject) error { return errBroken })
		f, w := setup(t), &failing{err: errors.New("bad")}
		se, err := f.run(t.Context(), t, moving(&source{last: 5}, &middle{}, w,
			chunk.Options{Skip: skipping(10), Retry: retrying(1), Rejects: keep}))
		if !errors.Is(err, errBroken) || se.Counts != (core.Counts{Rollback: 8}) || w.calls != 7 {
			t.Errorf("counts %+v, %d writes, error %v", se.Counts, w.calls, err)
		}
	})
	t.Run("an item that cannot be shown again fails the chunk", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		step := chunk.Step(stepName, func(*core.Scope) (core.StepBody, error) {
			w := &world{script: script{last: 3, process: map[int]int{2: always}}}
			return chunk.New(core.ItemReader[num](&blindReader{numReader{world: w}}), core.ItemProcessor[num, num](&numProcessor{world: w}),
				core.ItemWriter[num](&fileWriter{world: w}), chunk.Options{
					Skip: skipping(1), Rejects: rejecting(func(core.Reject) error { return nil }),
				}), nil
		})
		_, err := f.run(t.Context(), t, step)
		if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "in.csv:2") {
			t.Errorf("error %v", err)
		}
	})
}

type rejecting func(core.Reject) error

func (r rejecting) Reject(_ context.Context, reject core.Reject) error { return r(reject) }

// blindReader cannot show its items again.
type blindReader struct{ numReader }

func (*blindReader) Raw(core.Origin) ([]byte, error) { return nil, errBroken }
