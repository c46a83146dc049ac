//go:build crash

package crashtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
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

// envRole makes the test binary a worker in that role; a trial tells it the rest.
const (
	envRole     = "CRASHTEST_ROLE"
	envPipeline = "CRASHTEST_PIPELINE"
	envDir      = "CRASHTEST_DIR"
	envGate     = "CRASHTEST_GATE" // set: wait at the gate
	envNumber   = "CRASHTEST_NUMBER"
	envFor      = "CRASHTEST_FOR"
)

// The roles.
const (
	roleRun     = "run"     // launch once; to find it complete is as good
	roleLaunch  = "launch"  // launch once
	rolePersist = "persist" // launch until it is complete
	roleShare   = "share"   // launch new instances until the time is over
)

// The exit codes of workers.
const (
	exitCompleted = 0
	exitFailed    = 1
	exitComplete  = 5
	exitRunning   = 6
	exitLeaseLost = 12
)

// retryPause is how long a persistent worker waits before it tries again.
const retryPause = 5 * time.Millisecond

// maxAgain bounds the starts of one worker that are answered by another one.
const maxAgain = 10

// The descriptors that a worker at the gate is given.
const (
	gateFD  = 3 // at its end when the gate opens
	readyFD = 4 // takes a byte from everybody who is at the gate
)

func TestMain(m *testing.M) {
	if role := os.Getenv(envRole); role != "" {
		os.Exit(play(context.Background(), role))
	}
	// A failpoint of the caller's is not meant for every worker.
	if err := os.Unsetenv(fault.Variable); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	code := m.Run()
	fmt.Printf("%d processes were killed\n", killedProcesses.Load())
	released.remove()
	armable.remove()
	os.Exit(code)
}

// play is the whole life of a worker.
func play(ctx context.Context, role string) (code int) {
	if os.Getenv(envGate) != "" {
		if err := passGate(); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			return exitFailed
		}
	}
	dir := os.Getenv(envDir)
	if role == roleVerb {
		return playVerb(ctx)
	}
	if role == roleShare {
		return exitCode(share(ctx, dir, os.Getenv(envNumber), os.Getenv(envFor)))
	}
	p, err := findPipeline(os.Getenv(envPipeline))
	if err != nil {
		return exitCode(err)
	}
	for starts := 1; ; starts++ {
		err := work(ctx, p, dir)
		code := exitCode(err)
		switch {
		case err != nil && p.again != nil && p.again(err) && starts < maxAgain:
		case role == roleRun && code == exitComplete: // killed after the end
			return exitCompleted
		case code == exitRunning && (role == rolePersist || p.orphans):
			time.Sleep(retryPause)
		default:
			return code
		}
	}
}

// passGate waits until everybody may start.
func passGate() error {
	gate, ready := os.NewFile(gateFD, "gate"), os.NewFile(readyFD, "ready")
	_, err := ready.Write([]byte{1})
	if err := errors.Join(err, ready.Close()); err != nil { // closed now: whoever waits for all waits for this
		return err
	}
	_, err = io.Copy(io.Discard, gate)
	return errors.Join(err, gate.Close())
}

// exitCode tells how it went, and says so on stderr unless it went well.
func exitCode(err error) int {
	if err == nil {
		return exitCompleted
	}
	fmt.Fprintln(os.Stderr, "error:", err)
	switch {
	case errors.Is(err, core.ErrJobInstanceAlreadyComplete):
		return exitComplete
	case errors.Is(err, core.ErrJobExecutionAlreadyRunning):
		return exitRunning
	case errors.Is(err, core.ErrLeaseLost):
		return exitLeaseLost
	}
	return exitFailed
}

// openStore opens the repository of the trial in dir.
func openStore(ctx context.Context, dir string) (*sqlite.Store, error) {
	return sqlite.Open(ctx, filepath.Join(dir, repositoryFile), sqlite.Options{Now: time.Now, Token: rand.Text})
}

// newLauncher returns what launches jobs in store.
func newLauncher(store *sqlite.Store, dir string, level slog.Level) *launch.JobLauncher {
	return &launch.JobLauncher{
		Repo: store, Databases: sqlite.Databases{}, Now: time.Now, Token: rand.Text, Dir: dir,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
	}
}

// work launches the pipeline in dir.
func work(ctx context.Context, p pipeline, dir string) (err error) {
	store, err := openStore(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	_, err = newLauncher(store, dir, slog.LevelInfo).Run(ctx, p.job(dir),
		core.JobParameters{{Name: "trial", Value: int64(1), Identifying: true}}, launch.Options{})
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
