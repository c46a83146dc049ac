//go:build linux

package execstep_test

import (
	"context"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
	"github.com/batchctl/batchctl/internal/jobs/execstep"
)

// After a death while the command ran, OnCrash decides.
func TestOnCrash(t *testing.T) {
	t.Parallel()
	const script = "echo run >> runs; echo > ready; exec sleep 600"
	again := func(onCrash execstep.OnCrash, check ...string) execstep.Config {
		return execstep.Config{Script: "echo run >> runs", OnCrash: onCrash, CheckCommand: check}
	}
	runs := func(b *bundle) int { return strings.Count(b.read("runs"), "run") }
	for _, tt := range []struct {
		name string
		cfg  execstep.Config
		runs int
	}{
		{"rerun", again(execstep.Rerun), 2},
		{"skip", again(execstep.Skip), 1},
		{"check says done", again(execstep.Check, "sh", "-c", "exit 0"), 1},
		{"check says not done", again(execstep.Check, "sh", "-c", "exit 1"), 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.dieAlone(script, tt.cfg.OnCrash)
			je := b.must(tt.cfg)
			wantStep(t, je, "COMPLETED/COMPLETED")
			if got := runs(b); got != tt.runs {
				t.Errorf("the command ran %d times, want %d", got, tt.runs)
			}
			if said := je.Steps[0].ExitStatus.Message; (tt.runs == 1) != strings.Contains(said, "it was not run again") {
				t.Errorf("the step says %q", said)
			}
			if _, marked := b.context(je)[execstep.ContextKeyStarted]; marked {
				t.Error("the mark is still there")
			}
		})
	}
	t.Run("fail fails once, so that a person looks", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.dieAlone(script, execstep.Fail)
		je, err := b.run(again(execstep.Fail))
		wantError(t, err, nil, "batchctl died while the script of step execution 1 ran", "on-crash is fail")
		wantStep(t, je, "FAILED/FAILED")
		if runs(b) != 1 {
			t.Error("it ran again")
		}
		if got := je.Steps[0].Version; got != 1 {
			t.Errorf("the failure took %d writes, between which nobody would have been told", got)
		}
		b.must(again(execstep.Fail))
		if runs(b) != 2 {
			t.Error("the restart after that did not run it")
		}
	})
	t.Run("check that cannot tell fails, and is asked again", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.dieAlone(script, execstep.Check)
		je, err := b.run(again(execstep.Check, "sh", "-c", "echo no idea; exit 7"))
		wantError(t, err, nil, `the check command "sh" exited with code 7`, "0, done, or 1, not done", "no idea")
		wantClass(t, err, execstep.ClassExit)
		wantStep(t, je, "FAILED/FAILED")
		if _, marked := b.context(je)[execstep.ContextKeyStarted]; !marked {
			t.Error("the mark is gone, and nobody would ask again")
		}
		_, err = b.run(again(execstep.Check, "/nowhere/check"))
		wantError(t, err, core.ErrJobDefinition, `"/nowhere/check" cannot be run`)
		b.must(again(execstep.Check, "sh", "-c", `echo "context.found=yes" > "$BATCH_OUTPUT"; test "$BATCH_PARAM_DAY" = "" && test -e runs`))
		if runs(b) != 1 {
			t.Error("it ran again")
		}
	})
	t.Run("check that is killed has not said that it was done", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.dieAlone(script, execstep.Check)
		je, err := b.run(again(execstep.Check, "sh", "-c", "kill -KILL $$"))
		wantError(t, err, nil, "batchctl died while the script of step execution 1 ran", `the check command "sh" was ended by SIGKILL`)
		wantClass(t, err, execstep.ClassSignal)
		wantStep(t, je, "FAILED/FAILED")
		if got := core.Hint(err); got != "find out, then restart: that asks again" {
			t.Errorf("the hint is %q", got)
		}
		b.must(again(execstep.Check, "false"))
		if got := runs(b); got != 2 {
			t.Errorf("after a check that says not done it ran %d times, want 2", got)
		}
	})
	t.Run("check hands back what the command could not", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.dieAlone(script, execstep.Check)
		je := b.must(again(execstep.Check, "sh", "-c", `printf 'exit-status=LATE\ncontext.found=yes\n' > "$BATCH_OUTPUT"`))
		wantStep(t, je, "COMPLETED/LATE")
		if got := b.context(je)["found"]; got != "yes" {
			t.Errorf("got %v", got)
		}
	})
	t.Run("what a check that says not done has written is not the command's", func(t *testing.T) {
		t.Parallel()
		for name, spoil := range map[string]string{
			"text":              `printf 'exit-status=CHECKED\ncontext.found=yes\n' > "$BATCH_OUTPUT"`,
			"no output at all":  `rm "$BATCH_OUTPUT"`,
			"another file":      `rm "$BATCH_OUTPUT"; echo context.found=yes > aside; ln -s "$PWD/aside" "$BATCH_OUTPUT"`,
			"what is no output": `echo ? > "$BATCH_OUTPUT"`,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				b.dieAlone(script, execstep.Check)
				cfg := again(execstep.Check, "sh", "-c", spoil+"; exit 1")
				cfg.Script += `; echo context.mine=yes >> "$BATCH_OUTPUT"`
				je := b.must(cfg)
				wantStep(t, je, "COMPLETED/COMPLETED")
				if ec := b.context(je); ec["found"] != nil || ec["mine"] != "yes" || runs(b) != 2 {
					t.Errorf("after %d runs the context is %v", runs(b), ec)
				}
				if b.exists("aside") && b.read("aside") != "context.found=yes\n" {
					t.Error("a file that is not batchctl's was changed")
				}
			})
		}
	})
	t.Run("a command that failed is no crash", func(t *testing.T) {
		t.Parallel()
		for _, onCrash := range []execstep.OnCrash{execstep.Fail, execstep.Skip} {
			b := setup(t)
			je, err := b.run(execstep.Config{Script: "echo run >> runs; exit 1", OnCrash: onCrash})
			wantClass(t, err, execstep.ClassExit)
			wantStep(t, je, "FAILED/FAILED")
			if got := je.Steps[0].Version; got != 2 {
				t.Errorf("on-crash %s: the step's row was written %d times after its start, want 2", onCrash, got)
			}
			b.must(again(onCrash))
			if got := runs(b); got != 2 {
				t.Errorf("on-crash %s: it ran %d times, want 2", onCrash, got)
			}
		}
	})
	t.Run("all but rerun cost one transaction", func(t *testing.T) {
		t.Parallel()
		for onCrash, want := range map[execstep.OnCrash]int64{execstep.Rerun: 1, execstep.Skip: 2} {
			je := setup(t).must(execstep.Config{Script: "exit 0", OnCrash: onCrash})
			if got := je.Steps[0].Version; got != want {
				t.Errorf("on-crash %s: the step's row was written %d times after its start, want %d", onCrash, got, want)
			}
		}
	})
}

// A command that completed is not run again because the step's end was lost,
// which takes a listener after the step.
func TestEndIsLost(t *testing.T) {
	t.Parallel()
	for _, onCrash := range []execstep.OnCrash{execstep.Rerun, execstep.Fail, execstep.Skip, execstep.Check} {
		t.Run(onCrash.String(), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			cfg := execstep.Config{
				Script: `echo run >> runs; printf 'exit-status=LATE\ncontext.rows=7\n' > "$BATCH_OUTPUT"`, OnCrash: onCrash,
			}
			if onCrash == execstep.Check {
				cfg.CheckCommand = []string{"sh", "-c", "echo asked >> asked; exit 1"}
			}
			step := b.step(cfg)
			lost := false
			step.Listener.AfterStep = func(_ context.Context, s *core.Scope, _ core.StepExecution) (core.ExitStatus, error) {
				if !lost {
					s.Context.Put("list", []int{1}) // which keeps the end from being written
				}
				lost = true
				return core.ExitStatus{}, nil
			}
			if _, err := b.launch(t.Context(), step); err == nil {
				t.Fatal("the end was written")
			}
			je, err := b.launch(t.Context(), step)
			if err != nil {
				t.Fatal(err)
			}
			wantStep(t, je, "COMPLETED/LATE")
			if got := b.read("runs"); got != "run\n" || b.exists("asked") {
				t.Errorf("the command ran %d times; check asked: %t", strings.Count(got, "run"), b.exists("asked"))
			}
			if got := b.context(je)["rows"]; got != "7" {
				t.Errorf("the context has rows = %v", got)
			}
		})
	}
}

// Wherever it dies, a command with a check has done its work once in the end.
func TestDiesAtEveryPoint(t *testing.T) {
	if !fault.Enabled {
		t.Skip("built without the tag faults")
	}
	t.Parallel()
	for _, point := range fault.Points() {
		ours := strings.HasPrefix(point, "execstep.") || strings.HasPrefix(point, "engine.")
		if !ours || strings.HasSuffix(point, "-abandon") { // which takes a flow
			continue
		}
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			diesAt(t, point, execstep.Check)
		})
	}
	for _, point := range []string{"engine.after-call-commit", "engine.before-step-end", "engine.after-step-end"} {
		for _, onCrash := range []execstep.OnCrash{execstep.Rerun, execstep.Fail, execstep.Skip} {
			t.Run(point+" "+onCrash.String(), func(t *testing.T) {
				t.Parallel()
				diesAt(t, point, onCrash)
			})
		}
	}
}

// diesAt dies at the point in a step with a listener.
func diesAt(t *testing.T, point string, onCrash execstep.OnCrash) {
	t.Helper()
	const script = "echo run >> runs"
	b := setup(t)
	heard, arm := envHeard+"=1", fault.Variable+"="+point+"=kill"
	err := b.other(script, onCrash, heard, arm).Run()
	if err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("it ended with %v", err)
	}
	dead := func() bool {
		v, err := b.store.OwnerOf(t.Context(), 1)
		return err != nil || v.Liveness == core.OwnerDead || v.Owner.Token == ""
	}
	eventually(t, "the end of the script", dead)
	err = b.other(script, onCrash, heard).Run()
	je, findErr := b.store.LastJobExecution(t.Context(), 1)
	if findErr != nil || je.Status != core.StatusCompleted {
		t.Fatalf("it ended %s: %v, %v", je.Status, err, findErr)
	}
	if got := b.read("runs"); got != "run\n" {
		t.Errorf("the command ran %d times", strings.Count(got, "run"))
	}
}
