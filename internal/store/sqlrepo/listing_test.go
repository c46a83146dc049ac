package sqlrepo_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
)

// TestLongPage lists more executions than one statement takes.
func TestLongPage(t *testing.T) {
	t.Parallel()
	path := create(t)
	repo := connect(t, path, config(newOwners()))
	fill(t, pool(t, path, "", 1), 1203)
	page, err := repo.JobExecutions(t.Context(), core.JobExecutionQuery{Limit: 1200})
	if err != nil {
		t.Fatal(err)
	}
	if len(page) != 1200 || page[0].ID != 1203 || page[1199].ID != 4 {
		t.Fatalf("got %d executions", len(page))
	}
	for _, je := range page {
		if n, ok, err := je.Parameters.Long("n"); err != nil || !ok || n != je.ID {
			t.Fatalf("execution %d: got parameter %d, %v", je.ID, n, err)
		}
	}
	if page, err := repo.JobExecutions(t.Context(), core.JobExecutionQuery{}); err != nil || len(page) != 100 {
		t.Errorf("got %d executions, %v; want 100 where no limit is given", len(page), err)
	}
}

// TestClockSetBack pages through executions whose times do not follow their
// ids, and whose page before was deleted meanwhile.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	path := create(t)
	repo := connect(t, path, config(newOwners()))
	db := pool(t, path, "", 1)
	fill(t, db, 6) // at 1000, 2000, ... 6000
	exec(t, db, "UPDATE BATCH_JOB_EXECUTION SET CREATE_TIME = 2500 WHERE JOB_EXECUTION_ID = 5")
	exec(t, db, "UPDATE BATCH_JOB_EXECUTION SET CREATE_TIME = 2500 WHERE JOB_EXECUTION_ID = 6")
	for name, tt := range map[string]struct {
		q    core.JobExecutionQuery
		want []int64
	}{
		"by id":       {core.JobExecutionQuery{}, []int64{6, 5, 4, 3, 2, 1}},
		"by time":     {core.JobExecutionQuery{Since: time.UnixMilli(2000)}, []int64{4, 3, 6, 5, 2}},
		"second page": {core.JobExecutionQuery{Since: time.UnixMilli(2000), Before: 6}, []int64{5, 2}},
		"until":       {core.JobExecutionQuery{Until: time.UnixMilli(2501)}, []int64{6, 5, 2, 1}},
	} {
		page, err := repo.JobExecutions(t.Context(), tt.q)
		if err != nil {
			t.Fatal(err)
		}
		got := []int64{}
		for _, je := range page {
			got = append(got, je.ID)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func exec(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

// fill writes n executions of one job, each with a parameter.
func fill(t *testing.T, db *sql.DB, n int) {
	t.Helper()
	const numbers = "WITH RECURSIVE N (I) AS (SELECT 1 UNION ALL SELECT I + 1 FROM N WHERE I < ?) "
	exec(t, db, "INSERT INTO BATCH_JOB_INSTANCE "+numbers+"SELECT I, 0, 'job', PRINTF('%032d', I) FROM N", n)
	exec(t, db, "INSERT INTO BATCH_JOB_EXECUTION (JOB_EXECUTION_ID, JOB_INSTANCE_ID, CREATE_TIME, STATUS) "+numbers+
		"SELECT I, I, I * 1000, 'COMPLETED' FROM N", n)
	exec(t, db, "INSERT INTO BATCH_JOB_EXECUTION_PARAMS "+numbers+"SELECT I, 'LONG', 'n', '', 0, I, 0, 'Y' FROM N", n)
}
