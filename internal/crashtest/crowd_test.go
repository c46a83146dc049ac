//go:build crash

package crashtest

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// crowdDeadline bounds everything that many processes do together.
const crowdDeadline = 3 * time.Minute

// worker is one process of a crowd.
type worker struct {
	cmd  *exec.Cmd
	log  string        // the file with what it says
	done chan struct{} // closed when it has ended
}

// spawn starts a worker that writes to a log file in the trial's directory. It
// is killed at the end of the test.
func (tr *trial) spawn(t *testing.T, role string, number int, extra []*os.File, env ...string) *worker {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := &worker{log: tr.path(fmt.Sprintf("%s-%03d.log", role, number)), done: make(chan struct{})}
	log, err := os.OpenFile(w.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	w.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), program)
	w.cmd.Stdout, w.cmd.Stderr, w.cmd.ExtraFiles = log, log, extra
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	w.cmd.Env = append(append(tr.environment(role), envNumber+"="+strconv.Itoa(number)), env...)
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // before the directory goes
		_ = w.cmd.Process.Kill() // it has ended, or it is to
		<-w.done
	})
	go func() {
		defer close(w.done)
		_ = w.cmd.Wait() // its state tells more than the error
	}()
	return w
}

// code waits for the worker's end and returns its exit code; killed ones have
// none.
func (w *worker) code(t *testing.T) (code int, killed bool) {
	t.Helper()
	timer := time.NewTimer(crowdDeadline)
	defer timer.Stop()
	select {
	case <-w.done:
	case <-timer.C:
		t.Fatalf("%s: the worker does not end", w.log)
	}
	status, _ := w.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		if status.Signal() != syscall.SIGKILL {
			t.Fatalf("%s: ended by %s", w.log, status.Signal())
		}
		return -1, true
	}
	return status.ExitStatus(), false
}

// wantCode waits for the worker's end.
func (w *worker) wantCode(t *testing.T, want int) {
	t.Helper()
	if code, _ := w.code(t); code != want {
		t.Fatalf("%s: the worker ended with %d, want %d:\n%s", w.log, code, want, w.said(t))
	}
}

func (w *worker) said(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(w.log)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// crowd is a number of workers that start at once.
type crowd struct {
	workers []*worker
	gate    *os.File
}

// gather starts n workers and waits until all of them are at the gate. Their
// memory is bounded: together they are many.
func (tr *trial) gather(t *testing.T, n int, role string, env ...string) *crowd {
	t.Helper()
	gateReader, gate, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ready, readyWriter, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close()
	t.Cleanup(func() { _ = gate.Close() }) // it may be open already
	c := &crowd{gate: gate}
	env = append([]string{envGate + "=1", "GOMAXPROCS=1", "GOGC=50"}, env...)
	for i := range n {
		c.workers = append(c.workers, tr.spawn(t, role, i, []*os.File{gateReader, readyWriter}, env...))
	}
	if err := gateReader.Close(); err != nil {
		t.Fatal(err)
	}
	if err := readyWriter.Close(); err != nil {
		t.Fatal(err)
	}
	if err := ready.SetReadDeadline(time.Now().Add(crowdDeadline)); err != nil {
		t.Fatal(err)
	}
	if got, err := io.Copy(io.Discard, ready); err != nil || got != int64(n) {
		t.Fatalf("%d of %d workers came to the gate: %v", got, n, err)
	}
	return c
}

// open lets all workers start.
func (c *crowd) open(t *testing.T) {
	t.Helper()
	if err := c.gate.Close(); err != nil {
		t.Fatal(err)
	}
}

// memory returns the bytes that the workers have for themselves.
func (c *crowd) memory(t *testing.T) (total int64) {
	t.Helper()
	for _, w := range c.workers {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", w.cmd.Process.Pid))
		if err != nil {
			t.Logf("no figures of memory: %v", err)
			return 0
		}
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); fields[0] == "Pss:" {
				kib, err := strconv.ParseInt(fields[1], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				total += kib << 10
			}
		}
	}
	return total
}

// codes waits for all and counts their exit codes.
func (c *crowd) codes(t *testing.T) (codes map[int]int, killed int) {
	t.Helper()
	codes = map[int]int{}
	for _, w := range c.workers {
		code, dead := w.code(t)
		switch {
		case dead:
			killed++
			continue
		case code != exitCompleted && code != exitComplete && code != exitRunning:
			t.Errorf("%s: ended with %d:\n%s", w.log, code, w.said(t))
		}
		codes[code]++
	}
	return codes, killed
}

// poll waits until done says so.
func poll(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(crowdDeadline)
	defer deadline.Stop()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
