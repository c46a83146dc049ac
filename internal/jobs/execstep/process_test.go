//go:build linux

package execstep_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/execstep"
)

// overtime runs a script that does not end in time. It is given more of it until
// it got as far as to write all the files: a machine may be slow.
func overtime(t *testing.T, script string, killAfter time.Duration, files ...string) (*bundle, time.Duration, *core.JobExecution, error) {
	t.Helper()
	for timeout := 100 * time.Millisecond; ; timeout *= 2 {
		b := setup(t)
		je, err := b.run(execstep.Config{Script: script, Timeout: timeout, KillAfter: killAfter})
		began := !slices.ContainsFunc(files, func(name string) bool {
			text, err := os.ReadFile(filepath.Join(b.dir, name))
			return err != nil || !strings.HasSuffix(string(text), "\n")
		})
		switch {
		case began:
			return b, timeout, je, err
		case timeout > patience:
			t.Fatalf("within %s the script has not written %q: %v", timeout, files, err)
		}
	}
}

// begin runs cfg, and calls then as soon as the script has written "ready".
func (b *bundle) begin(cfg execstep.Config, then func(cancel context.CancelCauseFunc)) (*core.JobExecution, error) {
	b.t.Helper()
	ctx, cancel := context.WithCancelCause(b.t.Context())
	defer cancel(nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.await("ready")
		then(cancel)
	}()
	defer func() { <-done }()
	return b.runContext(ctx, cfg)
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	t.Run("STEP-47 what exceeds its time fails, and nothing of it is left", func(t *testing.T) {
		t.Parallel()
		b, timeout, je, err := overtime(t, "echo begun; sleep 600 & echo $! > pid; sleep 600", time.Minute, "pid")
		wantError(t, err, nil, "the script was still running after "+timeout.String()+", was told to end, and was ended by SIGTERM; log", "ends: begun")
		wantClass(t, err, core.ClassTimeout)
		wantStep(t, je, "FAILED/TIMEOUT")
		if je.Status != core.StatusFailed || je.ExitStatus.Code != "TIMEOUT" {
			t.Errorf("the job is %s/%s", je.Status, je.ExitStatus.Code)
		}
		if pid := b.await("pid"); isRunning(pid) {
			t.Errorf("its child %s runs on", pid)
		}
	})
	t.Run("a child that ignores TERM is killed", func(t *testing.T) {
		t.Parallel()
		const script = "trap '' TERM; (trap '' TERM; exec sleep 600) & echo $! > pid; echo $$ > self; while :; do sleep 600; done"
		b, _, je, err := overtime(t, script, 100*time.Millisecond, "pid", "self")
		wantError(t, err, nil, "was told to end, and was ended by SIGKILL; log")
		wantClass(t, err, core.ClassTimeout)
		wantStep(t, je, "FAILED/TIMEOUT")
		for _, name := range []string{"pid", "self"} {
			if pid := b.await(name); isRunning(pid) {
				t.Errorf("%s %s runs on", name, pid)
			}
		}
	})
	t.Run("one that was stopped is woken to hear TERM", func(t *testing.T) {
		t.Parallel()
		const script = "trap 'echo heard > heard; exit 0' TERM; echo > trapped; kill -STOP $$"
		b, _, je, err := overtime(t, script, time.Hour, "trapped")
		wantClass(t, err, core.ClassTimeout)
		wantStep(t, je, "FAILED/TIMEOUT") // its exit 0 came too late
		if got := b.read("heard"); got != "heard\n" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a double fork into a session of its own does not escape", func(t *testing.T) {
		t.Parallel()
		const script = "(setsid sh -c 'trap \"\" TERM; echo $$ > pid; while :; do sleep 600; done' &); sleep 600"
		b, _, _, err := overtime(t, script, 100*time.Millisecond, "pid")
		wantClass(t, err, core.ClassTimeout)
		if pid := b.await("pid"); isRunning(pid) {
			killGroup(t, pid)
			t.Errorf("process %s has escaped", pid)
		}
	})
	t.Run("a command that is in time is not touched", func(t *testing.T) {
		t.Parallel()
		cfg := sh("exit 0")
		cfg.Timeout = time.Hour
		wantStep(t, setup(t).must(cfg), "COMPLETED/COMPLETED")
	})
}

func TestLeftBehind(t *testing.T) {
	t.Parallel()
	t.Run("exit 0 with a child that holds stdout is COMPLETED at once, with a warning", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je := b.must(sh("sleep 600 & echo $! > pid; echo done"))
		pid := b.await("pid")
		defer killGroup(t, pid)
		wantStep(t, je, "COMPLETED/COMPLETED")
		if !isRunning(pid) {
			t.Error("what the command has left was ended")
		}
		if !strings.Contains(b.logs.String(), "the command has left processes running") ||
			!strings.Contains(je.Steps[0].ExitStatus.Message, "were left running") {
			t.Errorf("nobody was warned: %q, %s", je.Steps[0].ExitStatus.Message, b.logs.String())
		}
	})
	t.Run("what a failed command leaves is ended", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, err := b.run(sh("sleep 600 & echo $! > pid; exit 1"))
		wantClass(t, err, execstep.ClassExit)
		if pid := b.await("pid"); isRunning(pid) {
			t.Errorf("process %s is left", pid)
		}
	})
	t.Run("what a failed command has put into a session of its own is ended too", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, err := b.run(sh("setsid sh -c 'echo $$ > pid; exec sleep 600 > /dev/null 3>&-' & until test -s pid; do sleep 0.02; done; exit 1"))
		wantClass(t, err, execstep.ClassExit)
		if pid := b.await("pid"); isRunning(pid) {
			killGroup(t, pid)
			t.Errorf("process %s is left", pid)
		}
	})
}

func TestStop(t *testing.T) {
	t.Parallel()
	stop := func(b *bundle) func(context.CancelCauseFunc) {
		return func(context.CancelCauseFunc) { b.stop.Request(core.ErrStopped) }
	}
	t.Run("STEP-48 STEP-49 a stop ends the command, and the step is STOPPED", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.begin(sh("sleep 600 & echo $! > pid; echo > ready; wait"), stop(b))
		wantError(t, err, core.ErrStopped, "the script was told to end, and was ended by SIGTERM")
		wantStep(t, je, "STOPPED/STOPPED")
		if je.Status != core.StatusStopped {
			t.Errorf("the job is %s", je.Status)
		}
		if pid := b.await("pid"); isRunning(pid) {
			t.Errorf("its child %s runs on", pid)
		}
		if got := b.log(b.must(sh("echo $BATCH_ATTEMPT"))); got != "2\n" {
			t.Errorf("the restart says %q", got)
		}
	})
	t.Run("STEP-49 a stop that another process asks for", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		other := openStore(t, b.dir)
		je, err := b.begin(sh("echo > ready; sleep 600"), func(context.CancelCauseFunc) {
			if _, err := other.RequestStop(context.Background(), 1); err != nil {
				b.t.Error(err)
			}
		})
		wantError(t, err, core.ErrStopped)
		wantStep(t, je, "STOPPED/STOPPED")
	})
	t.Run("a timeout of the run is a stop", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.begin(sh("echo > ready; sleep 600"), func(context.CancelCauseFunc) { b.stop.Request(core.ErrTimeout) })
		wantError(t, err, core.ErrTimeout)
		wantStep(t, je, "STOPPED/STOPPED")
	})
	t.Run("STEP-13 a command that finishes its work after the stop is COMPLETED", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.begin(sh("trap 'echo finished; exit 0' TERM; echo > ready; sleep 600 & wait"), stop(b))
		if err != nil {
			t.Error(err)
		}
		wantStep(t, je, "COMPLETED/COMPLETED")
		if got := b.log(je); got != "finished\n" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a stop before the start starts nothing", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		cfg := execstep.Config{Script: "echo > ran", OnCrash: execstep.Skip}
		step := b.step(cfg)
		bind := step.Bind
		step.Bind = func(s *core.Scope) (core.StepBody, error) {
			body, err := bind(s)
			s.Stop.Request(core.ErrStopped)
			return body, err
		}
		_, err := b.launch(t.Context(), step)
		wantError(t, err, core.ErrStopped)
		if b.exists("ran") {
			t.Error("it ran")
		}
	})
	t.Run("an abort ends the command quickly, whatever kill-after says", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		cfg := sh("trap '' TERM; echo $$ > pid; echo > ready; while :; do sleep 600; done")
		cfg.KillAfter, cfg.OnCrash = time.Hour, execstep.Skip
		je, err := b.begin(cfg, func(cancel context.CancelCauseFunc) {
			b.stop.Request(core.ErrStopped) // the first signal
			cancel(core.ErrAborted)         // the second
		})
		wantError(t, err, nil, "was ended by SIGKILL")
		wantStep(t, je, "STOPPED/STOPPED")
		if pid := b.await("pid"); isRunning(pid) {
			t.Errorf("process %s runs on", pid)
		}
		if _, marked := b.context(je)[execstep.ContextKeyStarted]; marked {
			t.Error("its end is known, and the mark is there: a restart would skip it")
		}
	})
	t.Run("an abort that the command overtakes leaves the question to the restart", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		cfg := sh("trap 'exit 0' TERM; echo > ready; sleep 600 & wait")
		cfg.OnCrash = execstep.Fail
		je, err := b.begin(cfg, func(cancel context.CancelCauseFunc) { cancel(core.ErrAborted) })
		wantError(t, err, core.ErrAborted)
		wantStep(t, je, "STOPPED/STOPPED")
		if _, marked := b.context(je)[execstep.ContextKeyStarted]; !marked {
			t.Error("the mark is gone, though the command may have done its work")
		}
	})
}

// A writer without end costs no more disk than what is kept, and a little.
func TestEndlessWriter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const line = "'a line of an endless output'"
	cfg := sh("echo FIRST; yes " + line + " | head -c 600000000; echo > ready; yes " + line + " & sleep 600")
	path := filepath.Join(b.dir, "logs/nightly/1-work.log")
	most := make(chan int64)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		var blocks int64
		for ctx.Err() == nil {
			blocks = max(blocks, allocated(path))
		}
		most <- blocks
	}()
	_, err := b.begin(cfg, func(context.CancelCauseFunc) { b.stop.Request(core.ErrStopped) })
	cancel()
	wantError(t, err, core.ErrStopped)
	text := b.read("logs/nightly/1-work.log")
	_, note, ok := strings.Cut(text, "[... ")
	var dropped int64
	if _, err := fmt.Sscanf(note, "%d bytes are left out here ...]", &dropped); !ok || err != nil || dropped < 1<<20 {
		t.Fatalf("the log does not say what is left out: %d, %v", dropped, err)
	}
	if got, limit := len(text), 2<<20+100; got > limit || !strings.HasPrefix(text, "FIRST\n") ||
		!strings.Contains(text[len(text)-60:], "endless output\n") || strings.Contains(text, "\x00") {
		t.Errorf("the log has %d bytes, at most %d, and begins with %.20q", got, limit, text)
	}
	blocks := <-most
	t.Logf("%d MB were written, %d MB allocated at most", (dropped+2<<20)>>20, blocks>>20)
	if total := dropped + 2<<20; total > 512<<20 && blocks > total/2 {
		t.Errorf("%d of %d bytes were allocated at once", blocks, total)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
