package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// process is a program that a script has started and will signal.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr buffer
	done           chan error
}

// buffer is read while the process writes to it.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

type processes map[string]*process

type processesKey struct{}

func processesOf(ts *testscript.TestScript) processes {
	ps, ok := ts.Value(processesKey{}).(processes)
	if !ok {
		ts.Fatalf("the script was set up without processes")
	}
	return ps
}

func find(ts *testscript.TestScript, name string) *process {
	p := processesOf(ts)[name]
	if p == nil {
		ts.Fatalf("nothing was started as %s", name)
	}
	return p
}

// start NAME command...: runs the command beside the script.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME command...")
	}
	path := args[1]
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if file := filepath.Join(dir, args[1]); isExecutable(file) {
			path = file
			break
		}
	}
	p := &process{done: make(chan error, 1)}
	p.cmd = exec.Command(path, args[2:]...)
	p.cmd.Args[0] = args[1]
	p.cmd.Dir = ts.MkAbs(".")
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	for _, key := range []string{"PATH", "HOME", "TERM", "LANG", "TZ", "BATCHCTL_DB", "TMPDIR"} {
		if value := ts.Getenv(key); value != "" {
			p.cmd.Env = append(p.cmd.Env, key+"="+value)
		}
	}
	ts.Check(p.cmd.Start())
	go func() { p.done <- p.cmd.Wait() }()
	ts.Defer(func() { _ = p.cmd.Process.Kill() })
	processesOf(ts)[args[0]] = p
}

func isExecutable(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0
}

var signalsByName = map[string]syscall.Signal{
	"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP,
	"KILL": syscall.SIGKILL, "STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT,
}

// signal NAME SIGNAL: sends it.
func signal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || signalsByName[args[1]] == 0 {
		ts.Fatalf("usage: signal NAME INT|TERM|HUP|KILL|STOP|CONT")
	}
	ts.Check(find(ts, args[0]).cmd.Process.Signal(signalsByName[args[1]]))
}

// says NAME PATTERN: waits until a line of its standard error matches. Signals
// of one kind that come too fast are one signal.
func says(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: says NAME PATTERN")
	}
	p, pattern := find(ts, args[0]), regexp.MustCompile("(?m)"+args[1])
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for limit := time.Now().Add(deadline); time.Now().Before(limit); <-ticker.C {
		if pattern.MatchString(p.stderr.String()) {
			return
		}
	}
	ts.Fatalf("%s has not said %s within %s, but %s", args[0], pattern, deadline, p.stderr.String())
}

// ends NAME CODE: waits until the process has ended, with this exit code, and
// writes what it said to NAME.stdout and NAME.stderr. "killed" is the code of
// one that a signal has ended.
func ends(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ends NAME CODE|killed")
	}
	p := find(ts, args[0])
	select {
	case <-p.done:
	case <-time.After(deadline):
		ts.Fatalf("%s has not ended within %s", args[0], deadline)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".stdout"), []byte(p.stdout.String()), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".stderr"), []byte(p.stderr.String()), 0o600))
	got := strconv.Itoa(p.cmd.ProcessState.ExitCode())
	if got == "-1" {
		got = "killed"
	}
	if got != args[1] {
		ts.Fatalf("%s ends %s, want %s\n%s", args[0], got, args[1], strings.TrimSpace(p.stderr.String()))
	}
}
