//go:build crash

package crashtest

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

var (
	launches = flag.Int("launches", 500, "processes that launch one instance at once")
	rounds   = flag.Int("rounds", 20, "rounds in which the winners of launches are killed")
)

// These tests are not parallel: each of them has the machine for itself, before
// the parallel ones begin.

// TestOneWinner launches one instance from many processes at once, where not
// even the repository is there.
func TestOneWinner(t *testing.T) {
	p, err := findPipeline("csv-sqlite")
	if err != nil {
		t.Fatal(err)
	}
	tr := newTrial(t, p, *rows)
	c := tr.gather(t, *launches, roleLaunch)
	memory := c.memory(t)
	before := time.Now()
	c.open(t)
	codes, killed := c.codes(t)
	took := time.Since(before)
	if codes[exitCompleted] != 1 || codes[exitComplete]+codes[exitRunning] != *launches-1 || killed > 0 {
		t.Errorf("the exit codes of %d launches are %v, want one %d and else %d and %d", *launches, codes, exitCompleted, exitComplete, exitRunning)
	}
	if err := tr.verify(t.Context()); err != nil {
		t.Error(err)
	}
	if n := tr.number(t, "SELECT count(*) FROM BATCH_JOB_EXECUTION"); n != 1 {
		t.Errorf("%d executions, want 1: a refused launch writes nothing", n)
	}
	tr.finish(t)
	t.Logf("%d launches in %.1f s (%d MiB): 1 winner, %d found it running, %d complete",
		*launches, took.Seconds(), memory>>20, codes[exitRunning], codes[exitComplete])
}

// TestWinnersAreKilled kills whoever runs an instance that many want to run.
func TestWinnersAreKilled(t *testing.T) {
	const workers, most = 20, 3
	s := drawSeed(t)
	random := rand.New(rand.NewPCG(s, 0))
	var sound []pipeline
	for _, p := range pipelines() {
		if !p.broken {
			sound = append(sound, p)
		}
	}
	total := 0
	for round := range *rounds {
		tr := newTrial(t, sound[round%len(sound)], *rows)
		c := tr.gather(t, workers, rolePersist)
		c.open(t)
		want := 0
		for range 1 + random.IntN(most) {
			want += c.killOwner(t, tr, time.Duration(random.Int64N(int64(60*time.Millisecond))))
		}
		codes, killed := c.codes(t)
		// A worker that was killed behind its last commit leaves nobody to end
		// with exitCompleted.
		if codes[exitCompleted] > 1 || codes[exitCompleted]+codes[exitComplete]+killed != workers || killed != want {
			t.Errorf("seed %d, round %d: %d were killed, want %d; the others ended with %v", s, round, killed, want, codes)
		}
		if err := tr.verify(t.Context()); err != nil {
			t.Errorf("seed %d, round %d, %s: %v", s, round, tr.pipeline.name, err)
		}
		total += killed
		tr.finish(t)
	}
	if total == 0 {
		t.Error("nobody was killed")
	}
	t.Logf("%d rounds of %d processes, %d owners killed: every instance completed once", *rounds, workers, total)
}

// killOwner kills the process that runs the instance after the delay, and
// returns how many that were: none when the instance is complete by then.
func (c *crowd) killOwner(t *testing.T, tr *trial, delay time.Duration) (killed int) {
	t.Helper()
	time.Sleep(delay) // the random instant
	poll(t, "somebody runs the instance, or it is complete", func() bool {
		pid := tr.ownerPID(t.Context())
		for _, w := range c.workers {
			if w.cmd.Process.Pid == pid {
				if err := w.cmd.Process.Kill(); err != nil {
					return errors.Is(err, os.ErrProcessDone)
				}
				if _, dead := w.code(t); dead {
					killed++
					killedProcesses.Add(1)
				}
				return true
			}
		}
		for _, w := range c.workers {
			select {
			case <-w.done:
				if status, _ := w.cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() {
					return true // nobody gives up before the instance is complete
				}
			default:
			}
		}
		return false
	})
	return killed
}

// ownerPID returns the process that owns an execution, or 0: also where there
// is no repository yet.
func (tr *trial) ownerPID(ctx context.Context) (pid int) {
	_ = tr.query(ctx, repositoryFile, "SELECT PID FROM BATCHCTL_EXECUTION_OWNER", &pid)
	return pid
}

// number returns the one value of a query in the repository.
func (tr *trial) number(t *testing.T, query string) (n int) {
	t.Helper()
	if err := tr.query(t.Context(), repositoryFile, query, &n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// query reads the first row of a query and makes no file.
func (tr *trial) query(ctx context.Context, file, query string, dst ...any) (err error) {
	db, err := sql.Open("sqlite3", "file:"+tr.path(file)+"?mode=ro&_busy_timeout=10000")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.QueryRowContext(ctx, query).Scan(dst...)
}

// finish discards the directory of a test that went well, and names that of one
// that did not.
func (tr *trial) finish(t *testing.T) {
	t.Helper()
	if t.Failed() {
		t.Fatalf("look at %s", tr.dir)
	}
	tr.discard()
}

// suspended starts a worker and stops it, as SIGSTOP does, in the middle of its
// work, where it holds no lock that others wait for.
func (tr *trial) suspended(t *testing.T) *worker {
	t.Helper()
	w := tr.spawn(t, roleLaunch, 0, nil)
	signal := func(sig syscall.Signal) {
		if err := w.cmd.Process.Signal(sig); err != nil {
			t.Fatalf("%s: %v", w.log, err)
		}
	}
	poll(t, "the worker has committed chunks", func() bool {
		chunks := 0
		_ = tr.query(t.Context(), repositoryFile, "SELECT COMMIT_COUNT FROM BATCH_STEP_EXECUTION", &chunks)
		return chunks > 2
	})
	poll(t, "the worker is suspended between two transactions", func() bool {
		signal(syscall.SIGSTOP)
		poll(t, "the worker is suspended", func() bool {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.cmd.Process.Pid))
			if err != nil {
				t.Fatal(err)
			}
			text := string(stat)
			return strings.HasPrefix(text[strings.LastIndex(text, ")"):], ") T")
		})
		if tr.unlocked(repositoryFile) && tr.unlocked(sinkFile) {
			return true
		}
		signal(syscall.SIGCONT)
		return false
	})
	if n := tr.number(t, "SELECT count(*) FROM BATCH_JOB_EXECUTION WHERE STATUS = 'STARTED'"); n != 1 {
		t.Fatalf("the worker has ended before it was suspended: raise -rows; look at %s", tr.dir)
	}
	return w
}

// unlocked tells whether anybody may write.
func (tr *trial) unlocked(file string) bool {
	return tr.exec(context.Background(), file+"?_busy_timeout=1", "BEGIN IMMEDIATE", "ROLLBACK") == nil
}

func (w *worker) resume(t *testing.T) {
	t.Helper()
	if err := w.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

// TestNeverStolen suspends an owner: it lives, and nobody takes its place.
func TestNeverStolen(t *testing.T) {
	for _, name := range []string{"csv-repository", "csv-sqlite", "csv-csv", "csv-csv+sqlite"} {
		t.Run(name, func(t *testing.T) {
			p, err := findPipeline(name)
			if err != nil {
				t.Fatal(err)
			}
			tr := newTrial(t, p, *rows)
			owner := tr.suspended(t)
			c := tr.gather(t, 10, roleLaunch)
			c.open(t)
			if codes, _ := c.codes(t); codes[exitRunning] != 10 {
				t.Errorf("the exit codes of 10 launches are %v, want %d only", codes, exitRunning)
			}
			err = tr.recover(t, false)
			if !errors.Is(err, core.ErrJobExecutionAlreadyRunning) || !strings.Contains(err.Error(), fmt.Sprintf("pid %d", owner.cmd.Process.Pid)) {
				t.Errorf("recovered without force: %v, want a refusal that names the owner", err)
			}
			owner.resume(t)
			owner.wantCode(t, exitCompleted)
			if err := tr.verify(t.Context()); err != nil {
				t.Error(err)
			}
			if n := tr.number(t, "SELECT count(*) FROM BATCH_JOB_EXECUTION"); n != 1 {
				t.Errorf("%d executions, want 1", n)
			}
			tr.finish(t)
		})
	}
}

// recover recovers the execution in this process.
func (tr *trial) recover(t *testing.T, force bool) (err error) {
	t.Helper()
	store, err := openStore(t.Context(), tr.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	_, je, err := store.Recover(t.Context(), 1, force)
	if err == nil && je.Status != core.StatusFailed {
		t.Errorf("the recovered execution is %s", je.Status)
	}
	return err
}

// TestForcedTakeover takes an execution from an owner that is suspended. When
// it goes on, it finds that out before it commits anything.
func TestForcedTakeover(t *testing.T) {
	for _, tt := range []struct {
		pipeline string
		// A part file is locked by whoever has it open, so that a new run has
		// to wait for the end of the old one.
		locked bool
	}{
		{pipeline: "csv-repository"},
		{pipeline: "csv-sqlite"},
		{pipeline: "csv-csv", locked: true},
		{pipeline: "csv-csv+sqlite", locked: true},
	} {
		t.Run(tt.pipeline, func(t *testing.T) {
			p, err := findPipeline(tt.pipeline)
			if err != nil {
				t.Fatal(err)
			}
			tr := newTrial(t, p, *rows)
			owner := tr.suspended(t)
			if err := tr.recover(t, true); err != nil {
				t.Fatalf("recovered with force: %v", err)
			}
			next := tr.spawn(t, roleLaunch, 1, nil)
			if tt.locked {
				next.wantCode(t, exitFailed)
				if said := next.said(t); !strings.Contains(said, "somebody else is writing ") {
					t.Errorf("the refused run says:\n%s", said)
				}
			} else {
				next.wantCode(t, exitCompleted)
			}
			before := tr.everything(t)
			owner.resume(t)
			owner.wantCode(t, exitLeaseLost)
			if !tt.locked && before != tr.everything(t) {
				t.Error("the old owner has written something")
			}
			if tt.locked {
				tr.spawn(t, roleLaunch, 2, nil).wantCode(t, exitCompleted)
			}
			if err := tr.verify(t.Context()); err != nil {
				t.Error(err)
			}
			tr.finish(t)
		})
	}
}

// everything returns all that the databases and the output hold.
func (tr *trial) everything(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, file := range []string{repositoryFile, sinkFile} {
		if err := dump(t.Context(), tr.path(file), &all); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	output, err := os.ReadFile(tr.path(outputFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	all.Write(output)
	return all.String()
}
