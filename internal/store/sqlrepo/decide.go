package sqlrepo

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/batchctl/batchctl/internal/core"
)

// decide looks at every execution of the instance, newest first, and at the
// steps of the newest, and refuses the launch or lets je inherit the context.
// Exit codes play no part (REPO-01 to REPO-10). An instance without executions
// is fresh (INS-05).
func (l *launch) decide(ctx context.Context, tx *sql.Tx, je *core.JobExecution) error {
	heads, err := readHeads(ctx, tx, je.Instance.ID)
	if err != nil || len(heads) == 0 {
		return err
	}
	for _, h := range heads {
		recovered, err := l.examine(ctx, tx, h)
		if err != nil {
			return err
		}
		if recovered {
			je.Recovered = append(je.Recovered, h.id)
		}
	}
	last := heads[0]
	if l.PreventRestart {
		return l.refuse(core.ErrJobRestart, hint("show", last.id),
			"the job may not be restarted, and execution %d of this instance is %s", last.id, l.settled(last, je.Recovered))
	}
	if l.RestartOf != 0 && l.RestartOf != last.id {
		return l.refuse(core.ErrJobRestart, hint("restart", last.id),
			"execution %d is not the newest of its instance, that is %d", l.RestartOf, last.id)
	}
	if err := l.examineSteps(ctx, tx, last); err != nil {
		return err
	}
	ec, opaque, err := readContext(ctx, tx, selectJobContext, last.id)
	if err != nil {
		return err
	}
	if opaque != "" {
		return l.refuse(core.ErrJobRestart, hint("show", last.id),
			"the context of execution %d was stored by another program in a form that batchctl does not read", last.id)
	}
	je.Context, l.last = ec, last.id
	return nil
}

// named is the job with what identifies the instance.
func (l *launch) named() string {
	words := []string{l.JobName}
	for _, p := range l.Parameters.Identifying() {
		words = append(words, p.Name+"="+core.FormatValue(p, l.cfg.zone()))
	}
	return core.EscapeControl(core.ShellQuote(words...))
}

// settled is the status after recovery.
func (l *launch) settled(h head, recovered []int64) string {
	if slices.Contains(recovered, h.id) {
		return core.StatusFailed.String()
	}
	return h.statusText()
}

func (l *launch) refuse(kind error, advice, format string, args ...any) error {
	return &core.Error{Kind: kind, Msg: fmt.Sprintf(format, args...), Hint: advice}
}

// another is what is left to do where an instance was given up.
func (l *launch) another(id int64) string {
	words := []string{"batchctl", "run", l.JobName}
	for _, p := range l.Parameters.Identifying() {
		words = append(words, p.Name+"=...")
	}
	if len(words) == 3 {
		return "nothing tells another instance from it: give the job an identifying parameter; " + hint("show", id)
	}
	return "run the job with another identifying parameter: " + core.ShellQuote(words...)
}

// lookFirst is what to do about an execution that may still be running.
func lookFirst(id int64) string {
	return hint("show", id) + " has the evidence; once nothing runs it, " + hint("recover", id) + " --force --yes"
}

// examine decides by one execution. A dead owner's is recovered on the spot.
func (l *launch) examine(ctx context.Context, tx *sql.Tx, h head) (recovered bool, err error) {
	v, err := l.verdictOf(ctx, tx, h.id)
	if err != nil {
		return false, err
	}
	switch h.status {
	case core.StatusUnknown:
		return false, l.refuse(core.ErrJobRestart, hint("show", h.id),
			"execution %d is %s: what it has done is not known", h.id, h.statusText())
	case core.StatusCompleted:
		return false, l.refuse(core.ErrJobInstanceAlreadyComplete, hint("show", h.id),
			"execution %d of this instance is COMPLETED", h.id)
	case core.StatusAbandoned:
		return false, l.refuse(core.ErrJobRestart, l.another(h.id),
			"execution %d of %s is ABANDONED: this instance never runs again, what it has committed stays", h.id, l.named())
	case core.StatusStopped, core.StatusFailed:
		// Another program may have written the end of an execution that still
		// runs: the owner decides.
		if v.Owner.Token == "" {
			return false, nil
		}
	case core.StatusStarting, core.StatusStarted, core.StatusStopping:
	}
	return true, l.takeOver(ctx, tx, h, v)
}

// takeOver recovers an execution whose owner is dead and refuses any other.
func (l *launch) takeOver(ctx context.Context, tx *sql.Tx, h head, v core.OwnerVerdict) error {
	switch v.Liveness {
	case core.OwnerDead:
		l.dead = append(l.dead, v.Owner)
		return l.recoverRows(ctx, tx, h, v)
	case core.OwnerAlive:
		return l.refuseOwned(h, v)
	case core.OwnerUnknown:
	}
	return l.refuse(core.ErrJobExecutionAlreadyRunning, lookFirst(h.id),
		"execution %d is %s, and nothing proves that its process is gone: %s", h.id, h.statusText(), l.evidence(v))
}

// refuseOwned says whose the execution is.
func (l *launch) refuseOwned(h head, v core.OwnerVerdict) error {
	if v.Orphaned {
		return l.refuse(core.ErrJobExecutionAlreadyRunning,
			core.ShellQuote("fuser", "-v", v.Owner.LockFile)+" shows what it is; end it or wait for it, then try again",
			"execution %d is %s: %s", h.id, h.statusText(), v.Evidence)
	}
	return l.refuse(core.ErrJobExecutionAlreadyRunning, hint("show", h.id),
		"execution %d is %s, %s", h.id, h.statusText(), l.cfg.describe(v.Owner))
}

// examineSteps decides by the steps of the newest execution, whose job has
// ended.
func (l *launch) examineSteps(ctx context.Context, tx *sql.Tx, last head) error {
	steps, err := l.cfg.readSteps(ctx, tx, &core.JobExecution{ID: last.id})
	if err != nil {
		return err
	}
	for _, se := range steps {
		switch se.Status {
		case core.StatusStarting, core.StatusStarted, core.StatusStopping:
			return l.refuse(core.ErrJobExecutionAlreadyRunning, lookFirst(last.id),
				"execution %d is %s, but its step %s is %s and no owner is recorded",
				last.id, last.statusText(), core.Quote(se.StepName), se.Status)
		case core.StatusUnknown:
			text := se.Status.String()
			if se.OpaqueStatus != "" {
				text = core.Quote(se.OpaqueStatus)
			}
			return l.refuse(core.ErrJobRestart, hint("show", last.id),
				"step %s of execution %d is %s: what it has done is not known", core.Quote(se.StepName), last.id, text)
		case core.StatusCompleted, core.StatusStopped, core.StatusFailed, core.StatusAbandoned:
		}
	}
	return nil
}
