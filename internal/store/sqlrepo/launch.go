package sqlrepo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
	"github.com/batchctl/batchctl/internal/store/codec"
)

// launch is one CreateJobExecution under way.
type launch struct {
	*Repository
	core.Launch
	op    string
	key   string
	owner core.Owner
	// dead are the owners whose executions were recovered on the way.
	dead []core.Owner
	last int64 // the newest execution of the instance, whose context is inherited
	je   *core.JobExecution
}

// CreateJobExecution implements core.JobRepository. The ownership is taken
// before the row that names it exists, so that nobody ever sees an execution
// whose owner seems dead. After a commit that failed the row may be there all
// the same; its owner is released, and the next launch recovers it.
func (r *Repository) CreateJobExecution(ctx context.Context, l core.Launch) (*core.JobExecution, error) {
	op := "launch " + core.Quote(l.JobName)
	if err := checkName("job", l.JobName); err != nil {
		return nil, err
	}
	if err := checkOpaque(l); err != nil {
		return nil, err
	}
	if err := l.Parameters.Check(); err != nil {
		return nil, err
	}
	key, err := layout.JobKey(l.Parameters)
	if err != nil {
		return nil, err
	}
	run := &launch{Repository: r, Launch: l, op: op, key: key}
	if err := run.refuseRunning(ctx); err != nil {
		return nil, err
	}
	owner, err := r.cfg.Ownership.Claim(ctx)
	if err != nil {
		return nil, r.cfg.fail(op, err)
	}
	owner.Since = owner.Since.UTC().Truncate(time.Millisecond)
	run.owner = owner
	if err := run.commit(ctx); err != nil {
		return nil, errors.Join(r.cfg.fail(op, err), r.cfg.Ownership.Release(owner.Token))
	}
	for _, dead := range run.dead {
		r.forget(dead)
	}
	return run.je, nil
}

// refuseRunning looks, without the write lock, whether the newest execution has
// an owner that lives. It decides nothing else: an owner that was suspended in
// the middle of a transaction holds the lock, and whoever asks should not have
// to wait for it to be told so.
func (l *launch) refuseRunning(ctx context.Context) error {
	return l.view(ctx, l.op, func(q querier) error {
		instance, found, err := findInstance(ctx, q, l.JobName, l.key)
		if err != nil || !found {
			return err
		}
		heads, err := readHeads(ctx, q, instance.ID)
		if err != nil || len(heads) == 0 || !heads[0].status.IsRunning() || l.RestartOf != 0 && l.RestartOf != heads[0].id {
			return err
		}
		v, err := l.verdictOf(ctx, q, heads[0].id)
		if err != nil || v.Liveness != core.OwnerAlive {
			return err
		}
		return l.refuseOwned(heads[0], v)
	})
}

// checkOpaque refuses to restart with a value that cannot be stored again.
func checkOpaque(l core.Launch) error {
	for _, p := range l.Parameters {
		if v, ok := p.Value.(core.OpaqueValue); ok && l.RestartOf != 0 {
			return &core.Error{
				Kind: core.ErrJobRestart,
				Msg: fmt.Sprintf("parameter %s is of type %s, which another program stored and batchctl does not know",
					core.Quote(p.Name), core.Quote(v.Type)),
				Hint: hint("show", l.RestartOf),
			}
		}
	}
	return nil
}

func (l *launch) commit(ctx context.Context) error {
	tx, cancel, err := l.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	defer tx.Rollback() // after a commit there is nothing left to roll back
	if err := l.write(context.WithoutCancel(ctx), tx); err != nil {
		return err
	}
	fault.Point("sqlrepo.before-launch-commit")
	if err := tx.Commit(); err != nil {
		return err
	}
	fault.Point("sqlrepo.after-launch-commit")
	return nil
}

func (l *launch) write(ctx context.Context, tx *sql.Tx) error {
	instance, found, err := findInstance(ctx, tx, l.JobName, l.key)
	if err != nil {
		return err
	}
	if l.RestartOf != 0 {
		if err := l.checkRestart(ctx, tx, instance); err != nil {
			return err
		}
	}
	je := &core.JobExecution{
		Instance:   instance,
		Parameters: l.Parameters,
		Context:    core.ExecutionContext{},
		Owner:      l.owner,
	}
	if found {
		err = l.decide(ctx, tx, je)
	} else {
		je.Instance, err = insertInstance(ctx, tx, l.JobName, l.key)
	}
	if err != nil {
		return err
	}
	if err := l.define(ctx, tx, je); err != nil {
		return err
	}
	fault.Point("sqlrepo.after-instance-insert")
	if err := l.insertExecution(ctx, tx, je); err != nil {
		return err
	}
	fault.Point("sqlrepo.after-execution-insert")
	if err := insertParameters(ctx, tx, je.ID, l.Parameters); err != nil {
		return err
	}
	short, serialized, err := codec.EncodeContext(je.Context)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, putJobContext, je.ID, short, serialized); err != nil {
		return err
	}
	l.je = je
	_, err = tx.ExecContext(ctx, insertOwner, ownerRow(je.ID, l.owner)...)
	return err
}

// checkRestart makes sure that the execution to be restarted belongs to the
// instance that the parameters name.
func (l *launch) checkRestart(ctx context.Context, tx *sql.Tx, instance core.JobInstance) error {
	h, err := readHead(ctx, tx, l.RestartOf)
	if err != nil {
		return err
	}
	if h.instanceID == instance.ID {
		return nil
	}
	return &core.Error{
		Kind: core.ErrJobRestart,
		Msg: fmt.Sprintf("execution %d is of job %s and instance %d, which these identifying parameters do not name",
			h.id, core.Quote(h.jobName), h.instanceID),
		Hint: hint("show", h.id),
	}
}

const insertInstanceRow = `
INSERT INTO BATCH_JOB_INSTANCE (JOB_INSTANCE_ID, VERSION, JOB_NAME, JOB_KEY)
VALUES (?, 0, ?, ?)`

func insertInstance(ctx context.Context, tx *sql.Tx, jobName, key string) (core.JobInstance, error) {
	id, err := nextID(ctx, tx, layout.InstanceSequence)
	if err != nil {
		return core.JobInstance{}, err
	}
	_, err = tx.ExecContext(ctx, insertInstanceRow, id, jobName, key)
	return core.JobInstance{ID: id, JobName: jobName, JobKey: key}, err
}

const insertExecutionRow = `
INSERT INTO BATCH_JOB_EXECUTION (
  JOB_EXECUTION_ID,
  VERSION,
  JOB_INSTANCE_ID,
  CREATE_TIME,
  START_TIME,
  END_TIME,
  STATUS,
  EXIT_CODE,
  EXIT_MESSAGE,
  LAST_UPDATED)
VALUES (?, 0, ?, ?, NULL, NULL, ?, ?, '', ?)`

func (l *launch) insertExecution(ctx context.Context, tx *sql.Tx, je *core.JobExecution) (err error) {
	if je.ID, err = nextID(ctx, tx, layout.ExecutionSequence); err != nil {
		return err
	}
	je.Status, je.ExitStatus.Code = core.StatusStarting, core.ExitCodeUnknown
	je.CreateTime = l.cfg.now()
	je.LastUpdated = je.CreateTime
	_, err = tx.ExecContext(ctx, insertExecutionRow, je.ID, je.Instance.ID, codec.Millis(je.CreateTime),
		je.Status.String(), je.ExitStatus.Code, codec.Millis(je.LastUpdated))
	return err
}

// insertParameters writes all parameters with one statement.
func insertParameters(ctx context.Context, tx *sql.Tx, id int64, ps core.JobParameters) error {
	if len(ps) == 0 {
		return nil
	}
	columns := make([]string, len(layout.ParameterColumns))
	for i, col := range layout.ParameterColumns {
		columns[i] = col.Name
	}
	row := "(" + placeholders(len(columns)+1) + ")"
	args := make([]any, 0, len(ps)*(len(columns)+1))
	for _, p := range ps {
		values, err := layout.EncodeParameter(p)
		if err != nil {
			return err
		}
		args = append(append(args, id), values...)
	}
	//nolint:gosec // columns of a layout and placeholders
	_, err := tx.ExecContext(ctx, "INSERT INTO BATCH_JOB_EXECUTION_PARAMS (JOB_EXECUTION_ID, "+
		strings.Join(columns, ", ")+")\nVALUES "+strings.Repeat(row+", ", len(ps)-1)+row, args...)
	return err
}
