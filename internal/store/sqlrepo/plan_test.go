package sqlrepo_test

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlrepo"
)

// whole matches the lines of a query plan that read a whole table or index, and
// sorts of what was read.
var whole = regexp.MustCompile(`\bSCAN (BATCH|[EISH]\b)|TEMP B-TREE`)

// TestPlans asserts that nothing the explorer asks reads the history: every
// query is an index search in the order in which its rows are wanted.
func TestPlans(t *testing.T) {
	t.Parallel()
	db := pool(t, create(t), "", 1)
	for name, q := range plans() {
		t.Run(name, func(t *testing.T) {
			plan := explain(t, db.QueryContext, q)
			if whole.MatchString(plan) {
				t.Errorf("%s\n%s", q.SQL, plan)
			}
			if !strings.Contains(plan, "SEARCH") {
				t.Errorf("no index is searched:\n%s\n%s", q.SQL, plan)
			}
		})
	}
}

// TestPlanOfWholeScan makes sure that the test above can fail.
func TestPlanOfWholeScan(t *testing.T) {
	t.Parallel()
	db := pool(t, create(t), "", 1)
	for _, query := range []string{
		"SELECT * FROM BATCH_JOB_EXECUTION ORDER BY END_TIME",
		"SELECT * FROM BATCH_STEP_EXECUTION S WHERE STEP_NAME = 'x'",
		"SELECT JOB_EXECUTION_ID FROM BATCHCTL_JOB_HISTORY",
		"SELECT JOB_EXECUTION_ID FROM BATCH_JOB_EXECUTION WHERE JOB_INSTANCE_ID = 1 ORDER BY CREATE_TIME",
	} {
		if plan := explain(t, db.QueryContext, sqlrepo.Query{SQL: query}); !whole.MatchString(plan) {
			t.Errorf("%s\n%s", query, plan)
		}
	}
}

// explain returns the plan of a query, one line a step.
func explain(t *testing.T, query func(ctx context.Context, query string, args ...any) (*sql.Rows, error), q sqlrepo.Query) string {
	t.Helper()
	rows, err := query(t.Context(), "EXPLAIN QUERY PLAN "+q.SQL, q.Args...)
	if err != nil {
		t.Fatalf("%s: %v", q.SQL, err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(detail + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}

func plans() map[string]sqlrepo.Query {
	all := sqlrepo.Queries()
	for bits := range 64 {
		q := core.JobExecutionQuery{Limit: 3, Before: int64(bits & 1)}
		if bits&2 != 0 {
			q.JobName = "job"
		}
		if bits&4 != 0 {
			q.InstanceID = 21
		}
		if bits&8 != 0 {
			q.Statuses = []core.BatchStatus{core.StatusStarting, core.StatusStarted, core.StatusFailed}
		}
		if bits&16 != 0 {
			q.Since = time.UnixMilli(1)
		}
		if bits&32 != 0 {
			q.Until = time.UnixMilli(2)
		}
		all[fmt.Sprintf("executions before=%d job=%q instance=%d statuses=%v since=%t until=%t", q.Before, q.JobName,
			q.InstanceID, q.Statuses, !q.Since.IsZero(), !q.Until.IsZero())] = sqlrepo.ExecutionIDs(q)
	}
	for _, q := range []core.JobInstanceQuery{{}, {Before: 5}, {JobName: "job"}, {JobName: "job", Before: 5}} {
		all[fmt.Sprintf("instances %+v", q)] = sqlrepo.Instances(q)
	}
	return all
}
