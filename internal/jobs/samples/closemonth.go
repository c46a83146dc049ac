package samples

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/core/partition"
	"github.com/batchctl/batchctl/internal/jobs/settlement"
)

// CloseMonthName is the name of the job closeMonth.
const CloseMonthName = "closeMonth"

// The names of its steps, in order.
const (
	StepOpenMonth  = "openMonth"
	StepSettleDays = "settleDays"
	StepCloseBooks = "closeBooks"
)

// CloseMonth returns the job closeMonth.
func CloseMonth() *core.Job {
	open := engine.TaskletStep(StepOpenMonth, core.TaskletFunc(openMonth))
	open.AllowStartIfComplete = true // every attempt has to show that it has the month's ledger
	return &core.Job{
		Name: CloseMonthName,
		Help: "settle every day of a month that is not settled yet, and add the month up",
		Parameters: append(core.ParameterSpecs{
			{Name: paramMonth, Type: core.TypeDate, Required: true, Help: "the first day of the month"},
		}, settlement.Settings()...),
		Validator:   core.CompositeValidator{firstOfMonth{}, settlement.SettingsValidator{}},
		Incrementer: nextMonth{},
		Steps: []*core.Step{
			open,
			partition.Step(StepSettleDays, launch.JobStep("settleDay", settlement.Job(), dayParameters),
				core.PartitionerFunc(daysOfMonth), partition.Options{Threads: 1}),
			engine.TaskletStep(StepCloseBooks, core.TaskletFunc(closeBooks)),
		},
	}
}

// openMonth is the step that binds the month to its ledger.
func openMonth(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
	if _, err := monthOf(s); err != nil {
		return core.Finished, err
	}
	book, err := settlement.NewLedger(s)
	if err != nil {
		return core.Finished, err
	}
	book.Bind()
	return core.Finished, book.Close()
}

// daysOfMonth makes a part of every day.
func daysOfMonth(_ context.Context, s *core.Scope, _ int) ([]core.Partition, error) {
	m, err := monthOf(s)
	if err != nil {
		return nil, err
	}
	parts := make([]core.Partition, len(m.days))
	for i, day := range m.days {
		parts[i] = core.Partition{Name: day}
	}
	return parts, nil
}

// dayParameters returns the parameters with which dailySettlement settles the
// day that s is the part of.
func dayParameters(_ context.Context, s *core.Scope) (core.JobParameters, error) {
	notation := settlement.Job().Notation()
	notation.Zone = s.Repo.Zone()
	ps, err := notation.Parse([]string{settlement.ParamDate + "=" + s.Partition()})
	if err != nil {
		return nil, err
	}
	for _, setting := range settlement.Settings() {
		if p, given := s.Parameters().Lookup(setting.Name); given {
			ps = ps.With(p)
		}
	}
	return ps, nil
}

const createMonth = `
CREATE TABLE IF NOT EXISTS MONTH_SUMMARY (
	MONTH         TEXT NOT NULL,
	MERCHANT_ID   INTEGER NOT NULL,
	CURRENCY      TEXT NOT NULL,
	MERCHANT_NAME TEXT NOT NULL,
	SALE_COUNT    INTEGER NOT NULL,
	SALE_AMOUNT   INTEGER NOT NULL,
	REFUND_COUNT  INTEGER NOT NULL,
	REFUND_AMOUNT INTEGER NOT NULL,
	FEE           INTEGER NOT NULL,
	NET           INTEGER NOT NULL,
	PRIMARY KEY (MONTH, MERCHANT_ID, CURRENCY)
) STRICT, WITHOUT ROWID`

const deleteMonth = `DELETE FROM MONTH_SUMMARY WHERE MONTH = ?`

// insertMonth adds the days up in their order: a merchant is called what its
// last day in the currency calls it.
const insertMonth = `
INSERT INTO MONTH_SUMMARY (
	MONTH,
	MERCHANT_ID,
	CURRENCY,
	MERCHANT_NAME,
	SALE_COUNT,
	SALE_AMOUNT,
	REFUND_COUNT,
	REFUND_AMOUNT,
	FEE,
	NET
)
SELECT
	?1,
	MERCHANT_ID,
	CURRENCY,
	MERCHANT_NAME,
	SALE_COUNT,
	SALE_AMOUNT,
	REFUND_COUNT,
	REFUND_AMOUNT,
	FEE,
	NET
FROM MERCHANT_SUMMARY
WHERE REQUEST_DATE BETWEEN ?2 AND ?3
ORDER BY REQUEST_DATE
ON CONFLICT DO UPDATE SET
	MERCHANT_NAME = excluded.MERCHANT_NAME,
	SALE_COUNT = SALE_COUNT + excluded.SALE_COUNT,
	SALE_AMOUNT = SALE_AMOUNT + excluded.SALE_AMOUNT,
	REFUND_COUNT = REFUND_COUNT + excluded.REFUND_COUNT,
	REFUND_AMOUNT = REFUND_AMOUNT + excluded.REFUND_AMOUNT,
	FEE = FEE + excluded.FEE,
	NET = NET + excluded.NET`

// closeBooks is the step that adds the month up.
func closeBooks(ctx context.Context, s *core.Scope, _ *core.StepContribution) (status core.RepeatStatus, err error) {
	m, err := monthOf(s)
	if err != nil {
		return core.Finished, err
	}
	book, err := settlement.NewLedger(s)
	if err != nil {
		return core.Finished, err
	}
	defer func() { err = errors.Join(err, book.Close()) }()
	first, last := m.days[0], m.days[len(m.days)-1]
	return core.Finished, book.Write(ctx, func(db settlement.Execer) error {
		settled, err := settlement.SettledDays(ctx, db, first, last)
		if err != nil {
			return err
		}
		if err := refuseIncomplete(m, settled); err != nil {
			return err
		}
		for _, statement := range []struct {
			sql  string
			args []any
		}{
			{createMonth, nil},
			{deleteMonth, []any{m.name}},
			{insertMonth, []any{m.name, first, last}},
		} {
			if _, err := db.ExecContext(ctx, statement.sql, statement.args...); err != nil {
				return fmt.Errorf("close %s: %w", m.name, err)
			}
		}
		return nil
	})
}

// refuseIncomplete refuses a month of which days are not in the ledger, although
// each was settled: it was another ledger then.
func refuseIncomplete(m month, settled []string) error {
	missing := slices.DeleteFunc(slices.Clone(m.days), func(day string) bool { return slices.Contains(settled, day) })
	if len(missing) == 0 {
		return nil
	}
	return &core.Error{
		Msg: fmt.Sprintf("%s cannot be closed: the ledger lacks %d of its %d days: %s",
			m.name, len(missing), len(m.days), strings.Join(missing, ", ")),
		Hint: "they were settled into another ledger: " + core.ShellQuote("batchctl", "executions", "--job", settlement.Name),
	}
}
