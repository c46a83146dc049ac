package chunk_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
)

// endless inserts rows for as long as it may.
const endless = `WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n)
INSERT INTO number SELECT i, 0 FROM n`

// tardy is a target that does not come to an end with the calls named by late,
// counted from 1.
type tardy struct {
	target

	late  []int
	asSQL bool // the database is busy, which the end of the context interrupts
	deaf  bool // to that the context has ended, as a writer to a file is
}

func (w *tardy) Write(ctx context.Context, c *core.Chunk[int]) error {
	if !slices.Contains(w.late, w.calls+1) {
		return w.target.Write(ctx, c)
	}
	switch {
	case w.asSQL:
		w.calls++
		_, err := c.Tx.(execer).ExecContext(ctx, endless)
		return err
	case w.deaf:
		err := w.target.Write(ctx, c)
		<-ctx.Done()
		return err
	}
	w.calls++
	<-ctx.Done()
	return ctx.Err()
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	const (
		short = time.Second // what is not late has to be done in it
		long  = time.Hour
	)
	onlyTimeout := core.BackoffRetryPolicy{
		ErrorClasses: core.ErrorClasses{Include: []string{core.ClassTimeout}}, Max: 2, Backoff: time.Microsecond,
	}
	skipsAll := core.LimitSkipPolicy{ErrorClasses: core.ErrorClasses{Include: []string{core.ClassTimeout, "write"}}, Max: core.NoSkipLimit}
	failed := core.Counts{Read: 3, Write: 3, Commit: 1}
	done := core.Counts{Read: 7, Write: 7, Commit: 3}
	for _, tt := range []struct {
		name string
		w    tardy
		o    chunk.Options
		want core.Counts
		says string
	}{
		{"in time", tardy{}, chunk.Options{Timeout: long, Retry: onlyTimeout, Skip: skipsAll}, done, ""},
		{
			"a write that is late is undone and fails the step",
			tardy{late: []int{2}, asSQL: true},
			chunk.Options{Timeout: short},
			failed.Add(core.Counts{Rollback: 1}), "write chunk 2: it took longer than its timeout of 1s",
		},
		{
			"also one that has written everything, but late",
			tardy{late: []int{2}, deaf: true},
			chunk.Options{Timeout: short},
			failed.Add(core.Counts{Rollback: 1}), "write chunk 2: it took longer than its timeout of 1s",
		},
		{
			"a policy retries it in a fresh transaction with a time of its own",
			tardy{late: []int{2, 3}},
			chunk.Options{Timeout: short, Retry: onlyTimeout},
			done.Add(core.Counts{Rollback: 2}), "",
		},
		{
			"not for ever",
			tardy{late: []int{2, 3, 4}},
			chunk.Options{Timeout: short, Retry: onlyTimeout},
			failed.Add(core.Counts{Rollback: 3}), "it took longer than its timeout of 1s",
		},
		{
			"no item is skipped for it: a scan that is late fails as a whole",
			tardy{late: []int{2, 4}},
			chunk.Options{Timeout: short, Skip: skipsAll},
			failed.Add(core.Counts{Rollback: 2}), "write chunk 2 item by item: it took longer than its timeout of 1s",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, w, o := setup(t), tt.w, tt.o
			o.Size = 3
			se, err := f.run(t.Context(), t, moving(&source{last: 7}, &middle{}, &w, o))
			if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v, want %q", err, tt.says)
			}
			if err != nil && core.ClassOf(err, core.PhaseWrite) != core.ClassTimeout {
				t.Errorf("%v is of the class %s", err, core.ClassOf(err, core.PhaseWrite))
			}
			if diff := cmp.Diff(tt.want, se.Counts); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
			if rows, _ := f.numbers(t); int64(len(rows)) != tt.want.Write {
				t.Errorf("%d rows are there, want %d", len(rows), tt.want.Write)
			}
		})
	}
	t.Run("CHUNK-01 a negative one is a mistake", func(t *testing.T) {
		t.Parallel()
		_, err := setup(t).run(t.Context(), t, moving(&source{last: 1}, &middle{}, &target{}, chunk.Options{Timeout: -1}))
		if err == nil || !strings.Contains(err.Error(), "the timeout -1ns is negative") {
			t.Errorf("got %v", err)
		}
	})
}
