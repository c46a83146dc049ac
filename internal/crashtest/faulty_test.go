//go:build crash

package crashtest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
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
		var p parts
		if err := readCSV(dir, s, &p); err != nil {
			return nil, err
		}
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
			Rejects: rejects.New(rejects.Config{Path: filepath.Join(dir, rejectsFile), Scope: s}),
		}), nil
	}
}

// verifyRejects checks that every bad row is kept once.
func (tr *trial) verifyRejects() (err error) {
	f, err := os.Open(tr.path(rejectsFile))
	if err != nil {
		return err
	}
	defer f.Close()
	var got, want []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var r struct {
			Phase string `json:"phase"`
			Line  int    `json:"line"`
			Raw   string `json:"raw"`
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return fmt.Errorf("%s: %w", rejectsFile, err)
		}
		got = append(got, fmt.Sprintf("%07d %s %s", r.Line, r.Phase, r.Raw))
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
	return lines.Err()
}
