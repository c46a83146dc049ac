package definition

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
)

// jobStep makes a step that launches another job.
func (c *compiler) jobStep(e *Element) *core.Step {
	x := e.Job
	name := c.fixed(x.Name, "the name of a job")
	c.latePairs(x.Parameters)
	child := c.child(x.Name, name)
	if child == nil {
		child = &core.Job{Name: name} // it was reported
	} else {
		c.childParameters(e, child)
	}
	j := c.job
	return launch.JobStep(e.ID.Value, child, func(_ context.Context, s *core.Scope) (core.JobParameters, error) {
		b := j.inScope(e, s)
		b.secrets = passSecrets // what is stored with the launch is the reference
		return b.childParameters(child, x.Parameters)
	})
}

// child finds the job of a name.
func (c *compiler) child(at Text, name string) *core.Job {
	if name == c.tree.Name.Value {
		c.report(at.Pos(), "", "job %s would launch itself", core.Quote(name))
		return nil
	}
	if c.env.Job == nil {
		c.report(at.Pos(), "", "no job named %s is known", core.Quote(name))
		return nil
	}
	child, err := c.env.Job(name)
	if err != nil {
		c.reportError(at.Pos(), err)
		return nil
	}
	return child
}

// childParameters checks the parameters of a job step as far as they are known.
func (c *compiler) childParameters(e *Element, child *core.Job) {
	x := e.Job
	given := map[string]bool{}
	notation := child.Notation()
	for _, p := range x.Parameters {
		given[p.Key.Value] = true
		spec, declared := notation.Declared.Lookup(p.Key.Value)
		if !declared {
			spec, declared = notation.Extra.Lookup(p.Key.Value)
		}
		if !declared && !child.Open {
			c.report(p.Key.Pos(), known(p.Key.Value, child.Parameters.Names()), "job %s declares no parameter %s", core.Quote(child.Name), core.Quote(p.Key.Value))
			continue
		}
		if secret, _ := c.tree.secretIn(p.Value.Parts, e); secret != "" && !spec.IsSecret() {
			c.report(p.Value.Pos(), "declare it in job "+child.Name+": "+p.Key.Value+": {type: secret}",
				"the secret %s cannot be given to job %s: its parameter %s is no secret", core.Quote(secret), core.Quote(child.Name), p.Key.Value)
			continue
		}
		text, typ := typed(p.Value)
		if declared && typ != "" && typ != spec.Declared() {
			c.report(p.Value.Pos(), "", "given as %s, but job %s declares %s a %s", typ, core.Quote(child.Name), p.Key.Value, spec.Declared())
			continue
		}
		if text.Parts != nil {
			c.childParameter(e, child, p)
		} else {
			if _, err := parameterOf(child, spec, p.Key.Value, typ, text.Value, time.UTC); err != nil {
				c.reportError(p.Value.Pos(), err)
			}
		}
	}
	for _, spec := range child.Parameters {
		if spec.Required && !given[spec.Name] {
			c.report(x.Pos, fmt.Sprintf(`write %s: "#{jobParameters['%s']}"`, spec.Name, spec.Name),
				"job %s requires the parameter %s", core.Quote(child.Name), spec.Name)
		}
	}
}

// childParameter checks at the launch a parameter that values are put into, as far
// as they are known then.
func (c *compiler) childParameter(e *Element, child *core.Job, p Pair) {
	j := c.job
	c.checks = append(c.checks, func(ps core.JobParameters, zone *time.Location) error {
		b := j.atLaunch(e, ps, zone)
		b.secrets = passSecrets
		_, err := b.childParameter(child, p)
		return ignoreLater(err)
	})
}

// typed takes a type off the end of a value: "2021-01-01(date)". Only what the
// definition itself says counts, not the end of a value that is put in.
func typed(t Text) (Text, core.ParameterType) {
	last := t.Value
	if n := len(t.Parts); n > 0 {
		if t.Parts[n-1].Ref != nil {
			return t, ""
		}
		last = t.Parts[n-1].Literal
	}
	for _, typ := range core.ParameterTypes() {
		rest, ok := strings.CutSuffix(last, "("+string(typ)+")")
		if !ok {
			continue
		}
		t.Value = strings.TrimSuffix(t.Value, "("+string(typ)+")")
		if n := len(t.Parts); n > 0 {
			parts := append([]Part{}, t.Parts[:n-1]...)
			if rest != "" {
				parts = append(parts, Part{Literal: rest})
			}
			t.Parts = parts
		}
		return t, typ
	}
	return t, ""
}

// parameterOf makes a parameter of a text.
func parameterOf(
	child *core.Job, spec core.ParameterSpec, name string, typ core.ParameterType, text string, zone *time.Location,
) (core.JobParameter, error) {
	notation := child.Notation()
	notation.Zone = zone
	word := name
	if typ == "" && spec.Name != "" && !spec.IsSecret() {
		typ = spec.ParameterType()
	}
	if typ == "" && !spec.IsSecret() {
		typ = core.TypeString
	}
	if typ != "" {
		word += ":" + string(typ)
	}
	ps, err := notation.Parse([]string{word + "=" + text})
	if err != nil {
		return core.JobParameter{}, err
	}
	return ps[0], nil
}

// childParameters returns the parameters that a job is launched with.
func (b *bound) childParameters(child *core.Job, pairs []Pair) (core.JobParameters, error) {
	var ps core.JobParameters
	for _, p := range pairs {
		given, err := b.childParameter(child, p)
		if err != nil {
			return nil, err
		}
		ps = ps.With(given)
	}
	return ps, nil
}

// childParameter returns one of them. A value that is one reference keeps its type
// where neither side says another.
func (b *bound) childParameter(child *core.Job, p Pair) (core.JobParameter, error) {
	notation, name := child.Notation(), p.Key.Value
	spec, declared := notation.Declared.Lookup(name)
	if !declared {
		spec, declared = notation.Extra.Lookup(name)
	}
	text, typ := typed(p.Value)
	value, err := b.value(text)
	if err != nil {
		return core.JobParameter{}, err
	}
	given := core.JobParameter{Name: name, Value: value, Identifying: !declared || spec.Identifying()}
	if is := given.Type(); is == "" || typ != "" && typ != is || declared && spec.ParameterType() != is || spec.IsSecret() {
		if given, err = parameterOf(child, spec, name, typ, b.format(value), b.zone); err != nil {
			return core.JobParameter{}, b.j.fault(p.Value.Pos(), "%v", err)
		}
	}
	return given, nil
}
