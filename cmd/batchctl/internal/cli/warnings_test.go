package cli_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/cli"
	"github.com/batchctl/batchctl/cmd/batchctl/internal/streams"
	"github.com/batchctl/batchctl/internal/core"
)

// noisy is a job that warns n times, and then ends with err.
func noisy(n int, err error) *core.Job {
	return &core.Job{Name: "noisy", Steps: []*core.Step{{Name: "only", Bind: func(s *core.Scope) (core.StepBody, error) {
		return body(func() error {
			for i := range n {
				s.Log.LogAttrs(context.Background(), slog.LevelWarn, "a call failed",
					slog.Int("n", i), slog.String("why", "\x1b[31mbusy \u202e"))
			}
			return err
		}), nil
	}}}}
}

// repeating is a job whose two steps warn of each of three chunks; the second
// fails.
func repeating() *core.Job {
	step := func(name string, err error) *core.Step {
		return &core.Step{Name: name, Bind: func(s *core.Scope) (core.StepBody, error) {
			return body(func() error {
				for i := range 3 {
					s.Log.LogAttrs(context.Background(), slog.LevelWarn, "some were bad", slog.String("step", name), slog.Int("chunk", i+1))
				}
				return err
			}), nil
		}}
	}
	return &core.Job{Name: "noisy", Steps: []*core.Step{step("one", nil), step("two", errors.New("no luck"))}}
}

// TestWarnings: a run that ends well says nothing to cron, whatever happened on
// the way; one that fails says what did.
func TestWarnings(t *testing.T) {
	t.Parallel()
	const line = `a call failed: n=0 why="\x1b[31mbusy \u202e"` + "\n"
	fails := errors.New("no luck")
	for name, tc := range map[string]struct {
		job      *core.Job
		args     []string
		terminal bool
		want     []string
		absent   string
	}{
		"cron, and all is well":  {job: noisy(3, nil), absent: "a call failed"},
		"cron, and it failed":    {job: noisy(1, fails), want: []string{"error: run noisy: step only: no luck\n", "\n  warning: " + line}, absent: "level="},
		"cron, and many of them": {job: noisy(30, fails), want: []string{"warning: 10 earlier warnings left out; --verbose shows all\n", " n=10 ", " n=29 "}, absent: " n=9 "},
		"cron, and of each chunk": {job: repeating(), want: []string{
			"warning: some were bad: step=one chunk=1 (and 2 more warnings of this kind; --verbose shows all)\n",
			"warning: some were bad: step=two chunk=1 (and 2 more warnings of this kind; --verbose shows all)\n",
		}, absent: "chunk=2"},
		"somebody looks":     {job: noisy(1, nil), terminal: true, want: []string{"warning: " + line}, absent: "level="},
		"somebody wants all": {job: noisy(1, nil), args: []string{"-v"}, want: []string{`level=WARN msg="a call failed" n=0 why="\x1b[31mbusy \u202e"` + "\n", "level=INFO"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sh := newShell(t)
			s, _, talk := streams.Test()
			s.ErrTerminal = tc.terminal
			cli.Run(append([]string{"run", "noisy"}, tc.args...), func(key string) (string, bool) { v, ok := sh.env[key]; return v, ok }, s, tc.job)
			for _, want := range tc.want {
				if !strings.Contains(talk.String(), want) {
					t.Errorf("%q is not in\n%s", want, talk)
				}
			}
			if tc.absent != "" && strings.Contains(talk.String(), tc.absent) {
				t.Errorf("%q is in\n%s", tc.absent, talk)
			}
			if strings.ContainsAny(talk.String(), "\x1b\u202e") {
				t.Errorf("what could steer a terminal is in %q", talk)
			}
		})
	}
}
