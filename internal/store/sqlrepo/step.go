package sqlrepo

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/codec"
)

const selectStep = `
SELECT
  S.STEP_EXECUTION_ID,
  S.VERSION,
  S.JOB_EXECUTION_ID,
  S.STEP_NAME,
  +S.START_TIME,
  +S.END_TIME,
  S.STATUS,
  COALESCE(S.COMMIT_COUNT, 0),
  COALESCE(S.READ_COUNT, 0),
  COALESCE(S.FILTER_COUNT, 0),
  COALESCE(S.WRITE_COUNT, 0),
  COALESCE(S.READ_SKIP_COUNT, 0),
  COALESCE(S.WRITE_SKIP_COUNT, 0),
  COALESCE(S.PROCESS_SKIP_COUNT, 0),
  COALESCE(S.ROLLBACK_COUNT, 0),
  COALESCE(S.EXIT_CODE, ''),
  COALESCE(S.EXIT_MESSAGE, ''),
  +S.LAST_UPDATED
FROM `

const selectStepByID = selectStep + `BATCH_STEP_EXECUTION S
WHERE S.STEP_EXECUTION_ID = ?`

const selectStepsOfExecution = selectStep + `BATCH_STEP_EXECUTION S
WHERE S.JOB_EXECUTION_ID = ?`

const selectLastStep = selectStep + `BATCH_JOB_EXECUTION E
JOIN BATCH_STEP_EXECUTION S ON S.JOB_EXECUTION_ID = E.JOB_EXECUTION_ID
WHERE E.JOB_INSTANCE_ID = ? AND S.STEP_NAME = ?
ORDER BY E.JOB_EXECUTION_ID DESC, S.STEP_EXECUTION_ID DESC
LIMIT 1`

// selectPartitions bounds the names by the character behind the separator.
const selectPartitions = selectStep + `BATCH_JOB_EXECUTION E
JOIN BATCH_STEP_EXECUTION S ON S.JOB_EXECUTION_ID = E.JOB_EXECUTION_ID
WHERE E.JOB_INSTANCE_ID = ? AND S.STEP_NAME >= ? AND S.STEP_NAME < ?`

const countSteps = `
SELECT COUNT(*)
FROM BATCH_JOB_EXECUTION E
JOIN BATCH_STEP_EXECUTION S ON S.JOB_EXECUTION_ID = E.JOB_EXECUTION_ID
WHERE E.JOB_INSTANCE_ID = ? AND S.STEP_NAME = ? AND S.EXIT_CODE IS NOT '` + core.ExitCodeRefused + `'`

const selectStepContext = `
SELECT SHORT_CONTEXT, SERIALIZED_CONTEXT
FROM BATCH_STEP_EXECUTION_CONTEXT
WHERE STEP_EXECUTION_ID = ?`

func (c Config) scanStep(row scanner) (se *core.StepExecution, jobExecutionID int64, err error) {
	se = &core.StepExecution{}
	var status sql.NullString
	err = row.Scan(&se.ID, &se.Version, &jobExecutionID, &se.StepName,
		codec.Timestamp{To: &se.StartTime, Zone: c.Zone}, codec.Timestamp{To: &se.EndTime, Zone: c.Zone}, &status,
		&se.Counts.Commit, &se.Counts.Read, &se.Counts.Filter, &se.Counts.Write,
		&se.Counts.ReadSkip, &se.Counts.WriteSkip, &se.Counts.ProcessSkip, &se.Counts.Rollback,
		&se.ExitStatus.Code, &se.ExitStatus.Message, codec.Timestamp{To: &se.LastUpdated, Zone: c.Zone})
	se.Status, se.OpaqueStatus = readStatus(status)
	return se, jobExecutionID, err
}

// readSteps reads the steps of je in the order of their ids, without contexts.
func (c Config) readSteps(ctx context.Context, q querier, je *core.JobExecution) ([]*core.StepExecution, error) {
	rows, err := q.QueryContext(ctx, selectStepsOfExecution, je.ID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var steps []*core.StepExecution
	for rows.Next() {
		se, _, err := c.scanStep(rows)
		if err != nil {
			return nil, err
		}
		se.JobExecution = je
		steps = append(steps, se)
	}
	// They come by name, which is the order of the index.
	slices.SortFunc(steps, func(a, b *core.StepExecution) int { return cmp.Compare(a.ID, b.ID) })
	return steps, rows.Err()
}

// StepExecution implements core.JobExplorer.
func (x *Explorer) StepExecution(ctx context.Context, id int64) (*core.StepExecution, error) {
	se, _, err := x.step(ctx, fmt.Sprintf("read step execution %d", id), selectStepByID, id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, &core.Error{
			Kind: core.ErrNoSuchStepExecution,
			Msg:  fmt.Sprintf("no step execution %d", id),
			Hint: "batchctl executions",
		}
	}
	return se, err
}

// LastStepExecution implements core.JobExplorer.
func (x *Explorer) LastStepExecution(ctx context.Context, instanceID int64, stepName string) (*core.StepExecution, error) {
	op := fmt.Sprintf("read the last execution of step %s of instance %d", core.Quote(stepName), instanceID)
	se, jobExecutionID, err := x.step(ctx, op, selectLastStep, instanceID, stepName)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, &core.Error{
			Kind: core.ErrNoSuchStepExecution,
			Msg:  fmt.Sprintf("step %s was not started in instance %d", core.Quote(stepName), instanceID),
		}
	}
	if err != nil {
		return nil, err
	}
	se.JobExecution = &core.JobExecution{ID: jobExecutionID}
	return se, nil
}

// PartitionExecutions implements core.JobExplorer.
func (x *Explorer) PartitionExecutions(
	ctx context.Context, instanceID int64, stepName string,
) (map[string]*core.StepExecution, error) {
	op := fmt.Sprintf("read the parts of step %s of instance %d", core.Quote(stepName), instanceID)
	from := core.PartitionStepName(stepName, "")
	rows, err := x.reader.QueryContext(ctx, selectPartitions, instanceID, from, from[:len(from)-1]+string(from[len(from)-1]+1))
	if err != nil {
		return nil, x.cfg.fail(op, err)
	}
	defer rows.Close()
	newest := map[string]*core.StepExecution{}
	for rows.Next() {
		se, jobExecutionID, err := x.cfg.scanStep(rows)
		if err != nil {
			return nil, x.cfg.fail(op, err)
		}
		_, partition := core.SplitStepName(se.StepName)
		if last := newest[partition]; last == nil || last.ID < se.ID {
			se.JobExecution = &core.JobExecution{ID: jobExecutionID}
			newest[partition] = se
		}
	}
	return newest, x.cfg.fail(op, rows.Err())
}

// step reads one row and its context in one snapshot; no row is sql.ErrNoRows.
func (x *Explorer) step(ctx context.Context, op, query string, args ...any) (*core.StepExecution, int64, error) {
	var se *core.StepExecution
	var jobExecutionID int64
	found := true
	err := x.view(ctx, op, func(q querier) (err error) {
		se, jobExecutionID, err = x.cfg.scanStep(q.QueryRowContext(ctx, query, args...))
		if errors.Is(err, sql.ErrNoRows) {
			found = false
			return nil
		}
		if err == nil {
			se.Context, se.OpaqueContext, err = readContext(ctx, q, selectStepContext, se.ID)
		}
		return err
	})
	switch {
	case err != nil:
		return nil, 0, err
	case !found:
		return nil, 0, sql.ErrNoRows
	}
	return se, jobExecutionID, nil
}

// StepExecutionCount implements core.JobExplorer.
func (x *Explorer) StepExecutionCount(ctx context.Context, instanceID int64, stepName string) (int, error) {
	var n int
	err := x.reader.QueryRowContext(ctx, countSteps, instanceID, stepName).Scan(&n)
	op := fmt.Sprintf("count the executions of step %s of instance %d", core.Quote(stepName), instanceID)
	return n, x.cfg.fail(op, err)
}
