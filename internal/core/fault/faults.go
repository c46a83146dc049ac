//go:build faults

package fault

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Enabled reports whether the program was built with failpoints.
const Enabled = true

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
	case "sleep":
		time.Sleep(10 * time.Minute) //nolint:forbidigo // this is what was asked for
	default:
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL) // nothing runs after it
		select {}
	}
}

func (a *armed) arm() {
	spec := os.Getenv(Variable)
	if spec == "" {
		return
	}
	place, action, _ := strings.Cut(spec, "=")
	name, hit, counted := strings.Cut(place, ":")
	n := 1
	if counted {
		var err error
		if n, err = strconv.Atoi(hit); err != nil || n < 1 {
			fmt.Fprintf(os.Stderr, "%s=%q: the hit is not a positive number\n", Variable, spec)
			syscall.Exit(64)
		}
	}
	a.name, a.left, a.action = name, n, action
}
