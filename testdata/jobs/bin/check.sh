#!/bin/sh
# Checks an extract: check.sh TABLE FOLDER
test -s "$2/$1.csv"
