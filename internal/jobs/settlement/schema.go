package settlement

import (
	"context"
	"fmt"
)

// ledgerTable holds one row for each settled transaction. Its key makes a
// double impossible, and transactions arrive in its order. REQUEST_DATE is
// stored although the key begins with it: a generated column would make an
// insert cost more than twice as much.
const (
	ledgerTable  = "SETTLED_TRANSACTION"
	createLedger = `
CREATE TABLE IF NOT EXISTS SETTLED_TRANSACTION (
	TRANSACTION_ID   INTEGER NOT NULL PRIMARY KEY,
	MERCHANT_ID      INTEGER NOT NULL,
	MERCHANT_NAME    TEXT NOT NULL,
	TRANSACTION_TYPE TEXT NOT NULL,
	CURRENCY         TEXT NOT NULL,
	AMOUNT           INTEGER NOT NULL,
	FEE              INTEGER NOT NULL,
	REQUEST_DATE     TEXT NOT NULL
) STRICT`
)

// createSummary makes the table with one row for each merchant and currency of
// a day. LINE is the number of its line in the report.
const createSummary = `
CREATE TABLE IF NOT EXISTS MERCHANT_SUMMARY (
	REQUEST_DATE  TEXT NOT NULL,
	MERCHANT_ID   INTEGER NOT NULL,
	CURRENCY      TEXT NOT NULL,
	MERCHANT_NAME TEXT NOT NULL,
	SALE_COUNT    INTEGER NOT NULL,
	SALE_AMOUNT   INTEGER NOT NULL,
	REFUND_COUNT  INTEGER NOT NULL,
	REFUND_AMOUNT INTEGER NOT NULL,
	FEE           INTEGER NOT NULL,
	NET           INTEGER NOT NULL,
	LINE          INTEGER,
	PRIMARY KEY (REQUEST_DATE, MERCHANT_ID, CURRENCY),
	UNIQUE (REQUEST_DATE, LINE)
) STRICT, WITHOUT ROWID`

// createDay makes the table with one row for each day that is in the ledger as
// a whole, also for a day without a transaction.
const createDay = `
CREATE TABLE IF NOT EXISTS SETTLED_DAY (
	REQUEST_DATE TEXT NOT NULL PRIMARY KEY,
	TRANSACTIONS INTEGER NOT NULL
) STRICT, WITHOUT ROWID`

const selectDays = `
SELECT REQUEST_DATE
FROM SETTLED_DAY
WHERE REQUEST_DATE BETWEEN ? AND ?
ORDER BY REQUEST_DATE`

// createTables makes those tables of the ledger that are not there.
func createTables(ctx context.Context, db Execer) error {
	for _, statement := range []string{createLedger, createSummary, createDay} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("create the tables of the ledger: %w", err)
		}
	}
	return nil
}

// SettledDays returns the days from first to last, each given as yyyy-mm-dd, that
// the ledger holds as a whole, in order. Tables that are not there yet it makes.
func SettledDays(ctx context.Context, db Execer, first, last string) ([]string, error) {
	if err := createTables(ctx, db); err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, selectDays, first, last)
	if err != nil {
		return nil, fmt.Errorf("read the settled days: %w", err)
	}
	defer rows.Close()
	var days []string
	for rows.Next() {
		var day string
		if err := rows.Scan(&day); err != nil {
			return nil, fmt.Errorf("read the settled days: %w", err)
		}
		days = append(days, day)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the settled days: %w", err)
	}
	return days, nil
}

// ledgerColumns are the columns that settleTransactions fills.
func ledgerColumns() []string {
	return []string{
		"TRANSACTION_ID", "MERCHANT_ID", "MERCHANT_NAME", "TRANSACTION_TYPE", "CURRENCY", "AMOUNT", "FEE",
		"REQUEST_DATE",
	}
}
