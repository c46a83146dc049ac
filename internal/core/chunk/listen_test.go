package chunk_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
)

// witness returns a listener of all kinds that writes down what it is told, and
// fails where it is asked to.
func witness(name string, lines *[]string, failAt string) chunk.Listener[num, num] {
	note := func(format string, args ...any) error {
		line := fmt.Sprintf(format, args...)
		*lines = append(*lines, strings.TrimSpace(name+" "+line))
		if failAt != "" && strings.HasPrefix(line, failAt) {
			return errBroken
		}
		return nil
	}
	return chunk.Listener[num, num]{
		BeforeChunk:     func(context.Context) error { return note("before chunk") },
		AfterChunk:      func(context.Context) error { return note("after chunk") },
		AfterChunkError: func(_ context.Context, err error) error { return note("chunk failed: %v", err) },
		AfterRead:       func(_ context.Context, in *num) error { return note("read %d", *in) },
		OnReadError:     func(_ context.Context, err error) error { return note("read failed: %v", err) },
		BeforeProcess:   func(_ context.Context, in *num) error { return note("before %d", *in) },
		AfterProcess: func(_ context.Context, in, out *num) error {
			if out == nil {
				return note("filtered %d", *in)
			}
			return note("processed %d", *out)
		},
		OnProcessError:  func(_ context.Context, in *num, _ error) error { return note("process failed %d", *in) },
		BeforeWrite:     func(_ context.Context, items []num) error { return note("before write %v", items) },
		AfterWrite:      func(_ context.Context, items []num) error { return note("written %v", items) },
		OnWriteError:    func(_ context.Context, items []num, _ error) error { return note("write failed %v", items) },
		OnSkipInRead:    func(_ context.Context, err error) error { return note("skip in read: %v", err) },
		OnSkipInProcess: func(_ context.Context, in *num, _ error) error { return note("skip in process %d", *in) },
		OnSkipInWrite:   func(_ context.Context, out *num, _ error) error { return note("skip in write %d", *out) },
		OnRetry: func(_ context.Context, phase string, retries int, _ error) error {
			return note("retry %s %d", phase, retries)
		},
	}
}

// eventful is a chunk in which everything happens that can happen.
var eventful = script{
	last: 5, broken: []int{1}, read: map[int]int{2: 1}, process: map[int]int{2: always}, filter: []int{3}, write: map[int]int{4: always},
}

func newEventful(t *testing.T) *world {
	t.Helper()
	return newWorld(t, inTable, eventful, chunk.Options{Size: 10, Skip: skipping(3), Retry: core.BackoffRetryPolicy{
		ErrorClasses: core.ErrorClasses{Include: []string{"read", "write"}}, Max: 1,
	}})
}

func TestListener(t *testing.T) {
	t.Parallel()
	t.Run("CHUNK-49 CHUNK-35 each event, in the order in which it happens", func(t *testing.T) {
		t.Parallel()
		w := newEventful(t)
		var got []string
		w.listen = witness("", &got, "")
		if _, err := w.attempt(t.Context(), t); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"before chunk",
			"read failed: in.csv:1: is no number",
			"read failed: number 2 is not to be had now", "retry read 0",
			"read 2", "read 3", "read 4", "read 5",
			"before 2", "process failed 2",
			"before 3", "filtered 3",
			"before 4", "processed 4",
			"before 5", "processed 5",
			"before write [4 5]", "write failed [4 5]", "retry write 0",
			"before write [4 5]", "write failed [4 5]",
			"before write [4]", "write failed [4]",
			"before write [5]", "written [5]",
			"skip in read: in.csv:1: is no number", "skip in process 2", "skip in write 4",
			"after chunk",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("before in order, after in reverse", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inTable, script{last: 1, filter: []int{1}}, chunk.Options{})
		var got []string
		w.listen = chunk.Join(witness("a", &got, ""), witness("b", &got, ""), chunk.Listener[num, num]{})
		if _, err := w.attempt(t.Context(), t); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"a before chunk", "b before chunk", "b read 1", "a read 1", "a before 1", "b before 1",
			"b filtered 1", "a filtered 1", "b after chunk", "a after chunk",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("CHUNK-50 each function is called as often as it was added", func(t *testing.T) {
		t.Parallel()
		alone, joined := newEventful(t), newEventful(t)
		var one, two []string
		alone.listen = witness("", &one, "")
		twice := witness("", &two, "")
		joined.listen = chunk.Join(twice, twice)
		for _, w := range []*world{alone, joined} {
			if _, err := w.attempt(t.Context(), t); err != nil {
				t.Fatal(err)
			}
		}
		var want []string
		for _, line := range one {
			want = append(want, line, line)
		}
		if diff := cmp.Diff(want, two); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("a chunk that fails says so, and is followed by no skip listener", func(t *testing.T) {
		t.Parallel()
		w := newEventful(t)
		w.options.Skip = skipping(2)
		var got []string
		w.listen = witness("", &got, "")
		_, err := w.attempt(t.Context(), t)
		last := got[len(got)-1]
		if !errors.Is(err, core.ErrSkipLimitExceeded) || !strings.HasPrefix(last, "chunk failed: the skip limit of 2") {
			t.Errorf("last %q, error %v", last, err)
		}
		for _, line := range got {
			if strings.HasPrefix(line, "skip in") {
				t.Errorf("CHUNK-35: %s", line)
			}
		}
	})
	for _, failAt := range []string{"before chunk", "before 3", "before write", "skip in read", "skip in process", "skip in write"} {
		t.Run("CHUNK-34 CHUNK-48 an error "+failAt+" fails the step, whatever the policies say", func(t *testing.T) {
			t.Parallel()
			w := newEventful(t)
			var got []string
			w.listen = witness("", &got, failAt)
			w.options.Retry = retrying(1)
			w.options.Skip = skipping(10)
			se, err := w.attempt(t.Context(), t)
			if se.Status != core.StatusFailed || !errors.Is(err, errBroken) || se.Counts.Commit != 0 || len(w.output(t)) > 0 {
				t.Errorf("status %s, counts %+v, error %v", se.Status, se.Counts, err)
			}
		})
	}
	t.Run("CHUNK-34 the chunks before it count", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inTable, script{last: 10, broken: []int{5}}, chunk.Options{Size: 3, Skip: skipping(1)})
		w.listen.OnSkipInRead = func(context.Context, error) error { return errBroken }
		se, err := w.attempt(t.Context(), t)
		if want := (core.Counts{Read: 3, Write: 3, Commit: 1, Rollback: 1}); !errors.Is(err, errBroken) || se.Counts != want {
			t.Errorf("counts %+v, error %v, want %+v", se.Counts, err, want)
		}
	})
	for failAt, want := range map[string]string{
		"read 3": "AfterRead", "read failed": "OnReadError", "processed": "AfterProcess", "process failed": "OnProcessError",
		"written": "AfterWrite", "write failed": "OnWriteError", "retry": "OnRetry", "after chunk": "AfterChunk",
	} {
		t.Run("an error of "+want+" is logged, shown and changes nothing", func(t *testing.T) {
			t.Parallel()
			w := newEventful(t)
			var got []string
			w.listen = witness("", &got, failAt)
			se, err := w.attempt(t.Context(), t)
			if err != nil || se.Status != core.StatusCompleted || se.ExitStatus.Code != core.ExitCodeCompleted {
				t.Fatalf("status %s, exit %s, error %v", se.Status, se.ExitStatus, err)
			}
			said := "the listener " + want + " failed: " + errBroken.Error()
			if se.ExitStatus.Message != said {
				t.Errorf("exit message %q, want %q", se.ExitStatus.Message, said)
			}
			if !strings.Contains(w.log.String(), "a listener of items failed") {
				t.Errorf("the log does not say so:\n%s", w.log.String())
			}
		})
	}
}

func TestListenerOfAFailedStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inTable, script{last: 6, write: map[int]int{5: always}}, chunk.Options{Size: 3})
	var got []string
	w.listen = witness("", &got, "after chunk")
	se, err := w.attempt(t.Context(), t)
	if err == nil || se.Status != core.StatusFailed || se.ExitStatus.Code != core.ExitCodeFailed {
		t.Fatalf("status %s, exit %s, error %v", se.Status, se.ExitStatus, err)
	}
	if said := "the listener AfterChunk failed: " + errBroken.Error(); !strings.Contains(se.ExitStatus.Message, said) {
		t.Errorf("exit message %q does not say that %s", se.ExitStatus.Message, said)
	}
}

func TestBeforeChunkOfTheStep(t *testing.T) {
	t.Parallel()
	t.Run("CHUNK-48 an error fails the step, and nothing is read", func(t *testing.T) {
		t.Parallel()
		f, r := setup(t), &source{last: 3}
		step := moving(r, &middle{}, &target{}, chunk.Options{})
		step.Listener.BeforeChunk = func(context.Context, *core.Scope) error { return errBroken }
		se, err := f.run(t.Context(), t, step)
		if !errors.Is(err, errBroken) || se.Counts != (core.Counts{}) || r.calls > 0 {
			t.Errorf("counts %+v, %d reads, error %v", se.Counts, r.calls, err)
		}
	})
	t.Run("what it puts into the context commits with the chunk", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		step := moving(&source{last: 6}, &middle{}, &target{failAt: 5}, chunk.Options{Size: 3})
		chunks := int64(0)
		step.Listener.BeforeChunk = func(_ context.Context, s *core.Scope) error {
			chunks++
			s.Context.Put("begun", chunks)
			return nil
		}
		se, err := f.run(t.Context(), t, step)
		if begun, _, _ := se.Context.Int64("begun"); !errors.Is(err, errBroken) || chunks != 2 || begun != 1 {
			t.Errorf("%d begun, %d kept, error %v", chunks, begun, err)
		}
	})
}
