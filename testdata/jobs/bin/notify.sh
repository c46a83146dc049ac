#!/bin/sh
echo "$BATCH_JOB_NAME ended $BATCH_STATUS with $BATCH_EXIT_STATUS"
