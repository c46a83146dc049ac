package settlement

// ledgerTable holds one row for each settled transaction. Its key makes a
// double impossible, and transactions arrive in its order.
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
	NET              INTEGER GENERATED ALWAYS AS (AMOUNT - FEE) VIRTUAL,
	REQUEST_DATE     TEXT GENERATED ALWAYS AS (
		substr(TRANSACTION_ID, 1, 4) || '-' || substr(TRANSACTION_ID, 5, 2) || '-' || substr(TRANSACTION_ID, 7, 2)
	) VIRTUAL
) STRICT`
)

// summaryTable holds one row for each merchant and currency of a day. Its key
// is the date and the number of the line in the report.
const createSummary = `
CREATE TABLE IF NOT EXISTS MERCHANT_SUMMARY (
	SUMMARY_ID    INTEGER NOT NULL PRIMARY KEY,
	MERCHANT_ID   INTEGER NOT NULL,
	MERCHANT_NAME TEXT NOT NULL,
	CURRENCY      TEXT NOT NULL,
	SALE_COUNT    INTEGER NOT NULL,
	SALE_AMOUNT   INTEGER NOT NULL,
	REFUND_COUNT  INTEGER NOT NULL,
	REFUND_AMOUNT INTEGER NOT NULL,
	FEE           INTEGER NOT NULL,
	NET           INTEGER NOT NULL,
	REQUEST_DATE  TEXT GENERATED ALWAYS AS (
		substr(SUMMARY_ID, 1, 4) || '-' || substr(SUMMARY_ID, 5, 2) || '-' || substr(SUMMARY_ID, 7, 2)
	) VIRTUAL,
	UNIQUE (REQUEST_DATE, MERCHANT_ID, CURRENCY)
) STRICT`

// ledgerColumns are the columns that settleTransactions fills.
func ledgerColumns() []string {
	return []string{
		"TRANSACTION_ID", "MERCHANT_ID", "MERCHANT_NAME", "TRANSACTION_TYPE", "CURRENCY", "AMOUNT", "FEE",
	}
}
