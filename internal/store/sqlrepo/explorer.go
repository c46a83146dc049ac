package sqlrepo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// defaultLimit is the length of a page when none is asked for.
const defaultLimit = 100

// querier is what reading needs; a pool and a transaction have it.
type querier interface {
	Querier
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Explorer is a core.JobExplorer on a pool of connections that only read.
type Explorer struct {
	reader *sql.DB
	cfg    Config
}

var _ core.JobExplorer = (*Explorer)(nil)

// NewExplorer returns an explorer that owns the pool. cfg needs an Ownership
// for OwnerOf, and nothing else that writing needs.
func NewExplorer(reader *sql.DB, cfg Config) *Explorer {
	return &Explorer{reader: reader, cfg: cfg}
}

// Close closes the pool.
func (x *Explorer) Close() error { return x.reader.Close() }

// Zone implements core.JobExplorer.
func (x *Explorer) Zone() *time.Location { return x.cfg.zone() }

// RepositoryID implements core.JobExplorer.
func (x *Explorer) RepositoryID() string { return x.cfg.RepositoryID }

// QueryContext runs a query on the pool of readers, in a snapshot of its own.
func (x *Explorer) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return x.reader.QueryContext(ctx, query, args...)
}

// view calls read within one snapshot.
func (x *Explorer) view(ctx context.Context, op string, read func(q querier) error) error {
	tx, err := x.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return x.cfg.fail(op, err)
	}
	defer tx.Rollback() // nothing was written
	return x.cfg.fail(op, read(tx))
}

// selectJobNames jumps from name to name in the index instead of reading every
// instance.
const selectJobNames = `
WITH RECURSIVE NAMES (NAME) AS (
  SELECT (SELECT JOB_NAME FROM BATCH_JOB_INSTANCE WHERE JOB_NAME >= '' ORDER BY JOB_NAME LIMIT 1)
  UNION ALL
  SELECT (SELECT JOB_NAME FROM BATCH_JOB_INSTANCE WHERE JOB_NAME > NAME ORDER BY JOB_NAME LIMIT 1)
  FROM NAMES
  WHERE NAME IS NOT NULL
)
SELECT NAME FROM NAMES WHERE NAME IS NOT NULL`

// JobNames implements core.JobExplorer.
func (x *Explorer) JobNames(ctx context.Context) ([]string, error) {
	const op = "read the job names"
	rows, err := x.reader.QueryContext(ctx, selectJobNames)
	if err != nil {
		return nil, x.cfg.fail(op, err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, x.cfg.fail(op, err)
		}
		names = append(names, name)
	}
	return names, x.cfg.fail(op, rows.Err())
}

const selectInstance = `
SELECT JOB_INSTANCE_ID, JOB_NAME, JOB_KEY
FROM BATCH_JOB_INSTANCE
`

func scanInstance(row interface{ Scan(dest ...any) error }) (core.JobInstance, error) {
	var i core.JobInstance
	err := row.Scan(&i.ID, &i.JobName, &i.JobKey)
	return i, err
}

// JobInstance implements core.JobExplorer.
func (x *Explorer) JobInstance(ctx context.Context, id int64) (core.JobInstance, error) {
	i, err := scanInstance(x.reader.QueryRowContext(ctx, selectInstance+"WHERE JOB_INSTANCE_ID = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return core.JobInstance{}, noSuchInstance(id)
	}
	return i, x.cfg.fail(fmt.Sprintf("read instance %d", id), err)
}

func noSuchInstance(id int64) error {
	return &core.Error{
		Kind: core.ErrNoSuchJobInstance,
		Msg:  fmt.Sprintf("no job instance %d", id),
		Hint: "batchctl instances",
	}
}

// FindJobInstance implements core.JobExplorer.
func (x *Explorer) FindJobInstance(ctx context.Context, jobName string, ps core.JobParameters) (core.JobInstance, error) {
	key, err := layout.JobKey(ps)
	if err != nil {
		return core.JobInstance{}, err
	}
	i, found, err := findInstance(ctx, x.reader, jobName, key)
	if err == nil && !found {
		return core.JobInstance{}, &core.Error{
			Kind: core.ErrNoSuchJobInstance,
			Msg:  fmt.Sprintf("job %s has no instance with these identifying parameters", core.Quote(jobName)),
			Hint: core.ShellQuote("batchctl", "instances", "--job", jobName),
		}
	}
	return i, x.cfg.fail("find the instance of job "+core.Quote(jobName), err)
}

const selectInstanceByKey = selectInstance + "WHERE JOB_NAME = ? AND JOB_KEY = ?"

func findInstance(ctx context.Context, q querier, jobName, key string) (core.JobInstance, bool, error) {
	i, err := scanInstance(q.QueryRowContext(ctx, selectInstanceByKey, jobName, key))
	if errors.Is(err, sql.ErrNoRows) {
		return core.JobInstance{}, false, nil
	}
	return i, err == nil, err
}

// JobInstances implements core.JobExplorer.
func (x *Explorer) JobInstances(ctx context.Context, q core.JobInstanceQuery) ([]core.JobInstance, error) {
	const op = "read the instances"
	query, args := instancesSQL(q)
	rows, err := x.reader.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, x.cfg.fail(op, err)
	}
	defer rows.Close()
	var page []core.JobInstance
	for rows.Next() {
		i, err := scanInstance(rows)
		if err != nil {
			return nil, x.cfg.fail(op, err)
		}
		page = append(page, i)
	}
	return page, x.cfg.fail(op, rows.Err())
}

func instancesSQL(q core.JobInstanceQuery) (query string, args []any) {
	query = selectInstance + "WHERE JOB_INSTANCE_ID < ?"
	args = []any{upperBound(q.Before)}
	if q.JobName != "" {
		query += " AND JOB_NAME = ?"
		args = append(args, q.JobName)
	}
	return query + "\nORDER BY JOB_INSTANCE_ID DESC\nLIMIT ?", append(args, limitOf(q.Limit))
}

// upperBound turns "0 begins at the newest" into a bound that an index search
// can use.
func upperBound(before int64) int64 {
	if before == 0 {
		return math.MaxInt64
	}
	return before
}

func limitOf(limit int) int {
	if limit <= 0 {
		return defaultLimit
	}
	return limit
}

const countInstances = `
SELECT COUNT(*)
FROM BATCH_JOB_INSTANCE
WHERE JOB_NAME = ?`

// JobInstanceCount implements core.JobExplorer.
func (x *Explorer) JobInstanceCount(ctx context.Context, jobName string) (int64, error) {
	var n int64
	err := x.reader.QueryRowContext(ctx, countInstances, jobName).Scan(&n)
	if err != nil {
		return 0, x.cfg.fail("count the instances of job "+core.Quote(jobName), err)
	}
	if n == 0 {
		return 0, &core.Error{
			Kind: core.ErrNoSuchJob,
			Msg:  fmt.Sprintf("job %s has no instances", core.Quote(jobName)),
			Hint: "batchctl jobs",
		}
	}
	return n, nil
}

func noSuchExecution(id int64) error {
	return &core.Error{
		Kind: core.ErrNoSuchJobExecution,
		Msg:  fmt.Sprintf("no job execution %d", id),
		Hint: "batchctl executions",
	}
}

func hint(verb string, id int64) string { return "batchctl " + verb + " " + strconv.FormatInt(id, 10) }
