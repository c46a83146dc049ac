package sqlite

import (
	"crypto/rand"
	"time"
)

// Timeouts that a zero Options stands for.
const (
	defaultBusyTimeout  = 30 * time.Second
	explorerBusyTimeout = 5 * time.Second
)

// Options are what Open, OpenExplorer and Init may be told. The zero value is
// usable for reading; to write, set the clock.
type Options struct {
	// Now is the clock. nil: the times of owners and executions are zero, which
	// only tests can want.
	Now func() time.Time
	// Token returns a new random token of letters, digits, - and _. nil: 128
	// random bits.
	Token func() string
	// Zone is stored when a repository is initialised, as the zone in which its
	// dates are local; an existing repository has its own. nil: UTC, and nobody
	// has chosen it.
	Zone *time.Location
	// BusyTimeout is how long a writer waits for another. 0: 30 s.
	BusyTimeout time.Duration

	zoneChosen bool // Zone was given
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = func() time.Time { return time.Time{} }
	}
	if o.Token == nil {
		o.Token = rand.Text
	}
	o.zoneChosen = o.zoneChosen || o.Zone != nil
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.BusyTimeout == 0 {
		o.BusyTimeout = defaultBusyTimeout
	}
	return o
}
