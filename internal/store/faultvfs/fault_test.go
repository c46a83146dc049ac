//go:build faultvfs

package faultvfs_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
	"github.com/batchctl/batchctl/internal/store/faultvfs"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

func TestMain(m *testing.M) {
	if err := faultvfs.Register(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const (
	items    = 40
	size     = 10
	sinkFile = "sink.db"
)

// stride leaves points of writing out, for a quick run: 1 tries every one.
var stride = flag.Int("stride", 1, "try every n-th write")

// world is one directory with a repository, and perhaps a sink beside it.
type world struct {
	dir    string
	toSink bool
}

// numbers reads 1 to items, and keeps its position.
type numbers struct{ next int64 }

func (n *numbers) Open(_ context.Context, ec core.ExecutionContext) (err error) {
	n.next, _, err = ec.Int64("next")
	return err
}
func (n *numbers) Checkpoint(ec core.ExecutionContext) error { ec.Put("next", n.next); return nil }
func (n *numbers) Close() error                              { return nil }
func (n *numbers) Read(_ context.Context, dst []int64) (int, error) {
	for i := range dst {
		if n.next == items {
			return i, io.EOF
		}
		n.next++
		dst[i] = n.next
	}
	return len(dst), nil
}

func (w world) job() *core.Job {
	bind := func(s *core.Scope) (core.StepBody, error) {
		cfg := sqlitem.WriterConfig{Table: "OUTPUT", Columns: []string{"ID"}}
		values := func(id *int64, dst []any) []any { return append(dst, *id) }
		if !w.toSink {
			cfg.Querier, _ = s.Repo.(sqlitem.Querier)
			return chunk.New(&numbers{}, chunk.PassThrough[int64](), sqlitem.NewWriter(cfg, values), chunk.Options{Size: size}), nil
		}
		db := sqlitem.OpenLater(s.Databases, filepath.Join(w.dir, sinkFile))
		return chunk.New(&numbers{}, chunk.PassThrough[int64](), sqlitem.NewSink(db, cfg, values),
			chunk.Options{Size: size, Streams: []core.ItemStream{closer{db}}}), nil
	}
	return &core.Job{Name: "faults", Steps: []*core.Step{chunk.Step("move", bind)}}
}

type closer struct{ db core.Database }

func (closer) Open(context.Context, core.ExecutionContext) error { return nil }
func (closer) Checkpoint(core.ExecutionContext) error            { return nil }
func (c closer) Close() error                                    { return c.db.Close() }

func (w world) options() sqlite.Options {
	return sqlite.Options{Now: time.Now, BusyTimeout: 2 * time.Second}
}

// prepare makes the repository and the table of the output.
func (w world) prepare(ctx context.Context) (err error) {
	store, err := sqlite.Open(ctx, filepath.Join(w.dir, "repository.db"), w.options())
	if err != nil {
		return err
	}
	if err := store.Close(); err != nil {
		return err
	}
	file := "repository.db"
	if w.toSink {
		file = sinkFile
	}
	db, err := sqlite.Databases{}.OpenDatabase(ctx, filepath.Join(w.dir, file))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after a commit there is nothing left to roll back
	// No key: a doubled row has to show.
	if _, err := tx.ExecContext(ctx, "CREATE TABLE OUTPUT (ID INTEGER NOT NULL)"); err != nil {
		return err
	}
	return tx.Commit()
}

// run launches the job once, from opening the repository to closing it.
func (w world) run(ctx context.Context) (je *core.JobExecution, err error) {
	store, err := sqlite.Open(ctx, filepath.Join(w.dir, "repository.db"), w.options())
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := store.Close(); err == nil {
			err = closeErr
		}
	}()
	launcher := launch.JobLauncher{Repo: store, Databases: sqlite.Databases{BusyTimeout: 2 * time.Second}, Now: time.Now, Token: token()}
	return launcher.Run(ctx, w.job(), nil, launch.Options{})
}

func token() func() string {
	n := 0
	return func() string { n++; return fmt.Sprintf("%032d", n) }
}

// verify checks rows, history and counters of a job that has completed.
func (w world) verify(ctx context.Context) (err error) {
	output := "repository.db"
	if w.toSink {
		output = sinkFile
	}
	checks := []struct {
		file, query string
		want        string
	}{
		{output, "SELECT count(*) || '/' || count(DISTINCT ID) || '/' || sum(ID) FROM OUTPUT", fmt.Sprintf("%d/%d/%d", items, items, items*(items+1)/2)},
		{output, "SELECT quick_check FROM pragma_quick_check", "ok"},
		{"repository.db", "SELECT quick_check FROM pragma_quick_check", "ok"},
		{"repository.db", "SELECT sum(STATUS = 'COMPLETED') || '/' || sum(END_TIME IS NULL) FROM BATCH_JOB_EXECUTION", "1/0"},
		{"repository.db", "SELECT sum(STATUS = 'COMPLETED') || '/' || sum(END_TIME IS NULL) FROM BATCH_STEP_EXECUTION", "1/0"},
		{"repository.db", "SELECT sum(READ_COUNT) || '/' || sum(WRITE_COUNT) || '/' || sum(COMMIT_COUNT) FROM BATCH_STEP_EXECUTION", fmt.Sprintf("%d/%d/%d", items, items, items/size)},
	}
	for _, c := range checks {
		got, err := w.queryText(ctx, c.file, c.query)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", c.file, c.query, err)
		}
		if got != c.want {
			return fmt.Errorf("%s: %s is %q, want %q", c.file, c.query, got, c.want)
		}
	}
	return nil
}

func (w world) queryText(ctx context.Context, file, query string) (text string, err error) {
	db, err := sqlite.Databases{}.OpenDatabase(ctx, filepath.Join(w.dir, file))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&text); err != nil {
			return "", err
		}
	}
	return text, rows.Err()
}

// ioError returns the code with which an operation reports that the device
// failed.
func ioError(op faultvfs.Op) faultvfs.Code {
	return map[faultvfs.Op]faultvfs.Code{
		faultvfs.Write: faultvfs.IOErr, faultvfs.Sync: faultvfs.IOFsync, faultvfs.Truncate: faultvfs.IOTruncate,
	}[op]
}

// TestFaults fails every write, sync and truncate of a job in turn. Whatever
// fails, nothing is corrupt or torn, the fault surfaces as what it is unless
// SQLite could do without the operation, nothing is left running when it
// happened once only, and the next start completes the job exactly.
func TestFaults(t *testing.T) {
	for _, toSink := range []bool{false, true} {
		for _, op := range []faultvfs.Op{faultvfs.Write, faultvfs.Sync, faultvfs.Truncate} {
			codes := []struct {
				name string
				code faultvfs.Code
			}{{"disk full", faultvfs.Full}, {"I/O error", ioError(op)}}
			for _, code := range codes {
				for _, sticky := range []bool{false, true} {
					name := fmt.Sprintf("%s/%s/sticky=%t/own database=%t", op, code.name, sticky, toSink)
					t.Run(name, func(t *testing.T) {
						points, surfaced := enumerate(t, toSink, op, code.code, sticky)
						t.Logf("%d points, %d of them failed the run", points, surfaced)
						if op != faultvfs.Truncate && surfaced == 0 {
							t.Error("no fault surfaced: the harness does not reach the job")
						}
					})
				}
			}
		}
	}
}

// enumerate arms the fault at the 1st, 2nd, ... operation until a run passes
// without meeting it.
func enumerate(t *testing.T, toSink bool, op faultvfs.Op, code faultvfs.Code, sticky bool) (points, surfaced int) {
	t.Helper()
	ctx := t.Context()
	step := 1
	if op == faultvfs.Write {
		step = *stride
	}
	for n := 1; ; n += step {
		w := world{dir: t.TempDir(), toSink: toSink}
		if err := w.prepare(ctx); err != nil {
			t.Fatal(err)
		}
		faultvfs.Arm(op, n, code, sticky)
		je, first := w.run(ctx)
		hits := faultvfs.Disarm()
		if first != nil {
			surfaced++
			if hits == 0 {
				t.Fatalf("point %d: the run failed without a fault: %v", n, first)
			}
			if err := w.verifyFailure(ctx, je, first, sticky); err != nil {
				t.Fatalf("point %d of %s: %v", n, op, err)
			}
			// The last commit may be there although its sync reported an error.
			if _, err := w.run(ctx); err != nil && !errors.Is(err, core.ErrJobInstanceAlreadyComplete) {
				t.Fatalf("point %d: the start after the fault failed: %v", n, err)
			}
		}
		if err := w.verify(ctx); err != nil {
			t.Fatalf("point %d of %s (first run: %v): %v", n, op, first, err)
		}
		if hits == 0 {
			return points, surfaced
		}
		points++
	}
}

// verifyFailure checks what the failed run says, and what it leaves for others
// to read before anything has recovered it.
func (w world) verifyFailure(ctx context.Context, je *core.JobExecution, first error, sticky bool) error {
	failed := je != nil && je.Status == core.StatusFailed
	if !failed && !errors.Is(first, core.ErrRepository) {
		return fmt.Errorf("neither a failed job nor an error of the repository: %w", first)
	}
	if sticky { // the end cannot be recorded
		return nil
	}
	running, err := w.running(ctx)
	if err == nil && len(running) > 0 {
		err = fmt.Errorf("the fault happened once, and this is left: %q (%w)", running, first)
	}
	return err
}

// running names what reads as running, without writing anything.
func (w world) running(ctx context.Context) (names []string, err error) {
	explorer, err := sqlite.OpenExplorer(ctx, filepath.Join(w.dir, "repository.db"), w.options())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, explorer.Close()) }()
	all, err := explorer.JobExecutions(ctx, core.JobExecutionQuery{})
	if err != nil {
		return nil, err
	}
	for _, head := range all {
		je, err := explorer.JobExecution(ctx, head.ID)
		if err != nil {
			return nil, err
		}
		if je.Status.IsRunning() || je.EndTime.IsZero() {
			names = append(names, fmt.Sprintf("execution %d %s", je.ID, je.Status))
		}
		for _, se := range je.Steps {
			if se.Status.IsRunning() || se.EndTime.IsZero() {
				names = append(names, fmt.Sprintf("step %s %s", se.StepName, se.Status))
			}
		}
	}
	return names, nil
}
