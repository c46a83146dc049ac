#!/bin/sh
echo "booked $1 differences"
