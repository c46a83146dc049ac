package chunk_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
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

// put writes the items of a chunk one after the other, up to the one that fails.
func (w *world) put(c *core.Chunk[num], put func(n int) error) error {
	w.writes++
	if err := w.edge(); err != nil {
		return err
	}
	for _, n := range c.Items {
		if fails(w.script.write, int(n)) {
			return core.Classified("write.bad", fmt.Errorf("number %d cannot be written", n))
		}
		if err := put(int(n)); err != nil {
			return err
		}
	}
	return w.edge()
}

// tableWriter writes in the chunk's transaction and keeps nothing.
type tableWriter struct{ world *world }

func (t *tableWriter) Write(ctx context.Context, c *core.Chunk[num]) error {
	return t.world.put(c, func(n int) error {
		_, err := c.Tx.(execer).ExecContext(ctx, "INSERT INTO number VALUES (?, ?)", n, c.Seq)
		return err
	})
}

// fileWriter appends to a file at once, and cuts it back.
type fileWriter struct {
	world *world
	mark  int
}

var _ core.Reverter = (*fileWriter)(nil)

func (f *fileWriter) Write(_ context.Context, c *core.Chunk[num]) error {
	return f.world.put(c, func(n int) error {
		f.world.lines = append(f.world.lines, n)
		return nil
	})
}

func (f *fileWriter) Mark(context.Context) error {
	f.mark = len(f.world.lines)
	return f.world.edge()
}

func (f *fileWriter) Revert(context.Context) error {
	if err := f.world.edge(); err != nil {
		return err
	}
	f.world.lines = f.world.lines[:f.mark]
	return nil
}

func (f *fileWriter) Open(_ context.Context, ec core.ExecutionContext) error {
	length, _, err := ec.Int64("file.length")
	if int(length) > len(f.world.lines) {
		return fmt.Errorf("the file has %d lines, its checkpoint %d", len(f.world.lines), length)
	}
	f.world.lines = f.world.lines[:length]
	return err
}

func (f *fileWriter) Checkpoint(ec core.ExecutionContext) error {
	ec.Put("file.length", int64(len(f.world.lines)))
	return f.world.edge()
}
func (f *fileWriter) Close() error { return nil }

// rejectFile is a fileWriter for rejects.
type rejectFile struct {
	world *world
	mark  int
}

var _ core.Reverter = (*rejectFile)(nil)

func (f *rejectFile) Reject(_ context.Context, r core.Reject) error {
	if err := f.world.edge(); err != nil {
		return err
	}
	f.world.rejects = append(f.world.rejects, r)
	return nil
}
func (f *rejectFile) Mark(context.Context) error { f.mark = len(f.world.rejects); return nil }
func (f *rejectFile) Revert(context.Context) error {
	f.world.rejects = f.world.rejects[:f.mark]
	return nil
}

func (f *rejectFile) Open(_ context.Context, ec core.ExecutionContext) error {
	length, _, err := ec.Int64("rejects.length")
	f.world.rejects = f.world.rejects[:length]
	return err
}

func (f *rejectFile) Checkpoint(ec core.ExecutionContext) error {
	ec.Put("rejects.length", int64(len(f.world.rejects)))
	return f.world.edge()
}
func (f *rejectFile) Close() error     { return nil }
func (f *rejectFile) Location() string { return "/srv/rejects.jsonl" }

// sinkWriter writes to a database of its own, and keeps the checkpoint there.
type sinkWriter struct {
	world *world
	tx    *sql.Tx
	saved bool
}

var (
	_ core.Sink     = (*sinkWriter)(nil)
	_ core.Reverter = (*sinkWriter)(nil)
)

func (s *sinkWriter) begin(ctx context.Context) (err error) {
	if s.tx == nil {
		s.tx, err = s.world.db.Begin(context.WithoutCancel(ctx))
	}
	return err
}

func (s *sinkWriter) Write(ctx context.Context, c *core.Chunk[num]) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	return s.world.put(c, func(n int) error {
		_, err := s.tx.ExecContext(ctx, "INSERT INTO number VALUES (?, ?)", n, c.Seq)
		return err
	})
}

// Mark sets no savepoint where no transaction is open: Revert ends it then.
func (s *sinkWriter) Mark(ctx context.Context) error {
	if s.saved = s.tx != nil; !s.saved {
		return s.world.edge()
	}
	_, err := s.tx.ExecContext(ctx, "SAVEPOINT item")
	return errors.Join(s.world.edge(), err)
}

func (s *sinkWriter) Revert(ctx context.Context) error {
	if s.tx == nil || !s.saved {
		s.RollbackSink()
		return s.world.edge()
	}
	_, err := s.tx.ExecContext(ctx, "ROLLBACK TO item")
	return errors.Join(s.world.edge(), err)
}

func (s *sinkWriter) RollbackSink() {
	if s.tx != nil {
		_ = s.tx.Rollback()
		s.tx = nil
	}
}

func (s *sinkWriter) Location() string { return s.world.db.Path() }

func (s *sinkWriter) Claim(
	ctx context.Context, c core.SinkClaim, settle func(*core.SinkCheckpoint) error,
) (ck core.SinkCheckpoint, err error) {
	if err := s.begin(ctx); err != nil {
		return ck, err
	}
	defer s.RollbackSink()
	for _, ddl := range []string{
		"CREATE TABLE IF NOT EXISTS number (n INTEGER PRIMARY KEY, chunk INTEGER)",
		"CREATE TABLE IF NOT EXISTS held (job TEXT PRIMARY KEY, doc TEXT)",
	} {
		if _, err := s.tx.ExecContext(ctx, ddl); err != nil {
			return ck, err
		}
	}
	held, err := s.held(ctx, c.Key.JobName)
	if err != nil {
		return ck, err
	}
	resume, err := c.Judge(held)
	if err != nil {
		return ck, err
	}
	ck = core.SinkCheckpoint{Lineage: c.Lineage}
	if resume {
		ck = *held
	} else {
		held = nil
	}
	if err := settle(held); err != nil {
		return ck, err
	}
	ck.StepExecutionID, ck.Counts = c.StepExecutionID, core.Counts{}
	if _, err := s.commit(ctx, c.Key.JobName, ck); err != nil {
		return ck, err
	}
	return ck, nil
}

func (s *sinkWriter) CommitSink(ctx context.Context, ck core.SinkCheckpoint) (bool, error) {
	if err := s.begin(ctx); err != nil {
		return false, err
	}
	return s.commit(ctx, s.world.job, ck)
}

func (s *sinkWriter) commit(ctx context.Context, job string, ck core.SinkCheckpoint) (bool, error) {
	doc, err := json.Marshal(ck)
	if err != nil {
		return false, err
	}
	if _, err := s.tx.ExecContext(ctx, "REPLACE INTO held VALUES (?, ?)", job, string(doc)); err != nil {
		return false, err
	}
	if err := s.world.edge(); err != nil {
		return false, err
	}
	err = s.tx.Commit()
	s.tx = nil
	if err != nil {
		return false, err
	}
	return true, s.world.edge()
}

func (s *sinkWriter) held(ctx context.Context, job string) (*core.SinkCheckpoint, error) {
	var doc string
	err := s.tx.QueryRowContext(ctx, "SELECT doc FROM held WHERE job = ?", job).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ck := &core.SinkCheckpoint{}
	decoder := json.NewDecoder(bytes.NewReader([]byte(doc)))
	decoder.UseNumber()
	if err := decoder.Decode(ck); err != nil {
		return nil, err
	}
	for key, v := range ck.Context {
		if number, ok := v.(json.Number); ok {
			if ck.Context[key], err = number.Int64(); err != nil {
				return nil, err
			}
		}
	}
	return ck, nil
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
