package chunk_test

import (
	"context"
	"io"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
)

// The bare machinery: nothing is parsed, nothing stored.

type record struct {
	id, amount, fee    int64
	merchant, currency string
}

type counting struct{ left int }

func (r *counting) Read(_ context.Context, dst []record) (int, error) {
	n := min(len(dst), r.left)
	for i := range dst[:n] {
		dst[i] = record{id: int64(i), amount: 1000, merchant: "m", currency: "KRW"}
	}
	r.left -= n
	if r.left == 0 {
		return n, io.EOF
	}
	return n, nil
}

type charging struct{}

func (charging) Process(_ context.Context, in record) (record, bool, error) {
	in.fee = in.amount / 100
	return in, in.currency != "", nil
}

type summing struct{ fees int64 }

func (w *summing) Write(_ context.Context, c *core.Chunk[record]) error {
	for i := range c.Items {
		w.fees += c.Items[i].fee
	}
	return nil
}

// void is a repository without a disk, to weigh the body alone.
type void struct{ core.JobRepository }

func (v void) Begin(context.Context, *core.JobExecution) (core.Tx, error) { return v, nil }
func (void) Savepoint(context.Context) error                              { return nil }
func (void) RollbackToSavepoint(context.Context) error                    { return nil }
func (void) UpdateStepExecution(_ context.Context, se *core.StepExecution) error {
	se.Version++
	return nil
}

func (void) JobStatus(context.Context, int64) (core.BatchStatus, error) {
	return core.StatusStarted, nil
}
func (void) UpdateJobExecution(context.Context, *core.JobExecution) error   { return nil }
func (void) CreateStepExecution(context.Context, *core.StepExecution) error { return nil }
func (void) Commit() error                                                  { return nil }
func (void) Rollback() error                                                { return nil }

// variant is a way to run the body; the zero value has nothing.
type variant struct {
	options chunk.Options
	listen  chunk.Listener[record, record]
	repo    core.JobRepository
}

// unused are policies that nothing gives occasion to.
func unused() variant {
	return variant{options: chunk.Options{Skip: skipping(10), Retry: retrying(3)}}
}

func withRejects(v variant) variant {
	v.options.Rejects = rejecting(func(core.Reject) error { return errBroken })
	return v
}

func execute(tb testing.TB, items, size int, v variant) {
	tb.Helper()
	if v.repo == nil {
		v.repo = void{}
	}
	je := &core.JobExecution{ID: 1}
	s := &core.Scope{
		Run:  &core.Run{Job: &core.Job{Name: "bench"}, Execution: je, Repo: v.repo},
		Step: &core.StepExecution{ID: 1, JobExecution: je, StepName: stepName},
	}
	w := &summing{}
	v.options.Size = size
	body := chunk.New(core.ItemReader[record](&counting{left: items}), charging{}, core.ItemWriter[record](w), v.options).Listen(v.listen)
	if _, err := body.Execute(context.Background(), s); err != nil {
		tb.Fatal(err)
	}
	if w.fees != int64(items)*10 {
		tb.Fatalf("fees of %d, want %d", w.fees, items*10)
	}
}

func TestItemsAllocateNothing(t *testing.T) { // not parallel: it counts allocations
	plain := testing.AllocsPerRun(5, func() { execute(t, 100*10, 10, variant{}) })
	if perChunk := plain / 100; perChunk > 12 {
		t.Errorf("a chunk allocates %.1f times, want 12 at most", perChunk)
	}
	for _, tt := range []struct {
		name    string
		variant variant
		most    float64 // allocations of a chunk besides those of a plain one
	}{
		{"plain", variant{}, 0},
		{"one thread", variant{options: chunk.Options{Threads: 1}}, 0},
		{"policies that are not used", unused(), 1}, // the changes to the job's context are kept
		{"listeners that hear nothing", variant{listen: chunk.Join(chunk.Listener[record, record]{}, chunk.Listener[record, record]{})}, 0},
		{"rejects that nothing comes to", withRejects(unused()), 1},
	} {
		few := testing.AllocsPerRun(5, func() { execute(t, 100*10, 10, tt.variant) })
		many := testing.AllocsPerRun(5, func() { execute(t, 100*1000, 1000, tt.variant) })
		if grown := 12.0; many > few+grown { // the buffers grow, however many chunks there are
			t.Errorf("%s: 100 chunks of 10 items allocate %.0f times, of 1000 items %.0f times: want the same", tt.name, few, many)
		}
		if more := (few - plain) / 100; more > tt.most+0.1 {
			t.Errorf("%s: a chunk allocates %.2f times more than a plain one, want %.0f", tt.name, more, tt.most)
		}
	}
}

// A chunk in which nothing fails makes one transaction and no savepoint,
// whatever it is prepared for.
func TestTransactionsOfAHealthyChunk(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]variant{"plain": {}, "policies that are not used": unused()} {
		repo := open{begun: new(int), ended: new(int), savepoints: new(int)}
		v.repo = repo
		execute(t, 1000, 10, v)
		if *repo.begun != 100 || *repo.ended != 100 || *repo.savepoints != 0 {
			t.Errorf("%s: 100 chunks make %d transactions and %d savepoints", name, *repo.begun, *repo.savepoints)
		}
	}
}

// BenchmarkBody weighs what is not used against the plain body.
func BenchmarkBody(b *testing.B) {
	const items = 100_000
	told := int64(0)
	for _, bb := range []struct {
		name    string
		variant variant
	}{
		{"plain", variant{}},
		{"policies unused", unused()},
		{"one thread", variant{options: chunk.Options{Threads: 1}}},
		{"listener of chunks", variant{listen: chunk.Listener[record, record]{
			AfterChunk: func(context.Context) error { told++; return nil },
		}}},
		{"listener of items", variant{listen: chunk.Listener[record, record]{
			AfterProcess: func(context.Context, *record, *record) error { told++; return nil },
		}}},
		{"two threads", variant{options: chunk.Options{Threads: 2}}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				execute(b, items, chunk.DefaultSize, bb.variant)
			}
			b.ReportMetric(float64(b.N)*items/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
