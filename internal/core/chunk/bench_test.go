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

func execute(tb testing.TB, items, size int) {
	tb.Helper()
	je := &core.JobExecution{ID: 1}
	s := &core.Scope{
		Run:  &core.Run{Job: &core.Job{Name: "bench"}, Execution: je, Repo: void{}},
		Step: &core.StepExecution{ID: 1, JobExecution: je, StepName: stepName},
	}
	w := &summing{}
	body := chunk.New(core.ItemReader[record](&counting{left: items}), charging{}, core.ItemWriter[record](w),
		chunk.Options{Size: size})
	if _, err := body.Execute(context.Background(), s); err != nil {
		tb.Fatal(err)
	}
	if w.fees != int64(items)*10 {
		tb.Fatalf("fees of %d, want %d", w.fees, items*10)
	}
}

func TestItemsAllocateNothing(t *testing.T) { // not parallel: it counts allocations
	few := testing.AllocsPerRun(5, func() { execute(t, 100*10, 10) })
	many := testing.AllocsPerRun(5, func() { execute(t, 100*1000, 1000) })
	if many > few+1 {
		t.Errorf("100 chunks of 10 items allocate %.0f times, of 1000 items %.0f times: want the same", few, many)
	}
	if perChunk := few / 100; perChunk > 12 {
		t.Errorf("a chunk allocates %.1f times, want 12 at most", perChunk)
	}
}

func BenchmarkBody(b *testing.B) {
	const items = 100_000
	b.ReportAllocs()
	for b.Loop() {
		execute(b, items, chunk.DefaultSize)
	}
	b.ReportMetric(float64(b.N)*items/b.Elapsed().Seconds(), "rows/s")
}
