//go:build crash

package crashtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/sample"
)

// orphanPause, as often as maxAttempts, is how long a killed command may take to
// be gone: on any machine.
const orphanPause = 100 * time.Millisecond

// settlementChunk is the chunk size of dailySettlement.
const settlementChunk = 1000

// program is batchctl itself, built once.
type program struct {
	once sync.Once
	tags string
	dir  string
	err  error
}

var (
	released = program{tags: "sqlite_omit_load_extension"}
	armable  = program{tags: "sqlite_omit_load_extension,faults"}
)

// path builds the program at the first time, and returns where it is.
func (p *program) path(t *testing.T) string {
	t.Helper()
	p.once.Do(func() {
		if p.dir, p.err = os.MkdirTemp("", "crashtest-program-"); p.err != nil { //nolint:usetesting // it outlives this test
			return
		}
		output, err := exec.CommandContext(context.WithoutCancel(t.Context()), "go", "build", "-buildvcs=false", "-tags", p.tags,
			"-o", filepath.Join(p.dir, "batchctl"), "../../cmd/batchctl").CombinedOutput()
		if err != nil {
			p.err = fmt.Errorf("build batchctl: %w\n%s", err, output)
		}
	})
	if p.err != nil {
		t.Fatal(p.err)
	}
	return filepath.Join(p.dir, "batchctl")
}

func (p *program) remove() {
	if p.dir != "" {
		_ = os.RemoveAll(p.dir) // in a directory for such things
	}
}

// settlement is one directory in which batchctl settles a day until it is
// complete.
type settlement struct {
	dir     string
	records int
	words   []string // the command
	ledger  string   // the file of the ledger, in dir
}

// kind is how a day is settled.
type kind struct {
	name      string
	records   int
	ownLedger bool
	// definition tells that the job is the definition that does the same.
	definition bool
}

// newSettlement makes a day.
func newSettlement(t *testing.T, k kind) *settlement {
	t.Helper()
	dir, err := os.MkdirTemp("", "crashtest-") //nolint:usetesting // one that went wrong is kept to be looked at
	if err != nil {
		t.Fatal(err)
	}
	s := &settlement{dir: dir, records: k.records, ledger: repositoryFile}
	input, output := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := errors.Join(os.Mkdir(input, 0o700), os.Mkdir(output, 0o700)); err != nil {
		t.Fatal(err)
	}
	day := sample.Day{Date: time.Date(2021, time.January, 1, 0, 0, 0, 0, time.UTC), Records: k.records}
	if err := day.WriteFiles(input); err != nil {
		t.Fatal(err)
	}
	job := "dailySettlement"
	if k.definition {
		jobs, err := filepath.Abs("../../testdata/jobs")
		if err != nil {
			t.Fatal(err)
		}
		job, s.words = "dailySettlementYaml", []string{"--jobs", jobs}
	}
	s.words = append(s.words, "--db", filepath.Join(dir, repositoryFile),
		"run", job, "requestDate=2021-01-01", "inputDir="+input, "outputDir="+output)
	if k.ownLedger {
		s.ledger = "ledger.db"
		s.words = append(s.words, "ledger="+filepath.Join(dir, s.ledger))
	}
	return s
}

func (s *settlement) path(name string) string { return filepath.Join(s.dir, name) }

// run runs the command and kills it after the delay; 0 lets it run.
func (s *settlement) run(t *testing.T, kill time.Duration) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, released.path(t), s.words...)
	cmd.Env = append(os.Environ(), "BATCHCTL_LOG_DIR="+s.path("logs"))
	cmd.Dir = s.dir
	return start(t, cmd, kill)
}

// left is what a complete day leaves behind.
func (s *settlement) left(ctx context.Context) (string, error) {
	var all strings.Builder
	if err := dump(ctx, s.path(s.ledger), &all, "SETTLED_TRANSACTION", "MERCHANT_SUMMARY", "SETTLED_DAY"); err != nil {
		return "", err
	}
	report, err := os.ReadFile(s.path("out/settlement-2021-01-01.csv"))
	all.Write(report)
	return all.String(), err
}

// running returns the id of the execution that reads as running, or 0.
func (s *settlement) running(ctx context.Context) (id int, err error) {
	if _, err := os.Stat(s.path(repositoryFile)); err != nil {
		return 0, nil //nolint:nilerr // killed before there was a repository
	}
	err = s.query(ctx, `SELECT coalesce(max(JOB_EXECUTION_ID), 0) FROM BATCH_JOB_EXECUTION
WHERE STATUS IN ('STARTING', 'STARTED', 'STOPPING')`, &id)
	if err != nil && strings.Contains(err.Error(), "no such table") {
		return 0, nil // killed before the schema was there
	}
	return id, err
}

func (s *settlement) query(ctx context.Context, query string, dst ...any) (err error) {
	db, err := sql.Open("sqlite3", "file:"+s.path(repositoryFile)+"?_busy_timeout=10000")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.QueryRowContext(ctx, query).Scan(dst...)
}

// tally is what a loop of kills has seen.
type tally struct{ kills, completed, recoveries int }

// complete gives the very same command until it exits with 0.
func (s *settlement) complete(t *testing.T, random *rand.Rand, span time.Duration, sum *tally) {
	t.Helper()
	for range maxAttempts {
		dead, err := s.running(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", s.dir, err)
		}
		o := s.run(t, 1+time.Duration(random.Int64N(int64(span))))
		if strings.Contains(o.output, "still holds its lock file") { // a command that was killed with its owner, and has not ended yet
			time.Sleep(orphanPause)
			continue
		}
		complete := strings.Contains(o.output, "already complete") // killed after the end
		said := strings.Contains(o.output, fmt.Sprintf("recovered execution %d whose owner died", dead))
		switch {
		case o.killed:
			sum.kills++
		case !o.ok && !complete:
			t.Fatalf("after %d kills a start failed in %s:\n%s", sum.kills, s.dir, o.output)
		case dead != 0 && !said:
			t.Fatalf("execution %d was dead, and the next start does not say so in %s:\n%s", dead, s.dir, o.output)
		}
		if dead != 0 && said {
			sum.recoveries++
		}
		if !o.killed {
			sum.completed++
			return
		}
	}
	t.Fatalf("%d starts did not complete the day in %s", maxAttempts, s.dir)
}

// verify compares what is there with what an uninterrupted run leaves, and the
// counters of all attempts with the truth.
func (s *settlement) verify(ctx context.Context, want string) error {
	got, err := s.left(ctx)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("ledger and report differ: %s", firstDifference(got, want))
	}
	var counts [6]int
	var commit int
	err = s.query(ctx, sumCounts+" WHERE STEP_NAME = 'settleTransactions'",
		&counts[0], &counts[1], &counts[2], &counts[3], &counts[4], &counts[5], &commit)
	if err != nil {
		return err
	}
	settled := strings.Count(want[:strings.Index(want, "MERCHANT_SUMMARY")], "\n") - 1
	chunks := (s.records + settlementChunk - 1) / settlementChunk
	if truth := [6]int{s.records, settled, s.records - settled}; counts != truth || commit != chunks {
		return fmt.Errorf("the counters of settleTransactions (read, write, filter, skips) add up to %d in %d commits; want %d in %d",
			counts, commit, truth, chunks)
	}
	var running, complete int
	err = s.query(ctx, `SELECT
  (SELECT count(*) FROM BATCH_JOB_EXECUTION WHERE END_TIME IS NULL) + (SELECT count(*) FROM BATCH_STEP_EXECUTION WHERE END_TIME IS NULL),
  (SELECT count(*) FROM BATCH_JOB_EXECUTION WHERE STATUS = 'COMPLETED')`, &running, &complete)
	if err == nil && (running != 0 || complete != 1) {
		err = fmt.Errorf("%d rows are running and %d executions completed, want 0 and 1", running, complete)
	}
	return err
}

// TestKillBatchctl kills the real program on the real job, and gives the very
// same command again until it exits with 0.
func TestKillBatchctl(t *testing.T) {
	t.Parallel()
	seed := drawSeed(t)
	for i, tt := range []kind{
		{name: "ledger in the repository", records: 5000},
		{name: "ledger in a file of its own", records: 5000, ownLedger: true},
		{name: "a bigger day", records: 100_000, ownLedger: true},
		{name: "a definition", records: 5000, definition: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, uint64(100+i)))
			s := newSettlement(t, tt)
			released.path(t) // built before the clock runs
			before := time.Now()
			if o := s.run(t, 0); !o.ok {
				t.Fatalf("an uninterrupted run failed in %s:\n%s", s.dir, o.output)
			}
			span := time.Since(before)
			want, err := s.left(t.Context())
			if err == nil {
				err = s.verify(t.Context(), want)
			}
			if err != nil {
				t.Fatalf("an uninterrupted run in %s: %v", s.dir, err)
			}
			_ = os.RemoveAll(s.dir) // it went well
			var sum tally
			for sum.kills < *kills {
				s := newSettlement(t, tt)
				s.complete(t, random, span, &sum)
				if err := s.verify(t.Context(), want); err != nil {
					t.Fatalf("seed %d, after %d kills, in %s: %v", seed, sum.kills, s.dir, err)
				}
				_ = os.RemoveAll(s.dir) // it went well
			}
			if sum.recoveries == 0 {
				t.Errorf("%d kills, and no start has said that it recovered", sum.kills)
			}
			t.Logf("%d kills of runs of %s, %d days completed, %d recoveries announced, nothing lost, nothing doubled",
				sum.kills, span.Round(time.Millisecond), sum.completed, sum.recoveries)
		})
	}
}
