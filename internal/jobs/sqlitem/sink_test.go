package sqlitem_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// sinkFixture is a repository, and a database beside it for the output.
type sinkFixture struct {
	*fixture
	db core.Database
}

func setupSink(t *testing.T) *sinkFixture {
	t.Helper()
	f := &sinkFixture{fixture: setup(t)}
	db, err := sqlite.Databases{}.OpenDatabase(t.Context(), filepath.Join(t.TempDir(), "sink.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	f.db = db
	// No key: a row that is written twice has to show.
	f.inSink(t, "CREATE TABLE entry (id INTEGER NOT NULL, name TEXT NOT NULL)")
	return f
}

// inSink executes statements in the sink.
func (f *sinkFixture) inSink(t *testing.T, statements ...string) {
	t.Helper()
	tx, err := f.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	for _, statement := range statements {
		if _, err := tx.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// sinkText returns the one value of a query in the sink.
func (f *sinkFixture) sinkText(t *testing.T, query string) string {
	t.Helper()
	rows, err := f.db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var text string
	for rows.Next() {
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return text
}

func (f *sinkFixture) rows(t *testing.T) string {
	t.Helper()
	return f.sinkText(t, "SELECT count(*) || ' ' || count(DISTINCT id) || ' ' || ifnull(sum(id), 0) FROM entry")
}

const (
	sinkItems = 10
	sinkChunk = 3
	allRows   = "10 10 55"
)

// counter reads the numbers 1 to sinkItems and keeps its position.
type counter struct{ last int64 }

func (c *counter) Open(_ context.Context, ec core.ExecutionContext) (err error) {
	c.last, _, err = ec.Int64("last")
	return err
}
func (c *counter) Checkpoint(ec core.ExecutionContext) error { ec.Put("last", c.last); return nil }
func (c *counter) Close() error                              { return nil }
func (c *counter) Read(_ context.Context, dst []entry) (int, error) {
	for i := range dst {
		if c.last == sinkItems {
			return i, io.EOF
		}
		c.last++
		dst[i] = entry{id: c.last, name: fmt.Sprint("name ", c.last)}
	}
	return len(dst), nil
}

// step writes the numbers to the sink that wrap makes of the plain one.
func (f *sinkFixture) step(wrap func(*sqlitem.Sink[entry]) core.ItemWriter[entry]) *core.Step {
	return chunk.Step(stepName, func(*core.Scope) (core.StepBody, error) {
		return chunk.New(&counter{}, chunk.PassThrough[entry](), wrap(f.plainSink()), chunk.Options{Size: sinkChunk}), nil
	})
}

func (f *sinkFixture) plainSink() *sqlitem.Sink[entry] {
	return sqlitem.NewSink(f.db, sqlitem.WriterConfig{Table: "entry", Columns: []string{"id", "name"}}, entryValues)
}

func plain(s *sqlitem.Sink[entry]) core.ItemWriter[entry] { return s }

// crashing is a sink behind whose commit of one chunk the process seems to die:
// the repository does not hear of it.
type crashing struct {
	*sqlitem.Sink[entry]
	at int64
}

func (c crashing) CommitSink(ctx context.Context, ck core.SinkCheckpoint) (bool, error) {
	durable, err := c.Sink.CommitSink(ctx, ck)
	if err == nil && ck.Seq == c.at {
		panic("died behind the sink's commit")
	}
	return durable, err
}

func crashingAt(seq int64) func(*sqlitem.Sink[entry]) core.ItemWriter[entry] {
	return func(s *sqlitem.Sink[entry]) core.ItemWriter[entry] { return crashing{Sink: s, at: seq} }
}

// attempts returns "read/write/commit" of all attempts, oldest first.
func (f *sinkFixture) attempts(t *testing.T) []string {
	t.Helper()
	return f.column(t, `SELECT READ_COUNT || '/' || WRITE_COUNT || '/' || COMMIT_COUNT FROM BATCH_STEP_EXECUTION ORDER BY STEP_EXECUTION_ID`)
}

func TestSinkCompletes(t *testing.T) {
	t.Parallel()
	f := setupSink(t)
	if _, err := f.run(t, f.step(plain)); err != nil {
		t.Fatal(err)
	}
	if got := f.rows(t); got != allRows {
		t.Errorf("got %s, want %s", got, allRows)
	}
	if diff := cmp.Diff([]string{"10/10/4"}, f.attempts(t)); diff != "" {
		t.Error(diff)
	}
	if got := f.sinkText(t, "SELECT SEQ || '/' || READ_COUNT FROM BATCHCTL_CHECKPOINT"); got != "4/10" {
		t.Errorf("the sink's checkpoint is %s, want 4/10", got)
	}
}

// wantSinkFinding checks what a check of the repository says about the sink; an
// empty code means nothing.
func (f *sinkFixture) wantSinkFinding(t *testing.T, code string, parts ...string) {
	t.Helper()
	r, err := sqlite.Check(t.Context(), f.store.Path(), false)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, p := range slices.Concat(r.Problems, r.Notes) {
		if !strings.HasPrefix(p.Code, "sink-") {
			continue
		}
		codes = append(codes, p.Code)
		for _, part := range parts {
			if !strings.Contains(p.Msg, part) {
				t.Errorf("a check says %q, want it to say %q", p.Msg, part)
			}
		}
	}
	if got := strings.Join(codes, " "); got != code {
		t.Errorf("a check finds %q, want %q", got, code)
	}
}

func TestSinkAheadOfTheRepository(t *testing.T) {
	t.Parallel()
	for _, at := range []int64{1, 2, 4} {
		t.Run(fmt.Sprintf("died behind chunk %d", at), func(t *testing.T) {
			t.Parallel()
			f := setupSink(t)
			if _, err := f.run(t, f.step(crashingAt(at))); err == nil {
				t.Fatal("the first attempt did not die")
			}
			if got, want := f.attempts(t)[0], fmt.Sprintf("%d/%d/%d", 3*(at-1), 3*(at-1), at-1); got != want {
				t.Fatalf("the repository knows %s before the restart, want %s", got, want)
			}
			if at == 1 { // before its first commit the repository knows of no sink
				f.wantSinkFinding(t, "")
			} else {
				f.wantSinkFinding(t, "sink-ahead", fmt.Sprintf("has %d committed chunks, the repository %d", at, at-1))
			}
			if _, err := f.run(t, f.step(plain)); err != nil {
				t.Fatal(err)
			}
			if got := f.rows(t); got != allRows {
				t.Errorf("got %s, want %s", got, allRows)
			}
			first := min(3*at, sinkItems)
			want := []string{
				fmt.Sprintf("%d/%d/%d", first, first, at),
				fmt.Sprintf("%d/%d/%d", sinkItems-first, sinkItems-first, 4-at),
			}
			if diff := cmp.Diff(want, f.attempts(t)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSinkRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change string
		want   []string
	}{
		{
			name:   "row 98: a sink that was restored from an older backup",
			change: "UPDATE BATCHCTL_CHECKPOINT SET SEQ = 1",
			want:   []string{"behind the repository", "it has 1 committed chunks", "the repository has 2"},
		},
		{
			name:   "a sink that has lost its checkpoint",
			change: "DELETE FROM BATCHCTL_CHECKPOINT",
			want:   []string{"no checkpoint of step move", "2 committed chunks"},
		},
		{
			name:   "a sink of another lineage",
			change: "UPDATE BATCHCTL_CHECKPOINT SET LINEAGE = 'other'",
			want:   []string{"another run", `"other" with 3 chunks`},
		},
		{
			name:   "a checkpoint that cannot be read",
			change: "UPDATE BATCHCTL_CHECKPOINT SET CONTEXT = '[1]'",
			want:   []string{"cannot be read"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := setupSink(t)
			if _, err := f.run(t, f.step(crashingAt(3))); err == nil {
				t.Fatal("the first attempt did not die")
			}
			f.inSink(t, tt.change)
			if !strings.Contains(tt.change, "CONTEXT") { // which only a restart reads
				f.wantSinkFinding(t, "sink-mismatch", tt.want...)
			}
			const everything = "SELECT ifnull(group_concat(LINEAGE || STEP_EXECUTION_ID || SEQ || CONTEXT || READ_COUNT), 'none') FROM BATCHCTL_CHECKPOINT"
			before, rows := f.sinkText(t, everything), f.rows(t)
			se, err := f.run(t, f.step(plain))
			if !errors.Is(err, core.ErrCheckpointMismatch) {
				t.Fatalf("got %v, want an ErrCheckpointMismatch", err)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want it to say %q", err, part)
				}
			}
			if se.Status != core.StatusFailed || se.ExitStatus.Code != core.ExitCodeRefused {
				t.Errorf("the step is %s with exit code %s", se.Status, se.ExitStatus.Code)
			}
			if after := f.sinkText(t, everything); after != before || f.rows(t) != rows {
				t.Errorf("the refused sink was changed: %s, was %s", after, before)
			}
		})
	}
}

func TestSinkOfACompletedRunIsReplaced(t *testing.T) {
	t.Parallel()
	f := setupSink(t)
	step := f.step(plain)
	step.AllowStartIfComplete = true
	fails := &core.Step{Name: "fails", Bind: func(*core.Scope) (core.StepBody, error) { return nil, errors.New("not today") }}
	job := &core.Job{Name: "job", Steps: []*core.Step{step, fails}}
	for range 2 {
		if _, err := f.runJob(t, job); err == nil {
			t.Fatal("the last step did not fail")
		}
	}
	if got := f.rows(t); got != "20 10 110" {
		t.Errorf("got %s: the step was to write everything twice", got)
	}
	if got := f.sinkText(t, "SELECT count(*) || '/' || max(SEQ) FROM BATCHCTL_CHECKPOINT"); got != "1/4" {
		t.Errorf("the sink's checkpoint is %s, want 1/4", got)
	}
}

// LOCK-07 for a sink: whoever has been taken over commits nothing more.
func TestSinkTakenOver(t *testing.T) {
	t.Parallel()
	f := setupSink(t)
	takeOver := func() { f.inSink(t, "UPDATE BATCHCTL_CHECKPOINT SET STEP_EXECUTION_ID = 4711") }
	// The sink's own transaction is open at the commit, so another one claims
	// the row before the chunk is written.
	step := f.step(func(s *sqlitem.Sink[entry]) core.ItemWriter[entry] { return &robbed{Sink: s, at: 2, rob: takeOver} })
	_, err := f.run(t, step)
	if !errors.Is(err, core.ErrLeaseLost) {
		t.Fatalf("got %v, want an ErrLeaseLost", err)
	}
	if got := f.rows(t); got != "3 3 6" {
		t.Errorf("got %s, want the first chunk only", got)
	}
}

// robbed loses its sink before it writes one chunk.
type robbed struct {
	*sqlitem.Sink[entry]
	at  int64
	rob func()
}

func (r *robbed) Write(ctx context.Context, c *core.Chunk[entry]) error {
	if c.Seq == r.at {
		r.rob()
	}
	return r.Sink.Write(ctx, c)
}

// late is a sink whose owner is taken over, and whose successor has claimed the
// sink, when it comes to claim it itself.
type late struct {
	*sqlitem.Sink[entry]
	takeOver func(core.SinkClaim)
}

func (l *late) Claim(
	ctx context.Context, c core.SinkClaim, settle func(*core.SinkCheckpoint) error,
) (core.SinkCheckpoint, error) {
	l.takeOver(c)
	return l.Sink.Claim(ctx, c, settle)
}

// A process that was taken over before its claim does not rob its successor.
func TestSinkTakenOverBeforeTheClaim(t *testing.T) {
	t.Parallel()
	for _, claimed := range []bool{true, false} {
		t.Run(fmt.Sprintf("claimed by the successor: %t", claimed), func(t *testing.T) {
			t.Parallel()
			f := setupSink(t)
			takeOver := func(c core.SinkClaim) {
				running, err := f.store.JobExecutions(t.Context(), core.JobExecutionQuery{JobName: "job"})
				if err != nil || len(running) != 1 {
					t.Fatalf("%d executions, %v", len(running), err)
				}
				if _, _, err := f.store.Recover(t.Context(), running[0].ID, true); err != nil {
					t.Fatal(err)
				}
				if !claimed {
					return
				}
				successor := f.plainSink()
				c.StepExecutionID = 4711
				if _, err := successor.Claim(t.Context(), c, func(*core.SinkCheckpoint) error { return nil }); err != nil {
					t.Fatal(err)
				}
			}
			_, err := f.run(t, f.step(func(s *sqlitem.Sink[entry]) core.ItemWriter[entry] { return &late{Sink: s, takeOver: takeOver} }))
			if !errors.Is(err, core.ErrLeaseLost) {
				t.Fatalf("got %v, want an ErrLeaseLost", err)
			}
			if got := f.rows(t); got != "0 0 0" {
				t.Errorf("the sink holds %s, want nothing", got)
			}
			if !claimed {
				return
			}
			if got := f.sinkText(t, "SELECT STEP_EXECUTION_ID FROM BATCHCTL_CHECKPOINT"); got != "4711" {
				t.Errorf("the sink is claimed by %s, want the successor", got)
			}
		})
	}
}
