// Package bench measures what the framework costs: the chunk step of
// dailySettlement against [Floor], a loop written by hand that reads the same
// file, checks and charges the same way, and writes the same rows with the same
// multi-row statements in the same transactions, each with a checkpoint. The
// same step as a definition is the third beside them. It also measures what is
// there and not used: the same step with each of [Features] against a plain one,
// and each of [Bares], where nothing but the machinery is at work.
//
// Absolute times say little about a program and much about the machine; what is
// reported are ratios between things that ran by turns in one process. A
// result counts only when all have left the same ledger.
package bench
