package chunk_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
)

// journal is what the streams of one step were told, in order.
type journal struct{ lines []string }

// stream tells the journal.
type stream struct {
	*journal
	name                             string
	openErr, checkpointErr, closeErr error
	closePanic                       string
}

func (s *stream) tell(what string) { s.lines = append(s.lines, what+" "+s.name) }

func (s *stream) Open(context.Context, core.ExecutionContext) error {
	s.tell("open")
	return s.openErr
}

func (s *stream) Checkpoint(ec core.ExecutionContext) error {
	s.tell("checkpoint")
	ec.Put(s.name, true)
	return s.checkpointErr
}

func (s *stream) Close() error {
	s.tell("close")
	if s.closePanic != "" {
		panic(s.closePanic)
	}
	return s.closeErr
}

// The parts of a step that are streams as well.
type (
	streamReader struct {
		*stream
		source
	}
	streamProcessor struct {
		*stream
		middle
	}
	streamWriter struct {
		*stream
		target
		finishErr error
	}
)

func (r *streamReader) Open(ctx context.Context, ec core.ExecutionContext) error {
	return r.stream.Open(ctx, ec)
}
func (r *streamReader) Checkpoint(ec core.ExecutionContext) error { return r.stream.Checkpoint(ec) }
func (r *streamReader) Close() error                              { return r.stream.Close() }

func (w *streamWriter) Finish(context.Context) error {
	w.tell("finish")
	return w.finishErr
}

// file is a writer that publishes something.
type file struct {
	target
	finished int
}

func (w *file) Finish(context.Context) error {
	w.finished++
	return nil
}

type ensemble struct {
	journal
	reader    *streamReader
	processor *streamProcessor
	writer    *streamWriter
	extra     *stream
}

func newEnsemble() *ensemble {
	e := &ensemble{}
	e.reader = &streamReader{stream: &stream{journal: &e.journal, name: "reader"}, source: source{last: 4}}
	e.processor = &streamProcessor{stream: &stream{journal: &e.journal, name: "processor"}}
	e.writer = &streamWriter{stream: &stream{journal: &e.journal, name: "writer"}}
	e.extra = &stream{journal: &e.journal, name: "extra"}
	return e
}

func (e *ensemble) step() *core.Step {
	return moving(e.reader, e.processor, e.writer,
		chunk.Options{Size: 3, Streams: []core.ItemStream{e.extra, e.writer, e.extra}})
}

// every returns the line for each stream in the order of opening.
func every(what string) []string {
	return []string{what + " reader", what + " processor", what + " writer", what + " extra"}
}

func TestStreams(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*ensemble)
		want   []string // what happens between opening and closing
		status core.BatchStatus
	}{
		{
			name: "CHUNK-51 each is opened, checkpointed with every chunk, and closed once",
			want: append(append(every("checkpoint"), every("checkpoint")...), "finish writer"), status: core.StatusCompleted,
		},
		{
			name:   "CHUNK-43 no checkpoint in a chunk that fails",
			change: func(e *ensemble) { e.writer.failAt = 4 },
			want:   every("checkpoint"), status: core.StatusFailed,
		},
		{
			name:   "STEP-21 a failed checkpoint fails the step",
			change: func(e *ensemble) { e.processor.checkpointErr = errBroken },
			want:   every("checkpoint")[:2], status: core.StatusFailed,
		},
		{
			name:   "a failed finish fails the step",
			change: func(e *ensemble) { e.writer.finishErr = errBroken },
			want:   append(append(every("checkpoint"), every("checkpoint")...), "finish writer"), status: core.StatusFailed,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, e := setup(t), newEnsemble()
			if tt.change != nil {
				tt.change(e)
			}
			se, err := f.run(t.Context(), t, e.step())
			if se.Status != tt.status || (tt.status == core.StatusFailed) != errors.Is(err, errBroken) {
				t.Errorf("status %s, error %v, want %s", se.Status, err, tt.status)
			}
			want := append(append(every("open"), tt.want...), every("close")...)
			if diff := cmp.Diff(want, e.lines); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("STEP-03 a failed open executes nothing and closes what was opened", func(t *testing.T) {
		t.Parallel()
		f, e := setup(t), newEnsemble()
		e.processor.openErr = &core.Error{Kind: core.ErrCheckpointMismatch, Msg: "the input has changed"}
		se, err := f.run(t.Context(), t, e.step())
		if se.Status != core.StatusFailed || !errors.Is(err, core.ErrCheckpointMismatch) || se.Counts != (core.Counts{}) {
			t.Errorf("status %s, error %v, counts %+v", se.Status, err, se.Counts)
		}
		want := []string{"open reader", "open processor", "close reader", "close processor"}
		if diff := cmp.Diff(want, e.lines); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if e.reader.calls > 0 {
			t.Error("something was read")
		}
	})
	t.Run("STEP-07 a failed close is logged and changes nothing", func(t *testing.T) {
		t.Parallel()
		f, e := setup(t), newEnsemble()
		e.reader.closeErr, e.extra.closeErr = errors.New("reader will not close"), errors.New("extra will not close")
		se, err := f.run(t.Context(), t, e.step())
		if se.Status != core.StatusCompleted || se.ExitStatus.Code != core.ExitCodeCompleted || err != nil {
			t.Errorf("status %s, exit %s, error %v", se.Status, se.ExitStatus, err)
		}
		for _, want := range []string{"reader will not close", "extra will not close"} {
			if !strings.Contains(f.log.String(), want) {
				t.Errorf("the log does not say %q:\n%s", want, f.log.String())
			}
		}
	})
	t.Run("STEP-07 a panic in a close is logged and changes nothing, and the others are closed", func(t *testing.T) {
		t.Parallel()
		f, e := setup(t), newEnsemble()
		e.reader.closePanic, e.extra.closePanic = "reader is gone", "extra is gone"
		se, err := f.run(t.Context(), t, e.step())
		if se.Status != core.StatusCompleted || se.ExitStatus.Code != core.ExitCodeCompleted || err != nil {
			t.Errorf("status %s, exit %s, error %v", se.Status, se.ExitStatus, err)
		}
		if diff := cmp.Diff(every("close"), e.lines[len(e.lines)-4:]); diff != "" {
			t.Errorf("the last events (-want +got):\n%s", diff)
		}
		for _, want := range []string{"panic in closing a stream: reader is gone", "panic in closing a stream: extra is gone", "chunk_test.(*stream).Close (streams_test.go:"} {
			if !strings.Contains(f.log.String(), want) {
				t.Errorf("the log does not say %q:\n%s", want, f.log.String())
			}
		}
	})
	t.Run("STEP-07 a panic in a close does not hide why the step failed", func(t *testing.T) {
		t.Parallel()
		f, e := setup(t), newEnsemble()
		e.writer.failAt, e.reader.closePanic = 2, "reader is gone"
		se, err := f.run(t.Context(), t, e.step())
		if se.Status != core.StatusFailed || !errors.Is(err, errBroken) || strings.Contains(se.ExitStatus.Message, "gone") {
			t.Errorf("status %s, exit %s, error %v", se.Status, se.ExitStatus, err)
		}
	})
	t.Run("STEP-02 beforeStep precedes open", func(t *testing.T) {
		t.Parallel()
		f, e := setup(t), newEnsemble()
		step := e.step()
		step.Listener.BeforeStep = func(context.Context, *core.Scope) error {
			e.lines = append(e.lines, "before step")
			return nil
		}
		if _, err := f.run(t.Context(), t, step); err != nil || e.lines[0] != "before step" {
			t.Errorf("error %v, events %v", err, e.lines)
		}
	})
}

// publisher is a writer that looks around when it publishes.
type publisher struct {
	target
	finish func(ctx context.Context) error
}

func (w *publisher) Finish(ctx context.Context) error { return w.finish(ctx) }

func TestFinishComesBeforeCompleted(t *testing.T) {
	t.Parallel()
	t.Run("STEP-55 outputs are finished before COMPLETED is visible", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		var seen []core.BatchStatus
		w := &publisher{finish: func(ctx context.Context) error {
			je, err := f.store.JobExecution(ctx, 1)
			if err != nil {
				return err
			}
			seen = append(seen, je.Status, je.Steps[0].Status)
			return nil
		}}
		se, err := f.run(t.Context(), t, moving(&source{last: 4}, &middle{}, w, chunk.Options{Size: 3}))
		if err != nil || se.Status != core.StatusCompleted {
			t.Fatalf("status %s, error %v", se.Status, err)
		}
		if diff := cmp.Diff([]core.BatchStatus{core.StatusStarted, core.StatusStarted}, seen); diff != "" {
			t.Errorf("another process saw, while the output was finished (-want +got):\n%s", diff)
		}
	})
}

// loose is a stream whose type Go cannot compare.
type loose struct {
	told func(string)
}

func (l loose) Open(context.Context, core.ExecutionContext) error { l.told("open"); return nil }
func (l loose) Checkpoint(core.ExecutionContext) error            { l.told("checkpoint"); return nil }
func (l loose) Close() error                                      { l.told("close"); return nil }

func TestStreamsThatCannotBeCompared(t *testing.T) {
	t.Parallel()
	var lines []string
	l := loose{told: func(line string) { lines = append(lines, line) }}
	p := core.ProcessorFunc[int, int](func(_ context.Context, n int) (int, bool, error) { return n, true, nil })
	_, err := setup(t).run(t.Context(), t, moving(&source{last: 1}, p, &target{},
		chunk.Options{Streams: []core.ItemStream{l}}))
	if diff := cmp.Diff([]string{"open", "checkpoint", "close"}, lines); err != nil || diff != "" {
		t.Errorf("error %v, events (-want +got):\n%s", err, diff)
	}
}

// What a listener puts into the context before the step, the streams find.
func TestBeforeStepPreparesTheContext(t *testing.T) {
	t.Parallel()
	f := setup(t)
	r := &source{last: 10}
	step := moving(r, &middle{}, &target{}, chunk.Options{})
	step.Listener.BeforeStep = func(_ context.Context, s *core.Scope) error {
		s.Context.Put("source.position", int64(7))
		return nil
	}
	se, err := f.run(t.Context(), t, step)
	if err != nil || se.Counts.Read != 3 {
		t.Errorf("%d items were read, error %v, want those behind the 7th", se.Counts.Read, err)
	}
}
