#!/bin/sh
echo "fetched with $*"
