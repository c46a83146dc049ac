//go:build crash

package crashtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
	"github.com/batchctl/batchctl/internal/jobs/rejects"
)

const rejectsFile = "rejects.jsonl"

// Of fifty rows of a faulty source one cannot be read, one not be processed and
// one not be written.
const (
	faultEvery   = 50
	faultRead    = 7
	faultProcess = 13
	faultWrite   = 23
)

// faultOf returns the phase in which a row of a faulty source is refused, or "".
func faultOf(id int) string {
	switch id % faultEvery {
	case faultRead:
		return core.PhaseRead
	case faultProcess:
		return core.PhaseProcess
	case faultWrite:
		return core.PhaseWrite
	}
	return ""
}

// skipping binds the step that moves a faulty CSV file and skips what is bad.
func skipping(write bindPart) func(string, *core.Scope) (core.StepBody, error) {
	return func(dir string, s *core.Scope) (core.StepBody, error) {
		return skippingFrom(sourceConfig(dir), dir, rejectsFile, s, write)
	}
}

// skippingFrom is skipping for a file, or a part of one, and its rejects.
func skippingFrom(source csvfile.ReaderConfig, dir, to string, s *core.Scope, write bindPart) (core.StepBody, error) {
	p := parts{reader: csvfile.NewReader(source, parseItem)}
	if err := write(dir, s, &p); err != nil {
		return nil, err
	}
	process := func(ctx context.Context, in item) (item, bool, error) {
		if faultOf(int(in.id)) == core.PhaseProcess {
			return in, false, core.Classified(core.ClassProcessValidation, errors.New("refused on purpose"))
		}
		return double(ctx, in)
	}
	return chunk.New(p.reader, core.ProcessorFunc[item, item](process), p.writer, chunk.Options{
		Size: chunkSize, Streams: p.streams,
		Skip: core.LimitSkipPolicy{
			ErrorClasses: core.ErrorClasses{Include: []string{
				core.ClassReadParse, core.ClassProcessValidation, core.ClassWriteConstraint,
			}},
			Max: core.NoSkipLimit,
		},
		Retry: core.BackoffRetryPolicy{
			ErrorClasses: core.ErrorClasses{Include: []string{core.ClassWriteConstraint}}, Max: 1, Backoff: time.Millisecond,
		},
		Rejects: rejects.New(rejects.Config{Path: filepath.Join(dir, to), Scope: s}),
	}), nil
}

// Of the items one in busyItem fails at first, of the chunks one in busyChunk,
// when it is in the file and not yet in the database.
const (
	busyItem  = 35
	busyChunk = 3
)

// retrying binds the step that moves the CSV file to two outputs on several
// threads, in spite of errors that pass.
func retrying(dir string, s *core.Scope) (core.StepBody, error) {
	var p parts
	if err := errors.Join(readCSV(dir, s, &p), writeSink(dir, s, &p)); err != nil {
		return nil, err
	}
	writer, err := chunk.Tee[item](csvWriter(dir, s), &busyWriter{}, p.writer)
	if err != nil {
		return nil, err
	}
	var seen sync.Map // items that have failed
	process := func(ctx context.Context, in item) (item, bool, error) {
		if in.id%busyItem == 0 {
			if _, again := seen.LoadOrStore(in.id, true); !again {
				return in, false, errBusy
			}
		}
		return double(ctx, in)
	}
	return chunk.New(p.reader, core.ProcessorFunc[item, item](process), writer, chunk.Options{
		Size: chunkSize, Streams: p.streams, Threads: 3,
		Retry: core.BackoffRetryPolicy{ErrorClasses: core.ErrorClasses{Include: []string{core.ClassWriteBusy}}, Max: 1, Backoff: time.Millisecond},
	}), nil
}

var errBusy = core.Classified(core.ClassWriteBusy, errors.New("busy on purpose"))

// busyWriter writes nothing, and refuses some chunks once, which the writer
// before it has written then.
type busyWriter struct{ last int64 }

func (b *busyWriter) Write(_ context.Context, c *core.Chunk[item]) error {
	if c.Seq%busyChunk != 0 || c.Seq == b.last {
		return nil
	}
	b.last = c.Seq
	return errBusy
}

// verifyRetried checks that what was refused was undone, and counted with the
// chunk. A sink's checkpoint has no rollbacks: those of a chunk that is in the sink
// and not in the repository go with the attempt that died in between.
func verifyRetried(ctx context.Context, tr *trial) error {
	want, got := (tr.rows+chunkSize-1)/chunkSize/busyChunk, 0
	err := tr.query(ctx, repositoryFile, "SELECT SUM(ROLLBACK_COUNT) + SUM(STATUS <> 'COMPLETED') FROM BATCH_STEP_EXECUTION", &got)
	if err == nil && got < want {
		err = fmt.Errorf("%d rollbacks and deaths, want %d at least: a write was not tried again", got, want)
	}
	return err
}

// verifyRejects checks that every bad row is kept once.
func (tr *trial) verifyRejects() error {
	files, err := filepath.Glob(tr.path("rejects*.jsonl"))
	if err != nil {
		return err
	}
	var got, want []string
	for _, file := range files {
		err := tr.eachLine(filepath.Base(file), func(line string) error {
			var r struct {
				Phase string `json:"phase"`
				Line  int    `json:"line"`
				Raw   string `json:"raw"`
			}
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				return err
			}
			got = append(got, fmt.Sprintf("%07d %s %s", r.Line, r.Phase, r.Raw))
			return nil
		})
		if err != nil {
			return err
		}
	}
	for i := 1; i <= tr.rows; i++ {
		if phase := faultOf(i); phase != "" {
			want = append(want, fmt.Sprintf("%07d %s %s", i+1, phase, tr.line(i)))
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		return fmt.Errorf("%s: %s", rejectsFile, firstDifference(strings.Join(got, "\n"), strings.Join(want, "\n")))
	}
	return nil
}
