#!/bin/sh
# Compares two ledgers: compare.sh DAY DIFFERENCES. A negative number is a
# failure, and the day 2021-12-25 has no data.
set -eu
[ "$1" != 2021-12-25 ] || exit 4
[ "$2" -ge 0 ] || { echo "cannot reach the other ledger" >&2; exit 1; }
echo "job-context.differences=$2" >>"$BATCH_OUTPUT"
