package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// interrupts turns signals and times into what they ask for. The first signal,
// or --timeout, stops the job at its next commit; the second, or --stop-timeout
// after the first, rolls back and ends it; the third, or exitGrace after that,
// ends the process.
type interrupts struct {
	app    *app
	stop   *core.Stop
	cancel context.CancelCauseFunc
	// timeout and stopTimeout are the times that were given, 0 for none.
	timeout, stopTimeout time.Duration
	// running is the id of the execution, 0 before there is one.
	running atomic.Int64
	// last is the number of the signal that had the job rolled back, 0 when
	// none did.
	last atomic.Int32

	signals chan os.Signal
	wg      sync.WaitGroup
}

// exitGrace is what a job has left to roll back and to write its end. One that is
// in the middle of a statement may hear nothing of it for an hour; the database
// undoes what a process has not committed.
const exitGrace = 4 * time.Second

// watch begins to listen; close ends it. The returned context is canceled with
// core.ErrAborted by the second signal, and when a stop takes too long.
func (a *app) watch(ctx context.Context, stop *core.Stop, o *launchOptions) (context.Context, *interrupts) {
	ctx, cancel := context.WithCancelCause(ctx)
	in := &interrupts{
		app: a, stop: stop, cancel: cancel, timeout: o.timeout, stopTimeout: o.stopTimeout,
		signals: make(chan os.Signal, 3),
	}
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) { // nohup has a say
			signal.Notify(in.signals, s)
		}
	}
	in.wg.Go(in.listen)
	return ctx, in
}

func (in *interrupts) close() {
	signal.Stop(in.signals)
	close(in.signals)
	in.wg.Wait()
	in.cancel(nil)
}

// listen is the one goroutine that decides, so that nothing comes in between a
// time that is over and a signal.
func (in *interrupts) listen() {
	timeout := after(in.timeout)
	var overdue, end <-chan time.Time // the stop, and the rolling back
	var first syscall.Signal          // what began the stop; 0: --timeout
	var why error                     // of the rolling back
	count := 0
	for {
		select {
		case s, open := <-in.signals:
			if !open {
				return
			}
			number, ok := s.(syscall.Signal)
			if !ok {
				continue
			}
			count++
			switch count {
			case 1:
				in.app.say("%s: stopping at the next commit%s; another signal rolls back and ends at once",
					s, in.restart())
				in.stop.Request(core.ErrStopped)
				if timeout != nil || in.timeout == 0 { // else --timeout was first
					first, timeout, overdue = number, nil, after(in.stopTimeout)
				}
			case 2:
				overdue, end = nil, time.After(exitGrace)
				first, why = number, core.ErrAborted
				in.last.Store(int32(number)) //nolint:gosec // signal numbers are small
				in.app.say("%s: rolling back; another signal ends at once and leaves the rest to the next launch", s)
				in.cancel(why)
			default:
				in.app.exit(signalCode(number))
			}
		case <-timeout:
			timeout, overdue = nil, after(in.stopTimeout)
			in.stop.Request(core.ErrTimeout)
		case <-overdue:
			overdue, end, count = nil, time.After(exitGrace), 2
			why = in.overdue(first)
			in.abort(first, why)
		case <-end:
			in.app.say("not rolled back within %s: ending at once, which leaves the rest to the next launch", exitGrace)
			in.app.exit(in.app.code(&endedError{signal: first, err: why}))
		}
	}
}

// after is a channel that something comes from after d; nothing does after 0.
func after(d time.Duration) <-chan time.Time {
	if d == 0 {
		return nil
	}
	return time.After(d)
}

// abort rolls back a job that has not stopped in time, as a second signal would.
func (in *interrupts) abort(first syscall.Signal, why error) {
	in.last.Store(int32(first)) //nolint:gosec // signal numbers are small
	in.app.say("not stopped within %s (--stop-timeout): rolling back; another signal ends at once", in.stopTimeout)
	in.cancel(why)
}

// overdue is why a job is rolled back that has not stopped in time: still a
// timeout, if that was what began the stop.
func (in *interrupts) overdue(first syscall.Signal) error {
	if first != 0 {
		return fmt.Errorf("%w: not stopped within %s of %s", core.ErrAborted, in.stopTimeout, first)
	}
	return fmt.Errorf("%w: %w, and not stopped within %s of it", core.ErrAborted, core.ErrTimeout, in.stopTimeout)
}

func (in *interrupts) restart() string {
	id := in.running.Load()
	if id == 0 {
		return ""
	}
	return ", go on later with " + in.app.command("restart", strconv.FormatInt(id, 10))
}

// number is the signal that ended the job, 0 when none did.
func (in *interrupts) number() syscall.Signal { return syscall.Signal(in.last.Load()) }
