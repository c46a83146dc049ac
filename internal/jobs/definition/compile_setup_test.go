package definition_test

import (
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
	"github.com/batchctl/batchctl/internal/jobs/definition"
	"github.com/batchctl/batchctl/internal/jobs/fixed"
	"github.com/batchctl/batchctl/internal/jobs/jsonl"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// realCatalog are the readers and writers that there are.
func realCatalog() definition.Catalog {
	return definition.Catalog{
		Sources: []component.Source{csvfile.Source(), jsonl.Source(), fixed.Source(), sqlitem.Source()},
		Targets: []component.Target{csvfile.Target(), jsonl.Target(), fixed.Target(), sqlitem.Target(), sqlitem.None()},
	}
}

// stage is a repository and a folder of definitions.
type stage struct {
	t        *testing.T
	dir      string // of the definitions, and the working directory
	store    *sqlite.Store
	launcher *launch.JobLauncher
	environ  []string
	jobs     []*core.Job
	builtIn  []*core.Job
}

func newStage(t *testing.T) *stage {
	t.Helper()
	st := &stage{t: t, dir: t.TempDir()}
	token := func() string { // commands are found by it, those of other tests too
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails
		return hex.EncodeToString(b[:])
	}
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "batchctl.db"), sqlite.Options{Now: time.Now, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	st.store = store
	st.launcher = &launch.JobLauncher{
		Repo: store, Databases: sqlite.Databases{}, Log: slog.New(slog.DiscardHandler), Now: time.Now, Token: token, Dir: st.dir,
	}
	return st
}

// write puts a file into the folder.
func (st *stage) write(name, text string) {
	st.t.Helper()
	path := filepath.Join(st.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		st.t.Fatal(err)
	}
	mode := os.FileMode(0o600)
	if strings.HasPrefix(text, "#!") {
		mode = 0o700
		// A command that another test starts meanwhile would keep the file open for
		// writing, and Linux runs no such file.
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		st.t.Fatal(err)
	}
}

func (st *stage) read(name string) string {
	st.t.Helper()
	text, err := os.ReadFile(filepath.Join(st.dir, name))
	if err != nil {
		st.t.Fatal(err)
	}
	return string(text)
}

func (st *stage) exists(name string) bool {
	_, err := os.Lstat(filepath.Join(st.dir, name))
	return err == nil
}

// compile compiles all definitions of the folder.
func (st *stage) compile() definition.Problems {
	st.t.Helper()
	set := definition.NewParser(realCatalog()).Load([]string{st.dir}, nil)
	var problems definition.Problems
	st.jobs, problems = definition.Jobs(set, st.builtIn, definition.Environment{
		Catalog: realCatalog(), Environ: func() []string { return st.environ }, Folders: []string{st.dir},
	})
	return problems
}

// job compiles all definitions and returns the one of that name.
func (st *stage) job(name string) *core.Job {
	st.t.Helper()
	if problems := st.compile(); len(problems) > 0 {
		st.t.Fatal("\n" + problems.Text())
	}
	i := slices.IndexFunc(st.jobs, func(j *core.Job) bool { return j.Name == name })
	if i < 0 {
		st.t.Fatalf("there is no job %s", name)
	}
	return st.jobs[i]
}

// run launches a job with what would be typed.
func (st *stage) run(name string, words ...string) (*core.JobExecution, error) {
	st.t.Helper()
	job := st.job(name)
	notation := job.Notation()
	notation.Zone = st.store.Zone()
	ps, err := notation.Parse(words)
	if err != nil {
		st.t.Fatal(err)
	}
	return st.launcher.Run(st.t.Context(), job, ps, launch.Options{})
}

// rerun is run with options.
func (st *stage) rerun(name string, o launch.Options) (*core.JobExecution, error) {
	st.t.Helper()
	return st.launcher.Run(st.t.Context(), st.job(name), nil, o)
}

// must is run for a job that completes.
func (st *stage) must(name string, words ...string) *core.JobExecution {
	st.t.Helper()
	je, err := st.run(name, words...)
	if err != nil || je.Status != core.StatusCompleted {
		st.t.Fatalf("run %s: %v", name, err)
	}
	return je
}

// steps returns the steps of an execution with their exit codes.
func steps(je *core.JobExecution) []string {
	var all []string
	for _, se := range je.Steps {
		all = append(all, se.StepName+" "+se.ExitStatus.Code)
	}
	return all
}

// query returns the rows of a query, their values joined by bars.
func (st *stage) query(path, query string, args ...any) []string {
	st.t.Helper()
	db, err := sqlite.Databases{}.OpenDatabase(st.t.Context(), path)
	if err != nil {
		st.t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(st.t.Context(), query, args...)
	if err != nil {
		st.t.Fatal(err)
	}
	defer rows.Close()
	return scanAll(st.t, rows)
}

func scanAll(t *testing.T, rows *sql.Rows) (all []string) {
	t.Helper()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = fmt.Sprint(v)
		}
		all = append(all, strings.Join(texts, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// exec changes a database beside the job.
func (st *stage) exec(path string, statements ...string) {
	st.t.Helper()
	db, err := sqlite.Databases{}.OpenDatabase(st.t.Context(), path)
	if err != nil {
		st.t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin(st.t.Context())
	if err != nil {
		st.t.Fatal(err)
	}
	defer tx.Rollback()
	for _, statement := range statements {
		if _, err := tx.ExecContext(st.t.Context(), statement); err != nil {
			st.t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		st.t.Fatal(err)
	}
}

func same(t *testing.T, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestMain keeps the logs of commands out of the home folder.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "definition-logs-")
	if err == nil {
		err = os.Setenv("BATCHCTL_LOG_DIR", dir)
	}
	if err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(dir) // they are of no use to anybody
	os.Exit(code)
}

// again is the same folder with a repository of its own.
func (st *stage) again() *stage {
	next := newStage(st.t)
	next.dir, next.launcher.Dir, next.environ = st.dir, st.dir, st.environ
	return next
}
