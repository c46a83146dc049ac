package sqlrepo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
)

// Repository is a core.JobRepository on two pools: one connection that writes
// and begins with the write lock, and others that only read.
type Repository struct {
	*Explorer
	writer *sql.DB

	mu    sync.Mutex
	stmts *statements // of the writer; nil until the first Begin
}

var _ core.JobRepository = (*Repository)(nil)

// New returns a repository that owns both pools. The writer must have at most
// one connection, whose BEGIN takes the write lock.
func New(writer, reader *sql.DB, cfg Config) *Repository {
	return &Repository{Explorer: NewExplorer(reader, cfg), writer: writer}
}

// Close closes both pools.
func (r *Repository) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var err error
	if r.stmts != nil {
		err = r.stmts.Close()
		r.stmts = nil
	}
	return errors.Join(err, r.writer.Close(), r.Explorer.Close())
}

// Release implements core.JobRepository.
func (r *Repository) Release(je *core.JobExecution) error {
	if je.Owner.Token == "" {
		return nil
	}
	return r.cfg.fail(fmt.Sprintf("release execution %d", je.ID), r.cfg.Ownership.Release(je.Owner.Token))
}

// LockFile implements core.JobRepository.
func (r *Repository) LockFile(je *core.JobExecution) *os.File {
	return r.cfg.Ownership.File(je.Owner.Token)
}

// begin takes the write lock. It waits for as long as ctx allows; afterwards
// the transaction no longer depends on ctx, so that only its owner ends it.
//
// A driver may not be able to break off its wait for another process: SQLite's
// busy handler is not. The wait is therefore left behind when ctx ends. Nobody
// waits for the goroutine, or the end of ctx would be worth nothing: it ends
// with the driver's own timeout, and gives back what it got.
func (r *Repository) begin(ctx context.Context) (*sql.Tx, context.CancelFunc, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	type begun struct {
		tx  *sql.Tx
		err error
	}
	result := make(chan begun)
	go func() {
		tx, err := r.writer.BeginTx(own, nil)
		select {
		case result <- begun{tx, err}:
		case <-own.Done():
			if err == nil {
				_ = tx.Rollback() // the end of its context rolls it back as well
			}
		}
	}()
	select {
	case b := <-result:
		if b.err != nil {
			cancel()
		}
		return b.tx, cancel, b.err
	case <-ctx.Done():
		cancel()
		return nil, nil, ctx.Err()
	}
}

// write runs change in a transaction of its own.
func (r *Repository) write(ctx context.Context, op string, change func(ctx context.Context, tx *sql.Tx) error) error {
	tx, cancel, err := r.begin(ctx)
	if err != nil {
		return r.cfg.fail(op, err)
	}
	defer cancel()
	defer tx.Rollback() // after a commit there is nothing left to roll back
	if err := change(context.WithoutCancel(ctx), tx); err != nil {
		return r.cfg.fail(op, err)
	}
	fault.Point("sqlrepo.before-verb-commit")
	if err := tx.Commit(); err != nil {
		return r.cfg.fail(op, err)
	}
	fault.Point("sqlrepo.after-verb-commit")
	return nil
}

const updateStatus = `
UPDATE BATCH_JOB_EXECUTION
SET VERSION = COALESCE(VERSION, 0) + 1, STATUS = ?, LAST_UPDATED = ?
WHERE JOB_EXECUTION_ID = ? AND COALESCE(VERSION, 0) = ? AND STATUS = ?`

// RequestStop implements core.JobRepository.
func (r *Repository) RequestStop(ctx context.Context, id int64) (*core.JobExecution, error) {
	op := fmt.Sprintf("stop execution %d", id)
	var je *core.JobExecution
	err := r.write(ctx, op, func(ctx context.Context, tx *sql.Tx) error {
		h, err := readHead(ctx, tx, id)
		if err != nil {
			return err
		}
		switch h.status {
		case core.StatusStarting, core.StatusStarted:
			err = changeOne(tx.ExecContext(ctx, updateStatus, core.StatusStopping.String(), r.cfg.now().UnixMilli(),
				id, h.version, h.status.String()))
		case core.StatusStopping:
		case core.StatusCompleted, core.StatusStopped, core.StatusFailed, core.StatusAbandoned, core.StatusUnknown:
			err = &core.Error{
				Kind: core.ErrJobExecutionNotRunning, Op: op,
				Msg:  "it is not running, it is " + h.statusText(),
				Hint: hint("show", id),
			}
		}
		if err == nil {
			je, err = r.cfg.readExecution(ctx, tx, id)
		}
		return err
	})
	return unlessFailed(je, err)
}

// unlessFailed returns nothing besides an error.
func unlessFailed(je *core.JobExecution, err error) (*core.JobExecution, error) {
	if err != nil {
		return nil, err
	}
	return je, nil
}

// changeOne turns a write that changed no row into an ErrOptimisticLock.
func changeOne(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n != 1 {
		return &core.Error{Kind: core.ErrOptimisticLock, Msg: "the row was changed meanwhile", Hint: "try again"}
	}
	return err
}

const updateAbandoned = `
UPDATE BATCH_JOB_EXECUTION
SET VERSION = COALESCE(VERSION, 0) + 1, STATUS = ?, END_TIME = ?, LAST_UPDATED = ?
WHERE JOB_EXECUTION_ID = ? AND COALESCE(VERSION, 0) = ? AND STATUS = ?`

// Abandon implements core.JobRepository. A STOPPING execution whose owner lives
// is abandoned too; its owner ends it and leaves the status. What a dead owner
// left running is recovered at once.
func (r *Repository) Abandon(ctx context.Context, id int64) (*core.JobExecution, error) {
	op := fmt.Sprintf("abandon execution %d", id)
	var je *core.JobExecution
	var dead core.Owner
	err := r.write(ctx, op, func(ctx context.Context, tx *sql.Tx) error {
		h, err := readHead(ctx, tx, id)
		if err != nil {
			return err
		}
		v, err := r.verdictOf(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := r.abandonable(h, v); err != nil {
			return err
		}
		if err := newestOf(ctx, tx, h); err != nil {
			return err
		}
		if h.status == core.StatusStopping || h.status == core.StatusStopped || h.status == core.StatusFailed {
			now := r.cfg.now()
			if v.Liveness == core.OwnerDead {
				dead = v.Owner
				if err := r.endSteps(ctx, tx, id, r.epitaph(v)); err != nil {
					return err
				}
				if _, err := tx.ExecContext(ctx, deleteOwner, id); err != nil {
					return err
				}
			}
			err = changeOne(tx.ExecContext(ctx, updateAbandoned, core.StatusAbandoned.String(), now.UnixMilli(),
				now.UnixMilli(), id, h.version, h.status.String()))
		}
		if err == nil {
			je, err = r.cfg.readExecution(ctx, tx, id)
		}
		return err
	})
	if err == nil {
		r.forget(dead)
	}
	return unlessFailed(je, err)
}

// newestOf refuses an execution that has a successor: abandoning it would give
// up an instance that goes on.
func newestOf(ctx context.Context, tx *sql.Tx, h head) error {
	heads, err := readHeads(ctx, tx, h.instanceID)
	if err != nil || len(heads) == 0 || heads[0].id == h.id {
		return err
	}
	return &core.Error{
		Kind: core.ErrJobRestart,
		Msg:  fmt.Sprintf("execution %d is not the newest of its instance, that is %d", h.id, heads[0].id),
		Hint: hint("show", heads[0].id),
	}
}

func (r *Repository) abandonable(h head, v core.OwnerVerdict) error {
	op := fmt.Sprintf("abandon execution %d", h.id)
	switch h.status {
	case core.StatusStarting, core.StatusStarted:
		advice := hint("stop", h.id)
		if v.Liveness != core.OwnerAlive || v.Orphaned {
			advice = hint("recover", h.id)
		}
		return &core.Error{
			Kind: core.ErrJobExecutionAlreadyRunning, Op: op,
			Msg:  fmt.Sprintf("it is %s: %s", h.status, r.evidence(v)),
			Hint: advice,
		}
	case core.StatusCompleted:
		return &core.Error{
			Kind: core.ErrJobInstanceAlreadyComplete, Op: op,
			Msg:  "it is COMPLETED, there is nothing to abandon",
			Hint: hint("show", h.id),
		}
	case core.StatusStopping, core.StatusStopped, core.StatusFailed, core.StatusAbandoned, core.StatusUnknown:
	}
	return nil
}

// forget removes what a dead owner left outside the database. It is untidy to
// fail here, and harmless: nothing refers to it any more.
func (r *Repository) forget(dead core.Owner) {
	if dead.Token != "" {
		_ = r.cfg.Ownership.Release(dead.Token) // see above
		fault.Point("sqlrepo.after-recovery")
	}
}
