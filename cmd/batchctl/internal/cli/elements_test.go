package cli_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/cli"
	"github.com/batchctl/batchctl/cmd/batchctl/internal/streams"
	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/core/flow"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/core/partition"
)

// month is a job with every kind of element, and its child. A step fails as long
// as the folder dir has a file of its name.
func month() []*core.Job {
	params := core.ParameterSpecs{{Name: "month"}, {Name: "dir", Path: true, NonIdentifying: true, Default: "."}}
	books := &core.Job{Name: "books", Parameters: params, Steps: []*core.Step{fragile("closeBooks")}}
	worker := fragile("file")
	load := partition.Step("load", worker, core.PartitionerFunc(
		func(context.Context, *core.Scope, int) ([]core.Partition, error) {
			return make([]core.Partition, 12), nil
		}), partition.Options{Threads: 1})
	decider := core.DeciderFunc(func(context.Context, *core.Run, *core.StepExecution) (string, error) { return "LARGE", nil })
	return []*core.Job{books, {Name: "month", Parameters: params, Flow: []core.Element{
		{Step: fragile("fetch"), Next: "size"},
		{Name: "size", Decider: decider, Transitions: []core.Transition{{On: "EMPTY", To: core.ToEnd, ExitCode: "NOTHING"}, {To: "both"}}},
		{Name: "both", Threads: 1, Next: "load", Split: []core.Element{
			{Step: fragile("mail")},
			{Name: "ledgers", Flow: []core.Element{{Step: fragile("debit")}, {Step: fragile("credit")}}},
		}},
		{Step: load, Next: "pack"},
		{Step: flow.Step("pack", core.Element{Step: fragile("zip")}, core.Element{Step: fragile("sign")}), Next: "close"},
		{Step: launch.JobStep("close", books, nil)},
	}}}
}

// fragile is a step that fails while there is a file of its name in dir.
func fragile(name string) *core.Step {
	return &core.Step{Name: name, Bind: func(s *core.Scope) (core.StepBody, error) {
		dir, _, err := s.Parameters().String("dir")
		return body(func() error {
			_, missing := os.Stat(filepath.Join(dir, s.Step.StepName))
			if missing == nil {
				return fmt.Errorf("%s: the disk is \x1b[1mfull", s.Step.StepName)
			}
			return nil
		}), err
	}}
}

// sieve is a chunk step that skips every item which the word says, and keeps the
// name of its rejects file as the writers of files do.
func sieve(name string, items int, bad ...int) *core.Step {
	return chunk.Step(name, func(*core.Scope) (core.StepBody, error) {
		next := 0
		reader := core.ReadOne(func(context.Context) (int, error) {
			if next == items {
				return 0, io.EOF
			}
			next++
			return next, nil
		})
		process := core.ProcessorFunc[int, int](func(_ context.Context, n int) (int, bool, error) {
			if slices.Contains(bad, n) {
				return 0, false, errors.New("bad item")
			}
			return n, true, nil
		})
		return chunk.New(reader, process, noWriter{}, chunk.Options{
			Size: 10, Rejects: rejects{},
			Skip: core.LimitSkipPolicy{ErrorClasses: core.ErrorClasses{Include: []string{core.PhaseProcess}}, Max: 3},
		}), nil
	})
}

// halting is a step that is stopped while it works.
func halting(name string) *core.Step {
	return &core.Step{Name: name, Bind: func(s *core.Scope) (core.StepBody, error) {
		return body(func() error {
			s.Stop.Request(core.ErrStopped)
			return s.Stop.Cause()
		}), nil
	}}
}

type noWriter struct{}

func (noWriter) Write(context.Context, *core.Chunk[int]) error { return nil }

type rejects struct{}

func (rejects) Reject(context.Context, core.Reject) error         { return nil }
func (rejects) Open(context.Context, core.ExecutionContext) error { return nil }
func (rejects) Close() error                                      { return nil }
func (rejects) Checkpoint(ec core.ExecutionContext) error {
	ec.Put("rejects.target", "/srv/out/rejects 1.jsonl")
	return nil
}

// shell runs commands as cron would, in a folder of its own.
type shell struct {
	dir string
	env map[string]string
}

func newShell(t *testing.T) shell {
	t.Helper()
	dir := t.TempDir()
	return shell{dir: dir, env: map[string]string{"BATCHCTL_DB": filepath.Join(dir, "r.db")}}
}

func (sh shell) run(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	s, out, talk := streams.Test()
	jobs := append(month(),
		&core.Job{Name: "clean", Steps: []*core.Step{sieve("sift", 25)}},
		&core.Job{Name: "dirty", Steps: []*core.Step{sieve("sift", 25, 3, 17), sieve("again", 25, 1)}},
		&core.Job{Name: "parent", Steps: []*core.Step{launch.JobStep("inner", &core.Job{Name: "dirty", Steps: []*core.Step{sieve("sift", 25, 3)}}, nil)}},
		&core.Job{Name: "halts", Steps: []*core.Step{partition.Step("load", halting("part"), core.PartitionerFunc(
			func(context.Context, *core.Scope, int) ([]core.Partition, error) {
				return make([]core.Partition, 3), nil
			},
		), partition.Options{Threads: 1})}},
		&core.Job{Name: "haltsBelow", Steps: []*core.Step{launch.JobStep("inner", &core.Job{Name: "halting", Steps: []*core.Step{halting("only")}}, nil)}},
		&core.Job{Name: "tries", Flow: []core.Element{
			{Step: fragile("first"), Transitions: []core.Transition{{On: core.ExitCodeFailed, To: "second"}}, Next: "second"}, {Step: fragile("second")},
		}, Parameters: core.ParameterSpecs{{Name: "dir"}}},
		coded("sour", core.ExitCodeFailed), coded("remarked", "WITH REMARKS"),
		&core.Job{Name: "spoiled", Steps: []*core.Step{sieve("sift", 25, 1, 2, 3, 4)}},
	)
	code := cli.Run(args, func(key string) (string, bool) { v, ok := sh.env[key]; return v, ok }, s, jobs...)
	if code != want {
		t.Fatalf("%s exits %d, want %d: %s", strings.Join(args, " "), code, want, talk)
	}
	return out.String(), talk.String()
}

// breaks makes steps fail from now on, mends lets them work again.
func (sh shell) breaks(t *testing.T, steps ...string) {
	t.Helper()
	for _, step := range steps {
		if err := os.WriteFile(filepath.Join(sh.dir, step), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (sh shell) mends(t *testing.T, steps ...string) {
	t.Helper()
	for _, step := range steps {
		if err := os.Remove(filepath.Join(sh.dir, step)); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	durations = regexp.MustCompile(` *\b\d+(\.\d+)?(ms|s|µs)(\n| +)`)
	instants  = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d`)
	tokens    = regexp.MustCompile(`\b[0-9a-f]{32}\b`)
	programs  = regexp.MustCompile(`\S*cli\.test`)
)

// normal is text without what differs from run to run.
func (sh shell) normal(text string) string {
	text = durations.ReplaceAllString(strings.ReplaceAll(text, sh.dir, "DIR"), " DURATION$3")
	return programs.ReplaceAllString(tokens.ReplaceAllString(instants.ReplaceAllString(text, "TIME"), "TOKEN"), "batchctl")
}

func goldenFile(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("..", "..", "..", "..", "testdata", "golden", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; UPDATE_GOLDEN=1 rewrites it):\n%s", name, diff)
	}
}

// TestElements runs a job with every kind of element from failure to failure
// until it is complete, and looks at every attempt.
func TestElements(t *testing.T) {
	t.Parallel()
	sh := newShell(t)
	sh.breaks(t, "load:partition3", "load:partition7", "zip", "closeBooks")
	attempt := func(want int, name string, args ...string) {
		t.Helper()
		stdout, stderr := sh.run(t, want, args...)
		if stdout != "" {
			t.Errorf("%s writes %q to standard output", strings.Join(args, " "), stdout)
		}
		shown, _ := sh.run(t, 0, "show", name)
		goldenFile(t, "elements-"+name+".txt", sh.normal(stderr+"\n"+shown))
	}
	dir := "dir=" + sh.dir
	attempt(1, "1", "run", "month", "month=2021-01", dir)
	sh.mends(t, "load:partition3", "load:partition7")
	attempt(1, "2", "restart", "1")
	sh.mends(t, "zip")
	attempt(1, "3", "restart", "2")
	sh.mends(t, "closeBooks")
	attempt(0, "5", "restart", "3")

	contexts, _ := sh.run(t, 0, "show", "1", "--context", "--partitions")
	goldenFile(t, "elements-context.txt", sh.normal(contexts))
	drawn, _ := sh.run(t, 0, "jobs", "show", "month")
	goldenFile(t, "elements-plan.txt", drawn)
}

// coded is a job whose only step completes with this exit code.
func coded(name, code string) *core.Job {
	step := sieve("sift", 25)
	step.Listener.AfterStep = func(context.Context, *core.Scope, core.StepExecution) (core.ExitStatus, error) {
		return core.ExitStatus{Code: code}, nil
	}
	return &core.Job{Name: name, Steps: []*core.Step{step}}
}

// TestCompletedWithCode: the status decides, in Spring's scheme the exit code.
func TestCompletedWithCode(t *testing.T) {
	t.Parallel()
	says := func(job, code string) string {
		return "warning: run " + job + ": execution 1 is COMPLETED, but its exit code is " + code + "; batchctl --db DIR/r.db show 1\n"
	}
	for name, tc := range map[string]struct {
		args []string
		code int
		want string
	}{
		"FAILED is told":            {args: []string{"run", "sour"}, want: says("sour", `"FAILED"`)},
		"one of its own is not":     {args: []string{"run", "remarked"}},
		"FAILED is 1 in Spring":     {args: []string{"run", "sour", "--exit-codes", "spring"}, code: 1, want: says("sour", `"FAILED"`)},
		"so is all but COMPLETED":   {args: []string{"run", "remarked", "--exit-codes", "spring"}, code: 1, want: says("remarked", `"WITH REMARKS"`)},
		"COMPLETED is 0 in Spring":  {args: []string{"run", "clean", "--exit-codes", "spring"}},
		"nothing was skipped of it": {args: []string{"run", "sour", "--strict"}, want: says("sour", `"FAILED"`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sh := newShell(t)
			_, stderr := sh.run(t, tc.code, tc.args...)
			if diff := cmp.Diff(tc.want, sh.normal(stderr)); diff != "" {
				t.Errorf("stderr (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStrict(t *testing.T) {
	t.Parallel()
	const (
		dirty = "warning: run dirty: execution 1 is COMPLETED, but 3 records were skipped: " +
			"2 in step sift (see '/srv/out/rejects 1.jsonl'), 1 in step again (see '/srv/out/rejects 1.jsonl'); batchctl --db DIR/r.db show 1\n"
		parent = "warning: run parent: execution 1 is COMPLETED, but 1 record was skipped: " +
			"1 in step sift (see '/srv/out/rejects 1.jsonl') of dirty execution 2; batchctl --db DIR/r.db show 1\n"
	)
	for name, tc := range map[string]struct {
		args []string
		env  string
		code int
		want string
	}{
		"nobody asks":                     {args: []string{"run", "dirty"}},
		"nothing was skipped":             {args: []string{"run", "clean", "--strict"}},
		"skips, and rejects files":        {args: []string{"run", "dirty", "--strict"}, code: 4, want: dirty},
		"by the environment":              {args: []string{"run", "dirty"}, env: "true", code: 4, want: dirty},
		"the flag wins":                   {args: []string{"run", "dirty", "--strict=false"}, env: "true"},
		"a child has skipped":             {args: []string{"run", "parent", "--strict"}, code: 4, want: parent},
		"Spring knows no warnings":        {args: []string{"run", "dirty", "--strict", "--exit-codes", "spring"}, code: 1, want: dirty},
		"not of other commands":           {args: []string{"jobs", "--strict"}, code: 64, want: "error: jobs: unknown flag: --strict; batchctl jobs --help\n"},
		"the environment does not matter": {args: []string{"version"}, env: "perhaps"},
		"no truth": {
			args: []string{"run", "dirty"}, env: "perhaps", code: 64,
			want: "error: BATCHCTL_STRICT: value \"perhaps\" is neither true nor false; give true or false\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sh := newShell(t)
			sh.env["BATCHCTL_STRICT"] = tc.env
			_, stderr := sh.run(t, tc.code, tc.args...)
			if diff := cmp.Diff(tc.want, sh.normal(stderr)); diff != "" {
				t.Errorf("stderr (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("more than may be skipped is FAILED", func(t *testing.T) {
		t.Parallel()
		sh := newShell(t)
		_, stderr := sh.run(t, 1, "run", "spoiled", "--strict")
		if want := "is FAILED in step sift"; !strings.Contains(stderr, want) || strings.Count(stderr, " restart 1") != 1 {
			t.Errorf("says %s, want %q and, once, how to restart", stderr, want)
		}
	})
}

// TestElementsUnknownJob: the history outlives the jobs.
func TestElementsUnknownJob(t *testing.T) {
	t.Parallel()
	sh := newShell(t)
	sh.run(t, 0, "run", "month", "dir="+sh.dir)
	s, out, _ := streams.Test()
	if code := cli.Run([]string{"show", "1"}, func(key string) (string, bool) { v, ok := sh.env[key]; return v, ok }, s); code != 0 {
		t.Fatalf("exits %d", code)
	}
	goldenFile(t, "elements-unknown.txt", sh.normal(out.String()))
}

// TestElementsJSON: the document is flat, and has every part and every context.
func TestElementsJSON(t *testing.T) {
	t.Parallel()
	sh := newShell(t)
	sh.run(t, 0, "run", "month", "dir="+sh.dir)
	document, _ := sh.run(t, 0, "show", "1", "-o", "jsonl")
	if got, want := strings.Count(document, `"stepExecutionId":`), 4+1+12+3+1; got != want {
		t.Errorf("%d steps, want %d", got, want)
	}
	if got, want := strings.Count(document, `"batchctl.lineage":`), 4+1+12+3+1; got != want {
		t.Errorf("%d steps with contexts, want %d", got, want)
	}
}

// TestFailedPlace: the block about an end names the step, the part and the child
// that it was about.
func TestFailedPlace(t *testing.T) {
	t.Parallel()
	const counts = "read 0, written 0, filtered 0, skipped 0, commits 0, rollbacks 0\n"
	for name, tc := range map[string]struct {
		args   []string
		breaks []string
		code   int
		want   string
	}{
		"a part was stopped": {
			args: []string{"run", "halts"}, code: 3,
			want: "  execution 1 of halts is STOPPED in step load: " + counts +
				"  the first part that did not complete is load:partition0, which is STOPPED\n",
		},
		"a child was stopped": {
			args: []string{"run", "haltsBelow"}, code: 3,
			want: "execution 2 of job halting ended STOPPED: step only: stopped; batchctl --db DIR/r.db show 2\n" +
				"  execution 1 of haltsBelow is STOPPED in step inner: " + counts + "  restart it with",
		},
		"not the step that the job went on without": {
			args: []string{"run", "tries"}, breaks: []string{"first", "second"}, code: 1,
			want: "  execution 1 of tries dir=DIR is FAILED in step second: " + counts,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sh := newShell(t)
			if tc.breaks != nil {
				sh.breaks(t, tc.breaks...)
				tc.args = append(tc.args, "dir="+sh.dir)
			}
			_, stderr := sh.run(t, tc.code, tc.args...)
			if !strings.Contains(sh.normal(stderr), tc.want) {
				t.Errorf("says\n%s\nwant\n%s", sh.normal(stderr), tc.want)
			}
		})
	}
}
