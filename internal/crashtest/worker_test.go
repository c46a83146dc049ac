//go:build crash

package crashtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// envPipeline makes the test binary a worker: it launches the pipeline of that
// name in the directory of envDir, and ends.
const (
	envPipeline = "CRASHTEST_PIPELINE"
	envDir      = "CRASHTEST_DIR"
)

func TestMain(m *testing.M) {
	if name := os.Getenv(envPipeline); name != "" {
		if err := work(context.Background(), name, os.Getenv(envDir)); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// A failpoint of the caller's is not meant for every worker.
	if err := os.Unsetenv(fault.Variable); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// work is the whole life of a worker.
func work(ctx context.Context, name, dir string) (err error) {
	p, err := findPipeline(name)
	if err != nil {
		return err
	}
	store, err := sqlite.Open(ctx, filepath.Join(dir, repositoryFile), sqlite.Options{Now: time.Now, Token: rand.Text})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	launcher := launch.JobLauncher{
		Repo: store, Databases: sqlite.Databases{}, Now: time.Now, Token: rand.Text, Dir: dir,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	_, err = launcher.Run(ctx, p.job(dir),
		core.JobParameters{{Name: "trial", Value: int64(1), Identifying: true}}, launch.Options{})
	if errors.Is(err, core.ErrJobInstanceAlreadyComplete) {
		return nil // killed after the end
	}
	return err
}

func findPipeline(name string) (pipeline, error) {
	for _, p := range pipelines() {
		if p.name == name {
			return p, nil
		}
	}
	return pipeline{}, fmt.Errorf("no pipeline %q", name)
}
