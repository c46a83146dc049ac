//go:build crash

package crashtest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// verify compares everything that a completed trial has left with the truth.
func (tr *trial) verify(ctx context.Context) error {
	var errs []error
	target := tr.pipeline.target
	if target == toRepository || target == toAll {
		errs = append(errs, tr.verifyRows(ctx, repositoryFile))
	}
	if target == toSink || target == toFileAndSink || target == toAll {
		errs = append(errs, tr.verifyRows(ctx, sinkFile))
	}
	if target == toFile || target == toFileAndSink || target == toAll {
		errs = append(errs, tr.verifyFile())
	}
	if tr.pipeline.faulty {
		errs = append(errs, tr.verifyRejects())
	}
	if tr.pipeline.also != nil {
		errs = append(errs, tr.pipeline.also(ctx, tr))
	}
	if !tr.pipeline.broken {
		errs = append(errs, tr.verifyRepository(ctx))
	}
	return errors.Join(errs...)
}

// eachExpected calls f for every row that the output has to have.
func (tr *trial) eachExpected(f func(id int, name string, amount int)) (rows int) {
	for i := 1; i <= tr.rows; i++ {
		id, name, amount := sourceRow(i)
		if id%10 != 0 && (!tr.pipeline.faulty || faultOf(i) == "") {
			f(id, name, 2*amount)
			rows++
		}
	}
	return rows
}

func (tr *trial) verifyRows(ctx context.Context, file string) (err error) {
	db, err := sql.Open("sqlite3", tr.path(file))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var want strings.Builder
	tr.eachExpected(func(id int, name string, amount int) { fmt.Fprintf(&want, "%d|%s|%d\n", id, name, amount) })
	rows, err := db.QueryContext(ctx, "SELECT ID, NAME, AMOUNT FROM OUTPUT ORDER BY ID, rowid")
	if err != nil {
		return err
	}
	defer rows.Close()
	var got strings.Builder
	for rows.Next() {
		var id, amount int
		var name string
		if err := rows.Scan(&id, &name, &amount); err != nil {
			return err
		}
		fmt.Fprintf(&got, "%d|%s|%d\n", id, name, amount)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if got.String() != want.String() {
		return fmt.Errorf("%s: the rows differ: %s", file, firstDifference(got.String(), want.String()))
	}
	return quickCheck(ctx, db, file)
}

func (tr *trial) verifyFile() error {
	got, err := os.ReadFile(tr.path(outputFile))
	if err != nil {
		return err
	}
	var want bytes.Buffer
	footer := ""
	if !tr.pipeline.broken {
		want.WriteString("id,name,amount\n")
	}
	if !tr.pipeline.broken && !tr.history().noFooter {
		footer = "END,%d,\n"
	}
	rows := tr.eachExpected(func(id int, name string, amount int) { fmt.Fprintf(&want, "%d,%s,%d\n", id, name, amount) })
	if footer != "" {
		fmt.Fprintf(&want, footer, rows)
	}
	if !bytes.Equal(got, want.Bytes()) {
		return fmt.Errorf("%s: the bytes differ: %s", outputFile, firstDifference(string(got), want.String()))
	}
	return nil
}

func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d is %q, want %q; %d lines, want %d", i+1, a[i], b[i], len(a)-1, len(b)-1)
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(a)-1, len(b)-1)
}

func quickCheck(ctx context.Context, db *sql.DB, file string) error {
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("%s: quick_check says %s", file, verdict)
	}
	return nil
}

// history is what the repository has to hold when all is done.
type history struct {
	instances, executions int // executions that are COMPLETED
	steps                 int // names of steps, each of which is COMPLETED once
	abandoned             int // step executions that failed and were moved past
	// counts are the sums over all attempts; commits of -1 are not foreseen.
	counts  [6]int
	commits int
	// managers are the steps whose counters repeat those of their parts.
	managers string
	noFooter bool
	// again is a step that every execution runs which begins at the start; its
	// counters add up to ofAgain for each time that it completed. The other
	// figures are without it.
	again   string
	ofAgain [6]int
	stopped int // executions that are STOPPED
}

// history returns what this trial has to leave.
func (tr *trial) history() history {
	written, filtered := tr.eachExpected(func(int, string, int) {}), tr.rows/10
	h := history{instances: 1, executions: 1, steps: 1}
	faults := map[string]int{}
	if tr.pipeline.faulty {
		for i := 1; i <= tr.rows; i++ {
			faults[faultOf(i)]++
		}
	}
	read := tr.rows - faults[core.PhaseRead]
	h.counts = [6]int{read, written, filtered, faults[core.PhaseRead], faults[core.PhaseProcess], faults[core.PhaseWrite]}
	h.commits = (read + chunkSize - 1) / chunkSize
	if tr.pipeline.truth != nil {
		tr.pipeline.truth(&h)
	}
	return h
}

const sumCounts = `
SELECT
  SUM(READ_COUNT),
  SUM(WRITE_COUNT),
  SUM(FILTER_COUNT),
  SUM(READ_SKIP_COUNT),
  SUM(PROCESS_SKIP_COUNT),
  SUM(WRITE_SKIP_COUNT),
  SUM(COMMIT_COUNT)
FROM BATCH_STEP_EXECUTION`

// verifyRepository checks the history: nothing runs, one execution completed,
// every step completed once or was given up, and the counters of all attempts add up to the
// truth.
func (tr *trial) verifyRepository(ctx context.Context) (err error) {
	db, err := sql.Open("sqlite3", tr.path(repositoryFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	h := tr.history()
	counts := []struct {
		what, query string
		want        int
	}{
		{"running executions", "SELECT count(*) FROM BATCH_JOB_EXECUTION WHERE STATUS NOT IN ('COMPLETED', 'FAILED', 'STOPPED') OR END_TIME IS NULL", 0},
		{"running steps", "SELECT count(*) FROM BATCH_STEP_EXECUTION WHERE STATUS NOT IN ('COMPLETED', 'FAILED', 'ABANDONED') OR END_TIME IS NULL", 0},
		{"abandoned steps", "SELECT count(*) FROM BATCH_STEP_EXECUTION WHERE STATUS = 'ABANDONED'", h.abandoned},
		{"stopped executions", "SELECT count(*) FROM BATCH_JOB_EXECUTION WHERE STATUS = 'STOPPED'", h.stopped},
		{"completed executions", "SELECT count(*) FROM BATCH_JOB_EXECUTION WHERE STATUS = 'COMPLETED'", h.executions},
		{"completed steps", "SELECT count(*) FROM BATCH_STEP_EXECUTION WHERE STATUS = 'COMPLETED' AND STEP_NAME <> :again", h.steps},
		{"names of completed steps", "SELECT count(DISTINCT STEP_NAME) FROM BATCH_STEP_EXECUTION WHERE STATUS = 'COMPLETED' AND STEP_NAME <> :again", h.steps},
		{"instances", "SELECT count(*) FROM BATCH_JOB_INSTANCE", h.instances},
		{"owners", "SELECT count(*) FROM BATCHCTL_EXECUTION_OWNER", 0},
	}
	for _, c := range counts {
		var got int
		if err := db.QueryRowContext(ctx, c.query, sql.Named("again", h.again)).Scan(&got); err != nil {
			return fmt.Errorf("%s: %w", c.what, err)
		}
		if got != c.want {
			return fmt.Errorf("%d %s, want %d", got, c.what, c.want)
		}
	}
	var got [6]int
	var commits int
	row := db.QueryRowContext(ctx, sumCounts+" WHERE STEP_NAME NOT IN (?, ?)", h.managers, h.again)
	if err := row.Scan(&got[0], &got[1], &got[2], &got[3], &got[4], &got[5], &commits); err != nil {
		return err
	}
	if got != h.counts || h.commits >= 0 && commits != h.commits {
		return fmt.Errorf("the counters of all attempts (read, write, filter, skipped in read, process and write) add up to "+
			"%d in %d commits; want %d in %d", got, commits, h.counts, h.commits)
	}
	if h.again != "" {
		if err := verifyAgain(ctx, db, h); err != nil {
			return err
		}
	}
	return quickCheck(ctx, db, repositoryFile)
}

// verifyAgain checks the counters of the step that runs again in every execution.
func verifyAgain(ctx context.Context, db *sql.DB, h history) error {
	var got, want [6]int
	var completed, commits int
	row := db.QueryRowContext(ctx, sumCounts+" WHERE STEP_NAME = ?", h.again)
	if err := row.Scan(&got[0], &got[1], &got[2], &got[3], &got[4], &got[5], &commits); err != nil {
		return fmt.Errorf("step %s: %w", h.again, err)
	}
	const complete = "SELECT count(*) FROM BATCH_STEP_EXECUTION WHERE STATUS = 'COMPLETED' AND STEP_NAME = ?"
	if err := db.QueryRowContext(ctx, complete, h.again).Scan(&completed); err != nil {
		return err
	}
	for i, n := range h.ofAgain {
		want[i] = completed * n
	}
	if completed == 0 || got != want {
		return fmt.Errorf("step %s completed %d times, and its counters add up to %d, want %d", h.again, completed, got, want)
	}
	return nil
}

// dump writes every row of the tables; of all of them when none is named.
func dump(ctx context.Context, path string, w io.Writer, tables ...string) (err error) {
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if len(tables) == 0 {
		if tables, err = texts(ctx, db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"); err != nil {
			return err
		}
	}
	for _, table := range tables {
		columns, err := texts(ctx, db, "SELECT 'quote(' || name || ')' FROM pragma_table_info('"+table+"')")
		if err != nil {
			return err
		}
		rows, err := texts(ctx, db, "SELECT "+strings.Join(columns, " || '|' || ")+" FROM "+table+" ORDER BY 1")
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\n%s\n", table, strings.Join(rows, "\n"))
	}
	return nil
}

// texts returns the first column of a query.
func texts(ctx context.Context, db *sql.DB, query string) (all []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, rows.Err()
}
