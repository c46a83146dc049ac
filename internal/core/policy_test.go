package core_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/batchctl/batchctl/internal/core"
)

var errOdd = errors.New("odd")

func TestClassOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"no class is the phase", errOdd, "write"},
		{"a class of its own", core.Classified(core.ClassWriteIO, errOdd), "write.io"},
		{"CHUNK-32 a class of the cause", fmt.Errorf("outer: %w", core.Classified(core.ClassWriteIO, errOdd)), "write.io"},
		{"the outermost decides", core.Classified("outer", core.Classified("inner", errOdd)), "outer"},
		{"one of several causes", errors.Join(errOdd, core.Classified("inner", errOdd)), "inner"},
		{"an item error says its own", &core.ItemError{Class: core.ClassReadParse, Msg: "bad"}, "read.parse"},
		{"an item error has that of its cause", &core.ItemError{Msg: "bad", Err: core.Classified("deep", errOdd)}, "deep"},
		{"an item error without either has the phase", &core.ItemError{Msg: "bad"}, "write"},
		{"an empty class says nothing", core.Classified("", errOdd), "write"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := core.ClassOf(tt.err, core.PhaseWrite); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	t.Run("a classified error is the error", func(t *testing.T) {
		t.Parallel()
		if err := core.Classified("x", errOdd); !errors.Is(err, errOdd) || err.Error() != errOdd.Error() {
			t.Errorf("got %v", err)
		}
		if err := core.Classified("x", nil); err != nil {
			t.Errorf("nil became %v", err)
		}
	})
}

func TestErrorClasses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name             string
		include, exclude []string
		class            string
		want             bool
	}{
		{"nothing selects nothing", nil, nil, "read", false},
		{"itself", []string{"read.parse"}, nil, "read.parse", true},
		{"a parent", []string{"read"}, nil, "read.parse.number", true},
		{"not a child", []string{"read.parse"}, nil, "read", false},
		{"not a longer word", []string{"read"}, nil, "reader", false},
		{"CHUNK-31 an excluded child of an included parent", []string{"write"}, []string{"write.constraint"}, "write.constraint.key", false},
		{"CHUNK-31 its sibling", []string{"write"}, []string{"write.constraint"}, "write.io", true},
		{"CHUNK-31 an included child of an excluded one", []string{"write", "write.constraint.key"}, []string{"write.constraint"}, "write.constraint.key", true},
		{"of two equal ones the excluded", []string{"write"}, []string{"write"}, "write", false},
		{"excluded alone", nil, []string{"write"}, "read", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := (core.ErrorClasses{Include: tt.include, Exclude: tt.exclude}).Match(tt.class); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestUndeniable(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		context.Canceled, core.ErrStopped, core.ErrTimeout, core.ErrAborted, core.ErrLeaseLost, core.ErrOptimisticLock,
		core.ErrRepository, core.ErrCheckpointMismatch, core.ErrJobDefinition, core.ErrSkipLimitExceeded,
	} {
		if !core.Undeniable(&core.Error{Op: "write", Err: fmt.Errorf("chunk 7: %w", err)}) {
			t.Errorf("%v can be passed over", err)
		}
	}
	for _, err := range []error{nil, errOdd, core.Classified(core.ClassTimeout, context.DeadlineExceeded), &core.ItemError{Msg: "bad"}} {
		if core.Undeniable(err) {
			t.Errorf("%v cannot be passed over", err)
		}
	}
}

func TestLimitSkipPolicy(t *testing.T) {
	t.Parallel()
	p := core.LimitSkipPolicy{ErrorClasses: core.ErrorClasses{Include: []string{"read"}}, Max: 7, MaxPercent: 2.5}
	if !p.Skips("read.parse") || p.Skips("write") || p.Limit() != 7 || p.Percent() != 2.5 {
		t.Errorf("got %v, %v, %d, %g", p.Skips("read.parse"), p.Skips("write"), p.Limit(), p.Percent())
	}
	for _, tt := range []struct{ limit, earlier, want int64 }{
		{7, 0, 7}, {7, 3, 4}, {7, 7, 0}, {7, 9, 0}, {0, 1, 0}, {core.NoSkipLimit, 9, core.NoSkipLimit},
	} {
		if got := (core.LimitSkipPolicy{Max: tt.limit, Earlier: tt.earlier}).Limit(); got != tt.want {
			t.Errorf("a limit of %d after %d is %d, want %d", tt.limit, tt.earlier, got, tt.want)
		}
	}
	var none core.LimitSkipPolicy
	if none.Skips("read") || none.Limit() != 0 || none.Percent() != 0 {
		t.Errorf("the zero value is %+v", none)
	}
}

func TestBackoffRetryPolicy(t *testing.T) {
	t.Parallel()
	all := core.ErrorClasses{Include: []string{"write"}}
	for _, tt := range []struct {
		name   string
		policy core.BackoffRetryPolicy
		want   []time.Duration // of each retry
	}{
		{"the zero value repeats nothing", core.BackoffRetryPolicy{}, nil},
		{"CHUNK-41 only the declared classes", core.BackoffRetryPolicy{ErrorClasses: core.ErrorClasses{Include: []string{"read"}}, Max: 3}, nil},
		{"CHUNK-42 Max counts behind the first attempt", core.BackoffRetryPolicy{ErrorClasses: all, Max: 2}, []time.Duration{0, 0}},
		{
			"twice as long each time",
			core.BackoffRetryPolicy{ErrorClasses: all, Max: 3, Backoff: time.Second},
			[]time.Duration{time.Second, 2 * time.Second, 4 * time.Second},
		},
		{
			"not longer than ten seconds",
			core.BackoffRetryPolicy{ErrorClasses: all, Max: 3, Backoff: 3 * time.Second},
			[]time.Duration{3 * time.Second, 6 * time.Second, 10 * time.Second},
		},
		{
			"as told",
			core.BackoffRetryPolicy{ErrorClasses: all, Max: 4, Backoff: time.Second, Multiplier: 3, MaxBackoff: time.Minute},
			[]time.Duration{time.Second, 3 * time.Second, 9 * time.Second, 27 * time.Second},
		},
		{
			"always the same",
			core.BackoffRetryPolicy{ErrorClasses: all, Max: 2, Backoff: time.Second, Multiplier: 1},
			[]time.Duration{time.Second, time.Second},
		},
		{
			"chance takes some of it away",
			core.BackoffRetryPolicy{
				ErrorClasses: all, Max: 2, Backoff: time.Second, Jitter: 0.5, Random: func() float64 { return 0.5 },
			},
			[]time.Duration{750 * time.Millisecond, 1500 * time.Millisecond},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for retries, want := range tt.want {
				if wait, again := tt.policy.Retry("write.busy", retries); wait != want || !again {
					t.Errorf("retry %d: got %s, %v, want %s", retries, wait, again, want)
				}
			}
			if _, again := tt.policy.Retry("write.busy", len(tt.want)); again {
				t.Errorf("retry %d is one too many", len(tt.want))
			}
		})
	}
	t.Run("no wait is negative or longer than the longest", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			p := core.BackoffRetryPolicy{
				ErrorClasses: all, Max: 2000,
				Backoff:    time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "backoff")),
				Multiplier: rapid.Float64Range(1, 100).Draw(t, "multiplier"),
				MaxBackoff: time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "max")),
				Jitter:     rapid.Float64Range(0, 2).Draw(t, "jitter"),
			}
			wait, again := p.Retry("write", rapid.IntRange(0, 1999).Draw(t, "retries"))
			if wait < 0 || wait > p.MaxBackoff || !again {
				t.Fatalf("got %s, %v", wait, again)
			}
		})
	})
}
