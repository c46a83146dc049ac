package sqlrepo

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
)

// verdictOf reads the owner of an execution and asks whether it lives.
func (r *Repository) verdictOf(ctx context.Context, q querier, id int64) (core.OwnerVerdict, error) {
	owner, found, err := readOwner(ctx, q, id)
	if err != nil {
		return core.OwnerVerdict{}, err
	}
	return r.cfg.verdict(owner, found), nil
}

// evidence says who owns an execution and how that is known.
func (r *Repository) evidence(v core.OwnerVerdict) string {
	if v.Owner.Token == "" {
		return v.Evidence
	}
	return fmt.Sprintf("owner %s: %s", r.cfg.describe(v.Owner), v.Evidence)
}

// epitaph is the exit message of what a recovery ends.
func (r *Repository) epitaph(v core.OwnerVerdict) string {
	text := "recovered by force: " + v.Evidence
	switch {
	case v.Liveness == core.OwnerDead:
		text = fmt.Sprintf("owner died: %s; %s", r.cfg.describe(v.Owner), v.Evidence)
	case v.Owner.Token != "":
		text = fmt.Sprintf("recovered by force from %s; %s", r.cfg.describe(v.Owner), v.Evidence)
	}
	return exitMessage(text)
}

// Recover implements core.JobRepository: one transaction, in which every change
// is a compare-and-set (OPR-11, OPR-12, OPR-13).
func (r *Repository) Recover(ctx context.Context, id int64, force bool) (core.OwnerVerdict, *core.JobExecution, error) {
	op := fmt.Sprintf("recover execution %d", id)
	var v core.OwnerVerdict
	var je *core.JobExecution
	ended := false
	err := r.write(ctx, op, func(ctx context.Context, tx *sql.Tx) error {
		h, err := readHead(ctx, tx, id)
		if err != nil {
			return err
		}
		if v, err = r.verdictOf(ctx, tx, id); err != nil {
			return err
		}
		if ended, err = r.recoverable(ctx, tx, h, v); err != nil {
			return err
		}
		if ended {
			if v.Liveness != core.OwnerDead && !force {
				return r.refuseRecovery(op, h, v)
			}
			if err := r.recoverRows(ctx, tx, h, v); err != nil {
				return err
			}
		}
		je, err = r.cfg.readExecution(ctx, tx, id)
		return err
	})
	if err != nil {
		return v, nil, err
	}
	if ended && v.Liveness == core.OwnerDead {
		r.forget(v.Owner)
	}
	return v, je, nil
}

// recoverable reports whether anything of the execution is still running: its
// row, a step, or its owner.
func (r *Repository) recoverable(ctx context.Context, tx *sql.Tx, h head, v core.OwnerVerdict) (bool, error) {
	switch h.status {
	case core.StatusCompleted, core.StatusAbandoned, core.StatusUnknown:
		return false, nil
	case core.StatusStarting, core.StatusStarted, core.StatusStopping:
		return true, nil
	case core.StatusStopped, core.StatusFailed:
	}
	if v.Owner.Token != "" {
		return true, nil
	}
	steps, err := r.cfg.readSteps(ctx, tx, &core.JobExecution{ID: h.id})
	for _, se := range steps {
		if se.Status.IsRunning() {
			return true, nil
		}
	}
	return false, err
}

func (r *Repository) refuseRecovery(op string, h head, v core.OwnerVerdict) error {
	if v.Orphaned {
		return &core.Error{
			Kind: core.ErrJobExecutionAlreadyRunning, Op: op,
			Msg: fmt.Sprintf("it is %s: %s", h.status, r.evidence(v)),
			Hint: core.ShellQuote("fuser", "-v", v.Owner.LockFile) + " shows what it is; end it, or leave it to itself with " +
				hint("recover", h.id) + " --force --yes",
		}
	}
	if v.Liveness == core.OwnerAlive {
		return &core.Error{
			Kind: core.ErrJobExecutionAlreadyRunning, Op: op,
			Msg:  fmt.Sprintf("it is %s and its owner lives: %s", h.status, r.evidence(v)),
			Hint: hint("stop", h.id),
		}
	}
	return &core.Error{
		Kind: core.ErrJobExecutionAlreadyRunning, Op: op,
		Msg:  fmt.Sprintf("it is %s, and nothing proves that its process is gone: %s", h.status, r.evidence(v)),
		Hint: "make sure that nothing runs it, then " + hint("recover", h.id) + " --force --yes",
	}
}

const failExecution = `
UPDATE BATCH_JOB_EXECUTION
SET
  VERSION = COALESCE(VERSION, 0) + 1,
  STATUS = 'FAILED',
  END_TIME = ?,
  EXIT_CODE = 'FAILED',
  EXIT_MESSAGE = ?,
  LAST_UPDATED = ?
WHERE JOB_EXECUTION_ID = ? AND COALESCE(VERSION, 0) = ? AND STATUS = ?`

// recoverRows ends the execution and its running steps as FAILED and removes
// the owner.
func (r *Repository) recoverRows(ctx context.Context, tx *sql.Tx, h head, v core.OwnerVerdict) error {
	message := r.epitaph(v)
	if err := r.endSteps(ctx, tx, h.id, message); err != nil {
		return err
	}
	fault.Point("sqlrepo.in-recovery")
	now := r.cfg.now().UnixMilli()
	if err := changeOne(tx.ExecContext(ctx, failExecution, now, message, now, h.id, h.version, h.status.String())); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, deleteOwner, h.id)
	return err
}

const failStep = `
UPDATE BATCH_STEP_EXECUTION
SET
  VERSION = VERSION + 1,
  STATUS = 'FAILED',
  END_TIME = ?,
  EXIT_CODE = 'FAILED',
  EXIT_MESSAGE = ?,
  LAST_UPDATED = ?
WHERE STEP_EXECUTION_ID = ? AND VERSION = ? AND STATUS = ?`

// endSteps ends the running steps of an execution as FAILED.
func (r *Repository) endSteps(ctx context.Context, tx *sql.Tx, id int64, message string) error {
	steps, err := r.cfg.readSteps(ctx, tx, &core.JobExecution{ID: id})
	if err != nil {
		return err
	}
	now := r.cfg.now().UnixMilli()
	for _, se := range steps {
		if !se.Status.IsRunning() {
			continue
		}
		if err := changeOne(tx.ExecContext(ctx, failStep, now, message, now, se.ID, se.Version, se.Status.String())); err != nil {
			return err
		}
	}
	return nil
}
