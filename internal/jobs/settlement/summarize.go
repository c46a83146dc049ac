package settlement

import (
	"context"
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
)

const deleteSummary = `DELETE FROM MERCHANT_SUMMARY WHERE SUMMARY_ID BETWEEN ? AND ?`

// insertSummary numbers the lines of the day behind its first key. A merchant
// is called what its last transaction in the currency calls it: next to a
// single MAX, SQLite takes bare columns from the row that holds it.
const insertSummary = `
INSERT INTO MERCHANT_SUMMARY (
	SUMMARY_ID,
	MERCHANT_ID,
	MERCHANT_NAME,
	CURRENCY,
	SALE_COUNT,
	SALE_AMOUNT,
	REFUND_COUNT,
	REFUND_AMOUNT,
	FEE,
	NET,
	REQUEST_DATE
)
SELECT
	?1 + ROW_NUMBER() OVER (ORDER BY MERCHANT_ID, CURRENCY),
	MERCHANT_ID,
	MERCHANT_NAME,
	CURRENCY,
	SALE_COUNT,
	SALE_AMOUNT,
	REFUND_COUNT,
	REFUND_AMOUNT,
	FEE,
	NET,
	?3
FROM (
	SELECT
		MERCHANT_ID,
		CURRENCY,
		MERCHANT_NAME,
		MAX(TRANSACTION_ID),
		SUM(TRANSACTION_TYPE = 'SALE') AS SALE_COUNT,
		SUM(iif(TRANSACTION_TYPE = 'SALE', AMOUNT, 0)) AS SALE_AMOUNT,
		SUM(TRANSACTION_TYPE = 'REFUND') AS REFUND_COUNT,
		SUM(iif(TRANSACTION_TYPE = 'REFUND', AMOUNT, 0)) AS REFUND_AMOUNT,
		SUM(FEE) AS FEE,
		SUM(AMOUNT - FEE) AS NET
	FROM SETTLED_TRANSACTION
	WHERE TRANSACTION_ID BETWEEN ?1 AND ?2
	GROUP BY MERCHANT_ID, CURRENCY
)`

// summarize is the step summarizeMerchants: it replaces the day's summary.
func summarize(ctx context.Context, s *core.Scope, d day) error {
	db, err := ledgerWriter(ctx, s)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, deleteSummary, d.firstID, d.lastID)
	if err == nil {
		_, err = db.ExecContext(ctx, insertSummary, d.firstID, d.lastID, d.date)
	}
	if err != nil {
		return fmt.Errorf("summarize %s: %w", d.date, err)
	}
	return nil
}
