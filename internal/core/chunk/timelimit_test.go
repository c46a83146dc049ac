package chunk_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
)

// slow is a source whose items take time, on a clock that nothing else moves.
type slow struct {
	source

	clock time.Time
	takes map[int]time.Duration // the call for this item
	bad   map[int]bool          // items that cannot be read
	looks int
	room  int // the most that a call was asked for
}

func (r *slow) now() time.Time {
	r.looks++
	return r.clock
}

func (r *slow) Read(ctx context.Context, dst []int) (int, error) {
	r.room = max(r.room, len(dst))
	r.clock = r.clock.Add(r.takes[r.position+1])
	if r.bad[r.position+1] {
		r.position++
		return 0, &core.ItemError{Record: int64(r.position), Class: core.ClassReadParse, Msg: "it is bad"}
	}
	return r.source.Read(ctx, dst)
}

func TestTimeLimit(t *testing.T) {
	t.Parallel()
	const second = time.Second
	for _, tt := range []struct {
		name   string
		takes  map[int]time.Duration
		bad    map[int]bool
		limit  time.Duration
		chunks []int // of each number that was written
	}{
		{"no limit", map[int]time.Duration{2: 100 * second}, nil, 0, []int{1, 1, 1, 1, 2, 2, 2, 2}},
		{"not reached", map[int]time.Duration{2: 4 * second}, nil, 5 * second, []int{1, 1, 1, 1, 2, 2, 2, 2}},
		{"reached by one call", map[int]time.Duration{2: 5 * second}, nil, 5 * second, []int{1, 1, 2, 2, 2, 2, 3, 3}},
		{
			"reached by several, counted from the beginning of each chunk",
			map[int]time.Duration{2: 3 * second, 3: 2 * second, 4: 4 * second, 5: 4 * second},
			nil, 5 * second,
			[]int{1, 1, 1, 2, 2, 3, 3, 3},
		},
		{"a skip is news", map[int]time.Duration{1: 9 * second}, map[int]bool{1: true}, 5 * second, []int{2, 2, 2, 2, 3, 3, 3}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			r := &slow{source: source{last: 8}, clock: time.Now(), takes: tt.takes, bad: tt.bad}
			f.now = r.now
			o := chunk.Options{Size: 4, TimeLimit: tt.limit}
			if tt.bad != nil {
				o.Skip = skipping(1)
			}
			if _, err := f.run(t.Context(), t, moving(r, &middle{}, &target{}, o)); err != nil {
				t.Fatal(err)
			}
			numbers, chunks := f.numbers(t)
			if d := cmp.Diff(tt.chunks, chunks); d != "" {
				t.Errorf("chunks of %v: -want +got:\n%s", numbers, d)
			}
			if tt.limit > 0 && r.room != 1 {
				t.Errorf("the reader was asked for %d items at once: it could wait for them all", r.room)
			}
		})
	}
}

// A chunk with nothing in it is not closed, whatever the clock says: the retries
// of a read are not forgotten.
func TestTimeLimitOfNothing(t *testing.T) {
	t.Parallel()
	f := setup(t)
	r := &slow{source: source{last: 3, failAt: 1}, clock: time.Now(), takes: map[int]time.Duration{1: time.Hour}}
	f.now = r.now
	se, err := f.run(t.Context(), t, moving(r, &middle{}, &target{}, chunk.Options{Size: 4, TimeLimit: time.Second}))
	if !errors.Is(err, errBroken) || se.Counts.Commit != 0 {
		t.Errorf("%d commits and %v, want the error of the read", se.Counts.Commit, err)
	}
}
