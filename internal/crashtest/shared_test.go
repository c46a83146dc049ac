//go:build crash

package crashtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
)

var sharedFor = flag.Duration("shared", 30*time.Second, "how long many processes share one repository")

const (
	sharedProcesses = 50
	sharedJobs      = 20
	sharedRows      = 25 // that one instance writes
	sharedChunk     = 10
	sharedTable     = "SHARED"
	maxWAL          = 64 << 20
)

// mark is a row of the jobs that share a repository.
type mark struct{ number, instance, row int64 }

func markValues(m *mark, dst []any) []any { return append(dst, m.number, m.instance, m.row) }

// marks reads the rows of one instance and keeps its position.
type marks struct{ number, instance, last int64 }

func (m *marks) Open(_ context.Context, ec core.ExecutionContext) (err error) {
	m.last, _, err = ec.Int64("last")
	return err
}
func (m *marks) Checkpoint(ec core.ExecutionContext) error { ec.Put("last", m.last); return nil }
func (m *marks) Close() error                              { return nil }
func (m *marks) Read(_ context.Context, dst []mark) (n int, err error) {
	for n < len(dst) && m.last < sharedRows {
		m.last++
		dst[n] = mark{m.number, m.instance, m.last}
		n++
	}
	if m.last == sharedRows {
		err = io.EOF
	}
	return n, err
}

// sharedJob returns the job of a process: a chunk step for the even ones, a
// tasklet for the odd ones.
func sharedJob(number int) *core.Job {
	job := &core.Job{
		Name:       fmt.Sprintf("shared%02d", number%sharedJobs),
		Parameters: core.ParameterSpecs{{Name: "number", Type: core.TypeLong, Required: true}, {Name: "instance", Type: core.TypeLong, Required: true}},
	}
	if number%2 == 1 {
		job.Steps = []*core.Step{engine.TaskletStep("mark", core.TaskletFunc(markAll))}
		return job
	}
	job.Steps = []*core.Step{chunk.Step("mark", func(s *core.Scope) (core.StepBody, error) {
		number, instance, err := sharedParameters(s)
		db, ok := s.Repo.(sqlitem.Querier)
		if err != nil || !ok {
			return nil, errors.Join(err, fmt.Errorf("the repository is a %T", s.Repo))
		}
		w := sqlitem.NewWriter(sqlitem.WriterConfig{Querier: db, Table: sharedTable, Columns: []string{"NUMBER", "INSTANCE", "ROW"}}, markValues)
		return chunk.New(&marks{number: number, instance: instance}, chunk.PassThrough[mark](), w, chunk.Options{Size: sharedChunk}), nil
	})}
	return job
}

func sharedParameters(s *core.Scope) (number, instance int64, err error) {
	number, _, err = s.Parameters().Long("number")
	if err == nil {
		instance, _, err = s.Parameters().Long("instance")
	}
	return number, instance, err
}

func markAll(ctx context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
	number, instance, err := sharedParameters(s)
	if err != nil {
		return core.Finished, err
	}
	tx, err := s.Tx(ctx)
	if err != nil {
		return core.Finished, err
	}
	db, ok := tx.(sqlitem.Execer)
	if !ok {
		return core.Finished, fmt.Errorf("the transaction is a %T", tx)
	}
	for row := range sharedRows {
		if _, err := db.ExecContext(ctx, "INSERT INTO SHARED (NUMBER, INSTANCE, ROW) VALUES (?, ?, ?)", number, instance, row+1); err != nil {
			return core.Finished, err
		}
	}
	return core.Finished, nil
}

// share launches one new instance after the other until the time is over, and
// prints the id of every execution that has completed.
func share(ctx context.Context, dir, number, duration string) (err error) {
	n, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	limit, err := time.ParseDuration(duration)
	if err != nil {
		return err
	}
	store, err := openStore(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	launcher := newLauncher(store, dir, slog.LevelWarn)
	job := sharedJob(n)
	for instance, end := int64(1), time.Now().Add(limit); time.Now().Before(end); instance++ {
		je, err := launcher.Run(ctx, job, core.JobParameters{
			{Name: "number", Value: int64(n), Identifying: true}, {Name: "instance", Value: instance, Identifying: true},
		}, launch.Options{})
		if err != nil {
			return fmt.Errorf("instance %d: %w", instance, err)
		}
		fmt.Println(je.ID)
	}
	return nil
}

// TestSharedRepository lets many processes of many jobs use one repository.
func TestSharedRepository(t *testing.T) {
	tr := newTrial(t, pipeline{name: "shared", target: toRepository}, 1)
	const table = "CREATE TABLE SHARED (NUMBER INTEGER NOT NULL, INSTANCE INTEGER NOT NULL, ROW INTEGER NOT NULL)"
	if err := tr.exec(t.Context(), repositoryFile, table); err != nil {
		t.Fatal(err)
	}
	c := tr.gather(t, sharedProcesses, roleShare, envFor+"="+sharedFor.String())
	c.open(t)
	var largest int64
	poll(t, "all processes have ended", func() bool {
		if fi, err := os.Stat(tr.path(repositoryFile + "-wal")); err == nil {
			largest = max(largest, fi.Size())
		}
		return !slices.ContainsFunc(c.workers, (*worker).runs)
	})
	if codes, _ := c.codes(t); codes[exitCompleted] != sharedProcesses {
		t.Errorf("exit codes %v, want %d only", codes, exitCompleted)
	}
	var ids []string
	fewest, most := 1<<30, 0
	for i, w := range c.workers {
		own := strings.Fields(w.said(t))
		if got := tr.number(t, fmt.Sprintf(`SELECT count(*) FROM BATCH_JOB_EXECUTION E JOIN BATCH_JOB_EXECUTION_PARAMS P
USING (JOB_EXECUTION_ID) WHERE P.KEY_NAME = 'number' AND P.LONG_VAL = %d AND E.STATUS = 'COMPLETED'`, i)); got != len(own) {
			t.Errorf("process %d has completed %d executions, the repository knows %d", i, len(own), got)
		}
		ids = append(ids, own...)
		fewest, most = min(fewest, len(own)), max(most, len(own))
	}
	tr.verifyShared(t, ids)
	if largest >= maxWAL {
		t.Errorf("the WAL has grown to %d bytes", largest)
	}
	tr.finish(t)
	t.Logf("%d processes of %d jobs in %s: %d executions (%d to %d a process), WAL at most %.1f MiB",
		sharedProcesses, sharedJobs, *sharedFor, len(ids), fewest, most, float64(largest)/(1<<20))
}

func (w *worker) runs() bool {
	select {
	case <-w.done:
		return false
	default:
		return true
	}
}

// verifyShared compares what the processes say with what the repository holds.
func (tr *trial) verifyShared(t *testing.T, ids []string) {
	t.Helper()
	said := len(ids)
	slices.Sort(ids)
	if distinct := len(slices.Compact(ids)); distinct != said {
		t.Errorf("%d executions have %d ids", said, distinct)
	}
	for _, c := range []struct {
		query string
		want  int
	}{
		{"SELECT count(*) FROM BATCH_JOB_EXECUTION", said},
		{"SELECT count(*) FROM BATCH_JOB_EXECUTION WHERE STATUS = 'COMPLETED' AND END_TIME IS NOT NULL", said},
		{"SELECT count(*) FROM BATCH_STEP_EXECUTION WHERE STATUS = 'COMPLETED' AND END_TIME IS NOT NULL", said},
		{"SELECT count(*) FROM BATCH_JOB_INSTANCE", said},
		{"SELECT count(*) FROM BATCHCTL_JOB_HISTORY WHERE STATUS = 'COMPLETED'", said},
		{"SELECT count(DISTINCT JOB_NAME) FROM BATCH_JOB_INSTANCE", sharedJobs},
		{"SELECT count(*) FROM BATCHCTL_EXECUTION_OWNER", 0},
		{"SELECT count(*) FROM SHARED", said * sharedRows},
		{"SELECT count(*) FROM (SELECT DISTINCT NUMBER, INSTANCE, ROW FROM SHARED)", said * sharedRows},
		{"SELECT count(*) FROM pragma_quick_check WHERE quick_check = 'ok'", 1},
	} {
		if got := tr.number(t, c.query); got != c.want {
			t.Errorf("%d, want %d: %s", got, c.want, c.query)
		}
	}
}
