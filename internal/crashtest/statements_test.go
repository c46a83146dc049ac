//go:build crash

package crashtest

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// statementsDefinition doubles every row of a database into another table of it,
// by statements that would double them once more if they ran again: two steps,
// and one in parts.
const statementsDefinition = `
job: crash
parameters:
  trial: {type: long, required: true}
resources:
  sink: {driver: sqlite, dsn: sink.db}
steps:
  - step: first
    sql:
      resource: sink
      statements:
        - INSERT INTO OUTPUT SELECT ID, NAME, AMOUNT FROM SOURCE WHERE ID % 5 = :rest AND ID % 10 <> 0
        - UPDATE OUTPUT SET AMOUNT = AMOUNT * 2 WHERE ID % 5 = :rest
      params: {rest: 0}
      rows: moved
  - step: second
    sql:
      resource: sink
      statements: ["INSERT INTO OUTPUT SELECT ID, NAME, AMOUNT * 2 FROM SOURCE WHERE ID % 5 = 1"]
  - step: rest
    partition: {count: 3, threads: 2}
    sql:
      resource: sink
      statements: ["INSERT INTO OUTPUT SELECT ID, NAME, AMOUNT * 2 FROM SOURCE WHERE ID % 5 = 2 + :part"]
      params: {part: "#{partition['index']}"}
`

// sourceInSink is the source as a table beside the output.
const sourceInSink = `
CREATE TABLE SOURCE AS
WITH RECURSIVE N (I) AS (SELECT 1 UNION ALL SELECT I + 1 FROM N WHERE I < %d)
SELECT I AS ID, '상점-' || (I %% 97) AS NAME, I * 37 %% 10007 - 5000 AS AMOUNT FROM N`

func prepareStatements(ctx context.Context, tr *trial) error {
	if err := os.WriteFile(tr.path("move.yaml"), []byte(statementsDefinition), 0o600); err != nil {
		return err
	}
	return tr.exec(ctx, sinkFile, fmt.Sprintf(sourceInSink, tr.rows))
}

// statementsTruth counts what statements affect: the first step touches its rows
// twice.
func statementsTruth(h *history) {
	written := h.counts[1]
	h.counts = [6]int{1: written + written/9}
	h.steps, h.commits, h.managers = 2+1+3, 2+3, "rest"
}

// verifyMoved checks what the first step has left in its context, whichever
// attempt it was that committed.
func verifyMoved(ctx context.Context, tr *trial) error {
	store, err := openStore(ctx, tr.dir)
	if err != nil {
		return err
	}
	defer store.Close()
	se, err := store.LastStepExecution(ctx, 1, "first")
	if err != nil {
		return err
	}
	want := int64(2 * (tr.rows/5 - tr.rows/10))
	if got := se.Context["moved"]; got != want {
		return fmt.Errorf("the context of the first step has moved = %v, want %d; it is %v", got, want, se.Context)
	}
	if location := fmt.Sprint(se.Context["batchctl.sink"]); !strings.HasSuffix(location, sinkFile) {
		return fmt.Errorf("the first step has committed to %q", location)
	}
	return nil
}
