package bench

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/jobs/settlement"
	"github.com/batchctl/batchctl/internal/sample"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// Day returns a day of so many records.
func Day(records int) sample.Day {
	return sample.Day{Date: time.Date(2021, 2, 1, 0, 0, 0, 0, time.UTC), Records: records}
}

// Product settles day, whose files are in dir, into the repository at dbPath,
// and returns what its chunk step took.
func Product(ctx context.Context, dbPath, dir string, day sample.Day, now func() time.Time) (Usage, error) {
	c, err := runStep(ctx, settlement.Job(), settlement.StepSettle, dbPath, settlementParameters(dbPath, dir, day), now)
	return c.Usage, err
}

// settlementParameters have the report and the rejects beside the repository.
func settlementParameters(dbPath, dir string, day sample.Day) core.JobParameters {
	return core.JobParameters{
		{Name: settlement.ParamDate, Value: day.Date, Identifying: true},
		{Name: settlement.ParamInput, Value: dir},
		{Name: settlement.ParamOutput, Value: filepath.Dir(dbPath)},
	}
}

// runStep runs job on a repository at dbPath, and returns what the step of that
// name took, and how many write transactions the job began.
func runStep(
	ctx context.Context, job *core.Job, stepName, dbPath string, ps core.JobParameters, now func() time.Time,
) (Cost, error) {
	var u Usage
	for step := range job.AllSteps() {
		if step.Name == stepName {
			measure(step, now, &u)
		}
	}
	c, err := run(ctx, job, dbPath, ps, now)
	c.Usage = u
	return c, err
}

// run runs job on a repository at dbPath, and returns what that took from the
// launch to the end; Records is left 0.
func run(ctx context.Context, job *core.Job, dbPath string, ps core.JobParameters, now func() time.Time) (c Cost, err error) {
	token := func() string {
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails
		return hex.EncodeToString(b[:])
	}
	store, err := sqlite.Open(ctx, dbPath, sqlite.Options{Now: now, Token: token})
	if err != nil {
		return Cost{}, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	repo := &beginning{Store: store}
	launcher := &launch.JobLauncher{
		Repo: repo, Log: slog.New(slog.DiscardHandler), Now: now, Token: token, Dir: filepath.Dir(dbPath),
	}
	c.Usage, err = Measure(now, func() (int64, error) {
		_, err := launcher.Run(ctx, job, ps, launch.Options{})
		return 0, err
	})
	c.Transactions = repo.begun.Load()
	return c, err
}

// measure wraps the body of step.
func measure(step *core.Step, now func() time.Time, u *Usage) {
	bind := step.Bind
	step.Bind = func(s *core.Scope) (core.StepBody, error) {
		body, err := bind(s)
		return measured{body, now, u}, err
	}
}

type measured struct {
	core.StepBody
	now func() time.Time
	u   *Usage
}

// Execute implements core.StepBody.
func (m measured) Execute(ctx context.Context, s *core.Scope) (exit core.ExitStatus, err error) {
	*m.u, err = Measure(m.now, func() (int64, error) {
		exit, err = m.StepBody.Execute(ctx, s)
		return s.Step.Counts.Read, err
	})
	return exit, err
}

// Prepare makes a ledger without rows at dbPath: the day must be empty.
func Prepare(ctx context.Context, dbPath, dir string, day sample.Day, now func() time.Time) error {
	day.Records = 0
	if err := day.WriteFiles(dir); err != nil {
		return err
	}
	_, err := Product(ctx, dbPath, dir, day, now)
	return err
}

// LedgerDigest returns the number of rows in the ledger at dbPath and a digest of
// them in the order of their key.
func LedgerDigest(ctx context.Context, dbPath string) (rows int64, digest string, err error) {
	db, err := sql.Open("sqlite3", "file:"+dbPath+"?mode=ro")
	if err != nil {
		return 0, "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	const query = `
SELECT
	printf('%d|%d|%s|%s|%s|%d|%d|%s', TRANSACTION_ID, MERCHANT_ID, MERCHANT_NAME, TRANSACTION_TYPE, CURRENCY, AMOUNT, FEE, REQUEST_DATE)
FROM SETTLED_TRANSACTION
ORDER BY TRANSACTION_ID`
	found, err := db.QueryContext(ctx, query)
	if err != nil {
		return 0, "", err
	}
	defer found.Close()
	hash := sha256.New()
	for found.Next() {
		var line string
		if err := found.Scan(&line); err != nil {
			return 0, "", err
		}
		rows++
		fmt.Fprintln(hash, line)
	}
	return rows, hex.EncodeToString(hash.Sum(nil)), found.Err()
}
