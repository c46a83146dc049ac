package sqlrepo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/codec"
)

// executionColumns are read by scanExecution. The unary plus keeps the driver
// from guessing at timestamps.
const executionColumns = `
  E.JOB_EXECUTION_ID,
  COALESCE(E.VERSION, 0),
  E.JOB_INSTANCE_ID,
  I.JOB_NAME,
  I.JOB_KEY,
  +E.CREATE_TIME,
  +E.START_TIME,
  +E.END_TIME,
  E.STATUS,
  COALESCE(E.EXIT_CODE, ''),
  COALESCE(E.EXIT_MESSAGE, ''),
  +E.LAST_UPDATED`

const selectExecution = `
SELECT ` + executionColumns + `
FROM BATCH_JOB_EXECUTION E
JOIN BATCH_JOB_INSTANCE I ON I.JOB_INSTANCE_ID = E.JOB_INSTANCE_ID
WHERE E.JOB_EXECUTION_ID = ?`

type scanner interface{ Scan(dest ...any) error }

func (c Config) scanExecution(row scanner) (*core.JobExecution, error) {
	je := &core.JobExecution{}
	var status sql.NullString
	err := row.Scan(&je.ID, &je.Version, &je.Instance.ID, &je.Instance.JobName, &je.Instance.JobKey,
		codec.Timestamp{To: &je.CreateTime, Zone: c.Zone}, codec.Timestamp{To: &je.StartTime, Zone: c.Zone},
		codec.Timestamp{To: &je.EndTime, Zone: c.Zone}, &status, &je.ExitStatus.Code, &je.ExitStatus.Message,
		codec.Timestamp{To: &je.LastUpdated, Zone: c.Zone})
	je.Status, je.OpaqueStatus = readStatus(status)
	return je, err
}

// readStatus reads a STATUS column. What is none of the eight is UNKNOWN, with
// the stored text beside it.
func readStatus(column sql.NullString) (status core.BatchStatus, opaque string) {
	status, err := core.ParseBatchStatus(column.String)
	switch {
	case err == nil:
		return status, ""
	case !column.Valid:
		return core.StatusUnknown, "NULL"
	}
	return core.StatusUnknown, column.String
}

// JobExecution implements core.JobExplorer.
func (x *Explorer) JobExecution(ctx context.Context, id int64) (*core.JobExecution, error) {
	var je *core.JobExecution
	err := x.view(ctx, fmt.Sprintf("read execution %d", id), func(q querier) (err error) {
		je, err = x.cfg.readExecution(ctx, q, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return je, nil
}

// LastJobExecution implements core.JobExplorer.
func (x *Explorer) LastJobExecution(ctx context.Context, instanceID int64) (*core.JobExecution, error) {
	var je *core.JobExecution
	err := x.view(ctx, fmt.Sprintf("read the last execution of instance %d", instanceID), func(q querier) error {
		id, err := lastExecutionID(ctx, q, instanceID)
		if err == nil {
			je, err = x.cfg.readExecution(ctx, q, id)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return je, nil
}

const selectLastExecutionID = `
SELECT JOB_EXECUTION_ID
FROM BATCH_JOB_EXECUTION
WHERE JOB_INSTANCE_ID = ?
ORDER BY JOB_EXECUTION_ID DESC
LIMIT 1`

func lastExecutionID(ctx context.Context, q querier, instanceID int64) (int64, error) {
	var id int64
	err := q.QueryRowContext(ctx, selectLastExecutionID, instanceID).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, &core.Error{
			Kind: core.ErrNoSuchJobExecution,
			Msg:  fmt.Sprintf("job instance %d has no execution", instanceID),
			Hint: "batchctl instances",
		}
	}
	return id, err
}

// readExecution reads all that belongs to an execution but the contexts of its
// steps.
func (c Config) readExecution(ctx context.Context, q querier, id int64) (*core.JobExecution, error) {
	je, err := c.scanExecution(q.QueryRowContext(ctx, selectExecution, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, noSuchExecution(id)
	}
	if err != nil {
		return nil, err
	}
	if err := c.readParameters(ctx, q, map[int64]*core.JobExecution{id: je}); err != nil {
		return nil, err
	}
	if je.Context, je.OpaqueContext, err = readContext(ctx, q, selectJobContext, id); err != nil {
		return nil, err
	}
	if je.Owner, _, err = readOwner(ctx, q, id); err != nil {
		return nil, err
	}
	if je.Steps, err = c.readSteps(ctx, q, je); err != nil {
		return nil, err
	}
	return je, nil
}

const selectJobContext = `
SELECT SHORT_CONTEXT, SERIALIZED_CONTEXT
FROM BATCH_JOB_EXECUTION_CONTEXT
WHERE JOB_EXECUTION_ID = ?`

// readContext reads a context. One that batchctl does not read comes back as
// its text, with an empty context; no row is an empty context (CTX-03).
func readContext(ctx context.Context, q querier, query string, id int64) (core.ExecutionContext, string, error) {
	var short string
	var serialized *string
	err := q.QueryRowContext(ctx, query, id).Scan(&short, &serialized)
	if errors.Is(err, sql.ErrNoRows) {
		return core.ExecutionContext{}, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	ec, text, err := codec.DecodeContext(short, serialized)
	if err != nil {
		return core.ExecutionContext{}, text, nil //nolint:nilerr // an opaque context is shown, and is no error
	}
	return ec, "", nil
}

// parametersPerQuery bounds the number of placeholders.
const parametersPerQuery = 500

// readParameters fills in the parameters of all of byID, in the order in which
// they were stored.
func (c Config) readParameters(ctx context.Context, q querier, byID map[int64]*core.JobExecution) error {
	ids := make([]any, 0, len(byID))
	for id := range byID {
		ids = append(ids, id)
	}
	for len(ids) > 0 {
		n := min(len(ids), parametersPerQuery)
		if err := c.readParametersOf(ctx, q, byID, ids[:n]); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

func parametersSQL(n int) string {
	columns := make([]string, len(layout.ParameterColumns))
	for i, col := range layout.ParameterColumns {
		columns[i] = col.Select
	}
	return "SELECT JOB_EXECUTION_ID, " + strings.Join(columns, ", ") + `
FROM BATCH_JOB_EXECUTION_PARAMS
WHERE JOB_EXECUTION_ID IN (` + placeholders(n) + `)
ORDER BY JOB_EXECUTION_ID, ROWID`
}

func (c Config) readParametersOf(ctx context.Context, q querier, byID map[int64]*core.JobExecution, ids []any) error {
	rows, err := q.QueryContext(ctx, parametersSQL(len(ids)), ids...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var id int64
	values := make([]any, len(layout.ParameterColumns))
	dest := make([]any, 0, len(values)+1)
	dest = append(dest, &id)
	for i := range values {
		dest = append(dest, &values[i])
	}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		p, err := layout.DecodeParameter(values, c.zone())
		if err != nil {
			return err
		}
		byID[id].Parameters = append(byID[id].Parameters, p)
	}
	return rows.Err()
}

func placeholders(n int) string { return strings.Repeat("?, ", n-1) + "?" }

const selectStatus = "SELECT STATUS FROM BATCH_JOB_EXECUTION WHERE JOB_EXECUTION_ID = ?"

// JobStatus implements core.JobExplorer.
func (x *Explorer) JobStatus(ctx context.Context, jobExecutionID int64) (core.BatchStatus, error) {
	var text sql.NullString
	err := x.reader.QueryRowContext(ctx, selectStatus, jobExecutionID).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return core.StatusUnknown, noSuchExecution(jobExecutionID)
	}
	status, _ := readStatus(text)
	return status, x.cfg.fail(fmt.Sprintf("read the status of execution %d", jobExecutionID), err)
}
