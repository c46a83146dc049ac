package chunk_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

const stepName = "move"

// token returns 32 random hexadecimal digits.
func token() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// fixture is a repository with a table of numbers in it.
type fixture struct {
	store *sqlite.Store
	repo  core.JobRepository // store, or a wrapper around it
	log   bytes.Buffer
	stop  *core.Stop
	now   func() time.Time // nil: time.Now

	execution int64 // that was launched last
}

func setup(t *testing.T) *fixture {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "batch.db"), sqlite.Options{Now: time.Now, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return &fixture{store: store, repo: store}
}

// run launches a job of one step, and again after a failure restarts it. It
// returns the step's row and what the run returned.
func (f *fixture) run(ctx context.Context, t *testing.T, step *core.Step) (*core.StepExecution, error) {
	t.Helper()
	return f.runJob(ctx, t, &core.Job{Name: "numbers", Steps: []*core.Step{step}})
}

func (f *fixture) runJob(ctx context.Context, t *testing.T, job *core.Job) (*core.StepExecution, error) {
	t.Helper()
	job.Listener.BeforeStep = createTable
	je, err := f.repo.CreateJobExecution(t.Context(), core.Launch{JobName: job.Name})
	if errors.Is(err, core.ErrJobInstanceAlreadyComplete) {
		return nil, err
	}
	if err != nil {
		t.Fatal(err)
	}
	f.execution = je.ID
	if f.stop == nil {
		f.stop = core.NewStop()
	}
	now := time.Now
	if f.now != nil {
		now = f.now
	}
	r := &core.Run{
		Job: job, Execution: je, Repo: f.repo, Body: only{}, Stop: f.stop, Now: now,
		Log:   slog.New(slog.NewTextHandler(&f.log, nil)),
		Token: token,
	}
	runErr := engine.Run(ctx, r)
	if err := f.repo.Release(je); err != nil {
		t.Error(err)
	}
	f.stop = nil
	se, err := f.store.LastStepExecution(t.Context(), je.Instance.ID, stepName)
	if err != nil && !errors.Is(err, core.ErrNoSuchStepExecution) { // it may have died before
		t.Fatal(err)
	}
	return se, runErr
}

// only is the body of a job of one step.
type only struct{}

func (only) Execute(ctx context.Context, r *core.Run) (core.BatchStatus, core.ExitStatus, error) {
	se, _, err := r.Steps.RunStep(ctx, r, r.Job.Steps[0], nil)
	if err != nil {
		return core.StatusFailed, core.ExitStatus{Code: core.ExitCodeFailed, Message: err.Error()}, err
	}
	return se.Status, se.ExitStatus, se.Failure
}

// execer is what the store's transactions can do.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func createTable(ctx context.Context, s *core.Scope) error {
	tx, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.(execer).ExecContext(ctx, "CREATE TABLE IF NOT EXISTS number (n INTEGER PRIMARY KEY, chunk INTEGER)"); err != nil {
		return err
	}
	return tx.Commit()
}

// numbers returns what the table holds, and the chunk of each.
func (f *fixture) numbers(t *testing.T) (numbers, chunks []int) {
	t.Helper()
	rows, err := f.store.QueryContext(t.Context(), "SELECT n, chunk FROM number ORDER BY n")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var n, c int
		if err := rows.Scan(&n, &c); err != nil {
			t.Fatal(err)
		}
		numbers, chunks = append(numbers, n), append(chunks, c)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return numbers, chunks
}

func upTo(n int) []int {
	var all []int
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

var errBroken = errors.New("this one is broken")

// source reads the numbers 1 to last and keeps its position.
type source struct {
	last     int
	most     int // items of one call; 0: any number
	failAt   int // this item cannot be read
	position int
	calls    int
	afterEnd int
	ended    bool
	events   []string
}

func (r *source) Read(_ context.Context, dst []int) (int, error) {
	r.calls++
	if r.ended {
		r.afterEnd++
	}
	if r.most > 0 && len(dst) > r.most {
		dst = dst[:r.most]
	}
	for n := range dst {
		if r.position == r.last {
			r.ended = true
			return n, io.EOF
		}
		r.position++
		if r.position == r.failAt {
			return n, errBroken
		}
		dst[n] = r.position
	}
	return len(dst), nil
}

func (r *source) Open(_ context.Context, ec core.ExecutionContext) error {
	r.events = append(r.events, "open")
	position, _, err := ec.Int64("source.position")
	r.position = int(position)
	return err
}

func (r *source) Checkpoint(ec core.ExecutionContext) error {
	r.events = append(r.events, "checkpoint")
	ec.Put("source.position", int64(r.position))
	return nil
}

func (r *source) Close() error {
	r.events = append(r.events, "close")
	return nil
}

// middle filters, fails or passes numbers.
type middle struct {
	filter  []int
	failAt  int
	panicAt int
	calls   int
}

func (p *middle) Process(_ context.Context, n int) (int, bool, error) {
	p.calls++
	switch n {
	case p.failAt:
		return 0, false, errBroken
	case p.panicAt:
		panic("no such number")
	}
	return n, !slices.Contains(p.filter, n), nil
}

// target inserts numbers into the table.
type target struct {
	failAt  int
	panicAt int
	calls   int
	onWrite func()
}

func (w *target) Write(ctx context.Context, c *core.Chunk[int]) error {
	w.calls++
	for _, n := range c.Items {
		switch n {
		case w.failAt:
			return errBroken
		case w.panicAt:
			panic("no such number")
		}
		if _, err := c.Tx.(execer).ExecContext(ctx, "INSERT INTO number VALUES (?, ?)", n, c.Seq); err != nil {
			return err
		}
	}
	if w.onWrite != nil {
		w.onWrite()
	}
	return nil
}

// moving is a step of these parts.
func moving(r core.ItemReader[int], p core.ItemProcessor[int, int], w core.ItemWriter[int], o chunk.Options) *core.Step {
	return chunk.Step(stepName, func(*core.Scope) (core.StepBody, error) { return chunk.New(r, p, w, o), nil })
}

// quiet logs to nobody.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
