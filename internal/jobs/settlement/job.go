package settlement

import (
	"context"
	"errors"
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
		func(ctx context.Context, s *core.Scope, _ *core.StepContribution) (status core.RepeatStatus, err error) {
			d, err := newDay(s)
			if err != nil {
				return core.Finished, err
			}
			defer func() { err = errors.Join(err, d.ledger.Close()) }()
			return core.Finished, do(ctx, s, d)
		}))
}

// day is what the parameters say.
type day struct {
	ledger *ledger
	// date is the day as yyyy-mm-dd.
	date string
	// firstID and lastID are the least and greatest id of its transactions.
	firstID, lastID int64
	input, control  string // paths of DATE.csv and DATE.ctl
	report          string // path of settlement-DATE.csv
}

// sequenceRange is how many transaction ids a day has.
const sequenceRange = 100_000_000

// newDay reads the parameters. It does so in every step, because a restart may
// bring others. Close the ledger.
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
	book, err := newLedger(s)
	if err != nil {
		return day{}, err
	}
	date := local.Format(time.DateOnly)
	year, month, number := local.Date()
	base := int64(year)*10_000 + int64(month)*100 + int64(number)
	return day{
		ledger:  book,
		date:    date,
		firstID: base * sequenceRange,
		lastID:  base*sequenceRange + sequenceRange - 1,
		input:   filepath.Join(inputDir, date+".csv"),
		control: filepath.Join(inputDir, date+".ctl"),
		report:  filepath.Join(outputDir, "settlement-"+date+".csv"),
	}, nil
}
