#!/bin/sh
# Extracts one table: extract.sh TABLE FOLDER. BATCHCTL_EXTRACT_FAILS
# names one that fails.
set -eu
[ "$1" != "${BATCHCTL_EXTRACT_FAILS:-}" ] || { echo "no connection to $1" >&2; exit 1; }
mkdir -p "$2"
printf 'id\n1\n' >"$2/$1.csv"
