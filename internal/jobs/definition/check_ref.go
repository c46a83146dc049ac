package definition

import (
	"maps"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// around is what lies around a text with substitutions.
type around struct {
	step  *Element // nil outside of steps
	early bool     // before anything runs: of a resource or a property
	total bool     // in the template of a header or footer
	// secret is where the value of a secret may go, or is looked at elsewhere.
	secret bool
	// ended is where the step itself has run, and whenever where any step may have.
	ended, whenever bool
}

// references checks what substitutions name.
func (c *checker) references() {
	c.refPairs(c.job.Properties, around{early: true, secret: true}) // where they are used it counts
	for _, r := range c.job.Resources {
		c.ref(r.DSN, around{early: true})
	}
	c.refHooks(c.job.Listeners, around{})
	c.refElements(c.job.Steps)
}

func (c *checker) refElements(elements []Element) {
	for i := range elements {
		e := &elements[i]
		a := around{step: e}
		c.refPairs(e.Properties, around{step: e, early: true, secret: true})
		c.ref(e.Timeout, a)
		c.refHooks(e.Listeners, a)
		c.refBody(&Body{Exec: e.Exec, SQL: e.SQL}, a)
		if e.Job != nil {
			given := a
			given.secret = true // if the other job declares it so
			c.refPairs(e.Job.Parameters, given)
		}
		if e.Chunk != nil {
			c.refChunk(e.Chunk, a)
		}
		if e.Partition != nil {
			c.refPartition(e, a)
		}
		c.refElements(e.Steps)
		c.refElements(e.Flows)
	}
}

// refPartition checks the plan, which is made before there are parts.
func (c *checker) refPartition(e *Element, a around) {
	p := e.Partition
	planned := *e
	planned.Partition = nil
	a.step = &planned
	c.ref(p.Files, a)
	c.refAll(p.Values, a)
	if p.Range != nil {
		c.ref(p.Range.Min, a)
		c.ref(p.Range.Max, a)
	}
	if p.SQL != nil {
		c.refPairs(p.SQL.Params, a)
	}
	a.ended = true
	c.refBody(p.Reduce, a)
}

func (c *checker) refBody(b *Body, a around) {
	if b == nil {
		return
	}
	c.refExec(b.Exec, a)
	if b.SQL != nil {
		c.ref(b.SQL.File, a)
		c.refPairs(b.SQL.Params, a)
	}
}

func (c *checker) refExec(x *Exec, a around) {
	if x == nil {
		return
	}
	c.refAll(x.Command, a)
	c.refAll(x.Check, a)
	env := a
	env.secret = true
	c.refPairs(x.Env, env)
	for _, t := range []Text{x.Dir, x.Stdin, x.Timeout, x.KillAfter} {
		c.ref(t, a)
	}
}

func (c *checker) refHooks(h Hooks, a around) {
	c.refExec(h.BeforeJob, a)
	after := a
	after.whenever = true
	c.refExec(h.AfterJob, after)
	if a.step == nil { // the hooks of a job run for every step
		a.step, a.whenever = &Element{}, true
	}
	c.refExec(h.BeforeStep, a)
	a.ended = true
	for _, x := range []*Exec{h.AfterStep, h.OnSkip, h.OnRetry} {
		c.refExec(x, a)
	}
}

func (c *checker) refChunk(k *Chunk, a around) {
	c.refAll([]Text{k.Size, k.Threads, k.TimeLimit, k.Timeout}, a)
	c.refComponent(k.Reader, a)
	outputs := slices.Concat(k.Writers, k.Route)
	if k.Writer != nil {
		outputs = append(outputs, *k.Writer)
	}
	for _, o := range outputs {
		c.refComponent(o.Component, a)
		line := a
		line.total = true
		c.ref(o.Header, a)
		c.ref(o.Footer, line)
	}
	for _, op := range k.Processor {
		if op.Lookup != nil {
			c.refComponent(op.Lookup.Table, a)
		}
		if x := op.Exec; x != nil {
			c.refExec(&Exec{Command: x.Command, Dir: x.Dir, Env: x.Env, Timeout: x.Timeout, KillAfter: x.KillAfter}, a)
		}
	}
	for _, e := range k.Expect {
		c.ref(e.Equals, a)
		c.ref(e.WhenSkipped, a)
		if e.Control != nil {
			c.refAll([]Text{e.Control.File, e.Control.Key, e.Control.Default}, a)
		}
	}
	if s := k.Skip; s != nil {
		c.refAll([]Text{s.To, s.Limit, s.Percent}, a)
	}
	if r := k.Retry; r != nil {
		c.refAll([]Text{r.Limit, r.Backoff, r.Multiplier, r.Max, r.Jitter}, a)
	}
}

func (c *checker) refComponent(k Component, a around) {
	for _, o := range k.Options {
		c.ref(o.Value, a)
		c.refAll(o.List, a)
		c.refPairs(o.Pairs, a)
	}
}

func (c *checker) refAll(ts []Text, a around) {
	for _, t := range ts {
		c.ref(t, a)
	}
}

func (c *checker) refPairs(pairs []Pair, a around) {
	for _, p := range pairs {
		c.ref(p.Value, a)
	}
}

// ref checks the substitutions of a text.
func (c *checker) ref(t Text, a around) {
	walkRefs(t.Parts, func(r *Reference) { c.reference(r, a) })
	if !a.secret {
		c.secret(t, a.step)
	}
}

func (c *checker) reference(r *Reference, a around) {
	later := func() bool {
		if a.early {
			c.add(r.Pos, "use jobParameters, jobProperties, properties or env", "%s is not known before the step starts", r.Scope)
		}
		return a.early
	}
	switch r.Scope {
	case ScopeJobParameters:
		if names := c.parameterNames(); !c.job.Open && !slices.Contains(names, r.Key) {
			c.add(r.Pos, or(didYouMean(r.Key, names), "declare it below parameters"), "the job declares no parameter %s", core.Quote(r.Key))
		}
	case ScopeJobProperties:
		c.property(r, c.job.Properties, "the job")
	case ScopeProperties:
		if a.step == nil {
			c.property(r, c.job.Properties, "the job")
		} else {
			c.property(r, slices.Concat(a.step.Properties, c.job.Properties), "neither the step nor the job")
		}
	case ScopePartition:
		if !later() {
			c.part(r, a)
		}
	case ScopeStepContext:
		if !later() && a.step == nil {
			c.add(r.Pos, "", "there is no step here, so it has no context")
		}
	case ScopeJobContext:
		later()
	case ScopeSteps:
		if !later() {
			c.stepOf(r, a)
		}
	case ScopeTotal:
		if !a.total {
			c.add(r.Pos, "", "totals are known in a footer-template only")
		} else if r.Key != "count" && (!strings.HasPrefix(r.Key, "sum(") || !strings.HasSuffix(r.Key, ")") || len(r.Key) < len("sum(x)")) {
			c.add(r.Pos, "", "there is no total %s: there is count, and sum(COLUMN)", core.Quote(r.Key))
		}
	}
}

func (c *checker) property(r *Reference, pairs []Pair, who string) {
	names := make([]string, len(pairs))
	for i, p := range pairs {
		names[i] = p.Key.Value
	}
	if slices.Contains(names, r.Key) {
		return
	}
	verb := " has a property "
	if who == "the job" {
		verb = " has no property "
	}
	c.add(r.Pos, or(didYouMean(r.Key, names), "set it below properties"), "%s%s%s", who, verb, core.Quote(r.Key))
}

// stepOf checks the step that steps['id'].field names: that there is one, and that
// it may have run, unless something stands for it.
func (c *checker) stepOf(r *Reference, a around) {
	id := r.Key[:max(0, strings.LastIndexByte(r.Key, '.'))]
	if e := c.ids[id]; e == nil || e.Kind != KindStep {
		var names []string
		for _, name := range slices.Sorted(maps.Keys(c.ids)) {
			if c.ids[name].Kind == KindStep {
				names = append(names, name)
			}
		}
		c.add(r.Pos, didYouMean(id, names), "there is no step %s", core.Quote(id))
		return
	}
	if why, hint := c.notYet(r, a); why != "" && !r.HasDefault {
		c.add(r.Pos, hint, "%s", why)
	}
}

// part checks a value of a part.
func (c *checker) part(r *Reference, a around) {
	if a.step == nil || a.step.Partition == nil {
		c.add(r.Pos, "", "partition means something in the parts of a step with partition only")
		return
	}
	names := partitionKeys(a.step.Partition)
	if names == nil { // the columns of a query, or nothing that could be read
		return
	}
	if !slices.Contains(names, r.Key) {
		c.add(r.Pos, didYouMean(r.Key, names), "a part has no %s, it has %s", core.Quote(r.Key), listed(names, "and"))
	}
}
