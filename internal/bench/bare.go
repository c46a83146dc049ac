package bench

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/core/flow"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/core/partition"
	"github.com/batchctl/batchctl/internal/jobs/rejects"
)

// BareChunk is how many numbers a chunk of a Bare has: so many that they weigh as
// much as its commit.
const BareChunk = 10_000

// Bare is a way to run a job of one chunk step that adds numbers up. Nothing is
// parsed and no row is written but the repository's own, so that the machinery
// weighs most. The first of Bares has nothing, and is what the others are
// compared with.
type Bare struct {
	Name string
	// Adds says which write transactions there are besides those of the plain job.
	Adds []string
	// options are told to the step; nil means none.
	options func(s *core.Scope) chunk.Options
	// around makes the job of the step; nil makes a simple one.
	around func(step *core.Step) *core.Job
	listen bool
}

// Bares returns the ways to add numbers up.
func Bares() []Bare {
	return append([]Bare{
		{Name: "plain"},
		{Name: "skip, retry and rejects", options: tolerant},
		{Name: "one thread", options: func(*core.Scope) chunk.Options { return chunk.Options{Threads: 1} }},
		{Name: "listeners that hear nothing", listen: true},
	}, structures()...)
}

// structures returns those that differ in what is around the step.
func structures() []Bare {
	never := core.Transition{On: "NEVER*", To: core.ToFail}
	return []Bare{
		{Name: "flow with transitions", around: func(step *core.Step) *core.Job {
			return &core.Job{Flow: []core.Element{{Step: step, Transitions: []core.Transition{never, {On: "COMPLETED", To: core.ToEnd}}}}}
		}},
		{Name: "split of one branch", around: func(step *core.Step) *core.Job {
			return &core.Job{Flow: []core.Element{{Name: "split", Split: []core.Element{{Step: step}}}}}
		}},
		{Name: "flow step", Adds: []string{"its start", "its end"}, around: func(step *core.Step) *core.Job {
			return &core.Job{Steps: []*core.Step{flow.Step("outer", core.Element{Step: step})}}
		}},
		{Name: "partition of one part", Adds: []string{"its start", "its plan", "its end"}, around: func(step *core.Step) *core.Job {
			return &core.Job{Steps: []*core.Step{partition.Step("outer", step, partition.Count(), partition.Options{Grid: 1})}}
		}},
		{
			Name: "job step", Adds: []string{"its start", "the child's parameters", "the child's launch", "the child's end", "its end"},
			around: func(step *core.Step) *core.Job {
				child := &core.Job{Name: "child", Steps: []*core.Step{step}}
				return &core.Job{Steps: []*core.Step{launch.JobStep("outer", child, nil)}}
			},
		},
	}
}

// tolerant has all that is there for bad items.
func tolerant(s *core.Scope) chunk.Options {
	every := core.ErrorClasses{Include: []string{core.PhaseRead, core.PhaseProcess, core.PhaseWrite}}
	return chunk.Options{
		Skip:    core.LimitSkipPolicy{ErrorClasses: every, Max: core.DefaultSkipLimit, MaxPercent: 1},
		Retry:   core.BackoffRetryPolicy{ErrorClasses: every, Max: 3, Backoff: time.Second},
		Rejects: rejects.New(rejects.Config{Path: filepath.Join(s.Dir, "rejects.jsonl"), Scope: s}),
	}
}

// Run adds up the numbers below n on a repository of its own at dbPath, and
// returns what the whole job took. Another sum than theirs is an error.
func (b Bare) Run(ctx context.Context, dbPath string, n int64, now func() time.Time) (Cost, error) {
	var total sum
	step := chunk.Step("addUp", func(s *core.Scope) (core.StepBody, error) {
		var o chunk.Options
		if b.options != nil {
			o = b.options(s)
		}
		o.Size = BareChunk
		body := chunk.New(core.ItemReader[int64](&numbers{end: n}), chunk.PassThrough[int64](), core.ItemWriter[int64](&total), o)
		if b.listen {
			body.Listen(chunk.Join(chunk.Listener[int64, int64]{}, chunk.Listener[int64, int64]{}))
		}
		return body, nil
	})
	job := &core.Job{Steps: []*core.Step{step}}
	if b.around != nil {
		job = b.around(step)
	}
	job.Name = "bare"
	if b.listen {
		step.Listener = core.Join(core.Listener{}, core.Listener{})
		job.Listener = step.Listener
	}
	c, err := run(ctx, job, dbPath, nil, now)
	c.Records = total.count
	if want := n * (n - 1) / 2; err == nil && (total.count != n || total.value != want) {
		return c, fmt.Errorf("%s: %d numbers with the sum %d, want %d with %d", b.Name, total.count, total.value, n, want)
	}
	return c, err
}

// numbers reads the numbers below end.
type numbers struct{ next, end int64 }

// Read implements core.ItemReader.
func (r *numbers) Read(_ context.Context, dst []int64) (int, error) {
	n := min(len(dst), int(r.end-r.next))
	for i := range dst[:n] {
		dst[i] = r.next
		r.next++
	}
	if r.next == r.end {
		return n, io.EOF
	}
	return n, nil
}

// sum adds up what is written.
type sum struct{ count, value int64 }

// Write implements core.ItemWriter.
func (w *sum) Write(_ context.Context, c *core.Chunk[int64]) error {
	for _, n := range c.Items {
		w.value += n
	}
	w.count += int64(len(c.Items))
	return nil
}
