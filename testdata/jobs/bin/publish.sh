#!/bin/sh
# Marks a folder of extracts as complete: publish.sh FOLDER
: >"$1/COMPLETE"
