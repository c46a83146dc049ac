package settlement

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
)

// keyRecords is the key of the number of records in the job's context.
const keyRecords = "settlement.records"

// countBatch is how many records are counted between two looks at a stop.
const countBatch = 4096

// verify is the step verifyInput.
func verify(ctx context.Context, s *core.Scope, d day, _ *core.StepContribution) error {
	want, err := readControl(d.control)
	if err != nil {
		return err
	}
	records, err := countRecords(ctx, s, d)
	if err != nil {
		return err
	}
	if records != want.records {
		return &core.ItemError{
			File: d.control, Line: want.recordsLine, Column: "records",
			Value: fmt.Sprint(want.records), HasValue: true,
			Msg: fmt.Sprintf("%s has %d records", core.EscapeControl(d.input), records),
		}
	}
	if err := want.checkEmpty(d.control); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(d.report), 0o755); err != nil { //nolint:gosec // a report is for others to read
		return fmt.Errorf("make the output folder: %w", err)
	}
	d.ledger.Bind()
	s.JobContext.Put(keyRecords, records)
	return d.ledger.Write(ctx, func(db Execer) error {
		if err := createTables(ctx, db); err != nil {
			return err
		}
		if err := refuseSettled(ctx, db, d); err != nil || records > 0 {
			return err
		}
		return recordDay(ctx, db, d) // no later step will
	})
}

// decideAnything is the decision whether there is anything to settle. It asks
// for what verifyInput has counted; an instance that was begun before that was
// kept has something.
func decideAnything(_ context.Context, r *core.Run, _ *core.StepExecution) (exitCode string, err error) {
	if records, kept := r.JobContextValue(keyRecords); kept && records == int64(0) {
		return decidedNothing, nil
	}
	return decidedSomething, nil
}

// countRecords counts the records behind the header, without a look at what is
// in them. One that cannot be taken apart counts too where bad records may be
// rejected, and is an error otherwise.
func countRecords(ctx context.Context, s *core.Scope, d day) (records int64, err error) {
	cols := columns()
	for i := range cols {
		cols[i] = csvfile.Column{Name: cols[i].Name}
	}
	reader := csvfile.NewReader(csvfile.ReaderConfig{Path: d.input, Columns: cols, StrictColumns: true},
		func(*csvfile.Row, *struct{}) error { return nil })
	defer func() {
		if closeErr := reader.Close(); err == nil {
			err = closeErr
		}
	}()
	if err := reader.Open(ctx, core.ExecutionContext{}); err != nil {
		return 0, err
	}
	batch := make([]struct{}, countBatch)
	for {
		if cause := s.Stop.Cause(); cause != nil {
			return 0, cause
		}
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		n, err := reader.Read(ctx, batch)
		records += int64(n)
		switch {
		case core.IsEOF(err):
			return records, nil
		case d.skipLimit > 0 && core.ClassOf(err, "") == core.ClassReadParse:
			records++
		case err != nil:
			return 0, err
		}
	}
}

const countDay = `SELECT COUNT(*) FROM SETTLED_TRANSACTION WHERE TRANSACTION_ID BETWEEN ? AND ?`

// refuseSettled refuses a day of which the ledger holds rows before this
// instance has written any.
func refuseSettled(ctx context.Context, db querier, d day) error {
	var rows int64
	if err := queryOne(ctx, db, countDay, []any{d.firstID, d.lastID}, &rows); err != nil {
		return fmt.Errorf("look for %s in the ledger: %w", d.date, err)
	}
	if rows == 0 {
		return nil
	}
	return &core.Error{
		Msg: fmt.Sprintf("the ledger holds %d transactions of %s already, which no execution of this instance has written",
			rows, d.date),
		Hint: core.ShellQuote("batchctl", "executions", "--job", Name) + " shows what ran; " +
			"settle the day into another repository, or remove its rows from " + ledgerTable,
	}
}

// queryOne reads the one row that query returns.
func queryOne(ctx context.Context, db querier, query string, args []any, dst ...any) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	if rows.Next() {
		if err := rows.Scan(dst...); err != nil {
			return err
		}
	}
	return rows.Err()
}
