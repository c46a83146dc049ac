package flow

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/panics"
)

// split runs the branches of n, at most n.Threads at once, and waits for all.
func (w *walker) split(ctx context.Context, n *node, p *thread) outcome {
	b := p.brake
	if b == nil { // no split is above this one
		b = &brake{}
	}
	limit := n.Threads
	if limit <= 0 || limit > len(n.branches) {
		limit = len(n.branches)
	}
	threads := make([]*thread, len(n.branches))
	outcomes := make([]outcome, len(n.branches))
	free := make(chan struct{}, limit)
	var wg sync.WaitGroup
	for i, branch := range n.branches {
		threads[i] = &thread{parent: p, last: p.last, brake: b}
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			outcomes[i] = w.branch(ctx, branch, threads[i])
			w.pull(ctx, b, branch, outcomes[i]) // before the next branch gets its turn
		})
	}
	wg.Wait()
	before := p.last
	for _, t := range threads {
		p.fail(t.failed...)
		if t.last != before {
			p.last = t.last
		}
	}
	return join(n, outcomes)
}

// branch walks one branch, and turns a panic on the way into an error.
func (w *walker) branch(ctx context.Context, n *node, p *thread) (o outcome) {
	defer func() {
		if v := recover(); v != nil {
			o = w.hard(ctx, &core.Error{Op: "branch " + n.id, Err: panics.Recovered("", v)})
		}
	}()
	return w.element(ctx, n, p)
}

// join makes one outcome of those of the branches: the worst status, by its
// name; and how the job ends, when a branch has said so and nothing was worse.
func join(n *node, outcomes []outcome) outcome {
	worst := outcome{known: true}
	curable := false // a restart helps a branch that failed
	for _, o := range outcomes {
		curable = curable || o.status == core.StatusFailed && !IsFinal(o.err)
		worst.status = max(worst.status, o.status)
		worst.final = worst.final || o.final
		worst.recording = worst.recording || o.recording
		worst.known = worst.known && (o.known || o.status == core.StatusCompleted)
	}
	worst.exit.Code = worst.status.String()
	var errs []error
	explicit := true // every branch that did not complete says itself that the job ends
	for _, o := range outcomes {
		if o.err != nil {
			errs = append(errs, below(o, worst.status, curable))
			worst.exit = worst.exit.AddMessage(message(o))
		}
		if o.status != core.StatusCompleted && len(o.endings) == 0 {
			explicit = false
		}
	}
	for _, o := range outcomes {
		if explicit && o.status == worst.status {
			worst.endings = append(worst.endings, o.endings...)
		}
	}
	if len(errs) > 0 {
		worst.err = &core.Error{Op: "split " + n.id, Err: joinErrors(errs)}
	}
	return worst
}

// message is what the exit status of a split says about a branch.
func message(o outcome) string {
	if o.exit.Message != "" {
		return o.exit.Message
	}
	return o.err.Error()
}

// below returns the error of a branch as it shows in that of a split. When
// another branch failed, that this one was stopped is no longer what the job
// ended with; and that no restart can help this one is not, when one helps
// another branch that failed. Both are said, but cannot be asked for.
func below(o outcome, worst core.BatchStatus, curable bool) error {
	stopped := worst > o.status && core.IsInterruption(o.err)
	refused := worst == core.StatusFailed && curable && IsFinal(o.err)
	if (stopped || refused) && !o.recording && !core.IsFenced(o.err) {
		return errors.New(o.err.Error())
	}
	return o.err
}

// branchErrors are the errors of several branches, in the order of these.
type branchErrors []error

func joinErrors(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	return branchErrors(errs)
}

// Error returns the texts in one line.
func (errs branchErrors) Error() string {
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns all of them.
func (errs branchErrors) Unwrap() []error { return errs }
