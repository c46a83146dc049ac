package settlement

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

// ledgerColumns are the columns that settleTransactions fills.
func ledgerColumns() []string {
	return []string{
		"TRANSACTION_ID", "MERCHANT_ID", "MERCHANT_NAME", "TRANSACTION_TYPE", "CURRENCY", "AMOUNT", "FEE",
		"REQUEST_DATE",
	}
}
