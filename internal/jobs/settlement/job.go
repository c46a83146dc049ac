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

// The names of its steps, in the order in which they run.
const (
	StepVerify    = "verifyInput"
	StepSettle    = "settleTransactions"
	StepReconcile = "reconcile"
	StepSummarize = "summarizeMerchants"
	StepReport    = "writeReport"
)

// DecisionAnything is the decision behind verifyInput: a day without records ends
// the job there, COMPLETED with the exit code ExitCodeNothing.
const (
	DecisionAnything = "anythingToSettle"
	ExitCodeNothing  = "NOTHING_TO_SETTLE"

	decidedNothing   = "NOTHING"
	decidedSomething = "SOMETHING"
)

// The names of its parameters.
const (
	ParamDate      = "requestDate"
	ParamInput     = "inputDir"
	ParamOutput    = "outputDir"
	ParamLedger    = "ledger"
	ParamSkipLimit = "skipLimit"
)

// Job returns dailySettlement.
func Job() *core.Job {
	return &core.Job{
		Name: Name,
		Help: "settle one day of card transactions and report what each merchant is paid",
		Parameters: append(core.ParameterSpecs{
			{Name: ParamDate, Type: core.TypeDate, Required: true, Help: "the day to settle"},
		}, Settings()...),
		Validator:   core.CompositeValidator{SettingsValidator{}, wholeDay{}},
		Incrementer: core.DateIncrementer{Name: ParamDate},
		Flow: []core.Element{
			{Step: taskletStep(StepVerify, verify), Next: DecisionAnything},
			{Name: DecisionAnything, Decider: core.DeciderFunc(decideAnything), Transitions: []core.Transition{
				{On: decidedNothing, To: core.ToEnd, ExitCode: ExitCodeNothing},
				{On: decidedSomething, To: StepSettle},
			}},
			{Step: chunk.Step(StepSettle, settle), Next: StepReconcile},
			{Step: taskletStep(StepReconcile, reconcile), Next: StepSummarize},
			{Step: taskletStep(StepSummarize, summarize), Next: StepReport},
			{Step: chunk.Step(StepReport, report)},
		},
	}
}

// Settings are the parameters that say where and how a day is settled, but not
// which: a job that settles days through this one declares them too, and asks
// SettingsValidator.
func Settings() core.ParameterSpecs {
	return core.ParameterSpecs{
		{
			Name: ParamInput, NonIdentifying: true, Path: true, Default: "testdata/transactions",
			Help: "folder of DATE.csv and DATE.ctl",
		},
		{
			Name: ParamOutput, NonIdentifying: true, Path: true, Default: "build",
			Help: "folder of settlement-DATE.csv and rejects-DATE.jsonl, made when it is absent",
		},
		{
			Name: ParamLedger, NonIdentifying: true, Path: true,
			Help: "SQLite file of the ledger; without it the repository's own",
		},
		{
			Name: ParamSkipLimit, Type: core.TypeLong, NonIdentifying: true, Default: int64(0),
			Help: "how many bad records of a day, over all attempts, go to the rejects file before it fails",
		},
	}
}

// SettingsValidator refuses Settings that cannot be.
type SettingsValidator struct{}

var _ core.JobParametersValidator = SettingsValidator{}

// Validate implements core.JobParametersValidator.
func (SettingsValidator) Validate(ps core.JobParameters, _ *time.Location) error {
	limit, _, err := ps.Long(ParamSkipLimit)
	if err != nil || limit >= 0 {
		return err
	}
	return &core.Error{
		Kind: core.ErrJobParametersInvalid, Msg: fmt.Sprintf("parameter %s: %d is negative", ParamSkipLimit, limit),
		Hint: "give a number of records; " + ParamSkipLimit + "=0 rejects none and fails at the first bad one",
	}
}

// wholeDay refuses a day with a time of day.
type wholeDay struct{}

var _ core.JobParametersValidator = wholeDay{}

// Validate implements core.JobParametersValidator.
func (wholeDay) Validate(ps core.JobParameters, zone *time.Location) error {
	at, _, err := ps.Date(ParamDate)
	if err != nil {
		return err
	}
	local := at.In(zone)
	if local.Format("15:04:05.000") == "00:00:00.000" {
		return nil
	}
	return &core.Error{
		Kind: core.ErrJobParametersInvalid,
		Msg:  fmt.Sprintf("parameter %s: %s is not the beginning of a day", ParamDate, local.Format(time.RFC3339)),
		Hint: core.ShellQuote("batchctl", "run", Name, ParamDate+"="+local.Format(time.DateOnly)),
	}
}

// taskletStep makes a step of a function that needs to know the day.
func taskletStep(name string, do func(context.Context, *core.Scope, day, *core.StepContribution) error) *core.Step {
	return engine.TaskletStep(name, core.TaskletFunc(
		func(ctx context.Context, s *core.Scope, c *core.StepContribution) (status core.RepeatStatus, err error) {
			d, err := newDay(s)
			if err != nil {
				return core.Finished, err
			}
			defer func() { err = errors.Join(err, d.ledger.Close()) }()
			return core.Finished, do(ctx, s, d, c)
		}))
}

// day is what the parameters say.
type day struct {
	ledger *Ledger
	// date is the day as yyyy-mm-dd.
	date string
	// firstID and lastID are the least and greatest id of its transactions.
	firstID, lastID int64
	input, control  string // paths of DATE.csv and DATE.ctl
	report          string // path of settlement-DATE.csv
	rejects         string // path of rejects-DATE.jsonl
	skipLimit       int64
}

// sequenceRange is how many transaction ids a day has.
const sequenceRange = 100_000_000

// newDay reads the parameters. It does so in every step, because a restart may
// bring others. Close the ledger.
func newDay(s *core.Scope) (day, error) {
	ps := s.Parameters()
	at, _, err := ps.Date(ParamDate)
	if err != nil {
		return day{}, err
	}
	local := at.In(s.Repo.Zone())
	inputDir, _, err := ps.String(ParamInput)
	if err != nil {
		return day{}, err
	}
	outputDir, _, err := ps.String(ParamOutput)
	if err != nil {
		return day{}, err
	}
	skipLimit, _, err := ps.Long(ParamSkipLimit)
	if err != nil {
		return day{}, err
	}
	book, err := NewLedger(s)
	if err != nil {
		return day{}, err
	}
	date := local.Format(time.DateOnly)
	year, month, number := local.Date()
	base := int64(year)*10_000 + int64(month)*100 + int64(number)
	return day{
		ledger:    book,
		date:      date,
		firstID:   base * sequenceRange,
		lastID:    base*sequenceRange + sequenceRange - 1,
		input:     filepath.Join(inputDir, date+".csv"),
		control:   filepath.Join(inputDir, date+".ctl"),
		report:    filepath.Join(outputDir, "settlement-"+date+".csv"),
		rejects:   filepath.Join(outputDir, "rejects-"+date+".jsonl"),
		skipLimit: skipLimit,
	}, nil
}
