package samples_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// bench is a repository and a folder of input of its own.
type bench struct {
	store    *sqlite.Store
	launcher *launch.JobLauncher
	in, out  string
	stop     *core.Stop // nil: nobody asks
}

func setup(t *testing.T, zone *time.Location) *bench {
	t.Helper()
	return setupAt(t, t.TempDir(), zone)
}

// setupAt is setup in a folder in which another process may have worked.
func setupAt(t *testing.T, dir string, zone *time.Location) *bench {
	t.Helper()
	b := &bench{in: filepath.Join(dir, "in"), out: filepath.Join(dir, "out")}
	if err := os.MkdirAll(b.in, 0o700); err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), filepath.Join(dir, "batchctl.db"), sqlite.Options{Now: time.Now, Token: token, Zone: zone})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	b.store = store
	b.launcher = &launch.JobLauncher{
		Repo: store, Databases: sqlite.Databases{}, Log: slog.New(slog.DiscardHandler), Now: time.Now, Token: token, Dir: dir,
	}
	return b
}

// atStart lets do happen when a step, of any job, starts for the nth time.
func (b *bench) atStart(step string, nth int, do func()) {
	b.launcher.Log = slog.New(watcher{Handler: slog.DiscardHandler, step: step, left: &nth, do: do})
}

// watcher is a log that hears of the start of a step. The steps that it hears of
// run one at a time.
type watcher struct {
	slog.Handler
	step string
	left *int
	do   func()
}

func (watcher) Enabled(context.Context, slog.Level) bool { return true }

func (w watcher) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if r.Message != "Executing step" || a.Key != "step" || a.Value.String() != w.step {
			return true
		}
		if *w.left--; *w.left == 0 {
			w.do()
		}
		return false
	})
	return nil
}

// token returns 32 random hexadecimal digits.
func token() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// run launches the job with what would be typed, and with the folders of b.
func (b *bench) run(t *testing.T, job *core.Job, words ...string) (*core.JobExecution, error) {
	t.Helper()
	notation := job.Notation()
	notation.Zone = b.store.Zone()
	ps, err := notation.Parse(append([]string{"inputDir=" + b.in, "outputDir=" + b.out}, words...))
	if err != nil {
		t.Fatal(err)
	}
	return b.launcher.Run(t.Context(), job, ps, launch.Options{Stop: b.stop})
}

// mustRun is run for a job that completes.
func (b *bench) mustRun(t *testing.T, job *core.Job, words ...string) *core.JobExecution {
	t.Helper()
	je, err := b.run(t, job, words...)
	if err != nil || je.Status != core.StatusCompleted {
		t.Fatalf("run %s %v: %+v %v, want COMPLETED", job.Name, words, je, err)
	}
	return je
}

// write puts a file into the input.
func (b *bench) write(t *testing.T, name string, lines ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(b.in, name), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// replace changes a piece of text, which must be there once, in an input file.
func (b *bench) replace(t *testing.T, name, old, with string) {
	t.Helper()
	path := filepath.Join(b.in, name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(data), old); n != 1 {
		t.Fatalf("%s holds %q %d times, want once", name, old, n)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(data), old, with, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// output returns the names in the output folder with what the files hold.
func (b *bench) output(t *testing.T) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(b.out)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(b.out, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(data)
	}
	return files
}

// ran returns the steps that an execution ran with their statuses.
func ran(je *core.JobExecution) []string {
	steps := []string{}
	for _, se := range je.Steps {
		steps = append(steps, se.StepName+" "+se.Status.String())
	}
	return steps
}

// rows returns the rows of a query in a database file, every value as text.
func rows(t *testing.T, path, query string) []string {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	found, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		t.Fatal(err)
	}
	all := []string{}
	for found.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := found.Scan(values...); err != nil {
			t.Fatal(err)
		}
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = fmt.Sprint(*v.(*any))
		}
		all = append(all, strings.Join(texts, "|"))
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// execute runs statements against a database file.
func execute(ctx context.Context, path string, statements ...string) error {
	db, err := sql.Open("sqlite3", "file:"+path+"?_busy_timeout=30000")
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return errors.Join(err, db.Close())
		}
	}
	return db.Close()
}

func diff(want, got any) string { return cmp.Diff(want, got) }
