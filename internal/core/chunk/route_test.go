package chunk_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
)

// listing is a station that also notes what it is given, and can be reverted.
type listing struct {
	station
	bad  int // cannot be written
	got  []int
	mark int
}

func (l *listing) Write(_ context.Context, c *core.Chunk[int]) error {
	for _, n := range c.Items {
		l.got = append(l.got, n)
		if n == l.bad {
			return core.Classified("write", errBroken)
		}
	}
	return nil
}

func (l *listing) Mark(context.Context) error   { l.mark = len(l.got); return l.note("mark") }
func (l *listing) Revert(context.Context) error { l.got = l.got[:l.mark]; return l.note("revert") }

func newListing(name string) *listing {
	return &listing{station: station{name: name, events: new([]string)}, bad: 4}
}

func TestRoute(t *testing.T) {
	t.Parallel()
	t.Run("each item goes one way, in order", func(t *testing.T) {
		t.Parallel()
		a, b := newListing("a"), newListing("b")
		rule := func(n *int) int { return *n % 3 } // 0 and 2 lead to a
		w, err := chunk.Route[int](rule, a, b, a)
		if err != nil {
			t.Fatal(err)
		}
		se, err := setup(t).run(t.Context(), t, moving(&source{last: 10}, &middle{filter: []int{4}}, w, chunk.Options{Size: 5}))
		if err != nil || se.Counts.Write != 9 {
			t.Fatalf("counts %+v, error %v", se.Counts, err)
		}
		if diff := cmp.Diff([][]int{{2, 3, 5, 6, 8, 9}, {1, 7, 10}}, [][]int{a.got, b.got}); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		want := []string{"a open", "a checkpoint", "a checkpoint", "a finish", "a close"}
		if diff := cmp.Diff(want, *a.events); diff != "" {
			t.Errorf("a writer of two ways is one part (-want +got):\n%s", diff)
		}
	})
	for writer, bad := range map[string]int{"first": 4, "second": 5} {
		t.Run("an item that is bad for the "+writer+" is undone in all of them", func(t *testing.T) {
			t.Parallel()
			a, b := newListing("a"), newListing("b")
			a.bad, b.bad = bad, bad
			w, err := chunk.Route[int](func(n *int) int { return *n % 2 }, a, b)
			if err != nil {
				t.Fatal(err)
			}
			se, err := setup(t).run(t.Context(), t, moving(&source{last: 10}, &middle{}, w, chunk.Options{Size: 5, Skip: skipping(1)}))
			if want := (core.Counts{Read: 10, Write: 9, WriteSkip: 1, Commit: 2, Rollback: 2}); err != nil || se.Counts != want {
				t.Fatalf("counts %+v, error %v, want %+v", se.Counts, err, want)
			}
			not := func(n int) bool { return n == bad }
			want := [][]int{slices.DeleteFunc([]int{2, 4, 6, 8, 10}, not), slices.DeleteFunc([]int{1, 3, 5, 7, 9}, not)}
			if diff := cmp.Diff(want, [][]int{a.got, b.got}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a writer that cannot be marked in a scan fails the step, and no item is skipped for it", func(t *testing.T) {
		t.Parallel()
		a, b := newListing("a"), &unready{listing: newListing("b"), failing: 4} // item 3 of the scan
		w, err := chunk.Route[int](func(n *int) int { return *n % 2 }, a, b)
		if err != nil {
			t.Fatal(err)
		}
		se, err := setup(t).run(t.Context(), t, moving(&source{last: 10}, &middle{}, w, chunk.Options{Size: 5, Skip: skipping(10)}))
		if want := (core.Counts{Rollback: 2}); !errors.Is(err, errBroken) || se.Counts != want || !strings.Contains(err.Error(), "prepare to undo item 3") {
			t.Errorf("counts %+v, error %v, want %+v", se.Counts, err, want)
		}
	})
	for name, way := range map[string]int{"too low": -1, "too high": 2, "nobody": 1} {
		t.Run("a rule that leads "+name+" is an error of the item", func(t *testing.T) {
			t.Parallel()
			a := newListing("a")
			w, err := chunk.Route[int](func(n *int) int {
				if *n == 2 {
					return way
				}
				return 0
			}, a, nil)
			if err != nil {
				t.Fatal(err)
			}
			f := setup(t)
			_, err = f.run(t.Context(), t, moving(&source{last: 3}, &middle{}, w, chunk.Options{}))
			if err == nil || !strings.Contains(err.Error(), "route item 2 of the chunk: the rule chose writer") || len(a.got) > 0 {
				t.Errorf("got %v, error %v", a.got, err)
			}
		})
	}
	t.Run("two databases are refused", func(t *testing.T) {
		t.Parallel()
		if _, err := chunk.Route[int](func(*int) int { return 0 }, &database{}, &database{}); !errors.Is(err, core.ErrJobDefinition) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a database among files commits them all", func(t *testing.T) {
		t.Parallel()
		var events []string
		db, file := &database{station{name: "db", events: &events}}, &station{name: "file", events: &events}
		w, err := chunk.Route[int](func(n *int) int { return *n % 2 }, db, file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := setup(t).run(t.Context(), t, moving(&source{last: 2}, &middle{}, w, chunk.Options{})); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"db claim", "file open", "db open", "file write", "db write", "file checkpoint", "db checkpoint",
			"db commit", "file finish", "db finish", "file close", "db close",
		}
		if diff := cmp.Diff(want, events); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("writers that cannot be compared have a way each", func(t *testing.T) {
		t.Parallel()
		var odd, even []int
		to := func(list *[]int) writing {
			return func(_ context.Context, c *core.Chunk[int]) error {
				*list = append(*list, c.Items...)
				return nil
			}
		}
		w, err := chunk.Route[int](func(n *int) int { return *n % 2 }, to(&even), to(&odd))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := setup(t).run(t.Context(), t, moving(&source{last: 5}, &middle{}, w, chunk.Options{})); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([][]int{{1, 3, 5}, {2, 4}}, [][]int{odd, even}); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestTeeReverts(t *testing.T) {
	t.Parallel()
	for writer, bad := range map[string][2]int{"first": {4, 0}, "second": {0, 4}, "any": {4, 4}} {
		t.Run("what is bad for the "+writer+" writer is undone in all", func(t *testing.T) {
			t.Parallel()
			a, b := newListing("a"), newListing("b")
			a.bad, b.bad = bad[0], bad[1]
			w, err := chunk.Tee[int](a, b)
			if err != nil {
				t.Fatal(err)
			}
			se, err := setup(t).run(t.Context(), t, moving(&source{last: 10}, &middle{}, w, chunk.Options{Size: 5, Skip: skipping(1)}))
			if want := (core.Counts{Read: 10, Write: 9, WriteSkip: 1, Commit: 2, Rollback: 2}); err != nil || se.Counts != want {
				t.Fatalf("counts %+v, error %v, want %+v", se.Counts, err, want)
			}
			want := []int{1, 2, 3, 5, 6, 7, 8, 9, 10}
			if diff := cmp.Diff([][]int{want, want}, [][]int{a.got, b.got}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for _, fails := range []string{"mark", "revert"} {
		t.Run("a failed "+fails+" fails the step", func(t *testing.T) {
			t.Parallel()
			a, b := newListing("a"), newListing("b")
			a.fails, a.bad = fails, 0
			w, err := chunk.Tee[int](a, b)
			if err != nil {
				t.Fatal(err)
			}
			se, err := setup(t).run(t.Context(), t, moving(&source{last: 10}, &middle{}, w, chunk.Options{Size: 5, Skip: skipping(1)}))
			if !errors.Is(err, errBroken) || se.Counts != (core.Counts{Rollback: 1}) {
				t.Errorf("counts %+v, error %v", se.Counts, err)
			}
			if fails == "revert" && len(b.got) > 0 {
				t.Errorf("the other was not reverted: %v", b.got)
			}
		})
	}
}

// unready is a listing that cannot be marked at first, as a database that is
// busy.
type unready struct {
	*listing
	failing int // the call that fails
}

func (u *unready) Mark(ctx context.Context) error {
	if u.failing--; u.failing == 0 {
		return core.Classified(core.ClassWriteBusy, errBroken)
	}
	return u.listing.Mark(ctx)
}

func TestFailedMarkIsRetried(t *testing.T) {
	t.Parallel()
	a, b := &unready{listing: newListing("a"), failing: 2}, newListing("b")
	w, err := chunk.Tee[int](a, b)
	if err != nil {
		t.Fatal(err)
	}
	se, err := setup(t).run(t.Context(), t, moving(&source{last: 9}, &middle{filter: []int{4}}, w, chunk.Options{Size: 3, Retry: retrying(1)}))
	if want := (core.Counts{Read: 9, Write: 8, Filter: 1, Commit: 3, Rollback: 1}); err != nil || se.Counts != want {
		t.Fatalf("counts %+v, error %v, want %+v", se.Counts, err, want)
	}
	want := []int{1, 2, 3, 5, 6, 7, 8, 9} // also in b, whose mark is that of the chunk before
	if diff := cmp.Diff([][]int{want, want}, [][]int{a.got, b.got}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestChain(t *testing.T) {
	t.Parallel()
	add := func(k int) core.ItemProcessor[int, int] {
		return core.ProcessorFunc[int, int](func(_ context.Context, n int) (int, bool, error) { return n + k, true, nil })
	}
	odd := &middle{filter: []int{12, 14}, failAt: 16}
	spell := core.ProcessorFunc[int, string](func(_ context.Context, n int) (string, bool, error) {
		return strings.Repeat("i", n), n > 0, nil
	})
	double := chunk.Then(chunk.Then[int, int, string](chunk.Chain(add(-10), add(1)), spell), core.ItemProcessor[string, string](
		core.ProcessorFunc[string, string](func(_ context.Context, s string) (string, bool, error) { return s + s, true, nil })))
	t.Run("one after the other", func(t *testing.T) {
		t.Parallel()
		if out, keep, err := chunk.Chain(add(1), add(10)).Process(t.Context(), 2); out != 13 || !keep || err != nil {
			t.Errorf("got %d, %v, %v", out, keep, err)
		}
		if out, keep, err := chunk.Chain[int]().Process(t.Context(), 2); out != 2 || !keep || err != nil {
			t.Errorf("an empty chain: got %d, %v, %v", out, keep, err)
		}
		if out, keep, err := double.Process(t.Context(), 11); out != "iiii" || !keep || err != nil {
			t.Errorf("got %q, %v, %v", out, keep, err)
		}
		if out, keep, err := double.Process(t.Context(), 9); out != "" || keep || err != nil {
			t.Errorf("got %q, %v, %v", out, keep, err)
		}
	})
	t.Run("CHUNK-06 the first that filters or fails is the last to see it", func(t *testing.T) {
		t.Parallel()
		behind := &middle{}
		c := chunk.Chain[int](add(10), odd, behind)
		if out, keep, err := c.Process(t.Context(), 2); out != 0 || keep || err != nil || behind.calls > 0 {
			t.Errorf("got %d, %v, %v", out, keep, err)
		}
		if _, keep, err := c.Process(t.Context(), 6); keep || !errors.Is(err, errBroken) || behind.calls > 0 {
			t.Errorf("got %v, %v", keep, err)
		}
	})
	t.Run("streams among them are the step's, each once", func(t *testing.T) {
		t.Parallel()
		j := &journal{}
		p := &streamProcessor{stream: &stream{journal: j, name: "p"}}
		q := &streamProcessor{stream: &stream{journal: j, name: "q"}}
		both := chunk.Then[int, int, int](chunk.Chain[int](p, q), p)
		if _, err := setup(t).run(t.Context(), t, moving(&source{last: 1}, both, &target{}, chunk.Options{})); err != nil {
			t.Fatal(err)
		}
		want := []string{"open p", "open q", "checkpoint p", "checkpoint q", "close p", "close q"}
		if diff := cmp.Diff(want, j.lines); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// through is a writer of one's own that writes through another one.
type through struct{ inner core.ItemWriter[int] }

func (w through) Write(ctx context.Context, c *core.Chunk[int]) error { return w.inner.Write(ctx, c) }

// What a writer writes through is a stream of the step, and goes back with it.
func TestWriterBehindAWriter(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		options chunk.Options
		bad     int
		counts  core.Counts
		want    []int
	}{
		"scan": {
			options: chunk.Options{Size: 3, Skip: skipping(1)}, bad: 2,
			counts: core.Counts{Read: 4, Write: 3, WriteSkip: 1, Commit: 2, Rollback: 2}, want: []int{1, 3, 4},
		},
		"retry": {
			options: chunk.Options{Size: 3, Retry: core.BackoffRetryPolicy{ErrorClasses: core.ErrorClasses{Include: []string{"write"}}, Max: 1}}, bad: 0,
			counts: core.Counts{Read: 4, Write: 4, Commit: 2, Rollback: 1}, want: []int{1, 2, 3, 4},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner := newListing("inner")
			inner.bad = tt.bad
			tt.options.Streams = []core.ItemStream{inner}
			var w core.ItemWriter[int] = through{inner}
			if name == "retry" {
				w = through{&onceBusy{inner: inner}}
			}
			se, err := setup(t).run(t.Context(), t, moving(&source{last: 4}, &middle{}, w, tt.options))
			if err != nil || se.Counts != tt.counts {
				t.Errorf("counts %+v, error %v, want %+v", se.Counts, err, tt.counts)
			}
			if diff := cmp.Diff(tt.want, inner.got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a part of the writer that is a stream too is one part", func(t *testing.T) {
		t.Parallel()
		a, b := newListing("a"), newListing("b")
		w, err := chunk.Tee[int](a, b)
		if err != nil {
			t.Fatal(err)
		}
		_, err = setup(t).run(t.Context(), t, moving(&source{last: 1}, &middle{}, w, chunk.Options{Streams: []core.ItemStream{a}}))
		want := []string{"a open", "a checkpoint", "a finish", "a close"}
		if diff := cmp.Diff(want, *a.events); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
	t.Run("a sink has to be embedded", func(t *testing.T) {
		t.Parallel()
		db := &database{station{name: "db", events: new([]string)}}
		_, err := setup(t).run(t.Context(), t, moving(&source{last: 4}, &middle{}, through{db}, chunk.Options{Streams: []core.ItemStream{db}}))
		if !errors.Is(err, core.ErrJobDefinition) || !strings.Contains(err.Error(), "its stream *chunk_test.database is a sink") || len(*db.events) > 0 {
			t.Errorf("got %v, and it was asked for %v", err, *db.events)
		}
	})
}

// onceBusy writes, and fails the first time.
type onceBusy struct {
	inner core.ItemWriter[int]
	done  bool
}

func (w *onceBusy) Write(ctx context.Context, c *core.Chunk[int]) error {
	if err := w.inner.Write(ctx, c); err != nil || w.done {
		return err
	}
	w.done = true
	return core.Classified("write.busy", errBroken)
}
