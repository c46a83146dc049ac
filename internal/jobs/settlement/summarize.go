package settlement

import (
	"context"
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
)

const deleteSummary = `DELETE FROM MERCHANT_SUMMARY WHERE REQUEST_DATE = ?`

// insertSummary adds the day's transactions up in the order of the ledger. It
// does so row by row, because GROUP BY would sort the whole day first, in memory
// that grows with it. A merchant is called what its last transaction in the
// currency calls it. A sum that is no longer a whole number of 64 bits is
// refused by the table.
const insertSummary = `
INSERT INTO MERCHANT_SUMMARY (
	REQUEST_DATE,
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
	?3,
	MERCHANT_ID,
	CURRENCY,
	MERCHANT_NAME,
	TRANSACTION_TYPE = 'SALE',
	iif(TRANSACTION_TYPE = 'SALE', AMOUNT, 0),
	TRANSACTION_TYPE = 'REFUND',
	iif(TRANSACTION_TYPE = 'REFUND', AMOUNT, 0),
	FEE,
	AMOUNT - FEE
FROM SETTLED_TRANSACTION
WHERE TRANSACTION_ID BETWEEN ?1 AND ?2
ORDER BY TRANSACTION_ID
ON CONFLICT DO UPDATE SET
	MERCHANT_NAME = excluded.MERCHANT_NAME,
	SALE_COUNT = SALE_COUNT + excluded.SALE_COUNT,
	SALE_AMOUNT = SALE_AMOUNT + excluded.SALE_AMOUNT,
	REFUND_COUNT = REFUND_COUNT + excluded.REFUND_COUNT,
	REFUND_AMOUNT = REFUND_AMOUNT + excluded.REFUND_AMOUNT,
	FEE = FEE + excluded.FEE,
	NET = NET + excluded.NET`

const numberSummary = `
UPDATE MERCHANT_SUMMARY
SET LINE = sorted.LINE
FROM (
	SELECT
		MERCHANT_ID,
		CURRENCY,
		ROW_NUMBER() OVER (ORDER BY MERCHANT_ID, CURRENCY) AS LINE
	FROM MERCHANT_SUMMARY
	WHERE REQUEST_DATE = ?1
) AS sorted
WHERE MERCHANT_SUMMARY.REQUEST_DATE = ?1
	AND MERCHANT_SUMMARY.MERCHANT_ID = sorted.MERCHANT_ID
	AND MERCHANT_SUMMARY.CURRENCY = sorted.CURRENCY`

const insertDay = `
INSERT OR REPLACE INTO SETTLED_DAY (
	REQUEST_DATE,
	TRANSACTIONS
)
SELECT
	?1,
	coalesce(SUM(SALE_COUNT + REFUND_COUNT), 0)
FROM MERCHANT_SUMMARY
WHERE REQUEST_DATE = ?1`

// recordDay says in the ledger that the day is there as a whole.
func recordDay(ctx context.Context, db Execer, d day) error {
	if _, err := db.ExecContext(ctx, insertDay, d.date); err != nil {
		return fmt.Errorf("record %s as settled: %w", d.date, err)
	}
	return nil
}

// summarize is the step summarizeMerchants: it replaces the day's summary.
func summarize(ctx context.Context, _ *core.Scope, d day, _ *core.StepContribution) error {
	return d.ledger.Write(ctx, func(db Execer) error {
		if err := createTables(ctx, db); err != nil { // verifyInput may have been an older version's
			return err
		}
		for _, statement := range []struct {
			sql  string
			args []any
		}{
			{deleteSummary, []any{d.date}},
			{insertSummary, []any{d.firstID, d.lastID, d.date}},
			{numberSummary, []any{d.date}},
		} {
			if _, err := db.ExecContext(ctx, statement.sql, statement.args...); err != nil {
				return fmt.Errorf("summarize %s: %w", d.date, err)
			}
		}
		return recordDay(ctx, db, d)
	})
}
