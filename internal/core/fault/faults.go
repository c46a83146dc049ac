//go:build faults

package fault

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Enabled reports whether the program was built with failpoints.
const Enabled = true

// The actions.
const (
	actionKill  = "kill"
	actionSleep = "sleep"
)

type armed struct {
	once   sync.Once
	mu     sync.Mutex
	name   string
	left   int
	action string
}

var point armed

// Point marks a commit edge, and dies or sleeps there when it is armed.
func Point(name string) {
	point.once.Do(point.arm)
	point.mu.Lock()
	hit := point.name == name && point.left > 0
	if hit {
		point.left--
		hit = point.left == 0
	}
	action := point.action
	point.mu.Unlock()
	if !hit {
		return
	}
	switch action {
	case actionSleep:
		time.Sleep(10 * time.Minute) //nolint:forbidigo // this is what was asked for
	case actionKill:
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL) // nothing runs after it
		select {}
	}
}

// exitUsage is the exit code of a wrong command line: what was asked for cannot
// happen, and a run that did not die would prove nothing.
const exitUsage = 64

func (a *armed) arm() {
	spec := os.Getenv(Variable)
	if spec == "" {
		return
	}
	if err := a.parse(spec); err != nil {
		fmt.Fprintf(os.Stderr, "error: %s=%q: %v\n", Variable, spec, err)
		syscall.Exit(exitUsage)
	}
}

// parse reads NAME[:HIT][=ACTION]. What it does not know it refuses: it would
// never happen, and nobody would notice.
func (a *armed) parse(spec string) error {
	place, action, given := strings.Cut(spec, "=")
	name, hit, counted := strings.Cut(place, ":")
	if _, known := slices.BinarySearch(points, name); !known {
		return fmt.Errorf("there is no failpoint %q; batchctl failpoints lists them", name)
	}
	n := 1
	if counted {
		var err error
		if n, err = strconv.Atoi(hit); err != nil || n < 1 {
			return fmt.Errorf("the hit %q is not a positive number", hit)
		}
	}
	switch {
	case !given:
		action = actionKill
	case action != actionKill && action != actionSleep:
		return fmt.Errorf("the action %q is neither %s nor %s", action, actionKill, actionSleep)
	}
	a.name, a.left, a.action = name, n, action
	return nil
}
