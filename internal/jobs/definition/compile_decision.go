package definition

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/expr"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// decider makes a decision of its expression.
func (c *compiler) decider(e *Element) core.JobExecutionDecider {
	before := c.at
	defer func() { c.at = before }()
	c.at = place{}
	text := c.fixed(e.Value, "an expression")
	if p := c.expression(e.Value, nil); p != nil && p.Kind() != record.String && p.Kind() != record.Null {
		c.report(e.Value.Pos(), "write string(...) around it", "a decision is a text to match transitions with, this is a %s", p.Kind())
	}
	c.decidedLater(e)
	j, env := c.job, c.expressions(nil)
	return core.DeciderFunc(func(_ context.Context, r *core.Run, _ *core.StepExecution) (string, error) {
		b := j.inRun(r)
		p, err := expr.Compile(text, b.in(env))
		if err != nil {
			return "", j.fault(e.Value.Pos(), "%v", err)
		}
		vars, err := b.vars(env)
		if err != nil {
			return "", err
		}
		v, err := p.Eval(record.Record{}, vars)
		if err != nil {
			return "", j.fault(e.Value.Pos(), "decision %s: %v", core.Quote(e.ID.Value), err)
		}
		if v.Kind() != record.String {
			return "", j.fault(e.Value.Pos(), "decision %s is null: coalesce(..., 'NAME') says what stands for it", core.Quote(e.ID.Value))
		}
		return v.Str(), nil
	})
}

// decidedLater reports a step that a decision asks for and that cannot have run by
// then, so that all of it would be null.
func (c *compiler) decidedLater(e *Element) {
	env := c.expressions(nil)
	if !strings.Contains(e.Value.Value, ScopeSteps) {
		return
	}
	if _, err := expr.Compile(e.Value.Value, env); err != nil {
		return // reported
	}
	order := orderOf(c.tree.Steps)
	if order.lost {
		return // what is never reached is reported
	}
	env.StepIDs = append([]string{}, order.before[e.ID.Value]...)
	_, err := expr.Compile(e.Value.Value, env)
	wrong, ok := errors.AsType[*expr.CompileError](err)
	if !ok {
		return
	}
	wrong.Nearest = ""
	wrong.Msg = "this step cannot have run when the decision is made"
	c.reportExpression(e.Value, wrong)
}

// expressions is what expressions may name where something stands.
func (c *compiler) expressions(schema *record.Schema) expr.Environment {
	env := expr.Environment{Schema: schema, Maps: map[expr.Map][]string{
		expr.JobParameters: c.made.Parameters.Names(), expr.JobProperties: keys(c.tree.Properties),
		expr.JobContext: nil, expr.Env: nil,
	}}
	env.Secrets = map[expr.Map][]string{expr.JobParameters: c.tree.secrets(), expr.JobProperties: c.tree.secretProperties()}
	if c.made.Open {
		env.Maps[expr.JobParameters] = nil
	} else if env.Maps[expr.JobParameters] == nil {
		env.Maps[expr.JobParameters] = []string{}
	}
	if c.at.step == nil {
		env.Steps, env.StepIDs = true, c.steps
		return env
	}
	env.Maps[expr.StepContext] = nil
	if c.at.parts {
		env.Maps[expr.Partition] = partitionKeys(c.at.step.Partition)
	}
	return env
}

// expression compiles an expression for its problems; nil when it has one.
func (c *compiler) expression(t Text, schema *record.Schema) *expr.Program {
	p, err := expr.Compile(t.Value, c.expressions(schema))
	if err != nil {
		c.reportExpression(t, err)
		return nil
	}
	return p
}

// reportExpression reports an error of an expression at its place in the file.
func (c *compiler) reportExpression(t Text, err error) {
	wrong, ok := errors.AsType[*expr.CompileError](err)
	if !ok {
		c.reportError(t.Pos(), err)
		return
	}
	hint := ""
	if wrong.Nearest != "" {
		hint = "did you mean " + wrong.Nearest + "?"
	}
	at := t.Pos()
	if before := strings.Index(t.Value, wrong.Text); before >= 0 { // a part of it, as in sum(...)
		runes := []rune(wrong.Text)
		offset := before + len(string(runes[:min(max(wrong.Column-1, 0), utf8.RuneCountInString(wrong.Text))]))
		at = c.source.placeIn(t, offset)
	}
	c.report(at, hint, "%s", wrong.Msg)
}

// vars returns the values of what env lets expressions name.
func (b *bound) vars(env expr.Environment) (*expr.Vars, error) {
	vars := &expr.Vars{Maps: map[expr.Map]map[string]string{}}
	for _, m := range slices.Sorted(maps.Keys(env.Maps)) {
		values, err := b.mapOf(m, env.Maps[m], env.Secrets[m])
		if err != nil {
			return nil, err
		}
		vars.Maps[m] = values
	}
	if len(env.StepIDs) == 0 {
		return vars, nil
	}
	var err error
	vars.Steps, err = stepsOf(b.run)
	return vars, err
}

// mapOf returns the texts of a map, but the secrets in it.
func (b *bound) mapOf(m expr.Map, known, secrets []string) (map[string]string, error) {
	values := map[string]string{}
	switch m {
	case expr.JobParameters:
		for _, p := range b.parameters {
			if slices.Contains(secrets, p.Name) {
				continue
			}
			v, _, err := b.parameter(p.Name)
			if err != nil {
				return nil, err
			}
			values[p.Name] = b.format(v)
		}
	case expr.JobProperties:
		for _, key := range known {
			if slices.Contains(secrets, key) {
				continue
			}
			v, ok, err := b.ofJob().property(b.j.tree.Properties, key)
			if err != nil {
				return nil, err
			}
			if ok {
				values[key] = b.format(v)
			}
		}
	case expr.Env:
		return b.j.environ(), nil
	case expr.JobContext:
		state := b.run.State()
		for key := range state.Context {
			if v, ok := b.run.JobContextValue(key); ok {
				values[key] = b.format(v)
			}
		}
	case expr.StepContext, expr.Partition:
		if b.scope != nil {
			for key, v := range b.scope.Context {
				values[key] = b.format(v)
			}
		}
	}
	return values, nil
}

// environ returns the variables that expressions may read.
func (j *job) environ() map[string]string {
	values := map[string]string{}
	if j.env.Environ == nil {
		return values
	}
	for _, entry := range j.env.Environ() {
		if name, value, ok := strings.Cut(entry, "="); ok {
			values[name] = value
		}
	}
	return values
}

// in returns env for the zone of the repository, in which expressions are
// compiled again when their step starts.
func (b *bound) in(env expr.Environment) expr.Environment {
	env.Zone = b.zone
	return env
}
