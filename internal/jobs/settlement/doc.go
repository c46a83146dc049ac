// Package settlement is the job dailySettlement: it reads one day of card
// transactions, charges every one of them a fee, keeps them in a ledger, and
// reports what each merchant is paid.
//
// # Input
//
// DATE.csv, for example 2021-01-01.csv, is UTF-8 CSV with this header:
//
//		transaction_id,merchant_id,merchant_name,transaction_type,currency,amount
//
//	  - transaction_id: 16 digits, the date as yyyymmdd and eight digits that are
//	    unique within it. So an id is unique for ever, and the transactions of a
//	    day are one range of the ledger's key.
//	  - merchant_id: a positive whole number.
//	  - merchant_name: any text.
//	  - transaction_type: SALE, REFUND or TEST.
//	  - currency: KRW, JPY or USD.
//	  - amount: positive, with at most as many decimals as the currency's minor
//	    unit has (none for KRW and JPY, two for USD).
//
// DATE.ctl says what DATE.csv must hold, in lines of the form name=value:
//
//	records=5000
//	total.KRW=214245470
//	total.USD=197911.13
//
// The totals are of all records, TEST included, refunds counted as negative. A
// currency without a line has the total 0.
//
// # Fees
//
//	SALE    2.5 % of the amount
//	REFUND  1 % of the amount; the fee of the sale is not given back
//	TEST    is not settled
//
// A fee is computed exactly and rounded once, half to even, at the currency's
// minor unit: 2.5 % of 20 KRW is 0, of 60 KRW is 2. A refund's amount is negative
// in the ledger, its fee is positive, and net = amount - fee for both. An amount
// whose fee cannot be computed exactly is refused, never rounded.
//
// # Steps
//
//   - verifyInput: the files are there, the header is right, and there are as
//     many records as the control file says; amounts are not looked at. It
//     creates the tables and the output folder, and refuses a day that the
//     ledger holds already.
//   - anythingToSettle is a decision: a day without records ends here, COMPLETED
//     with the exit code NOTHING_TO_SETTLE, and has no report.
//   - settleTransactions: a chunk step of 1000 records. A bad record fails it
//     with file, line, column and value, or is rejected; the committed chunks
//     stay, and a restart goes on behind them. TEST records are filtered, and
//     their totals are kept in the step's context.
//   - reconcile: every record must have been settled, filtered or rejected, and
//     per currency what was settled plus what was filtered must be what the
//     control file says. After rejects the totals may differ, for the amount of
//     a record that cannot be read is not known: the step says by how much in
//     its exit message.
//   - summarizeMerchants: one line per merchant and currency. What an earlier
//     call left for the day is replaced.
//   - writeReport: settlement-DATE.csv, which appears whole or not at all. Its
//     last record is END and the number of lines before it.
//
// A restart does not repeat a step that has completed: verifyInput counts the
// records of the file as it was then, and what a mended file has in excess is
// found by reconcile.
//
// # Rejects
//
// skipLimit, which is 0 and identifies nothing, is how many bad records of a day
// may be rejected: those that cannot be read, those that cannot be (a negative
// amount, the id of another day) and those that the ledger does not take (an id
// that is there already). They go to rejects-DATE.jsonl, with place, bytes and
// reason; see package rejects. What an attempt has rejected stays rejected and
// counts in every later one, so that a restart lets more pass only when it brings
// a higher limit; with a lower one it goes on behind them all the same. A record
// that was rejected is part of the input that must not change any more.
//
// # Tables
//
// SETTLED_TRANSACTION, MERCHANT_SUMMARY and SETTLED_DAY live in the repository's
// database, or in the SQLite file that the parameter ledger names. SETTLED_DAY has
// a row for each day that is there as a whole, an empty one too. Rows and restart position
// commit together in either. The first attempt binds the instance to its ledger;
// a later one that names another is refused. Amounts are whole numbers of minor
// units. Nothing in ledger or report depends on the clock or on the number of
// attempts.
package settlement
