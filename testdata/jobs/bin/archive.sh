#!/bin/sh
echo "archived the clicks of $1"
