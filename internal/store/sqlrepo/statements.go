package sqlrepo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/codec"
)

// ownedBy fences a statement: its last two arguments are the execution and the
// token of its owner.
const ownedBy = `EXISTS (
  SELECT 1
  FROM BATCHCTL_EXECUTION_OWNER
  WHERE JOB_EXECUTION_ID = ? AND TOKEN = ?)`

const jobState = `
SELECT COALESCE(VERSION, 0), STATUS, ` + ownedBy + `
FROM BATCH_JOB_EXECUTION
WHERE JOB_EXECUTION_ID = ?`

const updateJob = `
UPDATE BATCH_JOB_EXECUTION
SET
  VERSION = COALESCE(VERSION, 0) + 1,
  START_TIME = ?,
  END_TIME = ?,
  STATUS = ?,
  EXIT_CODE = ?,
  EXIT_MESSAGE = ?,
  LAST_UPDATED = ?
WHERE JOB_EXECUTION_ID = ? AND COALESCE(VERSION, 0) = ? AND ` + ownedBy

const insertStep = `
INSERT INTO BATCH_STEP_EXECUTION (
  STEP_EXECUTION_ID,
  VERSION,
  STEP_NAME,
  JOB_EXECUTION_ID,
  START_TIME,
  END_TIME,
  STATUS,
  COMMIT_COUNT,
  READ_COUNT,
  FILTER_COUNT,
  WRITE_COUNT,
  READ_SKIP_COUNT,
  WRITE_SKIP_COUNT,
  PROCESS_SKIP_COUNT,
  ROLLBACK_COUNT,
  EXIT_CODE,
  EXIT_MESSAGE,
  LAST_UPDATED)
SELECT ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
WHERE ` + ownedBy

const updateStep = `
UPDATE BATCH_STEP_EXECUTION
SET
  VERSION = VERSION + 1,
  START_TIME = ?,
  END_TIME = ?,
  STATUS = ?,
  COMMIT_COUNT = ?,
  READ_COUNT = ?,
  FILTER_COUNT = ?,
  WRITE_COUNT = ?,
  READ_SKIP_COUNT = ?,
  WRITE_SKIP_COUNT = ?,
  PROCESS_SKIP_COUNT = ?,
  ROLLBACK_COUNT = ?,
  EXIT_CODE = ?,
  EXIT_MESSAGE = ?,
  LAST_UPDATED = ?
WHERE STEP_EXECUTION_ID = ? AND VERSION = ? AND ` + ownedBy

const putJobContext = `
INSERT INTO BATCH_JOB_EXECUTION_CONTEXT (JOB_EXECUTION_ID, SHORT_CONTEXT, SERIALIZED_CONTEXT)
VALUES (?, ?, ?)
ON CONFLICT (JOB_EXECUTION_ID) DO UPDATE
SET SHORT_CONTEXT = EXCLUDED.SHORT_CONTEXT, SERIALIZED_CONTEXT = EXCLUDED.SERIALIZED_CONTEXT`

const putStepContext = `
INSERT INTO BATCH_STEP_EXECUTION_CONTEXT (STEP_EXECUTION_ID, SHORT_CONTEXT, SERIALIZED_CONTEXT)
VALUES (?, ?, ?)
ON CONFLICT (STEP_EXECUTION_ID) DO UPDATE
SET SHORT_CONTEXT = EXCLUDED.SHORT_CONTEXT, SERIALIZED_CONTEXT = EXCLUDED.SERIALIZED_CONTEXT`

// statements are what a running job repeats, prepared once for the writer's one
// connection.
type statements struct {
	jobState, updateJob, putJobContext     *sql.Stmt
	insertStep, updateStep, putStepContext *sql.Stmt
}

// statements prepares them before the first transaction: within one the only
// connection is taken.
func (r *Repository) statements(ctx context.Context) (*statements, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stmts != nil {
		return r.stmts, nil
	}
	s := &statements{}
	var err error
	for _, p := range []struct {
		to    **sql.Stmt
		query string
	}{
		{&s.jobState, jobState},
		{&s.updateJob, updateJob},
		{&s.putJobContext, putJobContext},
		{&s.insertStep, insertStep},
		{&s.updateStep, updateStep},
		{&s.putStepContext, putStepContext},
	} {
		if *p.to, err = r.writer.PrepareContext(ctx, p.query); err != nil { //nolint:sqlclosecheck // kept, closed by Close
			return nil, errors.Join(err, s.Close())
		}
	}
	r.stmts = s
	return s, nil
}

// Close closes what has been prepared.
func (s *statements) Close() error {
	var errs []error
	for _, stmt := range []*sql.Stmt{s.jobState, s.updateJob, s.putJobContext, s.insertStep, s.updateStep, s.putStepContext} {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	return errors.Join(errs...)
}

// nextID takes an id from a sequence, in the way in which Spring Batch does on
// SQLite, so that both may write to one repository.
func nextID(ctx context.Context, tx *sql.Tx, sequence string) (int64, error) {
	result, err := tx.ExecContext(ctx, "INSERT INTO "+sequence+" (ID) VALUES (NULL)") //nolint:gosec // a name of the schema
	if err != nil {
		return 0, err
	}
	id, err := result.LastInsertId()
	if err != nil {
		return 0, err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM "+sequence+" WHERE ID < ?", id) //nolint:gosec // a name of the schema
	return id, err
}

// checkName refuses a name that its column does not hold (SCH-11).
func checkName(what, name string) error {
	if n := codec.UTF16Len(name); n == 0 || n > core.MaxName {
		return &core.Error{
			Kind: core.ErrJobDefinition,
			Msg:  fmt.Sprintf("%s %s: the name has %d characters, 1 to %d are allowed", what, core.Quote(name), n, core.MaxName),
		}
	}
	return nil
}

// storable returns an exit status as its columns hold it (REPO-15). The code is
// never NULL.
func storable(e core.ExitStatus) core.ExitStatus {
	e.Code = codec.Cut(codec.ValidText(e.Code), codec.MaxExitCode)
	if e.Code == "" {
		e.Code = core.ExitCodeUnknown
	}
	e.Message = exitMessage(e.Message)
	return e
}

func exitMessage(text string) string { return codec.Cut(codec.ValidText(text), codec.MaxExitMessage) }
