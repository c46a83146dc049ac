package sqlrepo

import (
	"context"
	"database/sql"
	"slices"

	"github.com/batchctl/batchctl/internal/core"
)

// WouldLaunch decides about l as CreateJobExecution does, and changes nothing:
// the error is the refusal that it would give. recovered are the executions whose
// owners it would find dead, newest first.
func (x *Explorer) WouldLaunch(ctx context.Context, l core.Launch) (recovered []int64, err error) {
	op := "launch " + core.Quote(l.JobName)
	if err := checkName("job", l.JobName); err != nil {
		return nil, err
	}
	if err := l.Parameters.Check(); err != nil {
		return nil, err
	}
	key, err := layout.JobKey(l.Parameters)
	if err != nil {
		return nil, err
	}
	tx, err := x.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, x.cfg.fail(op, err)
	}
	defer tx.Rollback() // nothing was written
	run := &launch{Repository: &Repository{Explorer: x}, Launch: l, op: op, key: key}
	instance, found, err := findInstance(ctx, tx, l.JobName, key)
	if err != nil || !found {
		return nil, x.cfg.fail(op, err)
	}
	je := &core.JobExecution{Instance: instance, Context: core.ExecutionContext{}}
	if err := run.foresee(ctx, tx, je); err != nil {
		return nil, x.cfg.fail(op, err)
	}
	return je.Recovered, x.cfg.fail(op, run.checkDefinition(je))
}

// foresee is decide for a transaction that cannot recover anything: what is left
// to say about an execution whose owner is dead is said here.
func (l *launch) foresee(ctx context.Context, tx *sql.Tx, je *core.JobExecution) error {
	heads, err := readHeads(ctx, tx, je.Instance.ID)
	if err != nil || len(heads) == 0 {
		return err
	}
	for _, h := range heads {
		v, err := l.verdictOf(ctx, tx, h.id)
		if err != nil {
			return err
		}
		ended := h.status == core.StatusFailed || h.status == core.StatusStopped
		if v.Liveness == core.OwnerDead && (h.status.IsRunning() || ended && v.Owner.Token != "") {
			je.Recovered = append(je.Recovered, h.id)
			continue
		}
		if _, err := l.examine(ctx, tx, h); err != nil {
			return err
		}
	}
	if len(je.Recovered) == 0 {
		return l.decide(ctx, tx, je)
	}
	last := heads[0]
	if l.PreventRestart {
		return l.refuse(core.ErrJobRestart, hint("show", last.id),
			"the job may not be restarted, and execution %d of this instance is %s", last.id, l.settled(last, je.Recovered))
	}
	if !slices.Contains(je.Recovered, last.id) {
		if err := l.examineSteps(ctx, tx, last); err != nil {
			return err
		}
	}
	ec, opaque, err := readContext(ctx, tx, selectJobContext, last.id)
	if err == nil && opaque != "" {
		return l.refuse(core.ErrJobRestart, hint("show", last.id),
			"the context of execution %d was stored by another program in a form that batchctl does not read", last.id)
	}
	je.Context, l.last = ec, last.id
	return err
}
