package chunk_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// num is an item that knows where it is from: number n is line n of in.csv.
type num int

func (n num) Origin() core.Origin { return core.Origin{File: "in.csv", Line: int(n)} }

// raw are the bytes of number n.
func raw(n int) []byte { return []byte("line " + strconv.Itoa(n)) }

const always = -1

// script says what goes wrong with which number, and how often.
type script struct {
	last    int
	filter  []int
	broken  []int       // records that cannot be read
	read    map[int]int // reads that fail and consume nothing
	process map[int]int
	write   map[int]int
	panicAt int // in process
}

// clone returns a copy that fails anew.
func (s script) clone() script {
	s.read, s.process, s.write = maps.Clone(s.read), maps.Clone(s.process), maps.Clone(s.write)
	return s
}

// fails takes one failure of number n away from those that are left.
func fails(left map[int]int, n int) bool {
	k := left[n]
	if k > 0 {
		left[n] = k - 1
	}
	return k != 0
}

// Where the output of a world lives.
const (
	inTable = "in a table of the repository" // within the chunk's transaction
	inFile  = "in a file"                    // behind a Reverter
	inSink  = "in another database"
)

func kinds() []string { return []string{inTable, inFile, inSink} }

var errDead = &core.Error{Kind: core.ErrAborted, Msg: "the process is dead"}

// world is a job of one step, and everything around it that outlives an
// execution. It can die at a given edge: from there on nothing has an effect any
// more, as in a process that was killed.
type world struct {
	*fixture
	kind    string
	job     string
	script  script
	options chunk.Options
	listen  chunk.Listener[num, num]

	mu        sync.Mutex
	processes int
	writes    int
	dieAt     int // the edge to die at; 0: never
	edges     int // that were passed

	clear   bool  // empty the table before the next attempt
	lines   []int // of the file
	rejects []core.Reject
	db      core.Database // of the sink
}

func newWorld(t *testing.T, kind string, s script, o chunk.Options) *world {
	t.Helper()
	w := &world{fixture: setup(t), kind: kind, job: "numbers", script: s.clone(), options: o}
	w.repo = &mortal{JobRepository: w.store, world: w}
	if kind == inSink {
		db, err := sqlite.Databases{}.OpenDatabase(t.Context(), filepath.Join(t.TempDir(), "sink.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		w.db = db
	}
	return w
}

// edge passes a place at which the process can die, and tells whether it lives.
func (w *world) edge() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dieAt > 0 && w.edges >= w.dieAt {
		return errDead
	}
	w.edges++
	if w.edges == w.dieAt {
		return errDead
	}
	return nil
}

// died reports whether the process has died; it is alive again afterwards.
func (w *world) died() bool {
	dead := w.dieAt > 0 && w.edges >= w.dieAt
	if dead {
		w.dieAt = 0
	}
	return dead
}

// step binds new parts for each execution, as a program does that starts again.
func (w *world) step() *core.Step {
	return chunk.Step(stepName, func(*core.Scope) (core.StepBody, error) {
		o := w.options
		o.Rejects = &rejectFile{world: w}
		var writer core.ItemWriter[num]
		switch w.kind {
		case inTable:
			writer = &tableWriter{world: w}
		case inFile:
			writer = &fileWriter{world: w}
		case inSink:
			writer = &sinkWriter{world: w}
		}
		return chunk.New(core.ItemReader[num](&numReader{world: w}),
			core.ItemProcessor[num, num](&numProcessor{world: w}), writer, o).Listen(w.listen), nil
	})
}

// attempt runs the job once.
func (w *world) attempt(ctx context.Context, t *testing.T) (*core.StepExecution, error) {
	t.Helper()
	if w.clear && w.kind == inTable {
		w.sweep(t)
	}
	w.clear = false
	se, err := w.runJob(ctx, t, &core.Job{Name: w.job, Steps: []*core.Step{w.step()}})
	if w.dieAt > 0 && w.edges >= w.dieAt {
		if _, _, err := w.store.Recover(t.Context(), w.execution, true); err != nil { // this process lives on
			t.Fatal(err)
		}
	}
	return se, err
}

// sweep empties the table in the name of a job of its own.
func (w *world) sweep(t *testing.T) {
	t.Helper()
	sweeper := &core.Job{Name: "sweep " + w.job, Steps: []*core.Step{chunk.Step(stepName, func(s *core.Scope) (core.StepBody, error) {
		return sweeping{}, nil
	})}}
	dieAt := w.dieAt
	w.dieAt = 0
	if _, err := w.runJob(t.Context(), t, sweeper); err != nil {
		t.Fatal(err)
	}
	w.dieAt, w.edges = dieAt, 0
}

type sweeping struct{}

func (sweeping) Execute(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
	tx, err := s.Begin(ctx)
	if err != nil {
		return core.ExitStatus{}, err
	}
	defer tx.Rollback()
	if _, err := tx.(execer).ExecContext(ctx, "DELETE FROM number"); err != nil {
		return core.ExitStatus{}, err
	}
	return core.ExitStatus{}, tx.Commit()
}

// total returns the counts of all attempts.
func (w *world) total(t *testing.T) (sum core.Counts) {
	t.Helper()
	jes, err := w.store.JobExecutions(t.Context(), core.JobExecutionQuery{JobName: w.job, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, je := range jes {
		full, err := w.store.JobExecution(t.Context(), je.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, se := range full.Steps {
			sum = sum.Add(se.Counts)
		}
	}
	return sum
}

// output returns the numbers that were written, in order.
func (w *world) output(t *testing.T) []int {
	t.Helper()
	switch w.kind {
	case inFile:
		return slices.Clone(w.lines)
	case inSink:
		rows, err := w.db.QueryContext(t.Context(), "SELECT n FROM number ORDER BY rowid")
		if err != nil {
			return nil // the table was never made
		}
		defer rows.Close()
		var all []int
		for rows.Next() {
			var n int
			if err := rows.Scan(&n); err != nil {
				t.Fatal(err)
			}
			all = append(all, n)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return all
	}
	all, _ := w.numbers(t)
	return all
}

// rejected returns the lines of the rejects, and their phases.
func (w *world) rejected() []string {
	all := []string{}
	for _, r := range w.rejects {
		all = append(all, fmt.Sprintf("%d %s", r.Origin.Line, r.Phase))
	}
	return all
}

// mortal is a repository that a dying world writes to no more.
type mortal struct {
	core.JobRepository
	world *world
}

func (m *mortal) Begin(ctx context.Context, je *core.JobExecution) (core.Tx, error) {
	if err := m.world.edge(); err != nil {
		return nil, err
	}
	tx, err := m.JobRepository.Begin(ctx, je)
	if err != nil {
		return nil, err
	}
	return &mortalTx{Tx: tx, world: m.world}, nil
}

type mortalTx struct {
	core.Tx
	world *world
}

func (tx *mortalTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return tx.Tx.(execer).ExecContext(ctx, query, args...)
}

func (tx *mortalTx) Savepoint(ctx context.Context) error {
	return errors.Join(tx.world.edge(), tx.Tx.Savepoint(ctx))
}

func (tx *mortalTx) RollbackToSavepoint(ctx context.Context) error {
	return errors.Join(tx.world.edge(), tx.Tx.RollbackToSavepoint(ctx))
}

func (tx *mortalTx) UpdateStepExecution(ctx context.Context, se *core.StepExecution) error {
	if err := tx.world.edge(); err != nil {
		return err
	}
	return tx.Tx.UpdateStepExecution(ctx, se)
}

func (tx *mortalTx) Commit() error {
	if err := tx.world.edge(); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return errors.Join(tx.Tx.Commit(), tx.world.edge())
}

// numReader reads the numbers of the script.
type numReader struct {
	world    *world
	position int
}

var _ core.RawReader = (*numReader)(nil)

func (r *numReader) Read(_ context.Context, dst []num) (int, error) {
	s := &r.world.script
	for n := range dst {
		if r.position == s.last {
			return n, io.EOF
		}
		next := r.position + 1
		if fails(s.read, next) {
			return n, core.Classified("read.busy", fmt.Errorf("number %d is not to be had now", next))
		}
		r.position = next
		if slices.Contains(s.broken, next) {
			dst[n] = -1 // a bad record must leave nothing behind
			return n, &core.ItemError{File: "in.csv", Line: next, Msg: "is no number", Class: core.ClassReadParse, Raw: raw(next)}
		}
		dst[n] += num(next)
	}
	return len(dst), nil
}

func (r *numReader) Raw(o core.Origin) ([]byte, error) { return raw(o.Line), nil }

func (r *numReader) Open(_ context.Context, ec core.ExecutionContext) error {
	position, _, err := ec.Int64("reader.position")
	r.position = int(position)
	return err
}

func (r *numReader) Checkpoint(ec core.ExecutionContext) error {
	ec.Put("reader.position", int64(r.position))
	return nil
}
func (r *numReader) Close() error { return nil }

// numProcessor fails as the script says.
type numProcessor struct{ world *world }

func (p *numProcessor) Process(_ context.Context, n num) (num, bool, error) {
	w := p.world
	w.mu.Lock()
	defer w.mu.Unlock()
	w.processes++
	if int(n) == w.script.panicAt {
		panic("no such number")
	}
	if fails(w.script.process, int(n)) {
		return 0, false, core.Classified("process.bad", fmt.Errorf("number %d cannot be processed", n))
	}
	return n, !slices.Contains(w.script.filter, int(n)), nil
}

// everything selects all the errors of the script.
var everything = core.ErrorClasses{Include: []string{"read", "process", "write"}}

// skipping allows limit skips.
func skipping(limit int64) core.SkipPolicy {
	return core.LimitSkipPolicy{ErrorClasses: everything, Max: limit}
}

// retrying repeats a call up to n times, without a wait worth mentioning.
func retrying(n int) core.RetryPolicy {
	return core.BackoffRetryPolicy{ErrorClasses: everything, Max: n, Backoff: time.Microsecond}
}
