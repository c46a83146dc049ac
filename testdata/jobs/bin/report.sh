#!/bin/sh
# Writes the report of a day: report.sh DAY FOLDER
set -eu
mkdir -p "$2"
echo "settled $1 in execution $BATCH_EXECUTION_ID" >"$2/report-$1.txt.part"
mv "$2/report-$1.txt.part" "$2/report-$1.txt"
