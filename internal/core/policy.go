package core

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// Phases of a chunk, and the classes of errors that say nothing better.
const (
	PhaseRead    = "read"
	PhaseProcess = "process"
	PhaseWrite   = "write"
)

// Classes of errors. A class is dotted, and its prefixes are its parents at any
// depth. The list is open: an error says its class itself.
const (
	ClassReadParse         = "read.parse"
	ClassReadIO            = "read.io"
	ClassProcessValidation = "process.validation"
	ClassProcessExpression = "process.expression"
	ClassWriteConstraint   = "write.constraint"
	ClassWriteData         = "write.data"
	ClassWriteIO           = "write.io"
	ClassWriteBusy         = "write.busy"
	ClassTimeout           = "timeout"
)

// ClassOf returns the class of an error that came up in a phase: that of the
// outermost error in err's tree that has a method ErrorClass, with a non-empty
// result; else the phase.
func ClassOf(err error, phase string) string {
	if c, ok := errors.AsType[interface {
		error
		ErrorClass() string
	}](err); ok {
		if class := c.ErrorClass(); class != "" {
			return class
		}
	}
	return phase
}

// Classified returns err with a class; nil stays nil.
func Classified(class string, err error) error {
	if err == nil {
		return nil
	}
	return &classified{class: class, err: err}
}

type classified struct {
	class string
	err   error
}

func (c *classified) Error() string      { return c.err.Error() }
func (c *classified) Unwrap() error      { return c.err }
func (c *classified) ErrorClass() string { return c.class }

// ErrorClasses selects classes of errors by prefix. The zero value selects none.
type ErrorClasses struct {
	Include []string
	// Exclude takes away again. The longest prefix that fits decides, and of
	// two equal ones Exclude.
	Exclude []string
}

// Match reports whether class is selected (CHUNK-31).
func (c ErrorClasses) Match(class string) bool {
	return longestPrefix(c.Include, class) > longestPrefix(c.Exclude, class)
}

// longestPrefix returns the length of the longest of classes that is class or a
// parent of it, and -1 when there is none.
func longestPrefix(classes []string, class string) int {
	longest := -1
	for _, c := range classes {
		if class == c || strings.HasPrefix(class, c) && class[len(c)] == '.' {
			longest = max(longest, len(c))
		}
	}
	return longest
}

// Fatal returns err as one that is Undeniable: what it says is wrong concerns
// all items that would follow, so that none may be skipped or tried again for it.
func Fatal(err error) error { return &fatalError{err} }

type fatalError struct{ error }

func (e *fatalError) Unwrap() error { return e.error }

// Undeniable reports whether err is one that no policy may pass over: the run
// was told to end, lost its execution or its repository, found its checkpoint
// broken, or has spent its limit of skips, or Fatal made it so. A deadline that
// has passed is deniable, because a call may have one of its own; whoever asks
// looks at the run's context as well.
func Undeniable(err error) bool {
	if _, fatal := errors.AsType[*fatalError](err); fatal {
		return true
	}
	for _, kind := range []error{
		context.Canceled, ErrStopped, ErrTimeout, ErrAborted, ErrLeaseLost,
		ErrOptimisticLock, ErrRepository, ErrCheckpointMismatch, ErrJobDefinition, ErrSkipLimitExceeded,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// DefaultSkipLimit is how many items a step may skip where nobody says.
const DefaultSkipLimit = 10

// NoSkipLimit is the limit of a policy that skips without end.
const NoSkipLimit = -1

// SkipPolicy decides whether a bad item may be passed over. It is asked from
// one goroutine, in the order of the items, and never about an Undeniable error.
type SkipPolicy interface {
	// Skips reports whether an error of this class may be skipped at all.
	Skips(class string) bool
	// Limit returns how many items one execution of the step may skip in read,
	// process and write together, or NoSkipLimit.
	Limit() int64
	// Percent returns how many of a hundred records a step may skip, judged at
	// the end of each chunk over all that the execution has read so far, skipped
	// ones included; 0 means no such bound.
	Percent() float64
}

// LimitSkipPolicy skips errors of the given classes up to a limit. The zero
// value skips nothing.
type LimitSkipPolicy struct {
	ErrorClasses
	Max        int64   // NoSkipLimit, or how many
	MaxPercent float64 // 0: no bound
	// Earlier is how many items earlier executions have skipped, for a Max that is
	// meant for all of them together.
	Earlier int64
}

var _ SkipPolicy = LimitSkipPolicy{}

// Skips implements SkipPolicy.
func (p LimitSkipPolicy) Skips(class string) bool { return p.Match(class) }

// Limit implements SkipPolicy.
func (p LimitSkipPolicy) Limit() int64 {
	if p.Max < 0 {
		return p.Max
	}
	return max(p.Max-p.Earlier, 0)
}

// Percent implements SkipPolicy.
func (p LimitSkipPolicy) Percent() float64 { return p.MaxPercent }

// RetryPolicy decides whether a failed call is worth another. It is safe for
// concurrent use.
type RetryPolicy interface {
	// Retry reports whether to try again after the given number of retries
	// already made (0 after the first attempt), and how long to wait before.
	Retry(class string, retries int) (wait time.Duration, again bool)
}

// BackoffRetryPolicy retries errors of the given classes, waiting longer each
// time. The zero value retries nothing.
type BackoffRetryPolicy struct {
	ErrorClasses
	// Max is the number of retries after the first attempt.
	Max int
	// Backoff is the wait before the first retry; each later one is Multiplier
	// times as long (0 means 2), but not longer than MaxBackoff (0: 10 s).
	Backoff    time.Duration
	Multiplier float64
	MaxBackoff time.Duration
	// Jitter takes up to this share of a wait away, at random: 0 none, 1 all of
	// it. Random returns a number in [0,1); nil means math/rand's.
	Jitter float64
	Random func() float64
}

var _ RetryPolicy = BackoffRetryPolicy{}

const (
	defaultMultiplier = 2
	defaultMaxBackoff = 10 * time.Second
)

// Retry implements RetryPolicy.
func (p BackoffRetryPolicy) Retry(class string, retries int) (wait time.Duration, again bool) {
	if retries >= p.Max || !p.Match(class) {
		return 0, false
	}
	multiplier, longest := p.Multiplier, p.MaxBackoff
	if multiplier == 0 {
		multiplier = defaultMultiplier
	}
	if longest == 0 {
		longest = defaultMaxBackoff
	}
	if p.Backoff > 0 { // nothing times infinity is no number
		wait = time.Duration(min(float64(p.Backoff)*math.Pow(multiplier, float64(retries)), float64(longest)))
	}
	if p.Jitter > 0 {
		random := p.Random
		if random == nil {
			random = rand.Float64
		}
		wait -= time.Duration(float64(wait) * min(p.Jitter, 1) * random())
	}
	return wait, true
}

// Reject is an item that a step has skipped.
type Reject struct {
	Step    string
	Phase   string // PhaseRead, PhaseProcess or PhaseWrite
	Class   string
	Message string
	Origin  Origin
	// Raw are the bytes of the item as they were read, where they are known.
	Raw []byte
}

// RejectWriter keeps skipped items. It is usually an ItemStream, a Reverter and
// a Finisher too: what it was given becomes durable with the chunk.
type RejectWriter interface {
	// Reject takes one item. It is called in the order of the items, after the
	// chunk was written and before its Checkpoint; an error fails the chunk.
	Reject(ctx context.Context, r Reject) error
}
