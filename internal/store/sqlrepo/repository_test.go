package sqlrepo_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
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
	defer tx.Rollback() // nothing is to be kept
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
	defer tx.Rollback() // nothing is to be kept
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

// TestDeadOwnersAreForgotten makes sure that what a dead owner left outside the
// database goes with its row, and that of a living one does not.
func TestDeadOwnersAreForgotten(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		end    func(ctx context.Context, repo *sqlrepo.Repository, id int64) error
		alive  bool
		forget bool
	}{
		"launch": {forget: true, end: func(ctx context.Context, repo *sqlrepo.Repository, _ int64) error {
			_, err := repo.CreateJobExecution(ctx, daily)
			return err
		}},
		"recover": {forget: true, end: func(ctx context.Context, repo *sqlrepo.Repository, id int64) error {
			_, _, err := repo.Recover(ctx, id, false)
			return err
		}},
		"recover by force": {alive: true, end: func(ctx context.Context, repo *sqlrepo.Repository, id int64) error {
			_, _, err := repo.Recover(ctx, id, true)
			return err
		}},
		"abandon": {forget: true, end: func(ctx context.Context, repo *sqlrepo.Repository, id int64) error {
			if _, err := repo.RequestStop(ctx, id); err != nil {
				return err
			}
			_, err := repo.Abandon(ctx, id)
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOwners()
			repo := connect(t, create(t), config(o))
			je := launch(t, repo, daily)
			o.alive[je.Owner.Token] = tt.alive
			if err := tt.end(t.Context(), repo, je.ID); err != nil {
				t.Fatal(err)
			}
			if got := slices.Contains(o.released, je.Owner.Token); got != tt.forget {
				t.Errorf("got forgotten %t, want %t", got, tt.forget)
			}
		})
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
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
	}
	if err := rows.Err(); err != nil || n != 3 {
		t.Errorf("got %d rows, %v; want 3", n, err)
	}
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
