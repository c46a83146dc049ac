package main_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/cli"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestReadmeExitCodes compares README's table with the program's.
func TestReadmeExitCodes(t *testing.T) {
	t.Parallel()
	var want [][]string
	for _, code := range cli.Codes() {
		want = append(want, []string{code.Code, code.Meaning})
	}
	_, table, _ := strings.Cut(readme(t), "| code | meaning |\n|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var got [][]string
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		got = append(got, cells)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("exit codes (-program +README):\n%s", diff)
	}
}

var exitNote = regexp.MustCompile(`# exit ([0-9]+)`)

// TestReadmeCommands runs every batchctl command in README's console blocks, in
// order, from a folder that looks like the top of the repository, and compares
// the exit codes with the notes behind them.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, input := range []string{"transactions", "readings"} {
		if err := os.CopyFS(filepath.Join(dir, "testdata", input), os.DirFS(filepath.Join(root(t), "testdata", input))); err != nil {
			t.Fatal(err)
		}
	}
	ran := 0
	for _, block := range strings.Split(readme(t), "```console\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		for line := range strings.Lines(block) {
			command, ok := strings.CutPrefix(strings.TrimSpace(line), "$ ")
			if !ok {
				t.Errorf("not a command: %q", line)
				continue
			}
			want := 0
			if note := exitNote.FindStringSubmatch(command); note != nil {
				want, _ = strconv.Atoi(note[1]) // digits
			}
			follow(t, dir, command, want)
			ran++
		}
	}
	if ran < 10 {
		t.Errorf("README has %d commands", ran)
	}
}

// follow runs a command of README in dir, and compares its exit code.
func follow(t *testing.T, dir, command string, want int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "BATCHCTL_DB="+filepath.Join(dir, "batchctl.db"))
	out, err := cmd.CombinedOutput()
	got := 0
	if exit, failed := errors.AsType[*exec.ExitError](err); failed {
		got = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("$ %s\nexits %d, want %d:\n%s", command, got, want, out)
	}
}

// TestReadmeDefinitionPasted: who puts the definition that README shows in the
// place of the one that was made can go on with the commands around it.
func TestReadmeDefinitionPasted(t *testing.T) {
	t.Parallel()
	_, section, _ := strings.Cut(readme(t), "\n## Your own job\n")
	section, _, _ = strings.Cut(section, "\n## ")
	_, definition, _ := strings.Cut(section, "```yaml\n")
	definition, _, _ = strings.Cut(definition, "```\n")
	commands := regexp.MustCompile(`(?m)^\$ (.+)$`).FindAllStringSubmatch(section, -1)
	if len(commands) < 8 {
		t.Fatalf("the section has %d commands", len(commands))
	}
	for _, after := range []string{"batchctl new orders ", "batchctl run orders file=orders-1.csv "} {
		dir, pasted := t.TempDir(), false
		for _, command := range commands {
			want := 0
			if note := exitNote.FindStringSubmatch(command[1]); note != nil {
				want, _ = strconv.Atoi(note[1]) // digits
			}
			follow(t, dir, command[1], want)
			if !pasted && strings.HasPrefix(command[1], after) {
				pasted = true
				if err := os.WriteFile(filepath.Join(dir, "jobs", "orders.yaml"), []byte(definition), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		if !pasted {
			t.Errorf("no command begins with %q", after)
		}
	}
}

// TestReadmeDefinition runs the definition that README shows.
func TestReadmeDefinition(t *testing.T) {
	t.Parallel()
	_, text, found := strings.Cut(readme(t), "```yaml\n")
	text, _, _ = strings.Cut(text, "```\n")
	if !found {
		t.Fatal("README shows no definition")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"jobs/orders.yaml": text, "in.csv": "id,name,amount,day\n1, kim ,12.50,2021-01-01\n2,Lee,oops,2021-01-01\n3,Choi,-1,2021-01-01\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "batchctl", "run", "orders", "file=in.csv", "skipLimit=1", "-o", "json")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "BATCHCTL_DB="+filepath.Join(dir, "batchctl.db"))
	out, err := cmd.CombinedOutput()
	for _, want := range []string{`"readCount": 2`, `"writeCount": 1`, `"filterCount": 1`, `"readSkipCount": 1`} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("no %s: %v\n%s", want, err, out)
		}
	}
}

// TestReadmeMakeTargets: what README tells people to make can be made.
func TestReadmeMakeTargets(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join(root(t), "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, use := range regexp.MustCompile("(?m)(?:^|`)make ([a-z]+)").FindAllStringSubmatch(readme(t), -1) {
		if !strings.Contains(string(makefile), "\n"+use[1]+": ") {
			t.Errorf("README says make %s, and there is no such target", use[1])
		}
	}
}
