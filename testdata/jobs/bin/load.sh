#!/bin/sh
# Loads a file of sales: load.sh FILE
set -eu
echo "loaded $(($(wc -l <"$1") - 1)) sales"
