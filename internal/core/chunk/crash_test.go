package chunk_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
)

// maxAttempts is far more than any run here needs.
const maxAttempts = 40

// complete runs the job until it is COMPLETED. Every attempt but the last must
// have died or have failed for a reason of the script.
func (w *world) complete(ctx context.Context, t *testing.T, mayFail bool) (died int) {
	t.Helper()
	for range maxAttempts {
		se, err := w.attempt(ctx, t)
		dead := w.died()
		if dead {
			died++
		}
		switch {
		case errors.Is(err, core.ErrJobInstanceAlreadyComplete): // it died after that
			return died
		case err == nil && se.Status == core.StatusCompleted:
			return died
		case err == nil:
			t.Fatalf("status %s without an error", se.Status)
		case !dead && !mayFail:
			t.Fatalf("an attempt failed that was not killed: %v", err)
		}
	}
	t.Fatalf("not complete after %d attempts", maxAttempts)
	return died
}

// TestCrashPoints kills a run with skips in every phase at each edge that it
// passes: every call of the repository, of the writer and of what reverts it,
// before and after each commit.
func TestCrashPoints(t *testing.T) {
	t.Parallel()
	plan := script{
		last: 10, filter: []int{8}, broken: []int{3}, process: map[int]int{7: always},
		write: map[int]int{1: 1, 5: always, 6: always, 10: always},
	}
	want := core.Counts{Read: 9, Write: 4, Filter: 1, ReadSkip: 1, ProcessSkip: 1, WriteSkip: 3, Commit: 3}
	rejects := []string{"3 read", "5 write", "6 write", "7 process", "10 write"}
	for _, kind := range kinds() {
		t.Run("CHUNK-45 no crash loses or doubles anything, output "+kind, func(t *testing.T) {
			t.Parallel()
			points := 0
			w := newWorld(t, kind, plan, chunk.Options{Size: 3, Skip: skipping(10), Retry: retrying(1)})
			for k := 1; ; k++ {
				w.reset(t, plan, k)
				w.dieAt = k
				if w.complete(t.Context(), t, false) == 0 {
					break
				}
				points++
				if diff := cmp.Diff(plan.survivors(), w.output(t)); diff != "" {
					t.Errorf("killed at edge %d: output (-want +got):\n%s", k, diff)
				}
				if diff := cmp.Diff(rejects, w.rejected()); diff != "" {
					t.Errorf("killed at edge %d: rejects (-want +got):\n%s", k, diff)
				}
				got := w.total(t)
				got.Rollback = 0 // those of a chunk that never committed die with it
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("killed at edge %d: counts of all attempts (-want +got):\n%s", k, diff)
				}
				if t.Failed() {
					return
				}
			}
			if points < 40 {
				t.Errorf("only %d edges were passed", points)
			}
			t.Logf("killed at each of %d edges", points)
		})
	}
}

// A chunk that is in its sink and not yet in the repository has its rollbacks in
// the counts of the attempt that wrote it.
func TestRollbacksOfAChunkAhead(t *testing.T) {
	t.Parallel()
	plan := script{last: 3, write: map[int]int{2: always}}
	w := newWorld(t, inSink, plan, chunk.Options{Skip: skipping(1)})
	ahead := 0
	for k := 1; ; k++ {
		w.reset(t, plan, k)
		w.dieAt = k
		_, err := w.attempt(t.Context(), t)
		if !w.died() {
			break
		}
		before := w.writes
		if errors.Is(err, core.ErrJobInstanceAlreadyComplete) || w.complete(t.Context(), t, false) > 0 || before == 0 || w.writes != before {
			continue // it wrote the chunk again
		}
		ahead++
		if got := w.total(t); got.Rollback != 2 || got.WriteSkip != 1 {
			t.Errorf("killed at edge %d: counts of all attempts %+v, want 2 rollbacks", k, got)
		}
	}
	if ahead == 0 {
		t.Error("the sink was never ahead")
	}
}

// reset makes the world new, with another job.
func (w *world) reset(t *testing.T, s script, k int) {
	t.Helper()
	w.job, w.script = "numbers"+string(rune('A'+k)), s.clone()
	w.edges, w.dieAt, w.writes, w.processes, w.lines, w.rejects = 0, 0, 0, 0, nil, nil
	w.empty(t)
}

// empty empties the tables of the output.
func (w *world) empty(t *testing.T) {
	t.Helper()
	if w.kind == inSink {
		tx, err := w.db.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		_, _ = tx.ExecContext(t.Context(), "DELETE FROM number") // it may not be there yet
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	w.clear = true
}

// TestAnyStory lets chance write the script, the policies and the deaths.
func TestAnyStory(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds() {
		t.Run("CHUNK-45 CHUNK-47 any story, output "+kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind, script{}, chunk.Options{})
			k := 0
			rapid.Check(t, func(rt *rapid.T) {
				k++
				plan, o := drawPlan(rt), drawOptions(rt)
				w.reset(t, plan, k)
				w.options = o
				for deaths := rapid.IntRange(0, 3).Draw(rt, "deaths"); deaths > 0; deaths-- {
					w.dieAt = w.edges + rapid.IntRange(1, 60).Draw(rt, "die after")
					if _, err := w.attempt(t.Context(), t); err == nil || errors.Is(err, core.ErrJobInstanceAlreadyComplete) {
						break
					}
					w.died()
				}
				w.dieAt = 0
				w.complete(t.Context(), t, len(plan.read)+len(plan.process)+len(plan.write) > 0)
				w.judge(t, rt, plan)
			})
		})
	}
}

// judge compares what has become of the numbers with the plan. A number that
// cannot be written for a while is written in the end, unless it is tried alone
// because of another one: then it is rejected.
func (w *world) judge(t *testing.T, rt *rapid.T, plan script) {
	t.Helper()
	counts := core.Counts{Filter: int64(len(plan.filter))}
	rejected := map[int]bool{}
	last := 0
	for _, r := range w.rejects {
		n := r.Origin.Line
		if n <= last {
			rt.Fatalf("number %d is rejected behind %d", n, last)
		}
		last, rejected[n] = n, true
		switch {
		case r.Phase == core.PhaseRead && slices.Contains(plan.broken, n):
			counts.ReadSkip++
		case r.Phase == core.PhaseProcess && plan.process[n] == always:
			counts.ProcessSkip++
		case r.Phase == core.PhaseWrite && (plan.write[n] == always || plan.write[n] > 0 && countAlways(plan.write) > 0):
			counts.WriteSkip++
		default:
			rt.Fatalf("number %d is rejected in %s: %s", n, r.Phase, r.Message)
		}
	}
	var written []int
	for _, n := range upTo(plan.last) {
		switch {
		case plan.bad(n) && !rejected[n]:
			rt.Fatalf("number %d is not among the rejects", n)
		case !rejected[n] && !slices.Contains(plan.filter, n):
			written = append(written, n)
		}
	}
	if diff := cmp.Diff(written, w.output(t)); diff != "" {
		rt.Fatalf("output (-want +got):\n%s", diff)
	}
	counts.Read, counts.Write = int64(plan.last)-counts.ReadSkip, int64(len(written))
	got := w.total(t)
	got.Commit, got.Rollback = 0, 0
	if diff := cmp.Diff(counts, got); diff != "" {
		rt.Fatalf("counts of all attempts (-want +got):\n%s", diff)
	}
}

// drawPlan returns a script in which at most one thing is wrong with a number.
func drawPlan(t *rapid.T) script {
	s := script{
		last: rapid.IntRange(0, 14).Draw(t, "last"),
		read: map[int]int{}, process: map[int]int{}, write: map[int]int{},
	}
	for n := 1; n <= s.last; n++ {
		times := func() int { return rapid.SampledFrom([]int{1, transient, always}).Draw(t, "times") }
		switch rapid.IntRange(0, 11).Draw(t, "what") {
		case 0:
			s.filter = append(s.filter, n)
		case 1:
			s.broken = append(s.broken, n)
		case 2:
			s.read[n] = rapid.IntRange(1, 3).Draw(t, "times")
		case 3:
			s.process[n] = times()
		case 4, 5:
			s.write[n] = times()
		}
	}
	return s
}

// transient is how often a number may fail and still be good. A chunk of four may
// fail for each of its numbers in turn, and every policy that is drawn repeats a
// call as often.
const transient = 2

func drawOptions(t *rapid.T) chunk.Options {
	return chunk.Options{
		Size: rapid.IntRange(1, 4).Draw(t, "size"), Threads: rapid.SampledFrom([]int{0, 3}).Draw(t, "threads"),
		Skip: skipping(rapid.SampledFrom([]int64{core.NoSkipLimit, 14}).Draw(t, "limit")), Retry: retrying(4 * transient),
	}
}

// bad reports whether number n can end among the rejects only.
func (s script) bad(n int) bool {
	return s.process[n] == always || s.write[n] == always || slices.Contains(s.broken, n)
}

func countAlways(left map[int]int) (k int) {
	for _, v := range left {
		if v == always {
			k++
		}
	}
	return k
}
