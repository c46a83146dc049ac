package definition

import (
	"errors"
	"slices"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// valuesOf checks the options of a component. now are the values as far as they
// are known before the step starts, then those of one execution.
func (c *compiler) valuesOf(k Component, spec component.Spec) (now component.Values, then late[component.Values]) {
	j := c.job
	for _, entry := range k.Options {
		c.late(entry.Value)
		c.lates(entry.List)
		if entry.Key.Value == optionParams {
			c.params(entry.Pairs)
		} else {
			c.latePairs(entry.Pairs)
		}
	}
	now, err := j.options(&bound{j: j, guess: true}, k, spec, true)
	if err != nil {
		c.reportOption(k, err)
	}
	return now, func(b *bound) (component.Values, error) { return j.options(b, k, spec, false) }
}

// options reads the options of a component. With raw a text that holds
// substitutions is left as it is written, and any other late option at its
// default.
func (j *job) options(b *bound, k Component, spec component.Spec, raw bool) (component.Values, error) {
	given := make(map[string]any, len(k.Options))
	for _, entry := range k.Options {
		o, known := spec.Option(entry.Key.Value)
		if !known {
			continue // reported by the loader
		}
		value, ok, err := b.option(o, entry, raw)
		if err != nil {
			return component.Values{}, err
		}
		if ok {
			given[o.Name] = value
		}
	}
	return component.NewValues(spec, given)
}

func (b *bound) option(o component.Option, entry Entry, raw bool) (value any, ok bool, err error) {
	switch o.Type {
	case component.Names, component.Texts:
		if raw {
			return plainTexts(entry.List), true, nil
		}
		list, err := b.texts(entry.List)
		return list, err == nil, err
	case component.TextMap, component.Columns:
		if o.Name == optionParams && !raw {
			pairs, err := b.bindings(entry.Pairs)
			return pairs, err == nil, err
		}
		pairs := make([]component.Pair, len(entry.Pairs))
		for i, p := range entry.Pairs {
			text := p.Value.Value
			if !raw {
				if text, err = b.text(p.Value); err != nil {
					return nil, false, err
				}
			}
			pairs[i] = component.Pair{Name: p.Key.Value, Value: text}
		}
		return pairs, true, nil
	case component.Text, component.Path, component.Bool, component.Int, component.Duration, component.Char, component.Enum:
	}
	return b.scalarOption(o, entry.Value, raw)
}

func (b *bound) scalarOption(o component.Option, t Text, raw bool) (value any, ok bool, err error) {
	if o.Name == component.OptionResource && !raw {
		path, err := b.databasePath(b.j.resource(t.Value))
		return or(path, component.ResourceRepository), err == nil, err
	}
	if raw && t.Parts != nil {
		return t.Value, o.Type == component.Text || o.Type == component.Path, nil
	}
	if o.Type == component.Path {
		path, err := b.path(t)
		return path, err == nil, err
	}
	text, err := b.text(t)
	if err == nil {
		value, err = o.Parse(text)
	}
	if err != nil {
		return nil, false, b.j.fault(t.Pos(), "%s: %v", o.Name, err)
	}
	return value, true, nil
}

// optionParams is the option that binds values to a query.
const optionParams = "params"

// reportOption reports an error of a component where the option stands, each of
// those that it joins. What may only follow from an option that could not be read
// is left out.
func (c *compiler) reportOption(k Component, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			c.reportOption(k, err)
		}
		return
	}
	if c.spoiled(k) && !c.stands(k, err) {
		return
	}
	at, msg, hint := k.Name.Pos(), err.Error(), core.Hint(err)
	if wrong, ok := errors.AsType[*component.OptionError](err); ok {
		msg = wrong.Msg
		if wrong.Hint != "" {
			hint = wrong.Hint
		}
		for _, entry := range k.Options {
			if entry.Key.Value == wrong.Option {
				at = entry.place(wrong.Entry)
			}
		}
		msg = wrong.Option + ": " + msg
	}
	c.report(at, hint, "%s", msg)
}

// place is where one of the names of a list or map stands, else the option.
func (e Entry) place(name string) Pos {
	for _, t := range e.List {
		if name != "" && t.Value == name {
			return t.Pos()
		}
	}
	for _, p := range e.Pairs {
		if name != "" && p.Key.Value == name {
			return p.Key.Pos()
		}
	}
	return e.Key.Pos()
}

// stands reports whether an error is about an option that is given and could be
// read, in a component without keys that nobody knows.
func (c *compiler) stands(k Component, err error) bool {
	wrong, ok := errors.AsType[*component.OptionError](err)
	given := func(key string) bool {
		return slices.ContainsFunc(k.Options, func(e Entry) bool { return e.Key.Value == key })
	}
	return ok && given(wrong.Option) && !slices.ContainsFunc(k.Spans, func(s Span) bool { return !given(s.Key.Value) })
}

// source compiles a reader and returns its columns; nil when they are not known.
func (c *compiler) reads(k Component) (*record.Schema, late[reader]) {
	i := slices.IndexFunc(c.env.Catalog.Sources, func(s component.Source) bool { return s.Spec.Name == k.Name.Value })
	if i < 0 {
		return nil, nil // the loader has reported it
	}
	source := c.env.Catalog.Sources[i]
	now, then := c.valuesOf(k, source.Spec)
	if len(c.problemsAt(k)) > 0 {
		return nil, nil
	}
	schema, err := source.Schema(now)
	if err != nil {
		c.reportOption(k, err)
	}
	if err != nil || c.columnsUnknown(k, source.Spec) {
		return nil, nil
	}
	return schema, func(b *bound) (reader, error) {
		v, err := then(b)
		if err != nil {
			return nil, err
		}
		r, err := source.New(b.scope, v, schema)
		return r, b.j.atComponent(k, err)
	}
}

// writes compiles a writer of records of that schema.
func (c *compiler) writes(k Component, schema *record.Schema) late[writer] {
	i := slices.IndexFunc(c.env.Catalog.Targets, func(t component.Target) bool { return t.Spec.Name == k.Name.Value })
	if i < 0 {
		return nil
	}
	target := c.env.Catalog.Targets[i]
	now, then := c.valuesOf(k, target.Spec)
	if schema != nil && target.Check != nil && len(c.problemsAt(k)) == 0 && !c.spoiled(k) {
		if err := target.Check(now, schema); err != nil {
			c.reportOption(k, err)
		}
	}
	return func(b *bound) (writer, error) {
		v, err := then(b)
		if err != nil {
			return nil, err
		}
		w, err := target.New(b.scope, v, schema)
		return w, b.j.atComponent(k, err)
	}
}

// problemsAt returns the problems that were found with the options of k.
func (c *compiler) problemsAt(k Component) (found []Problem) {
	for _, p := range c.problems {
		for _, entry := range k.Options {
			if p.Line == entry.Key.Line {
				found = append(found, p)
			}
		}
	}
	return found
}

// atComponent says in which definition a component is that cannot be made.
func (j *job) atComponent(k Component, err error) error {
	if err == nil {
		return nil
	}
	return &core.Error{Op: j.place(k.Name.Pos()) + ": " + k.Name.Value, Hint: core.Hint(err), Err: err}
}
