package sqlrepo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
	"github.com/batchctl/batchctl/internal/store/codec"
)

// Tx is a core.Tx, in which a job's own statements can run too. Its own
// statements are not interrupted halfway: a context that has ended is noticed
// before the next one.
type Tx struct {
	repo   *Repository
	tx     *sql.Tx
	cancel context.CancelFunc
	stmts  *statements
	jobID  int64
	token  string
	// foreign tells that statements ran which are not fenced by themselves,
	// fenced that one has changed a row which is.
	foreign, fenced bool
	// saved tells that a savepoint is set.
	saved bool
	// ended tells that the execution's end was written: the commit ends the
	// ownership as well.
	ended bool
}

var _ core.Tx = (*Tx)(nil)

// Begin implements core.JobRepository. The wait for the write lock ends with
// ctx; what follows does not depend on it. The result is a *Tx. Whoever holds
// one writes through it only: another write of the same goroutine would wait
// for itself.
func (r *Repository) Begin(ctx context.Context, je *core.JobExecution) (core.Tx, error) {
	op := fmt.Sprintf("begin a transaction of execution %d", je.ID)
	stmts, err := r.statements(ctx)
	if err != nil {
		return nil, r.cfg.fail(op, err)
	}
	tx, cancel, err := r.begin(ctx)
	if err != nil {
		return nil, r.cfg.fail(op, err)
	}
	return &Tx{repo: r, tx: tx, cancel: cancel, stmts: stmts, jobID: je.ID, token: je.Owner.Token}, nil
}

// ExecContext is database/sql's. The error is the driver's, with its class.
func (t *Tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	t.foreign = true
	result, err := t.tx.ExecContext(ctx, query, args...)
	return result, t.repo.cfg.classify(err)
}

// QueryContext is database/sql's. The error is the driver's, with its class.
func (t *Tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	t.foreign = true // a statement that returns rows may write as well
	rows, err := t.tx.QueryContext(ctx, query, args...)
	return rows, t.repo.cfg.classify(err)
}

// PrepareContext is database/sql's; the statement ends with the transaction.
// The error is the driver's. A context that can end costs a goroutine for every
// execution of the statement.
func (t *Tx) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	t.foreign = true
	return t.tx.PrepareContext(ctx, query)
}

// UpdateJobExecution implements core.Tx (LOCK-01, LOCK-02, LOCK-06). When it
// writes the end, the commit removes the owner.
func (t *Tx) UpdateJobExecution(ctx context.Context, je *core.JobExecution) error {
	op := fmt.Sprintf("update execution %d", je.ID)
	return t.repo.cfg.fail(op, t.updateJobExecution(ctx, op, je))
}

func (t *Tx) updateJobExecution(ctx context.Context, op string, je *core.JobExecution) error {
	stored, status, owned, err := t.jobState(ctx, je.ID)
	if err != nil {
		return err
	}
	if !owned {
		return leaseLost(op)
	}
	if stored != je.Version {
		je.Status, je.Version = je.Status.UpgradeTo(status), stored
	}
	if je.Status == core.StatusStopping && !je.EndTime.IsZero() {
		je.Status = core.StatusStopped
		je.ExitStatus = je.ExitStatus.And(core.ExitStatus{Code: core.ExitCodeStopped})
	}
	je.LastUpdated = t.repo.cfg.now()
	je.ExitStatus = storable(je.ExitStatus)
	err = t.changeOne(ctx, op, je.ID, t.stmts.updateJob,
		codec.Millis(je.StartTime), codec.Millis(je.EndTime), je.Status.String(), je.ExitStatus.Code,
		je.ExitStatus.Message, codec.Millis(je.LastUpdated), je.ID, je.Version, t.jobID, t.token)
	if err != nil {
		return err
	}
	if err := t.writeContext(ctx, t.stmts.putJobContext, je.ID, je.Context, je.OpaqueContext); err != nil {
		return err
	}
	je.Version++
	if je.ID == t.jobID {
		t.ended = !je.EndTime.IsZero() && !je.Status.IsRunning()
	}
	return nil
}

// CreateStepExecution implements core.Tx: the row and its context (REPO-12).
func (t *Tx) CreateStepExecution(ctx context.Context, se *core.StepExecution) error {
	op := "create an execution of step " + core.Quote(se.StepName)
	return t.repo.cfg.fail(op, t.createStepExecution(ctx, op, se))
}

func (t *Tx) createStepExecution(ctx context.Context, op string, se *core.StepExecution) error {
	if err := checkName("step", se.StepName); err != nil {
		return err
	}
	id, err := nextID(context.WithoutCancel(ctx), t.tx, layout.StepSequence)
	if err != nil {
		return err
	}
	now := t.repo.cfg.now()
	if se.StartTime.IsZero() {
		se.StartTime = now // the column must not be NULL
	}
	se.ID, se.Version, se.LastUpdated, se.ExitStatus = id, 0, now, storable(se.ExitStatus)
	n, err := t.exec(ctx, t.stmts.insertStep, id, se.StepName, se.JobExecution.ID, codec.Millis(se.StartTime),
		codec.Millis(se.EndTime), se.Status.String(), se.Counts.Commit, se.Counts.Read, se.Counts.Filter,
		se.Counts.Write, se.Counts.ReadSkip, se.Counts.WriteSkip, se.Counts.ProcessSkip, se.Counts.Rollback,
		se.ExitStatus.Code, se.ExitStatus.Message, codec.Millis(now), t.jobID, t.token)
	if err != nil {
		return err
	}
	if n == 0 {
		return leaseLost(op)
	}
	t.fenced = true
	return t.writeContext(ctx, t.stmts.putStepContext, id, se.Context, "")
}

// UpdateStepExecution implements core.Tx (LOCK-04, LOCK-07, LOCK-08). It may be
// the step of an earlier execution, which the owner of the present one puts
// right.
func (t *Tx) UpdateStepExecution(ctx context.Context, se *core.StepExecution) error {
	op := fmt.Sprintf("update step execution %d", se.ID)
	return t.repo.cfg.fail(op, t.updateStepExecution(ctx, op, se))
}

func (t *Tx) updateStepExecution(ctx context.Context, op string, se *core.StepExecution) error {
	now := t.repo.cfg.now()
	exit := storable(se.ExitStatus)
	err := t.changeOne(ctx, op, se.ID, t.stmts.updateStep,
		codec.Millis(se.StartTime), codec.Millis(se.EndTime), se.Status.String(), se.Counts.Commit, se.Counts.Read,
		se.Counts.Filter, se.Counts.Write, se.Counts.ReadSkip, se.Counts.WriteSkip, se.Counts.ProcessSkip,
		se.Counts.Rollback, exit.Code, exit.Message, codec.Millis(now), se.ID, se.Version, t.jobID, t.token)
	if err != nil {
		return err
	}
	if err := t.writeContext(ctx, t.stmts.putStepContext, se.ID, se.Context, se.OpaqueContext); err != nil {
		return err
	}
	se.Version++
	se.LastUpdated, se.ExitStatus = now, exit
	return nil
}

// JobStatus implements core.Tx.
func (t *Tx) JobStatus(ctx context.Context, jobExecutionID int64) (core.BatchStatus, error) {
	_, status, _, err := t.jobState(ctx, jobExecutionID)
	return status, t.repo.cfg.fail(fmt.Sprintf("read the status of execution %d", jobExecutionID), err)
}

// savepoint is the name of the only savepoint that a transaction has.
const savepoint = "BATCHCTL_ITEM"

// Savepoint implements core.Tx.
func (t *Tx) Savepoint(ctx context.Context) error {
	if t.saved {
		if _, err := t.tx.ExecContext(ctx, "RELEASE "+savepoint); err != nil {
			return t.repo.cfg.fail("release a savepoint", err)
		}
		t.saved = false
	}
	if _, err := t.tx.ExecContext(ctx, "SAVEPOINT "+savepoint); err != nil {
		return t.repo.cfg.fail("set a savepoint", err)
	}
	t.saved = true
	return nil
}

// RollbackToSavepoint implements core.Tx.
func (t *Tx) RollbackToSavepoint(ctx context.Context) error {
	_, err := t.tx.ExecContext(ctx, "ROLLBACK TO "+savepoint)
	return t.repo.cfg.fail("roll back to a savepoint", err)
}

// Commit implements core.Tx.
func (t *Tx) Commit() error {
	const op = "commit"
	defer t.cancel()
	if err := t.beforeCommit(); err != nil {
		return errors.Join(t.repo.cfg.fail(op, err), t.Rollback())
	}
	fault.Point("sqlrepo.before-commit")
	if err := t.tx.Commit(); err != nil {
		return t.repo.cfg.fail(op, err)
	}
	fault.Point("sqlrepo.after-commit")
	return nil
}

// beforeCommit fences what nothing else has fenced, and ends the ownership with
// the execution.
func (t *Tx) beforeCommit() error {
	if t.foreign && !t.fenced {
		_, _, owned, err := t.jobState(context.Background(), t.jobID)
		if err != nil {
			return err
		}
		if !owned {
			return leaseLost(fmt.Sprintf("write for execution %d", t.jobID))
		}
	}
	if t.ended {
		_, err := t.tx.ExecContext(context.Background(), deleteOwner, t.jobID)
		return err
	}
	return nil
}

// Rollback implements core.Tx.
func (t *Tx) Rollback() error {
	defer t.cancel()
	if err := t.tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return t.repo.cfg.fail("roll back", err)
	}
	return nil
}

// jobState reads what decides about a write to the job's row.
func (t *Tx) jobState(ctx context.Context, id int64) (version int64, status core.BatchStatus, owned bool, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, false, err
	}
	var text sql.NullString
	ctx = context.WithoutCancel(ctx)
	//nolint:sqlclosecheck // the end of the transaction closes it
	err = t.tx.StmtContext(ctx, t.stmts.jobState).QueryRowContext(ctx, t.jobID, t.token, id).Scan(&version, &text, &owned)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, 0, false, noSuchExecution(id)
	}
	status, _ = readStatus(text)
	return version, status, owned, err
}

// exec runs one of our own statements, unless ctx has ended.
func (t *Tx) exec(ctx context.Context, stmt *sql.Stmt, args ...any) (changed int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	ctx = context.WithoutCancel(ctx)
	//nolint:sqlclosecheck // the end of the transaction closes it
	result, err := t.tx.StmtContext(ctx, stmt).ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// changeOne runs a fenced update. When it changes no row it finds out why.
func (t *Tx) changeOne(ctx context.Context, op string, id int64, stmt *sql.Stmt, args ...any) error {
	n, err := t.exec(ctx, stmt, args...)
	if err != nil {
		return err
	}
	if n == 1 {
		t.fenced = true
		return nil
	}
	_, _, owned, err := t.jobState(ctx, t.jobID)
	switch {
	case errors.Is(err, core.ErrNoSuchJobExecution) || err == nil && !owned:
		return leaseLost(op)
	case err != nil:
		return err
	}
	return &core.Error{
		Kind: core.ErrOptimisticLock, Op: op,
		Msg: fmt.Sprintf("row %d is gone or was changed by somebody else", id),
	}
}

func leaseLost(op string) error {
	return &core.Error{
		Kind: core.ErrLeaseLost, Op: op,
		Msg:  "this process no longer owns the execution: another one has recovered it",
		Hint: "batchctl executions",
	}
}

// writeContext stores a context. One in a form that batchctl does not read is
// left as it is (CTX-10).
func (t *Tx) writeContext(ctx context.Context, stmt *sql.Stmt, id int64, ec core.ExecutionContext, opaque string) error {
	if opaque != "" {
		return nil
	}
	short, serialized, err := codec.EncodeContext(ec)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, stmt, id, short, serialized)
	return err
}
