package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/codec"
	"github.com/batchctl/batchctl/internal/store/sqlrepo"
)

// sinkUse is what the repository knows of a step that has not completed and has
// committed chunks to a database of its own.
type sinkUse struct {
	claim    core.SinkClaim
	location string
	running  bool
	// jobExecutionID is the execution that the step belongs to, last the newest
	// one of the instance.
	jobExecutionID, last int64
}

// unfinishedSteps are the newest executions of all steps that have not
// completed, in instances that a launch would go on with.
const unfinishedSteps = `
SELECT
  I.JOB_NAME,
  I.JOB_KEY,
  N.JOB_EXECUTION_ID,
  E.JOB_EXECUTION_ID,
  S.STEP_EXECUTION_ID,
  S.STEP_NAME,
  N.STATUS IN ('STARTING', 'STARTED', 'STOPPING'),
  C.SHORT_CONTEXT,
  C.SERIALIZED_CONTEXT
FROM BATCH_JOB_EXECUTION N
JOIN BATCH_JOB_INSTANCE I ON I.JOB_INSTANCE_ID = N.JOB_INSTANCE_ID
JOIN BATCH_JOB_EXECUTION E ON E.JOB_INSTANCE_ID = N.JOB_INSTANCE_ID
JOIN BATCH_STEP_EXECUTION S ON S.JOB_EXECUTION_ID = E.JOB_EXECUTION_ID
JOIN BATCH_STEP_EXECUTION_CONTEXT C ON C.STEP_EXECUTION_ID = S.STEP_EXECUTION_ID
WHERE N.STATUS IN ('STARTING', 'STARTED', 'STOPPING', 'STOPPED', 'FAILED')
  AND NOT EXISTS (
    SELECT 1
    FROM BATCH_JOB_EXECUTION X
    WHERE X.JOB_INSTANCE_ID = N.JOB_INSTANCE_ID
      AND X.JOB_EXECUTION_ID > N.JOB_EXECUTION_ID)
  AND S.STATUS NOT IN ('COMPLETED', 'ABANDONED')
  AND NOT EXISTS (
    SELECT 1
    FROM BATCH_JOB_EXECUTION X
    JOIN BATCH_STEP_EXECUTION Y ON Y.JOB_EXECUTION_ID = X.JOB_EXECUTION_ID
    WHERE X.JOB_INSTANCE_ID = N.JOB_INSTANCE_ID
      AND Y.STEP_NAME = S.STEP_NAME
      AND (X.JOB_EXECUTION_ID, Y.STEP_EXECUTION_ID) > (E.JOB_EXECUTION_ID, S.STEP_EXECUTION_ID))
ORDER BY S.STEP_EXECUTION_ID`

// sinks compares every step that has not completed with the database that it
// writes to, and judges as the next restart would. The repository is read first:
// a sink commits first, so that one in use is never found behind.
func (r *CheckReport) sinks(ctx context.Context, db *sql.DB) error {
	settings, err := sqlrepo.ReadSettings(ctx, db)
	if err != nil {
		return err
	}
	uses, err := readSinkUses(ctx, db, settings[sqlrepo.SettingRepositoryID])
	if err != nil {
		return err
	}
	for _, use := range uses {
		held, err := readSink(ctx, use)
		if err != nil && ctx.Err() != nil {
			return err
		}
		r.sink(use, held, err)
	}
	return nil
}

func readSinkUses(ctx context.Context, db *sql.DB, repoID string) ([]sinkUse, error) {
	rows, err := db.QueryContext(ctx, unfinishedSteps)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var uses []sinkUse
	for rows.Next() {
		var u sinkUse
		var step, short string
		var serialized *string
		key := &u.claim.Key
		if err := rows.Scan(&key.JobName, &key.JobKey, &u.last, &u.jobExecutionID, &u.claim.StepExecutionID, &step,
			&u.running, &short, &serialized); err != nil {
			return nil, err
		}
		key.RepoID = repoID
		key.StepName, key.Partition = core.SplitStepName(step)
		ec, _, err := codec.DecodeContext(short, serialized)
		if err != nil { // another program's, which has no sinks
			continue
		}
		if u.fill(ec) {
			uses = append(uses, u)
		}
	}
	return uses, rows.Err()
}

// fill takes in the step's context, and reports whether it names a database in
// a file.
func (u *sinkUse) fill(ec core.ExecutionContext) bool {
	var errs [4]error
	u.location, _, errs[0] = ec.String(core.ContextKeySink)
	u.claim.Lineage, _, errs[1] = ec.String(core.ContextKeyLineage)
	u.claim.Replaces, _, errs[2] = ec.String(core.ContextKeyReplaces)
	u.claim.Seq, _, errs[3] = ec.Int64(core.ContextKeyChunk)
	return errors.Join(errs[:]...) == nil && filepath.IsAbs(u.location)
}

const selectSinkCheckpoint = `
SELECT LINEAGE, SEQ
FROM BATCHCTL_CHECKPOINT
WHERE REPO_ID = ?
  AND JOB_NAME = ?
  AND JOB_KEY = ?
  AND STEP_NAME = ?
  AND PARTITION = ?`

// readSink returns what the sink holds for the step, or nil. It makes no file
// beside a database that nobody has open; when somebody opens it meanwhile, a
// look that failed is repeated.
func readSink(ctx context.Context, u sinkUse) (*core.SinkCheckpoint, error) {
	_, exists, err := statDatabase(u.location)
	if err != nil {
		return nil, notRepository(u.location, err)
	}
	if !exists {
		return nil, nil //nolint:nilnil // an absent sink holds nothing
	}
	if _, open := sizeOf(u.location + "-wal"); !open {
		held, err := querySink(ctx, u, immutable)
		if err == nil {
			return held, nil
		}
	}
	return querySink(ctx, u, readOnly)
}

func querySink(ctx context.Context, u sinkUse, how access) (*core.SinkCheckpoint, error) {
	db := openPool(u.location, how, explorerBusyTimeout)
	defer func() { _ = db.Close() }() // only read from
	var tables int
	err := db.QueryRowContext(ctx,
		"SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'BATCHCTL_CHECKPOINT'").Scan(&tables)
	if err != nil || tables == 0 {
		return nil, err
	}
	held := &core.SinkCheckpoint{}
	key := u.claim.Key
	err = db.QueryRowContext(ctx, selectSinkCheckpoint, key.RepoID, key.JobName, key.JobKey, key.StepName, key.Partition).
		Scan(&held.Lineage, &held.Seq)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // it holds nothing for this step
	}
	return held, err
}

// sink reports what the next restart would make of the sink.
func (r *CheckReport) sink(u sinkUse, held *core.SinkCheckpoint, err error) {
	what := fmt.Sprintf("execution %d of %s writes step %s to %s", u.jobExecutionID,
		core.EscapeControl(u.claim.Key.JobName), core.EscapeControl(u.claim.Key.Step()), core.QuotePath(u.location))
	if err != nil {
		r.add("sink-unreadable", fmt.Sprintf("%s, which cannot be read: %s", what, core.EscapeControl(err.Error())),
			core.ShellQuote("ls", "-l", u.location))
		return
	}
	resume, err := u.claim.Judge(held)
	switch {
	case err != nil:
		r.add("sink-mismatch", fmt.Sprintf("%s, and a restart will be refused: %s", what, core.EscapeControl(err.Error())),
			"restore repository and sink from backups of the same time, or give the instance up: "+
				core.ShellQuote("batchctl", "abandon", fmt.Sprint(u.last), "--db", r.Path))
	case resume && held.Seq > u.claim.Seq && (!u.running || r.dead[u.last]):
		r.Notes = append(r.Notes, Problem{
			Code: "sink-ahead",
			Msg: fmt.Sprintf("%s, which has %d committed chunks, the repository %d: the next restart adopts them",
				what, held.Seq, u.claim.Seq),
			Hint: core.ShellQuote("batchctl", "restart", fmt.Sprint(u.last), "--db", r.Path),
		})
	}
}
