//go:build crash

package crashtest

import (
	"flag"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core/fault"
)

var (
	kills = flag.Int("kills", 60, "how often each pipeline is killed")
	seed  = flag.Uint64("seed", 0, "seed of the instants; 0 draws one")
	rows  = flag.Int("rows", 6000, "rows that a pipeline moves")
	brief = flag.Bool("brief", false, "kill each definition a few times only, and at no failpoint: their edges are those of the other pipelines")
)

// briefKills is how often -brief kills a definition.
const briefKills = 10

// maxAttempts bounds the starts of one trial: far more than chance allows.
const maxAttempts = 500

func drawSeed(t *testing.T) uint64 {
	t.Helper()
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("seed %d: run again with -seed %d", s, s)
	return s
}

// reference measures an uninterrupted run, and checks the harness against it.
func reference(t *testing.T, p pipeline) time.Duration {
	t.Helper()
	tr := newTrial(t, p, *rows)
	before := time.Now()
	if o := tr.run(t, 0); !o.ok {
		t.Fatalf("an uninterrupted run failed in %s:\n%s", tr.dir, o.output)
	}
	took := time.Since(before)
	if err := tr.verify(t.Context()); err != nil {
		t.Fatalf("an uninterrupted run in %s: %v", tr.dir, err)
	}
	tr.discard()
	return took
}

// complete starts the pipeline until it completes, killing it at random
// instants, and returns how often it was killed.
func (tr *trial) complete(t *testing.T, random *rand.Rand, span time.Duration) int {
	t.Helper()
	killed := 0
	for range maxAttempts {
		o := tr.run(t, 1+time.Duration(random.Int64N(int64(span))))
		switch {
		case o.killed:
			killed++
		case o.ok:
			return killed
		default:
			t.Fatalf("after %d kills a start failed in %s:\n%s", killed, tr.dir, o.output)
		}
	}
	t.Fatalf("%d starts did not complete the job in %s", maxAttempts, tr.dir)
	return killed
}

func TestKill(t *testing.T) {
	t.Parallel()
	s := drawSeed(t)
	for i, p := range pipelines() {
		if p.broken {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(s, uint64(i)))
			span := reference(t, p)
			killed, completed, most := 0, 0, *kills
			if *brief && p.definition {
				most = min(most, briefKills)
			}
			for killed < most {
				tr := newTrial(t, p, *rows)
				killed += tr.complete(t, random, span)
				if err := tr.verify(t.Context()); err != nil {
					t.Fatalf("seed %d, after %d kills, in %s: %v", s, killed, tr.dir, err)
				}
				completed++
				tr.discard()
			}
			t.Logf("%d kills, %d completed runs, nothing lost, nothing doubled", killed, completed)
		})
	}
}

// brokenTrials is how many trials a broken pipeline gets to show itself: ten
// times what it mostly takes.
const brokenTrials = 200

func TestNegativeControls(t *testing.T) {
	t.Parallel()
	s := drawSeed(t)
	for i, p := range pipelines() {
		if !p.broken {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(s, uint64(i)))
			span := reference(t, p)
			for trials := range brokenTrials {
				tr := newTrial(t, p, *rows)
				tr.complete(t, random, span)
				err := tr.verify(t.Context())
				tr.discard()
				if err != nil {
					t.Logf("found in trial %d: %v", trials+1, err)
					return
				}
			}
			t.Fatalf("seed %d: %d trials did not show what is wrong with this pipeline", s, brokenTrials)
		})
	}
}

// maxHits bounds how often a failpoint is tried: the first hits differ, later
// ones repeat them.
const maxHits = 4

// briefHits is maxHits with -brief where every chunk passes a point, so that the
// hits differ least.
const briefHits = 2

func hitsOf(point string) int {
	if *brief && slices.Contains([]string{"chunk", "sqlitem", "partfile"}, strings.Split(point, ".")[0]) {
		return briefHits
	}
	return maxHits
}

// TestFailpoints dies at every failpoint in the program, at its first hits, and
// once more in the recovery.
func TestFailpoints(t *testing.T) {
	if !fault.Enabled {
		t.Skip("built without the tag faults")
	}
	t.Parallel()
	for _, point := range fault.Points() {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			if hits := scene(point)(t, point); hits == 0 {
				t.Errorf("nothing passes it")
			}
		})
	}
}

// scene returns what passes a point: mostly the pipelines do.
func scene(point string) func(t *testing.T, point string) (hits int) {
	switch {
	case strings.HasPrefix(point, "settlement."):
		return dieInSettlement
	case strings.HasPrefix(point, "sqlite.") && strings.Contains(point, "-backup-"):
		return dieInBackup
	case strings.HasPrefix(point, "sqlrepo.") && strings.Contains(point, "-verb-"):
		return dieInVerbs
	case point == "sqlrepo.after-recovery":
		return func(t *testing.T, point string) int {
			t.Helper()
			return dieInPipelines(t, point) + dieInVerbs(t, point)
		}
	}
	return dieInPipelines
}

// dieInPipelines dies at the point in every pipeline that passes it, and
// returns how often that was.
func dieInPipelines(t *testing.T, point string) (hits int) {
	t.Helper()
	const few = 5 * chunkSize
	for _, p := range pipelines() {
		if p.broken || p.definition && *brief {
			continue
		}
		for hit := 1; hit <= hitsOf(point); hit++ {
			tr := newTrial(t, p, few)
			if first := primers[point]; first != "" {
				tr.run(t, 0, fault.Variable+"="+first+"=kill")
			}
			arm := fault.Variable + "=" + point + ":" + strconv.Itoa(hit) + "=kill"
			o := tr.run(t, 0, arm)
			if !o.killed && !o.ok {
				t.Fatalf("%s: a start failed in %s:\n%s", p.name, tr.dir, o.output)
			}
			if !o.killed {
				tr.discard()
				break
			}
			hits++
			tr.run(t, 0, arm) // and again, where the recovery passes it too
			if o := tr.run(t, 0); !o.ok {
				t.Fatalf("%s: the start after dying at hit %d failed in %s:\n%s", p.name, hit, tr.dir, o.output)
			}
			if err := tr.verify(t.Context()); err != nil {
				t.Fatalf("%s: died at hit %d, in %s: %v", p.name, hit, tr.dir, err)
			}
			tr.discard()
		}
	}
	return hits
}

// primers are the failpoints to die at first, where only the start after a
// crash passes a point.
var primers = map[string]string{
	"chunk.before-settle":    "chunk.after-sink-commit",
	"chunk.after-settle":     "chunk.after-sink-commit",
	"sqlrepo.in-recovery":    "chunk.before-commit",
	"sqlrepo.after-recovery": "chunk.before-commit",
}
