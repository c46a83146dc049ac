package sqlrepo_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlrepo"
	"github.com/batchctl/batchctl/schema"
)

var daily = core.Launch{JobName: "dailySettlement"}

func launch(t *testing.T, repo *sqlrepo.Repository, l core.Launch) *core.JobExecution {
	t.Helper()
	je, err := repo.CreateJobExecution(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	return je
}

func TestSettings(t *testing.T) {
	t.Parallel()
	db := pool(t, create(t), "", 1)
	got, err := sqlrepo.ReadSettings(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"schema_version": "1", "layout": "4.x", "zone": "UTC", "repo_id": "r1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	empty := pool(t, filepath.Join(t.TempDir(), "empty.db"), "", 1)
	if got, err := sqlrepo.ReadSettings(t.Context(), empty); err == nil {
		t.Errorf("got settings %v of an empty database", got)
	}
}

func TestInitialiseTwice(t *testing.T) {
	t.Parallel()
	db := pool(t, create(t), "", 1)
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing is to be kept
	if err := sqlrepo.Initialise(t.Context(), tx, schema.SQLite, nil); err == nil {
		t.Error("a repository was initialised twice")
	}
}

// TestDriverErrors makes sure that no error of the driver comes out as it is,
// and that none is dropped.
func TestDriverErrors(t *testing.T) {
	t.Parallel()
	o := newOwners()
	cfg := config(o)
	cfg.TranslateError = func(op string, err error) error {
		return &core.Error{Kind: core.ErrRepository, Op: op, Err: err}
	}
	path := create(t)
	repo := connect(t, path, cfg)
	je := launch(t, repo, daily)
	tx, err := repo.Begin(t.Context(), je)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	broken := pool(t, path, "", 1)
	for _, table := range []string{
		"BATCH_STEP_EXECUTION_CONTEXT", "BATCH_STEP_EXECUTION", "BATCH_JOB_EXECUTION_CONTEXT", "BATCH_JOB_EXECUTION_PARAMS",
		"BATCHCTL_JOB_HISTORY", "BATCH_JOB_EXECUTION", "BATCH_JOB_INSTANCE", "BATCHCTL_EXECUTION_OWNER",
	} {
		if _, err := broken.ExecContext(t.Context(), "DROP TABLE "+table); err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"job names":      func() error { _, err := repo.JobNames(ctx); return err },
		"instance":       func() error { _, err := repo.JobInstance(ctx, 1); return err },
		"find instance":  func() error { _, err := repo.FindJobInstance(ctx, "j", nil); return err },
		"instances":      func() error { _, err := repo.JobInstances(ctx, core.JobInstanceQuery{}); return err },
		"instance count": func() error { _, err := repo.JobInstanceCount(ctx, "j"); return err },
		"execution":      func() error { _, err := repo.JobExecution(ctx, 1); return err },
		"executions":     func() error { _, err := repo.JobExecutions(ctx, core.JobExecutionQuery{}); return err },
		"last execution": func() error { _, err := repo.LastJobExecution(ctx, 1); return err },
		"step":           func() error { _, err := repo.StepExecution(ctx, 1); return err },
		"last step":      func() error { _, err := repo.LastStepExecution(ctx, 1, "s"); return err },
		"step count":     func() error { _, err := repo.StepExecutionCount(ctx, 1, "s"); return err },
		"status":         func() error { _, err := repo.JobStatus(ctx, 1); return err },
		"owner":          func() error { _, err := repo.OwnerOf(ctx, 1); return err },
		"launch":         func() error { _, err := repo.CreateJobExecution(ctx, daily); return err },
		"stop":           func() error { _, err := repo.RequestStop(ctx, 1); return err },
		"abandon":        func() error { _, err := repo.Abandon(ctx, 1); return err },
		"recover":        func() error { _, _, err := repo.Recover(ctx, 1, true); return err },
		"delete":         func() error { return repo.DeleteJobInstance(ctx, 1) },
		"update job": func() error {
			return inTx(ctx, repo, je, func(tx core.Tx) error { return tx.UpdateJobExecution(ctx, je.Clone()) })
		},
		"create step": func() error {
			return inTx(ctx, repo, je, func(tx core.Tx) error {
				return tx.CreateStepExecution(ctx, &core.StepExecution{StepName: "s", JobExecution: je})
			})
		},
		"update step": func() error {
			return inTx(ctx, repo, je, func(tx core.Tx) error { return tx.UpdateStepExecution(ctx, &core.StepExecution{}) })
		},
	} {
		err := call()
		if !errors.Is(err, core.ErrRepository) || !strings.Contains(err.Error(), "no such table") || strings.HasPrefix(err.Error(), ":") {
			t.Errorf("%s: got error %v, want a translated one with its operation", name, err)
		}
	}
	if n := o.count(); n != 1 {
		t.Errorf("got %d owners, want that of the first launch only", n)
	}
}

func inTx(ctx context.Context, repo *sqlrepo.Repository, je *core.JobExecution, do func(tx core.Tx) error) error {
	tx, err := repo.Begin(ctx, je)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // nothing is to be kept
	return do(tx)
}

func TestClosed(t *testing.T) {
	t.Parallel()
	o := newOwners()
	repo := connect(t, create(t), config(o))
	je := launch(t, repo, daily)
	if err := inTx(t.Context(), repo, je, func(core.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := repo.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := repo.Begin(t.Context(), je); err == nil {
		t.Error("a transaction began on a closed repository")
	}
	if _, err := repo.CreateJobExecution(t.Context(), core.Launch{JobName: "other"}); err == nil || o.count() != 1 {
		t.Errorf("got error %v and %d owners, want the failed launch to leave none", err, o.count())
	}
}

func TestRelease(t *testing.T) {
	t.Parallel()
	o := newOwners()
	repo := connect(t, create(t), config(o))
	if err := repo.Release(&core.JobExecution{}); err != nil {
		t.Errorf("an execution without an owner: %v", err)
	}
	je := launch(t, repo, daily)
	o.failRelease = io.ErrUnexpectedEOF
	if err := repo.Release(je); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got error %v", err)
	}
	// Its lock is free now: the next launch recovers what it left, and is not
	// bothered by a lock file that cannot be removed.
	if next := launch(t, repo, daily); len(next.Recovered) != 1 {
		t.Errorf("got recovered %v", next.Recovered)
	}
}

func TestClaimFails(t *testing.T) {
	t.Parallel()
	repo := connect(t, create(t), config(newOwners()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := repo.CreateJobExecution(ctx, daily); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
	if names, err := repo.JobNames(t.Context()); err != nil || len(names) != 0 {
		t.Errorf("got names %v, %v", names, err)
	}
}

// TestWaitForAnotherProcess holds the write lock on another connection.
func TestWaitForAnotherProcess(t *testing.T) {
	t.Parallel()
	path := create(t)
	repo := connect(t, path, config(newOwners()))
	je := launch(t, repo, daily)
	holder, err := pool(t, path, "&_txlock=immediate", 1).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := repo.Begin(ctx, je); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v, want the end of the context", err)
	}
	if err := holder.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := inTx(t.Context(), repo, je, func(tx core.Tx) error { return tx.UpdateJobExecution(t.Context(), je.Clone()) }); err != nil {
		t.Errorf("after the lock was given back: %v", err)
	}
}

func TestTxStatements(t *testing.T) {
	t.Parallel()
	repo := connect(t, create(t), config(newOwners()))
	je := launch(t, repo, daily)
	err := inTx(t.Context(), repo, je, func(tx core.Tx) error {
		own, ok := tx.(*sqlrepo.Tx)
		if !ok {
			return fmt.Errorf("a %T", tx)
		}
		if _, err := own.ExecContext(t.Context(), "CREATE TABLE SINK (N INTEGER)"); err != nil {
			return err
		}
		insert, err := own.PrepareContext(t.Context(), "INSERT INTO SINK VALUES (?)")
		if err != nil {
			return err
		}
		defer insert.Close()
		for n := range 3 {
			if _, err := insert.ExecContext(t.Context(), n); err != nil {
				return err
			}
		}
		rows, err := own.QueryContext(t.Context(), "SELECT SUM(N) FROM SINK")
		if err != nil {
			return err
		}
		defer rows.Close()
		var sum int
		for rows.Next() {
			if err := rows.Scan(&sum); err != nil {
				return err
			}
		}
		if sum != 3 {
			return fmt.Errorf("got sum %d", sum)
		}
		return errors.Join(rows.Err(), rows.Close(), own.Commit())
	})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := repo.QueryContext(t.Context(), "SELECT N FROM SINK")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for rows.Next() {
		n++
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || n != 3 {
		t.Errorf("got %d rows, %v; want 3", n, err)
	}
}

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

func TestZone(t *testing.T) {
	t.Parallel()
	seoul := time.FixedZone("KST", 9*3600)
	path := create(t)
	cfg := config(newOwners())
	cfg.Zone = seoul
	repo := connect(t, path, cfg)
	if repo.Zone() != seoul || connect(t, path, config(newOwners())).Zone() != time.UTC {
		t.Error("the zone is not the one configured")
	}
	je := launch(t, repo, daily)
	exec(t, pool(t, path, "", 1), "UPDATE BATCH_JOB_EXECUTION SET CREATE_TIME = '2021-01-01 00:00:00.123'")
	got, err := repo.JobExecution(t.Context(), je.ID)
	if want := time.Date(2020, 12, 31, 15, 0, 0, 123e6, time.UTC); err != nil || got.CreateTime != want {
		t.Errorf("SCH-10: got %v, %v; want %v", got.CreateTime, err, want)
	}
}
