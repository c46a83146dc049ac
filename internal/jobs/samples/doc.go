// Package samples holds two jobs that show more than a sequence of steps: many
// files in parts that run side by side, and a job made of other jobs. Their
// tests are their documentation; each does what its name says, from a happy path
// to a restart.
//
// # importReadings
//
// It brings the readings of electricity meters, one file for each site, into one
// form and one file. Its only step importFiles is partitioned: every
// inputDir/readings-SITE.csv is a part, with a reader, a rejects file and an
// output of its own, and the parts run at the same time.
//
//		meter,day,hour,quantity,unit          inputDir/readings-SITE.csv
//		site,meter,day,hour,kwh               outputDir/readings-DATE.csv
//
//	  - meter is any text, day is yyyy-mm-dd, hour is 0 to 23, quantity is not
//	    negative, and unit is Wh, kWh or MWh.
//	  - Readings of other days than the parameter date are filtered out.
//	  - kwh has three decimals. A quantity finer than one Wh is refused, never
//	    rounded.
//	  - A bad line goes to outputDir/rejects-DATE-SITE.jsonl; more than skipLimit
//	    of them in one file, over all attempts, fail its part.
//
// When all parts are complete their files are put together in the order of the
// sites, and outputDir/readings-DATE.csv appears whole. A restart runs only the
// parts that did not complete. The list of files is made once: one that arrives
// later belongs to no part. The first attempt binds the instance to inputDir and
// outputDir; a later one that names another folder, or meets a link that leads
// elsewhere since, is refused before a part runs. The two must not be one folder.
//
// # closeMonth
//
// It closes a month of dailySettlement, into the same ledger:
//
//   - openMonth binds the month to its ledger, as dailySettlement does for a
//     day. It runs in every attempt, and refuses one that names another.
//   - settleDays is partitioned, one part for each day in its order. Its worker
//     is a job step: the part settleDays:2021-01-05 runs dailySettlement with
//     requestDate=2021-01-05. A day that was settled before, by cron say, counts
//     as done; one that failed before is restarted.
//   - closeBooks adds the days up in MONTH_SUMMARY, one row for each merchant
//     and currency. What an earlier attempt left is replaced. It refuses a month
//     of which a day is not in this ledger.
//
// The parameter month is the first day of the month; another day is refused. A
// day that fails fails the month, and the other days run all the same: mend its
// input and restart the month, which runs what is not complete, and nothing else.
// A day that was started stays the day that it was; what the restart is given
// beside the month, a skipLimit say, is that of the days that it runs. A day that
// somebody has abandoned cannot be settled any more, nor can its month be closed.
package samples
