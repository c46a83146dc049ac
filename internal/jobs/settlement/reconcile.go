package settlement

import (
	"context"
	"fmt"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// sumDay adds the day up in one pass over the ledger. GROUP BY would sort the
// whole day first, in memory that grows with it.
const sumDay = `
SELECT
	COUNT(*),
	coalesce(SUM(iif(CURRENCY = ?3, AMOUNT, 0)), 0),
	coalesce(SUM(iif(CURRENCY = ?4, AMOUNT, 0)), 0),
	coalesce(SUM(iif(CURRENCY = ?5, AMOUNT, 0)), 0)
FROM SETTLED_TRANSACTION
WHERE TRANSACTION_ID BETWEEN ?1 AND ?2`

// reconcile is the step that compares what was settled, filtered and rejected
// with the control file. Every record must be accounted for. Totals must agree
// when nothing was rejected; else the step says by how much they do not, for the
// amounts of rejected records are not known.
func reconcile(ctx context.Context, s *core.Scope, d day, c *core.StepContribution) error {
	want, err := readControl(d.control)
	if err != nil {
		return err
	}
	got, err := account(ctx, s, d)
	if err != nil {
		return err
	}
	differences, err := got.differences(want)
	if err != nil {
		return err
	}
	recordsAgree := got.records() == want.records
	if got.rejected > 0 && recordsAgree {
		c.ExitStatus = core.ExitStatus{Code: core.ExitCodeCompleted, Message: strings.Join(append([]string{got.rejects(d)}, differences...), "\n")}
		return nil
	}
	if len(differences) == 0 {
		return nil
	}
	return &core.Error{
		Op:  fmt.Sprintf("reconcile %s with %s", d.date, core.EscapeControl(d.control)),
		Msg: strings.Join(differences, "; "),
		Hint: "mend the control file and run " + core.ShellQuote("batchctl", "restart", fmt.Sprint(s.Execution.ID)) +
			": nothing is settled again",
	}
}

// accounts are the records of a day and their totals, in the order of
// currencies, by what became of them.
type accounts struct {
	settled, test, rejected   int64
	settledTotals, testTotals [len(currencies)]int64
}

// account finds out what became of the day's records.
func account(ctx context.Context, s *core.Scope, d day) (a accounts, err error) {
	last, err := s.Repo.LastStepExecution(ctx, s.Execution.Instance.ID, StepSettle)
	if err != nil {
		return a, fmt.Errorf("read the totals of the TEST records: %w", err)
	}
	if a.test, a.testTotals, err = testTotals(last.Context); err != nil {
		return a, fmt.Errorf("read the totals of the TEST records: %w", err)
	}
	if a.rejected, _, err = last.Context.Int64(keyRejected); err != nil {
		return a, fmt.Errorf("read the number of rejected records: %w", err)
	}
	if a.settled, a.settledTotals, err = sumLedger(ctx, d.ledger, d); err != nil {
		return a, fmt.Errorf("sum up the ledger: %w", err)
	}
	return a, nil
}

func (a *accounts) records() int64 { return a.settled + a.test + a.rejected }

// rejects says that records were rejected, and where they are.
func (a *accounts) rejects(d day) string {
	records := "records were"
	if a.rejected == 1 {
		records = "record was"
	}
	return fmt.Sprintf("%d %s rejected, see %s", a.rejected, records, core.EscapeControl(d.rejects))
}

// differences says what does not agree with want, in one text for the records
// and one for each currency.
func (a *accounts) differences(want control) ([]string, error) {
	var all []string
	if got := a.records(); got != want.records {
		parts := fmt.Sprintf("%d settled + %d TEST", a.settled, a.test)
		if a.rejected > 0 {
			parts += fmt.Sprintf(" + %d rejected", a.rejected)
		}
		all = append(all, fmt.Sprintf("records: %s = %d, control file %d, difference %+d",
			parts, got, want.records, got-want.records))
	}
	for i, c := range currencies {
		text, err := c.difference(a.settledTotals[i], a.testTotals[i], want.totals[i])
		if err != nil {
			return nil, err
		}
		if text != "" {
			all = append(all, text)
		}
	}
	return all, nil
}

// sumLedger returns the number of the day's settled transactions and their
// totals in the order of currencies.
func sumLedger(ctx context.Context, db querier, d day) (records int64, totals [len(currencies)]int64, err error) {
	args, dst := []any{d.firstID, d.lastID}, []any{&records}
	for i, c := range currencies {
		args, dst = append(args, c.value), append(dst, &totals[i])
	}
	err = queryOne(ctx, db, sumDay, args, dst...)
	return records, totals, err
}

// difference says by how much settled and test together differ from want, or
// returns "".
func (c *currency) difference(settled, test, want int64) (string, error) {
	got, ok := add(settled, test)
	if !ok {
		return "", fmt.Errorf("%s: the total is %w", c.code, errTooLarge)
	}
	if got == want {
		return "", nil
	}
	by, ok := add(got, -want)
	if !ok {
		return "", fmt.Errorf("%s: the difference is %w", c.code, errTooLarge)
	}
	sign := ""
	if by > 0 {
		sign = "+"
	}
	return fmt.Sprintf("%s: %s settled + %s TEST = %s, control file %s, difference %s%s", c.code,
		c.format(settled), c.format(test), c.format(got), c.format(want), sign, c.format(by)), nil
}
