package partition_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/flow"
	"github.com/batchctl/batchctl/internal/core/partition"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBoom = errors.New("boom")

// bundle is a real repository and what a run needs beside it.
type bundle struct {
	t     *testing.T
	path  string
	store *sqlite.Store
	repo  *counting
	steps core.StepRunner
	body  core.JobBody
	stop  *core.Stop
	clock atomic.Int64
}

func setup(t *testing.T) *bundle {
	t.Helper()
	return setupAt(t, filepath.Join(t.TempDir(), "batch.db"))
}

func setupAt(t *testing.T, path string) *bundle {
	t.Helper()
	b := &bundle{t: t, path: path, steps: engine.Steps{}, body: flow.Body{}, stop: core.NewStop()}
	b.open()
	return b
}

// open opens the repository as another process would.
func (b *bundle) open() {
	b.t.Helper()
	store, err := sqlite.Open(context.Background(), b.path, sqlite.Options{Now: b.now})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := store.Close(); err != nil {
			b.t.Error(err)
		}
	})
	b.store, b.repo = store, &counting{JobRepository: store}
}

// now is a clock that moves by a millisecond each time it is looked at.
func (b *bundle) now() time.Time {
	return time.Date(2021, 1, 1, 3, 0, 0, 0, time.UTC).Add(time.Duration(b.clock.Add(1)) * time.Millisecond)
}

// token returns 32 random hexadecimal digits.
func token() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (b *bundle) launch(job *core.Job) *core.Run {
	b.t.Helper()
	if err := job.Check(); err != nil {
		b.t.Fatal(err)
	}
	je, err := b.repo.CreateJobExecution(b.t.Context(), core.Launch{JobName: job.Name})
	if err != nil {
		b.t.Fatal(err)
	}
	return &core.Run{
		Job: job, Execution: je, Repo: b.repo, Steps: b.steps, Body: b.body, Stop: b.stop, Now: b.now,
		Databases: sqlite.Databases{}, Log: slog.New(slog.NewTextHandler(&bytes.Buffer{}, nil)),
		Token: token,
	}
}

// run runs a job of these steps, or restarts it, and returns what is stored
// then.
func (b *bundle) run(steps ...*core.Step) (*core.JobExecution, error) {
	b.t.Helper()
	return b.runJob(b.t.Context(), &core.Job{Name: "nightly", Steps: steps})
}

func (b *bundle) runJob(ctx context.Context, job *core.Job) (*core.JobExecution, error) {
	b.t.Helper()
	r := b.launch(job)
	err := engine.Run(ctx, r)
	if err := b.repo.Release(r.Execution); err != nil {
		b.t.Fatal(err)
	}
	je, readErr := b.store.JobExecution(context.Background(), r.Execution.ID)
	if readErr != nil {
		b.t.Fatal(readErr)
	}
	return je, err
}

// complete is run for a run that must complete.
func (b *bundle) complete(steps ...*core.Step) *core.JobExecution {
	b.t.Helper()
	je, err := b.run(steps...)
	if err != nil {
		b.t.Fatal(err)
	}
	return je
}

// last reads the newest execution of a step back, with its context.
func (b *bundle) last(step string) *core.StepExecution {
	b.t.Helper()
	se, err := b.store.LastStepExecution(context.Background(), 1, step)
	if err != nil {
		b.t.Fatal(err)
	}
	return se
}

// exec changes the database as another program would.
func (b *bundle) exec(query string, args ...any) {
	b.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+b.path+"?_busy_timeout=10000")
	if err != nil {
		b.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(b.t.Context(), query, args...); err != nil {
		b.t.Fatalf("%s: %v", query, err)
	}
}

// numbers returns the first column of a query, in order.
func (b *bundle) numbers(query string) (all []int64) {
	b.t.Helper()
	rows, err := b.store.QueryContext(context.Background(), query)
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			b.t.Fatal(err)
		}
		all = append(all, n)
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	return all
}

// counting counts what the repository is asked.
type counting struct {
	core.JobRepository
	partitions, lasts, begins atomic.Int64

	wrap func(core.Tx) core.Tx // of every transaction; nil: none
	fail error                 // of PartitionExecutions
}

func (c *counting) PartitionExecutions(ctx context.Context, id int64, step string) (map[string]*core.StepExecution, error) {
	c.partitions.Add(1)
	if c.fail != nil {
		return nil, c.fail
	}
	return c.JobRepository.PartitionExecutions(ctx, id, step)
}

func (c *counting) LastStepExecution(ctx context.Context, id int64, step string) (*core.StepExecution, error) {
	c.lasts.Add(1)
	return c.JobRepository.LastStepExecution(ctx, id, step)
}

func (c *counting) Begin(ctx context.Context, je *core.JobExecution) (core.Tx, error) {
	c.begins.Add(1)
	tx, err := c.JobRepository.Begin(ctx, je)
	if err == nil && c.wrap != nil {
		tx = c.wrap(tx)
	}
	return tx, err
}

// states renders the rows as "NAME STATUS/EXIT", sorted by name.
func states(je *core.JobExecution) []string {
	all := []string{"job " + je.Status.String() + "/" + je.ExitStatus.Code}
	for _, se := range je.Steps {
		all = append(all, fmt.Sprintf("%s %s/%s", se.StepName, se.Status, se.ExitStatus.Code))
	}
	slices.Sort(all[1:])
	return all
}

func wantStates(t *testing.T, je *core.JobExecution, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, states(je)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func wantError(t *testing.T, err, kind error, says string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got error %v, want one that is %q", err, kind)
	}
	if !bytes.Contains([]byte(err.Error()), []byte(says)) {
		t.Errorf("got error %q, want one that says %q", err, says)
	}
}

// called keeps the names of the parts that were bound, sorted when asked for.
type called struct {
	mu    sync.Mutex
	parts []string
}

func (c *called) add(part string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parts = append(c.parts, part)
}

// take returns what was called since, sorted.
func (c *called) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	parts := slices.Sorted(slices.Values(c.parts))
	c.parts = nil
	return parts
}

// tasklet is a worker of one tasklet.
func tasklet(f core.TaskletFunc) *core.Step { return engine.TaskletStep("worker", f) }

// doing is a worker that notes its part, and fails those for which fail holds
// an error.
func doing(c *called, fail map[string]error) *core.Step {
	fail = maps.Clone(fail)
	return tasklet(func(_ context.Context, s *core.Scope, contribution *core.StepContribution) (core.RepeatStatus, error) {
		c.add(s.Partition())
		s.Context.Put("ran", s.Partition())
		contribution.Read = 2
		return core.Finished, fail[s.Partition()]
	})
}

// parts is a partitioner of these names.
func parts(names ...string) core.Partitioner {
	return core.PartitionerFunc(func(context.Context, *core.Scope, int) ([]core.Partition, error) {
		all := make([]core.Partition, len(names))
		for i, name := range names {
			all[i] = core.Partition{Name: name, Context: core.ExecutionContext{"name": name}}
		}
		return all, nil
	})
}

// never is a partitioner that must not be asked.
func never(t *testing.T) core.Partitioner {
	t.Helper()
	return core.PartitionerFunc(func(context.Context, *core.Scope, int) ([]core.Partition, error) {
		t.Error("the partitioner was asked on a restart")
		return nil, errBoom
	})
}

// numbers reads KeyMin to KeyMax of its part, and keeps its position.
type numbers struct {
	next, last int64
	stop       func(n int64) error // nil: never
}

func newNumbers(s *core.Scope, stop func(n int64) error) (*numbers, error) {
	first, _, err := s.Context.Int64(partition.KeyMin)
	last, _, err2 := s.Context.Int64(partition.KeyMax)
	return &numbers{next: first, last: last, stop: stop}, errors.Join(err, err2)
}

func (r *numbers) Read(_ context.Context, dst []int64) (int, error) {
	for i := range dst {
		if r.next > r.last {
			return i, io.EOF
		}
		if r.stop != nil {
			if err := r.stop(r.next); err != nil {
				return i, err
			}
		}
		dst[i] = r.next
		r.next++
	}
	return len(dst), nil
}

func (r *numbers) Open(_ context.Context, ec core.ExecutionContext) error {
	next, ok, err := ec.Int64("next")
	if ok {
		r.next = next
	}
	return err
}

func (r *numbers) Checkpoint(ec core.ExecutionContext) error {
	ec.Put("next", r.next)
	return nil
}

func (r *numbers) Close() error { return nil }

// moving is a worker that moves the numbers of its part to a writer, three a
// chunk.
func moving(stop func(n int64) error, writer func(s *core.Scope) (core.ItemWriter[int64], error)) *core.Step {
	return chunk.Step("worker", func(s *core.Scope) (core.StepBody, error) {
		r, err := newNumbers(s, stop)
		if err != nil {
			return nil, err
		}
		w, err := writer(s)
		return chunk.New(r, chunk.PassThrough[int64](), w, chunk.Options{Size: 3}), err
	})
}

func upTo(n int64) []int64 {
	all := make([]int64, n)
	for i := range all {
		all[i] = int64(i) + 1
	}
	return all
}

// discarding is a writer of nothing.
type discarding struct{}

func (discarding) Write(context.Context, *core.Chunk[int64]) error { return nil }

func discard(*core.Scope) (core.ItemWriter[int64], error) { return discarding{}, nil }

func runAndRelease(b *bundle, r *core.Run) error {
	b.t.Helper()
	err := engine.Run(b.t.Context(), r)
	if err := b.repo.Release(r.Execution); err != nil {
		b.t.Fatal(err)
	}
	return err
}
