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

// reconcile is the step that compares what was settled and what was filtered
// with the control file.
func reconcile(ctx context.Context, s *core.Scope, d day) error {
	want, err := readControl(d.control)
	if err != nil {
		return err
	}
	last, err := s.Repo.LastStepExecution(ctx, s.Execution.Instance.ID, StepSettle)
	if err != nil {
		return fmt.Errorf("read the totals of the TEST records: %w", err)
	}
	testRecords, test, err := testTotals(last.Context)
	if err != nil {
		return fmt.Errorf("read the totals of the TEST records: %w", err)
	}
	records, settled, err := sumLedger(ctx, d.ledger, d)
	if err != nil {
		return fmt.Errorf("sum up the ledger: %w", err)
	}
	var differences []string
	if got := records + testRecords; got != want.records {
		differences = append(differences, fmt.Sprintf("records: %d settled + %d TEST = %d, control file %d, difference %+d",
			records, testRecords, got, want.records, got-want.records))
	}
	for i, c := range currencies {
		text, err := c.difference(settled[i], test[i], want.totals[i])
		if err != nil {
			return err
		}
		if text != "" {
			differences = append(differences, text)
		}
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
