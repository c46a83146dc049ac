package settlement

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/core/engine"
)

// Name is the name of the job.
const Name = "dailySettlement"

// The names of its steps, in order.
const (
	StepVerify    = "verifyInput"
	StepSettle    = "settleTransactions"
	StepReconcile = "reconcile"
	StepSummarize = "summarizeMerchants"
	StepReport    = "writeReport"
)

// The names of its parameters.
const (
	paramDate   = "requestDate"
	paramInput  = "inputDir"
	paramOutput = "outputDir"
	paramLedger = "ledger"
)

// Job returns dailySettlement.
func Job() *core.Job {
	return &core.Job{
		Name: Name,
		Help: "settle one day of card transactions and report what each merchant is paid",
		Parameters: core.ParameterSpecs{
			{Name: paramDate, Type: core.TypeDate, Required: true, Help: "the day to settle"},
			{
				Name: paramInput, NonIdentifying: true, Path: true, Default: "testdata/transactions",
				Help: "folder of DATE.csv and DATE.ctl",
			},
			{
				Name: paramOutput, NonIdentifying: true, Path: true, Default: "build",
				Help: "folder of settlement-DATE.csv, made when it is absent",
			},
			{
				Name: paramLedger, NonIdentifying: true, Path: true,
				Help: "SQLite file of the ledger; without it the repository's own",
			},
		},
		Incrementer: core.DateIncrementer{Name: paramDate},
		Steps: []*core.Step{
			taskletStep(StepVerify, verify),
			chunk.Step(StepSettle, settle),
			taskletStep(StepReconcile, reconcile),
			taskletStep(StepSummarize, summarize),
			chunk.Step(StepReport, report),
		},
	}
}

// taskletStep makes a step of a function that needs to know the day.
func taskletStep(name string, do func(context.Context, *core.Scope, day) error) *core.Step {
	return engine.TaskletStep(name, core.TaskletFunc(
		func(ctx context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
			d, err := newDay(s)
			if err != nil {
				return core.Finished, err
			}
			return core.Finished, do(ctx, s, d)
		}))
}

// day is what the parameters say.
type day struct {
	// date is the day as yyyy-mm-dd.
	date string
	// firstID and lastID are the least and greatest id of its transactions.
	firstID, lastID int64
	input, control  string // paths of DATE.csv and DATE.ctl
	report          string // path of settlement-DATE.csv
}

// sequenceRange is how many transaction ids a day has.
const sequenceRange = 100_000_000

// newDay reads the parameters. A ledger other than the repository's own
// database is refused here, in every step, because a restart may bring another.
func newDay(s *core.Scope) (day, error) {
	ps := s.Parameters()
	at, _, err := ps.Date(paramDate)
	if err != nil {
		return day{}, err
	}
	local := at.In(s.Repo.Zone())
	if local.Format("15:04:05.000") != "00:00:00.000" {
		return day{}, &core.Error{
			Msg:  fmt.Sprintf("parameter %s: %s is not the beginning of a day", paramDate, local.Format(time.RFC3339)),
			Hint: core.ShellQuote("batchctl", "run", Name, paramDate+"="+local.Format(time.DateOnly)),
		}
	}
	inputDir, _, err := ps.String(paramInput)
	if err != nil {
		return day{}, err
	}
	outputDir, _, err := ps.String(paramOutput)
	if err != nil {
		return day{}, err
	}
	if err := checkLedger(s); err != nil {
		return day{}, err
	}
	date := local.Format(time.DateOnly)
	year, month, number := local.Date()
	base := int64(year)*10_000 + int64(month)*100 + int64(number)
	return day{
		date:    date,
		firstID: base * sequenceRange,
		lastID:  base*sequenceRange + sequenceRange - 1,
		input:   filepath.Join(inputDir, date+".csv"),
		control: filepath.Join(inputDir, date+".ctl"),
		report:  filepath.Join(outputDir, "settlement-"+date+".csv"),
	}, nil
}

// sameFiler is a repository in a file.
type sameFiler interface {
	SameFile(path string) (bool, error)
}

// checkLedger refuses a ledger that is not the repository's own database.
func checkLedger(s *core.Scope) error {
	path, _, err := s.Parameters().String(paramLedger)
	if err != nil || path == "" {
		return err
	}
	repo, ok := s.Repo.(sameFiler)
	if ok {
		if ok, err = repo.SameFile(path); err != nil {
			return &core.Error{Op: "ledger " + core.Quote(path), Err: err, Hint: ownLedgerHint(s)}
		}
	}
	if !ok {
		return &core.Error{
			Op: "ledger " + core.Quote(path),
			Msg: "is not the repository's own database: rows and restart position must commit together, " +
				"so the ledger cannot live elsewhere",
			Hint: ownLedgerHint(s),
		}
	}
	return nil
}

func ownLedgerHint(s *core.Scope) string {
	return core.ShellQuote("batchctl", "restart", fmt.Sprint(s.Execution.ID), paramLedger+"=")
}

// querier reads the ledger outside of a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// execer writes the ledger in the transaction of a call.
type execer interface {
	querier
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// ledgerReader returns the ledger for reading what is committed.
func ledgerReader(s *core.Scope) (querier, error) {
	q, ok := s.Repo.(querier)
	if !ok {
		return nil, fmt.Errorf("a repository of type %T cannot hold the ledger: it speaks no SQL", s.Repo)
	}
	return q, nil
}

// ledgerWriter returns the call's transaction, and begins it.
func ledgerWriter(ctx context.Context, s *core.Scope) (execer, error) {
	tx, err := s.Tx(ctx)
	if err != nil {
		return nil, err
	}
	db, ok := tx.(execer)
	if !ok {
		return nil, fmt.Errorf("a transaction of type %T cannot write the ledger: it speaks no SQL", tx)
	}
	return db, nil
}
