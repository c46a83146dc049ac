package main_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/batchctl/batchctl/internal/sample"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// deadline bounds every wait for something that another process does.
const deadline = 60 * time.Second

// TestScripts runs every script below testdata/script against the program.
func TestScripts(t *testing.T) {
	t.Parallel()
	var files []string
	err := filepath.WalkDir(filepath.Join(root(t), "testdata", "script"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(path) == ".txtar" {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scripts found, %v", len(files), err)
	}
	testscript.Run(t, testscript.Params{
		Files: files,
		Setup: func(env *testscript.Env) error {
			env.Setenv("BATCHCTL_DB", "r.db")
			env.Setenv("TERM", "xterm")
			env.Setenv("LANG", "C.UTF-8")
			env.Setenv("LONG", strings.Repeat("k", 101))
			env.Setenv("MANY", strings.Repeat("v", 2501))
			env.Setenv("NL", "\n")
			env.Setenv("NFC", "caf\u00e9")
			env.Setenv("NFD", "cafe\u0301")
			env.Setenv("BADUTF8", "\xff\xfe")
			// A zone in which it is about noon: no day ends while a script runs.
			env.Setenv("NOON", fmt.Sprintf("Etc/GMT%+d", time.Now().UTC().Hour()-12))
			env.Values[processesKey{}] = processes{}
			return os.Symlink(filepath.Join(root(t), "testdata"), filepath.Join(env.WorkDir, "testdata"))
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":           exits,
			"first":           first,
			"firstlike":       firstLike,
			"await":           await,
			"rows":            rows,
			"mend":            mend,
			"gentransactions": genTransactions,
			"many":            many,
			"foreign":         foreign,
			"normal":          normal,
			"start":           start,
			"signal":          signal,
			"ends":            ends,
			"says":            says,
			"hides":           hides,
			"params":          params,
			"unquoted":        unquoted,
		},
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// exits CODE command...: the command ends with this exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE command...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s exits %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// first LINE: the last command's standard error begins with exactly this line.
func first(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: first 'LINE'")
	}
	got, _, _ := strings.Cut(ts.ReadFile("stderr"), "\n")
	if got != args[0] {
		ts.Fatalf("first line of stderr:\n got %s\nwant %s", got, args[0])
	}
}

// firstlike [-in FILE] PATTERN: the last command's standard error, or the file,
// begins with a line all of which matches, for what differs from run to run.
func firstLike(ts *testscript.TestScript, neg bool, args []string) {
	file := "stderr"
	if len(args) == 3 && args[0] == "-in" {
		file, args = args[1], args[2:]
	}
	if neg || len(args) != 1 {
		ts.Fatalf("usage: firstlike [-in FILE] PATTERN")
	}
	got, _, _ := strings.Cut(ts.ReadFile(file), "\n")
	if !regexp.MustCompile("^(?:" + args[0] + ")$").MatchString(got) {
		ts.Fatalf("first line of %s:\n got %s\nwant %s", file, got, args[0])
	}
}

// await PATTERN command...: the command's output matches before the deadline.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await PATTERN command...")
	}
	pattern := regexp.MustCompile(args[0])
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for limit := time.Now().Add(deadline); time.Now().Before(limit); <-ticker.C {
		if ts.Exec(args[1], args[2:]...) == nil && pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
	}
	ts.Fatalf("%s: no %s within %s", strings.Join(args[1:], " "), pattern, deadline)
}

// rows N: the repository holds N executions; "none" means that there is no
// file at all.
func rows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: rows N|none")
	}
	path := ts.MkAbs("r.db")
	_, err := os.Stat(path)
	if args[0] == "none" {
		if !errors.Is(err, fs.ErrNotExist) {
			ts.Fatalf("r.db is there: %v", err)
		}
		return
	}
	ts.Check(err)
	report, err := sqlite.Status(context.Background(), path)
	ts.Check(err)
	if got := strconv.FormatInt(report.Executions, 10); got != args[0] {
		ts.Fatalf("%s executions, want %s", got, args[0])
	}
}

// mend FILE FROM TO: FROM, which must be there once, becomes TO.
func mend(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: mend FILE FROM TO")
	}
	text := ts.ReadFile(args[0])
	if n := strings.Count(text, args[1]); n != 1 {
		ts.Fatalf("%s is in %s %d times", args[1], args[0], n)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
}

// gentransactions ROWS DIR DATE: a day of that many transactions.
func genTransactions(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: gentransactions ROWS DIR DATE")
	}
	records, err := strconv.Atoi(args[0])
	ts.Check(err)
	date, err := time.Parse(time.DateOnly, args[2])
	ts.Check(err)
	ts.Check(os.MkdirAll(ts.MkAbs(args[1]), 0o700))
	ts.Check(sample.Day{Date: date, Records: records}.WriteFiles(ts.MkAbs(args[1])))
}

// many CODE N: run with N parameters exits CODE.
func many(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: many CODE N")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	words := []string{args[0], "batchctl", "run", "dailySettlement"}
	for i := range n {
		words = append(words, fmt.Sprintf("p%d=1", i))
	}
	exits(ts, false, words)
}

// foreign FILE SQL...: makes an SQLite database.
func foreign(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: foreign FILE SQL...")
	}
	ts.Check(execSQL(ts.MkAbs(args[0]), args[1:]...))
}

var normalForms = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`), `"TIME"`},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d`), `TIME`},
	{regexp.MustCompile(` *\b\d+(\.\d+)?(ms|s|µs)\b`), ` DURATION`},
	{regexp.MustCompile(`DURATION +`), `DURATION `},
	{regexp.MustCompile(`\b[0-9a-f]{32}\b`), `TOKEN`},
}

// normal FILE: writes the last standard output to FILE with what differs from
// run to run replaced.
func normal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: normal FILE")
	}
	text := ts.ReadFile("stdout")
	text = strings.ReplaceAll(text, ts.Getenv("WORK"), "$WORK")
	for _, form := range normalForms {
		text = form.pattern.ReplaceAllString(text, form.with)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}
