package sqlitem

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// checkpointDDL is the table that a sink database keeps beside its output. A
// row belongs to one step of one job instance of one repository.
const checkpointDDL = `
CREATE TABLE IF NOT EXISTS BATCHCTL_CHECKPOINT (
  REPO_ID            TEXT    NOT NULL,
  JOB_NAME           TEXT    NOT NULL,
  JOB_KEY            TEXT    NOT NULL,
  STEP_NAME          TEXT    NOT NULL,
  PARTITION          TEXT    NOT NULL,
  LINEAGE            TEXT    NOT NULL,
  STEP_EXECUTION_ID  INTEGER NOT NULL,
  SEQ                INTEGER NOT NULL,
  CONTEXT            TEXT    NOT NULL,
  COMMIT_COUNT       INTEGER NOT NULL,
  READ_COUNT         INTEGER NOT NULL,
  FILTER_COUNT       INTEGER NOT NULL,
  WRITE_COUNT        INTEGER NOT NULL,
  READ_SKIP_COUNT    INTEGER NOT NULL,
  PROCESS_SKIP_COUNT INTEGER NOT NULL,
  WRITE_SKIP_COUNT   INTEGER NOT NULL,
  PRIMARY KEY (REPO_ID, JOB_NAME, JOB_KEY, STEP_NAME, PARTITION)
) WITHOUT ROWID`

const checkpointKey = `
WHERE REPO_ID = ?
  AND JOB_NAME = ?
  AND JOB_KEY = ?
  AND STEP_NAME = ?
  AND PARTITION = ?`

const selectCheckpoint = `
SELECT
  LINEAGE,
  STEP_EXECUTION_ID,
  SEQ,
  CONTEXT,
  COMMIT_COUNT,
  READ_COUNT,
  FILTER_COUNT,
  WRITE_COUNT,
  READ_SKIP_COUNT,
  PROCESS_SKIP_COUNT,
  WRITE_SKIP_COUNT
FROM BATCHCTL_CHECKPOINT` + checkpointKey

const claimCheckpoint = `
INSERT INTO BATCHCTL_CHECKPOINT (
  REPO_ID, JOB_NAME, JOB_KEY, STEP_NAME, PARTITION,
  LINEAGE, STEP_EXECUTION_ID, SEQ, CONTEXT,
  COMMIT_COUNT, READ_COUNT, FILTER_COUNT, WRITE_COUNT,
  READ_SKIP_COUNT, PROCESS_SKIP_COUNT, WRITE_SKIP_COUNT
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, 0, 0)
ON CONFLICT DO UPDATE SET
  LINEAGE = excluded.LINEAGE,
  STEP_EXECUTION_ID = excluded.STEP_EXECUTION_ID,
  SEQ = excluded.SEQ,
  CONTEXT = excluded.CONTEXT,
  COMMIT_COUNT = 0,
  READ_COUNT = 0,
  FILTER_COUNT = 0,
  WRITE_COUNT = 0,
  READ_SKIP_COUNT = 0,
  PROCESS_SKIP_COUNT = 0,
  WRITE_SKIP_COUNT = 0`

const moveCheckpoint = `
UPDATE BATCHCTL_CHECKPOINT
SET SEQ = ?,
  CONTEXT = ?,
  COMMIT_COUNT = ?,
  READ_COUNT = ?,
  FILTER_COUNT = ?,
  WRITE_COUNT = ?,
  READ_SKIP_COUNT = ?,
  PROCESS_SKIP_COUNT = ?,
  WRITE_SKIP_COUNT = ?` + checkpointKey + `
  AND STEP_EXECUTION_ID = ?`

// rowQuerier is what reading a checkpoint needs of a database or transaction.
type rowQuerier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func keyArgs(k core.SinkKey) []any {
	return []any{k.RepoID, k.JobName, k.JobKey, k.StepName, k.Partition}
}

// readCheckpoint returns what the sink holds under key, or nil.
func readCheckpoint(ctx context.Context, q rowQuerier, key core.SinkKey) (*core.SinkCheckpoint, error) {
	rows, err := q.QueryContext(ctx, selectCheckpoint, keyArgs(key)...)
	if err != nil {
		return nil, fmt.Errorf("read the sink's checkpoint: %w", err)
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, rows.Err()
	}
	var ck core.SinkCheckpoint
	var text string
	c := &ck.Counts
	err = rows.Scan(&ck.Lineage, &ck.StepExecutionID, &ck.Seq, &text,
		&c.Commit, &c.Read, &c.Filter, &c.Write, &c.ReadSkip, &c.ProcessSkip, &c.WriteSkip)
	if err != nil {
		return nil, fmt.Errorf("read the sink's checkpoint: %w", err)
	}
	if ck.Seq > 0 {
		if ck.Context, err = decodeContext(text); err != nil {
			return nil, &core.Error{Kind: core.ErrCheckpointMismatch, Msg: "the sink's checkpoint cannot be read", Err: err}
		}
	}
	return &ck, rows.Err()
}

// claim makes ck the checkpoint under key, with counts of zero.
func claim(ctx context.Context, tx *sql.Tx, key core.SinkKey, ck core.SinkCheckpoint) error {
	text, err := encodeContext(ck.Context)
	if err != nil {
		return err
	}
	args := append(keyArgs(key), ck.Lineage, ck.StepExecutionID, ck.Seq, text)
	if _, err := tx.ExecContext(ctx, claimCheckpoint, args...); err != nil {
		return fmt.Errorf("claim the sink: %w", err)
	}
	return nil
}

// move advances the checkpoint in the name of ck.StepExecutionID.
func move(ctx context.Context, tx *sql.Tx, key core.SinkKey, ck core.SinkCheckpoint) error {
	text, err := encodeContext(ck.Context)
	if err != nil {
		return err
	}
	c := ck.Counts
	args := []any{ck.Seq, text, c.Commit, c.Read, c.Filter, c.Write, c.ReadSkip, c.ProcessSkip, c.WriteSkip}
	args = append(append(args, keyArgs(key)...), ck.StepExecutionID)
	result, err := tx.ExecContext(ctx, moveCheckpoint, args...)
	if err != nil {
		return fmt.Errorf("write the sink's checkpoint: %w", err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return fmt.Errorf("write the sink's checkpoint: %w", err)
	}
	if n == 0 {
		return &core.Error{
			Kind: core.ErrLeaseLost,
			Msg:  fmt.Sprintf("step execution %d no longer owns the sink of step %s: another run has claimed it", ck.StepExecutionID, key.StepName),
		}
	}
	return nil
}

// encodeContext writes a context as JSON in which a number has a point or an
// exponent exactly when it is a float64.
func encodeContext(ec core.ExecutionContext) (string, error) {
	if err := ec.Check(); err != nil {
		return "", err
	}
	doc := make(map[string]any, len(ec))
	for key, v := range ec {
		if f, ok := v.(float64); ok {
			text := strconv.FormatFloat(f, 'g', -1, 64)
			if !strings.ContainsAny(text, ".e") {
				text += ".0"
			}
			v = json.Number(text)
		}
		doc[key] = v
	}
	text, err := json.Marshal(doc)
	return string(text), err
}

func decodeContext(text string) (core.ExecutionContext, error) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	var doc map[string]any
	if err := decoder.Decode(&doc); err != nil {
		return nil, err
	}
	ec := make(core.ExecutionContext, len(doc))
	for key, v := range doc {
		value, err := decodeValue(v)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", core.Quote(key), err)
		}
		ec[key] = value
	}
	return ec, nil
}

func decodeValue(v any) (any, error) {
	switch v := v.(type) {
	case string, bool:
		return v, nil
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return v.Float64()
		}
		return v.Int64()
	}
	return nil, errors.New("it holds neither a string, a number nor a bool")
}
