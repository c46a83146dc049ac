package cli

import (
	"context"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/batchctl/batchctl/internal/core"
)

// interrupts turns signals into what they ask for: the first one stops the job
// at its next commit, the second rolls back and ends it, the third ends the
// process.
type interrupts struct {
	app    *app
	stop   *core.Stop
	cancel context.CancelCauseFunc
	// running is the id of the execution, 0 before there is one.
	running atomic.Int64
	// last is the number of the signal that came second, or later.
	last atomic.Int32

	signals chan os.Signal
	wg      sync.WaitGroup
}

// watch begins to listen; close ends it. The returned context is canceled with
// core.ErrAborted by the second signal.
func (a *app) watch(ctx context.Context, stop *core.Stop) (context.Context, *interrupts) {
	ctx, cancel := context.WithCancelCause(ctx)
	in := &interrupts{app: a, stop: stop, cancel: cancel, signals: make(chan os.Signal, 3)}
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

func (in *interrupts) listen() {
	count := 0
	for s := range in.signals {
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
		case 2:
			in.last.Store(int32(number)) //nolint:gosec // signal numbers are small
			in.app.say("%s: rolling back; another signal ends at once and leaves the rest to the next launch", s)
			in.cancel(core.ErrAborted)
		default:
			in.app.exit(signalCode(number))
		}
	}
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
