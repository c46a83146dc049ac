package execstep

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// How often things are looked at. None of them delays the end of a command that
// ends by itself.
const (
	pollFirst = 2 * time.Millisecond // while a command is made to end
	pollMost  = 50 * time.Millisecond
	// abortGrace is how long a command has when batchctl was told to end at once.
	abortGrace = 500 * time.Millisecond
	// deathWait is how long a killed process may take to be gone: one that waits
	// for a dead disk is not, and must not hold up the end of the run.
	deathWait = 3 * time.Second
)

// process is a command that was started. It leads a session, and so a process
// group, of its own.
type process struct {
	cmd  *exec.Cmd
	call string        // the value of callVariable in every process of it
	done chan struct{} // closed when the command has ended and err is set
	err  error
	wait time.Duration // deathWait
}

// start starts a command. Its stdout and stderr are the log, unless the call names
// another stdout; kept, which may be nil, is open in it as descriptor 3.
//
// When the thread that has started a process ends, the kernel kills the process:
// so it dies with batchctl, even when that is killed. The thread must therefore
// stay until then, and waits for the command.
func start(c call) (*process, error) {
	cmd := &exec.Cmd{
		Path: c.path, Args: c.argv, Env: c.env, Dir: c.dir, Stdout: c.log.child, Stderr: c.log.child,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	}
	if c.stdout != nil {
		cmd.Stdout = c.stdout
	}
	if c.stdin != nil {
		cmd.Stdin = c.stdin
	}
	if c.kept != nil {
		cmd.ExtraFiles = []*os.File{c.kept}
	}
	p := &process{cmd: cmd, call: c.mark, done: make(chan struct{}), wait: deathWait}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, <-started
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// supervise waits for the end of the command, makes it end when its time is over
// or the run is to end, and keeps its log short.
func (p *process) supervise(ctx context.Context, c call, stop <-chan struct{}) result {
	var timeout <-chan time.Time
	if c.timeout > 0 {
		timer := time.NewTimer(c.timeout)
		defer timer.Stop()
		timeout = timer.C
	}
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	for {
		why := byItself
		select {
		case <-p.done:
		case <-timeout:
			why = byTimeout
		case <-stop:
			why = byStop
		case <-ctx.Done():
			why = byAbort
		case <-tick.C:
			_ = c.log.trim() // finish says what is wrong with it
			continue
		}
		if why == byItself || p.hasEnded() {
			return p.result(byItself)
		}
		p.terminate(ctx, c.killAfter, c.log)
		return p.result(why)
	}
}

// ended is closed when the command itself has ended.
func (p *process) ended() <-chan struct{} { return p.done }

func (p *process) hasEnded() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// terminate asks the command and all that it has started to end, and kills what
// is left when its time is over; it returns when nothing is left, or when it
// does not die.
func (p *process) terminate(ctx context.Context, grace time.Duration, log *logFile) {
	p.signal(syscall.SIGTERM)
	p.signal(syscall.SIGCONT) // one that is stopped would not hear it
	kill := time.NewTimer(grace)
	defer kill.Stop()
	aborted := ctx.Done()
	var giveUp <-chan time.Time
	poll := pollFirst
	for {
		look := time.NewTimer(poll)
		select {
		case <-aborted:
			aborted = nil
			if giveUp == nil {
				kill.Reset(min(grace, abortGrace))
			}
		case <-kill.C:
			p.signal(syscall.SIGKILL)
			timer := time.NewTimer(p.wait)
			defer timer.Stop() // once: kill fires once
			giveUp = timer.C
		case <-giveUp:
			look.Stop()
			return
		case <-look.C:
			_ = log.trim() // finish says what is wrong with it
			if p.isGone() {
				return
			}
			if giveUp != nil { // what was forked meanwhile
				p.signal(syscall.SIGKILL)
			}
		}
		look.Stop()
		poll = min(2*poll, pollMost)
	}
}

// signal sends a signal to the group, and to those who left it.
func (p *process) signal(s syscall.Signal) {
	if !p.hasEnded() || p.hasGroup() {
		_ = syscall.Kill(-p.pid(), s) // none there is what we want
	}
	for _, stray := range p.strays() {
		stray.signal(s)
		stray.close()
	}
}

// hasGroup reports whether the group of a command that has ended has members.
func (p *process) hasGroup() bool {
	err := syscall.Kill(-p.pid(), 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

func (p *process) isGone() bool {
	return p.hasEnded() && !p.hasGroup() && !p.hasStrays()
}

// result tells how the command ended.
func (p *process) result(why reason) result {
	r := result{why: why, pid: p.pid()}
	if !p.hasEnded() {
		r.err = fmt.Errorf("process %d was killed and does not end", p.pid())
		return r
	}
	if _, ok := errors.AsType[*exec.ExitError](p.err); p.err != nil && !ok {
		r.err = p.err
		return r
	}
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok {
		r.err = fmt.Errorf("process %d ended in a way that is not known", p.pid())
		return r
	}
	r.code = status.ExitStatus()
	if status.Signaled() {
		r.signal = unix.SignalName(status.Signal())
	}
	r.left = p.hasGroup()
	return r
}
