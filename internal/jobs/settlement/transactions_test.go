package settlement_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// counting counts the write transactions that commit.
type counting struct {
	*sqlite.Store
	commits atomic.Int64
}

func (c *counting) CreateJobExecution(ctx context.Context, l core.Launch) (*core.JobExecution, error) {
	je, err := c.Store.CreateJobExecution(ctx, l)
	if err == nil {
		c.commits.Add(1)
	}
	return je, err
}

func (c *counting) Begin(ctx context.Context, je *core.JobExecution) (core.Tx, error) {
	tx, err := c.Store.Begin(ctx, je)
	if err != nil {
		return nil, err
	}
	return &countingTx{tx.(sqlTx), &c.commits}, nil
}

type sqlTx interface {
	core.Tx
	execer
}

type countingTx struct {
	sqlTx
	commits *atomic.Int64
}

func (tx *countingTx) Commit() error {
	err := tx.sqlTx.Commit()
	if err == nil {
		tx.commits.Add(1)
	}
	return err
}

func TestWriteTransactions(t *testing.T) {
	t.Parallel()
	for date, want := range map[string]int64{
		// launch; 3 tasklets of 2; settleTransactions 2 + 5; writeReport 2 + 1; end
		"2021-01-01": 1 + 3*2 + (2 + 5) + (2 + 1) + 1,
		// nothing to settle: launch, verifyInput, end
		"2021-01-03": 1 + 2 + 1,
	} {
		t.Run(date, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			repo := &counting{Store: b.store}
			b.launcher.Repo = repo
			b.mustRun(t, date)
			if got := repo.commits.Load(); got != want {
				t.Errorf("%d write transactions, want %d", got, want)
			}
		})
	}
}
