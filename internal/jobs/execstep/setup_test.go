//go:build linux

package execstep_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/jobs/execstep"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(envRole); role != "" {
		os.Exit(play(context.Background(), role))
	}
	goleak.VerifyTestMain(m)
}

// bundle is a real repository and a launcher on it.
type bundle struct {
	*launch.JobLauncher
	t     *testing.T
	dir   string
	store *sqlite.Store
	logs  *logBuffer
	stop  *core.Stop
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{t: t, dir: t.TempDir(), logs: &logBuffer{}, stop: core.NewStop()}
	b.store = openStore(t, b.dir)
	b.JobLauncher = newLauncher(b.store, b.logs)
	return b
}

func openStore(t *testing.T, dir string) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(context.Background(), filepath.Join(dir, "repo.db"), sqlite.Options{Now: time.Now, Token: rand.Text})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func newLauncher(store *sqlite.Store, logs *logBuffer) *launch.JobLauncher {
	return &launch.JobLauncher{
		Repo: store, Now: time.Now, Token: rand.Text, Dir: "/", Poll: time.Millisecond,
		Log: slog.New(slog.NewTextHandler(logs, nil)),
	}
}

// logBuffer collects the log of a run.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// step is a step of that configuration, in the bundle's folder unless it says
// another.
func (b *bundle) step(cfg execstep.Config) *core.Step {
	return execstep.Step("work", func(*core.Scope) (execstep.Config, error) {
		if cfg.LogDir == "" {
			cfg.LogDir = filepath.Join(b.dir, "logs")
		}
		if cfg.Dir == "" {
			cfg.Dir = b.dir
		}
		return cfg, nil
	})
}

// run launches a job of that step; restarting it when there is a failed one.
func (b *bundle) run(cfg execstep.Config, ps ...core.JobParameter) (*core.JobExecution, error) {
	b.t.Helper()
	return b.runContext(b.t.Context(), cfg, ps...)
}

func (b *bundle) runContext(ctx context.Context, cfg execstep.Config, ps ...core.JobParameter) (*core.JobExecution, error) {
	b.t.Helper()
	return b.launch(ctx, b.step(cfg), ps...)
}

func (b *bundle) launch(ctx context.Context, step *core.Step, ps ...core.JobParameter) (*core.JobExecution, error) {
	b.t.Helper()
	job := &core.Job{Name: "nightly", Steps: []*core.Step{step}}
	for _, p := range ps {
		job.Parameters = append(job.Parameters, core.ParameterSpec{Name: p.Name, Type: p.Type(), NonIdentifying: !p.Identifying})
	}
	je, err := b.Run(ctx, job, ps, launch.Options{Stop: b.stop})
	b.stop = core.NewStop() // a Stop belongs to one run
	if je == nil {
		b.t.Fatal(err)
	}
	return je, err
}

// must runs a step that completes.
func (b *bundle) must(cfg execstep.Config, ps ...core.JobParameter) *core.JobExecution {
	b.t.Helper()
	je, err := b.run(cfg, ps...)
	if err != nil {
		b.t.Fatal(err)
	}
	return je
}

// context returns the context of the step's newest execution.
func (b *bundle) context(je *core.JobExecution) core.ExecutionContext {
	b.t.Helper()
	se, err := b.store.LastStepExecution(context.Background(), je.Instance.ID, "work")
	if err != nil {
		b.t.Fatal(err)
	}
	return se.Context
}

// log returns the text of the only log of an execution.
func (b *bundle) log(je *core.JobExecution) string {
	b.t.Helper()
	return b.read(fmt.Sprintf("logs/nightly/%d-work.log", je.ID))
}

func (b *bundle) read(name string) string {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

func (b *bundle) exists(name string) bool {
	_, err := os.Lstat(filepath.Join(b.dir, name))
	return err == nil
}

// await waits until a file of the bundle has a text that ends a line, and
// returns it without that.
func (b *bundle) await(name string) string {
	b.t.Helper()
	return awaitFile(b.t, filepath.Join(b.dir, name))
}

func awaitFile(t *testing.T, path string) (text string) {
	t.Helper()
	eventually(t, "the file "+path, func() bool {
		read, err := os.ReadFile(path)
		text = strings.TrimSuffix(string(read), "\n")
		return err == nil && strings.HasSuffix(string(read), "\n")
	})
	return text
}

// patience is how long a test waits for what has to happen, on any machine.
const patience = 2 * time.Minute

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func sh(script string) execstep.Config { return execstep.Config{Script: script} }

func wantStep(t *testing.T, je *core.JobExecution, want string) {
	t.Helper()
	if len(je.Steps) != 1 {
		t.Fatalf("got %d steps, want one", len(je.Steps))
	}
	se := je.Steps[0]
	if got := se.Status.String() + "/" + se.ExitStatus.Code; got != want {
		t.Errorf("the step is %s, want %s (%s)", got, want, se.ExitStatus.Message)
	}
}

func wantError(t *testing.T, err error, kind error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("got no error")
	}
	if kind != nil && !errors.Is(err, kind) {
		t.Errorf("got error %v, want one that is %q", err, kind)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("got error %q, want one that says %q", err, text)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("the error %q is not one harmless line", err)
	}
}

func wantClass(t *testing.T, err error, want string) {
	t.Helper()
	if got := core.ClassOf(err, ""); got != want {
		t.Errorf("the class is %q, want %q", got, want)
	}
}
