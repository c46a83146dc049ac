package bench

import (
	"context"
	"sync/atomic"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// Cost is what a job or its step took, and how many write transactions the job
// began.
type Cost struct {
	Usage
	Transactions int64
}

// beginning counts the write transactions that are begun.
type beginning struct {
	*sqlite.Store
	begun atomic.Int64
}

// CreateJobExecution implements core.JobRepository.
func (r *beginning) CreateJobExecution(ctx context.Context, l core.Launch) (*core.JobExecution, error) {
	r.begun.Add(1)
	return r.Store.CreateJobExecution(ctx, l)
}

// Begin implements core.JobRepository.
func (r *beginning) Begin(ctx context.Context, je *core.JobExecution) (core.Tx, error) {
	r.begun.Add(1)
	return r.Store.Begin(ctx, je)
}
