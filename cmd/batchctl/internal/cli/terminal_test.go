package cli_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/cli"
	"github.com/batchctl/batchctl/cmd/batchctl/internal/streams"
	"github.com/batchctl/batchctl/internal/core"
)

type body func() error

func (b body) Execute(context.Context, *core.Scope) (core.ExitStatus, error) {
	return core.ExitStatus{}, b()
}

// terminal runs commands in front of a terminal of that width, on a repository
// of its own.
type terminal struct {
	width int
	env   map[string]string
}

func (term terminal) run(args ...string) (code int, stdout, stderr string) {
	env := func(key string) (string, bool) { value, ok := term.env[key]; return value, ok }
	s, out, talk := streams.Test()
	s.OutTerminal, s.ErrTerminal, s.Width = true, true, term.width
	s.Look(env)
	code = cli.Run(args, env, s, jobOf("works", nil), jobOf("fails", errors.New("정산 실패")))
	return code, out.String(), talk.String()
}

func jobOf(name string, err error) *core.Job {
	return &core.Job{
		Name: name, Parameters: core.ParameterSpecs{{Name: "day"}},
		Steps: []*core.Step{{Name: "only", Bind: func(*core.Scope) (core.StepBody, error) {
			return body(func() error { return err }), nil
		}}},
	}
}

func newTerminal(t *testing.T, env ...string) terminal {
	t.Helper()
	term := terminal{width: 100, env: map[string]string{
		"TERM": "xterm", "LANG": "C.UTF-8", "BATCHCTL_DB": filepath.Join(t.TempDir(), "r.db"),
	}}
	for _, pair := range env {
		key, value, _ := strings.Cut(pair, "=")
		term.env[key] = value
	}
	return term
}

// A run in front of a person shows the execution; one from cron says nothing.
func TestRunOnTerminal(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		env          []string
		want, absent string
	}{
		"boxes and colour":           {want: "│ \x1b[32mCOMPLETED\x1b[0m │"},
		"NO_COLOR":                   {env: []string{"NO_COLOR=1"}, want: "│ COMPLETED │", absent: "\x1b"},
		"a colour that is asked for": {env: []string{"NO_COLOR=1", "BATCHCTL_COLOR=always"}, want: "\x1b[32mCOMPLETED\x1b[0m"},
		"a dumb terminal":            {env: []string{"TERM=dumb"}, want: "| COMPLETED |", absent: "│"},
		"the C locale":               {env: []string{"LANG=C", "BATCHCTL_COLOR=never"}, want: "| COMPLETED |", absent: "│"},
		"row 103 no TERM":            {env: []string{"TERM="}, want: "only  COMPLETED", absent: "|"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			term := newTerminal(t, tc.env...)
			code, stdout, stderr := term.run("run", "works", "day=1")
			if code != 0 || stderr != "" {
				t.Fatalf("exits %d, says %q", code, stderr)
			}
			if !strings.Contains(stdout, tc.want) {
				t.Errorf("%q is not in\n%s", tc.want, stdout)
			}
			if tc.absent != "" && strings.Contains(stdout, tc.absent) {
				t.Errorf("%q is in\n%s", tc.absent, stdout)
			}
		})
	}
}

func TestFailureOnTerminal(t *testing.T) {
	t.Parallel()
	term := newTerminal(t)
	code, stdout, stderr := term.run("run", "fails", "day=1")
	if code != 1 || !strings.Contains(stdout, "\x1b[31mFAILED\x1b[0m") {
		t.Errorf("exits %d, shows\n%s", code, stdout)
	}
	const first = "error: run fails: step only: 정산 실패\n"
	if !strings.HasPrefix(stderr, first) || strings.Contains(stderr, "\x1b") {
		t.Errorf("says %q, want %q first and no colour", stderr, first)
	}
	want := "--db " + term.env["BATCHCTL_DB"] + " restart 1\n"
	if !strings.HasSuffix(stderr, want) {
		t.Errorf("says %q, want %q last", stderr, want)
	}
}

func TestMoreOnTerminal(t *testing.T) {
	t.Parallel()
	term := newTerminal(t)
	for _, day := range []string{"1", "2", "3"} {
		if code, _, stderr := term.run("run", "works", "day="+day); code != 0 {
			t.Fatalf("exits %d, says %s", code, stderr)
		}
	}
	_, first, more := term.run("executions", "--limit", "2", "-o", "jsonl")
	if !strings.Contains(more, "--page-after 2") {
		t.Errorf("says %q, want where the next page begins", more)
	}
	_, second, more := term.run("executions", "--limit", "2", "--page-after", "2", "-o", "jsonl")
	if more != "" {
		t.Errorf("the last page says %q", more)
	}
	if _, _, more = term.run("instances", "--limit", "3"); more != "" {
		t.Errorf("a page with all there is says %q", more)
	}
	if _, _, more = term.run("instances", "--limit", "1"); !strings.Contains(more, "--page-after 3") {
		t.Errorf("says %q, want where the next page begins", more)
	}
	for id, page := range map[string]string{"3": first, "2": first, "1": second} {
		if !strings.Contains(page, `{"jobExecutionId":`+id+`,`) {
			t.Errorf("execution %s is not on its page:\n%s", id, page)
		}
	}
}
