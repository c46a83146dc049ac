package definition

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/jobs/record"
	"github.com/batchctl/batchctl/internal/jobs/rejects"
)

// These shorten what every chunk of a definition is made of.
type (
	reader    = core.ItemReader[record.Record]
	processor = core.ItemProcessor[record.Record, record.Record]
	writer    = core.ItemWriter[record.Record]
)

// chunkPlan is a compiled chunk.
type chunkPlan struct {
	j        *job
	e        *Element
	size     late[int64]
	threads  late[int64]
	limit    late[time.Duration] // of the time that reading a chunk may take; 0: none
	timeout  late[time.Duration] // of one attempt to write a chunk; 0: none
	reader   late[reader]
	process  late[processor] // nil: nothing is done
	single   bool            // the processor is for one thread
	write    func(b *bound) (writer, error)
	expect   func(b *bound) (*auditor, error) // nil: nothing is expected
	skip     late[core.SkipPolicy]
	retry    late[core.RetryPolicy]
	rejects  Text
	raise    string      // the parameter that raises the limit of skips; "": there is none
	most     late[int64] // nil: nothing is skipped
	classes  core.ErrorClasses
	listener func(s *core.Scope) chunk.Listener[record.Record, record.Record]
}

// oneThread is said of threads beside a command that answers one record after the
// other.
const oneThread = "%d threads cannot ask the command of the processor: it answers one record after the other"

// chunk makes a step that moves records.
func (c *compiler) chunk(e *Element) *core.Step {
	x := e.Chunk
	p := &chunkPlan{
		j: c.job, e: e, size: lateValue(c, x.Size, chunk.DefaultSize, within(1, chunk.MaxSize)),
		threads: lateValue(c, x.Threads, 1, within(1, chunk.MaxThreads)),
		limit:   lateValue(c, x.TimeLimit, 0, parseDuration),
		timeout: lateValue(c, x.Timeout, 0, parseDuration),
		skip:    c.skip(x.Skip), retry: c.retry(x.Retry),
	}
	if x.Skip != nil {
		p.rejects = c.late(x.Skip.To)
	}
	if x.Skip != nil && !x.Skip.Never {
		p.raise = c.raisable(x.Skip)
		p.most, p.classes = c.skipLimit(x.Skip), c.classes(x.Skip.Include, x.Skip.Exclude)
	}
	c.separateFiles(x)
	var in *record.Schema
	in, p.reader = c.reads(x.Reader)
	out := c.ops(x, in, p)
	p.write = c.outputs(x, out)
	if !c.wrongIn(x.Spans, "expect") {
		c.expectations(x.Expect, in, out, p)
	}
	if n, err := strconv.Atoi(x.Threads.Value); p.single && x.Threads.Parts == nil && err == nil && n > 1 {
		c.report(x.Threads.Pos(), "take threads away, or split the step into parts: each has a command of its own", oneThread, n)
	}
	p.listener = c.itemListener(e)
	return chunk.Step(e.ID.Value, p.bind)
}

// bind makes the body for one execution of the step.
func (p *chunkPlan) bind(s *core.Scope) (core.StepBody, error) {
	b := p.j.inScope(p.e, s)
	if err := b.separate(p.e.Chunk); err != nil {
		return nil, err
	}
	made := compositionOf(p.e.Chunk)
	if err := made.check(s); err != nil {
		return nil, err
	}
	size, err := p.size(b)
	if err != nil {
		return nil, err
	}
	threads, err := p.threads(b)
	if err != nil {
		return nil, err
	}
	if p.single && threads > 1 {
		return nil, p.j.fault(p.e.Chunk.Threads.Pos(), oneThread, threads)
	}
	limit, err := p.limit(b)
	if err != nil {
		return nil, err
	}
	o := chunk.Options{Size: int(size), Threads: int(threads), TimeLimit: limit, Streams: []core.ItemStream{made}}
	if o.Timeout, err = p.timeout(b); err != nil {
		return nil, err
	}
	if o.Skip, err = p.skip(b); err != nil {
		return nil, err
	}
	if o.Retry, err = p.retry(b); err != nil {
		return nil, err
	}
	path, err := b.path(p.rejects)
	if err != nil {
		return nil, err
	}
	if path != "" {
		o.Rejects = rejects.New(rejects.Config{Path: path, Scope: s})
	}
	body, err := p.body(b, s, o)
	if err != nil || p.most == nil {
		return body, err
	}
	most, err := p.most(b)
	return raisedBody{StepBody: body, name: p.raise, limit: most, classes: p.classes}, err
}

func (p *chunkPlan) body(b *bound, s *core.Scope, o chunk.Options) (core.StepBody, error) {
	r, err := p.reader(b)
	if err != nil {
		return nil, err
	}
	work := chunk.PassThrough[record.Record]()
	if p.process != nil {
		if work, err = p.process(b); err != nil {
			return nil, err
		}
	}
	w, err := p.write(b)
	if err != nil {
		return nil, err
	}
	var listener chunk.Listener[record.Record, record.Record]
	var a *auditor
	if p.expect != nil {
		if a, err = p.expect(b); err != nil {
			return nil, err
		}
		if w, err = chunk.Tee[record.Record](a, w); err != nil {
			return nil, err
		}
		listener = a.listener()
	}
	body := chunk.New(r, work, w, o)
	if p.listener != nil {
		listener = chunk.Join(listener, p.listener(s))
	}
	if a != nil {
		return auditedBody{body.Listen(listener), a}, nil
	}
	return body.Listen(listener), nil
}

// skip makes the policy of bad records; never is a policy that passes over none.
// With rejects the limit is that of all attempts, to which those count that
// earlier ones have rejected: the context of the step has their number.
func (c *compiler) skip(x *Skip) late[core.SkipPolicy] {
	if x == nil || x.Never {
		return func(*bound) (core.SkipPolicy, error) { return nil, nil }
	}
	limit := c.skipLimit(x)
	percent := lateValue(c, x.Percent, 0, numberWithin(0, 100))
	classes := c.classes(x.Include, x.Exclude)
	return func(b *bound) (core.SkipPolicy, error) {
		most, err := limit(b)
		if err != nil {
			return nil, err
		}
		share, err := percent(b)
		if err != nil || most == 0 { // nothing may pass: then there is nothing to say of limits
			return nil, err
		}
		p := core.LimitSkipPolicy{ErrorClasses: classes, Max: most, MaxPercent: share}
		if x.To.Given() { // without rejects nothing is kept of what was skipped
			p.Earlier, _, err = b.scope.Context.Int64(rejects.KeyCount)
		}
		return p, err
	}
}

func (c *compiler) skipLimit(x *Skip) late[int64] {
	return lateValue(c, x.Limit, core.DefaultSkipLimit, func(text string) (int64, error) {
		if text == "none" {
			return core.NoSkipLimit, nil
		}
		return within(0, math.MaxInt64)(text)
	})
}

// retry makes the policy of errors that may pass.
func (c *compiler) retry(x *Retry) late[core.RetryPolicy] {
	if x == nil || x.Never {
		return func(*bound) (core.RetryPolicy, error) { return nil, nil }
	}
	const defaultLimit, defaultMultiplier = 3, 2
	limit := lateValue(c, x.Limit, defaultLimit, within(0, 1000))
	backoff := lateValue(c, x.Backoff, 100*time.Millisecond, parseDuration)
	multiplier := lateValue(c, x.Multiplier, defaultMultiplier, numberWithin(1, 1000))
	longest := lateValue(c, x.Max, 10*time.Second, parseDuration)
	jitter := lateValue(c, x.Jitter, 0, numberWithin(0, 1))
	classes := c.classes(x.Include, x.Exclude)
	return func(b *bound) (core.RetryPolicy, error) {
		p := core.BackoffRetryPolicy{ErrorClasses: classes}
		most, err := limit(b)
		if err != nil {
			return nil, err
		}
		p.Max = int(most)
		if p.Backoff, err = backoff(b); err != nil {
			return nil, err
		}
		if p.Multiplier, err = multiplier(b); err != nil {
			return nil, err
		}
		if p.MaxBackoff, err = longest(b); err != nil {
			return nil, err
		}
		p.Jitter, err = jitter(b)
		return p, err
	}
}

func (c *compiler) classes(include, exclude []Text) core.ErrorClasses {
	for _, t := range slices.Concat(include, exclude) {
		c.fixed(t, "a class of errors")
	}
	return core.ErrorClasses{Include: plainTexts(include), Exclude: plainTexts(exclude)}
}

// itemHooks are the hooks about items, of the job or of a step.
type itemHooks struct {
	e                *Element // nil for those of the job
	skipped, retried *hook    // nil: none
}

func (c *compiler) itemHooks(e *Element, h Hooks) itemHooks {
	return itemHooks{e, c.hook("on-skip", h.OnSkip, true), c.hook("on-retry", h.OnRetry, true)}
}

// itemListener makes the hooks about the items of a step, with those of the job; nil
// when there are none.
func (c *compiler) itemListener(e *Element) func(s *core.Scope) chunk.Listener[record.Record, record.Record] {
	ofJob, own := c.items, c.itemHooks(e, e.Listeners)
	if ofJob.none() && own.none() {
		return nil
	}
	return func(s *core.Scope) chunk.Listener[record.Record, record.Record] {
		return chunk.Join(ofJob.listener(s), own.listener(s))
	}
}

func (h itemHooks) none() bool { return h.skipped == nil && h.retried == nil }

func (h itemHooks) listener(s *core.Scope) (l chunk.Listener[record.Record, record.Record]) {
	if h.skipped != nil {
		tell := func(ctx context.Context, phase string, err error) {
			h.skipped.heard(ctx, h.e, s, map[string]string{varPhase: phase, varError: clean(err)})
		}
		l.OnSkipInRead = func(ctx context.Context, err error) error { tell(ctx, core.PhaseRead, err); return nil }
		l.OnSkipInProcess = func(ctx context.Context, _ *record.Record, err error) error {
			tell(ctx, core.PhaseProcess, err)
			return nil
		}
		l.OnSkipInWrite = func(ctx context.Context, _ *record.Record, err error) error {
			tell(ctx, core.PhaseWrite, err)
			return nil
		}
	}
	if h.retried != nil {
		l.OnRetry = func(ctx context.Context, phase string, retries int, err error) error {
			h.retried.heard(ctx, h.e, s, map[string]string{varPhase: phase, varError: clean(err), varRetries: fmt.Sprint(retries)})
			return nil
		}
	}
	return l
}

// clean is the text of an error as a variable can hold it.
func clean(err error) string { return strings.ReplaceAll(core.EscapeControl(err.Error()), "\x00", "") }
