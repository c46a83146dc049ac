package cli_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/cli"
	"github.com/batchctl/batchctl/cmd/batchctl/internal/streams"
	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/flow"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/core/partition"
)

// runs is run with jobs of its own.
func (sh shell) runs(t *testing.T, want int, jobs []*core.Job, args ...string) (stderr string) {
	t.Helper()
	s, _, talk := streams.Test()
	code := cli.Run(args, func(key string) (string, bool) { v, ok := sh.env[key]; return v, ok }, s, jobs...)
	if code != want {
		t.Fatalf("%s exits %d, want %d: %s", strings.Join(args, " "), code, want, talk)
	}
	return sh.normal(talk.String())
}

// parts is a partitioned step with that many parts.
func parts(step *core.Step, count int) *core.Step {
	plan := core.PartitionerFunc(func(context.Context, *core.Scope, int) ([]core.Partition, error) {
		return make([]core.Partition, count), nil
	})
	return partition.Step(step.Name+"s", step, plan, partition.Options{Threads: 1})
}

// ofPart gives the child that a part launches a parameter of its own.
func ofPart(_ context.Context, s *core.Scope) (core.JobParameters, error) {
	dir, _ := s.Parameters().Lookup("dir")
	return core.JobParameters{dir, {Name: "part", Value: s.Partition(), Identifying: true}}, nil
}

// TestStrictAttempts: what an instance has skipped is what all its attempts have
// skipped, its children included. The word late is a file that lets the step of
// that name fail at the first attempt.
func TestStrictAttempts(t *testing.T) {
	t.Parallel()
	params := core.ParameterSpecs{{Name: "dir", Path: true, NonIdentifying: true}, {Name: "part"}}
	newJob := func(name string, steps ...*core.Step) *core.Job {
		return &core.Job{Name: name, Parameters: params, Steps: steps}
	}
	child := func() *core.Job { return newJob("child", sieve("sift", 25, 3), fragile("late")) }
	deep := func() *core.Step { // one generation more than are looked at
		job := newJob("child0", sieve("sift", 25, 3))
		for i := range 8 {
			job = newJob(fmt.Sprint("child", i+1), launch.JobStep("inner", job, nil))
		}
		return launch.JobStep("inner", job, nil)
	}
	const see = " (see '/srv/out/rejects 1.jsonl')"
	for name, tc := range map[string]struct {
		steps func() []*core.Step
		want  string // "" where nothing is to be said
	}{
		"before a failure in a later step": {
			steps: func() []*core.Step { return []*core.Step{sieve("sift", 25, 3, 4), fragile("late")} },
			want:  "2 records were skipped: 2 in step sift" + see + " of execution 1; batchctl --db DIR/r.db show 1",
		},
		"nothing at all": {
			steps: func() []*core.Step { return []*core.Step{sieve("sift", 25), fragile("late")} },
		},
		"in both attempts, in different steps": {
			steps: func() []*core.Step {
				return []*core.Step{sieve("sift", 25, 3), fragile("late"), sieve("again", 25, 1)}
			},
			want: "2 records were skipped: 1 in step sift" + see + " of execution 1, 1 in step again" + see + "; batchctl --db DIR/r.db show 2",
		},
		"a step that begins anew replaces what it did before": {
			steps: func() []*core.Step {
				anew := sieve("sift", 25, 3)
				anew.AllowStartIfComplete = true
				return []*core.Step{anew, fragile("late")}
			},
			want: "1 record was skipped: 1 in step sift" + see + "; batchctl --db DIR/r.db show 2",
		},
		"a child that fails after it has rejected": {
			steps: func() []*core.Step { return []*core.Step{launch.JobStep("inner", child(), nil)} },
			want:  "1 record was skipped: 1 in step sift" + see + " of child execution 2; batchctl --db DIR/r.db show 3",
		},
		"a child of a child": {
			steps: func() []*core.Step {
				return []*core.Step{launch.JobStep("outer", newJob("middle", launch.JobStep("inner", child(), nil)), nil)}
			},
			want: "1 record was skipped: 1 in step sift" + see + " of child execution 3; batchctl --db DIR/r.db show 4",
		},
		"a child that was complete before the failure": {
			steps: func() []*core.Step {
				return []*core.Step{launch.JobStep("inner", newJob("child", sieve("sift", 25, 3)), nil), fragile("late")}
			},
			want: "1 record was skipped: 1 in step sift" + see + " of child execution 2; batchctl --db DIR/r.db show 1",
		},
		"parts count once, not with their manager": {
			steps: func() []*core.Step { return []*core.Step{parts(sieve("sift", 25, 3), 3), fragile("late")} },
			want:  "3 records were skipped: 3 in step sifts" + see + " of execution 1; batchctl --db DIR/r.db show 1",
		},
		"parts that begin anew": {
			steps: func() []*core.Step {
				anew := parts(sieve("sift", 25, 3), 3)
				anew.AllowStartIfComplete = true
				return []*core.Step{anew, fragile("late")}
			},
			want: "3 records were skipped: 3 in step sifts" + see + "; batchctl --db DIR/r.db show 2",
		},
		"the child of a part": {
			steps: func() []*core.Step { return []*core.Step{parts(launch.JobStep("day", child(), ofPart), 2)} },
			want: "2 records were skipped: 1 in step sift" + see + " of child execution 2, " +
				"1 in step sift" + see + " of child execution 3; batchctl --db DIR/r.db show 4",
		},
		"more places than a line has room for": {
			steps: func() []*core.Step {
				steps := []*core.Step{fragile("late")}
				for i := range 12 {
					steps = append(steps, sieve(fmt.Sprint("s", i), 5, 1))
				}
				return steps
			},
			want: "1 in step s9" + see + ", and in 2 steps more; batchctl --db DIR/r.db show 2",
		},
		"children too deep to be looked at": {
			steps: func() []*core.Step { return []*core.Step{fragile("late"), deep()} },
			want:  "execution 2 is COMPLETED, but what was skipped is not known: the jobs that 1 step launched were not looked at; batchctl --db DIR/r.db show 2",
		},
		"children too deep, and others": {
			steps: func() []*core.Step { return []*core.Step{fragile("late"), sieve("sift", 25, 3), deep()} },
			want:  "1 in step sift" + see + "; the jobs that 1 more step launched were not looked at; batchctl --db DIR/r.db show 2",
		},
		"what cannot be read is not nothing": {
			steps: func() []*core.Step {
				return []*core.Step{fragile("late"), engine.TaskletStep("odd", core.TaskletFunc(
					func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
						s.Context.Put(core.ContextKeyChildJob, "child")
						s.Context.Put(core.ContextKeyChildParameters, "[")
						return core.Finished, nil
					}))}
			},
			want: `what was skipped could not be looked up: context key "batchctl.child.parameters": `,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sh := newShell(t)
			jobs := []*core.Job{newJob("nightly", tc.steps()...)}
			sh.breaks(t, "late")
			sh.runs(t, 1, jobs, "run", "nightly", "dir="+sh.dir, "--strict")
			sh.mends(t, "late")
			code := 4
			if tc.want == "" {
				code = 0
			}
			got := sh.runs(t, code, jobs, "run", "nightly", "dir="+sh.dir, "--strict")
			if !strings.Contains(got, tc.want) {
				t.Errorf("says\n%s\nwant\n%s", got, tc.want)
			}
			if tc.want == "" && got != "" {
				t.Errorf("says %q", got)
			}
		})
	}
	t.Run("many attempts at one step", func(t *testing.T) {
		t.Parallel()
		sh := newShell(t)
		jobs := []*core.Job{newJob("nightly", halves("sift"))}
		sh.breaks(t, "sift")
		for range 5 {
			sh.runs(t, 1, jobs, "run", "nightly", "dir="+sh.dir, "--strict")
		}
		sh.mends(t, "sift")
		got := sh.runs(t, 4, jobs, "run", "nightly", "dir="+sh.dir, "--strict")
		const want = "warning: run nightly: execution 6 is COMPLETED, but 6 records were skipped: " +
			"6 in step sift" + see + " of executions 1, 2, 3 and 3 more; batchctl --db DIR/r.db show 6\n"
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("stderr (-want +got):\n%s", diff)
		}
	})
}

// halves is a chunk step of two chunks. The first skips a record and commits; the
// second cannot be read while dir has a file of the step's name.
func halves(name string) *core.Step {
	return chunk.Step(name, func(s *core.Scope) (core.StepBody, error) {
		dir, _, err := s.Parameters().String("dir")
		next := 0
		reader := core.ReadOne(func(context.Context) (int, error) {
			next++
			if _, missing := os.Stat(filepath.Join(dir, name)); next > 10 && missing == nil {
				return 0, errors.New("the tape is torn")
			}
			if next > 20 {
				return 0, io.EOF
			}
			return next, nil
		})
		process := core.ProcessorFunc[int, int](func(_ context.Context, n int) (int, bool, error) {
			if n == 3 {
				return 0, false, errors.New("bad item")
			}
			return n, true, nil
		})
		return chunk.New(reader, process, noWriter{}, chunk.Options{
			Size: 10, Rejects: rejects{},
			Skip: core.LimitSkipPolicy{ErrorClasses: core.ErrorClasses{Include: []string{core.PhaseProcess}}, Max: 3},
		}), err
	})
}

// TestRefusedInFlow: a step of a flow that was refused makes the job one that no
// restart helps, unless a restart helps another branch.
func TestRefusedInFlow(t *testing.T) {
	t.Parallel()
	changed := func(name string) core.Element {
		return core.Element{Step: &core.Step{Name: name, Bind: func(*core.Scope) (core.StepBody, error) {
			return body(func() error { return &core.Error{Kind: core.ErrCheckpointMismatch, Msg: "in.csv has changed"} }), nil
		}}}
	}
	fails := core.Element{Step: fragile("b")}
	one := func(elements ...core.Element) core.Element { return core.Element{Name: "f", Flow: elements} }
	both := func(branches ...core.Element) core.Element {
		return core.Element{Name: "s", Threads: 1, Split: branches}
	}
	for name, tc := range map[string]struct {
		element core.Element
		code    int
	}{
		"in a sequence":                {core.Element{Step: changed("a").Step, Next: "z"}, 7},
		"in a nested flow":             {one(core.Element{Step: fragile("c")}, changed("a")), 7},
		"in a flow step":               {core.Element{Step: flow.Step("F", changed("a"))}, 7},
		"in a branch":                  {both(changed("a"), core.Element{Step: fragile("c")}), 7},
		"before a branch that failed":  {both(changed("a"), fails), 1},
		"behind a branch that failed":  {both(fails, changed("a")), 1},
		"both within a nested flow":    {one(both(fails, changed("a"))), 1},
		"both in a split of flow step": {core.Element{Step: flow.Step("F", both(changed("a"), fails))}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sh := newShell(t)
			sh.breaks(t, "b")
			tc.element.Next = "z"
			jobs := []*core.Job{{
				Name: "nightly", Flow: []core.Element{tc.element, {Step: fragile("z")}},
				Parameters: core.ParameterSpecs{{Name: "dir", Path: true}},
			}}
			said := sh.runs(t, tc.code, jobs, "run", "nightly", "dir="+sh.dir)
			if again := strings.HasSuffix(said, "  restart it with: batchctl --db DIR/r.db restart 1\n"); again != (tc.code == 1) {
				t.Errorf("recommends a restart: %t\n%s", again, said)
			}
			shown, _ := sh.run(t, 0, "show", "1")
			for _, want := range []string{`(?m)^status +FAILED$`, `(?m)^exit code +FAILED$`, `(?m)^ *\d+ +a +FAILED +REFUSED `} {
				if !regexp.MustCompile(want).MatchString(shown) {
					t.Errorf("show has no %s:\n%s", want, shown)
				}
			}
		})
	}
}

// TestOneRestart: a restart that the error names itself is the only one that is
// recommended, when it is one of that execution.
func TestOneRestart(t *testing.T) {
	t.Parallel()
	for hint, want := range map[string]bool{
		"batchctl restart 1 limit=2":       false,
		"batchctl restart 1; or wait":      false,
		"mend it, then batchctl restart 1": false,
		"batchctl restart 11":              true,
		"batchctl show 1":                  true,
	} {
		t.Run(hint, func(t *testing.T) {
			t.Parallel()
			sh := newShell(t)
			fails := &core.Step{Name: "a", Bind: func(*core.Scope) (core.StepBody, error) {
				return body(func() error { return &core.Error{Msg: "bad", Hint: hint} }), nil
			}}
			said := sh.runs(t, 1, []*core.Job{{Name: "nightly", Steps: []*core.Step{fails}}}, "run", "nightly")
			if got := strings.Contains(said, "\n  restart it with: "); got != want {
				t.Errorf("recommends another restart: %t\n%s", got, said)
			}
		})
	}
}
