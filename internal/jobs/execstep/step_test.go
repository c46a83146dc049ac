//go:build linux

package execstep_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/jobs/execstep"
)

func TestExitCodes(t *testing.T) {
	t.Parallel()
	t.Run("STEP-46 exit 0 is COMPLETED, any other FAILED", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.run(sh("echo first; echo; printf 'bad \\033[31mred\\nlast' >&2; exit 3"))
		log := filepath.Join(b.dir, fmt.Sprintf("logs/nightly/%d-work.log", je.ID))
		wantError(t, err, nil, "step work: the script exited with code 3; log "+core.QuotePath(log)+` ends: first | bad \x1b[31mred | last`)
		wantClass(t, err, execstep.ClassExit)
		wantStep(t, je, "FAILED/FAILED")
		if got := je.Steps[0].ExitStatus.Message; !strings.Contains(got, "exited with code 3") || !strings.Contains(got, "| last") {
			t.Errorf("the step's message is %q", got)
		}
		je = b.must(sh("exit 0"))
		wantStep(t, je, "COMPLETED/COMPLETED")
		if got := je.Steps[0].Counts; got != (core.Counts{Commit: 1}) {
			t.Errorf("got counts %+v, want one commit", got)
		}
	})
	mapping := execstep.Config{ExitCodes: map[int]string{2: "WARNINGS", 3: "STOPPED", 4: "FAILED", 0: "DONE", 7: "NOOP"}, Else: "OTHER"}
	for _, tt := range []struct {
		code   int
		status core.BatchStatus
		exit   string
	}{
		{0, core.StatusCompleted, "DONE"},
		{2, core.StatusCompleted, "WARNINGS"},
		{3, core.StatusStopped, "STOPPED"},
		{4, core.StatusFailed, "FAILED"},
		{5, core.StatusCompleted, "OTHER"},
		{7, core.StatusCompleted, "NOOP"},
		{255, core.StatusCompleted, "OTHER"},
	} {
		t.Run(fmt.Sprintf("%d is %s", tt.code, tt.exit), func(t *testing.T) {
			t.Parallel()
			cfg := mapping
			cfg.Script = fmt.Sprintf("exit %d", tt.code)
			je, err := setup(t).run(cfg)
			if (err == nil) != (tt.status == core.StatusCompleted) {
				t.Errorf("got error %v", err)
			}
			wantStep(t, je, tt.status.String()+"/"+tt.exit)
			if je.Status != tt.status {
				t.Errorf("the job is %s", je.Status)
			}
		})
	}
	t.Run("a signal is FAILED, whatever else is mapped", func(t *testing.T) {
		t.Parallel()
		cfg := mapping
		cfg.Script = "kill -SEGV $$"
		je, err := setup(t).run(cfg)
		wantError(t, err, nil, "the script was ended by SIGSEGV")
		wantClass(t, err, execstep.ClassSignal)
		wantStep(t, je, "FAILED/FAILED")
	})
	t.Run("a command is what messages say, and gets its arguments as they are", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.run(execstep.Config{Command: []string{"sh", "-c", `printf '<%s>' "$@"; exit 1`, "0", "a b", "*", "", `'"`, "$(x)"}})
		wantError(t, err, nil, `command "sh" exited with code 1`)
		if got, want := b.log(je), `<a b><*><><'"><$(x)>`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("a command that cannot be started", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		syscall.ForkLock.RLock() // what another test starts now would keep it open for writing
		err := os.WriteFile(filepath.Join(b.dir, "noformat"), []byte("\x00\x01"), 0o700)
		syscall.ForkLock.RUnlock()
		if err != nil {
			t.Fatal(err)
		}
		je, err := b.run(execstep.Config{Command: []string{"./noformat"}})
		wantError(t, err, nil, `command "./noformat" cannot be started`, "exec format error")
		wantClass(t, err, execstep.ClassStart)
		wantStep(t, je, "FAILED/FAILED")
	})
}

func TestHintAboutModes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := filepath.Join(b.dir, "tool.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := b.run(execstep.Config{Command: []string{path}})
	if got, want := core.Hint(err), core.ShellQuote("chmod", "+x", path); err == nil || got != want {
		t.Errorf("the hint is %q, want %q", got, want)
	}
}

// What is wrong with a step is said before its process starts.
func TestDefinitionErrors(t *testing.T) {
	t.Parallel()
	const ran = "echo > ran"
	for _, tt := range []struct {
		name string
		cfg  execstep.Config
		says string
	}{
		{"no command", execstep.Config{}, "neither a command nor a script"},
		{"both", execstep.Config{Command: []string{"true"}, Script: ran}, "both a command and a script"},
		{"empty command", execstep.Config{Command: []string{""}}, "the name of the command is empty"},
		{"command not found", execstep.Config{Command: []string{"no-such-program"}}, `there is no program "no-such-program" in PATH`},
		{"path not found", execstep.Config{Command: []string{"./nothing"}}, `nothing" cannot be run: no such file or directory`},
		{"not executable", execstep.Config{Command: []string{"/etc/passwd"}}, `"/etc/passwd" cannot be run: it is not executable`},
		{"a folder", execstep.Config{Command: []string{"/etc"}}, `"/etc" cannot be run: it is a directory`},
		{"relative folders of PATH do not count", execstep.Config{Command: []string{"tool"}, Env: map[string]string{"PATH": ".::bin"}}, `no program "tool" in PATH, which is ".::bin"`},
		{"no directory", execstep.Config{Script: ran, Dir: "/nowhere"}, `the working directory "/nowhere" cannot be used: no such file`},
		{"directory is a file", execstep.Config{Script: ran, Dir: "/etc/passwd"}, `the working directory "/etc/passwd" is a file`},
		{"negative timeout", execstep.Config{Script: ran, Timeout: -time.Second}, "the timeout -1s is negative"},
		{"negative kill-after", execstep.Config{Script: ran, KillAfter: -1}, "kill-after -1ns is negative"},
		{"stdin is not there", execstep.Config{Script: ran, Stdin: "in.txt"}, `in.txt" cannot be read: no such file`},
		{"stdin is a folder", execstep.Config{Script: ran, Stdin: "/etc"}, `stdin "/etc" cannot be read: it is a directory`},
		{"exit code too high", execstep.Config{Script: ran, ExitCodes: map[int]string{256: "X"}}, "256 is not between 0 and 255"},
		{"exit code negative", execstep.Config{Script: ran, ExitCodes: map[int]string{-1: "X"}}, "-1 is not between"},
		{"empty outcome", execstep.Config{Script: ran, ExitCodes: map[int]string{1: ""}}, "exit-codes: 1: the exit status is empty"},
		{"reserved outcome", execstep.Config{Script: ran, ExitCodes: map[int]string{1: "UNKNOWN"}}, `"UNKNOWN" begins with UNKNOWN`},
		{"outcome in small letters", execstep.Config{Script: ran, ExitCodes: map[int]string{1: "Failed"}}, `exit-codes: 1: the exit status "Failed" would not mean FAILED: write it in capitals`},
		{"outcome of escapes", execstep.Config{Script: ran, Else: "A\x1b"}, `*: the exit status "A\x1b"`},
		{"outcome too long", execstep.Config{Script: ran, Else: strings.Repeat("x", 101)}, "more than 100 characters"},
		{"NUL in the script", execstep.Config{Script: ran + "\x00"}, "the script"},
		{"NUL in an argument", execstep.Config{Command: []string{"sh", "a\x00b"}}, `the command "a\x00b" contains a NUL character`},
		{"NUL in a variable", execstep.Config{Script: ran, Env: map[string]string{"A": "\x00"}}, "of A contains a NUL"},
		{"variable without a name", execstep.Config{Script: ran, Env: map[string]string{"": "x"}}, `env: "" cannot be the name`},
		{"variable with =", execstep.Config{Script: ran, Env: map[string]string{"A=B": "x"}}, `"A=B" cannot be the name`},
		{"a variable of ours", execstep.Config{Script: ran, Env: map[string]string{"BATCH_OUTPUT": "x"}}, `"BATCH_OUTPUT": names that begin with BATCH_`},
		{"inherit nothing", execstep.Config{Script: ran, InheritEnv: []string{""}}, `inherit: "" cannot`},
		{"on-crash of its own", execstep.Config{Script: ran, OnCrash: 9}, "OnCrash(9) is none of rerun, fail, skip and check"},
		{"check without a command", execstep.Config{Script: ran, OnCrash: execstep.Check}, "there is no check command"},
		{"a check command for nothing", execstep.Config{Script: ran, CheckCommand: []string{"true"}}, "but on-crash is rerun"},
	} {
		t.Run("STEP-50 "+tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			je, err := b.run(tt.cfg)
			wantError(t, err, core.ErrJobDefinition, tt.says)
			wantStep(t, je, "FAILED/FAILED")
			if b.exists("ran") {
				t.Error("it ran all the same")
			}
		})
	}
	t.Run("what bind says fails the step", func(t *testing.T) {
		t.Parallel()
		step := execstep.Step("work", func(*core.Scope) (execstep.Config, error) { return execstep.Config{}, fmt.Errorf("no such key") })
		je, err := setup(t).launch(t.Context(), step)
		wantError(t, err, nil, "no such key")
		wantStep(t, je, "FAILED/FAILED")
		if step.Kind != "exec" {
			t.Errorf("the kind is %q", step.Kind)
		}
	})
}

func TestStdin(t *testing.T) {
	t.Parallel()
	t.Run("it is /dev/null, and there is no terminal", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je := b.must(sh(`cat; test "$(readlink /proc/$$/fd/0)" = /dev/null && ! (: < /dev/tty) 2> /dev/null && echo none`))
		if got := b.log(je); got != "none\n" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("it is not batchctl's own", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		cmd := b.other("readlink /proc/$$/fd/0 > in", execstep.Rerun)
		cmd.Stdin = strings.NewReader("for batchctl\n")
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		if got := b.read("in"); got != "/dev/null\n" {
			t.Errorf("stdin is %q", got)
		}
	})
	t.Run("the command leads a session and a group of its own", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je := b.must(sh(`read -r pid name state parent group session rest < /proc/$$/stat; test "$group $session" = "$$ $$" && echo leads`))
		if got := b.log(je); got != "leads\n" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("it is a file", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		if err := os.WriteFile(filepath.Join(b.dir, "in.txt"), []byte("given\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := sh("cat")
		cfg.Stdin = "in.txt"
		if got := b.log(b.must(cfg)); got != "given\n" {
			t.Errorf("got %q", got)
		}
	})
}

func TestOutputFile(t *testing.T) {
	t.Parallel()
	write := func(lines string) execstep.Config {
		return execstep.Config{Script: `printf '%s' "$LINES_TO_WRITE" > "$BATCH_OUTPUT"`, Env: map[string]string{"LINES_TO_WRITE": lines}}
	}
	t.Run("values commit with the step", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je := b.must(write("# counts\nexit-status=EMPTY DAY\r\ncontext.file=/a=b\n\njob-context.rows=17"))
		wantStep(t, je, "COMPLETED/EMPTY DAY")
		if got := b.context(je)["file"]; got != "/a=b" {
			t.Errorf("the step's context has %v", got)
		}
		stored, err := b.store.JobExecution(t.Context(), je.ID)
		if err != nil || stored.Context["rows"] != "17" {
			t.Errorf("the job's context has %v, %v", stored.Context["rows"], err)
		}
		if log := b.context(je)[execstep.ContextKeyLog]; log != filepath.Join(b.dir, "logs/nightly/1-work.log") {
			t.Errorf("the log is said to be %v", log)
		}
		files, err := os.ReadDir(filepath.Join(b.dir, "logs/nightly"))
		if err != nil || len(files) != 1 {
			t.Errorf("got files %v, %v; want the log alone", files, err)
		}
	})
	t.Run("nothing of a command that failed", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		cfg := write("job-context.rows=17\ncontext.a=b\n")
		cfg.Script += "; exit 1"
		je, err := b.run(cfg)
		wantClass(t, err, execstep.ClassExit)
		if _, told := je.Context["rows"]; told || b.context(je)["a"] != nil {
			t.Errorf("contexts %v and %v", je.Context, b.context(je))
		}
	})
	t.Run("a command that failed or was stopped cannot ask for another end", func(t *testing.T) {
		t.Parallel()
		for code, want := range map[int]string{1: "FAILED/FAILED", 2: "STOPPED/STOPPED"} {
			cfg := write("exit-status=WARNINGS\nno pair\n")
			cfg.Script += fmt.Sprintf("; exit %d", code)
			cfg.ExitCodes = map[int]string{2: "STOPPED"}
			je, err := setup(t).run(cfg)
			wantError(t, err, nil, fmt.Sprintf("the script exited with code %d", code))
			wantStep(t, je, want)
		}
	})
	t.Run("who hears of the end of the job is told the log of a command that failed", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		log := filepath.Join(b.dir, "logs/nightly/1-work.log")
		je, err := b.run(sh("echo no luck; exit 1"))
		if execstep.LogOf(err) != log || execstep.FailedLog(je) != log {
			t.Errorf("got %q and %q, want %q", execstep.LogOf(err), execstep.FailedLog(je), log)
		}
		je = b.must(sh("true")) // of the attempt before
		if got := execstep.FailedLog(je); got != "" {
			t.Errorf("%q did not fail", got)
		}
	})
	for status, want := range map[string]string{"FAILED": "FAILED/FAILED", "STOPPED": "STOPPED/STOPPED"} {
		t.Run("it may say "+status, func(t *testing.T) {
			t.Parallel()
			je, err := setup(t).run(write("exit-status=" + status))
			wantError(t, err, nil, "the script exited with code 0 and asked for "+status+" in its output file; log ")
			wantStep(t, je, want)
		})
	}
	for _, tt := range []struct{ name, script, says string }{
		{"a line that is none", `echo ok=1 > "$BATCH_OUTPUT"`, `line 1: the key "ok" is none of`},
		{"gone", `rm "$BATCH_OUTPUT"`, "no such file"},
		{"a FIFO", `rm "$BATCH_OUTPUT"; mkfifo "$BATCH_OUTPUT"`, "it is a FIFO now"},
		{"a link", `ln -sf /etc/passwd "$BATCH_OUTPUT"`, "it is a symbolic link now"},
		{"endless", `head -c 70000 /dev/zero > "$BATCH_OUTPUT"`, "it has more than 65536 bytes"},
	} {
		t.Run("an output that cannot be read fails the step: "+tt.name, func(t *testing.T) {
			t.Parallel()
			je, err := setup(t).run(sh(tt.script))
			wantError(t, err, nil, "the script exited with code 0: read what the command has written to BATCH_OUTPUT: ", tt.says)
			if got := core.Hint(err); got != "its work may be done, and a restart runs it again" {
				t.Errorf("the hint is %q", got)
			}
			wantClass(t, err, execstep.ClassOutput)
			wantStep(t, je, "FAILED/FAILED")
		})
	}
}

// Two repositories that share a folder for logs do not touch each other's.
func TestLogs(t *testing.T) {
	t.Parallel()
	logs := filepath.Join(t.TempDir(), "deep", "logs")
	for i, want := range []string{"1-work.log", "1-work.2.log", "1-work.3.log"} {
		b := setup(t)
		b.must(execstep.Config{Script: fmt.Sprint("echo ", i), LogDir: logs})
		path := filepath.Join(logs, "nightly", want)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 {
			t.Errorf("the log has mode %s", info.Mode())
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != fmt.Sprintln(i) {
			t.Errorf("%s holds %q, %v", want, text, err)
		}
	}
	if info, err := os.Stat(filepath.Dir(logs)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v, %v", info, err)
	}
	t.Run("a folder that anybody may write to is refused", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		dir := filepath.Join(b.dir, "logs", "nightly")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		_, err := b.run(sh("echo > ran"))
		wantError(t, err, nil, "can be written by others")
		if got, want := core.Hint(err), "chmod go-w "+dir; got != want || b.exists("ran") {
			t.Errorf("the hint is %q, want %q", got, want)
		}
	})
	t.Run("names from outside make no paths", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		step := b.step(sh("exit 0"))
		step.Name = "../../ä/x"
		job := &core.Job{Name: "..", Steps: []*core.Step{step}}
		if _, err := b.Run(t.Context(), job, nil, launch.Options{}); err != nil {
			t.Fatal(err)
		}
		if !b.exists("logs/_../1-.._.._"+"__x.log") && !b.exists("logs/_../1-_.._..___x.log") {
			files, err := filepath.Glob(filepath.Join(b.dir, "logs/*/*"))
			t.Errorf("got %v, %v", files, err)
		}
	})
}
