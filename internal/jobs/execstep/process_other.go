//go:build !linux

package execstep

import (
	"context"
	"errors"
	"os"
	"time"
)

// process is not there: only Linux tells a command from what it left behind.
type process struct{}

func (*process) pid() int { return 0 }

func start(call) (*process, error) {
	return nil, errors.New("commands are run on Linux only")
}

func (*process) supervise(context.Context, call, <-chan struct{}) result {
	return result{err: errors.ErrUnsupported}
}

func (*process) hasStrays() bool { return false }

func (*process) ended() <-chan struct{} { return nil }

func (*process) result(reason) result { return result{err: errors.ErrUnsupported} }

func (*process) terminate(context.Context, time.Duration, *logFile) {}

func punch(*os.File, int64, int64) error { return errors.ErrUnsupported }
