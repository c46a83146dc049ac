package sqlrepo

import (
	"context"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// JobExecutions implements core.JobExplorer: the ids of the page from an index,
// then their rows, then their parameters.
func (x *Explorer) JobExecutions(ctx context.Context, q core.JobExecutionQuery) ([]*core.JobExecution, error) {
	var page []*core.JobExecution
	err := x.view(ctx, "read the executions", func(db querier) error {
		ids, err := readIDs(ctx, db, q)
		if err != nil {
			return err
		}
		byID := make(map[int64]*core.JobExecution, len(ids))
		for rest := ids; len(rest) > 0; rest = rest[min(len(rest), parametersPerQuery):] {
			if err := x.cfg.readExecutions(ctx, db, rest[:min(len(rest), parametersPerQuery)], byID); err != nil {
				return err
			}
		}
		for _, id := range ids {
			if je, ok := byID[id.(int64)]; ok { //nolint:errcheck // readIDs scans int64
				page = append(page, je)
			}
		}
		return x.cfg.readParameters(ctx, db, byID)
	})
	return page, err
}

func readIDs(ctx context.Context, db querier, q core.JobExecutionQuery) ([]any, error) {
	query, args := executionIDsSQL(q)
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []any
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

func executionsSQL(n int) string {
	return "SELECT " + executionColumns + `
FROM BATCH_JOB_EXECUTION E
JOIN BATCH_JOB_INSTANCE I ON I.JOB_INSTANCE_ID = E.JOB_INSTANCE_ID
WHERE E.JOB_EXECUTION_ID IN (` + placeholders(n) + ")"
}

func (c Config) readExecutions(ctx context.Context, db querier, ids []any, byID map[int64]*core.JobExecution) error {
	rows, err := db.QueryContext(ctx, executionsSQL(len(ids)), ids...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		je, err := c.scanExecution(rows)
		if err != nil {
			return err
		}
		byID[je.ID] = je
	}
	return rows.Err()
}

// selection collects the conditions of a query and their arguments.
type selection struct {
	from  string
	where []string
	args  []any
}

func (s *selection) and(condition string, args ...any) {
	s.where = append(s.where, condition)
	s.args = append(s.args, args...)
}

func (s *selection) sql() string {
	return "SELECT JOB_EXECUTION_ID\nFROM " + s.from + "\nWHERE " + strings.Join(s.where, "\n  AND ")
}

const (
	newestFirst = "\nORDER BY JOB_EXECUTION_ID DESC\nLIMIT ?"
	latestFirst = "\nORDER BY CREATE_TIME DESC, JOB_EXECUTION_ID DESC\nLIMIT ?"
)

// executionIDsSQL chooses the index that gives the page in its order:
//
//	instance          its executions by id; they are few, the rest is filtered
//	since or until    the executions (of the job) by time
//	statuses          one walk by id for each status (of the job), merged
//	otherwise         the executions (of the job) by id
//
// A unary plus keeps a condition from choosing another index.
func executionIDsSQL(q core.JobExecutionQuery) (query string, args []any) {
	statuses := slices.Compact(slices.Sorted(slices.Values(q.Statuses)))
	timed := !q.Since.IsZero() || !q.Until.IsZero()
	switch {
	case q.InstanceID != 0:
		return ofInstanceSQL(q, statuses)
	case timed:
		return byTimeSQL(q, statuses)
	case len(statuses) > 0:
		return byStatusSQL(q, statuses)
	}
	s := ofJob(q)
	s.and("JOB_EXECUTION_ID < ?", upperBound(q.Before))
	return s.sql() + newestFirst, append(s.args, limitOf(q.Limit))
}

// ofJob selects from the history of the job when there is one, else from all
// executions; both have the columns that are filtered by.
func ofJob(q core.JobExecutionQuery) *selection {
	if q.JobName == "" {
		return &selection{from: "BATCH_JOB_EXECUTION"}
	}
	s := &selection{from: "BATCHCTL_JOB_HISTORY"}
	s.and("JOB_NAME = ?", q.JobName)
	return s
}

func (s *selection) filterTime(q core.JobExecutionQuery, column string) {
	if !q.Since.IsZero() {
		s.and(column+" >= ?", q.Since.UnixMilli())
	}
	if !q.Until.IsZero() {
		s.and(column+" < ?", q.Until.UnixMilli())
	}
}

func (s *selection) filterStatus(statuses []core.BatchStatus) {
	if len(statuses) == 0 {
		return
	}
	names := make([]any, len(statuses))
	for i, status := range statuses {
		names[i] = status.String()
	}
	s.and("+STATUS IN ("+placeholders(len(names))+")", names...)
}

func ofInstanceSQL(q core.JobExecutionQuery, statuses []core.BatchStatus) (query string, args []any) {
	s := &selection{from: "BATCH_JOB_EXECUTION"}
	s.and("JOB_INSTANCE_ID = ?", q.InstanceID)
	s.and("JOB_EXECUTION_ID < ?", upperBound(q.Before))
	s.filterTime(q, "+CREATE_TIME")
	s.filterStatus(statuses)
	if q.JobName != "" {
		s.and("? = (SELECT JOB_NAME FROM BATCH_JOB_INSTANCE WHERE JOB_INSTANCE_ID = ?)", q.JobName, q.InstanceID)
	}
	return s.sql() + newestFirst, append(s.args, limitOf(q.Limit))
}

func byTimeSQL(q core.JobExecutionQuery, statuses []core.BatchStatus) (query string, args []any) {
	s := ofJob(q)
	s.filterTime(q, "CREATE_TIME")
	if q.Before != 0 {
		// The time of the page before, also when its last row has been deleted.
		s.and(`(CREATE_TIME, JOB_EXECUTION_ID) < ((
    SELECT CREATE_TIME
    FROM BATCH_JOB_EXECUTION
    WHERE JOB_EXECUTION_ID <= ?
    ORDER BY JOB_EXECUTION_ID DESC
    LIMIT 1), ?)`, q.Before, q.Before)
	}
	s.filterStatus(statuses)
	return s.sql() + latestFirst, append(s.args, limitOf(q.Limit))
}

func byStatusSQL(q core.JobExecutionQuery, statuses []core.BatchStatus) (query string, args []any) {
	arms := make([]string, len(statuses))
	for i, status := range statuses {
		s := ofJob(q)
		s.and("STATUS = ?", status.String())
		s.and("JOB_EXECUTION_ID < ?", upperBound(q.Before))
		arms[i] = s.sql()
		args = append(args, s.args...)
	}
	return strings.Join(arms, "\nUNION ALL\n") + newestFirst, append(args, limitOf(q.Limit))
}
