//go:build linux

package execstep_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/execstep"
)

// asker is a step that asks a co-process.
type asker struct {
	p         *execstep.Coprocess
	questions []string
	answers   *[]string
	between   func(i int)
}

func (a asker) Execute(ctx context.Context, _ *core.Scope) (exit core.ExitStatus, err error) {
	defer func() { err = errors.Join(err, a.p.Close()) }()
	if err := a.p.Open(ctx, nil); err != nil {
		return exit, err
	}
	for i, q := range a.questions {
		if a.between != nil {
			a.between(i)
		}
		got, err := a.p.Ask(ctx, []byte(q+"\n"))
		if err != nil {
			if _, again := a.p.Ask(ctx, []byte(q+"\n")); !errors.Is(again, err) {
				return exit, errors.New("it was asked again after " + err.Error())
			}
			return exit, err
		}
		*a.answers = append(*a.answers, string(got))
	}
	return core.ExitStatus{Code: core.ExitCodeCompleted}, a.p.Finish(ctx)
}

// ask runs a step that asks a script, and returns what it answered.
func (b *bundle) ask(ctx context.Context, cfg execstep.Config, between func(int), questions ...string) ([]string, *core.JobExecution, error) {
	b.t.Helper()
	var answers []string
	cfg.Dir, cfg.LogDir = b.dir, filepath.Join(b.dir, "logs")
	je, err := b.launch(ctx, &core.Step{Name: "work", Kind: "chunk", Bind: func(s *core.Scope) (core.StepBody, error) {
		p, err := execstep.NewCoprocess(s, cfg)
		return asker{p, questions, &answers, between}, err
	}})
	return answers, je, err
}

func TestCoprocess(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300_000) // more than two pipes hold
	for _, tt := range []struct {
		name, script string
		questions    []string
		want         []string
	}{
		{"answers in turn", `n=0; while read -r l; do n=$((n+1)); echo "$n:$l"; done`, []string{"a", "b", "c"}, []string{"1:a", "2:b", "3:c"}},
		{"sed that does not wait", `sed -u 's/a/b/'`, []string{"a", ""}, []string{"b", ""}},
		{"a question that no pipe holds, answered while it is written", `cat`, []string{long, "b"}, []string{long, "b"}},
		{"the carriage return of another world", `while read -r l; do printf '%s\r\n' "$l"; done`, []string{"a"}, []string{"a"}},
		{"no question at all", `cat >/dev/null`, nil, nil},
		{"dies behind its last answer", `read -r l; echo "$l"`, []string{"a"}, []string{"a"}},
		{"is told where it is", `read -r l; echo "$BATCH_STEP_NAME $BATCH_ATTEMPT"`, []string{"a"}, []string{"work 1"}},
		{"an answer just as long as it may be", `read -r l; head -c 1048576 /dev/zero | tr '\0' y; echo`, []string{"a"}, []string{strings.Repeat("y", execstep.MaxAnswer)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			got, je, err := b.ask(t.Context(), sh("echo began >&2; "+tt.script), nil, tt.questions...)
			if err != nil {
				t.Fatal(err)
			}
			if !cmp.Equal(tt.want, got) {
				t.Errorf("got %.200q, want %.200q", got, tt.want)
			}
			if log := b.log(je); log != "began\n" {
				t.Errorf("the log is %q", log)
			}
		})
	}
}

func TestCoprocessFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, script, class string
		texts               []string
	}{
		{
			"exits", `read -r l; echo "$l"; read -r l; echo no such model >&2; exit 3`, execstep.ClassExit,
			[]string{"exited with code 3 before it had answered", `1-work.log" ends: no such model`},
		},
		{"exits with 0", `read -r l; echo "$l"; read -r l`, execstep.ClassExit, []string{"exited with code 0 before it had answered", "is empty"}},
		{"exits between two questions", `read -r l; echo "$l"; exit 4`, execstep.ClassExit, []string{"code 4"}},
		{"is killed", `read -r l; echo "$l"; read -r l; kill -9 $$`, execstep.ClassSignal, []string{"was ended by SIGKILL before"}},
		{"hangs", `read -r l; echo "$l"; read -r l; echo thinking >&2; sleep 1000`, core.ClassTimeout, []string{"has not answered within ", "ends: thinking"}},
		{"hangs with half a line", `read -r l; echo "$l"; read -r l; printf x; sleep 1000`, core.ClassTimeout, []string{"has not answered within "}},
		{"answers too long", `read -r l; echo "$l"; read -r l; head -c 1048577 /dev/zero | tr '\0' y; echo; cat`, execstep.ClassAnswer, []string{"more than 1048576 bytes", "yyy"}},
		{"answers without end", `read -r l; echo "$l"; read -r l; yes | tr -d '\n'`, execstep.ClassAnswer, []string{"more than 1048576 bytes"}},
		{"answers twice", `read -r l; printf 'a\nnoise\n'; cat`, execstep.ClassAnswer, []string{"wrote a line that it was not asked for", `behind this answer: "a"`}},
		{"closes its stdout", `read -r l; echo "$l"; exec >&-; sleep 1000`, execstep.ClassAnswer, []string{"closed its stdout but runs on"}},
		{"says the last words without a line feed", `read -r l; echo "$l"; read -r l; printf half`, execstep.ClassExit, []string{"exited with code 0 before it had answered"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			cfg := sh(tt.script)
			cfg.Timeout, cfg.KillAfter = patience, 100*time.Millisecond
			if tt.class == core.ClassTimeout {
				cfg.Timeout = 300 * time.Millisecond
			}
			got, je, err := b.ask(t.Context(), cfg, nil, "a", "b", "c")
			for len(got) == 0 && cfg.Timeout < patience { // it was not there in time for the first
				b, cfg.Timeout = setup(t), 2*cfg.Timeout
				got, je, err = b.ask(t.Context(), cfg, nil, "a", "b", "c")
			}
			wantError(t, err, nil, tt.texts...)
			if tt.class == core.ClassTimeout {
				wantError(t, err, nil, "within "+cfg.Timeout.String())
			}
			wantClass(t, err, tt.class)
			wantStep(t, je, "FAILED/FAILED")
			if tt.name != "answers twice" && len(got) != 1 {
				t.Errorf("answers %q, want the first", got)
			}
			if !core.Undeniable(err) {
				t.Error("a policy could pass over it")
			}
			// The next attempt has a command of its own.
			got, _, err = b.ask(t.Context(), sh("cat"), nil, "b", "c")
			if err != nil || !cmp.Equal(got, []string{"b", "c"}) {
				t.Errorf("the restart got %q, %v", got, err)
			}
		})
	}
}

func TestCoprocessEnds(t *testing.T) {
	t.Parallel()
	t.Run("behind the last question it may fail yet", func(t *testing.T) {
		t.Parallel()
		_, _, err := setup(t).ask(t.Context(), sh(`read -r l; echo "$l"; read -r l; echo incomplete >&2; exit 5`), nil, "a")
		wantError(t, err, nil, "exited with code 5 behind the last record", "ends: incomplete")
	})
	t.Run("a line too many is seen at the end", func(t *testing.T) {
		t.Parallel()
		_, _, err := setup(t).ask(t.Context(), sh(`read -r l; echo "$l"; read -r l; echo total`), nil, "a")
		wantError(t, err, nil, "not asked for", "total")
	})
	t.Run("one that does not end is told to, and is gone with all it has started", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		cfg := sh(`trap '' TERM; sleep 1000 & echo $! > child; read -r l; echo "$l"; while :; do sleep 0.01; done`)
		cfg.KillAfter = 50 * time.Millisecond
		if _, _, err := b.ask(t.Context(), cfg, nil, "a"); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.logs.String(), "the co-process runs on behind the end of its stdin") || !strings.Contains(b.logs.String(), "SIGKILL") {
			t.Errorf("nobody was told: %s", b.logs)
		}
		if pid := strings.TrimSpace(b.read("child")); isRunning(pid) {
			t.Errorf("process %s lives on", pid)
		}
	})
	t.Run("at an abort nobody waits for an answer", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		cfg := sh("read -r l; sleep 1000")
		cfg.Timeout = time.Hour
		asked := func(int) { time.AfterFunc(20*time.Millisecond, func() { cancel(core.ErrAborted) }) }
		_, _, err := b.ask(ctx, cfg, asked, strings.Repeat("x", 200_000))
		wantError(t, err, core.ErrAborted)
	})
	t.Run("one that is not there", func(t *testing.T) {
		t.Parallel()
		_, _, err := setup(t).ask(t.Context(), execstep.Config{Command: []string{"./nobody"}}, nil, "a")
		wantError(t, err, core.ErrJobDefinition, "nobody")
	})
	t.Run("one with an stdin of its own", func(t *testing.T) {
		t.Parallel()
		cfg := sh("cat")
		cfg.Stdin = "x"
		_, _, err := setup(t).ask(t.Context(), cfg, nil, "a")
		wantError(t, err, core.ErrJobDefinition, "no stdin but its questions")
	})
}
