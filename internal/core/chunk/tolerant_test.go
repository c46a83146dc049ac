package chunk_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
)

// trace is one case of ten items in chunks of three.
type trace struct {
	name      string
	script    script
	skip      core.SkipPolicy
	retry     core.RetryPolicy
	failed    bool
	want      core.Counts
	writes    int
	processes int
	rejects   []string
}

func traces() []trace {
	return []trace{
		{
			name: "CHUNK-02 clean", skip: skipping(10), retry: retrying(3), script: script{last: 10},
			want: core.Counts{Read: 10, Write: 10, Commit: 4}, writes: 4, processes: 10,
		},
		{
			name: "clean, 9 items", skip: skipping(10), retry: retrying(3), script: script{last: 9},
			want: core.Counts{Read: 9, Write: 9, Commit: 3}, writes: 3, processes: 9,
		},
		{name: "empty input", skip: skipping(10), retry: retrying(3)},
		{
			name: "CHUNK-06 CHUNK-07 item 5 filtered", skip: skipping(10), script: script{last: 10, filter: []int{5}},
			want: core.Counts{Read: 10, Write: 9, Filter: 1, Commit: 4}, writes: 4, processes: 10,
		},
		{
			name: "CHUNK-19 CHUNK-22 item 5 fails on write, skip", skip: skipping(10),
			script: script{last: 10, write: map[int]int{5: always}},
			want:   core.Counts{Read: 10, Write: 9, WriteSkip: 1, Commit: 4, Rollback: 2}, writes: 7, processes: 10,
			rejects: []string{"5 write"},
		},
		{
			name: "CHUNK-13 CHUNK-14 CHUNK-16 item 5 fails in process, skip", skip: skipping(10),
			script: script{last: 10, process: map[int]int{5: always}},
			want:   core.Counts{Read: 10, Write: 9, ProcessSkip: 1, Commit: 4}, writes: 4, processes: 10,
			rejects: []string{"5 process"},
		},
		{
			name: "CHUNK-09 CHUNK-10 item 5 fails in read, skip", skip: skipping(10), script: script{last: 10, broken: []int{5}},
			want: core.Counts{Read: 9, Write: 9, ReadSkip: 1, Commit: 3}, writes: 3, processes: 9,
			rejects: []string{"5 read"},
		},
		{
			name: "item 5 fails once in process, retry 3", retry: retrying(3), script: script{last: 10, process: map[int]int{5: 1}},
			want: core.Counts{Read: 10, Write: 10, Commit: 4}, writes: 4, processes: 11,
		},
		{
			name: "CHUNK-42 item 5 always fails in process, retry 3, skip", skip: skipping(10), retry: retrying(3),
			script: script{last: 10, process: map[int]int{5: always}},
			want:   core.Counts{Read: 10, Write: 9, ProcessSkip: 1, Commit: 4}, writes: 4, processes: 13,
			rejects: []string{"5 process"},
		},
		{
			name: "CHUNK-36 CHUNK-15 item 5 fails once on write, retry 3", retry: retrying(3),
			script: script{last: 10, write: map[int]int{5: 1}},
			want:   core.Counts{Read: 10, Write: 10, Commit: 4, Rollback: 1}, writes: 5, processes: 10,
		},
		{
			name: "item 5 fails three times on write, retry 3", retry: retrying(3),
			script: script{last: 10, write: map[int]int{5: 3}},
			want:   core.Counts{Read: 10, Write: 10, Commit: 4, Rollback: 3}, writes: 7, processes: 10,
		},
		{
			name: "CHUNK-38 item 5 always fails on write, retry 3, skip", skip: skipping(10), retry: retrying(3),
			script: script{last: 10, write: map[int]int{5: always}},
			want:   core.Counts{Read: 10, Write: 9, WriteSkip: 1, Commit: 4, Rollback: 5}, writes: 10, processes: 10,
			rejects: []string{"5 write"},
		},
		{
			name: "item 5 fails four times on write, retry 3, and the scan writes it", skip: skipping(10), retry: retrying(3),
			script: script{last: 10, write: map[int]int{5: 4}},
			want:   core.Counts{Read: 10, Write: 10, Commit: 4, Rollback: 4}, writes: 10, processes: 10,
		},
		{
			name: "CHUNK-37 item 5 always fails on write, retry 3", retry: retrying(3), failed: true,
			script: script{last: 10, write: map[int]int{5: always}},
			want:   core.Counts{Read: 3, Write: 3, Commit: 1, Rollback: 4}, writes: 5, processes: 6,
		},
		{
			name: "CHUNK-39 item 5 cannot be read twice, retry 3", retry: retrying(3),
			script: script{last: 10, read: map[int]int{5: 2}},
			want:   core.Counts{Read: 10, Write: 10, Commit: 4}, writes: 4, processes: 10,
		},
		{
			name: "item 5 is never to be had, retry 3, and is not skipped", retry: retrying(3), skip: skipping(10), failed: true,
			script: script{last: 10, read: map[int]int{5: always}},
			want:   core.Counts{Read: 3, Write: 3, Commit: 1}, writes: 1, processes: 3,
		},
		{
			name: "a record that is no good is not read again", retry: retrying(3), failed: true,
			script: script{last: 10, broken: []int{5}},
			want:   core.Counts{Read: 3, Write: 3, Commit: 1}, writes: 1, processes: 3,
		},
		{
			name: "CHUNK-11 item 5 fails in read, not skippable", retry: retrying(3), failed: true,
			skip:   core.LimitSkipPolicy{ErrorClasses: core.ErrorClasses{Include: []string{"process", "write"}}, Max: 10},
			script: script{last: 10, broken: []int{5}},
			want:   core.Counts{Read: 3, Write: 3, Commit: 1}, writes: 1, processes: 3,
		},
		{
			name: "CHUNK-23 item 5 on write, not skippable", failed: true,
			skip:   core.LimitSkipPolicy{ErrorClasses: core.ErrorClasses{Include: []string{"read"}}, Max: 10},
			script: script{last: 10, write: map[int]int{5: always}},
			want:   core.Counts{Read: 3, Write: 3, Commit: 1, Rollback: 1}, writes: 2, processes: 6,
		},
		{
			name: "CHUNK-03 item 5 on write, no policies", failed: true, script: script{last: 10, write: map[int]int{5: always}},
			want: core.Counts{Read: 3, Write: 3, Commit: 1, Rollback: 1}, writes: 2, processes: 6,
		},
		{
			name: "CHUNK-27 5 and 6 on write, limit 1", skip: skipping(1), failed: true,
			script: script{last: 10, write: map[int]int{5: always, 6: always}},
			want:   core.Counts{Read: 3, Write: 3, Commit: 1, Rollback: 3}, writes: 5, processes: 6,
		},
		{
			name: "CHUNK-24 CHUNK-25 4 and 6 on write, skip", skip: skipping(10),
			script: script{last: 10, write: map[int]int{4: always, 6: always}},
			want:   core.Counts{Read: 10, Write: 8, WriteSkip: 2, Commit: 4, Rollback: 3}, writes: 7, processes: 10,
			rejects: []string{"4 write", "6 write"},
		},
		{
			name: "CHUNK-21 4, 5 and 6 on write, skip", skip: skipping(10),
			script: script{last: 10, write: map[int]int{4: always, 5: always, 6: always}},
			want:   core.Counts{Read: 10, Write: 7, WriteSkip: 3, Commit: 4, Rollback: 4}, writes: 7, processes: 10,
			rejects: []string{"4 write", "5 write", "6 write"},
		},
		{
			name: "CHUNK-08 4 filtered and 5 on write, skip", skip: skipping(10),
			script: script{last: 10, filter: []int{4}, write: map[int]int{5: always}},
			want:   core.Counts{Read: 10, Write: 8, Filter: 1, WriteSkip: 1, Commit: 4, Rollback: 2}, writes: 6, processes: 10,
			rejects: []string{"5 write"},
		},
		{
			name: "CHUNK-20 1 and 3 of three on write", skip: skipping(10),
			script: script{last: 3, write: map[int]int{1: always, 3: always}},
			want:   core.Counts{Read: 3, Write: 1, WriteSkip: 2, Commit: 1, Rollback: 3}, writes: 4, processes: 3,
			rejects: []string{"1 write", "3 write"},
		},
		{
			name: "CHUNK-28 one limit for all phases", skip: skipping(3),
			script: script{last: 10, broken: []int{2}, process: map[int]int{3: always}, write: map[int]int{1: always}},
			want:   core.Counts{Read: 9, Write: 7, ReadSkip: 1, ProcessSkip: 1, WriteSkip: 1, Commit: 3, Rollback: 2},
			writes: 5, processes: 9, rejects: []string{"1 write", "2 read", "3 process"},
		},
		{
			name: "CHUNK-28 one limit for all phases, and one too many", skip: skipping(2), failed: true,
			script: script{last: 10, broken: []int{2}, process: map[int]int{3: always}, write: map[int]int{1: always}},
			want:   core.Counts{Rollback: 2}, writes: 2, processes: 3,
		},
	}
}

// TestTolerance is the table of what becomes of one bad item, wherever the
// output lives and however many goroutines process.
func TestTolerance(t *testing.T) {
	t.Parallel()
	for _, threads := range []int{0, 4} {
		for _, kind := range kinds() {
			for _, tt := range traces() {
				t.Run(fmt.Sprintf("CHUNK-53 %s, output %s, %d threads", tt.name, kind, threads), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, kind, tt.script, chunk.Options{Size: 3, Skip: tt.skip, Retry: tt.retry, Threads: threads})
					se, err := w.attempt(t.Context(), t)
					if got := se.Status == core.StatusFailed; got != tt.failed || (err != nil) != tt.failed {
						t.Errorf("status %s, error %v, want failed %v", se.Status, err, tt.failed)
					}
					if diff := cmp.Diff(tt.want, se.Counts); diff != "" {
						t.Errorf("counts (-want +got):\n%s", diff)
					}
					if w.writes != tt.writes || w.processes != tt.processes {
						t.Errorf("%d writes and %d processes, want %d and %d", w.writes, w.processes, tt.writes, tt.processes)
					}
					if tt.failed {
						return
					}
					if diff := cmp.Diff(tt.script.survivors(), w.output(t)); diff != "" {
						t.Errorf("output (-want +got):\n%s", diff)
					}
					if diff := cmp.Diff(append([]string{}, tt.rejects...), w.rejected()); diff != "" {
						t.Errorf("rejects (-want +got):\n%s", diff)
					}
				})
			}
		}
	}
}

// survivors are the numbers that are written in the end.
func (s script) survivors() (all []int) {
	for n := 1; n <= s.last; n++ {
		if !s.bad(n) && !slices.Contains(s.filter, n) {
			all = append(all, n)
		}
	}
	return all
}

func TestFiveItemsInChunksOfTwo(t *testing.T) {
	t.Parallel()
	t.Run("CHUNK-18 item 4 fails on write", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inTable, script{last: 5, write: map[int]int{4: always}}, chunk.Options{Size: 2, Skip: skipping(1)})
		se, err := w.attempt(t.Context(), t)
		want := core.Counts{Read: 5, Write: 4, WriteSkip: 1, Commit: 3, Rollback: 2}
		if err != nil || se.Counts != want || !slices.Equal(w.output(t), []int{1, 2, 3, 5}) {
			t.Errorf("counts %+v, output %v, error %v", se.Counts, w.output(t), err)
		}
	})
}

// What fails is left as if it had not been tried, and the next attempt does it.
func TestFailedScanLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds() {
		t.Run("CHUNK-27 CHUNK-44 beyond the limit, output "+kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind, script{last: 10, write: map[int]int{5: always, 6: always}}, chunk.Options{Size: 3, Skip: skipping(1)})
			_, err := w.attempt(t.Context(), t)
			if !errors.Is(err, core.ErrSkipLimitExceeded) {
				t.Fatalf("error %v", err)
			}
			w.options.Skip = skipping(2)
			se, err := w.attempt(t.Context(), t)
			want := core.Counts{Read: 7, Write: 5, WriteSkip: 2, Commit: 3, Rollback: 3}
			if err != nil || se.Counts != want {
				t.Errorf("counts %+v, error %v, want %+v", se.Counts, err, want)
			}
			if diff := cmp.Diff([]int{1, 2, 3, 4, 7, 8, 9, 10}, w.output(t)); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"5 write", "6 write"}, w.rejected()); diff != "" {
				t.Errorf("rejects (-want +got):\n%s", diff)
			}
		})
	}
}
