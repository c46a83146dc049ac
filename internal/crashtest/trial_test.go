//go:build crash

package crashtest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3" // for the harness's own look at what is left

	"github.com/batchctl/batchctl/internal/core"
)

// deadline bounds one process. Nothing comes near it unless it hangs.
const deadline = 60 * time.Second

// trial is one directory in which a pipeline runs until it completes.
type trial struct {
	pipeline pipeline
	dir      string
	rows     int
}

// newTrial makes a directory with input, source and the tables of the output.
func newTrial(t *testing.T, p pipeline, rows int) *trial {
	t.Helper()
	dir, err := os.MkdirTemp("", "crashtest-") //nolint:usetesting // a trial that went wrong is kept to be looked at
	if err != nil {
		t.Fatal(err)
	}
	tr := &trial{pipeline: p, dir: dir, rows: rows}
	if err := tr.setup(t.Context()); err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	return tr
}

// discard removes the directory of a trial that went well.
func (tr *trial) discard() { _ = os.RemoveAll(tr.dir) }

func (tr *trial) path(name string) string { return filepath.Join(tr.dir, name) }

func (tr *trial) setup(ctx context.Context) error {
	var input bytes.Buffer
	input.WriteString("id,name,amount\n")
	for i := 1; i <= tr.rows; i++ {
		input.WriteString(tr.line(i) + "\n")
	}
	if err := os.WriteFile(tr.path(inputFile), input.Bytes(), 0o600); err != nil {
		return err
	}
	if tr.pipeline.prepare != nil {
		if err := tr.pipeline.prepare(ctx, tr); err != nil {
			return err
		}
	}
	table := "CREATE TABLE OUTPUT (ID INTEGER NOT NULL, NAME TEXT NOT NULL, AMOUNT INTEGER NOT NULL)"
	if tr.pipeline.faulty {
		table = strings.TrimSuffix(table, ")") + fmt.Sprintf(", CHECK (ID %% %d <> %d))", faultEvery, faultWrite)
	}
	if err := tr.fillSource(ctx); err != nil {
		return err
	}
	if err := tr.exec(ctx, sinkFile, "PRAGMA journal_mode = WAL", table); err != nil {
		return err
	}
	if t := tr.pipeline.target; t != toRepository && t != toAll { // the first launch makes it
		return nil
	}
	store, err := openStore(ctx, tr.dir)
	if err != nil {
		return err
	}
	return errors.Join(store.Close(), tr.exec(ctx, repositoryFile, table))
}

// sourceRow is the i-th row of every source. A name with a comma would need
// quotes, and the harness writes its own CSV.
func sourceRow(i int) (id int, name string, amount int) {
	return i, fmt.Sprintf("상점-%d", i%97), i*37%10_007 - 5_000
}

// line is the i-th record of the CSV source.
func (tr *trial) line(i int) string {
	id, name, amount := sourceRow(i)
	if tr.pipeline.faulty && faultOf(i) == core.PhaseRead {
		return fmt.Sprintf("%d,%s,many", id, name)
	}
	return fmt.Sprintf("%d,%s,%d", id, name, amount)
}

func (tr *trial) fillSource(ctx context.Context) (err error) {
	db, err := sql.Open("sqlite3", tr.path(sourceFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after a commit there is nothing left to roll back
	if _, err := tx.ExecContext(ctx, "CREATE TABLE SOURCE (ID INTEGER PRIMARY KEY, NAME TEXT NOT NULL, AMOUNT INTEGER NOT NULL)"); err != nil {
		return err
	}
	for i := 1; i <= tr.rows; i++ {
		id, name, amount := sourceRow(i)
		if _, err := tx.ExecContext(ctx, "INSERT INTO SOURCE VALUES (?, ?, ?)", id, name, amount); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (tr *trial) exec(ctx context.Context, file string, statements ...string) (err error) {
	db, err := sql.Open("sqlite3", tr.path(file))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, s := range statements {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// killedProcesses counts them, over all tests.
var killedProcesses atomic.Int64

// outcome is how one process ended.
type outcome struct {
	killed bool
	ok     bool
	output string
}

// run starts one worker and kills its process group after the delay; a delay of
// 0 lets it run.
func (tr *trial) run(t *testing.T, kill time.Duration, env ...string) outcome {
	t.Helper()
	return tr.play(t, roleRun, kill, env...)
}

// play is run for a worker in any role.
func (tr *trial) play(t *testing.T, role string, kill time.Duration, env ...string) outcome {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append(tr.environment(role), env...)
	return start(t, cmd, kill)
}

// environment makes the test binary a worker.
func (tr *trial) environment(role string) []string {
	return append(os.Environ(), envRole+"="+role, envPipeline+"="+tr.pipeline.name, envDir+"="+tr.dir, "BATCHCTL_LOG_DIR="+tr.path("logs"))
}

// start runs cmd in a process group of its own and kills that after the delay.
func start(t *testing.T, cmd *exec.Cmd, kill time.Duration) outcome {
	t.Helper()
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if kill > 0 {
		timer := time.AfterFunc(kill, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		defer timer.Stop()
	}
	err := cmd.Wait()
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	killed := status.Signaled() && status.Signal() == syscall.SIGKILL
	if killed {
		killedProcesses.Add(1)
	}
	return outcome{
		killed: killed,
		ok:     err == nil,
		output: output.String(),
	}
}
