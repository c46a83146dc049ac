package cli

import (
	"fmt"
	"strings"

	"github.com/batchctl/batchctl/internal/core/civil"
)

const notationHelp = `Parameters are written name=value and typed by the job's declaration
("batchctl jobs show JOB"). The type may be said as well:

  requestDate=2021-01-01
  requestDate:date=2021-01-01
  'requestDate(date)=2021-01-01'      quote parentheses
  'requestDate=2021-01-01(date)'
  note:string:non-identifying=again   takes no part in the identity
  -- '-note=again'                    the same; after "--" only

The types are string, long, double and date. Dates are 2021-01-01, 2021/01/01,
20210101 or 2021-01-01T13:30:00, with or without an offset, and local in the
repository's zone; @yesterday and the like are in "batchctl help dates".

A parameter that is declared secret takes the place of the value, never the
value: password=env:DB_PASSWORD or password=file:/run/secrets/db, a file of
mode 0600. The place is stored and shown; what is found there is masked. A
definition gives it to commands, by env: {PW: "#{jobParameters['password']}"},
and to secret parameters of other jobs; whatever could store it is refused.

--params-file FILE reads more of them, one name=value on each line, in which
+ and - before the name are allowed and # begins a line that is passed over.`

// datesHelp is the help topic on expressions for dates.
func datesHelp() string {
	var b strings.Builder
	b.WriteString(`A date may be given as an expression: @, a word, and any number of steps. A step
is a sign, a number and a unit; steps are taken from the left.

  requestDate=@yesterday
  requestDate=@today-1bd             the business day before
  from=@month-start-1mo              the first day of the last month
  to=@month-end-1mo                  its last day

The words:

`)
	for _, w := range civil.Anchors() {
		fmt.Fprintf(&b, "  %-13s %s\n", civil.Sign+w.Name, w.Help)
	}
	b.WriteString("\nThe units:\n\n")
	for _, u := range civil.Units() {
		fmt.Fprintf(&b, "  %-13s %s\n", u.Name, u.Help)
	}
	b.WriteString(`
The end of a month stays the end of a month when it is moved by months or years.

What day it is depends on where: expressions are accepted once somebody has
chosen the zone of the repository, with "batchctl db init --zone ZONE" or, for
one that is there, "batchctl db zone ZONE".

An expression is resolved once, when the job is launched, and the day is stored:
a restart, whenever it comes, is about the same day. The log (--verbose) tells
what was resolved. The value of a string parameter may begin with @ and stays
as it is.
`)
	return b.String()
}
