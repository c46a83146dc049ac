package main_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/jobs/execstep"
)

// parameterJobs are jobs that differ in what they are given.
func parameterJobs() []*core.Job {
	noLuck := core.TaskletFunc(func(context.Context, *core.Scope, *core.StepContribution) (core.RepeatStatus, error) {
		return core.Finished, errors.New("no luck")
	})
	tell := core.TaskletFunc(func(ctx context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
		password, err := s.Secret("password")
		if err == nil {
			s.Log.LogAttrs(ctx, slog.LevelWarn, "log in with "+password.Reveal(), slog.Any("secret", password)) //nolint:sloglint // it has to hold for messages too
		}
		return core.Finished, err
	})
	deny := execstep.Step("deny", func(*core.Scope) (execstep.Config, error) {
		return execstep.Config{
			Script:    `echo "login as $LOGIN_PASSWORD refused"; echo "$LOGIN_PASSWORD" >&2; exit 1`,
			SecretEnv: map[string]string{"LOGIN_PASSWORD": "password"},
		}, nil
	})
	return []*core.Job{
		{
			Name: "dated", Help: "fail on a day", Incrementer: core.DateIncrementer{Name: "day"},
			Parameters: core.ParameterSpecs{
				{Name: "day", Type: core.TypeDate, Required: true}, {Name: "cutoff", Type: core.TypeDate, NonIdentifying: true}, {Name: "note"},
			},
			Steps: []*core.Step{engine.TaskletStep("fails", noLuck)},
		},
		{
			Name: "login", Help: "tell everybody a secret",
			Parameters: core.ParameterSpecs{{Name: "password", Type: core.TypeSecret, Required: true}, {Name: "n", Type: core.TypeLong}},
			Steps:      []*core.Step{engine.TaskletStep("tell", tell), deny},
		},
		{
			Name: "twins", Help: "take two names that look the same",
			Parameters: core.ParameterSpecs{{Name: "caf\u00e9"}, {Name: "cafe\u0301"}},
			Steps:      []*core.Step{engine.TaskletStep("fails", noLuck)},
		},
	}
}

// hides TEXT FILE: no file below the folder of the script, but that one, has the
// text, and neither have the outputs of the last command. The repository and its
// write-ahead log are among the files.
func hides(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: hides TEXT FILE")
	}
	for _, output := range []string{"stdout", "stderr"} {
		if strings.Contains(ts.ReadFile(output), args[0]) {
			ts.Fatalf("the text stands in %s", output)
		}
	}
	seen := map[string]bool{}
	err := filepath.WalkDir(ts.MkAbs("."), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || entry.Name() == args[1] {
			return err
		}
		seen[filepath.Ext(path)] = true
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), args[0]) {
			ts.Fatalf("the text stands in %s", path)
		}
		return err
	})
	ts.Check(err)
	if !seen[".db"] || !seen[".log"] {
		ts.Fatalf("there was no repository or no log to look through: %v", seen)
	}
}

// params CODE N command...: the command with a file of N parameters exits CODE.
func params(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: params CODE N command...")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "p%d=%d\n", i, i)
	}
	ts.Check(os.WriteFile(ts.MkAbs("many.txt"), []byte(text.String()), 0o600))
	exits(ts, false, append(append([]string{args[0]}, args[2:]...), "--params-file", "many.txt"))
}

// unquoted FILE TEXT: the file holds the text, in which \r and the like are
// characters.
func unquoted(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: unquoted FILE TEXT")
	}
	text, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}
