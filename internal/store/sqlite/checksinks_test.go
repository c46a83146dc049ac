package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/codec"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// attempt is one row of a step that writes to a sink; seq is what the
// repository knows as committed.
type attempt struct {
	status  string
	lineage string
	seq     int64
}

// addAttempt inserts an execution with one step.
func addAttempt(t *testing.T, s *sqlite.Store, id int, a attempt, sink string) {
	t.Helper()
	ec := core.ExecutionContext{core.ContextKeyLineage: a.lineage, core.ContextKeyChunk: a.seq}
	if sink != "" {
		ec[core.ContextKeySink] = sink
	}
	short, serialized, err := codec.EncodeContext(ec)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []struct {
		text string
		args []any
	}{
		{"INSERT OR IGNORE INTO BATCH_JOB_INSTANCE (JOB_INSTANCE_ID, VERSION, JOB_NAME, JOB_KEY) VALUES (1, 0, 'a', 'k')", nil},
		{"INSERT INTO BATCH_JOB_EXECUTION (JOB_EXECUTION_ID, VERSION, JOB_INSTANCE_ID, CREATE_TIME, STATUS) VALUES (?, 0, 1, 0, ?)", []any{id, a.status}},
		{"INSERT INTO BATCH_STEP_EXECUTION (STEP_EXECUTION_ID, VERSION, STEP_NAME, JOB_EXECUTION_ID, START_TIME, STATUS) VALUES (?, 0, 'move', ?, 0, ?)", []any{10 * id, id, a.status}},
		{"INSERT INTO BATCH_STEP_EXECUTION_CONTEXT (STEP_EXECUTION_ID, SHORT_CONTEXT, SERIALIZED_CONTEXT) VALUES (?, ?, ?)", []any{10 * id, short, serialized}},
	} {
		if err := s.Exec(statement.text, statement.args...); err != nil {
			t.Fatal(err)
		}
	}
}

// fillSink makes a sink that holds a checkpoint of the step.
func fillSink(t *testing.T, path, repoID, lineage string, seq int64) {
	t.Helper()
	db, err := sqlite.Databases{}.OpenDatabase(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	inSink(t, db, `CREATE TABLE BATCHCTL_CHECKPOINT (REPO_ID TEXT, JOB_NAME TEXT, JOB_KEY TEXT, STEP_NAME TEXT, PARTITION TEXT, LINEAGE TEXT, SEQ INTEGER)`)
	inSink(t, db, "INSERT INTO BATCHCTL_CHECKPOINT VALUES (?, 'a', 'k', 'move', '', ?, ?)", repoID, lineage, seq)
	inSink(t, db, "INSERT INTO BATCHCTL_CHECKPOINT VALUES ('another', 'a', 'k', 'move', '', 'another', 99)")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func inSink(t *testing.T, db core.Database, statement string, args ...any) {
	t.Helper()
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

func TestCheckSinks(t *testing.T) {
	t.Parallel()
	const mine = "mine"
	for _, tt := range []struct {
		name     string
		attempts []attempt
		lineage  string // that the sink holds
		seq      int64
		absent   bool // no sink at all
		problem  string
		note     string
	}{
		{name: "both agree", attempts: []attempt{{"FAILED", mine, 3}}, lineage: mine, seq: 3},
		{
			name: "ahead", attempts: []attempt{{"FAILED", mine, 3}}, lineage: mine, seq: 4,
			note: "sink-ahead: execution 1 of a writes step move to %q, which has 4 committed chunks, the repository 3: the next restart adopts them",
		},
		{
			name: "ahead of the newest attempt only", attempts: []attempt{{"FAILED", mine, 3}, {"STOPPED", mine, 4}}, lineage: mine, seq: 5,
			note: "sink-ahead: execution 2 of a writes step move to %q, which has 5 committed chunks, the repository 4",
		},
		{
			name: "98 behind", attempts: []attempt{{"FAILED", mine, 3}}, lineage: mine, seq: 2,
			problem: "sink-mismatch: execution 1 of a writes step move to %q, and a restart will be refused: " +
				"the sink is behind the repository: it has 2 committed chunks of step move, the repository has 3",
		},
		{
			name: "of another lineage", attempts: []attempt{{"FAILED", mine, 3}}, lineage: "other", seq: 3,
			problem: "sink-mismatch: execution 1 of a writes step move to %q, and a restart will be refused: the sink belongs to another run",
		},
		{
			name: "missing", attempts: []attempt{{"FAILED", mine, 3}}, absent: true,
			problem: "sink-mismatch: execution 1 of a writes step move to %q, and a restart will be refused: the sink has no checkpoint of step move",
		},
		{name: "missing before the first chunk", attempts: []attempt{{"FAILED", mine, 0}}, absent: true},
		{name: "a step that has completed", attempts: []attempt{{"COMPLETED", mine, 3}}, lineage: mine, seq: 2},
		{name: "an instance that was given up", attempts: []attempt{{"FAILED", mine, 3}, {"ABANDONED", mine, 3}}, lineage: mine, seq: 2},
		{name: "an instance that has completed since", attempts: []attempt{{"FAILED", mine, 3}, {"COMPLETED", mine, 5}}, lineage: mine, seq: 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := made(t)
			s := open(t, path)
			sink := filepath.Join(t.TempDir(), "sink.db")
			for i, a := range tt.attempts {
				addAttempt(t, s, i+1, a, sink)
			}
			if !tt.absent {
				fillSink(t, sink, s.RepositoryID(), tt.lineage, tt.seq)
			}
			r, err := sqlite.Check(t.Context(), path, false)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range []struct {
				what, want string
				got        []sqlite.Problem
			}{{"problem", tt.problem, r.Problems}, {"note", tt.note, r.Notes}} {
				want := f.want
				if want != "" {
					want = fmt.Sprintf(want, sink)
				}
				got := findings(f.got)
				if !strings.HasPrefix(got, want) || want == "" && got != "" {
					t.Errorf("%s %q, want %q", f.what, got, want)
				}
			}
			left, err := filepath.Glob(sink + "*")
			if want := []string{sink}; err != nil || !tt.absent && cmp.Diff(want, left) != "" || tt.absent && left != nil {
				t.Errorf("%v is left beside the sink (%v)", left, err)
			}
		})
	}
}

func findings(problems []sqlite.Problem) string {
	lines := make([]string, len(problems))
	for i, p := range problems {
		lines[i] = p.Code + ": " + p.Msg
		if p.Hint == "" {
			lines[i] += " WITHOUT A HINT"
		}
	}
	return strings.Join(lines, "\n")
}

func TestCheckSinksInUse(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, path string) sqlite.CheckReport {
		t.Helper()
		r, err := sqlite.Check(t.Context(), path, false)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	path := made(t)
	s := open(t, path)
	sink := filepath.Join(t.TempDir(), "sink.db")
	fillSink(t, sink, s.RepositoryID(), "mine", 4)
	addAttempt(t, s, 1, attempt{"STARTED", "mine", 3}, sink)
	p, o := ownerProcess(t, path)
	own(t, s, 1, o.Owner)
	// A chunk is in the sink before it is in the repository: while the owner
	// lives, that is how it has to be.
	if r := check(t, path); len(r.Notes)+len(r.Problems) > 0 {
		t.Errorf("the owner lives: notes %q, problems %q", findings(r.Notes), findings(r.Problems))
	}
	p.kill(t)
	r := check(t, path)
	if got := findings(r.Notes); !strings.HasPrefix(got, "sink-ahead: ") {
		t.Errorf("the owner died: notes %q", got)
	}
	if got := findings(r.Problems); !strings.HasPrefix(got, "dead-owner: ") {
		t.Errorf("the owner died: problems %q", got)
	}
	// What was written last may still be in the log of a sink that somebody has
	// open.
	db, err := sqlite.Databases{}.OpenDatabase(t.Context(), sink)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	inSink(t, db, "UPDATE BATCHCTL_CHECKPOINT SET SEQ = 5")
	if got := findings(check(t, path).Notes); !strings.Contains(got, "has 5 committed chunks") {
		t.Errorf("in the log: notes %q", got)
	}
}

func TestCheckSinksThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(path string) error{
		"text":      func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("no database ", 100)), 0o600) },
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := made(t)
			s := open(t, path)
			sink := filepath.Join(t.TempDir(), "sink.db")
			addAttempt(t, s, 1, attempt{"FAILED", "mine", 3}, sink)
			if err := spoil(sink); err != nil {
				t.Fatal(err)
			}
			r, err := sqlite.Check(t.Context(), path, false)
			if err != nil {
				t.Fatal(err)
			}
			if got := findings(r.Problems); !strings.HasPrefix(got, "sink-unreadable: ") || strings.Contains(got, "\n") {
				t.Errorf("problems %q", got)
			}
		})
	}
	t.Run("a sink that is no file", func(t *testing.T) {
		t.Parallel()
		path := made(t)
		s := open(t, path)
		addAttempt(t, s, 1, attempt{"FAILED", "mine", 3}, "postgres://host/db")
		addAttempt(t, s, 2, attempt{"FAILED", "mine", 3}, "")
		r, err := sqlite.Check(t.Context(), path, false)
		if err != nil || len(r.Problems)+len(r.Notes) > 0 {
			t.Errorf("%v, problems %q", err, findings(r.Problems))
		}
	})
}
